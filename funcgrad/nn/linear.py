"""Layers that are one product with weights: dense layers, stacks of them, and tables of vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from .. import numpy as fnp
from .. import random
from ..numpy import promotion
from . import activations, initializers
from .operands import real

Params = dict[str, Any]


def init_dense(
    key: Any,
    inputs: int,
    outputs: int,
    *,
    bias: bool = True,
    weights_init: Any = None,
    bias_init: Any = initializers.zeros,
    dtype: Any = np.float64,
) -> Params:
    """Parameters of `dense`.

    Args:
        key: a key.
        inputs, outputs: how many features.
        bias: whether there is one.
        weights_init, bias_init: initializers; by default `glorot_normal` and zeros.

    Returns:
        `{"weights", "bias"}` of shapes (inputs, outputs) and (outputs,).

    Example:
        >>> from funcgrad import random
        >>> init_dense(random.key(0), 3, 2)["weights"].shape
        (3, 2)
    """
    first, second = random.split(key)
    params = {"weights": (weights_init or initializers.glorot_normal())(first, (inputs, outputs), dtype)}
    return {**params, "bias": bias_init(second, (outputs,), dtype)} if bias else params


def dense(params: Params, x: Any) -> Any:
    """x weights + bias, over the last axis.

    Args:
        params: as made by `init_dense`.
        x: (..., inputs).

    Returns:
        An array of shape (..., outputs).

    Raises:
        ValueError: the last axis of x does not fit the weights.

    Example:
        >>> import numpy as np
        >>> dense({"weights": np.array([[1.0], [2.0]]), "bias": np.array([0.5])}, np.array([1.0, 1.0]))
        array([3.5])
    """
    x, weights = real(x, "dense"), params["weights"]
    if x.ndim == 0 or x.shape[-1] != weights.shape[0]:
        raise ValueError(
            f"dense: x has shape {tuple(x.shape)} and the weights {tuple(weights.shape)}.\n"
            f"Fix: the last axis of x are the {weights.shape[0]} inputs of the weights."
        )
    out = x @ weights
    return out + params["bias"] if "bias" in params else out


def init_mlp(key: Any, sizes: Sequence[int], *, weights_init: Any = None, dtype: Any = np.float64) -> list[Params]:
    """Parameters of `mlp`: those of one dense layer for each two neighbours in `sizes`.

    The weights have variance 2 / inputs (`he_normal`) by default, which keeps the size of signals through layers of
    relu.

    Example:
        >>> from funcgrad import random
        >>> [layer["weights"].shape for layer in init_mlp(random.key(0), [4, 8, 2])]
        [(4, 8), (8, 2)]
    """
    init = weights_init or initializers.he_normal()
    keys = random.split(key, max(len(sizes) - 1, 1))
    return [init_dense(k, a, b, weights_init=init, dtype=dtype) for k, (a, b) in zip(keys, pairwise(sizes))]


def mlp(params: Sequence[Params], x: Any, activation: Callable[[Any], Any] = activations.relu) -> Any:
    """Dense layers, with an activation after each but the last.

    Args:
        params: as made by `init_mlp`.
        x: (..., inputs).
        activation: a function of arrays.

    Returns:
        An array of shape (..., outputs).

    Raises:
        ValueError: shapes do not fit each other.

    Example:
        >>> import numpy as np
        >>> from funcgrad import random
        >>> mlp(init_mlp(random.key(0), [4, 8, 2]), np.ones((3, 4))).shape
        (3, 2)
    """
    for layer in params[:-1]:
        x = activation(dense(layer, x))
    return dense(params[-1], x) if params else x


def init_embedding(key: Any, count: int, size: int, *, init: Any = None, dtype: Any = np.float64) -> Params:
    """Parameters of `embedding`: a table of shape (count, size), normal with standard deviation 1 by default.

    Example:
        >>> from funcgrad import random
        >>> init_embedding(random.key(0), 5, 3)["table"].shape
        (5, 3)
    """
    return {"table": (init or initializers.normal(1.0))(key, (count, size), dtype)}


def embedding(params: Params, ids: Any) -> Any:
    """The rows of a table that integers name.

    Args:
        params: as made by `init_embedding`.
        ids: integers of any shape; those out of range raise, or under `jit` take the nearest row.

    Returns:
        An array of shape (*ids.shape, size).

    Raises:
        TypeError: ids are not integers.

    Example:
        >>> import numpy as np
        >>> embedding({"table": np.array([[1.0], [2.0]])}, np.array([1, 1, 0]))
        array([[2.],
               [2.],
               [1.]])
    """
    ids = promotion.array_operand(ids, "embedding")
    if ids.dtype.kind not in "iu":
        raise TypeError(f"embedding: ids have dtype {ids.dtype}.\nFix: give integers; ids.astype(int) makes them.")
    return fnp.take(params["table"], ids, axis=0)


def residual(layer: Callable[..., Any]) -> Callable[..., Any]:
    """The function of parameters and x that is x + layer(params, x).

    Args:
        layer: a function `layer(params, x, ...)` to an array of the shape of x.

    Raises:
        ValueError: when called, and the layer changes the shape.

    Example:
        >>> import numpy as np
        >>> residual(dense)({"weights": np.eye(2), "bias": np.zeros(2)}, np.array([1.0, 2.0]))
        array([2., 4.])

    Reference: K. He, X. Zhang, S. Ren, J. Sun, Deep residual learning for image recognition, CVPR 2016.
    """

    def with_shortcut(params: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        x = promotion.array_operand(x, "residual")
        out = layer(params, x, *args, **kwargs)
        if tuple(out.shape) != tuple(x.shape):
            raise ValueError(
                f"residual: {getattr(layer, '__name__', layer)} turns shape {tuple(x.shape)} into {tuple(out.shape)}, "
                "so there is no sum.\nFix: keep the shape, or project x to the new one and add it yourself."
            )
        return x + out

    return with_shortcut
