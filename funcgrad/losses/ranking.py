"""Losses of rankings: the items of a list against each other."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import nn
from .. import numpy as fnp
from ..ops import elementwise
from .common import like, real, targets_like


def ranking_softmax_loss(
    logits: Any,
    labels: Any,
    *,
    where: Any = None,
    weights: Any = None,
    reduce_fn: Callable[..., Any] | None = fnp.mean,
) -> Any:
    """-sum(labels * weights * log_softmax(logits)) along the last axis, the items of a list.

    Args:
        logits: scores of items, lists along the leading axes.
        labels: relevances, of the same shape.
        where: which items exist; None for all. Lists without items do not count.
        weights: weights of items or lists; None for 1.
        reduce_fn: what is made of the losses of the lists, called with `where`; None for nothing.

    Example:
        >>> import numpy as np
        >>> ranking_softmax_loss(np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[1.0, 0.0], [0.0, 0.0]]))
        np.float64(0.34657359027997264)

    Reference: Z. Cao et al., Learning to rank: from pairwise approach to listwise approach, ICML 2007.
    """
    x = real(logits, "ranking_softmax_loss")
    y = targets_like(x, labels, "ranking_softmax_loss")
    if where is not None:
        y, x = fnp.where(where, y, like(y, 0)), fnp.where(where, x, like(x, -math.inf))
    if weights is not None:
        y = y * targets_like(y, weights, "ranking_softmax_loss")
    loss = -fnp.sum(elementwise.strong_product(nn.log_softmax(x, -1, where), y), axis=-1)
    lists = None if where is None else fnp.any(fnp.broadcast_to(where, tuple(x.shape)), axis=-1)
    if reduce_fn is None:
        return loss if lists is None else fnp.where(lists, loss, like(loss, 0))
    if lists is None:
        return reduce_fn(loss)
    if reduce_fn is fnp.mean:
        # Over the lists that exist; 0 when there are none.
        total = fnp.sum(fnp.where(lists, loss, like(loss, 0)))
        return total / fnp.maximum(fnp.sum(lists), 1).astype(loss.dtype)
    return reduce_fn(loss, where=lists)
