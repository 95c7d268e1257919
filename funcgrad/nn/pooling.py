"""Pooling of images and sequences whose channels are last, by the names and signatures of Flax."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import lax
from .. import numpy as fnp
from ..numpy import promotion
from .operands import real


def _pooled(where: str, x: Any, init: float, computation: Any, window_shape: Any, strides: Any, padding: Any) -> Any:
    if np.ndim(window_shape) == 0:  # one number would be a window along the last axis of space alone
        raise TypeError(
            f"{where}: window_shape must be a tuple with one size for each axis of space, got {window_shape!r}."
        )
    sizes = promotion.static_ints(window_shape, where)
    steps = (1,) * len(sizes) if strides is None else promotion.static_ints(strides, where)
    batch = x.ndim - len(sizes) - 1
    if batch < 0 or len(steps) != len(sizes):
        raise ValueError(
            f"{where}: windows of {sizes} with strides {steps} do not fit an array of shape {tuple(x.shape)}.\n"
            "Fix: give one size and one stride for each axis of space; the axes are (batch..., space..., channels)."
        )
    pairs = padding if isinstance(padding, str) else ((0, 0),) * batch + tuple(padding) + ((0, 0),)
    whole = [(*(1,) * batch, *values, 1) for values in (sizes, steps)]
    return lax.reduce_window(x, init, computation, whole[0], whole[1], pairs)


def max_pool(
    inputs: Any, window_shape: Sequence[int], strides: Sequence[int] | None = None, padding: Any = "VALID"
) -> Any:
    """The largest element of every window, channel by channel.

    The derivative goes to the element it was taken from; of several equal ones in a window, to the first.

    Args:
        inputs: floats of shape (batch..., space..., channels); integers count as float64.
        window_shape: the size of windows along each axis of space.
        strides: from one window to the next; 1 where not given, as in Flax.
        padding: "VALID", "SAME", or (before, after) for each axis of space; padding is never chosen.

    Returns:
        An array with one element for each window and channel.

    Raises:
        TypeError: window_shape is one number.
        ValueError: sizes, strides or padding do not fit the inputs.

    Example:
        >>> import numpy as np
        >>> max_pool(np.arange(16.0).reshape(1, 4, 4, 1), (2, 2), (2, 2))[0, :, :, 0]
        array([[ 5.,  7.],
               [13., 15.]])

    Reference: https://flax.readthedocs.io/en/latest/api_reference/flax.nnx/nn/linear.html, whose interface this follows.
    """  # noqa: E501
    return _pooled("max_pool", real(inputs, "max_pool"), -math.inf, lax.max, window_shape, strides, padding)


def min_pool(
    inputs: Any, window_shape: Sequence[int], strides: Sequence[int] | None = None, padding: Any = "VALID"
) -> Any:
    """The smallest element of every window; see `max_pool`.

    Example:
        >>> import numpy as np
        >>> min_pool(np.arange(4.0).reshape(1, 4, 1), (2,), (2,))[0, :, 0]
        array([0., 2.])
    """
    return _pooled("min_pool", real(inputs, "min_pool"), math.inf, lax.min, window_shape, strides, padding)


def avg_pool(
    inputs: Any,
    window_shape: Sequence[int],
    strides: Sequence[int] | None = None,
    padding: Any = "VALID",
    count_include_pad: bool = True,
) -> Any:
    """The mean of every window; see `max_pool`.

    Args:
        inputs, window_shape, strides, padding: as `max_pool`.
        count_include_pad: whether the mean is over all elements of a window, zeros of the padding included, or over
            those of the inputs alone.

    Example:
        >>> import numpy as np
        >>> avg_pool(np.arange(4.0).reshape(1, 4, 1), (2,), (2,))[0, :, 0]
        array([0.5, 2.5])
        >>> avg_pool(np.ones((1, 3, 1)), (2,), (2,), "SAME", count_include_pad=False)[0, :, 0]
        array([1., 1.])
    """
    x = real(inputs, "avg_pool")
    total = _pooled("avg_pool", x, 0.0, lax.add, window_shape, strides, padding)
    if count_include_pad:
        return total / math.prod(promotion.static_ints(window_shape, "avg_pool"))
    ones = np.ones(x.shape, x.dtype)
    return total / _pooled("avg_pool", ones, 0.0, lax.add, window_shape, strides, padding)


def sum_pool(
    inputs: Any, window_shape: Sequence[int], strides: Sequence[int] | None = None, padding: Any = "VALID"
) -> Any:
    """The sum of every window; see `max_pool`.

    Example:
        >>> import numpy as np
        >>> sum_pool(np.arange(4.0).reshape(1, 4, 1), (2,), (2,))[0, :, 0]
        array([1., 5.])
    """
    return _pooled("sum_pool", real(inputs, "sum_pool"), 0.0, lax.add, window_shape, strides, padding)


# --- all of space, or a given number of windows -----------------------------------------------------------------------


def _space(where: str, inputs: Any) -> tuple[Any, tuple[int, ...]]:
    x = real(inputs, where)
    if x.ndim < 3:
        raise ValueError(
            f"{where}: inputs have shape {tuple(x.shape)}, which has no axis of space.\n"
            "Fix: the axes are (batch, space..., channels)."
        )
    return x, tuple(range(1, x.ndim - 1))


def global_avg_pool(inputs: Any) -> Any:
    """The mean over all of space: (batch, space..., channels) to (batch, channels).

    Raises:
        ValueError: there is no axis of space.

    Example:
        >>> import numpy as np
        >>> global_avg_pool(np.arange(4.0).reshape(1, 2, 2, 1))
        array([[1.5]])

    Reference: M. Lin, Q. Chen, S. Yan, Network in network, ICLR 2014.
    """
    x, axes = _space("global_avg_pool", inputs)
    return fnp.mean(x, axis=axes)


def global_max_pool(inputs: Any) -> Any:
    """The largest element of all of space: (batch, space..., channels) to (batch, channels).

    Raises:
        ValueError: there is no axis of space.

    Example:
        >>> import numpy as np
        >>> global_max_pool(np.arange(4.0).reshape(1, 2, 2, 1))
        array([[3.]])
    """
    x, axes = _space("global_max_pool", inputs)
    return fnp.max(x, axis=axes)


def _adaptive(where: str, inputs: Any, output_shape: Sequence[int], reduce: Callable[..., Any]) -> Any:
    """Windows i n / m to (i + 1) n / m, rounded outwards: a product of intervals, so axis after axis will do."""
    x, axes = _space(where, inputs)
    sizes = promotion.static_ints(output_shape, where)
    if len(sizes) != len(axes) or any(m < 1 or n < 1 for m, n in zip(sizes, x.shape[1:-1])):
        raise ValueError(
            f"{where}: inputs have shape {tuple(x.shape)}, and output_shape is {sizes}.\n"
            f"Fix: give {len(axes)} positive sizes, one for each axis of space."
        )
    for axis, m in zip(axes, sizes):
        n, before = x.shape[axis], (slice(None),) * axis
        cuts = [(*before, slice(i * n // m, -(-(i + 1) * n // m))) for i in range(m)]
        x = fnp.concatenate([reduce(x[cut], axis=axis, keepdims=True) for cut in cuts], axis)
    return x


def adaptive_avg_pool(inputs: Any, output_shape: Sequence[int]) -> Any:
    """The means of as many windows as asked for, which cover space evenly and may overlap by one element.

    Args:
        inputs: floats of shape (batch, space..., channels).
        output_shape: the number of windows along each axis of space.

    Returns:
        An array of shape (batch, *output_shape, channels).

    Raises:
        ValueError: the numbers of axes differ.

    Example:
        >>> import numpy as np
        >>> adaptive_avg_pool(np.arange(5.0).reshape(1, 5, 1), (2,))[0, :, 0]
        array([1., 3.])

    Reference: https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool2d.html, for the windows.
    """
    return _adaptive("adaptive_avg_pool", inputs, output_shape, fnp.mean)


def adaptive_max_pool(inputs: Any, output_shape: Sequence[int]) -> Any:
    """The largest elements of as many windows as asked for; see `adaptive_avg_pool`.

    Example:
        >>> import numpy as np
        >>> adaptive_max_pool(np.arange(5.0).reshape(1, 5, 1), (2,))[0, :, 0]
        array([2., 4.])
    """
    return _adaptive("adaptive_max_pool", inputs, output_shape, fnp.max)
