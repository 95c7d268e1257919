"""Losses of classifiers with scores: hinges, perceptrons, sparsemax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import nn
from .. import numpy as fnp
from ..nn.functions import names_position
from ..numpy import promotion
from ..ops import elementwise
from .common import class_labels, like, real, same_shape


def hinge_loss(predictor_outputs: Any, targets: Any) -> Any:
    """max(0, 1 - output * target), elementwise, for targets of -1 and 1; derivative 0 at the kink.

    Example:
        >>> import numpy as np
        >>> hinge_loss(np.array([0.5, 3.0]), np.array([1.0, 1.0]))
        array([0.5, 0. ])

    Reference: C. Cortes, V. Vapnik, Support-vector networks, Machine Learning 20 (1995).
    """
    return nn.relu(1 - real(predictor_outputs, "hinge_loss") * targets)


def perceptron_loss(predictor_outputs: Any, targets: Any) -> Any:
    """max(0, -output * target), elementwise, for targets of -1 and 1; derivative 0 at the kink.

    Args:
        predictor_outputs: scores.
        targets: -1 or 1, of the same shape.

    Raises:
        ValueError: when the shapes differ.

    Example:
        >>> import numpy as np
        >>> perceptron_loss(np.array([0.5, -3.0]), np.array([1.0, 1.0]))
        array([0., 3.])

    Reference: F. Rosenblatt, The perceptron, Psychological Review 65 (1958).
    """
    x = real(predictor_outputs, "perceptron_loss")
    same_shape(x, promotion.array_operand(targets), "perceptron_loss")
    return nn.relu(-x * targets)


def _of_the_label(scores: Any, labels: Any) -> tuple[Any, Any]:
    """Where the label is, as truth values, and its score."""
    here = names_position(labels, tuple(scores.shape), scores.ndim - 1)
    return here, fnp.sum(elementwise.select(here, scores, like(scores, 0)), axis=-1)


def multiclass_hinge_loss(scores: Any, labels: Any) -> Any:
    """max over classes of (score + 1 unless it is the label) - score of the label.

    Args:
        scores: an array whose last axis is the classes.
        labels: integers, of the shape of the scores without the last axis.

    Raises:
        TypeError: when labels are not integers.
        ValueError: when the shapes do not fit.

    Example:
        >>> import numpy as np
        >>> multiclass_hinge_loss(np.array([[1.0, 0.5], [3.0, 0.0]]), np.array([0, 0]))
        array([0.5, 0. ])

    Reference: K. Crammer, Y. Singer, On the algorithmic implementation of multiclass kernel-based vector machines, JMLR
    2 (2001).
    """
    x = real(scores, "multiclass_hinge_loss")
    here, right = _of_the_label(x, class_labels(x, labels, "multiclass_hinge_loss"))
    return fnp.max(x + elementwise.select(here, like(x, 0), like(x, 1)), axis=-1) - right


def multiclass_perceptron_loss(scores: Any, labels: Any) -> Any:
    """The largest score minus that of the label.

    Args:
        scores, labels: see `multiclass_hinge_loss`.

    Example:
        >>> import numpy as np
        >>> multiclass_perceptron_loss(np.array([[1.0, 1.5], [3.0, 0.0]]), np.array([0, 0]))
        array([0.5, 0. ])

    Reference: M. Collins, Discriminative training methods for hidden Markov models, EMNLP 2002.
    """
    x = real(scores, "multiclass_perceptron_loss")
    return fnp.max(x, axis=-1) - _of_the_label(x, class_labels(x, labels, "multiclass_perceptron_loss"))[1]


def sparsemax_loss(logits: Any, labels: Any) -> Any:
    """The loss of a binary sparsemax: 0 up to -1, then (x + 1)^2 / 4, from 1 on x, where x = -logit for labels 1.

    Args:
        logits: scores.
        labels: 0 and 1, or truth values.

    Example:
        >>> import numpy as np
        >>> sparsemax_loss(np.array([-2.0, 0.0, 2.0]), np.array([0, 0, 0]))
        array([0.  , 0.25, 2.  ])

    Reference: M. Blondel, A. Martins, V. Niculae, Learning with Fenchel-Young losses, JMLR 21 (2020), section 4.4.
    """
    x = real(logits, "sparsemax_loss")
    x = fnp.where(promotion.array_operand(labels) != 0, -x, x)
    middle = fnp.where(fnp.absolute(x) < 1, x, like(x, 0))
    return fnp.where(x >= 1, x, fnp.where(x <= -1, like(x, 0), (middle + 1) ** 2 / 4))


def _projected(x: Any) -> tuple[Any, Any]:
    """The point of the probability simplex next to x, along the last axis, and what was subtracted from x there.

    Which elements stay positive comes from a sort without derivative; the rest is linear where that does not change, so
    that derivatives of any order are right.
    """
    fixed = elementwise.stop(x)
    falling = fnp.flip(fnp.sort(fixed, axis=-1), axis=-1)
    ranks = promotion.convert(np.arange(1, x.shape[-1] + 1), x.dtype)
    excess = (fnp.cumsum(falling, axis=-1) - 1) / ranks
    size = fnp.sum(falling > excess, axis=-1, keepdims=True)
    bound = fnp.take_along_axis(excess, size - 1, axis=-1)
    support = fixed > bound
    kept = fnp.where(support, x, like(x, 0))
    bound = (fnp.sum(kept, axis=-1, keepdims=True) - 1) / promotion.convert(size, x.dtype)
    return fnp.where(support, x - bound, like(x, 0)), support


def multiclass_sparsemax_loss(scores: Any, labels: Any) -> Any:
    """The Fenchel-Young loss of sparsemax, whose gradient is sparsemax(scores) - one_hot(label).

        p = projection of the scores to the probability simplex,   loss = p.(s - s_label) + (1 - p.p) / 2

    Args:
        scores, labels: see `multiclass_hinge_loss`.

    Example:
        >>> import numpy as np
        >>> multiclass_sparsemax_loss(np.array([[0.0, 0.0], [3.0, 0.0]]), np.array([0, 0]))
        array([0.25, 0.  ])

    Reference: A. Martins, R. Astudillo, From softmax to sparsemax, ICML 2016.
    """
    x = real(scores, "multiclass_sparsemax_loss")
    labels = class_labels(x, labels, "multiclass_sparsemax_loss")
    x = x - fnp.expand_dims(_of_the_label(x, labels)[1], -1)
    p, support = _projected(x)
    return fnp.sum(p * fnp.where(support, x, like(x, 0)), axis=-1) + (1 - fnp.sum(p * p, axis=-1)) / 2


def make_fenchel_young_loss(max_fun: Callable[..., Any]) -> Callable[..., Any]:
    """The loss max_fun(scores) - targets . scores, along the last axis.

    Args:
        max_fun: a convex function of a vector of scores to a number, such as logsumexp, whose gradient predicts.

    Returns:
        A function `(scores, targets, *args, **kwargs)`; further arguments go to `max_fun`.

    Example:
        >>> import numpy as np
        >>> from funcgrad import nn
        >>> loss = make_fenchel_young_loss(nn.logsumexp)
        >>> loss(np.array([0.0, 0.0]), np.array([1.0, 0.0]))
        np.float64(0.6931471805599453)

    Reference: M. Blondel, A. Martins, V. Niculae, Learning with Fenchel-Young losses, JMLR 21 (2020).
    """

    def fenchel_young_loss(scores: Any, targets: Any, *args: Any, **kwargs: Any) -> Any:
        x, y = real(scores, "fenchel_young_loss"), real(targets, "fenchel_young_loss")
        largest = fnp.vectorize(lambda row: max_fun(row, *args, **kwargs), signature="(n)->()")(x)
        return largest - fnp.sum(y * x, axis=-1)

    return fenchel_young_loss
