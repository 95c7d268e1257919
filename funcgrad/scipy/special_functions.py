"""Functions of scipy.special that are no ufuncs: sums of exponentials, polygamma and multivariate gamma, factorials.

Public in `funcgrad.scipy.special`. Integers count as float64; float32 stays float32.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as real

from .. import numpy as fnp
from ..numpy import promotion
from ..numpy.special_formulas import riemann_zeta
from ..ops import elementwise as ew
from ..ops import gamma_functions, integrals
from ..ops.elementwise import like


def floats(where: str, *values: Any) -> list[Any]:
    """Operands as floating-point arrays of one dtype."""
    values = [promotion.operand(v, where) for v in values]
    dtype = promotion.result_dtype(*values)
    dtype = dtype if dtype.kind == "f" else promotion.result_dtype(*values, 1.0)
    if dtype.kind != "f":
        raise TypeError(f"{where}: takes real numbers, got {dtype}")
    return [promotion.convert(v, dtype) for v in values]


def _static(value: Any, where: str, what: str) -> int:
    """A number that decides which formula is used: a Python or NumPy integer."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return int(value)
    raise TypeError(f"{where}: {what} must be an integer that is known when the function is traced, got {value!r}")


# --- sums of exponentials ---------------------------------------------------------------------------------------------


def _peak(x: Any, axes: tuple[int, ...]) -> Any:
    """The largest element of each group, 0 where it is not finite, with the summed axes kept; constant for derivatives,
    because what is subtracted from a whole group has no effect in the end.
    """
    largest = ew.stop(fnp.max(x, axis=axes, keepdims=True, initial=-math.inf))
    return fnp.where(abs(largest) < math.inf, largest, like(largest, 0))


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """log(sum(b exp(a))) along axes, without overflow; the derivative of a group in which everything is -inf is 0.

    Args:
        a: any array; elements may be -inf.
        axis: an axis or several; None for all.
        b: factors, broadcast against a; they may be negative or 0. An element with factor 0 takes no part.
        keepdims: whether summed axes stay, with size 1.
        return_sign: whether to return the sign of the sum, too, instead of NaN where it is negative.

    Returns:
        The logarithm of the sum, or (the logarithm of its size, its sign).

    Example:
        >>> import numpy as np
        >>> logsumexp(np.array([1000.0, 1000.0])) - 1000
        np.float64(0.693147180559...)
        >>> logsumexp(np.array([1.0, 1.0]), b=np.array([1.0, -2.0]), return_sign=True)
        (np.float64(1.0), np.float64(-1.0))

    Reference: scipy.special.logsumexp; P. Blanchard, D. Higham, N. Higham, Accurately computing the log-sum-exp and
    softmax functions, IMA Journal of Numerical Analysis 41 (2021).
    """
    if b is None:
        (a,) = floats("logsumexp", a)
    else:
        a, b = promotion.same_shape(floats("logsumexp", a, b), "logsumexp")
        a = ew.select(ew.eq(b, like(b, 0)), like(a, -math.inf), a)
    axes = promotion.many_axes(axis, a.ndim, "logsumexp")
    peak = _peak(a, axes)
    terms = ew.exp(a - promotion.broadcast(peak, tuple(a.shape)))
    total = fnp.sum(terms if b is None else b * terms, axis=axes, keepdims=True)
    sign, empty = fnp.sign(total), total == 0
    out = fnp.where(empty, -math.inf, fnp.log(fnp.abs(fnp.where(empty, 1.0, total))) + peak)
    if not return_sign:
        out = fnp.where(sign < 0, math.nan, out) if b is not None else out
    out, sign = (v if keepdims else fnp.squeeze(v, axis=axes)[()] for v in (out, sign))
    return (out, sign) if return_sign else out


def softmax(x: Any, axis: Any = None) -> Any:
    """exp(x) / sum(exp(x)) along axes.

    Args:
        x: any array; elements may be -inf.
        axis: an axis or several; None, as in SciPy, for all.

    Example:
        >>> import numpy as np
        >>> softmax(np.array([0.0, 0.0, -np.inf]))
        array([0.5, 0.5, 0. ])

    Reference: scipy.special.softmax
    """
    (x,) = floats("softmax", x)
    axes = promotion.many_axes(axis, x.ndim, "softmax")
    weights = ew.exp(x - _peak(x, axes))
    return weights / fnp.sum(weights, axis=axes, keepdims=True)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """log(softmax(x)) along axes, without overflow.

    Args:
        x: any array; elements may be -inf.
        axis: an axis or several; None, as in SciPy, for all.

    Example:
        >>> import numpy as np
        >>> log_softmax(np.array([0.0, 0.0]))
        array([-0.69314718, -0.69314718])

    Reference: scipy.special.log_softmax
    """
    (x,) = floats("log_softmax", x)
    axes = promotion.many_axes(axis, x.ndim, "log_softmax")
    shifted = x - _peak(x, axes)
    return shifted - fnp.log(fnp.sum(ew.exp(shifted), axis=axes, keepdims=True))


def softplus(x: Any) -> Any:
    """log(1 + exp(x)), without overflow.

    Example:
        >>> softplus(1000.0)
        np.float64(1000.0)

    Reference: scipy.special.softplus
    """
    (x,) = floats("softplus", x)
    return ew.logaddexp(x, like(x, 0))


# --- gamma and relatives ----------------------------------------------------------------------------------------------


def polygamma(n: Any, x: Any) -> Any:
    """The n-th derivative of digamma, in x to any order.

    Args:
        n: a non-negative integer, known when the function is traced, or an array of them.
        x: any array.

    Returns:
        An array of the shape to which n and x broadcast.

    Raises:
        TypeError: n is traced or no integer.
        ValueError: n is negative.

    Example:
        >>> import funcgrad as fg
        >>> polygamma(1, 1.0)
        np.float64(1.644934066848226...)
        >>> fg.grad(polygamma, argnums=1)(0, 1.0)
        np.float64(1.644934066848226...)

    Reference: https://dlmf.nist.gov/5.15; scipy.special.polygamma
    """
    if promotion.has_tracer(n):
        raise TypeError("polygamma: the order n must be known when the function is traced; it has no derivative.")
    orders = np.asarray(n)
    if orders.dtype.kind not in "iu" and not np.all(orders == np.floor(orders)) or np.any(orders < 0):
        raise ValueError(f"polygamma: the order n must be a non-negative integer, got {n!r}")
    (x,) = floats("polygamma", x)
    if orders.ndim == 0:
        return _polygamma(int(orders), x)
    orders, x = (
        np.broadcast_arrays(orders, np.empty(x.shape))[0],
        fnp.broadcast_to(x, np.broadcast_shapes(orders.shape, x.shape)),
    )
    out = like(x, 0)
    for k in map(int, np.unique(orders)):
        out = ew.select(orders == k, _polygamma(k, x), out)
    return out


def _polygamma(n: int, x: Any) -> Any:
    return gamma_functions.polygamma(x, n=n) if n else gamma_functions.digamma(x)


def multigammaln(a: Any, d: Any) -> Any:
    """The logarithm of the multivariate gamma function: d (d - 1) log(pi) / 4 + the sum of gammaln(a - i / 2), i < d.

    Args:
        a: any array, above (d - 1) / 2.
        d: a positive integer.

    Raises:
        TypeError: d is no integer that is known when the function is traced.
        ValueError: d is not positive, or a known a is too small.

    Example:
        >>> multigammaln(2.5, 2)
        np.float64(0.857047813397...)

    Reference: R. Muirhead, Aspects of Multivariate Statistical Theory, 1982; scipy.special.multigammaln
    """
    d = _static(d, "multigammaln", "the dimension d")
    (a,) = floats("multigammaln", a)
    if d < 1:
        raise ValueError(f"multigammaln: d must be a positive integer (dimension), got {d}")
    if not promotion.has_tracer(a) and np.any(a <= 0.5 * (d - 1)):
        raise ValueError(f"multigammaln: condition a > 0.5 * (d-1) not met: a = {a}, d = {d}")
    total = like(a, d * (d - 1) * 0.25 * math.log(math.pi))
    for i in range(d):
        total = total + gamma_functions.lgamma(a - 0.5 * i)
    return total


def zeta(x: Any, q: Any = None) -> Any:
    """The Hurwitz zeta function, the sum of (q + k)^-x over k >= 0; Riemann's where q is not given.

    Args:
        x: any array; above 1 where q is given.
        q: any array, positive; 1 by default.

    Example:
        >>> import funcgrad as fg
        >>> zeta(2.0)
        np.float64(1.6449340668482264)
        >>> fg.grad(zeta)(2.0, 1.0)
        np.float64(-0.93754825431584...)

    Reference: https://dlmf.nist.gov/25.11; scipy.special.zeta
    """
    if not promotion.has_tracer(x) and not promotion.has_tracer(q):
        return real.zeta(x) if q is None else real.zeta(x, q)
    if q is None:
        return riemann_zeta(*floats("zeta", x))
    x, q = floats("zeta", x, q)
    return gamma_functions.zeta(*promotion.same_shape([x, q], "zeta"))


def lambertw(z: Any, k: int = 0) -> Any:
    """The real w with w exp(w) = z, where SciPy gives complex numbers; NaN where there is none, below -1/e.

    Args:
        z: any array of real numbers; negative for the branch -1.
        k: the branch, 0 or -1.

    Raises:
        ValueError: k is another branch, which is not real anywhere.

    Example:
        >>> import funcgrad as fg
        >>> lambertw(1.0)
        np.float64(0.567143290409783...)
        >>> fg.grad(lambertw)(0.0)
        np.float64(1.0)

    Reference: R. Corless et al., On the Lambert W function, Adv. Comput. Math. 5 (1996).
    """
    if k not in (0, -1):
        raise ValueError(f"lambertw: only the branches 0 and -1 have real values, got k={k!r}")
    (z,) = floats("lambertw", z)
    return integrals.lambertw(z, k=int(k))


# --- counting ---------------------------------------------------------------------------------------------------------


def factorial(n: Any, exact: bool = False) -> Any:
    """gamma(n + 1), and 0 for negative n.

    Args:
        n: any array.
        exact: False; exact integers have no derivative, and no place in a traced function.

    Raises:
        ValueError: `exact` is asked for.

    Example:
        >>> factorial(5.0)
        np.float64(120.0)

    Reference: scipy.special.factorial
    """
    _inexact("factorial", exact)
    (n,) = floats("factorial", n)
    negative = ew.lt(n, like(n, 0))
    return ew.select(negative, like(n, 0), gamma_functions.gamma(ew.select(negative, like(n, 0), n)[()] + 1))[()]


def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Any:
    """The number of ways to choose k of N things: binom(N, k), and 0 where k > N or one is negative.

    Args:
        N, k: any arrays, broadcast.
        exact: False; exact integers have no derivative.
        repetition: whether a thing may be chosen more than once.

    Raises:
        ValueError: `exact` is asked for.

    Example:
        >>> comb(5.0, 2.0)
        np.float64(10.0)

    Reference: scipy.special.comb
    """
    _inexact("comb", exact)
    n, k = promotion.same_shape(floats("comb", N, k), "comb")
    zero = like(n, 0)
    if repetition:
        lone = ew.and_(ew.eq(k, zero), ew.or_(ew.eq(n, zero), ew.eq(n, like(n, math.inf))))  # choosing nothing, one way
        ways = gamma_functions.binom(ew.select(lone, like(n, 1), n + k - 1)[()], k[()])
        return ew.select(lone, like(n, 1), ways)[()]
    outside = ew.not_(ew.and_(ew.and_(ew.le(k, n), ew.ge(n, zero)), ew.ge(k, zero)))  # of NaN, 0, as in SciPy
    value = gamma_functions.binom(ew.select(outside, like(n, 1), n)[()], ew.select(outside, zero, k)[()])
    return ew.select(outside, zero, value)[()]


def _inexact(name: str, exact: bool) -> None:
    if exact:
        raise ValueError(f"{name}: exact=True gives Python integers of any size; use scipy.special.{name} for them.")


__all__ = [
    "comb", "factorial", "lambertw", "log_softmax", "logsumexp", "multigammaln", "polygamma", "softmax", "softplus",
    "zeta",
]  # fmt: skip
