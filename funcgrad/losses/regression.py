"""Losses of numbers and vectors: squared, absolute, Huber, log-cosh; cosines."""

from __future__ import annotations

import math
from typing import Any

from .. import numpy as fnp
from ..ops import elementwise
from .common import errors, like, masked_sum, number_like, real


def squared_error(predictions: Any, targets: Any = None) -> Any:
    """(p - t)^2, elementwise.

    Args:
        predictions: any array.
        targets: an array of the same shape, or a number; None for zero.

    Raises:
        ValueError: when the shapes differ.

    Example:
        >>> squared_error(3.0, 1.0)
        np.float64(4.0)
    """
    error = errors(predictions, targets, "squared_error")
    return error * error


def l2_loss(predictions: Any, targets: Any = None) -> Any:
    """(p - t)^2 / 2, elementwise, whose gradient is the error.

    Args:
        predictions, targets: see `squared_error`.

    Example:
        >>> l2_loss(3.0, 1.0)
        np.float64(2.0)
    """
    return 0.5 * squared_error(predictions, targets)


def mean_squared_error(predictions: Any, targets: Any = None) -> Any:
    """The mean of (p - t)^2 over all elements.

    Args:
        predictions, targets: see `squared_error`.

    Example:
        >>> import numpy as np
        >>> mean_squared_error(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
        np.float64(2.0)
    """
    return fnp.mean(squared_error(predictions, targets))


mse = mean_squared_error


def huber_loss(predictions: Any, targets: Any = None, delta: Any = 1.0) -> Any:
    """e^2 / 2 for |e| <= delta, else delta (|e| - delta / 2), elementwise, where e = p - t.

    Args:
        predictions, targets: see `squared_error`.
        delta: where the parabola becomes a line.

    Example:
        >>> import numpy as np
        >>> huber_loss(np.array([0.5, 3.0]))
        array([0.125, 2.5  ])

    Reference: P. Huber, Robust estimation of a location parameter, Annals of Mathematical Statistics 35 (1964).
    """
    size = fnp.absolute(errors(predictions, targets, "huber_loss"))
    near = fnp.minimum(size, delta)
    return 0.5 * (near * near) + delta * (size - near)


def log_cosh(predictions: Any, targets: Any = None) -> Any:
    """log(cosh(p - t)), elementwise, without overflow.

    Args:
        predictions, targets: see `squared_error`.

    Example:
        >>> log_cosh(1000.0)
        np.float64(999.3068528194401)
    """
    error = errors(predictions, targets, "log_cosh")
    return fnp.logaddexp(error, -error) - math.log(2)


def absolute_error(predictions: Any, targets: Any = None) -> Any:
    """|p - t|, elementwise; derivative 0 where they are equal.

    Args:
        predictions, targets: see `squared_error`.

    Example:
        >>> absolute_error(3.0, 1.0)
        np.float64(2.0)
    """
    return fnp.absolute(errors(predictions, targets, "absolute_error"))


def mean_absolute_error(predictions: Any, targets: Any = None) -> Any:
    """The mean of |p - t| over all elements.

    Args:
        predictions, targets: see `squared_error`.

    Example:
        >>> import numpy as np
        >>> mean_absolute_error(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
        np.float64(1.0)
    """
    return fnp.mean(absolute_error(predictions, targets))


mae = mean_absolute_error


def cosine_similarity(predictions: Any, targets: Any, *, epsilon: Any = 0.0, axis: Any = -1, where: Any = None) -> Any:
    """p . t / (|p| |t|) along an axis; 0 where a vector is zero, with a derivative that stays finite.

    Args:
        predictions, targets: arrays of one shape, or of shapes that broadcast.
        epsilon: least squared length: the lengths are sqrt(max(|x|^2, epsilon)).
        axis: the axis or axes of the vectors.
        where: which elements take part; None for all.

    Example:
        >>> import numpy as np
        >>> cosine_similarity(np.array([1.0, 0.0]), np.array([1.0, 1.0]))
        np.float64(0.7071067811865475)
    """
    p, t = real(predictions, "cosine_similarity"), real(targets, "cosine_similarity")
    return masked_sum(_direction(p, epsilon, axis, where) * _direction(t, epsilon, axis, where), axis, where)


def _direction(x: Any, epsilon: Any, axis: Any, where: Any) -> Any:
    """x over its length, and 0 for the zero vector, where a root would have an infinite slope."""
    square = fnp.maximum(masked_sum(x * x, axis, where, keepdims=True), number_like(epsilon, x))
    return x / fnp.sqrt(elementwise.select(square > 0, square, like(square, 1)))


def cosine_distance(predictions: Any, targets: Any, *, epsilon: Any = 0.0, axis: Any = -1, where: Any = None) -> Any:
    """1 - the cosine of the angle between vectors.

    Args:
        predictions, targets, epsilon, axis, where: see `cosine_similarity`.

    Example:
        >>> import numpy as np
        >>> cosine_distance(np.array([1.0, 0.0]), np.array([0.0, 2.0]))
        np.float64(1.0)
    """
    return 1 - cosine_similarity(predictions, targets, epsilon=epsilon, axis=axis, where=where)
