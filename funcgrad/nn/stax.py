"""Layers as pairs (init, apply) and how to combine them, by the names and with the meanings of JAX's `stax`.

    init(key, input_shape) -> (output_shape, params)        apply(params, inputs, rng=key) -> outputs

Shapes are tuples of integers; an axis that does not matter, such as the batch, may be -1. Layers whose names are those
of classes (`Dense`) are functions that make such pairs, or pairs themselves (`Relu`).

Example:
    >>> import numpy as np
    >>> from funcgrad import random
    >>> init, predict = serial(Dense(8), Relu, Dense(2), LogSoftmax)
    >>> shape, params = init(random.key(0), (-1, 4))
    >>> shape, predict(params, np.ones((3, 4))).shape
    ((-1, 2), (3, 2))

Reference: https://github.com/jax-ml/jax/blob/main/jax/example_libraries/stax.py, whose interface this follows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .. import lax, random
from .. import numpy as fnp
from ..numpy import promotion
from .activations import elu, gelu, leaky_relu, relu, selu, sigmoid, softplus
from .functions import log_softmax, softmax, standardize
from .initializers import glorot_normal, normal, ones, zeros
from .operands import real
from .stax_layers import (
    BatchNorm,
    Conv,
    Conv1DTranspose,
    ConvTranspose,
    Dense,
    GeneralConv,
    GeneralConvTranspose,
    Layer,
    Shape,
)

glorot = glorot_normal
randn = normal
logsoftmax = log_softmax


# --- layers without parameters ----------------------------------------------------------------------------------------


def elementwise(fun: Callable, **fun_kwargs: Any) -> Layer:
    """A layer that applies a function which keeps the shape.

    Example:
        >>> from funcgrad import numpy as fnp
        >>> elementwise(fnp.sin)[1]((), 0.0)
        np.float64(0.0)
    """
    return (lambda rng, input_shape: (input_shape, ())), (lambda params, inputs, **kwargs: fun(inputs, **fun_kwargs))


Tanh = elementwise(fnp.tanh)
Relu = elementwise(relu)
Exp = elementwise(fnp.exp)
LogSoftmax = elementwise(log_softmax, axis=-1)
Softmax = elementwise(softmax, axis=-1)
Softplus = elementwise(softplus)
Sigmoid = elementwise(sigmoid)
Elu = elementwise(elu)
LeakyRelu = elementwise(leaky_relu)
Selu = elementwise(selu)
Gelu = elementwise(gelu)


def _pooling(init_value: float, computation: Callable, mean: bool, window_shape: Any, strides: Any, padding: Any,
             spec: str | None) -> Layer:  # fmt: skip
    window = promotion.static_ints(window_shape, "window_shape")
    steps = (1,) * len(window) if strides is None else promotion.static_ints(strides, "strides")
    others = (0, len(window) + 1) if spec is None else (spec.index("N"), spec.index("C"))
    sizes, whole_steps = list(window), list(steps)
    for axis in sorted(others):
        sizes.insert(axis, 1)
        whole_steps.insert(axis, 1)

    def pairs(shape: Shape) -> Any:
        return lax.padtype_to_pads(shape, sizes, whole_steps, padding) if isinstance(padding, str) else padding

    def init(rng: Any, input_shape: Shape) -> tuple[Shape, Any]:
        pads = pairs(input_shape)
        space = [
            n if axis in others else max(0, (n + sum(pads[axis]) - sizes[axis]) // whole_steps[axis] + 1)
            for axis, n in enumerate(input_shape)
        ]
        return tuple(space), ()

    def apply(params: Any, inputs: Any, **kwargs: Any) -> Any:
        inputs = real(inputs, "a pooling layer")
        out = lax.reduce_window(inputs, init_value, computation, sizes, whole_steps, padding)
        if not mean:
            return out
        within = fnp.ones(tuple(1 if a in others else n for a, n in enumerate(inputs.shape)), inputs.dtype)
        return out / lax.reduce_window(within, 0.0, lax.add, sizes, whole_steps, padding)

    return init, apply


def MaxPool(
    window_shape: Sequence[int], strides: Sequence[int] | None = None, padding: Any = "VALID", spec: str | None = None
) -> Layer:
    """The largest element of every window.

    Args:
        window_shape: sizes along the axes of space.
        strides: from one window to the next; 1 by default.
        padding: "VALID", "SAME", or pairs for all axes.
        spec: letters of the axes, such as "NHWC"; by default the batch is first and the channels are last.

    Example:
        >>> from funcgrad import random
        >>> MaxPool((2, 2), (2, 2))[0](random.key(0), (-1, 8, 8, 3))[0]
        (-1, 4, 4, 3)
    """
    return _pooling(-math.inf, lax.max, False, window_shape, strides, padding, spec)


def SumPool(
    window_shape: Sequence[int], strides: Sequence[int] | None = None, padding: Any = "VALID", spec: str | None = None
) -> Layer:
    """The sum of every window; see `MaxPool`.

    Example:
        >>> import numpy as np
        >>> SumPool((2,))[1]((), np.ones((1, 3, 1)))[0, :, 0]
        array([2., 2.])
    """
    return _pooling(0.0, lax.add, False, window_shape, strides, padding, spec)


def AvgPool(
    window_shape: Sequence[int], strides: Sequence[int] | None = None, padding: Any = "VALID", spec: str | None = None
) -> Layer:
    """The mean of every window, over those elements that are not padding; see `MaxPool`.

    Example:
        >>> import numpy as np
        >>> AvgPool((2,), padding="SAME")[1]((), np.ones((1, 3, 1)))[0, :, 0]
        array([1., 1., 1.])
    """
    return _pooling(0.0, lax.add, True, window_shape, strides, padding, spec)


Flatten: Layer = (
    lambda rng, input_shape: ((input_shape[0], math.prod(input_shape[1:])), ()),
    lambda params, inputs, **kwargs: fnp.reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:]))),
)
Identity: Layer = (lambda rng, input_shape: (input_shape, ())), (lambda params, inputs, **kwargs: inputs)


def Dropout(rate: float, mode: str = "train") -> Layer:
    """Elements kept with probability `rate` and divided by it, the others 0; see `nn.dropout`.

    Args:
        rate: the probability to keep an element (that of `nn.dropout` is the one to drop it).
        mode: "train", or anything else for a layer that does nothing.

    Raises:
        ValueError: when applied without `rng`.

    Example:
        >>> import numpy as np
        >>> Dropout(0.5, mode="test")[1]((), np.ones(3), rng=random.key(0))
        array([1., 1., 1.])
    """

    def apply(params: Any, inputs: Any, **kwargs: Any) -> Any:
        rng = kwargs.get("rng")
        if rng is None:
            raise ValueError(
                "Dropout: apply needs a key.\nFix: write apply(params, inputs, rng=key), with a key made by random.key."
            )
        if mode != "train":
            return inputs
        kept = random.bernoulli(rng, rate, tuple(inputs.shape))
        return fnp.where(kept, inputs / rate, 0)

    return (lambda rng, input_shape: (input_shape, ())), apply


# --- several inputs or outputs ----------------------------------------------------------------------------------------


def FanOut(num: int) -> Layer:
    """One input to a list of `num` equal outputs.

    Example:
        >>> FanOut(2)[1]((), 1.0)
        [1.0, 1.0]
    """
    return (lambda rng, input_shape: ([input_shape] * num, ())), (lambda params, inputs, **kwargs: [inputs] * num)


FanInSum: Layer = (lambda rng, input_shape: (input_shape[0], ())), (lambda params, inputs, **kwargs: sum(inputs))


def FanInConcat(axis: int = -1) -> Layer:
    """A list of inputs, joined along an axis.

    Example:
        >>> FanInConcat()[0](None, [(-1, 2), (-1, 3)])[0]
        (-1, 5)
    """

    def init(rng: Any, input_shape: Sequence[Shape]) -> tuple[Shape, Any]:
        first = tuple(input_shape[0])
        at = axis % len(first)
        return (*first[:at], sum(shape[at] for shape in input_shape), *first[at + 1 :]), ()

    return init, lambda params, inputs, **kwargs: fnp.concatenate(inputs, axis)


# --- combinators ------------------------------------------------------------------------------------------------------


def _keys(rng: Any, count: int) -> Sequence[Any]:
    return [None] * count if rng is None else random.split(rng, count)


def serial(*layers: Layer) -> Layer:
    """Layers one after the other; params are a list.

    Example:
        >>> from funcgrad import random
        >>> init, apply = serial(Dense(3), Relu)
        >>> shape, params = init(random.key(0), (-1, 2))
        >>> len(params), params[1]
        (2, ())
    """
    inits, applies = zip(*layers) if layers else ((), ())

    def init(rng: Any, input_shape: Any) -> tuple[Any, list[Any]]:
        params = []
        for layer in inits:
            rng, layer_rng = random.split(rng)
            input_shape, param = layer(layer_rng, input_shape)
            params.append(param)
        return input_shape, params

    def apply(params: Any, inputs: Any, **kwargs: Any) -> Any:
        keys = _keys(kwargs.pop("rng", None), len(applies))
        for layer, param, rng in zip(applies, params, keys, strict=True):
            inputs = layer(param, inputs, rng=rng, **kwargs)
        return inputs

    return init, apply


def parallel(*layers: Layer) -> Layer:
    """Layers side by side: a list of inputs, one for each, to a list of outputs. Often between `FanOut` and `FanInSum`.

    Example:
        >>> from funcgrad import random
        >>> init, apply = serial(FanOut(2), parallel(Dense(3), Identity), FanInConcat())
        >>> init(random.key(0), (-1, 2))[0]
        (-1, 5)
    """
    inits, applies = zip(*layers) if layers else ((), ())

    def init(rng: Any, input_shape: Sequence[Shape]) -> tuple[Any, Any]:
        keys = random.split(rng, len(inits))
        pairs = [layer(key, shape) for layer, key, shape in zip(inits, keys, input_shape, strict=True)]
        return tuple(shape for shape, _ in pairs), tuple(param for _, param in pairs)

    def apply(params: Any, inputs: Any, **kwargs: Any) -> list[Any]:
        keys = _keys(kwargs.pop("rng", None), len(applies))
        zipped = zip(applies, params, inputs, keys, strict=True)
        return [layer(param, x, rng=rng, **kwargs) for layer, param, x, rng in zipped]

    return init, apply


def shape_dependent(make_layer: Callable[[Shape], Layer]) -> Layer:
    """A layer made, by `make_layer(input_shape)`, when the shape of its input is known.

    Example:
        >>> from funcgrad import random
        >>> init, apply = shape_dependent(lambda shape: Dense(shape[-1]))
        >>> init(random.key(0), (-1, 7))[0]
        (-1, 7)
    """

    def init(rng: Any, input_shape: Shape) -> Any:
        return make_layer(input_shape)[0](rng, input_shape)

    def apply(params: Any, inputs: Any, **kwargs: Any) -> Any:
        return make_layer(tuple(inputs.shape))[1](params, inputs, **kwargs)

    return init, apply


__all__ = [
    "AvgPool", "BatchNorm", "Conv", "Conv1DTranspose", "ConvTranspose", "Dense", "Dropout", "Elu", "Exp", "FanInConcat",
    "FanInSum", "FanOut", "Flatten", "Gelu", "GeneralConv", "GeneralConvTranspose", "Identity", "LeakyRelu",
    "LogSoftmax", "MaxPool", "Relu", "Selu", "Sigmoid", "Softmax", "Softplus", "SumPool", "Tanh", "elementwise", "elu",
    "gelu", "glorot", "glorot_normal", "leaky_relu", "log_softmax", "logsoftmax", "normal", "ones", "parallel", "randn",
    "relu", "selu", "serial", "shape_dependent", "sigmoid", "softmax", "softplus", "standardize", "zeros",
]  # fmt: skip
