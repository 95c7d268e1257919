"""Linear systems whose matrices have few diagonals, in LAPACK's storage by diagonals.

    general     bands[upper + i - j, j] = a[i, j]      for -lower <= j - i <= upper
    definite    bands[i - j, j] = a[i, j]              for 0 <= i - j, the lower half of a symmetric or Hermitian matrix

What stands in the corners, outside of a, is not read. Time and memory grow with the number of stored elements.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray
from ..core.primitive import Zero
from ..transforms import linear_ops
from . import elementwise, layout
from .matrix_rules import as_dtype, batch_one, conjugate, real_part
from .rules import library
from .samples import Sample, array

# --- arithmetic on bands ----------------------------------------------------------------------------------------------------------


def band_row(bands: Any, row: int) -> Any:
    """One stored diagonal, [..., n]."""
    part = layout.slice_axis(bands, len(bands.shape) - 2, row, row + 1)
    return layout.reshape(part, shape=(*bands.shape[:-2], bands.shape[-1]))


def shifted(x: Any, by: int) -> Any:
    """out[..., j] = x[..., j - by], zero where there is nothing."""
    last, n = len(x.shape) - 1, x.shape[-1]
    if abs(by) >= n:
        return layout.fill(0, tuple(x.shape), x.dtype)
    part = layout.slice_axis(x, last, max(-by, 0), n - max(by, 0))
    none, low, high = (0,) * (last + 1), [0] * (last + 1), [0] * (last + 1)
    low[last], high[last] = max(by, 0), max(-by, 0)
    return layout.pad(part, np.zeros((), x.dtype)[()], low=tuple(low), high=tuple(high), interior=none)


def stacked_rows(rows: list[Any]) -> Any:
    """Diagonals as an array of bands."""
    made = [layout.reshape(r, shape=(*r.shape[:-1], 1, r.shape[-1])) for r in rows]
    return layout.concatenate(*made, axis=len(made[0].shape) - 2)


def transposed_bands(bands: Any, lower: int, upper: int) -> Any:
    """The bands of the transposed matrix, which has `lower` diagonals above and `upper` below the main one."""
    return stacked_rows([shifted(band_row(bands, upper + d), d) for d in range(lower, -upper - 1, -1)])


def hermitian_bands(bands: Any) -> Any:
    """All diagonals of a Hermitian matrix from those of its lower half; the main one is real, whatever is stored."""
    stored = [band_row(bands, d) for d in range(bands.shape[-2])]
    above = [shifted(conjugate(row), d) for d, row in enumerate(stored) if d]
    return stacked_rows([*above[::-1], as_dtype(real_part(stored[0]), bands), *stored[1:]])


def banded_product(bands: Any, x: Any, lower: int, upper: int) -> Any:
    """a x for x [..., n, columns]. Corners are cut off before they could meet anything."""
    n, row_axis = x.shape[-2], len(x.shape) - 2
    total: Any = None
    for d in range(max(-lower, 1 - n), min(upper, n - 1) + 1):
        first, length = max(d, 0), n - abs(d)
        band = layout.slice_axis(band_row(bands, upper - d), row_axis, first, first + length)
        part = layout.slice_axis(x, row_axis, first, first + length)
        wide = layout.broadcast(band, shape=tuple(part.shape), dims=tuple(range(row_axis + 1)))
        low, high = [0] * len(x.shape), [0] * len(x.shape)
        low[row_axis], high[row_axis] = max(-d, 0), max(d, 0)
        zero, none = np.zeros((), x.dtype)[()], (0,) * len(x.shape)
        term = layout.pad(elementwise.mul(wide, part), zero, low=tuple(low), high=tuple(high), interior=none)
        total = term if total is None else total + term
    return total


# --- systems ------------------------------------------------------------------------------------------------------------------------


def _solve_each(solve: Callable, bands: Any, b: Any) -> Any:
    bands, b = np.asarray(bands), np.asarray(b)
    out = np.empty(b.shape, b.dtype)
    for k in np.ndindex(b.shape[:-2]):
        if b[k].size:
            out[k] = solve(bands[k], b[k])
    return out


def _general_impl(bands: Any, b: Any, *, lower: int, upper: int) -> Any:
    import scipy.linalg

    return _solve_each(lambda ab, x: scipy.linalg.solve_banded((lower, upper), ab, x, check_finite=False), bands, b)


def _definite_impl(bands: Any, b: Any) -> Any:
    import scipy.linalg

    inside = slice(0, bands.shape[-1])  # SciPy refuses diagonals that lie outside of the matrix
    return _solve_each(lambda ab, x: scipy.linalg.solveh_banded(ab[inside], x, lower=True, check_finite=False), bands, b)


def _check(name: str, bands: ShapedArray, b: ShapedArray, count: int | None) -> ShapedArray:
    fits = bands.ndim >= 2 and b.ndim == bands.ndim and b.dtype == bands.dtype and b.shape[:-2] == bands.shape[:-2]
    fits = fits and b.dtype.kind in "fc" and b.shape[-2] == bands.shape[-1] and bands.shape[-2] > 0
    if not fits or (count is not None and bands.shape[-2] != count):
        raise TypeError(f"{name}: right-hand sides {b} do not fit bands {bands}")
    return b


def _solve_linearize(bands: Any, b: Any, solve: Callable, product: Callable) -> tuple[Any, Callable]:
    """x_dot solves a x_dot = b_dot - a_dot x."""
    x = solve(bands, b)

    def tangent_map(bands_dot: Any, b_dot: Any) -> Any:
        if type(bands_dot) is Zero:
            return solve(bands, b_dot)
        change = elementwise.neg(product(bands_dot, x))
        return solve(bands, change if type(b_dot) is Zero else linear_ops.add_any(b_dot, change))

    return x, tangent_map


def _general_linearize(bands: Any, b: Any, *, lower: int, upper: int) -> tuple[Any, Callable]:
    return _solve_linearize(bands, b, lambda a, x: banded_solve(a, x, lower=lower, upper=upper), lambda a, x: banded_product(a, x, lower, upper))


def _general_transpose(ct: Any, bands: Any, b: Any, *, lower: int, upper: int) -> tuple[None, Any]:
    return None, banded_solve(transposed_bands(bands, lower, upper), ct, lower=upper, upper=lower)


def _definite_linearize(bands: Any, b: Any) -> tuple[Any, Callable]:
    count = bands.shape[-2] - 1
    return _solve_linearize(bands, b, definite_banded_solve, lambda a, x: banded_product(hermitian_bands(a), x, count, count))


def _general_samples() -> list[Sample]:
    def bands(*shape: int, main: int) -> Any:
        out = array(*shape)
        out[..., main, :] += 5
        return out

    return [Sample([bands(3, 4, main=1), array(4, 2)], dict(lower=1, upper=1)), Sample([bands(4, 4, main=1), array(4, 1)], dict(lower=2, upper=1)),
            Sample([bands(2, 2, 3, main=1), array(2, 3, 1)], dict(lower=0, upper=1))]  # fmt: skip


def _definite_samples() -> list[Sample]:
    def bands(*shape: int) -> Any:
        out = array(*shape) / 4
        out[..., 0, :] = abs(out[..., 0, :]) + 3
        return out

    return [Sample([bands(2, 4), array(4, 2)]), Sample([bands(3, 4), array(4, 1)]), Sample([bands(2, 1, 2), array(2, 2, 1)])]


banded_solve = library(
    "banded_solve", _general_impl, aval=lambda bands, b, *, lower, upper: _check("banded_solve", bands, b, lower + upper + 1),
    batch=batch_one(lambda: banded_solve), linearize=_general_linearize, transpose=_general_transpose, lower=lowering.Matrices("banded_solve"),
    samples=_general_samples)
definite_banded_solve = library(
    "definite_banded_solve", _definite_impl, aval=lambda bands, b: _check("definite_banded_solve", bands, b, None),
    batch=batch_one(lambda: definite_banded_solve), linearize=_definite_linearize,
    transpose=lambda ct, bands, b: (None, definite_banded_solve(conjugate(bands), ct)), lower=lowering.Matrices("definite_banded_solve"),
    samples=_definite_samples)

__all__ = ["banded_product", "banded_solve", "definite_banded_solve", "hermitian_bands", "shifted", "stacked_rows", "transposed_bands"]
