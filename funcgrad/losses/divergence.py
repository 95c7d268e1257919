"""Divergences of distributions given by their logarithms."""

from __future__ import annotations

import math
from typing import Any

from .. import numpy as fnp
from ..numpy import promotion
from ..ops import elementwise
from .common import like, masked_sum, real, same_shape, targets_like


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
    logs = real(log_predictions, "kl_divergence")
    same_shape(logs, promotion.array_operand(targets), "kl_divergence")
    t = targets_like(logs, targets, "kl_divergence")
    own = fnp.log(elementwise.select(t > 0, t, like(t, 1)))
    return masked_sum(elementwise.strong_product(own - logs, t), axis, where)


def kl_divergence_with_log_targets(log_predictions: Any, log_targets: Any, axis: Any = -1, where: Any = None) -> Any:
    """sum(exp(log_targets) * (log_targets - log_predictions)) along an axis; log-targets of -inf contribute 0.

    Args:
        log_predictions, log_targets: logarithms of probabilities, of one shape.
        axis, where: see `kl_divergence`.

    Raises:
        ValueError: when the shapes differ.

    Example:
        >>> import numpy as np
        >>> kl_divergence_with_log_targets(np.log(np.array([0.5, 0.5])), np.array([0.0, -np.inf]))
        np.float64(0.6931471805599453)

    Reference: S. Kullback, R. Leibler, On information and sufficiency, Annals of Mathematical Statistics 22 (1951).
    """
    name = "kl_divergence_with_log_targets"
    logs, own = real(log_predictions, name), real(log_targets, name)
    same_shape(logs, own, name)
    own = targets_like(logs, own, name)
    possible = own > -math.inf
    own = elementwise.select(possible, own, like(own, 0))
    gap = own - elementwise.select(possible, logs, like(logs, 0))
    return masked_sum(elementwise.select(possible, fnp.exp(own) * gap, like(own, 0)), axis, where)


def generalized_kl_divergence(log_predictions: Any, targets: Any, axis: Any = -1, where: Any = None) -> Any:
    """kl_divergence + sum(exp(log_predictions) - targets): at least 0 also where the sums are not 1.

    Args:
        log_predictions, targets, axis, where: see `kl_divergence`.

    Example:
        >>> import numpy as np
        >>> generalized_kl_divergence(np.log(np.array([1.0, 1.0])), np.array([1.0, 0.0]))
        np.float64(1.0)

    Reference: D. Lee, S. Seung, Algorithms for non-negative matrix factorization, NeurIPS 2000.
    """
    name = "generalized_kl_divergence"
    logs = real(log_predictions, name)
    rest = fnp.exp(logs) - targets_like(logs, targets, name)
    return kl_divergence(logs, targets, axis, where) + masked_sum(rest, axis, where)


convex_kl_divergence = generalized_kl_divergence
