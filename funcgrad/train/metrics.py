"""Measures of predictions, as pure functions that can be compiled: classification, ranking, language, regression.

Predictions of classes may be the classes themselves (integers, of the shape of the labels) or scores with one more axis
at the end, of which the largest counts. Labels are integers from 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import numpy as fnp
from ..numpy import promotion

FLOAT = np.dtype(np.float64)


def _classes(predictions: Any, labels: Any, where: str) -> tuple[Any, Any]:
    """Predicted and true classes, of one shape."""
    predictions, labels = promotion.array_operand(predictions, where), promotion.array_operand(labels, where)
    if predictions.ndim == labels.ndim + 1:
        predictions = fnp.argmax(predictions, axis=-1)
    if tuple(predictions.shape) != tuple(labels.shape):
        raise ValueError(
            f"{where}: predictions {tuple(predictions.shape)} do not fit labels {tuple(labels.shape)}.\n"
            "Fix: give both one shape, or scores with the classes on a last axis."
        )
    return predictions, labels


def _pair(predictions: Any, targets: Any, where: str) -> tuple[Any, Any]:
    """Two floating arrays of one shape; broadcasting one against the other is almost always a mistake."""
    # Differences of unsigned integers wrap around, and truth values have none.
    given = (promotion.array_operand(v, where) for v in (predictions, targets))
    p, t = (v if v.dtype.kind in "fc" else promotion.convert(v, FLOAT) for v in given)
    if tuple(p.shape) != tuple(t.shape):
        raise ValueError(
            f"{where}: predictions have shape {tuple(p.shape)} and targets {tuple(t.shape)}; give both one."
        )
    return p, t


def _mean(values: Any) -> Any:
    """The mean; of nothing NaN, without a warning, as in compiled code."""
    return fnp.mean(values) if values.size else values.dtype.type(math.nan)


def _label_score(scores: Any, labels: Any, missing: float) -> Any:
    """The score of each label; `missing` for a label that is no class, such as -1."""
    inside = (labels >= 0) & (labels < scores.shape[-1])
    known = fnp.where(inside, labels, 0)
    own = fnp.take_along_axis(scores, known[..., None], axis=-1)[..., 0]
    return fnp.where(inside, own, missing)


# --- classes ----------------------------------------------------------------------------------------------------------


def accuracy(predictions: Any, labels: Any) -> Any:
    """The share of predictions that are right; NaN of no predictions.

    Args:
        predictions: classes, or scores [..., classes].
        labels: true classes.

    Raises:
        ValueError: when shapes do not fit.

    Example:
        >>> import numpy as np
        >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
        np.float64(0.5)
    """
    predicted, labels = _classes(predictions, labels, "train.accuracy")
    return _mean(promotion.convert(predicted == labels, FLOAT))


def top_k_accuracy(scores: Any, labels: Any, k: int = 5) -> Any:
    """The share of examples whose true class is among the k with the largest scores; of equal ones the first counts.

    Args:
        scores: [..., classes].
        labels: true classes [...]; one that is no class, such as -1, is never right.
        k: how many.

    Raises:
        ValueError: when shapes do not fit.

    Example:
        >>> import numpy as np
        >>> top_k_accuracy(np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]), np.array([1, 2]), k=2)
        np.float64(0.5)
    """
    where = "train.top_k_accuracy"
    scores, labels = promotion.array_operand(scores, where), promotion.array_operand(labels, where)
    if scores.ndim != labels.ndim + 1 or tuple(scores.shape[:-1]) != tuple(labels.shape):
        raise ValueError(
            f"{where}: scores must be [..., classes] and labels [...], got {scores.shape}, {labels.shape}."
        )
    own = _label_score(scores, labels, math.nan)[..., None]
    earlier = np.arange(scores.shape[-1]) < labels[..., None]
    # What is neither smaller nor equal counts as larger, so that NaN is never right.
    behind = (scores < own) | ((scores == own) & fnp.logical_not(earlier))
    rank = fnp.sum(fnp.logical_not(behind), axis=-1)
    return _mean(promotion.convert(rank < k, FLOAT))


def confusion_matrix(predictions: Any, labels: Any, classes: int) -> Any:
    """How often each class (row) was taken for each (column).

    Args:
        predictions: classes, or scores [..., classes].
        labels: true classes.
        classes: how many there are; others are not counted.

    Returns:
        An int64 array [classes, classes].

    Raises:
        ValueError: when shapes do not fit.

    Example:
        >>> import numpy as np
        >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 0, 1]), 2)
        array([[1, 1],
               [0, 1]])
    """
    predicted, labels = _classes(predictions, labels, "train.confusion_matrix")
    names = np.arange(classes)
    rows, columns = (promotion.convert(fnp.reshape(v, (-1, 1)) == names, FLOAT) for v in (labels, predicted))
    return promotion.convert(fnp.matmul(fnp.swapaxes(rows, 0, 1), columns), np.dtype(np.int64))


def _shares(predictions: Any, labels: Any, classes: int, average: str | None, where: str) -> tuple[Any, Any, Any]:
    """Hits, predicted and true numbers of each class; for "micro" their sums, for "binary" those of class 1."""
    if average not in ("macro", "micro", "binary", None):
        raise ValueError(f"{where}: average must be 'macro', 'micro', 'binary' or None, got {average!r}.")
    matrix = promotion.convert(confusion_matrix(predictions, labels, classes), FLOAT)
    counts = fnp.diagonal(matrix), fnp.sum(matrix, axis=0), fnp.sum(matrix, axis=1)
    if average == "micro":
        return tuple(fnp.sum(c) for c in counts)  # type: ignore[return-value]
    return tuple(c[1] for c in counts) if average == "binary" else counts  # type: ignore[return-value]


def _averaged(top: Any, bottom: Any, average: str | None) -> Any:
    share = fnp.where(bottom == 0, 0.0, top / fnp.where(bottom == 0, 1.0, bottom))
    return fnp.mean(share) if average == "macro" else share[()]


def precision(predictions: Any, labels: Any, classes: int = 2, average: str | None = "binary") -> Any:
    """Of those taken for a class, the share that belongs to it; 0 where there are none.

    Args:
        predictions: classes, or scores [..., classes].
        labels: true classes.
        classes: how many there are.
        average: "binary" for class 1 alone, "macro" for the mean over classes, "micro" for all classes together, None
            for one number for each class.

    Raises:
        ValueError: when shapes do not fit, or for another average.

    Example:
        >>> import numpy as np
        >>> precision(np.array([1, 1, 0, 1]), np.array([1, 0, 1, 1])).round(3)
        np.float64(0.667)
    """
    hits, predicted, _ = _shares(predictions, labels, classes, average, "train.precision")
    return _averaged(hits, predicted, average)


def recall(predictions: Any, labels: Any, classes: int = 2, average: str | None = "binary") -> Any:
    """Of those that belong to a class, the share that was taken for it; 0 where there are none.

    Args:
        predictions, labels, classes, average: as in `precision`.

    Raises:
        ValueError: when shapes do not fit, or for another average.

    Example:
        >>> import numpy as np
        >>> recall(np.array([1, 0, 0, 1]), np.array([1, 1, 0, 1])).round(3)
        np.float64(0.667)
    """
    hits, _, true = _shares(predictions, labels, classes, average, "train.recall")
    return _averaged(hits, true, average)


def f1(predictions: Any, labels: Any, classes: int = 2, average: str | None = "binary") -> Any:
    """The harmonic mean of precision p and recall r, 2 p r / (p + r); 0 where both are 0.

    Args:
        predictions, labels, classes, average: as in `precision`; "macro" is the mean of the classes' f1.

    Raises:
        ValueError: when shapes do not fit, or for another average.

    Example:
        >>> import numpy as np
        >>> f1(np.array([1, 0, 0, 1]), np.array([1, 1, 0, 1])).round(3)
        np.float64(0.8)
    """
    hits, predicted, true = _shares(predictions, labels, classes, average, "train.f1")
    return _averaged(2 * hits, predicted + true, average)


def roc_auc(scores: Any, labels: Any) -> Any:
    """The area under the ROC curve: the probability that a positive example scores above a negative one, ties half.

    Args:
        scores: real numbers [n].
        labels: truth values, or 0 and 1 [n].

    Returns:
        A number; NaN when all labels are equal, or when a score is NaN, which has no rank.

    Raises:
        ValueError: when the arrays are not of one shape [n].

    Example:
        >>> import numpy as np
        >>> roc_auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
        np.float64(0.75)

    Reference: J. Hanley, B. McNeil, The meaning and use of the area under a ROC curve, Radiology, 1982.
    """
    scores, labels = _pair(scores, labels, "train.roc_auc")
    if scores.ndim != 1:
        raise ValueError(f"train.roc_auc: scores and labels must be [n], got {tuple(scores.shape)}.")
    ordered = fnp.sort(scores)
    # Equal scores share the mean of their ranks.
    rank = (fnp.searchsorted(ordered, scores, side="left") + fnp.searchsorted(ordered, scores, side="right") + 1) / 2
    positive = promotion.convert(labels != 0, FLOAT)
    count = fnp.sum(positive)
    pairs = count * (scores.shape[0] - count)
    wins = fnp.sum(rank * positive) - count * (count + 1) / 2
    undefined = (pairs == 0) | fnp.any(fnp.isnan(scores))
    return fnp.where(undefined, math.nan, wins / fnp.where(pairs == 0, 1.0, pairs))[()]


def perplexity(logits: Any, labels: Any, mask: Any = None) -> Any:
    """exp of the mean cross-entropy: how many equally likely tokens the model hesitates between.

    Args:
        logits: [..., classes].
        labels: true classes [...]; one that is no class, such as -1, has to be masked, or the result is NaN.
        mask: which places count [...]; None for all.

    Raises:
        ValueError: when shapes do not fit.

    Example:
        >>> import numpy as np
        >>> perplexity(np.zeros((3, 8)), np.array([0, 5, 7])).round(12)
        np.float64(8.0)
    """
    where = "train.perplexity"
    logits, labels = promotion.array_operand(logits, where), promotion.array_operand(labels, where)
    if logits.ndim != labels.ndim + 1 or tuple(logits.shape[:-1]) != tuple(labels.shape):
        raise ValueError(
            f"{where}: logits must be [..., classes] and labels [...], got {logits.shape}, {labels.shape}."
        )
    largest = fnp.max(logits, axis=-1)
    loss = fnp.log(fnp.sum(fnp.exp(logits - largest[..., None]), axis=-1)) + largest
    loss = loss - _label_score(logits, labels, math.nan)
    if mask is None:
        return fnp.exp(_mean(loss))
    weight = promotion.convert(promotion.array_operand(mask, where), loss.dtype)
    total = fnp.sum(weight)
    share = fnp.sum(fnp.where(weight == 0, 0, loss * weight)) / fnp.where(total == 0, 1, total)
    return fnp.exp(fnp.where(total == 0, math.nan, share))


# --- regression -------------------------------------------------------------------------------------------------------


def mean_absolute_error(predictions: Any, targets: Any) -> Any:
    """The mean of |prediction - target|.

    Raises:
        ValueError: when the shapes differ.

    Example:
        >>> import numpy as np
        >>> mean_absolute_error(np.array([1.0, 2.0]), np.array([2.0, 4.0]))
        np.float64(1.5)
    """
    p, t = _pair(predictions, targets, "train.mean_absolute_error")
    return _mean(fnp.absolute(p - t))


def mean_squared_error(predictions: Any, targets: Any) -> Any:
    """The mean of (prediction - target)^2.

    Raises:
        ValueError: when the shapes differ.

    Example:
        >>> import numpy as np
        >>> mean_squared_error(np.array([1.0, 2.0]), np.array([2.0, 4.0]))
        np.float64(2.5)
    """
    p, t = _pair(predictions, targets, "train.mean_squared_error")
    return _mean(fnp.square(p - t))


def r2(predictions: Any, targets: Any) -> Any:
    """The coefficient of determination, 1 - sum (t - p)^2 / sum (t - mean t)^2 over axis 0; the mean of the others.

    Where the targets are constant it is 1 for exact predictions and 0 else; NaN where there are none.

    Raises:
        ValueError: when the shapes differ.

    Example:
        >>> import numpy as np
        >>> r2(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0])).round(4)
        np.float64(0.7857)
    """
    p, t = _pair(predictions, targets, "train.r2")
    if p.size == 0:
        return p.dtype.type(math.nan)
    rest = fnp.sum(fnp.square(t - p), axis=0)
    total = fnp.sum(fnp.square(t - fnp.mean(t, axis=0)), axis=0)
    constant = total == 0
    share = fnp.where(constant, fnp.where(rest == 0, 0.0, 1.0), rest / fnp.where(constant, 1.0, total))
    return fnp.mean(1 - share)
