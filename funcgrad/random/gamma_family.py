"""The gamma distribution and those made of it; differentiable in their parameters by implicit reparameterization."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import numpy as fnp
from ..api.custom import custom_jvp
from ..api.loops import while_loop
from ..api.vectorization import vmap
from ..numpy import promotion
from .compiled import compiled
from .continuous import exponential, normal, uniform
from .discrete import rademacher
from .gamma_slope import log_gamma_slope
from .keys import Shape, check_key, split, to_shape
from .parameters import float_dtype, parameter, prepared, result_shape
from .reuse import consumes


def _accepted_cube(key: Any, d: Any) -> Any:
    """v^3 of the rejection method of Marsaglia and Tsang: d v^3 is a gamma sample of shape d + 1/3."""
    dtype = d.dtype
    c = dtype.type(1 / 3) / fnp.sqrt(d)

    def draw_positive(state: Any) -> Any:
        key, _, _ = state
        key, now = split(key)
        x = normal(now, (), dtype)
        return key, x, 1 + x * c

    def draw(state: Any) -> Any:
        key, _, _, _ = state
        keys = split(key, 3)
        zero = dtype.type(0)
        _, x, v = while_loop(lambda s: s[2] <= 0, draw_positive, (keys[1], zero, zero - 1))
        return keys[0], x * x, v * v * v, uniform(keys[2], (), dtype)

    def rejected(state: Any) -> Any:
        _, square, cube, u = state
        log_u = fnp.log(fnp.maximum(u, np.finfo(dtype).tiny))
        return (u >= 1 - dtype.type(0.0331) * (square * square)) & (
            log_u >= square * dtype.type(0.5) + d * ((1 - cube) + fnp.log(cube))
        )

    zero = dtype.type(0)
    return while_loop(rejected, draw, (key, zero, zero + 1, zero + 2))[2]


def _log_sample(key: Any, a: Any) -> Any:
    """log of one gamma sample; for a < 1 that of shape a + 1, times u^(1 / a)."""
    large = a >= 1
    d = fnp.where(large, a, a + 1) - a.dtype.type(1 / 3)
    key, last = split(key)
    boost = -exponential(last, (), a.dtype) / fnp.where(large, 1, a)
    return fnp.log(d) + fnp.log(_accepted_cube(key, d)) + fnp.where(large | (boost == 0), 0, boost)


def _sample(key: Any, a: Any) -> Any:
    """One gamma sample."""
    large = a >= 1
    d = fnp.where(large, a, a + 1) - a.dtype.type(1 / 3)
    key, last = split(key)
    boost = fnp.power(1 - uniform(last, (), a.dtype), 1 / fnp.where(large, 1, a))
    return d * _accepted_cube(key, d) * fnp.where(large, 1, boost)


def _many(one: Any, key: Any, a: Any) -> Any:
    """A sample for every element, each with its own key, so that none waits for another's bits."""
    count = int(np.prod(a.shape))
    if count == 0:
        return a
    samples = vmap(one)(split(key, count), fnp.reshape(a, (count,)))
    return fnp.reshape(samples, a.shape)


@custom_jvp
def _gamma(key: Any, a: Any) -> Any:
    return _many(_sample, key, a)


@custom_jvp
def _loggamma(key: Any, a: Any) -> Any:
    return _many(_log_sample, key, a)


@_gamma.defjvp
def _gamma_jvp(primals: Any, tangents: Any) -> Any:
    key, a = primals
    z = _gamma(key, a)
    log_z = fnp.log(fnp.maximum(z, np.finfo(a.dtype).tiny))
    return z, z * log_gamma_slope(a, log_z) * tangents[1]


@_loggamma.defjvp
def _loggamma_jvp(primals: Any, tangents: Any) -> Any:
    key, a = primals
    log_z = _loggamma(key, a)
    return log_z, log_gamma_slope(a, log_z) * tangents[1]


@consumes
def gamma(key: Any, a: Any, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Samples of the gamma distribution with shape parameter a and scale 1: density x^(a-1) e^(-x) / Gamma(a).

    The derivative in a is that of implicit reparameterization, dx / da = -(dF/da) / f for the distribution function F
    and the density f.

    Args:
        key: a key.
        a: positive numbers that broadcast to `shape`.
        shape: shape of the result; None for that of a.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype, or a shape that a does not broadcast to.

    Example:
        >>> from funcgrad import random
        >>> abs(float(gamma(random.key(0), 3.0, (4000,)).mean()) - 3) < 0.1
        True

    Reference: G. Marsaglia, W. Tsang, A simple method for generating gamma variables, ACM TOMS, 2000.
    """
    key, shape, dtype, (a,) = prepared("random.gamma", key, shape, dtype, a)
    return compiled(_gamma)(key, a)


@consumes
def loggamma(key: Any, a: Any, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Logarithms of gamma samples, exact also where a is so small that the samples themselves would be 0.

    Args:
        key: a key.
        a: positive numbers that broadcast to `shape`.
        shape: shape of the result; None for that of a.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype, or a shape that a does not broadcast to.

    Example:
        >>> from funcgrad import random
        >>> bool(loggamma(random.key(0), 1e-4) < -100)
        True
    """
    key, shape, dtype, (a,) = prepared("random.loggamma", key, shape, dtype, a)
    return compiled(_loggamma)(key, a)


@consumes
def beta(key: Any, a: Any, b: Any, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Samples of the beta distribution: x / (x + y) for gamma samples x and y of shapes a and b.

    Args:
        key: a key.
        a, b: positive numbers that broadcast to `shape`.
        shape: shape of the result; None for the common shape of a and b.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype, or a shape that the parameters do not broadcast to.

    Example:
        >>> from funcgrad import random
        >>> abs(float(beta(random.key(0), 2.0, 6.0, (4000,)).mean()) - 0.25) < 0.02
        True
    """
    key, shape, dtype, (a, b) = prepared("random.beta", key, shape, dtype, a, b)
    return _beta(key, a, b)


@compiled
def _beta(key: Any, a: Any, b: Any) -> Any:
    first, second = split(key)
    x, y = _loggamma(first, a), _loggamma(second, b)
    largest = fnp.maximum(x, y)
    x, y = fnp.exp(x - largest), fnp.exp(y - largest)
    return x / (x + y)


@consumes
def dirichlet(key: Any, alpha: Any, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Samples of the Dirichlet distribution: gamma samples of shapes alpha, divided by their sum over the last axis.

    Args:
        key: a key.
        alpha: positive numbers [..., n].
        shape: shape of the result without its last axis; None for alpha.shape[:-1].
        dtype: float32 or float64.

    Returns:
        An array [*shape, n] of numbers whose sums over the last axis are 1.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: when alpha is a number, for another dtype, or a shape that alpha does not fit.

    Example:
        >>> import numpy as np
        >>> from funcgrad import random
        >>> dirichlet(random.key(0), np.ones(3), (4,)).sum(axis=-1).round(12)
        array([1., 1., 1., 1.])
    """
    where = "random.dirichlet"
    key, dtype, alpha = check_key(key, where), float_dtype(dtype, where), promotion.array_operand(alpha, where)
    if not alpha.ndim:
        raise ValueError(f"{where}: alpha must have at least one axis, got a number.")
    shape = (*result_shape(shape, where, tuple(alpha.shape[:-1])), alpha.shape[-1])
    return _dirichlet(key, parameter(alpha, dtype, shape, where))


@compiled
def _dirichlet(key: Any, alpha: Any) -> Any:
    x = _loggamma(key, alpha)
    x = fnp.exp(x - fnp.max(x, axis=-1, keepdims=True))
    return x / fnp.sum(x, axis=-1, keepdims=True)


@consumes
def chisquare(key: Any, df: Any, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Samples of the chi-squared distribution with df degrees of freedom: twice a gamma sample of shape df / 2.

    Args:
        key: a key.
        df: positive numbers that broadcast to `shape`.
        shape: shape of the result; None for that of df.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype, or a shape that df does not broadcast to.

    Example:
        >>> from funcgrad import random
        >>> abs(float(chisquare(random.key(0), 5.0, (4000,)).mean()) - 5) < 0.2
        True
    """
    key, shape, dtype, (df,) = prepared("random.chisquare", key, shape, dtype, df)
    return compiled(_chisquare)(key, df)


def _chisquare(key: Any, df: Any) -> Any:
    return 2 * fnp.exp(_loggamma(key, df / 2))


@consumes
def f(key: Any, dfnum: Any, dfden: Any, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Samples of the F distribution: the ratio of two chi-squared samples, each divided by its degrees of freedom.

    Args:
        key: a key.
        dfnum, dfden: positive numbers that broadcast to `shape`.
        shape: shape of the result; None for the common shape of the parameters.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype, or a shape that the parameters do not broadcast to.

    Example:
        >>> from funcgrad import random
        >>> abs(float(f(random.key(0), 5.0, 12.0, (4000,)).mean()) - 1.2) < 0.1
        True
    """
    key, shape, dtype, (dfnum, dfden) = prepared("random.f", key, shape, dtype, dfnum, dfden)
    return _f(key, dfnum, dfden)


@compiled
def _f(key: Any, dfnum: Any, dfden: Any) -> Any:
    denominator, numerator = split(key)
    return (_chisquare(numerator, dfnum) / dfnum) / (_chisquare(denominator, dfden) / dfden)


@consumes
def t(key: Any, df: Any, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Samples of Student's t distribution: x sqrt(df / 2 / g), x normal and g a gamma sample of shape df / 2.

    Args:
        key: a key.
        df: positive numbers that broadcast to `shape`.
        shape: shape of the result; None for that of df.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype, or a shape that df does not broadcast to.

    Example:
        >>> from funcgrad import random
        >>> abs(float(t(random.key(0), 6.0, (4000,)).var()) - 1.5) < 0.2
        True

    Reference: Student, The probable error of a mean, Biometrika, 1908.
    """
    key, shape, dtype, (df,) = prepared("random.t", key, shape, dtype, df)
    return _t(key, df)


@compiled
def _t(key: Any, df: Any) -> Any:
    first, second = split(key)
    half = df / 2
    return normal(first, tuple(df.shape), df.dtype) * fnp.sqrt(half / _gamma(second, half))


@consumes
def generalized_normal(key: Any, p: Any, shape: Any = (), dtype: Any = np.float64) -> Any:
    """Samples with density proportional to exp(-|x|^p): s g^(1 / p), s = +-1 and g a gamma sample of shape 1 / p.

    Args:
        key: a key.
        p: positive numbers that broadcast to `shape`.
        shape: shape of the result.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype, or a shape that p does not broadcast to.

    Example:
        >>> from funcgrad import random
        >>> abs(float(generalized_normal(random.key(0), 2.0, (4000,)).var()) - 0.5) < 0.05
        True
    """
    key, shape, dtype, (p,) = prepared("random.generalized_normal", key, shape, dtype, p)
    return compiled(_generalized_normal)(key, p)


def _generalized_normal(key: Any, p: Any) -> Any:
    first, second = split(key)
    return rademacher(second, tuple(p.shape), p.dtype) * fnp.power(_gamma(first, 1 / p), 1 / p)


@consumes
def ball(key: Any, d: Any, p: Any = 2.0, shape: Any = (), dtype: Any = np.float64) -> Any:
    """Points that are uniform in the unit ball of the p-norm in d dimensions.

    With generalized normal numbers g_1 ... g_d and an exponential e, the point is g / (sum |g_i|^p + e)^(1 / p).

    Args:
        key: a key.
        d: number of dimensions.
        p: a positive number.
        shape: shape of the result without its last axis.
        dtype: float32 or float64.

    Returns:
        An array [*shape, d].

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype.

    Example:
        >>> from funcgrad import random
        >>> x = ball(random.key(0), 3, shape=(100,))
        >>> x.shape, bool(((x**2).sum(axis=-1) <= 1).all())
        ((100, 3), True)

    Reference: F. Barthe, O. Guedon, S. Mendelson, A. Naor, A probabilistic approach to the geometry of the l_p^n-ball,
    Annals of Probability, 2005.
    """
    where = "random.ball"
    key, shape, dtype = check_key(key, where), to_shape(shape, where), float_dtype(dtype, where)
    full = (*shape, promotion.static_int(d, where))
    return _ball(key, parameter(p, dtype, (), where), shape=full)


@compiled
def _ball(key: Any, p: Any, shape: Shape) -> Any:
    first, second = split(key)
    g = _generalized_normal(first, promotion.broadcast(p, shape))
    norm = fnp.sum(fnp.power(fnp.absolute(g), p), axis=-1) + exponential(second, shape[:-1], p.dtype)
    return g / fnp.power(norm, 1 / p)[..., None]
