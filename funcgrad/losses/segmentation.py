"""Losses of segmentations: how far two sets of pixels overlap."""

from __future__ import annotations

from typing import Any

from .. import nn
from .. import numpy as fnp
from ..numpy import promotion
from .common import number_like, real

_REDUCTIONS = ("mean", "sum", "none")


def dice_loss(
    predictions: Any,
    targets: Any,
    *,
    class_weights: Any = None,
    smooth: Any = 1.0,
    alpha: Any = 0.5,
    beta: Any = 0.5,
    apply_softmax: bool = True,
    reduction: str = "mean",
    ignore_background: bool = False,
    axis: Any = None,
) -> Any:
    """1 - (TP + smooth) / (TP + alpha FP + beta FN + smooth) for each class, where TP = sum(p t) and so on.

    alpha = beta = 1/2 give the Dice loss, other values that of Tversky, 1 and 1 the Jaccard loss.

    Args:
        predictions: logits [batch, ..., classes], or probabilities when `apply_softmax` is False.
        targets: probabilities of the same shape. Either may lack the axis of classes, when there is one class.
        class_weights: one factor for each class.
        smooth: keeps the quotient finite for empty classes.
        alpha, beta: weights of false positives and false negatives.
        apply_softmax: softmax over the classes, a sigmoid for one class.
        reduction: what is made of the classes: "mean", "sum" or "none".
        ignore_background: leave out the first class.
        axis: the axes of the pixels; None for all but the first and the last.

    Raises:
        ValueError: when the shapes differ, and for another reduction.

    Example:
        >>> import numpy as np
        >>> target = np.array([[[1.0, 0.0], [0.0, 1.0]]])
        >>> dice_loss(target, target, apply_softmax=False)
        array([0.])

    Reference: F. Milletari, N. Navab, S.-A. Ahmadi, V-Net, 3DV 2016; S. Salehi, D. Erdogmus, A. Gholipour, Tversky loss
    function for image segmentation, MLMI 2017.
    """
    if reduction not in _REDUCTIONS:
        raise ValueError(f"dice_loss: reduction must be one of {_REDUCTIONS}, got {reduction!r}.")
    p, t = _same_axes(real(predictions, "dice_loss"), real(targets, "dice_loss"))
    if apply_softmax:
        p = nn.sigmoid(p) if p.shape[-1] == 1 else nn.softmax(p)
    axes = tuple(range(1, p.ndim - 1)) if axis is None else axis
    both, all_p, all_t = (fnp.sum(v, axis=axes) for v in (p * t, p, t))
    smooth, alpha, beta = (number_like(v, p) for v in (smooth, alpha, beta))
    loss = 1 - (both + smooth) / (both + alpha * (all_p - both) + beta * (all_t - both) + smooth)
    if class_weights is not None:
        loss = loss * _weights(class_weights, p)
    if ignore_background and p.shape[-1] > 1:
        loss = loss[..., 1:]
    if reduction == "none":
        return loss
    return fnp.mean(loss, axis=-1) if reduction == "mean" else fnp.sum(loss, axis=-1)


def _same_axes(p: Any, t: Any) -> tuple[Any, Any]:
    if p.ndim == t.ndim - 1:
        p = fnp.expand_dims(p, -1)
    if t.ndim == p.ndim - 1:
        t = fnp.expand_dims(t, -1)
    if tuple(p.shape) != tuple(t.shape):
        raise ValueError(f"dice_loss: predictions have shape {tuple(p.shape)} and targets {tuple(t.shape)}.")
    return p, t


def _weights(class_weights: Any, p: Any) -> Any:
    weights = promotion.convert(promotion.array_operand(class_weights, "dice_loss"), p.dtype)
    if weights.ndim != 1 or weights.shape[0] != p.shape[-1]:
        raise ValueError(
            f"dice_loss: class_weights must have shape ({p.shape[-1]},), one for each, got {tuple(weights.shape)}."
        )
    return weights


def multiclass_generalized_dice_loss(
    predictions: Any,
    targets: Any,
    *,
    smooth: Any = 1.0,
    apply_softmax: bool = True,
    ignore_background: bool = False,
) -> Any:
    """The mean of `dice_loss` over batch and classes, with weights of about 1 / (pixels of the class)^2, of mean 1.

    Args:
        predictions, targets, smooth, apply_softmax, ignore_background: see `dice_loss`.

    Example:
        >>> import numpy as np
        >>> target = np.array([[[1.0, 0.0], [0.0, 1.0]]])
        >>> multiclass_generalized_dice_loss(target, target, apply_softmax=False)
        np.float64(0.0)

    Reference: C. Sudre et al., Generalised Dice overlap as a deep learning loss function for highly unbalanced
    segmentations, DLMIA 2017.
    """
    t = real(targets, "multiclass_generalized_dice_loss")
    pixels = fnp.sum(t, axis=tuple(range(t.ndim - 1)))
    weights = 1 / (pixels * pixels + 1e-7)
    weights = weights / fnp.sum(weights) * t.shape[-1]
    loss = dice_loss(
        predictions,
        t,
        class_weights=weights,
        smooth=smooth,
        apply_softmax=apply_softmax,
        reduction="none",
        ignore_background=ignore_background,
    )
    return fnp.mean(loss)


def binary_dice_loss(predictions: Any, targets: Any, *, smooth: Any = 1.0, apply_sigmoid: bool = True) -> Any:
    """`dice_loss` of one class.

    Args:
        predictions: logits [batch, ...], or probabilities when `apply_sigmoid` is False.
        targets: probabilities of the same shape.
        smooth: see `dice_loss`.
        apply_sigmoid: whether predictions are logits.

    Example:
        >>> import numpy as np
        >>> binary_dice_loss(np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]]), apply_sigmoid=False)
        array([0.])

    Reference: F. Milletari, N. Navab, S.-A. Ahmadi, V-Net, 3DV 2016.
    """
    p, t = real(predictions, "binary_dice_loss"), real(targets, "binary_dice_loss")
    if p.ndim == t.ndim and p.shape[-1] != 1:
        p, t = fnp.expand_dims(p, -1), fnp.expand_dims(t, -1)
    return dice_loss(p, t, smooth=smooth, apply_softmax=apply_sigmoid)
