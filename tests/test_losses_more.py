"""Losses against recorded values of optax, at extreme arguments, in float32, and with bad arguments."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import loss_cases as cases
import numpy as np
import pytest

import funcgrad as fg
from funcgrad import losses, nn
from funcgrad.api.compilation import jit
from funcgrad.test_util import check_grads

EXPECTED = json.loads((Path(__file__).parent / "reference" / "optax_losses.json").read_text())


def value_and_gradient(name: str, x: Any) -> tuple[Any, Any]:
    f = cases.CASES[name][0]
    return f(losses, x), fg.grad(cases.weighted(f, losses))(x)


def test_every_loss_has_reference_numbers() -> None:
    """Here or in test_losses.py."""
    assert set(cases.CASES) == set(EXPECTED)
    here = set(" ".join(cases.CASES).replace(",", " ").split())
    elsewhere = {
        "absolute_error",
        "mae",
        "mean_absolute_error",
        "mean_squared_error",
        "mse",
        "squared_error",
        "l2_loss",
    }
    elsewhere |= {"huber_loss", "log_cosh", "hinge_loss", "softmax_cross_entropy", "sigmoid_binary_cross_entropy"}
    elsewhere |= {"softmax_cross_entropy_with_integer_labels", "kl_divergence", "smooth_labels", "cosine_similarity"}
    elsewhere |= {"convex_kl_divergence", "ctc_loss_with_forward_probs", "make_fenchel_young_loss"}
    assert set(losses.__all__) <= here | elsewhere


@pytest.mark.parametrize("name", cases.CASES)
def test_same_as_optax(name: str) -> None:
    value, gradient = value_and_gradient(name, cases.CASES[name][1])
    np.testing.assert_allclose(value, EXPECTED[name][0], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(gradient, EXPECTED[name][1], rtol=1e-10, atol=1e-12)


def test_compiled_is_the_same() -> None:
    xs = {name: x for name, (_, x) in cases.CASES.items()}
    compiled = jit(lambda xs: {name: value_and_gradient(name, x) for name, x in xs.items()})(xs)
    for name, (value, gradient) in compiled.items():
        np.testing.assert_allclose(value, EXPECTED[name][0], rtol=1e-11, atol=1e-13, err_msg=name)
        np.testing.assert_allclose(gradient, EXPECTED[name][1], rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("name", cases.CASES)
def test_float32_stays_float32(name: str) -> None:
    """Also where the other arguments are float64, except in arithmetic with plain arrays, which NumPy promotes."""
    f, x = cases.CASES[name]
    value, gradient = f(losses, x.astype(np.float32)), fg.grad(cases.weighted(f, losses))(x.astype(np.float32))
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(value, EXPECTED[name][0], rtol=2e-4, atol=1e-5)
    promotes = {"cosine_distance", "cosine_similarity axis", "perceptron_loss", "triplet_margin_loss", "kl of targets"}
    promotes |= {"triplet_margin_loss 4", "dice_loss", "tversky", "dice background", "binary_dice_loss"}
    promotes |= {"multiclass_generalized_dice_loss"}
    assert value.dtype == (np.float64 if name in promotes else np.float32)


@pytest.mark.parametrize("name", ["multiclass_sparsemax_loss", "sparsemax_loss", "sigmoid_focal_loss alpha", "tversky"])
def test_second_derivatives(name: str) -> None:
    f, x = cases.CASES[name]
    check_grads(partial(f, losses), (x,), order=2, modes=["fwd", "rev"])


# --- extreme arguments ------------------------------------------------------------------------------------------------

HUGE = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, 1e4]])
HARD = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
EXTREMES: dict[str, Any] = {
    "sigmoid_binary_cross_entropy": lambda x: losses.sigmoid_binary_cross_entropy(x, HARD),
    "sigmoid_focal_loss": lambda x: losses.sigmoid_focal_loss(x, HARD, gamma=2.0),
    "focal of wrong answers": lambda x: losses.sigmoid_focal_loss(-x, HARD, gamma=0.5, alpha=0.25),
    "softmax_cross_entropy": lambda x: losses.softmax_cross_entropy(x, HARD),
    "safe_softmax_cross_entropy": lambda x: losses.safe_softmax_cross_entropy(x, HARD),
    "integer labels": lambda x: losses.softmax_cross_entropy_with_integer_labels(x, np.array([1, 0])),
    "poly_loss_cross_entropy": lambda x: losses.poly_loss_cross_entropy(x, HARD),
    "hinge_loss": lambda x: losses.hinge_loss(x, 2 * HARD - 1),
    "multiclass_hinge_loss": lambda x: losses.multiclass_hinge_loss(x, np.array([1, 0])),
    "sparsemax_loss": lambda x: losses.sparsemax_loss(x * 1e200, HARD),
    "multiclass_sparsemax_loss": lambda x: losses.multiclass_sparsemax_loss(x, np.array([1, 0])),
    "log_cosh": losses.log_cosh,
    "huber_loss": losses.huber_loss,
    "kl_divergence": lambda x: losses.kl_divergence(nn.log_softmax(x), HARD),
    "kl_divergence_with_log_targets": lambda x: losses.kl_divergence_with_log_targets(
        nn.log_softmax(x), nn.log_softmax(-x)
    ),
    "ctc_loss": lambda x: losses.ctc_loss(x[None], np.zeros((1, 2)), np.array([[1]]), np.zeros((1, 1))),
    "ranking_softmax_loss": lambda x: losses.ranking_softmax_loss(x, HARD),
    "dice_loss": lambda x: losses.dice_loss(x[None], HARD[None]),
    "cosine_similarity": lambda x: losses.cosine_similarity(x * 1e100, HARD),
    "ntxent": lambda x: losses.ntxent(x, np.array([0, 0]), temperature=1e-3),
    "triplet_margin_loss": lambda x: losses.triplet_margin_loss(x, HARD, -x),
}


def test_extreme_logits_give_finite_values_and_derivatives() -> None:
    def all_of(x: Any) -> Any:
        return {name: (f(x), fg.grad(lambda x, f=f: f(x).sum())(x)) for name, f in EXTREMES.items()}

    for results in (all_of(HUGE), jit(all_of)(HUGE)):
        for name, (value, gradient) in results.items():
            assert np.isfinite(value).all() and np.isfinite(gradient).all(), name


def test_right_answers_cost_what_is_left_of_the_probability() -> None:
    """No digits are lost in 1 - p: at a logit of 40 the focal loss is exp(-40)^3."""
    np.testing.assert_allclose(losses.sigmoid_focal_loss(40.0, 1.0), np.exp(-120.0), rtol=1e-12)
    np.testing.assert_allclose(
        fg.grad(lambda x: losses.sigmoid_focal_loss(x, 1.0))(40.0), -3 * np.exp(-120.0), rtol=1e-12
    )
    assert losses.sigmoid_focal_loss(40.0, 1.0, gamma=0) == losses.sigmoid_binary_cross_entropy(40.0, 1.0)


def test_log_targets_of_minus_infinity_cost_nothing() -> None:
    logs, own = np.log([0.5, 0.5]), np.array([0.0, -np.inf])
    value, slopes = fg.value_and_grad(losses.kl_divergence_with_log_targets, argnums=(0, 1))(logs, own)
    np.testing.assert_allclose(value, np.log(2))
    np.testing.assert_allclose(slopes, [[-1, 0], [1 + np.log(2), 0]])
    assert losses.kl_divergence_with_log_targets(own, own) == 0


def test_kinks_are_flat() -> None:
    np.testing.assert_array_equal(
        fg.grad(lambda x: losses.perceptron_loss(x, 1.0).sum())(np.array([-1.0, 0, 1])), [-1, 0, 0]
    )
    assert fg.grad(losses.absolute_error)(0.0) == 0
    assert losses.mae is losses.mean_absolute_error and losses.mae(np.array([1.0, -3.0])) == 2


# --- meaning ----------------------------------------------------------------------------------------------------------


def test_ctc_sums_over_all_paths() -> None:
    """Against an enumeration of the 3^4 paths."""
    scores = nn.log_softmax(np.sin(np.arange(12.0)).reshape(1, 4, 3) * 2)
    for word in ([1], [1, 2], [2, 2]):
        total = 0.0
        for path in np.ndindex(3, 3, 3, 3):
            kept = [c for i, c in enumerate(path) if i == 0 or c != path[i - 1]]
            if [c for c in kept if c] == word:
                total += np.exp(sum(scores[0, t, c] for t, c in enumerate(path)))
        found = losses.ctc_loss(scores, np.zeros((1, 4)), np.array([word]), np.zeros((1, len(word))))
        np.testing.assert_allclose(found, [-np.log(total)], rtol=1e-12)
    loss, blanks, emits = losses.ctc_loss_with_forward_probs(
        scores, np.zeros((1, 4)), np.array([[1, 2]]), np.array([[0, 1]])
    )
    assert loss == -blanks[-1, 0, 1] and emits.shape == (4, 1, 2)


def test_a_word_too_long_for_its_time_is_impossible() -> None:
    loss = losses.ctc_loss(np.zeros((1, 2, 3)), np.zeros((1, 2)), np.array([[1, 1]]), np.zeros((1, 2)))
    assert loss[0] > 9e4


def test_sparsemax_loss_leads_to_the_simplex() -> None:
    scores = np.array([[0.3, 0.1, -2.0], [5.0, 0.0, 0.0]])
    slopes = fg.grad(lambda s: losses.multiclass_sparsemax_loss(s, np.array([0, 1])).sum())(scores)
    np.testing.assert_allclose(slopes, [[0.6 - 1, 0.4, 0], [1, -1, 0]], atol=1e-15)


def test_fenchel_young_loss_of_logsumexp_is_cross_entropy() -> None:
    loss = losses.make_fenchel_young_loss(nn.logsumexp)
    np.testing.assert_allclose(
        loss(cases.LOGITS, cases.POSITIVE), losses.softmax_cross_entropy(cases.LOGITS, cases.POSITIVE), rtol=1e-13
    )
    gradient = fg.grad(lambda x: loss(x, cases.POSITIVE).sum())(cases.LOGITS)
    np.testing.assert_allclose(gradient, nn.softmax(cases.LOGITS) - cases.POSITIVE, rtol=1e-12, atol=1e-15)


def test_masks_of_whole_examples() -> None:
    """A mask may lack the axis of the classes; where no class takes part the loss is 0."""
    keep = np.array([True, False])
    loss = losses.softmax_cross_entropy_with_integer_labels(cases.LOGITS, cases.LABELS, where=keep)
    assert loss[1] == 0 and loss[0] == losses.softmax_cross_entropy_with_integer_labels(cases.LOGITS, cases.LABELS)[0]
    dense = losses.softmax_cross_entropy(cases.LOGITS, cases.DENSE, where=keep)
    assert dense[1] == 0 and dense[0] == losses.softmax_cross_entropy(cases.LOGITS, cases.DENSE)[0]


def test_lists_without_items_do_not_count() -> None:
    keep = np.array([[True, True, True], [False, False, False]])
    both = losses.ranking_softmax_loss(cases.LOGITS, cases.DENSE, where=keep)
    np.testing.assert_allclose(both, losses.ranking_softmax_loss(cases.LOGITS[:1], cases.DENSE[:1]), rtol=1e-13)
    assert losses.ranking_softmax_loss(cases.LOGITS, cases.DENSE, where=np.zeros((2, 3), bool)) == 0


def test_labels_without_pairs_have_no_loss() -> None:
    assert np.isnan(losses.ntxent(cases.VECTORS, np.arange(5)))


# --- errors -----------------------------------------------------------------------------------------------------------


def test_errors() -> None:
    one = np.zeros((1, 2))
    for f in (losses.multiclass_hinge_loss, losses.multiclass_perceptron_loss, losses.multiclass_sparsemax_loss):
        with pytest.raises(TypeError, match="labels must be integers, got dtype float64"):
            f(one, np.zeros(1))
        with pytest.raises(ValueError, match=r"labels have shape \(2,\), scores \(1, 2\)"):
            f(one, np.array([0, 1]))
    with pytest.raises(ValueError, match=r"perceptron_loss: predictions have shape \(1, 2\) and targets \(2, 1\)"):
        losses.perceptron_loss(one, one.T)
    with pytest.raises(ValueError, match=r"logits must be \[batch, time, classes\]"):
        losses.ctc_loss(one, one, np.zeros((1, 2), int), one)
    with pytest.raises(
        ValueError, match=r"paddings have shapes \(1, 2\) and \(1, 1\), they must be \(1, 2\) and \(1, 2\)"
    ):
        losses.ctc_loss(np.zeros((1, 2, 3)), one, np.zeros((1, 2), int), np.zeros((1, 1)))
    with pytest.raises(TypeError, match="ctc_loss: labels must be integers"):
        losses.ctc_loss(np.zeros((1, 2, 3)), one, one, one)
    with pytest.raises(ValueError, match="reduction must be one of"):
        losses.dice_loss(one, one, reduction="median")
    with pytest.raises(ValueError, match=r"predictions have shape \(1, 2\) and targets \(3, 2\)"):
        losses.dice_loss(one, np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"class_weights must have shape \(2,\)"):
        losses.dice_loss(one, one, class_weights=np.ones(3))
    with pytest.raises(ValueError, match=r"embeddings must be \[batch, features\]"):
        losses.ntxent(one, np.zeros(3, int))
