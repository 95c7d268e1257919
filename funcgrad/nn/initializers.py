"""First values of parameters: functions `init(key, shape, dtype)`, by the names of `jax.nn.initializers`.

The scaled ones draw with variance `scale / fan`, where the fan is the number of inputs (or outputs) of a unit, so that
signals keep their size from layer to layer. By default the last two axes are inputs and outputs; axes before them, as
in convolution kernels, belong to the receptive field.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import numpy as fnp
from .. import random

Initializer = Callable[..., Any]
Axes = int | Sequence[int]


def zeros(key: Any, shape: Any, dtype: Any = np.float64) -> Any:
    """All zero; the key is not used.

    Example:
        >>> zeros(None, (2,))
        array([0., 0.])
    """
    del key
    return fnp.zeros(shape, dtype)


def ones(key: Any, shape: Any, dtype: Any = np.float64) -> Any:
    """All one; the key is not used.

    Example:
        >>> ones(None, (2,))
        array([1., 1.])
    """
    del key
    return fnp.ones(shape, dtype)


def constant(value: Any, dtype: Any = np.float64) -> Initializer:
    """An initializer that repeats a value.

    Example:
        >>> constant(0.5)(None, (2,))
        array([0.5, 0.5])
    """
    return lambda key, shape, dtype=dtype: fnp.full(shape, value, dtype)


def uniform(scale: Any = 1e-2, dtype: Any = np.float64) -> Initializer:
    """An initializer that draws uniformly from [0, scale).

    Example:
        >>> from funcgrad import random
        >>> bool(uniform(0.1)(random.key(0), (100,)).max() < 0.1)
        True
    """
    return lambda key, shape, dtype=dtype: random.uniform(key, shape, dtype) * scale


def normal(stddev: Any = 1e-2, dtype: Any = np.float64) -> Initializer:
    """An initializer that draws from the normal distribution with mean 0.

    Example:
        >>> from funcgrad import random
        >>> abs(float(normal(2.0)(random.key(0), (10000,)).std()) - 2) < 0.05
        True
    """
    return lambda key, shape, dtype=dtype: random.normal(key, shape, dtype) * stddev


def truncated_normal(stddev: Any = 1e-2, dtype: Any = np.float64, lower: Any = -2.0, upper: Any = 2.0) -> Initializer:
    """An initializer that draws from the normal distribution, cut off at `lower` and `upper` times `stddev`.

    Example:
        >>> from funcgrad import random
        >>> bool(abs(truncated_normal(1.0)(random.key(0), (1000,))).max() < 2)
        True
    """
    return lambda key, shape, dtype=dtype: random.truncated_normal(key, lower, upper, shape, dtype) * stddev


# Standard deviation of the normal distribution cut off at -2 and 2.
_TRUNCATED_STDDEV = math.sqrt(1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2)))


def _fans(shape: Sequence[int], in_axis: Axes, out_axis: Axes, batch_axis: Axes) -> tuple[float, float]:
    if len(shape) < 2:
        raise ValueError(
            f"variance_scaling: shape {tuple(shape)} has fewer than two axes, so it has no fans.\n"
            "Fix: initialize vectors, such as biases, with zeros or normal."
        )
    sizes = [math.prod(shape[d] for d in ((a,) if isinstance(a, int) else a)) for a in (in_axis, out_axis, batch_axis)]
    receptive_field = math.prod(shape) / math.prod(sizes) if math.prod(sizes) else 0.0
    return sizes[0] * receptive_field, sizes[1] * receptive_field


def variance_scaling(
    scale: Any,
    mode: str,
    distribution: str,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Any = np.float64,
) -> Initializer:
    """An initializer that draws with mean 0 and variance scale / fan.

    Args:
        scale: a positive number.
        mode: which fan: "fan_in", "fan_out", or their mean: "fan_avg", "fan_geo_avg" (geometric).
        distribution: "normal", "truncated_normal" (cut off at two standard deviations) or "uniform".
        in_axis, out_axis, batch_axis: which axes of the shape are inputs, outputs, and neither.

    Raises:
        ValueError: for another mode or distribution; when called, for a shape with fewer than two axes.

    Example:
        >>> from funcgrad import random
        >>> w = variance_scaling(2.0, "fan_in", "normal")(random.key(0), (200, 100))
        >>> abs(float(w.var()) * 200 - 2) < 0.1
        True

    Reference: K. He, X. Zhang, S. Ren, J. Sun, Delving deep into rectifiers, ICCV 2015.
    """
    if mode not in ("fan_in", "fan_out", "fan_avg", "fan_geo_avg"):
        raise ValueError(
            f"variance_scaling: mode must be 'fan_in', 'fan_out', 'fan_avg' or 'fan_geo_avg', got {mode!r}."
        )
    if distribution not in ("normal", "truncated_normal", "uniform"):
        raise ValueError(
            f"variance_scaling: distribution must be 'normal', 'truncated_normal' or 'uniform', got {distribution!r}."
        )

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        fan_in, fan_out = _fans(shape, in_axis, out_axis, batch_axis)
        means = {"fan_avg": (fan_in + fan_out) / 2, "fan_geo_avg": math.sqrt(fan_in * fan_out)}
        fan = {"fan_in": fan_in, "fan_out": fan_out, **means}[mode]
        stddev = math.sqrt(scale / max(1.0, fan))
        if distribution == "uniform":
            return random.uniform(key, shape, dtype, -1.0) * (math.sqrt(3) * stddev)
        if distribution == "normal":
            return random.normal(key, shape, dtype) * stddev
        return random.truncated_normal(key, -2.0, 2.0, shape, dtype) * (stddev / _TRUNCATED_STDDEV)

    return init


def _family(scale: float, mode: str, distribution: str, text: str) -> Callable[..., Initializer]:
    def make(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = np.float64) -> Initializer:
        return variance_scaling(scale, mode, distribution, in_axis, out_axis, batch_axis, dtype)

    make.__doc__ = text
    return make


_GLOROT = (
    "X. Glorot, Y. Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010."
)
_HE = "K. He, X. Zhang, S. Ren, J. Sun, Delving deep into rectifiers, ICCV 2015."
_LECUN = "Y. LeCun, L. Bottou, G. Orr, K.-R. Mueller, Efficient backprop, 1998."
glorot_normal = _family(
    1.0, "fan_avg", "truncated_normal", f"Truncated normal, variance 2 / (fan_in + fan_out).\n\nReference: {_GLOROT}"
)
glorot_uniform = _family(
    1.0, "fan_avg", "uniform", f"Uniform, variance 2 / (fan_in + fan_out).\n\nReference: {_GLOROT}"
)
he_normal = _family(
    2.0, "fan_in", "truncated_normal", f"Truncated normal, variance 2 / fan_in, for relu.\n\nReference: {_HE}"
)
he_uniform = _family(2.0, "fan_in", "uniform", f"Uniform, variance 2 / fan_in, for relu.\n\nReference: {_HE}")
lecun_normal = _family(
    1.0, "fan_in", "truncated_normal", f"Truncated normal, variance 1 / fan_in.\n\nReference: {_LECUN}"
)
lecun_uniform = _family(1.0, "fan_in", "uniform", f"Uniform, variance 1 / fan_in.\n\nReference: {_LECUN}")
xavier_normal, xavier_uniform, kaiming_normal, kaiming_uniform = glorot_normal, glorot_uniform, he_normal, he_uniform


def orthogonal(scale: Any = 1.0, column_axis: int = -1, dtype: Any = np.float64) -> Initializer:
    """An initializer that draws orthogonal matrices uniformly, times `scale`.

    The axis of columns against all others makes a matrix; of its rows and columns the fewer ones are orthonormal.

    Args:
        scale: a number.
        column_axis: which axis of the shape are the columns.

    Raises:
        ValueError: when called, for a shape with fewer than two axes.

    Example:
        >>> from funcgrad import random
        >>> q = orthogonal()(random.key(0), (3, 5))
        >>> bool(np.allclose(q @ q.T, np.eye(3)))
        True

    Reference: A. Saxe, J. McClelland, S. Ganguli, Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks, ICLR 2014; F. Mezzadri, How to generate random matrices from the classical compact groups, 2007.
    """

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        shape = tuple(shape)
        if len(shape) < 2:
            raise ValueError(
                f"orthogonal: shape {shape} has fewer than two axes, so it is no matrix.\n"
                "Fix: initialize vectors, such as biases, with zeros or normal."
            )
        columns = shape[column_axis]
        rows = math.prod(shape) // columns if columns else 0
        if rows == 0:
            return fnp.zeros(shape, dtype)
        others = list(shape)
        others.pop(column_axis)
        q = fnp.reshape(random.orthogonal(key, rows, dtype=dtype, m=columns), (*others, columns))
        return fnp.moveaxis(q, -1, column_axis) * np.dtype(dtype).type(scale)

    return init


def delta_orthogonal(scale: Any = 1.0, column_axis: int = -1, dtype: Any = np.float64) -> Initializer:
    """An initializer for convolution kernels that are an orthogonal matrix in the middle and 0 elsewhere.

    Such a convolution keeps the norm of its input.

    Args:
        scale: a number.
        column_axis: which of the last two axes are the columns of the matrix.

    Raises:
        ValueError: when called, for a shape that has not one to three axes of space, or more inputs than outputs.

    Example:
        >>> from funcgrad import random
        >>> w = delta_orthogonal()(random.key(0), (3, 2, 2))
        >>> bool(np.allclose(w[1] @ w[1].T, np.eye(2))), bool((w[::2] == 0).all())
        (True, True)

    Reference: L. Xiao et al., Dynamical isometry and a mean field theory of CNNs, ICML 2018.
    """

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        shape = tuple(shape)
        if len(shape) not in (3, 4, 5) or shape[-1] < shape[-2]:
            raise ValueError(
                f"delta_orthogonal: shape {shape} is not (space..., inputs, outputs) with one to three axes of space "
                "and no more inputs than outputs.\nFix: use orthogonal, or more outputs."
            )
        matrix = orthogonal(scale, column_axis, dtype)(key, shape[-2:])
        around = [((n - 1) // 2, n - 1 - (n - 1) // 2) for n in shape[:-2]]
        middle = fnp.reshape(matrix, (*(1,) * len(around), *shape[-2:]))
        return fnp.pad(middle, [*around, (0, 0), (0, 0)])

    return init


__all__ = [
    "constant",
    "delta_orthogonal",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
