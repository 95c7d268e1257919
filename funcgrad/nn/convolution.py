"""Convolution layers of one, two, three or more axes of space; the shape of the weights says how many.

Images are (batch..., space..., channels), weights (window..., input channels, output channels).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import lax, random
from .. import numpy as fnp
from ..numpy import promotion
from . import initializers
from .operands import real

Params = dict[str, Any]
_LETTERS = "DHWXYZ"


def init_conv(
    key: Any,
    window: Sequence[int],
    inputs: int,
    outputs: int,
    *,
    groups: int = 1,
    bias: bool = True,
    weights_init: Any = None,
    bias_init: Any = initializers.zeros,
    dtype: Any = np.float64,
) -> Params:
    """Parameters of `conv` and, with one group, of `conv_transpose`.

    Args:
        key: a key.
        window: sizes along the axes of space: (3, 3) for images.
        inputs, outputs: numbers of channels.
        groups: channels in so many groups; as many as inputs make a depthwise convolution.
        bias: whether there is one.
        weights_init, bias_init: initializers; by default `glorot_normal` and zeros.

    Returns:
        `{"weights", "bias"}` of shapes (*window, inputs / groups, outputs) and (outputs,).

    Raises:
        ValueError: the groups do not divide the channels.

    Example:
        >>> from funcgrad import random
        >>> init_conv(random.key(0), (3, 3), 4, 8)["weights"].shape
        (3, 3, 4, 8)
    """
    if inputs % groups or outputs % groups:
        raise ValueError(f"init_conv: {groups} groups do not divide {inputs} inputs and {outputs} outputs.")
    first, second = random.split(key)
    shape = (*promotion.static_ints(window, "init_conv"), inputs // groups, outputs)
    params = {"weights": (weights_init or initializers.glorot_normal())(first, shape, dtype)}
    return {**params, "bias": bias_init(second, (outputs,), dtype)} if bias else params


def _prepared(where: str, params: Params, x: Any, groups: int) -> tuple[Any, tuple[int, ...], int, tuple[str, ...]]:
    """Images with one batch axis, the batch they had, the number of axes of space, and the names of axes."""
    x, shape = real(x, where), tuple(params["weights"].shape)
    space = len(shape) - 2
    if x.ndim < space + 1 or x.shape[-1] != shape[-2] * groups:
        raise ValueError(
            f"{where}: x has shape {tuple(x.shape)} and the weights {shape}"
            + (f", in {groups} groups.\n" if groups > 1 else ".\n")
            + f"Fix: x has {space} axes of space and then {shape[-2] * groups} channels."
        )
    batch, letters = tuple(x.shape[: x.ndim - space - 1]), _LETTERS[:space]
    images = fnp.reshape(x, (math.prod(batch), *x.shape[len(batch) :]))
    return images, batch, space, (f"N{letters}C", f"{letters}IO", f"N{letters}C")


def _finished(params: Params, out: Any, batch: tuple[int, ...]) -> Any:
    out = fnp.reshape(out, (*batch, *out.shape[1:]))
    return out + params["bias"] if "bias" in params else out


def same_dtype(images: Any, weights: Any) -> tuple[Any, Any]:
    """Both in their common dtype."""
    dtype = promotion.result_dtype(images, weights)
    return promotion.convert(images, dtype), promotion.convert(weights, dtype)


def _each(value: Any, space: int, where: str) -> tuple[int, ...]:
    sizes = promotion.static_ints(value, where)
    return sizes * space if len(sizes) == 1 else sizes


def _padding(padding: Any, space: int) -> Any:
    """One number stands for as much before and after every axis."""
    return ((int(padding), int(padding)),) * space if isinstance(padding, (int, np.integer)) else padding


def conv(
    params: Params,
    x: Any,
    strides: int | Sequence[int] = 1,
    padding: Any = "SAME",
    *,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Any:
    """Every window of x times the weights, plus the bias.

    Args:
        params: as made by `init_conv`.
        x: (batch..., space..., channels), with any number of batch axes.
        strides: from one window to the next, one number or one for each axis of space.
        padding: "SAME", "VALID", "SAME_LOWER", (before, after) for each axis of space, or one number for all.
        dilation: distance between neighbours in a window.
        groups: as given to `init_conv`.

    Returns:
        An array of shape (batch..., space..., outputs).

    Raises:
        ValueError: shapes do not fit each other.

    Example:
        >>> import numpy as np
        >>> params = {"weights": np.ones((2, 1, 1)), "bias": np.zeros(1)}
        >>> conv(params, np.array([[1.0], [2.0], [3.0]]), padding="VALID")
        array([[3.],
               [5.]])

    Reference: Y. LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 86 (1998).
    """
    images, batch, space, letters = _prepared("conv", params, x, groups)
    images, weights = same_dtype(images, params["weights"])
    out = lax.conv_general_dilated(
        images,
        weights,
        _each(strides, space, "conv"),
        _padding(padding, space),
        rhs_dilation=_each(dilation, space, "conv"),
        dimension_numbers=letters,
        feature_group_count=groups,
    )
    return _finished(params, out, batch)


def conv_transpose(
    params: Params,
    x: Any,
    strides: int | Sequence[int] = 1,
    padding: Any = "SAME",
    *,
    dilation: int | Sequence[int] = 1,
) -> Any:
    """A convolution with fractional strides, which makes images larger; see `lax.conv_transpose`.

    Args:
        params: as made by `init_conv`.
        x: (batch..., space..., channels).
        strides: how much larger the result is, one number or one for each axis of space.
        padding: "SAME" (size times stride), "VALID", pairs, or one number for all.
        dilation: distance between neighbours in a window.

    Returns:
        An array of shape (batch..., space..., outputs).

    Raises:
        ValueError: shapes do not fit each other.

    Example:
        >>> import numpy as np
        >>> params = {"weights": np.ones((2, 1, 1)), "bias": np.zeros(1)}
        >>> conv_transpose(params, np.array([[1.0], [2.0]]), 2)[:, 0]
        array([1., 1., 2., 2.])

    Reference: M. Zeiler, D. Krishnan, G. Taylor, R. Fergus, Deconvolutional networks, CVPR 2010.
    """
    images, batch, space, letters = _prepared("conv_transpose", params, x, 1)
    images, weights = same_dtype(images, params["weights"])
    out = lax.conv_transpose(
        images,
        weights,
        _each(strides, space, "conv_transpose"),
        _padding(padding, space),
        rhs_dilation=_each(dilation, space, "conv_transpose"),
        dimension_numbers=letters,
    )
    return _finished(params, out, batch)
