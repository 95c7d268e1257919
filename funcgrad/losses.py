"""Losses, by the names and signatures of optax: arrays of predictions and targets to an array of losses.

Each function gives one loss per example (per element for the elementwise ones); take the mean for training.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import numpy as fnp
from .nn import activations, functions
from .numpy import promotion
from .ops import elementwise, reduction


def _real(x: Any, where: str) -> Any:
    value = promotion.array_operand(x, where)
    return value if value.dtype.kind == "f" else promotion.convert(value, np.dtype(np.float64))


def _errors(predictions: Any, targets: Any, where: str) -> Any:
    """predictions - targets; broadcasting one against the other is almost always a mistake, so it is refused."""
    p = _real(predictions, where)
    if targets is None:
        return p
    t = promotion.array_operand(targets, where)
    if t.shape != p.shape and t.ndim:
        raise ValueError(
            f"{where}: predictions have shape {tuple(p.shape)} and targets {tuple(t.shape)}.\n"
            "Fix: give both one shape, for example with targets[:, None] or predictions.squeeze(-1)."
        )
    return p - t


# --- regression -------------------------------------------------------------------------------------------------------


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
    error = _errors(predictions, targets, "squared_error")
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
    size = fnp.absolute(_errors(predictions, targets, "huber_loss"))
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
    error = _errors(predictions, targets, "log_cosh")
    return fnp.logaddexp(error, -error) - math.log(2)


# --- classification ---------------------------------------------------------------------------------------------------


def softmax_cross_entropy(logits: Any, labels: Any, axis: Any = -1, where: Any = None) -> Any:
    """-sum(labels * log_softmax(logits)) along an axis; labels of 0 contribute 0, also where a logit is -inf.

    Args:
        logits: unnormalized log-probabilities.
        labels: probabilities, of a shape that broadcasts to that of the logits.
        axis: the axis or axes of the classes.
        where: which classes take part; None for all.

    Example:
        >>> import numpy as np
        >>> softmax_cross_entropy(np.array([0.0, 0.0]), np.array([1.0, 0.0]))
        np.float64(0.6931471805599453)

    Reference: I. Good, Rational decisions, Journal of the Royal Statistical Society B 14 (1952).
    """
    scores = functions.log_softmax(logits, axis, where)
    weights = promotion.convert(promotion.array_operand(labels, "softmax_cross_entropy"), scores.dtype)
    if where is not None:
        weights = weights * where
    return -fnp.sum(elementwise.strong_product(scores, promotion.broadcast(weights, tuple(scores.shape))), axis=axis)


def softmax_cross_entropy_with_integer_labels(logits: Any, labels: Any, axis: int = -1, where: Any = None) -> Any:
    """-log_softmax(logits)[label] = logsumexp(logits) - logits[label].

    Args:
        logits: unnormalized log-probabilities.
        labels: integers, of the shape of the logits without the axis.
        axis: the axis of the classes.
        where: which classes take part; None for all.

    Raises:
        TypeError: when labels are not integers.
        ValueError: when the shapes do not fit.

    Example:
        >>> import numpy as np
        >>> softmax_cross_entropy_with_integer_labels(np.array([[0.0, 0.0], [0.0, 3.0]]), np.array([0, 1]))
        array([0.69314718, 0.04858735])
    """
    name = "softmax_cross_entropy_with_integer_labels"
    x, labels = _real(logits, name), promotion.array_operand(labels, name)
    axis = promotion.one_axis(axis, x.ndim, name)
    kept = tuple(d for d in range(x.ndim) if d != axis)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{name}: labels must be integers, got dtype {labels.dtype}.\nFix: use softmax_cross_entropy.")
    if tuple(labels.shape) != tuple(x.shape[d] for d in kept):
        raise ValueError(
            f"{name}: labels have shape {tuple(labels.shape)}, logits {tuple(x.shape)} with classes along axis {axis}."
        )
    if where is not None:
        x = elementwise.select(
            promotion.broadcast(promotion.array_operand(where), tuple(x.shape)), x, _like(x, -math.inf)
        )
    # Comparing with an iota fuses into the loop of logsumexp, and its gradient needs no scatter: 1.3 times as fast as a
    # gather for 4096 x 1000 logits in float32.
    chosen = elementwise.select(functions.names_position(labels, tuple(x.shape), axis), x, _like(x, 0))
    loss = functions.logsumexp(x, axis) - reduction.reduce_sum(chosen, axes=(axis,))
    exists = fnp.logical_and(labels >= 0, labels < x.shape[axis])
    return elementwise.select(exists, loss, _like(loss, math.nan))[()]


def _like(x: Any, value: float) -> Any:
    return elementwise.like(x, value)


def sigmoid_binary_cross_entropy(logits: Any, labels: Any) -> Any:
    """-labels * log(sigmoid(logits)) - (1 - labels) * log(sigmoid(-logits)), elementwise.

    Args:
        logits: unnormalized log-odds.
        labels: probabilities, of the shape of the logits or a number.

    Raises:
        ValueError: when the shapes differ.

    Example:
        >>> sigmoid_binary_cross_entropy(40.0, 1.0)
        np.float64(4.248354255291589e-18)

    Reference: C. Bishop, Pattern recognition and machine learning, Springer 2006, section 4.3.
    """
    x = _errors(logits, None, "sigmoid_binary_cross_entropy")
    _errors(x, labels, "sigmoid_binary_cross_entropy")
    labels = promotion.broadcast(promotion.convert(promotion.array_operand(labels), x.dtype), tuple(x.shape))
    # softplus(z) - w z with the sign of z such that w <= 1/2: no difference of large numbers, and smooth at 0.
    mostly_false = labels < 0.5
    z = elementwise.select(mostly_false, x, -x)
    w = elementwise.select(mostly_false, labels, 1 - labels)
    return activations.softplus(z) - w * z


def hinge_loss(predictor_outputs: Any, targets: Any) -> Any:
    """max(0, 1 - output * target), elementwise, for targets of -1 and 1; derivative 0 at the kink.

    Example:
        >>> import numpy as np
        >>> hinge_loss(np.array([0.5, 3.0]), np.array([1.0, 1.0]))
        array([0.5, 0. ])

    Reference: C. Cortes, V. Vapnik, Support-vector networks, Machine Learning 20 (1995).
    """
    return activations.relu(1 - _real(predictor_outputs, "hinge_loss") * targets)


def smooth_labels(labels: Any, alpha: Any) -> Any:
    """(1 - alpha) * labels + alpha / number of classes.

    Args:
        labels: probabilities; classes along the last axis.
        alpha: how much of the probability is spread evenly.

    Example:
        >>> import numpy as np
        >>> smooth_labels(np.array([1.0, 0.0]), 0.1)
        array([0.95, 0.05])

    Reference: C. Szegedy et al., Rethinking the Inception architecture for computer vision, CVPR 2016.
    """
    labels = _real(labels, "smooth_labels")
    return labels * (1 - alpha) + alpha / labels.shape[-1]


# --- distributions and directions -------------------------------------------------------------------------------------


def kl_divergence(log_predictions: Any, targets: Any, axis: Any = -1, where: Any = None) -> Any:
    """sum(targets * (log(targets) - log_predictions)) along an axis; targets of 0 contribute 0.

    Args:
        log_predictions: logarithms of probabilities.
        targets: probabilities, of the same shape.
        axis: the axis or axes of the classes.
        where: which classes take part; None for all.

    Raises:
        ValueError: when the shapes differ.

    Example:
        >>> import numpy as np
        >>> kl_divergence(np.log(np.array([0.5, 0.5])), np.array([1.0, 0.0]))
        np.float64(0.6931471805599453)

    Reference: S. Kullback, R. Leibler, On information and sufficiency, Annals of Mathematical Statistics 22 (1951).
    """
    logs = _real(log_predictions, "kl_divergence")
    _errors(logs, targets, "kl_divergence")
    t = promotion.broadcast(promotion.convert(promotion.array_operand(targets), logs.dtype), tuple(logs.shape))
    own = fnp.log(elementwise.select(t > 0, t, _like(t, 1)))
    terms = elementwise.strong_product(own - logs, t)
    return fnp.sum(terms if where is None else fnp.where(where, terms, 0), axis=axis)


def cosine_similarity(predictions: Any, targets: Any, epsilon: Any = 0.0, axis: int = -1) -> Any:
    """p . t / (max(|p|, epsilon) max(|t|, epsilon)) along an axis; 0 where a vector is zero, with gradient 0.

    Args:
        predictions, targets: arrays of one shape.
        epsilon: smallest length to divide by.
        axis: the axis of the vectors.

    Raises:
        ValueError: when the shapes differ.

    Example:
        >>> import numpy as np
        >>> cosine_similarity(np.array([1.0, 0.0]), np.array([1.0, 1.0]))
        np.float64(0.7071067811865475)
    """
    _errors(predictions, targets, "cosine_similarity")
    p, t = _real(predictions, "cosine_similarity"), _real(targets, "cosine_similarity")
    return fnp.sum(_direction(p, epsilon, axis) * _direction(t, epsilon, axis), axis=axis)


def _direction(x: Any, epsilon: Any, axis: int) -> Any:
    """x over its length, and 0 for the zero vector, where a root would have an infinite slope."""
    square = fnp.sum(x * x, axis=axis, keepdims=True)
    length = fnp.sqrt(elementwise.select(square > 0, square, _like(square, 1)))
    return x / (fnp.maximum(length, epsilon) if not _is_zero(epsilon) else length)


def _is_zero(value: Any) -> bool:
    return isinstance(value, (int, float)) and value == 0


__all__ = [
    "cosine_similarity",
    "hinge_loss",
    "huber_loss",
    "kl_divergence",
    "l2_loss",
    "log_cosh",
    "mean_squared_error",
    "mse",
    "sigmoid_binary_cross_entropy",
    "smooth_labels",
    "softmax_cross_entropy",
    "softmax_cross_entropy_with_integer_labels",
    "squared_error",
]
