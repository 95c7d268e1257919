"""GaLore: the state of an optimizer for matrices in a subspace of few dimensions, in which their gradients lie."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import tree
from ..api.branches import cond
from ..numpy.promotion import array_operand
from .adam import scale_by_adam
from .base import GradientTransformation, chain
from .masking import MaskOrFn
from .moments import first_step, next_step, number_like, refuse_complex
from .scaling import ScalarOrSchedule, scale_by_learning_rate
from .weight_decay import add_decayed_weights


class GaLoreDimensionNumbers(NamedTuple):
    """Which axes of a parameter are the rows of a matrix, and which are its columns: ints or tuples of ints."""

    reduction_axis: Any = 0
    output_axis: Any = 1


class GaLoreState(NamedTuple):
    """Number of updates (int32 scalar), state of the inner optimizer, and an orthonormal basis for each matrix."""

    count: Any
    base_optimizer_state: Any
    projector: Any


class _Matrix(NamedTuple):
    """How a parameter is a matrix: its axes in order, and the shapes of that transpose and of the matrix."""

    axes: tuple[int, ...]
    moved: tuple[int, ...]
    shape: tuple[int, int]

    def of(self, x: Any) -> Any:
        return fnp.reshape(fnp.transpose(x, self.axes), self.shape)

    def back(self, x: Any) -> Any:
        return fnp.transpose(fnp.reshape(x, self.moved), tuple(np.argsort(self.axes).tolist()))

    @property
    def tall(self) -> bool:
        return self.shape[0] >= self.shape[1]


def _matrix(shape: tuple[int, ...], numbers: GaLoreDimensionNumbers | None) -> _Matrix | None:
    if numbers is None:
        return None
    rows, columns = (tuple(np.atleast_1d(np.asarray(axis) % max(len(shape), 1)).tolist()) for axis in numbers)
    if len(shape) < 2 or sorted(rows + columns) != list(range(len(shape))):
        raise ValueError(
            f"scale_by_galore: rows {numbers.reduction_axis} and columns {numbers.output_axis} do not name every axis "
            f"of a parameter of shape {shape} once.\n"
            "Fix: GaLoreDimensionNumbers with each of its axes, or None for parameters that are no matrices."
        )
    moved = tuple(shape[axis] for axis in rows + columns)
    return _Matrix(rows + columns, moved, (math.prod(moved[: len(rows)]), math.prod(moved[len(rows) :])))


def scale_by_galore(
    rank: int = 128,
    update_proj_gap: Any = 200,
    scale: Any = 1.0,
    base_optimizer: GradientTransformation | None = None,
    weight_dimension_numbers: GaLoreDimensionNumbers | Callable[[Any], Any] | Any = None,
) -> GradientTransformation:
    """Another optimizer, which sees of every matrix only its product with an orthonormal basis of few vectors.

    The basis P are the first singular vectors of the gradient G, made anew now and then; for tall matrices

        u = scale * P inner(P^T G),     for wide ones     u = scale * inner(G P) P^T

    Args:
        rank: number of basis vectors; a matrix with fewer rows or columns keeps them all.
        update_proj_gap: steps between two bases.
        scale: factor of the updates of matrices.
        base_optimizer: the optimizer inside, which must not need the parameters; None for `scale_by_adam()`.
        weight_dimension_numbers: which parameters are matrices, and by which axes: None for those with two axes; one
            `GaLoreDimensionNumbers` for all with at least two; a pytree of them and None, or a function of the
            parameters to one.

    Raises:
        TypeError: when the rank is no int; in `init`, for complex parameters.
        ValueError: when the rank is not positive, or axes do not fit a parameter.

    Example:
        >>> import numpy as np
        >>> link, p = scale_by_galore(rank=1), np.zeros((3, 2))
        >>> state = link.init(p)
        >>> state.base_optimizer_state.mu.shape, state.projector.shape
        ((1, 2), (3, 1))

    Reference: J. Zhao et al., GaLore: memory-efficient LLM training by gradient low-rank projection, ICML 2024.
    """
    if not isinstance(rank, int):
        raise TypeError(f"scale_by_galore: rank must be an int, got {rank!r}.")
    if rank < 1:
        raise ValueError(f"scale_by_galore: rank must be positive, got {rank}.")
    inner = scale_by_adam() if base_optimizer is None else base_optimizer

    def matrices(params: Any) -> list[_Matrix | None]:
        """How each leaf is a matrix, None where it is not."""
        leaves, treedef = tree.tree_flatten(params)
        given = weight_dimension_numbers
        if given is None or isinstance(given, GaLoreDimensionNumbers):
            dims = [2] if given is None else range(2, 33)
            numbers = [(given or GaLoreDimensionNumbers()) if np.ndim(x) in dims else None for x in leaves]
        else:
            numbers = treedef.flatten_up_to(given(params) if callable(given) else given)
        return [_matrix(tuple(x.shape), n) for x, n in zip(map(array_operand, leaves), numbers)]

    def mapped(f: Callable[..., Any], params: Any, *others: Any) -> list[Any]:
        """f(matrix, leaf, ...) for every leaf, as a pytree, or several where f returns several."""
        treedef = tree.tree_structure(params)
        columns = [tree.tree_leaves(t) for t in (params, *others)]
        results = [f(*row) for row in zip(matrices(params), *columns)]
        return [tree.tree_unflatten(treedef, column) for column in zip(*results)]

    def start(matrix: _Matrix | None, p: Any) -> tuple[Any, Any]:
        p = array_operand(p)
        if matrix is None:
            return fnp.zeros((0, 0), p.dtype), fnp.zeros_like(p)
        (m, n), r = matrix.shape, min(rank, *matrix.shape)
        small = (r, n) if matrix.tall else (m, r)
        return fnp.zeros((max(m, n), r), p.dtype), fnp.zeros(small, p.dtype)

    def init_fn(params: Any) -> GaLoreState:
        refuse_complex(params, "scale_by_galore")
        if not tree.tree_leaves(params):
            return GaLoreState(first_step(), inner.init(params), params)
        bases, small = mapped(start, params)
        return GaLoreState(first_step(), inner.init(small), bases)

    def project(due: Any) -> Callable[..., tuple[Any, Any]]:
        def one(matrix: _Matrix | None, g: Any, basis: Any) -> tuple[Any, Any]:
            if matrix is None:
                return g, basis
            flat = matrix.of(g)
            basis = cond(due, lambda: _basis(flat, matrix.tall, basis.shape[1]), lambda: basis)
            return (basis.T @ flat if matrix.tall else flat @ basis), basis

        return one

    def back(matrix: _Matrix | None, g: Any, basis: Any, small: Any) -> tuple[Any]:
        if matrix is None:
            return (small,)
        whole = matrix.back(basis @ small if matrix.tall else small @ basis.T)
        return (whole * number_like(scale, whole),)

    def update_fn(updates: Any, state: GaLoreState, params: Any = None, **extra: Any) -> tuple[Any, GaLoreState]:
        del params, extra
        if not tree.tree_leaves(updates):
            return updates, state
        due = fnp.equal(state.count % update_proj_gap, 0)
        small, bases = mapped(project(due), updates, state.projector)
        small, inner_state = inner.update(small, state.base_optimizer_state, None)
        (new,) = mapped(back, updates, bases, small)
        return new, GaLoreState(next_step(state.count), inner_state, bases)

    return GradientTransformation(init_fn, update_fn)


def _basis(matrix: Any, tall: bool, count: int) -> Any:
    """The first singular vectors on the longer side."""
    left, _, right = fnp.linalg.svd(matrix, full_matrices=False)
    return left[:, :count] if tall else right[:count].T


def galore(
    learning_rate: ScalarOrSchedule,
    rank: int = 128,
    update_proj_gap: Any = 200,
    scale: Any = 1.0,
    base_optimizer: GradientTransformation | None = None,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: MaskOrFn = None,
    weight_dimension_numbers: GaLoreDimensionNumbers | Callable[[Any], Any] | Any = None,
) -> GradientTransformation:
    """GaLore: -learning_rate times the updates of `scale_by_galore`. The update needs the parameters.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        weight_decay, mask: see `add_decayed_weights`; of the whole parameters.
        rank, update_proj_gap, scale, base_optimizer, weight_dimension_numbers: see `scale_by_galore`.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> loss = lambda w: np.sum((w - np.outer(np.arange(1.0, 5.0), np.ones(3))) ** 2)
        >>> optimizer, w = galore(0.1, rank=1), np.zeros((4, 3))
        >>> state = optimizer.init(w)
        >>> for _ in range(200):
        ...     updates, state = optimizer.update(fg.grad(loss)(w), state, w)
        ...     w = w + updates
        >>> bool(loss(w) < 1e-4)  # what is missing has rank 1
        True

    Reference: J. Zhao et al., GaLore: memory-efficient LLM training by gradient low-rank projection, ICML 2024.
    """
    return chain(
        scale_by_galore(rank, update_proj_gap, scale, base_optimizer, weight_dimension_numbers),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
