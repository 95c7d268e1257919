"""Polynomials given by their coefficients, the highest power first: values, arithmetic, roots, fits.

roots:    p(z) = 0   gives   dz = -dp(z) / p'(z)             (ops/polynomials.py)
polyfit:  min_c |V c - y|^2, V the matrix of powers, scaled by columns; V = Q R, R c = Q^T y
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import elementwise as ew
from ..ops import layout, polynomials
from . import (
    decompositions,
    indexing,
    joining,
    linalg,
    linear,
    manipulation,
    padding,
    promotion,
    rearrange,
    reductions,
    statistics,
    ufuncs,
)
from .promotion import array_operand
from .registry import numpy_function
from .truth import concrete, is_known


@numpy_function
def polyval(p: Any, x: Any) -> Any:
    """The polynomial with coefficients p, highest power first, by Horner's rule.

    Reference: numpy.polyval
    """
    p, x = array_operand(p, "polyval"), promotion.operand(x, "polyval")
    x = array_operand(x, "polyval")
    result: Any = ew.like(x, 0)
    for i in range(p.shape[0]):
        result = ufuncs.add(ufuncs.multiply(result, x), p[i])
    return result


@numpy_function
def polyadd(a1: Any, a2: Any) -> Any:
    """The sum of two polynomials given by coefficients, highest power first.

    Reference: numpy.polyadd
    """
    return ufuncs.add(*_aligned(a1, a2, "polyadd"))


@numpy_function
def polysub(a1: Any, a2: Any) -> Any:
    """The difference of two polynomials.

    Reference: numpy.polysub
    """
    return ufuncs.subtract(*_aligned(a1, a2, "polysub"))


def _aligned(a1: Any, a2: Any, name: str) -> tuple[Any, Any]:
    """Both with as many coefficients as the longer one."""
    a, b = (manipulation.atleast_1d(array_operand(p, name)) for p in (a1, a2))
    n = max(a.size, b.size)
    return padding.pad(a, (n - a.size, 0)), padding.pad(b, (n - b.size, 0))


@numpy_function
def polymul(a1: Any, a2: Any) -> Any:
    """The product of two polynomials, without leading zeros as far as they are known.

    Reference: numpy.polymul
    """
    return statistics.convolve(_without_leading_zeros(a1), _without_leading_zeros(a2))


def _without_leading_zeros(p: Any) -> Any:
    p = manipulation.atleast_1d(array_operand(p, "polymul"))
    if p.shape == (0,):  # NumPy takes no coefficients for the polynomial 0
        return layout.fill(0, (1,), p.dtype)
    if not is_known(p):
        return p
    spots = np.flatnonzero(concrete(p, "polymul"))
    start = int(spots[0]) if len(spots) else p.shape[0] - 1
    return layout.slice_axis(p, 0, start, p.shape[0]) if start else p


@numpy_function
def polyder(p: Any, m: int = 1) -> Any:
    """The coefficients of the m-th derivative of a polynomial.

    Reference: numpy.polyder
    """
    p = array_operand(p, "polyder")
    for _ in range(m):
        n = p.shape[0]
        p = ufuncs.multiply(layout.slice_axis(p, 0, 0, max(n - 1, 0)), np.arange(n - 1, 0, -1))
    return p


@numpy_function
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """The coefficients of the m-th antiderivative of a polynomial.

    Args:
        k: the m constants of integration, or one for all; 0 by default.

    Reference: numpy.polyint
    """
    p = array_operand(p, "polyint")
    if m < 0:
        raise ValueError("polyint: order of integral must be positive (see polyder)")
    constants = manipulation.atleast_1d(array_operand(0.0 if k is None else k, "polyint"))
    if constants.shape[0] not in (1, m):
        raise ValueError("polyint: k must be a scalar or a rank-1 array of length 1 or >m.")
    for i in range(m):
        constant = indexing.getitem(constants, i if constants.shape[0] > 1 else 0)
        whole = ufuncs.divide(p, np.arange(p.shape[0], 0, -1))
        p = joining.join([whole, manipulation.reshape(constant, (1,))], 0)
    return p


@numpy_function(extra=("trim_leading_zeros",))
def polydiv(u: Any, v: Any, *, trim_leading_zeros: bool | None = None) -> tuple[Any, Any]:
    """Quotient and remainder of two polynomials.

    Args:
        trim_leading_zeros: whether the remainder is without the leading coefficients that are nearly zero, as in NumPy,
            which needs to know the values; under `jit` say False.

    Reference: numpy.polydiv
    """
    u, v = (manipulation.atleast_1d(array_operand(p, "polydiv")) for p in (u, v))
    u, v = promotion.promote_dtype([ufuncs.add(u, 0.0), ufuncs.add(v, 0.0)])
    m, n = u.shape[0] - 1, v.shape[0] - 1
    scale = ufuncs.divide(1.0, indexing.getitem(v, 0))
    rest, quotient = u, []
    for k in range(m - n + 1):
        d = ufuncs.multiply(scale, indexing.getitem(rest, k))
        quotient.append(d)
        part = ufuncs.subtract(layout.slice_axis(rest, 0, k, k + n + 1), ufuncs.multiply(d, v))
        rest = layout.dynamic_update_slice(rest, part, np.int64(k))
    quotient = joining.stack(quotient) if quotient else layout.fill(0, (1,), u.dtype)
    if trim_leading_zeros is False:
        return quotient, rest
    known = concrete(
        rest, "the size of the remainder of polydiv; call funcgrad.numpy.polydiv(u, v, trim_leading_zeros=False)"
    )
    start = 0
    while start < known.size - 1 and np.allclose(known[start], 0, rtol=1e-14):
        start += 1
    return quotient, layout.slice_axis(rest, 0, start, known.size)


@numpy_function
def poly(seq_of_zeros: Any) -> Any:
    """The coefficients of the polynomial with given roots, or of the characteristic polynomial of a square matrix.

    Math:
        prod_i (x - z_i); for a matrix, by Faddeev and LeVerrier: M_k = A (M_{k-1} + c_{k-1} I), c_k = -tr(M_k) / k

    Reference: numpy.poly; Householder, The Theory of Matrices in Numerical Analysis, 1964, section 6.7.
    """
    z = manipulation.atleast_1d(array_operand(seq_of_zeros, "poly"))
    z = promotion.convert(z, np.dtype(np.mintypecode(z.dtype.char)))
    if z.ndim == 2 and z.shape[0] == z.shape[1] and z.shape[0]:
        return _characteristic(z)
    if z.ndim != 1:
        raise ValueError("poly: input must be 1d or non-empty square 2d array.")
    result = np.ones(1, z.dtype) if z.shape[0] else np.float64(1.0)
    for i in range(z.shape[0]):
        factor = joining.join([np.ones(1, z.dtype), ufuncs.negative(layout.slice_axis(z, 0, i, i + 1))], 0)
        result = statistics.convolve(result, factor)
    if z.dtype.kind == "c" and is_known(z) and np.poly(concrete(z, "poly")).dtype.kind == "f":
        return ew.real(result)  # the roots come in conjugate pairs
    return result


def _characteristic(a: Any) -> Any:
    n = a.shape[0]
    one = np.eye(n, dtype=a.dtype)
    matrix, coefficients = a, [np.ones((), a.dtype)[()]]
    for k in range(1, n + 1):
        coefficients.append(ufuncs.divide(ufuncs.negative(linear.trace(matrix)), k))
        if k < n:
            matrix = linear.matmul(a, ufuncs.add(matrix, ufuncs.multiply(coefficients[-1], one)))
    return joining.stack(coefficients)


@numpy_function(extra=("strip_zeros",))
def roots(p: Any, *, strip_zeros: bool | None = None) -> Any:
    """The roots of a polynomial, which must be simple for their derivatives to exist; eagerly, since they are complex.

    Args:
        strip_zeros: whether leading zeros are dropped and trailing ones counted as roots 0, as in NumPy, which needs to
            know the values. False says that the first coefficient is not zero, so that there are as many roots as the
            degree, whatever the values.

    Returns:
        The eigenvalues of the companion matrix, in its order; real if all are, and then of a floating dtype. With
        strip_zeros=False always complex.

    Reference: numpy.roots
    """
    p = manipulation.atleast_1d(array_operand(p, "roots"))
    if p.ndim != 1:
        raise ValueError("roots: Input must be a rank-1 array.")
    p = p if p.dtype.kind in "fc" else promotion.convert(p, np.dtype(np.float64))
    if strip_zeros is False:
        return polynomials.roots(p) if p.shape[0] > 1 else layout.fill(0, (0,), np.dtype(np.complex128))
    known = concrete(p, "the degree of the polynomial of roots; call funcgrad.numpy.roots(p, strip_zeros=False)")
    spots = np.flatnonzero(known)
    if not len(spots):
        return np.array([])
    zeros = known.size - 1 - int(spots[-1])
    kept = layout.slice_axis(p, 0, int(spots[0]), int(spots[-1]) + 1)
    found = polynomials.roots(kept) if kept.shape[0] > 1 else None
    if found is not None and np.roots(known).dtype.kind == "f":
        found = ew.real(found)
    if found is None:
        return np.zeros(zeros, known.dtype)
    return joining.join([found, np.zeros(zeros, found.dtype)], 0) if zeros else found


# --- fits -------------------------------------------------------------------------------------------------------------


@numpy_function
def polyfit(
    x: Any, y: Any, deg: int, rcond: float | None = None, full: bool = False, w: Any = None, cov: bool | str = False
) -> Any:
    """The polynomial of a degree that is closest to points, by least squares; differentiable in x, y and w.

    Args:
        x: M positions, at least deg + 1 of them different.
        y: M values, or an array of shape (M, K) for K fits.
        w: M weights of the residuals.
        cov: also the covariance of the coefficients, scaled by the residuals unless "unscaled".
        rcond: singular values of at most rcond times the largest one count as 0; without rcond and full, positions
            must determine the coefficients.
        full: the sums of squares, the rank, the singular values and rcond, too; the sums are there if there are more
            points than coefficients, whatever the rank.

    Reference: numpy.polyfit; Golub and Van Loan, Matrix Computations, 4th ed., section 5.2.
    """
    x, y = _fit_operands(x, y)
    order = promotion.static_int(deg, "polyfit") + 1
    by_values = full or rcond is not None
    _check_fit(x, y, order, by_values)
    powers, right = rearrange.vander(x, order), y
    if w is not None:
        w = promotion.convert(array_operand(w, "polyfit"), x.dtype)
        if w.ndim != 1 or w.shape[0] != x.shape[0]:
            raise TypeError("polyfit: expected w and y to have the same length, w as a 1-d array")
        powers = ufuncs.multiply(powers, manipulation.expand_dims(w, 1))
        right = ufuncs.multiply(right, w if right.ndim == 1 else manipulation.expand_dims(w, 1))
    scale = ufuncs.sqrt(reductions.sum(ufuncs.squared_modulus(powers), axis=0))
    powers = ufuncs.divide(powers, scale)
    if by_values:
        rcond = len(x) * np.finfo(x.dtype).eps if rcond is None else rcond
        solution, *rest = decompositions.lstsq(powers, right, rcond)
        solution = solution if right.ndim == 2 else manipulation.expand_dims(solution, 1)
    else:
        solution = _least_squares(powers, right)
    c = ufuncs.divide(solution, manipulation.expand_dims(scale, 1))
    c = manipulation.squeeze(c, 1) if right.ndim == 1 else c
    if full:
        return c, *rest, rcond
    return (c, _covariance(powers, right, solution, scale, cov)) if cov else c


def _fit_operands(x: Any, y: Any) -> tuple[Any, Any]:
    """Both in float64, or complex128."""
    x, y = array_operand(x, "polyfit"), array_operand(y, "polyfit")
    if np.float16 in (x.dtype, y.dtype):
        raise TypeError("polyfit: array type float16 is unsupported in linalg")
    wide = np.dtype(np.complex128 if "c" in x.dtype.kind + y.dtype.kind else np.float64)
    return promotion.convert(x, wide), promotion.convert(y, wide)


def _check_fit(x: Any, y: Any, order: int, any_rank: bool) -> None:
    if order < 1:
        raise ValueError("polyfit: expected deg >= 0")
    if x.ndim != 1 or not x.size:
        raise TypeError("polyfit: expected a non-empty 1D vector for x")
    if y.ndim not in (1, 2) or y.shape[0] != x.shape[0]:
        raise TypeError("polyfit: expected x and y to have same length, y with one or two axes")
    if x.shape[0] < order and not any_rank:
        raise ValueError(f"polyfit: {x.shape[0]} points do not determine {order} coefficients; lower deg")


def _least_squares(a: Any, b: Any) -> Any:
    """The x that minimizes |a x - b|, from r x = q^H b where a = q r."""
    b = b if b.ndim == 2 else manipulation.expand_dims(b, 1)
    q, r = linalg.qr(a)
    return linalg.solve(r, linear.matmul(manipulation.reverse_axes(ufuncs.conjugated(q)), b))


def _covariance(powers: Any, right: Any, solution: Any, scale: Any, cov: bool | str) -> Any:
    base = linalg.inv(linear.matmul(manipulation.reverse_axes(powers), powers))
    base = ufuncs.divide(base, linear.outer(scale, scale))
    if cov == "unscaled":
        return base if right.ndim == 1 else manipulation.expand_dims(base, 2)
    freedom = powers.shape[0] - powers.shape[1]
    if freedom <= 0:
        raise ValueError("polyfit: the number of data points must exceed order to scale the covariance matrix")
    right2 = right if right.ndim == 2 else manipulation.expand_dims(right, 1)
    residual = ufuncs.subtract(right2, linear.matmul(powers, solution))
    factor = ufuncs.divide(reductions.sum(ufuncs.squared_modulus(residual), axis=0), freedom)
    if right.ndim == 1:
        return ufuncs.multiply(base, factor)
    return ufuncs.multiply(manipulation.expand_dims(base, 2), factor)


__all__ = [
    "poly", "polyadd", "polyder", "polydiv", "polyfit", "polyint", "polymul", "polysub", "polyval", "roots",
]  # fmt: skip
