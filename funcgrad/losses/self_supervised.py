"""Losses of embeddings: examples that belong together against those that do not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import nn
from .. import numpy as fnp
from ..numpy import promotion
from .common import like, number_like, real
from .regression import cosine_similarity


def ntxent(embeddings: Any, labels: Any, temperature: Any = 0.07) -> Any:
    """The mean, over pairs (i, j) with one label, of log(exp(s_ij) + sum over k of other labels exp(s_ik)) - s_ij.

    s is the cosine of two embeddings over the temperature.

    Args:
        embeddings: an array [batch, features].
        labels: integers [batch].
        temperature: a number.

    Returns:
        A number; NaN when no two labels are equal.

    Raises:
        ValueError: when the shapes do not fit.

    Example:
        >>> import numpy as np
        >>> x = np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
        >>> round(float(ntxent(x, np.array([0, 0, 1]), temperature=1.0)), 6)
        0.126928

    Reference: T. Chen et al., A simple framework for contrastive learning of visual representations, ICML 2020.
    """
    x, labels = real(embeddings, "ntxent"), promotion.array_operand(labels, "ntxent")
    if x.ndim != 2 or tuple(labels.shape) != (x.shape[0],):
        raise ValueError(
            f"ntxent: embeddings must be [batch, features] and labels [batch], got shapes {tuple(x.shape)} and "
            f"{tuple(labels.shape)}."
        )
    rows, columns = fnp.expand_dims(x, 1), fnp.expand_dims(x, 0)
    scores = cosine_similarity(columns, rows, epsilon=float(np.finfo(x.dtype).eps)) / number_like(temperature, x)
    same = fnp.equal(fnp.expand_dims(labels, 1), fnp.expand_dims(labels, 0))
    pairs = fnp.logical_and(same, np.logical_not(np.eye(x.shape[0], dtype=np.bool_)))
    others = nn.logsumexp(fnp.where(same, like(scores, -math.inf), scores), axis=1, keepdims=True)
    losses = fnp.where(pairs, fnp.logaddexp(scores, others) - scores, like(scores, 0))
    count = promotion.convert(fnp.sum(pairs), x.dtype)
    some = count > 0
    return fnp.where(some, fnp.sum(losses) / fnp.where(some, count, like(count, 1)), like(count, math.nan))[()]


def triplet_margin_loss(
    anchors: Any,
    positives: Any,
    negatives: Any,
    axis: int = -1,
    norm_degree: Any = 2,
    margin: Any = 1.0,
    eps: Any = 1e-6,
) -> Any:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), with d(x, y) = (sum |x - y|^n + eps)^(1/n).

    Args:
        anchors, positives, negatives: arrays of vectors.
        axis: the axis of the vectors.
        norm_degree: n.
        margin: by how much the negative must be farther away.
        eps: keeps the derivative finite.

    Example:
        >>> import numpy as np
        >>> triplet_margin_loss(np.array([0.0, 0.0]), np.array([3.0, 4.0]), np.array([0.0, 4.0]), eps=0.0)
        np.float64(2.0)

    Reference: V. Balntas et al., Learning local feature descriptors with triplets and shallow convolutional neural
    networks, BMVC 2016.
    """
    x, near, far = (real(v, "triplet_margin_loss") for v in (anchors, positives, negatives))
    degree = number_like(norm_degree, x)

    def distance(other: Any) -> Any:
        gap = x - other
        square = isinstance(norm_degree, (int, float)) and norm_degree == 2
        powers = gap * gap if square else fnp.absolute(gap) ** degree
        total = fnp.sum(powers, axis=axis) + number_like(eps, x)
        return fnp.sqrt(total) if square else total ** (1 / degree)

    return nn.relu(distance(near) - distance(far) + number_like(margin, x))
