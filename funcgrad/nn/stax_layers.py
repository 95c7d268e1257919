"""The layers of `stax` that have parameters: Dense, convolutions, BatchNorm."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from .. import lax, random
from .convolution import same_dtype
from .functions import standardize
from .initializers import glorot_normal, normal, ones, zeros
from .operands import real

Shape = tuple[int, ...]
Layer = tuple[Callable[..., Any], Callable[..., Any]]


def _fitting(layer: str, fits: bool, inputs: Any, weights: Any) -> None:
    if not fits:
        raise ValueError(
            f"{layer}: inputs have shape {tuple(inputs.shape)} and the weights {tuple(weights.shape)}.\n"
            f"Fix: call init with the shape of the inputs, and apply with the parameters it returns."
        )


def Dense(out_dim: int, W_init: Callable = glorot_normal(), b_init: Callable = normal()) -> Layer:
    """inputs W + b, over the last axis; params are (W, b).

    Example:
        >>> from funcgrad import random
        >>> init, apply = Dense(3)
        >>> init(random.key(0), (-1, 2))[0]
        (-1, 3)
    """

    def init(rng: Any, input_shape: Shape) -> tuple[Shape, Any]:
        first, second = random.split(rng)
        W, b = W_init(first, (input_shape[-1], out_dim)), b_init(second, (out_dim,))
        return (*input_shape[:-1], out_dim), (W, b)

    def apply(params: Any, inputs: Any, **kwargs: Any) -> Any:
        W, b = params
        inputs = real(inputs, "Dense")
        _fitting("Dense", inputs.ndim > 0 and inputs.shape[-1] == W.shape[0], inputs, W)
        return inputs @ W + b

    return init, apply


def _conv_init(
    layer: str, specs: Sequence[str], out_chan: int, filter_shape: Sequence[int], W_init: Any, b_init: Any, size: Any
) -> Callable:
    """`size(n, k, axis)` is the extent of the output along an axis of space."""
    lhs, rhs, out = specs
    W_init = W_init or glorot_normal(rhs.index("I"), rhs.index("O"))

    def init(rng: Any, input_shape: Shape) -> tuple[Shape, Any]:
        if len(input_shape) != len(lhs):
            raise ValueError(f"{layer}: input_shape {tuple(input_shape)} does not have the axes {lhs!r}.")
        space = [c for c in rhs if c not in "OI"]
        window = dict(zip(space, filter_shape, strict=True))
        sizes = {"O": out_chan, "I": input_shape[lhs.index("C")], **window}
        extents = {c: size(input_shape[lhs.index(c)], window[c], i) for i, c in enumerate(space)}
        extents.update(N=input_shape[lhs.index("N")], C=out_chan)
        first, second = random.split(rng)
        W = W_init(first, tuple(sizes[c] for c in rhs))
        b = b_init(second, tuple(out_chan if c == "C" else 1 for c in out))
        return tuple(extents[c] for c in out), (W, b)

    return init


def GeneralConv(
    dimension_numbers: Sequence[str],
    out_chan: int,
    filter_shape: Sequence[int],
    strides: Sequence[int] | None = None,
    padding: Any = "VALID",
    W_init: Any = None,
    b_init: Callable = normal(1e-6),
) -> Layer:
    """A convolution; see `lax.conv_general_dilated`. Params are (W, b).

    Args:
        dimension_numbers: letters of the axes of inputs, weights and outputs, such as ("NHWC", "HWIO", "NHWC").
        out_chan: number of output channels.
        filter_shape: sizes of the window.
        strides: from one window to the next; 1 by default.
        padding: "VALID", "SAME", or pairs.
        W_init, b_init: initializers; `glorot_normal` and normal with standard deviation 1e-6 by default.

    Example:
        >>> from funcgrad import random
        >>> init, apply = GeneralConv(("NHWC", "HWIO", "NHWC"), 8, (3, 3), padding="SAME")
        >>> init(random.key(0), (-1, 10, 10, 3))[0]
        (-1, 10, 10, 8)
    """
    steps = tuple(strides or (1,) * len(filter_shape))

    def size(n: int, k: int, axis: int) -> int:
        pads = padding
        if isinstance(padding, str):
            pads = {axis: lax.padtype_to_pads((n,), (k,), (steps[axis],), padding)[0]}
        return max(0, (n + sum(pads[axis]) - k) // steps[axis] + 1)

    def apply(params: Any, inputs: Any, **kwargs: Any) -> Any:
        W, b = params
        inputs, W = same_dtype(real(inputs, "GeneralConv"), W)
        channels = dimension_numbers[0].index("C"), dimension_numbers[1].index("I")
        fits = inputs.ndim == W.ndim and inputs.shape[channels[0]] == W.shape[channels[1]]
        _fitting("GeneralConv", fits, inputs, W)
        return lax.conv_general_dilated(inputs, W, steps, padding, dimension_numbers=dimension_numbers) + b

    return _conv_init("GeneralConv", dimension_numbers, out_chan, filter_shape, W_init, b_init, size), apply


Conv = functools.partial(GeneralConv, ("NHWC", "HWIO", "NHWC"))


def GeneralConvTranspose(
    dimension_numbers: Sequence[str],
    out_chan: int,
    filter_shape: Sequence[int],
    strides: Sequence[int] | None = None,
    padding: Any = "VALID",
    W_init: Any = None,
    b_init: Callable = normal(1e-6),
) -> Layer:
    """A transposed convolution; see `lax.conv_transpose`. Arguments are those of `GeneralConv`.

    Example:
        >>> from funcgrad import random
        >>> init, apply = GeneralConvTranspose(("NHC", "HIO", "NHC"), 8, (3,), (2,), "SAME")
        >>> init(random.key(0), (-1, 10, 3))[0]
        (-1, 20, 8)
    """
    steps = tuple(strides or (1,) * len(filter_shape))

    def size(n: int, k: int, axis: int) -> int:
        if padding == "SAME":
            return n * steps[axis]
        if padding == "VALID":
            return n * steps[axis] + max(k - steps[axis], 0)
        return max(0, (n - 1) * steps[axis] + 1 + sum(padding[axis]) - k + 1)

    def apply(params: Any, inputs: Any, **kwargs: Any) -> Any:
        W, b = params
        inputs, W = same_dtype(real(inputs, "GeneralConvTranspose"), W)
        channels = dimension_numbers[0].index("C"), dimension_numbers[1].index("I")
        fits = inputs.ndim == W.ndim and inputs.shape[channels[0]] == W.shape[channels[1]]
        _fitting("GeneralConvTranspose", fits, inputs, W)
        return lax.conv_transpose(inputs, W, steps, padding, dimension_numbers=dimension_numbers) + b

    return _conv_init("GeneralConvTranspose", dimension_numbers, out_chan, filter_shape, W_init, b_init, size), apply


Conv1DTranspose = functools.partial(GeneralConvTranspose, ("NHC", "HIO", "NHC"))
ConvTranspose = functools.partial(GeneralConvTranspose, ("NHWC", "HWIO", "NHWC"))


def BatchNorm(
    axis: Any = (0, 1, 2),
    epsilon: float = 1e-5,
    center: bool = True,
    scale: bool = True,
    beta_init: Callable = zeros,
    gamma_init: Callable = ones,
) -> Layer:
    """Normalization by the mean and variance of the batch at hand, in training and afterwards; params (beta, gamma).

    `nn.batch_norm` keeps running statistics.

    Args:
        axis: the axes over which mean and variance are taken.
        epsilon: added to the variance.
        center, scale: whether there is a beta to add, a gamma to multiply by.

    Example:
        >>> from funcgrad import random
        >>> init, apply = BatchNorm(axis=0)
        >>> init(random.key(0), (-1, 2))
        ((-1, 2), (array([0., 0.]), array([1., 1.])))
    """
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)

    def init(rng: Any, input_shape: Shape) -> tuple[Shape, Any]:
        shape = tuple(n for i, n in enumerate(input_shape) if i not in axes)
        first, second = random.split(rng)
        return input_shape, (beta_init(first, shape) if center else (), gamma_init(second, shape) if scale else ())

    def apply(params: Any, x: Any, **kwargs: Any) -> Any:
        beta, gamma = params
        x = real(x, "BatchNorm")
        spread = tuple(None if i in axes else slice(None) for i in range(x.ndim))
        out = standardize(x, axes, epsilon=epsilon)
        out = gamma[spread] * out if scale else out
        return out + beta[spread] if center else out

    return init, apply
