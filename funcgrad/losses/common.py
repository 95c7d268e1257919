"""What losses share: arguments as real arrays, shapes that must agree, sums under masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import numpy as fnp
from ..core.avals import is_weak
from ..numpy import promotion
from ..ops import elementwise


def real(x: Any, where: str) -> Any:
    """An array of floating-point numbers."""
    value = promotion.array_operand(x, where)
    return value if value.dtype.kind == "f" else promotion.convert(value, np.dtype(np.float64))


def errors(predictions: Any, targets: Any, where: str) -> Any:
    """predictions - targets; broadcasting one against the other is almost always a mistake, so it is refused."""
    p = real(predictions, where)
    if targets is None:
        return p
    t = promotion.array_operand(targets, where)
    same_shape(p, t, where)
    return p - t


def same_shape(p: Any, t: Any, where: str) -> None:
    """The error for shapes that differ; a scalar fits everywhere."""
    if tuple(t.shape) != tuple(p.shape) and t.ndim:
        raise ValueError(
            f"{where}: predictions have shape {tuple(p.shape)} and targets {tuple(t.shape)}.\n"
            "Fix: give both one shape, for example with targets[:, None] or predictions.squeeze(-1)."
        )


def like(x: Any, value: float) -> Any:
    """A number in the dtype and shape of an array."""
    return elementwise.like(x, value)


def number_like(value: Any, x: Any) -> Any:
    """A scalar in the dtype of an array; Python numbers adapt by themselves."""
    return value if is_weak(value) else promotion.convert(promotion.array_operand(value), x.dtype)


def targets_like(x: Any, targets: Any, where: str) -> Any:
    """Targets in the dtype and shape of the predictions."""
    given = promotion.array_operand(targets, where)
    return promotion.broadcast(promotion.convert(given, x.dtype), tuple(x.shape))


def mask_like(x: Any, mask: Any, axis: Any) -> Any:
    """A mask with the number of axes of the array it belongs to: without the classes' axis it holds for all of them."""
    given = promotion.array_operand(mask)
    if axis is None or given.ndim != x.ndim - (len(axis) if isinstance(axis, tuple) else 1):
        return given
    # One axis may also be the classes' own, broadcast over the others; only a mask of the other axes' shape is spread.
    removed = {d % x.ndim for d in (axis if isinstance(axis, tuple) else (axis,))}
    kept = tuple(n for d, n in enumerate(x.shape) if d not in removed)
    return fnp.expand_dims(given, axis) if tuple(given.shape) == kept else given


def masked_sum(terms: Any, axis: Any, where: Any, keepdims: bool = False) -> Any:
    """The sum of the terms that a mask selects; the others are 0 whatever they are."""
    if where is not None:
        terms = fnp.where(mask_like(terms, where, axis), terms, like(terms, 0))
    return fnp.sum(terms, axis=axis, keepdims=keepdims)


def class_labels(scores: Any, labels: Any, where: str) -> Any:
    """Integer labels that fit the scores, whose last axis is the classes."""
    labels = promotion.array_operand(labels, where)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{where}: labels must be integers, got dtype {labels.dtype}.")
    if tuple(labels.shape) != tuple(scores.shape[:-1]):
        raise ValueError(
            f"{where}: labels have shape {tuple(labels.shape)}, scores {tuple(scores.shape)} with classes along the "
            "last axis."
        )
    return labels
