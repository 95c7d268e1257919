"""Connectionist temporal classification: labels without alignment against a sequence of predictions."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import nn
from .. import numpy as fnp
from ..api.loops import scan
from ..numpy import promotion
from .common import real


def ctc_loss_with_forward_probs(
    logits: Any,
    logit_paddings: Any,
    labels: Any,
    label_paddings: Any,
    *,
    blank_id: int = 0,
    log_epsilon: Any = -1e5,
) -> tuple[Any, Any, Any]:
    """`ctc_loss`, and the logarithms of the probabilities of all prefixes.

    Args:
        logits, logit_paddings, labels, label_paddings, blank_id, log_epsilon: see `ctc_loss`.

    Returns:
        The losses [batch]; log-probabilities of having written n labels and a blank last, [time, batch, labels + 1];
        and of having written n + 1 labels, the last of them now, [time, batch, labels].

    Example:
        >>> import numpy as np
        >>> loss, blank, label = ctc_loss_with_forward_probs(
        ...     np.zeros((1, 3, 2)), np.zeros((1, 3)), np.array([[1]]), np.zeros((1, 1))
        ... )
        >>> blank.shape, label.shape
        ((3, 1, 2), (3, 1, 1))

    Reference: A. Graves et al., Connectionist temporal classification, ICML 2006.
    """
    scores = nn.log_softmax(real(logits, "ctc_loss"))
    labels, padded, times = _checked(scores, logit_paddings, labels, label_paddings)
    batch, count = labels.shape
    dtype = scores.dtype
    never = promotion.convert(promotion.array_operand(log_epsilon), dtype)
    same = fnp.equal(labels[:, :-1], labels[:, 1:])
    repeated = promotion.convert(fnp.concatenate([same, np.zeros((batch, 1), np.bool_)], axis=1), dtype)
    emit_scores = fnp.transpose(_picked(scores, labels), (1, 0, 2))
    blank_scores = fnp.transpose(scores[:, :, blank_id : blank_id + 1], (1, 0, 2))

    def step(carry: tuple[Any, Any], x: tuple[Any, Any, Any]) -> tuple[Any, Any]:
        blank, emit = carry
        emit_score, blank_score, ended = x
        # A label may follow another at once unless they are equal, which takes a blank between them.
        before = _entered(blank, emit + never * repeated)
        new_emit = fnp.logaddexp(before[:, :-1], emit) + emit_score
        new_blank = _entered(before + blank_score, emit + blank_score + never * (1 - repeated))
        new = fnp.where(ended, blank, new_blank), fnp.where(ended, emit, new_emit)
        return new, new

    first = fnp.concatenate([np.zeros((batch, 1), dtype), np.zeros((batch, count), dtype) + never], axis=1)
    start = first, np.zeros((batch, count), dtype) + never
    ended = fnp.expand_dims(fnp.transpose(times) != 0, -1)
    (blank, emit), (blanks, emits) = scan(step, start, (emit_scores, blank_scores, ended))
    last = _entered(blank, emit)
    blanks = fnp.concatenate([blanks[:-1], fnp.expand_dims(last, 0)], axis=0)
    length = fnp.sum(fnp.equal(padded, 0), axis=1)
    return -fnp.take_along_axis(last, fnp.expand_dims(length, 1), axis=1)[:, 0], blanks, emits


def _entered(blank: Any, emit: Any) -> Any:
    """Log-probabilities of n labels, to which those that have just written the n-th are added."""
    return fnp.concatenate([blank[:, :1], fnp.logaddexp(blank[:, 1:], emit)], axis=1)


def _picked(scores: Any, labels: Any) -> Any:
    """scores[b, t, labels[b, n]] as an array [batch, time, labels]."""
    shape = (labels.shape[0], scores.shape[1], labels.shape[1])
    return fnp.take_along_axis(scores, fnp.broadcast_to(fnp.expand_dims(labels, 1), shape), axis=2)


def _checked(scores: Any, logit_paddings: Any, labels: Any, label_paddings: Any) -> tuple[Any, Any, Any]:
    labels, padded, times = (promotion.array_operand(v, "ctc_loss") for v in (labels, label_paddings, logit_paddings))
    if scores.ndim != 3 or labels.ndim != 2 or labels.shape[0] != scores.shape[0]:
        raise ValueError(
            f"ctc_loss: logits must be [batch, time, classes] and labels [batch, labels], got {tuple(scores.shape)} "
            f"and {tuple(labels.shape)}."
        )
    if tuple(times.shape) != tuple(scores.shape[:2]) or tuple(padded.shape) != tuple(labels.shape):
        raise ValueError(
            f"ctc_loss: the paddings have shapes {tuple(times.shape)} and {tuple(padded.shape)}, they must be "
            f"{tuple(scores.shape[:2])} and {tuple(labels.shape)}."
        )
    if labels.dtype.kind not in "iu":
        raise TypeError(f"ctc_loss: labels must be integers, got dtype {labels.dtype}.")
    return labels, padded, times


def ctc_loss(
    logits: Any,
    logit_paddings: Any,
    labels: Any,
    label_paddings: Any,
    *,
    blank_id: int = 0,
    log_epsilon: Any = -1e5,
) -> Any:
    """-log of the probability of a label sequence, summed over all its alignments with the time steps.

    Args:
        logits: unnormalized log-probabilities [batch, time, classes].
        logit_paddings: [batch, time]: 0 for steps, 1 for padding at the end.
        labels: integers [batch, labels].
        label_paddings: [batch, labels]: 0 for labels, 1 for padding at the end.
        blank_id: the class that writes nothing.
        log_epsilon: stands for the logarithm of 0.

    Returns:
        The losses [batch]; around -log_epsilon where the sequence is too long for the time.

    Raises:
        TypeError: when labels are not integers.
        ValueError: when the shapes do not fit.

    Example:
        >>> import numpy as np
        >>> loss = ctc_loss(np.zeros((1, 2, 2)), np.zeros((1, 2)), np.array([[1]]), np.zeros((1, 1)))
        >>> bool(np.isclose(loss[0], -np.log(3 / 4)))  # "1 1", "blank 1" and "1 blank" of 4 equally likely paths
        True

    Reference: A. Graves et al., Connectionist temporal classification, ICML 2006.
    """
    return ctc_loss_with_forward_probs(
        logits, logit_paddings, labels, label_paddings, blank_id=blank_id, log_epsilon=log_epsilon
    )[0]
