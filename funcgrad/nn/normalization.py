"""Normalization of activations (batch, layer, group, instance, RMS) and of weights (weight norm, spectral norm).

All but batch norm and spectral norm are plain functions of parameters and x. Those two keep numbers from step to step,
which are not parameters: they come in as `state` and go out as a new one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import lax, random
from .. import numpy as fnp
from ..numpy import promotion
from ..ops import elementwise
from .functions import standardize
from .operands import real

Params = dict[str, Any]


def init_layer_norm(size: int, *, dtype: Any = np.float64) -> Params:
    """Parameters of `layer_norm`, `group_norm` and `instance_norm`: a scale of 1 and a bias of 0 for every channel.

    Example:
        >>> init_layer_norm(2)
        {'scale': array([1., 1.]), 'bias': array([0., 0.])}
    """
    return {"scale": np.ones(size, dtype), "bias": np.zeros(size, dtype)}


init_group_norm = init_instance_norm = init_layer_norm


def init_rms_norm(size: int, *, dtype: Any = np.float64) -> Params:
    """Parameters of `rms_norm`: a scale of 1 for every channel.

    Example:
        >>> init_rms_norm(2)
        {'scale': array([1., 1.])}
    """
    return {"scale": np.ones(size, dtype)}


def _affine(where: str, params: Params, x: Any, normalized: Any) -> Any:
    for name, value in params.items():
        if x.ndim == 0 or tuple(value.shape) != (x.shape[-1],):
            raise ValueError(
                f"{where}: x has shape {tuple(x.shape)} and the {name} {tuple(value.shape)}.\n"
                "Fix: the channels are the last axis of x, and there is one number for each of them."
            )
    out = normalized * params["scale"] if "scale" in params else normalized
    return out + params["bias"] if "bias" in params else out


# --- batch norm -------------------------------------------------------------------------------------------------------


def init_batch_norm(size: int, *, dtype: Any = np.float64) -> tuple[Params, Params]:
    """Parameters and state of `batch_norm`: scale and bias; running mean and variance.

    Example:
        >>> init_batch_norm(1)
        ({'scale': array([1.]), 'bias': array([0.])}, {'mean': array([0.]), 'variance': array([1.])})
    """
    return init_layer_norm(size, dtype=dtype), {"mean": np.zeros(size, dtype), "variance": np.ones(size, dtype)}


def batch_norm(
    params: Params,
    state: Params,
    x: Any,
    *,
    train: bool,
    momentum: float = 0.9,
    epsilon: float = 1e-5,
    axis_name: Any = None,
) -> tuple[Any, Params]:
    """Every channel brought to mean 0 and variance 1, then scaled and shifted.

    In training mean and variance are those of the batch, and the running ones move towards them:
    new = momentum * old + (1 - momentum) * batch. Afterwards the running ones are used. The variance is the mean of
    squares (divided by n), in both.

    Args:
        params, state: as made by `init_batch_norm`.
        x: (..., channels).
        train: whether to use, and learn from, the batch.
        momentum: how much of the old statistics stays.
        epsilon: added to the variance.
        axis_name: the name of a `vmap` axis over which the batch extends, too.

    Returns:
        An array of the shape of x, and the new state, which has no derivative.

    Raises:
        ValueError: the channels do not fit.

    Example:
        >>> import numpy as np
        >>> params, state = init_batch_norm(1)
        >>> y, state = batch_norm(params, state, np.array([[1.0], [3.0]]), train=True)
        >>> np.round(y[:, 0], 3), state["mean"]
        (array([-1.,  1.]), array([0.2]))

    Reference: S. Ioffe, C. Szegedy, Batch normalization: accelerating deep network training, ICML 2015.
    """
    x = real(x, "batch_norm")
    if not train:
        normalized = (x - state["mean"]) / fnp.sqrt(state["variance"] + epsilon)
        return _affine("batch_norm", params, x, normalized), state
    axes = tuple(range(x.ndim - 1))

    def over_batch(value: Any) -> Any:
        mean = fnp.mean(value, axis=axes)
        return mean if axis_name is None else lax.pmean(mean, axis_name)

    mean = over_batch(x)
    centered = x - mean
    variance = over_batch(centered * centered)
    out = _affine("batch_norm", params, x, centered / fnp.sqrt(variance + epsilon))
    seen = {"mean": elementwise.stop(mean), "variance": elementwise.stop(variance)}
    return out, {name: _towards(state[name], value, momentum) for name, value in seen.items()}


def _towards(old: Any, value: Any, momentum: float) -> Any:
    """A running mean, which keeps its dtype so that a loop can carry it."""
    return promotion.convert(momentum * old + (1 - momentum) * value, old.dtype)


# --- within one example -----------------------------------------------------------------------------------------------


def layer_norm(params: Params, x: Any, *, epsilon: float = 1e-5) -> Any:
    """The last axis brought to mean 0 and variance 1, then scaled and shifted.

    Args:
        params: as made by `init_layer_norm`; scale, bias or both may be left out.
        x: (..., channels).
        epsilon: added to the variance.

    Raises:
        ValueError: the channels do not fit.

    Example:
        >>> import numpy as np
        >>> np.round(layer_norm({}, np.array([1.0, 2.0, 3.0])), 3)
        array([-1.225,  0.   ,  1.225])

    Reference: J. Ba, J. Kiros, G. Hinton, Layer normalization, 2016.
    """
    x = real(x, "layer_norm")
    return _affine("layer_norm", params, x, standardize(x, epsilon=epsilon))


def rms_norm(params: Params, x: Any, *, epsilon: float = 1e-6) -> Any:
    """The last axis divided by the root of its mean square, then scaled.

    Args:
        params: as made by `init_rms_norm`, or empty.
        x: (..., channels).
        epsilon: added to the mean square.

    Raises:
        ValueError: the channels do not fit.

    Example:
        >>> import numpy as np
        >>> np.round(rms_norm({}, np.array([3.0, 4.0])), 4)
        array([0.8485, 1.1314])

    Reference: B. Zhang, R. Sennrich, Root mean square layer normalization, NeurIPS 2019.
    """
    x = real(x, "rms_norm")
    return _affine("rms_norm", params, x, x / fnp.sqrt(fnp.mean(x * x, axis=-1, keepdims=True) + epsilon))


def group_norm(params: Params, x: Any, groups: int, *, epsilon: float = 1e-5) -> Any:
    """Channels in groups; each group of each example, over all of space, brought to mean 0 and variance 1.

    Args:
        params: as made by `init_group_norm`.
        x: (batch, space..., channels).
        groups: how many; 1 normalizes each example as a whole.
        epsilon: added to the variance.

    Raises:
        ValueError: the channels do not fit, or do not divide into groups.

    Example:
        >>> import numpy as np
        >>> np.round(group_norm({}, np.array([[1.0, 3.0, 10.0, 20.0]]), 2), 3)
        array([[-1.,  1., -1.,  1.]])

    Reference: Y. Wu, K. He, Group normalization, ECCV 2018.
    """
    x = real(x, "group_norm")
    if x.ndim < 2 or groups < 1 or x.shape[-1] % groups:
        raise ValueError(
            f"group_norm: x has shape {tuple(x.shape)}, whose channels do not make {groups} groups.\n"
            "Fix: x is (batch, space..., channels), and the number of groups divides that of channels."
        )
    parts = fnp.reshape(x, (*x.shape[:-1], groups, x.shape[-1] // groups))
    normalized = standardize(parts, axis=(*range(1, x.ndim - 1), x.ndim), epsilon=epsilon)
    return _affine("group_norm", params, x, fnp.reshape(normalized, tuple(x.shape)))


def instance_norm(params: Params, x: Any, *, epsilon: float = 1e-5) -> Any:
    """Each channel of each example, over all of space, brought to mean 0 and variance 1.

    Args:
        params: as made by `init_instance_norm`.
        x: (batch, space..., channels) with one or more axes of space.
        epsilon: added to the variance.

    Raises:
        ValueError: the channels do not fit, or there is no axis of space.

    Example:
        >>> import numpy as np
        >>> np.round(instance_norm({}, np.array([[[1.0], [3.0]]]))[0, :, 0], 3)
        array([-1.,  1.])

    Reference: D. Ulyanov, A. Vedaldi, V. Lempitsky, Instance normalization, 2016.
    """
    x = real(x, "instance_norm")
    if x.ndim < 3:
        raise ValueError(
            f"instance_norm: x has shape {tuple(x.shape)}, which leaves nothing to take a mean of.\n"
            "Fix: x is (batch, space..., channels)."
        )
    return _affine("instance_norm", params, x, standardize(x, axis=tuple(range(1, x.ndim - 1)), epsilon=epsilon))


# --- of weights -------------------------------------------------------------------------------------------------------


def init_weight_norm(weights: Any) -> Params:
    """Weights as parameters of `weight_norm`: their direction, and the length of every column.

    Example:
        >>> import numpy as np
        >>> init_weight_norm(np.array([[3.0], [4.0]]))["length"]
        array([5.])
    """
    weights = real(weights, "init_weight_norm")
    return {"direction": weights, "length": _lengths(weights)}


def _lengths(weights: Any) -> Any:
    return fnp.sqrt(fnp.sum(weights * weights, axis=tuple(range(weights.ndim - 1))))


def weight_norm(params: Params) -> Any:
    """Weights length * direction / |direction|, whose columns (last axis: outputs) have the given lengths.

    Args:
        params: as made by `init_weight_norm`.

    Returns:
        Weights for `dense` or `conv`.

    Example:
        >>> import numpy as np
        >>> weight_norm({"direction": np.array([[3.0], [4.0]]), "length": np.array([10.0])})
        array([[6.],
               [8.]])

    Reference: T. Salimans, D. Kingma, Weight normalization, NIPS 2016.
    """
    direction = params["direction"]
    return direction * (params["length"] / _lengths(direction))


def init_spectral_norm(key: Any, weights: Any) -> Params:
    """State of `spectral_norm`: a random vector of length 1, with one number for each output.

    Example:
        >>> import numpy as np
        >>> from funcgrad import random
        >>> init_spectral_norm(random.key(0), np.ones((3, 2)))["vector"].shape
        (2,)
    """
    weights = real(weights, "init_spectral_norm")
    drawn = random.normal(key, (weights.shape[-1],), weights.dtype)
    return {"vector": drawn / fnp.sqrt(fnp.sum(drawn * drawn))}


def spectral_norm(
    state: Params, weights: Any, *, train: bool, iterations: int = 1, epsilon: float = 1e-12
) -> tuple[Any, Params]:
    """Weights divided by an estimate of their largest singular value, by power iteration.

    Args:
        state: as made by `init_spectral_norm`.
        weights: (..., outputs); all axes before the last make the rows of a matrix.
        train: whether the vector of the state is improved.
        iterations: steps of the power iteration in training.
        epsilon: keeps divisions finite.

    Returns:
        Weights and the new state. The vectors count as constants for derivatives.

    Raises:
        ValueError: the vector does not fit the weights.

    Example:
        >>> import numpy as np
        >>> state = {"vector": np.array([1.0, 0.0])}
        >>> spectral_norm(state, np.diag([4.0, 2.0]), train=False)[0]
        array([[1. , 0. ],
               [0. , 0.5]])

    Reference: T. Miyato, T. Kataoka, M. Koyama, Y. Yoshida, Spectral normalization for GANs, ICLR 2018.
    """
    weights = real(weights, "spectral_norm")
    right = promotion.array_operand(state["vector"], "spectral_norm")
    if weights.ndim < 2 or tuple(right.shape) != (weights.shape[-1],):
        raise ValueError(
            f"spectral_norm: the weights have shape {tuple(weights.shape)} and the vector {tuple(right.shape)}.\n"
            "Fix: make the state with init_spectral_norm for these weights."
        )
    matrix = fnp.reshape(weights, (-1, weights.shape[-1]))
    fixed = elementwise.stop(matrix)

    def unit(v: Any) -> Any:
        return v / (fnp.sqrt(fnp.sum(v * v)) + epsilon)

    for _ in range(iterations if train else 0):
        right = unit(fixed.T @ unit(fixed @ right))
    right = elementwise.stop(right)
    left = elementwise.stop(unit(fixed @ right))
    return weights / (left @ matrix @ right), {"vector": promotion.convert(right, state["vector"].dtype)}
