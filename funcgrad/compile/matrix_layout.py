"""Arrays as batches of matrices: how BLAS may read one where it lies.

    x: float64[8, 128, 4, 64], batch axes (0, 2), rows (1,), columns (3,)
      -->  32 matrices of 128 x 64 whose rows are 256 elements apart, the first at 0, 64, 128, ...

A matrix in memory is rows or columns that are contiguous, at equal distances. Axes that follow each other count as one;
batch axes may be anywhere. So the heads of an attention layer need no copy to come first.
"""

from __future__ import annotations

import math

from ..records import record

Axes = tuple[int, ...]


@record(frozen=True)
class MatrixLayout:
    """One operand of a product.

    axes: batch, row and column axes of the array, in order. steps: elements from one matrix to the next along each
    batch axis. distance: elements from one contiguous row (column, if `turned`) to the next.
    """

    axes: tuple[Axes, Axes, Axes]
    steps: Axes
    distance: int
    turned: bool

    @property
    def batch_leads(self) -> bool:
        """Whether the matrices lie one after the other."""
        return self.axes[0] == tuple(range(len(self.axes[0])))


def matrix_layout(shape: Axes, batch: Axes, rows: Axes, columns: Axes) -> MatrixLayout | None:
    """An array as matrices, or None if they are not in memory like that.

    >>> matrix_layout((8, 128, 4, 64), (0, 2), (1,), (3,))
    MatrixLayout(axes=((0, 2), (1,), (3,)), steps=(32768, 64), distance=256, turned=False)
    >>> matrix_layout((8, 4), (1,), (0,), ()) is None
    False
    """
    if not _is_one(rows) or not _is_one(columns):
        return None
    after = [math.prod(shape[d + 1 :]) for d in range(len(shape))]
    steps = tuple(after[d] for d in batch)
    down, along = (after[group[-1]] if group else None for group in (rows, columns))
    axes = (batch, rows, columns)
    width, height = (math.prod(shape[d] for d in group) for group in (columns, rows))
    if along == 1 or (along is None and down is not None):
        return MatrixLayout(axes, steps, max(down or 0, width), turned=False)  # one row has no distance to the next
    if down == 1 or down is None:
        return MatrixLayout(axes, steps, max(along or 0, height), turned=True)
    return None


def _is_one(axes: Axes) -> bool:
    """Whether axes follow each other, so that together they count as one."""
    return axes == tuple(range(axes[0], axes[0] + len(axes))) if axes else True


def operands(x: Axes, y: Axes, contract: tuple[Axes, Axes], batch: tuple[Axes, Axes]) -> list[MatrixLayout | None]:
    """Both operands of a contraction of arrays of these shapes: the first has the contracted axes as its columns."""
    (cx, cy), (bx, by) = contract, batch
    return [matrix_layout(x, bx, free(len(x), cx, bx), cx), matrix_layout(y, by, cy, free(len(y), cy, by))]


def free(ndim: int, contract: Axes, batch: Axes) -> Axes:
    """The axes that are left."""
    return tuple(d for d in range(ndim) if d not in contract and d not in batch)
