"""Samplers of counts: Poisson, binomial, multinomial, geometric. They have no derivatives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import numpy as fnp
from ..api.loops import scan, while_loop
from ..numpy import promotion
from .compiled import compiled, pointwise
from .continuous import uniform
from .keys import Shape, check_key, split
from .parameters import float_dtype, integer_dtype, parameter, result_shape
from .reuse import consumes

FLOAT = np.dtype(np.float64)
# log k! - (log sqrt(2 pi) + (k + 1/2) log(k + 1) - (k + 1)) for k = 0 ... 9; beyond, the series of Stirling is exact.
_TAIL = np.array([math.lgamma(k + 1) - (0.5 * math.log(2 * math.pi) + (k + 0.5) * math.log(k + 1) - (k + 1))
                  for k in range(10)])  # fmt: skip


def _stirling_tail(k: Any) -> Any:
    """What Stirling's formula lacks to log k!, for k >= 0."""
    square = fnp.square(k + 1)
    series = (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)
    table = fnp.take(_TAIL.astype(k.dtype), promotion.convert(fnp.clip(k, 0, 9), np.dtype(np.int64)))
    return fnp.where(k <= 9, table, series)


def _log_factorial(k: Any) -> Any:
    return 0.5 * math.log(2 * math.pi) + (k + 0.5) * fnp.log(k + 1) - (k + 1) + _stirling_tail(k)


def _positive(u: Any) -> Any:
    """Uniform numbers whose logarithm is finite."""
    return fnp.maximum(u, np.finfo(u.dtype).tiny)


def _by_rejection(key: Any, start: Any, propose: Any) -> Any:
    """Proposals `key -> (candidate, accepted)` until every element has an accepted one; the last accepted counts."""

    def step(state: Any) -> Any:
        key, found, value = state
        keys = split(key, 3)
        candidate, accept = propose(keys[1], keys[2])
        return keys[0], found | accept, fnp.where(accept, candidate, value)

    first = (key, fnp.zeros(start.shape, bool), start)
    return while_loop(lambda state: ~fnp.all(state[1]), step, first)[2]


# --- Poisson ----------------------------------------------------------------------------------------------------------


def _poisson_small(key: Any, rate: Any, shape: Shape) -> Any:
    """How many uniform numbers have a product above exp(-rate)."""

    def step(state: Any) -> Any:
        key, count, log_product = state
        key, now = split(key)
        log_product = log_product + fnp.log(_positive(uniform(now, shape)))
        return key, count + (log_product > -rate), log_product

    first = (key, fnp.zeros(shape, np.int64), fnp.zeros(shape))
    return promotion.convert(while_loop(lambda s: fnp.any(s[2] > -rate), step, first)[1], FLOAT)


def _poisson_large(key: Any, rate: Any, shape: Shape) -> Any:
    """Transformed rejection with squeeze (PTRS)."""
    b = 0.931 + 2.53 * fnp.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha, limit = 1.1239 + 1.1328 / (b - 3.4), 0.9277 - 3.6224 / (b - 2)
    log_rate = fnp.log(rate)

    def propose(first: Any, second: Any) -> Any:
        u, v = uniform(first, shape) - 0.5, uniform(second, shape)
        inside = fnp.maximum(0.5 - fnp.absolute(u), 2.0**-53)
        k = fnp.floor((2 * a / inside + b) * u + rate + 0.43)
        reject = (k < 0) | ((inside < 0.013) & (v > inside))
        safe = fnp.maximum(k, 0)
        hat = fnp.log(_positive(v * inverse_alpha / (a / (inside * inside) + b)))
        accept = ~reject & (hat <= safe * log_rate - rate - _log_factorial(safe))
        return safe, ((inside >= 0.07) & (v <= limit)) | accept

    return _by_rejection(key, fnp.zeros(shape), propose)


@consumes
def poisson(key: Any, lam: Any, shape: Any = None, dtype: Any = np.int64) -> Any:
    """Samples of the Poisson distribution, with probabilities lam^k e^(-lam) / k!.

    Computed in float64 whatever the dtype; these are not the numbers of JAX, whose float32 distorts large rates.

    Args:
        key: a key.
        lam: rates that broadcast to `shape`; 0 gives 0, and negative or NaN rates give -1.
        shape: shape of the result; None for that of lam.
        dtype: an integer dtype.

    Raises:
        TypeError: when `key` is not a key, or the dtype not one of integers.
        ValueError: for a shape that lam does not broadcast to.

    Example:
        >>> from funcgrad import random
        >>> abs(float(poisson(random.key(0), 4.0, (4000,)).mean()) - 4) < 0.2
        True

    Reference: W. Hoermann, The transformed rejection method for generating Poisson random variables, Insurance:
    Mathematics and Economics, 1993; below 10: D. Knuth, The Art of Computer Programming, vol. 2, 3.4.1.
    """
    where = "random.poisson"
    key, dtype, lam = check_key(key, where), integer_dtype(dtype, where), promotion.array_operand(lam, where)
    shape = result_shape(shape, where, tuple(lam.shape))
    return promotion.convert(_poisson(key, parameter(lam, FLOAT, shape, where)), dtype)


@compiled
def _poisson(key: Any, rate: Any) -> Any:
    shape = tuple(rate.shape)
    valid, small = rate >= 0, rate < 10
    few = _poisson_small(key, fnp.where(valid & small, rate, 0.0), shape)
    many = _poisson_large(key, fnp.where(valid & ~small, rate, 100.0), shape)
    return fnp.where(valid, fnp.where(small, few, many), -1.0)


# --- binomial ---------------------------------------------------------------------------------------------------------


def _binomial_small(key: Any, count: Any, p: Any, shape: Shape) -> Any:
    """How many geometric waiting times fit into `count` trials."""
    positive = p > 0
    log_q = fnp.log1p(-fnp.where(positive, p, 0.5))

    def step(state: Any) -> Any:
        key, successes, used = state
        now, key = split(key)
        wait = fnp.ceil(fnp.log(_positive(uniform(now, shape, p.dtype))) / log_q)
        used = used + fnp.where(positive, fnp.maximum(wait, 1), count + 1)
        return key, successes + promotion.convert(used <= count, p.dtype), used

    first = (key, fnp.zeros(shape, p.dtype), fnp.zeros(shape, p.dtype))
    return while_loop(lambda s: fnp.any(s[2] <= count), step, first)[1]


def _binomial_large(key: Any, count: Any, p: Any, shape: Shape) -> Any:
    """Transformed rejection with squeeze (BTRS), for count p >= 10 and p <= 1/2."""
    deviation = fnp.sqrt(count * p * (1 - p))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    center, limit = count * p + 0.5, 0.92 - 4.2 / b
    odds, alpha, mode = p / (1 - p), (2.83 + 5.1 / b) * deviation, fnp.floor((count + 1) * p)
    at_mode = (mode + 0.5) * fnp.log((mode + 1) / (odds * (count - mode + 1)))
    at_mode = at_mode + _stirling_tail(mode) + _stirling_tail(count - mode)

    def propose(first: Any, second: Any) -> Any:
        u, v = uniform(first, shape, p.dtype) - 0.5, uniform(second, shape, p.dtype)
        inside = fnp.maximum(0.5 - fnp.absolute(u), np.finfo(p.dtype).eps / 4)
        k = fnp.floor((2 * a / inside + b) * u + center)
        reject = (k < 0) | (k > count)
        safe = fnp.clip(k, 0, count)
        hat = fnp.log(_positive(v * alpha / (a / (inside * inside) + b)))
        bound = (
            at_mode
            + (count + 1) * fnp.log((count - mode + 1) / (count - safe + 1))
            + (safe + 0.5) * fnp.log(odds * (count - safe + 1) / (safe + 1))
            - _stirling_tail(safe)
            - _stirling_tail(count - safe)
        )
        return safe, ((inside >= 0.07) & (v <= limit) & ~reject) | (~reject & (hat <= bound))

    return _by_rejection(key, fnp.zeros(shape, p.dtype), propose)


def _binomial(key: Any, count: Any, p: Any, shape: Shape) -> Any:
    """Binomial samples for a count and a probability of the shape and dtype of the result."""
    mirrored = p >= 0.5
    q = fnp.where(mirrored, 1 - p, p)
    valid = (q >= 0) & (count >= 0)
    count, q = fnp.floor(fnp.where(valid, count, 0)), fnp.where(valid, q, 0)
    small = count * q <= 10
    few = _binomial_small(key, fnp.where(small, count, 0), fnp.where(small, q, 0), shape)
    many = _binomial_large(key, fnp.where(small, 10000, count), fnp.where(small, 0.5, q), shape)
    successes = fnp.where(small, few, many)
    return fnp.where(valid, fnp.where(mirrored, count - successes, successes), math.nan)


@consumes
def binomial(key: Any, n: Any, p: Any, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Numbers of successes among n trials, each with probability p.

    Args:
        key: a key.
        n: numbers of trials that broadcast to `shape`.
        p: probabilities that broadcast to `shape`.
        shape: shape of the result; None for the common shape of n and p.
        dtype: float32 or float64, in which whole numbers come out; NaN where n is negative or p no probability.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype, or a shape that the parameters do not broadcast to.

    Example:
        >>> from funcgrad import random
        >>> abs(float(binomial(random.key(0), 20, 0.3, (4000,)).mean()) - 6) < 0.2
        True

    Reference: W. Hoermann, The generation of binomial random variates, Journal of Statistical Computation and
    Simulation, 1993; few successes: L. Devroye, Non-Uniform Random Variate Generation, 1986, X.4.
    """
    where = "random.binomial"
    key, dtype = check_key(key, where), float_dtype(dtype, where)
    n, p = promotion.array_operand(n, where), promotion.array_operand(p, where)
    shape = result_shape(shape, where, tuple(n.shape), tuple(p.shape))
    n, p = (parameter(v, FLOAT, shape, where) for v in (n, p))
    return promotion.convert(compiled(_binomial)(key, n, p, shape=shape), dtype)


@consumes
def multinomial(key: Any, n: Any, p: Any, *, shape: Any = None, dtype: Any = np.float64, unroll: Any = 1) -> Any:
    """How often each of k outcomes occurs in n trials: one binomial sample after the other, of what is left.

    Args:
        key: a key.
        n: numbers of trials [...].
        p: probabilities [..., k]; they need not sum to 1.
        shape: shape of the result [..., k]; None for that of p.
        dtype: float32 or float64, in which whole numbers come out.
        unroll: accepted for the sake of the signature; it changes nothing.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype, or shapes that do not fit.

    Example:
        >>> import numpy as np
        >>> from funcgrad import random
        >>> multinomial(random.key(0), 10, np.array([0.2, 0.5, 0.3])).sum()
        np.float64(10.0)
    """
    del unroll
    where = "random.multinomial"
    key, dtype = check_key(key, where), float_dtype(dtype, where)
    n, p = promotion.array_operand(n, where), promotion.array_operand(p, where)
    if not p.ndim:
        raise ValueError(f"{where}: p must have at least one axis, got a number.")
    shape = result_shape(shape, where, tuple(p.shape), (*n.shape, 1))
    n, p = parameter(n, FLOAT, shape[:-1], where), parameter(p, FLOAT, shape, where)
    return promotion.convert(_multinomial(key, n, p), dtype)


@compiled
def _multinomial(key: Any, n: Any, p: Any) -> Any:
    shape, p = tuple(p.shape), fnp.moveaxis(p, -1, 0)
    left = fnp.flip(fnp.cumsum(fnp.flip(p, 0), axis=0), 0)
    ratios = fnp.clip(p / fnp.where(left == 0, 1, left), 0, 1)
    keys = split(key, shape[-1])

    def step(remainder: Any, outcome: Any) -> Any:
        ratio, now = outcome
        count = _binomial(now, remainder, ratio, shape[:-1])
        return remainder - count, count

    return fnp.moveaxis(scan(step, n, (ratios, keys))[1], 0, -1)


@consumes
def geometric(key: Any, p: Any, shape: Any = None, dtype: Any = np.int64) -> Any:
    """Numbers of trials up to the first success: floor(log u / log(1 - p)) + 1.

    Args:
        key: a key.
        p: probabilities in (0, 1] that broadcast to `shape`.
        shape: shape of the result; None for that of p.
        dtype: an integer dtype.

    Raises:
        TypeError: when `key` is not a key, or the dtype not one of integers.
        ValueError: for a shape that p does not broadcast to.

    Example:
        >>> from funcgrad import random
        >>> abs(float(geometric(random.key(0), 0.25, (4000,)).mean()) - 4) < 0.3
        True
    """
    where = "random.geometric"
    key, dtype, p = check_key(key, where), integer_dtype(dtype, where), promotion.array_operand(p, where)
    shape = result_shape(shape, where, tuple(p.shape))
    p = parameter(p, p.dtype if p.dtype.kind == "f" else FLOAT, shape, where)
    return promotion.convert(_failures(uniform(key, shape, p.dtype), p), dtype) + 1


@pointwise
def _failures(u: Any, p: Any) -> Any:
    """Failed trials before the first success."""
    certain = p >= 1
    waits = fnp.floor(fnp.log(fnp.where(u == 0, 1, u)) / fnp.log1p(-fnp.where(certain, 0.5, p)))
    return fnp.where(certain, 0, waits)
