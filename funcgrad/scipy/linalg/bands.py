"""Systems whose matrices have few diagonals, in time proportional to what is stored."""

from __future__ import annotations

from typing import Any

from ...numpy import promotion
from ...ops import banded
from ...ops.matrix_rules import conjugate
from ..plain import scipy_function
from .operands import as_given, matrices, system


@scipy_function("scipy.linalg")
def solve_banded(
    l_and_u: tuple[int, int],
    ab: Any,
    b: Any,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """x with a x = b for a matrix given by its diagonals.

        ab[u + i - j, j] = a[i, j]

    Args:
        l_and_u: how many diagonals there are below and above the main one.
        ab: (..., l + u + 1, n); the corners, which belong to no element, are not read.
        b: (n,) or (..., n, m).
        overwrite_ab, overwrite_b, check_finite: accepted as SciPy has them, without effect.

    Returns:
        x, of the shape of b.

    Raises:
        ValueError: the shapes do not fit.
        LinAlgError: a is singular.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> ab = np.array([[0.0, 1.0], [2.0, 2.0], [1.0, 0.0]])
        >>> fg.jit(fg.scipy.linalg.solve_banded, static_argnums=0)((1, 1), ab, np.array([3.0, 3.0]))
        array([1., 1.])

    Reference: scipy.linalg.solve_banded
    """
    lower, upper = promotion.static_ints(tuple(l_and_u), "solve_banded")
    bands = matrices(ab, "solve_banded")
    if lower < 0 or upper < 0 or bands.shape[-2] != lower + upper + 1:
        raise ValueError(
            f"solve_banded: {lower} + {upper} + 1 diagonals are not the rows of shape {tuple(bands.shape)}"
        )
    bands, y, vector = system(bands, b, "solve_banded", rows=bands.shape[-1])
    return as_given(banded.banded_solve(bands, y, lower=lower, upper=upper), vector)


@scipy_function("scipy.linalg")
def solveh_banded(
    ab: Any,
    b: Any,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    lower: bool = False,
    check_finite: bool = True,
) -> Any:
    """x with a x = b for a symmetric or Hermitian positive definite matrix given by half of its diagonals.

        ab[u + i - j, j] = a[i, j]   (upper),    ab[i - j, j] = a[i, j]   (lower)

    Args:
        ab: (..., u + 1, n); the corners are not read.
        b: (n,) or (..., n, m).
        lower: whether ab is the lower half; the upper one by default.
        overwrite_ab, overwrite_b, check_finite: accepted as SciPy has them, without effect.

    Returns:
        x, of the shape of b.

    Raises:
        ValueError: the shapes do not fit.
        LinAlgError: a is not positive definite.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> ab = np.array([[0.0, 1.0], [2.0, 2.0]])
        >>> fg.grad(lambda b: fg.scipy.linalg.solveh_banded(ab, b)[0])(np.array([3.0, 3.0])).round(12)
        array([ 0.66666667, -0.33333333])

    Reference: scipy.linalg.solveh_banded
    """
    bands = matrices(ab, "solveh_banded")
    bands, y, vector = system(bands, b, "solveh_banded", rows=bands.shape[-1])
    if not lower:
        count = bands.shape[-2]
        rows = [banded.band_row(bands, count - 1 - d) for d in range(count)]
        bands = banded.stacked_rows([banded.shifted(conjugate(row), -d) for d, row in enumerate(rows)])
    return as_given(banded.definite_banded_solve(bands, y), vector)


__all__ = ["solve_banded", "solveh_banded"]
