"""Samplers that are closed formulas of uniform, normal or exponential samples; differentiable in their parameters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import numpy as fnp
from ..numpy import promotion
from .compiled import pointwise
from .continuous import between, exponential_from, normal_from, unit
from .discrete import rademacher
from .keys import split, to_shape
from .parameters import arguments, parameter, prepared, result_shape
from .reuse import consumes


@consumes
def cauchy(key: Any, shape: Any = (), dtype: Any = np.float64) -> Any:
    """Samples of the Cauchy distribution with location 0 and scale 1: tan(pi (u - 1/2)).

    Args:
        key: a key.
        shape: shape of the result.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype.

    Example:
        >>> import numpy as np
        >>> from funcgrad import random
        >>> abs(float(np.median(cauchy(random.key(0), (10000,))))) < 0.05
        True
    """
    key, shape, dtype = arguments(key, shape, dtype, "random.cauchy")
    return _cauchy(unit(key, shape, dtype))


@pointwise
def _cauchy(number: Any) -> Any:
    dtype = number.dtype
    u = between(number, np.finfo(dtype).eps, dtype.type(1))
    return fnp.tan(dtype.type(math.pi) * (u - dtype.type(0.5)))


@consumes
def logistic(key: Any, shape: Any = (), dtype: Any = np.float64) -> Any:
    """Samples of the logistic distribution with mean 0 and scale 1: log(u / (1 - u)).

    Args:
        key: a key.
        shape: shape of the result.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype.

    Example:
        >>> from funcgrad import random
        >>> abs(float(logistic(random.key(0), (10000,)).var()) - 3.29) < 0.2
        True
    """
    key, shape, dtype = arguments(key, shape, dtype, "random.logistic")
    return _logistic(unit(key, shape, dtype))


@pointwise
def _logistic(number: Any) -> Any:
    u = between(number, np.finfo(number.dtype).tiny, number.dtype.type(1))
    return fnp.log(u) - fnp.log1p(-u)


@consumes
def lognormal(key: Any, sigma: Any = 1.0, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Samples whose logarithm is normal with mean 0 and standard deviation sigma: exp(sigma x).

    Args:
        key: a key.
        sigma: a number, or an array that broadcasts to `shape`.
        shape: shape of the result; None for that of sigma.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype, or a shape that sigma does not broadcast to.

    Example:
        >>> from funcgrad import random
        >>> bool(lognormal(random.key(0), 0.5, (100,)).min() > 0)
        True
    """
    key, shape, dtype, (sigma,) = prepared("random.lognormal", key, shape, dtype, sigma)
    return _lognormal(unit(key, shape, dtype), sigma)


@pointwise
def _lognormal(number: Any, sigma: Any) -> Any:
    return fnp.exp(normal_from(number) * sigma)


@consumes
def maxwell(key: Any, shape: Any = (), dtype: Any = np.float64) -> Any:
    """Samples of the Maxwell distribution with scale 1: the length of a normal vector of three components.

    Args:
        key: a key.
        shape: shape of the result.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype.

    Example:
        >>> from funcgrad import random
        >>> abs(float(maxwell(random.key(0), (10000,)).mean()) - 1.596) < 0.05
        True

    Reference: J. C. Maxwell, Illustrations of the dynamical theory of gases, Philosophical Magazine, 1860.
    """
    key, shape, dtype = arguments(key, shape, dtype, "random.maxwell")
    return _maxwell(*_three(key, shape, dtype))


def _three(key: Any, shape: Any, dtype: Any) -> list[Any]:
    """Three numbers of the unit interval for each sample."""
    numbers = unit(key, (*shape, 3), dtype)
    return [numbers[..., k] for k in range(3)]


def maxwell_from(a: Any, b: Any, c: Any) -> Any:
    """The length of the vector of three normal samples."""
    x, y, z = (normal_from(number) for number in (a, b, c))
    return fnp.sqrt(x * x + y * y + z * z)


_maxwell = pointwise(maxwell_from)


@consumes
def double_sided_maxwell(key: Any, loc: Any, scale: Any, shape: Any = (), dtype: Any = np.float64) -> Any:
    """Samples of the symmetric Maxwell distribution: loc + scale s m, s = +-1 and m a Maxwell sample.

    Args:
        key: a key.
        loc, scale: numbers, or arrays that broadcast together.
        shape: the shape before that of the parameters; the result has shape `shape + broadcast(loc, scale).shape`.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype.

    Example:
        >>> import numpy as np
        >>> from funcgrad import random
        >>> double_sided_maxwell(random.key(0), np.zeros(2), 1.0, (5,)).shape
        (5, 2)
    """
    where = "random.double_sided_maxwell"
    key, common, dtype, (loc, scale) = prepared(where, key, None, dtype, loc, scale)
    # As in JAX, no shape at all gives the shape of the parameters twice: one sample for each pair of places.
    shape = (to_shape(shape, where) or common) + common
    size, sign = split(key)
    return _two_sided(*_three(size, shape, dtype), rademacher(sign, shape, dtype), scale, loc)


@pointwise
def _two_sided(a: Any, b: Any, c: Any, sign: Any, scale: Any, loc: Any) -> Any:
    return sign * maxwell_from(a, b, c) * scale + loc


@consumes
def pareto(key: Any, b: Any, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Samples of the Pareto distribution with density b / x^(b + 1), x >= 1: exp(e / b), e exponential.

    Args:
        key: a key.
        b: positive numbers that broadcast to `shape`.
        shape: shape of the result; None for that of b.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype, or a shape that b does not broadcast to.

    Example:
        >>> from funcgrad import random
        >>> bool(pareto(random.key(0), 3.0, (100,)).min() >= 1)
        True
    """
    key, shape, dtype, (b,) = prepared("random.pareto", key, shape, dtype, b)
    return _pareto(unit(key, shape, dtype), b)


@pointwise
def _pareto(number: Any, b: Any) -> Any:
    return fnp.exp(exponential_from(number) / b)


@consumes
def rayleigh(key: Any, scale: Any, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Samples of the Rayleigh distribution: scale sqrt(-2 log u).

    Args:
        key: a key.
        scale: positive numbers that broadcast to `shape`.
        shape: shape of the result; None for that of scale.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype, or a shape that scale does not broadcast to.

    Example:
        >>> from funcgrad import random
        >>> abs(float(rayleigh(random.key(0), 2.0, (10000,)).mean()) - 2.507) < 0.05
        True
    """
    key, shape, dtype, (scale,) = prepared("random.rayleigh", key, shape, dtype, scale)
    return _rayleigh(unit(key, shape, dtype), scale)


@pointwise
def _rayleigh(number: Any, scale: Any) -> Any:
    dtype = number.dtype
    u = fnp.maximum(number, np.finfo(dtype).tiny)  # the logarithm of 0 would be an infinite sample
    return scale * fnp.sqrt(fnp.log(u) * dtype.type(-2))


@consumes
def triangular(key: Any, left: Any, mode: Any, right: Any, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Samples of the triangular distribution on [left, right] whose density is largest at `mode`.

        F(x) = (x - l)^2 / ((r - l) (m - l))  left of the mode,   1 - (r - x)^2 / ((r - l) (r - m))  right of it

    Args:
        key: a key.
        left, mode, right: numbers, or arrays that broadcast to `shape`, with left <= mode <= right, left < right.
        shape: shape of the result; None for the common shape of the parameters.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype, or a shape that the parameters do not broadcast to.

    Example:
        >>> from funcgrad import random
        >>> abs(float(triangular(random.key(0), 0.0, 1.0, 2.0, (10000,)).mean()) - 1) < 0.05
        True
    """
    where = "random.triangular"
    key, shape, dtype, (left, mode, right) = prepared(where, key, shape, dtype, left, mode, right)
    return _triangular(unit(key, shape, dtype), left, mode, right)


@pointwise
def _triangular(u: Any, left: Any, mode: Any, right: Any) -> Any:
    width = right - left
    below = left + fnp.sqrt(u * width * (mode - left))
    above = right - fnp.sqrt((1 - u) * width * (right - mode))
    return fnp.where(u < (mode - left) / width, below, above)


@consumes
def wald(key: Any, mean: Any, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Samples of the Wald (inverse normal) distribution with the given mean and scale 1.

    With y the square of a normal sample, x is the smaller root of (x - mean)^2 = mean^2 x y, which is taken with
    probability mean / (mean + x), and the other root mean^2 / x else.

    Args:
        key: a key.
        mean: positive numbers that broadcast to `shape`.
        shape: shape of the result; None for that of mean.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype, or a shape that mean does not broadcast to.

    Example:
        >>> from funcgrad import random
        >>> abs(float(wald(random.key(0), 2.0, (10000,)).mean()) - 2) < 0.15
        True

    Reference: J. Michael, W. Schucany, R. Haas, Generating random variates using transformations with multiple roots,
    The American Statistician, 1976.
    """
    key, shape, dtype, (mean,) = prepared("random.wald", key, shape, dtype, mean)
    first, second = split(key)
    return _wald(unit(first, shape, dtype), unit(second, shape, dtype), mean)


@pointwise
def _wald(number: Any, u: Any, mean: Any) -> Any:
    y = fnp.square(normal_from(number))
    # The smaller root as 2 m / (2 + m y + sqrt(m y (4 + m y))): no difference of nearly equal numbers.
    my = mean * y
    small = 2 * mean / (2 + my + fnp.sqrt(my * (4 + my)))
    return fnp.where(u <= mean / (mean + small), small, mean * (mean / small))


@consumes
def weibull_min(key: Any, scale: Any, concentration: Any, shape: Any = (), dtype: Any = np.float64) -> Any:
    """Samples of the Weibull distribution: scale (-log(1 - u))^(1 / concentration).

    Args:
        key: a key.
        scale, concentration: positive numbers that broadcast together.
        shape: shape of the uniform samples u, which broadcasts with the parameters.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype, or shapes that do not broadcast.

    Example:
        >>> from funcgrad import random
        >>> abs(float(weibull_min(random.key(0), 1.0, 2.0, (10000,)).mean()) - 0.886) < 0.05
        True

    Reference: W. Weibull, A statistical distribution function of wide applicability, J. of Applied Mechanics, 1951.
    """
    where = "random.weibull_min"
    key, shape, dtype = arguments(key, shape, dtype, where)
    values = [promotion.array_operand(v, where) for v in (scale, concentration)]
    full = result_shape(None, where, shape, *(tuple(v.shape) for v in values))
    scale, concentration = (parameter(v, dtype, full, where) for v in values)
    return _weibull(promotion.broadcast(unit(key, shape, dtype), full), concentration, scale)


@pointwise
def _weibull(number: Any, concentration: Any, scale: Any) -> Any:
    return fnp.power(exponential_from(number), 1 / concentration) * scale
