"""Losses and arguments that the tests and the recording of reference numbers have in common.

Every case is (function of a namespace of losses and of x, x). Recorded are the values, and the gradient of their sum
with the weights 1, 2, 3, ...
"""

from __future__ import annotations

from typing import Any

import numpy as np

LOGITS = np.array([[0.3, -1.2, 2.0], [1.5, 0.1, -0.7]])
TARGETS = np.array([[0.1, -2.2, 2.5], [1.0, 0.4, -3.7]])
DENSE = np.array([[0.2, 0.5, 0.3], [0.9, 0.1, 0.0]])
POSITIVE = np.array([[0.2, 0.5, 0.3], [0.85, 0.1, 0.05]])
SIGNS = np.sign(TARGETS)
LABELS = np.array([2, 0])
MASK = np.array([[True, False, True], [True, True, False]])
VECTORS = np.array([[1.0, 0.2, -0.5], [0.7, 0.1, 0.3], [-1.1, 0.4, 2.0], [0.5, -0.8, 1.2], [0.1, 1.0, -0.3]])
GROUPS = np.array([0, 1, 0, 1, 2])
CUBE = np.sin(np.arange(24.0)).reshape(2, 4, 3) * 2
CLASSES = np.eye(3)[np.array([[0, 1, 2, 1], [2, 2, 0, 1]])]
TIMES = np.array([[0.0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]])
SPOKEN = np.cos(np.arange(48.0)).reshape(2, 6, 4)
WORDS, ENDS = np.array([[1, 2, 2], [3, 1, 0]]), np.array([[0.0, 0, 0], [0, 0, 1]])
LOGS = np.log(POSITIVE)


def _ctc(o: Any, x: Any, **options: Any) -> Any:
    return o.ctc_loss(x, TIMES, WORDS, ENDS, **options)


CASES: dict[str, tuple[Any, Any]] = {
    "cosine_distance": (lambda o, x: o.cosine_distance(x, TARGETS), LOGITS),
    "cosine_similarity axis": (lambda o, x: o.cosine_similarity(x, TARGETS, axis=0, epsilon=0.5, where=MASK), LOGITS),
    "safe_softmax_cross_entropy": (lambda o, x: o.safe_softmax_cross_entropy(x, DENSE), LOGITS),
    "softmax_cross_entropy axes": (lambda o, x: o.softmax_cross_entropy(x, CLASSES / 4, axis=(1, 2)), CUBE),
    "integer axes": (
        lambda o, x: o.softmax_cross_entropy_with_integer_labels(x, np.array([5, 0]), axis=(1, 2)),
        CUBE,
    ),
    "integer where": (lambda o, x: o.softmax_cross_entropy_with_integer_labels(x, LABELS, where=MASK), LOGITS),
    "poly_loss_cross_entropy": (lambda o, x: o.poly_loss_cross_entropy(x, DENSE, epsilon=-0.5), LOGITS),
    "poly_loss where": (lambda o, x: o.poly_loss_cross_entropy(x, DENSE, where=MASK), LOGITS),
    "sigmoid_focal_loss": (lambda o, x: o.sigmoid_focal_loss(x, np.array([[1.0, 0, 1], [0, 0, 1]])), LOGITS),
    "sigmoid_focal_loss alpha": (lambda o, x: o.sigmoid_focal_loss(x, POSITIVE, alpha=0.3, gamma=1.5), LOGITS),
    "smooth_labels axis": (lambda o, x: o.smooth_labels(x, 0.1, axis=0), DENSE),
    "smooth_labels where": (lambda o, x: o.smooth_labels(x, 0.1, where=MASK), DENSE),
    "perceptron_loss": (lambda o, x: o.perceptron_loss(x, SIGNS), LOGITS),
    "multiclass_hinge_loss": (lambda o, x: o.multiclass_hinge_loss(x, LABELS), LOGITS),
    "multiclass_perceptron_loss": (lambda o, x: o.multiclass_perceptron_loss(x, np.array([1, 0])), LOGITS),
    "sparsemax_loss": (lambda o, x: o.sparsemax_loss(x, np.array([[1, 0, 1], [0, 0, 1]])), LOGITS),
    "multiclass_sparsemax_loss": (lambda o, x: o.multiclass_sparsemax_loss(x, np.array([0, 1])), LOGITS * 0.4),
    "kl_divergence_with_log_targets": (lambda o, x: o.kl_divergence_with_log_targets(x, LOGS), LOGITS - 2),
    "kl of targets": (lambda o, x: o.kl_divergence_with_log_targets(LOGITS - 2, x, axis=0), LOGS),
    "generalized_kl_divergence": (lambda o, x: o.generalized_kl_divergence(x, DENSE), LOGITS - 2),
    "kl where": (lambda o, x: o.kl_divergence(x, DENSE, where=MASK), LOGITS - 2),
    "ctc_loss": (_ctc, SPOKEN),
    "ctc_loss blank": (lambda o, x: _ctc(o, x, blank_id=3), SPOKEN * 3),
    "ranking_softmax_loss": (lambda o, x: o.ranking_softmax_loss(x, POSITIVE), LOGITS),
    "ranking_softmax_loss where": (
        lambda o, x: o.ranking_softmax_loss(x, POSITIVE, where=MASK, weights=DENSE + 1, reduce_fn=None),
        LOGITS,
    ),
    "dice_loss": (lambda o, x: o.dice_loss(x, CLASSES), CUBE),
    "tversky": (
        lambda o, x: o.dice_loss(
            x, CLASSES, alpha=0.3, beta=0.7, smooth=0.1, reduction="sum", class_weights=np.array([1.0, 2.0, 0.5])
        ),
        CUBE,
    ),
    "dice background": (lambda o, x: o.dice_loss(x, CLASSES, ignore_background=True, reduction="none"), CUBE),
    "multiclass_generalized_dice_loss": (lambda o, x: o.multiclass_generalized_dice_loss(x, CLASSES), CUBE),
    "binary_dice_loss": (lambda o, x: o.binary_dice_loss(x, (SIGNS + 1) / 2), LOGITS),
    "ntxent": (lambda o, x: o.ntxent(x, GROUPS), VECTORS),
    "ntxent warm": (lambda o, x: o.ntxent(x, GROUPS, temperature=0.5), VECTORS),
    "triplet_margin_loss": (lambda o, x: o.triplet_margin_loss(x, TARGETS, POSITIVE, margin=2.0), LOGITS),
    "triplet_margin_loss 4": (lambda o, x: o.triplet_margin_loss(TARGETS, x, POSITIVE, norm_degree=4), LOGITS),
}


def weighted(f: Any, o: Any) -> Any:
    """The sum of the losses with the weights 1, 2, 3, ..."""

    def total(x: Any) -> Any:
        out = f(o, x)
        return (out * np.arange(1.0, out.size + 1).reshape(out.shape)).sum()

    return total
