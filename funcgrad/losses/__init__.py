"""Losses, by the names and signatures of optax: arrays of predictions and targets to an array of losses.

Each function gives one loss per example (per element for the elementwise ones); take the mean for training. They are
accurate, and have finite derivatives, for the most extreme arguments.
"""

from .classification import (
    poly_loss_cross_entropy,
    safe_softmax_cross_entropy,
    sigmoid_binary_cross_entropy,
    sigmoid_focal_loss,
    smooth_labels,
    softmax_cross_entropy,
    softmax_cross_entropy_with_integer_labels,
)
from .ctc import ctc_loss, ctc_loss_with_forward_probs
from .divergence import convex_kl_divergence, generalized_kl_divergence, kl_divergence, kl_divergence_with_log_targets
from .margins import (
    hinge_loss,
    make_fenchel_young_loss,
    multiclass_hinge_loss,
    multiclass_perceptron_loss,
    multiclass_sparsemax_loss,
    perceptron_loss,
    sparsemax_loss,
)
from .ranking import ranking_softmax_loss
from .regression import (
    absolute_error,
    cosine_distance,
    cosine_similarity,
    huber_loss,
    l2_loss,
    log_cosh,
    mae,
    mean_absolute_error,
    mean_squared_error,
    mse,
    squared_error,
)
from .segmentation import binary_dice_loss, dice_loss, multiclass_generalized_dice_loss
from .self_supervised import ntxent, triplet_margin_loss

__all__ = [
    "absolute_error",
    "binary_dice_loss",
    "convex_kl_divergence",
    "cosine_distance",
    "cosine_similarity",
    "ctc_loss",
    "ctc_loss_with_forward_probs",
    "dice_loss",
    "generalized_kl_divergence",
    "hinge_loss",
    "huber_loss",
    "kl_divergence",
    "kl_divergence_with_log_targets",
    "l2_loss",
    "log_cosh",
    "mae",
    "make_fenchel_young_loss",
    "mean_absolute_error",
    "mean_squared_error",
    "mse",
    "multiclass_generalized_dice_loss",
    "multiclass_hinge_loss",
    "multiclass_perceptron_loss",
    "multiclass_sparsemax_loss",
    "ntxent",
    "perceptron_loss",
    "poly_loss_cross_entropy",
    "ranking_softmax_loss",
    "safe_softmax_cross_entropy",
    "sigmoid_binary_cross_entropy",
    "sigmoid_focal_loss",
    "smooth_labels",
    "softmax_cross_entropy",
    "softmax_cross_entropy_with_integer_labels",
    "sparsemax_loss",
    "squared_error",
    "triplet_margin_loss",
]
