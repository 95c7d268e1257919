"""Arithmetic on pytrees that optimizers share: moments, step counts, and numbers that do not change dtypes.

A step size comes out of a schedule as float64. `number_like` gives it the dtype of the leaf it meets, once per leaf, so
that float32 parameters stay float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import numpy as fnp
from .. import tree
from ..core.avals import is_weak
from ..numpy.promotion import array_operand, convert

_LAST = np.iinfo(np.int32).max


def number_like(number: Any, leaf: Any) -> Any:
    """A scalar in the dtype of a leaf; Python numbers adapt by themselves."""
    return number if is_weak(number) else convert(array_operand(number), array_operand(leaf).dtype)


def scaled(factor: Any, updates: Any) -> Any:
    """factor * updates."""
    return tree.tree_map(lambda g: g * number_like(factor, g), updates)


def full_like(params: Any, value: float, dtype: Any = None) -> Any:
    """A pytree of arrays shaped like the parameters, filled with a number."""
    return tree.tree_map(lambda p: fnp.full_like(array_operand(p), value, dtype=dtype), params)


def first_step() -> Any:
    """The step count of a new state, int32 0."""
    return np.zeros((), np.int32)


def next_step(count: Any) -> Any:
    """count + 1, which stays at the largest int32 instead of wrapping around."""
    return fnp.minimum(count, _LAST - 1) + 1


def squared(x: Any) -> Any:
    """|x|^2, which for a complex number is the sum of the squares of both parts."""
    return fnp.real(x * fnp.conj(x)) if is_complex(x) else x * x


def is_complex(x: Any) -> bool:
    """Whether a leaf holds complex numbers."""
    return array_operand(x).dtype.kind == "c"


WRAP = "wrap the whole optimizer, as in split_real_and_imaginary(optimizer), which sees two real arrays."


def refuse_complex(updates: Any, where: str, fix: str = WRAP) -> None:
    """Raise for a pytree with complex leaves, for algorithms that order numbers or know them as real."""
    if any(is_complex(leaf) for leaf in tree.tree_leaves(updates)):
        raise TypeError(f"{where}: its formulas are for real numbers, and a leaf is complex.\nFix: {fix}")


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean along axes, 0 where there is nothing: a leaf without elements has no part in anything."""
    x = array_operand(x)
    axes = range(x.ndim) if axis is None else np.atleast_1d(axis)
    if all(x.shape[d] for d in axes):
        return fnp.mean(x, axis=axis, keepdims=keepdims)
    return fnp.sum(x, axis=axis, keepdims=keepdims)


def moving_average(values: Any, averages: Any, decay: Any) -> Any:
    """decay * average + (1 - decay) * value."""
    return tree.tree_map(
        lambda v, m: m * number_like(decay, m) + v * number_like(1 - decay, v),
        values,
        averages,
    )


def moving_square(values: Any, averages: Any, decay: Any) -> Any:
    """decay * average + (1 - decay) * |value|^2."""
    return tree.tree_map(
        lambda v, m: m * number_like(decay, m) + squared(v) * number_like(1 - decay, v),
        values,
        averages,
    )


def correction(decay: Any, count: Any) -> Any:
    """1 / (1 - decay^count): what makes a moving average that started at zero unbiased.

    Reference: D. Kingma, J. Ba, Adam: a method for stochastic optimization, ICLR 2015, section 3.
    """
    return 1 / (1 - decay**count)


def unbiased(averages: Any, decay: Any, count: Any) -> Any:
    """Moving averages over `count` values, corrected for their start at zero."""
    return scaled(correction(decay, count), averages)


def momentum_estimate(updates: Any, mu: Any, decay: Any, count: Any, nesterov: bool) -> Any:
    """The unbiased first moment; with `nesterov`, decay mu / (1 - decay^(t+1)) + (1 - decay) g / (1 - decay^t)."""
    if not nesterov:
        return unbiased(mu, decay, count)
    ahead, now = decay * correction(decay, next_step(count)), (1 - decay) * correction(decay, count)
    return tree.tree_map(lambda g, m: m * number_like(ahead, m) + g * number_like(now, g), updates, mu)


def over_root(values: Any, squares: Any, eps: Any, eps_root: Any) -> Any:
    """value / (sqrt(square + eps_root) + eps)."""
    return tree.tree_map(
        lambda m, v: m / (fnp.sqrt(v + number_like(eps_root, v)) + number_like(eps, v)), values, squares
    )


def like(values: Any, others: Any) -> Any:
    """Values in the dtypes of others."""
    return tree.tree_map(number_like, values, others)


def lowest_dtype(params: Any) -> Any:
    """The smallest floating dtype among the leaves, in which numbers that belong to all of them are kept."""
    dtypes = _real_dtypes(params)
    return min(dtypes, key=lambda d: d.itemsize, default=np.dtype(np.float64))


def _real_dtypes(params: Any) -> list[np.dtype]:
    """The dtype of every leaf, of complex ones that of their parts."""
    dtypes = [array_operand(p).dtype for p in tree.tree_leaves(params)]
    return [np.finfo(d).dtype if d.kind == "c" else d for d in dtypes]


def highest_dtype(params: Any) -> Any:
    """The largest floating dtype among the leaves."""
    dtypes = _real_dtypes(params)
    return max(dtypes, key=lambda d: d.itemsize, default=np.dtype(np.float64))


def number(value: Any, dtype: Any) -> Any:
    """A scalar array of this dtype."""
    return convert(array_operand(value), np.dtype(dtype))


def scheduled(value: Any, count: Any) -> Any:
    """The value of a schedule at a step, or a number as it is."""
    return value(count) if callable(value) else value
