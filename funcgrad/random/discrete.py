"""Samplers of integers, truth values, categories, and random orders."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import numpy as fnp
from ..core.tracing import Tracer
from ..numpy import promotion
from .continuous import gumbel, uniform
from .keys import UINT32, Shape, check_key, random_bits, split, to_shape
from .parameters import high_precision
from .reuse import consumes


@consumes
def randint(key: Any, shape: Any, minval: Any, maxval: Any, dtype: Any = np.int64) -> Any:
    """Uniform integers of [minval, maxval).

    Twice as many random bits as the dtype has are reduced modulo the span, so that the bias is negligible.

    Args:
        key: a key.
        shape: shape of the result.
        minval, maxval: integers, or integer arrays that broadcast to `shape`; where maxval <= minval, minval comes out.
        dtype: an integer dtype.

    Raises:
        TypeError: when `key` is not a key, or the dtype not one of integers.

    Example:
        >>> from funcgrad import random
        >>> randint(random.key(0), (5,), 0, 10)
        array([5, 1, 5, 7, 3])
    """
    key, shape, dtype = check_key(key, "random.randint"), to_shape(shape, "random.randint"), np.dtype(dtype)
    if dtype.kind not in "iu":
        raise TypeError(f"random.randint: dtype must be an integer type, got {dtype}.")
    wide = dtype if dtype.itemsize >= 4 else np.dtype(np.int32)
    unsigned = np.dtype(f"uint{8 * wide.itemsize}")
    first, second = split(key)
    high, low = random_bits(first, shape, unsigned), random_bits(second, shape, unsigned)
    with np.errstate(over="ignore"):
        start, span = _span(minval, maxval, dtype, wide, unsigned)
        root = _remainder(unsigned.type(2 ** (4 * wide.itemsize)), span)
        factor = _remainder(root * root, span)  # 2^bits modulo the span
        offset = _remainder(_remainder(high, span) * factor + _remainder(low, span), span)
        return promotion.convert(start + promotion.convert(offset, wide), dtype)


def _span(minval: Any, maxval: Any, dtype: np.dtype, wide: np.dtype, unsigned: np.dtype) -> tuple[Any, Any]:
    """The first integer, and how many there are; 0 stands for all 2^bits of them."""
    limits = np.iinfo(dtype)
    low, high = (promotion.array_operand(v, "random.randint") for v in (minval, maxval))
    beyond = _exceeds(high, limits.max)  # maxval itself is excluded, so it may be one more than the dtype holds
    low, high = (promotion.convert(_clipped(v, limits), wide) for v in (low, high))
    if wide is not dtype:
        high, beyond = high + promotion.convert(beyond, wide), np.False_
    span = fnp.where(high <= low, unsigned.type(1), promotion.convert(high - low, unsigned))
    return low, span + promotion.convert(fnp.logical_and(beyond, high > low), unsigned)


def _exceeds(value: Any, largest: int) -> Any:
    """value > largest, false where the dtype of value cannot even say so."""
    if value.dtype.kind in "iu" and np.iinfo(value.dtype).max <= largest:
        return np.False_ if value.shape == () else fnp.zeros(value.shape, bool)
    return value > value.dtype.type(largest)


def _clipped(value: Any, limits: np.iinfo) -> Any:
    """Integers brought into the range of another dtype."""
    own = np.iinfo(value.dtype)
    low, high = max(own.min, limits.min), min(own.max, limits.max)
    return (
        value if (low, high) == (own.min, own.max) else fnp.clip(value, value.dtype.type(low), value.dtype.type(high))
    )


def _remainder(x: Any, span: Any) -> Any:
    """x modulo the span, and x itself where the span is 0, which stands for 2^bits."""
    if not isinstance(span, Tracer) and np.all(span):
        return fnp.fmod(x, span)
    whole = span == 0
    return fnp.where(whole, x, fnp.fmod(x, fnp.where(whole, span.dtype.type(1), span)))


@consumes
def bernoulli(key: Any, p: Any = 0.5, shape: Any = None, mode: str = "low") -> Any:
    """Truth values that are True with probability p.

    Args:
        key: a key.
        p: probabilities; their dtype is the precision of the comparison.
        shape: shape of the result, to which p broadcasts; None for that of p.
        mode: "high" spends twice the bits, so that also tiny probabilities are exact; else "low".

    Raises:
        TypeError: when `key` is not a key, or p not of a floating dtype.
        ValueError: for another mode.

    Example:
        >>> from funcgrad import random
        >>> abs(float(bernoulli(random.key(0), 0.3, (10000,)).mean()) - 0.3) < 0.02
        True
    """
    p = promotion.array_operand(p, "random.bernoulli")
    if p.dtype.kind != "f":
        raise TypeError(f"random.bernoulli: probabilities must be floating-point numbers, got dtype {p.dtype}.")
    shape = tuple(p.shape) if shape is None else to_shape(shape, "random.bernoulli")
    key = check_key(key, "random.bernoulli")
    if high_precision(mode, "random.bernoulli"):
        coarse, fine = uniform(key, (2, *shape), p.dtype)
        return fine * p.dtype.type(2.0 ** -np.finfo(p.dtype).nmant) < p - coarse
    return uniform(key, shape, p.dtype) < p


@consumes
def rademacher(key: Any, shape: Any = (), dtype: Any = np.int64) -> Any:
    """Samples that are -1 or 1, each with probability one half.

    Args:
        key: a key.
        shape: shape of the result.
        dtype: a signed integer or floating dtype.

    Raises:
        TypeError: when `key` is not a key, or the dtype cannot hold -1.

    Example:
        >>> from funcgrad import random
        >>> rademacher(random.key(0), (5,))
        array([ 1,  1, -1, -1, -1])
    """
    key, shape, dtype = check_key(key, "random.rademacher"), to_shape(shape, "random.rademacher"), np.dtype(dtype)
    if dtype.kind not in "if":
        raise TypeError(f"random.rademacher: dtype must be a signed integer or floating type, got {dtype}.")
    return 2 * promotion.convert(bernoulli(key, 0.5, shape), dtype) - 1


@consumes
def categorical(
    key: Any, logits: Any, axis: int = -1, shape: Any = None, replace: bool = True, mode: str | None = None
) -> Any:
    """Positions along an axis, each with probability softmax(logits): the largest of logits + Gumbel noise.

    Args:
        key: a key.
        logits: unnormalized log-probabilities.
        axis: the axis of the categories.
        shape: shape of the result, which ends with that of `logits` without the axis; None for just that.
        replace: whether one category may be drawn several times along the axes of `shape` that come before.
        mode: precision of the noise, as in `gumbel`.

    Raises:
        ValueError: when the shapes do not fit, or there are too few categories to draw from.

    Example:
        >>> import numpy as np
        >>> from funcgrad import random
        >>> categorical(random.key(0), np.log(np.array([0.0, 1.0, 0.0]) + 1e-300), shape=(4,))
        array([1, 1, 1, 1])

    Reference: E. Gumbel, Statistical theory of extreme values, National Bureau of Standards, 1954.
    """
    logits = promotion.array_operand(logits, "random.categorical")
    axis = promotion.one_axis(axis, logits.ndim, "random.categorical") - logits.ndim
    batch = tuple(np.delete(logits.shape, axis).tolist())
    shape = batch if shape is None else to_shape(shape, "random.categorical")
    if shape[len(shape) - len(batch) :] != batch:
        raise ValueError(
            f"random.categorical: shape {shape} must end with {batch}, the shape of logits without the axis."
        )
    if not replace:
        return _without_replacement(key, logits, axis, shape, shape[: len(shape) - len(batch)], mode)
    full = list(shape)
    full.insert(len(full) + axis + 1, logits.shape[axis])
    return fnp.argmax(gumbel(key, tuple(full), logits.dtype, mode) + logits, axis=axis)


def _without_replacement(key: Any, logits: Any, axis: int, shape: Shape, lead: Shape, mode: str | None) -> Any:
    """The positions of the largest of logits + noise, as many as `lead` has elements."""
    draws, count = math.prod(lead), logits.shape[axis]
    if draws > count:
        raise ValueError(f"random.categorical: cannot draw {draws} of {count} categories without replacement.")
    noisy = fnp.moveaxis(logits + gumbel(key, tuple(logits.shape), logits.dtype, mode), axis, -1)
    order = fnp.argsort(-noisy, axis=-1, kind="stable")[..., :draws]
    return fnp.reshape(fnp.moveaxis(order, -1, 0), shape)


@consumes
def permutation(key: Any, x: Any, axis: int = 0, independent: bool = False) -> Any:
    """A random order of the slices along an axis, or of the numbers 0 to x - 1.

    Args:
        key: a key.
        x: an array, or a number.
        axis: the axis to permute.
        independent: whether every line along the axis gets its own order.

    Raises:
        TypeError: when x is a number but not an integer.

    Example:
        >>> from funcgrad import random
        >>> sorted(permutation(random.key(0), 4).tolist())
        [0, 1, 2, 3]
    """
    key = check_key(key, "random.permutation")
    x = promotion.array_operand(x, "random.permutation")
    if x.ndim == 0:
        if x.dtype.kind not in "iu":
            raise TypeError(f"random.permutation: x must be an integer or have at least one axis, got {x!r}.")
        return _shuffled(key, np.arange(promotion.static_int(x, "random.permutation")), 0)
    axis = promotion.one_axis(axis, x.ndim, "random.permutation")
    if independent or x.ndim == 1:
        return _shuffled(key, x, axis)
    return fnp.take(x, _shuffled(key, np.arange(x.shape[axis]), 0), axis=axis)


def _shuffled(key: Any, x: Any, axis: int) -> Any:
    """Sort by random 32-bit numbers, as often as it takes for equal ones to stop mattering."""
    rounds = math.ceil(3 * math.log(max(1, math.prod(x.shape))) / math.log(2**32 - 1))
    for _ in range(rounds):
        key, fresh = split(key)
        order = fnp.argsort(random_bits(fresh, tuple(x.shape), UINT32), axis=axis, kind="stable")
        x = fnp.take_along_axis(x, order, axis=axis)
    return x


@consumes
def choice(
    key: Any,
    a: Any,
    shape: Any = (),
    replace: bool = True,
    p: Any = None,
    axis: int = 0,
    mode: str | None = None,
) -> Any:
    """Slices of an array, or numbers below a, drawn with or without replacement.

    Args:
        key: a key.
        a: an array, or a number that stands for arange(a).
        shape: how many to draw.
        replace: whether one may be drawn several times.
        p: their probabilities; None for equal ones.
        axis: the axis to draw from.
        mode: precision of the noise by which p is drawn from without replacement, as in `gumbel`.

    Returns:
        An array whose `axis` is replaced by `shape`.

    Raises:
        ValueError: when there are too few to draw from, or p has the wrong shape.

    Example:
        >>> from funcgrad import random
        >>> choice(random.key(0), 5, (3,), replace=False).shape
        (3,)
    """
    a, shape = promotion.array_operand(a, "random.choice"), to_shape(shape, "random.choice")
    axis = promotion.one_axis(axis, a.ndim, "random.choice") if a.ndim else 0
    population = a.shape[axis] if a.ndim else promotion.static_int(a, "random.choice")
    draws = math.prod(shape)
    if draws and population <= 0:
        raise ValueError("random.choice: there is nothing to draw from.")
    if not replace and draws > population:
        raise ValueError(f"random.choice: cannot draw {draws} of {population} without replacement.")
    positions = _positions(key, population, shape, draws, replace, p, mode)
    return positions if a.ndim == 0 else fnp.take(a, positions, axis=axis)


def _positions(key: Any, population: int, shape: Shape, draws: int, replace: bool, p: Any, mode: str | None) -> Any:
    if p is None:
        if replace:
            return randint(key, shape, 0, population)
        return fnp.reshape(permutation(key, population)[:draws], shape)
    p = promotion.array_operand(p, "random.choice")
    p = p if p.dtype.kind == "f" else promotion.convert(p, np.dtype(np.float64))
    if p.shape != (population,):
        raise ValueError(f"random.choice: p must have shape ({population},), got {tuple(p.shape)}.")
    if replace:
        total = fnp.cumsum(p)
        return fnp.searchsorted(total, total[-1] * (1 - uniform(key, shape, total.dtype)))
    noisy = gumbel(key, (population,), p.dtype, mode) + fnp.log(p)
    return fnp.reshape(fnp.argsort(-noisy, kind="stable")[:draws], shape)
