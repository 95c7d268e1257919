"""`funcgrad.losses`: values and gradients against optax, accuracy far from the decision boundary, labels, shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import losses, nn
from funcgrad.api.compilation import jit

LOGITS = np.array([[0.3, -1.2, 2.0], [1.5, 0.1, -0.7]])
DENSE = np.array([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0]])
LABELS = np.array([2, 0])
TARGETS = np.array([[0.1, -2.2, 2.5], [1.0, 0.4, -3.7]])
FUNCTIONS: dict[str, Any] = {
    "squared_error": lambda x: losses.squared_error(x, TARGETS),
    "l2_loss": lambda x: losses.l2_loss(x, TARGETS),
    "huber_loss": lambda x: losses.huber_loss(x, TARGETS, 0.7),
    "log_cosh": lambda x: losses.log_cosh(x, TARGETS),
    "softmax_cross_entropy": lambda x: losses.softmax_cross_entropy(x, DENSE),
    "integer": lambda x: losses.softmax_cross_entropy_with_integer_labels(x, LABELS),
    "sigmoid_binary_cross_entropy": lambda x: losses.sigmoid_binary_cross_entropy(x, DENSE),
    "hinge_loss": lambda x: losses.hinge_loss(x, np.sign(TARGETS)),
    "kl_divergence": lambda x: losses.kl_divergence(nn.log_softmax(x), DENSE),
    "cosine_similarity": lambda x: losses.cosine_similarity(x, TARGETS),
    "smooth_labels": lambda x: losses.smooth_labels(x, 0.1),
}

# Values, and gradients of the losses weighted by 1, 2, 3, ...: optax 0.2.8, jax 0.10.2 with jax_enable_x64.
EXPECTED: dict[str, Any] = {
    "squared_error": (
        [[0.039999999999999994, 1.0000000000000004, 0.25], [0.25, 0.09000000000000002, 9.0]],
        [[0.39999999999999997, 4.000000000000001, -3.0], [4.0, -3.0000000000000004, 36.0]],
    ),
    "l2_loss": (
        [[0.019999999999999997, 0.5000000000000002, 0.125], [0.125, 0.04500000000000001, 4.5]],
        [[0.19999999999999998, 2.0000000000000004, -1.5], [2.0, -1.5000000000000002, 18.0]],
    ),
    "huber_loss": (
        [[0.019999999999999997, 0.4550000000000002, 0.125], [0.125, 0.04500000000000001, 1.8549999999999998]],
        [[0.19999999999999996, 1.4, -1.5], [2.0, -1.5000000000000002, 4.199999999999999]],
    ),
    "log_cosh": (
        [
            [0.019868071840007273, 0.4337808304830274, 0.12011450695827752],
            [0.12011450695827752, 0.04434076992594049, 2.309328504577785],
        ],
        [
            [0.19737532022490395, 1.5231883119115301, -1.3863514717800296],
            [1.8484686290400396, -1.4565630622579548, 5.970328522120382],
        ],
    ),
    "softmax_cross_entropy": (
        [2.141671244952791, 0.30557119538913796],
        [
            [-0.05068113781660883, -0.4666824583678386, 0.5173635961844474],
            [-0.5265950937109372, 0.3633371765475501, 0.16325791716338672],
        ],
    ),
    "integer": (
        [0.20167124495279065, 0.305571195389138],
        [
            [0.1493188621833912, 0.03331754163216139, -0.18263640381555257],
            [-0.5265950937109372, 0.3633371765475501, 0.16325791716338672],
        ],
    ),
    "sigmoid_binary_cross_entropy": (
        [
            [0.7943552444685271, 0.8632824673380312, 1.5269280110429726],
            [0.2014132779827524, 0.7443966600735709, 0.40318604888545784],
        ],
        [
            [0.37444251681165913, -0.5370495669980353, 1.7423912339336467],
            [-0.7297020952254254, 2.6248959373947, 1.9908733669910035],
        ],
    ),
    "hinge_loss": ([[0.7, 0.0, 0.0], [0.0, 0.9, 0.30000000000000004]], [[-1.0, 0.0, -0.0], [-0.0, -5.0, 6.0]]),
    "kl_divergence": (
        [1.112018230888217, 0.30557119538913796],
        [
            [-0.05068113781660883, -0.4666824583678386, 0.5173635961844474],
            [-0.5265950937109372, 0.3633371765475501, 0.16325791716338672],
        ],
    ),
    "cosine_similarity": (
        [0.9789743406527986, 0.6462796452459245],
        [
            [-0.0403452343024322, -0.06836532265663861, -0.03496740844861834],
            [-0.3920639890596014, 0.07818518446558664, -0.8289678073469189],
        ],
    ),
    "smooth_labels": (
        [
            [0.30333333333333334, -1.0466666666666666, 1.8333333333333335],
            [1.3833333333333335, 0.12333333333333335, -0.5966666666666667],
        ],
        [[0.9, 1.8, 2.7], [3.6, 4.5, 5.4]],
    ),
}


def weighted(f: Any) -> Any:
    def total(x: Any) -> Any:
        out = f(x)
        return (out * np.arange(1.0, out.size + 1).reshape(out.shape)).sum()

    return total


@pytest.mark.parametrize("name", FUNCTIONS)
def test_same_as_optax(name: str) -> None:
    f, (value, gradient) = FUNCTIONS[name], EXPECTED[name]
    np.testing.assert_allclose(f(LOGITS), value, rtol=1e-13)
    np.testing.assert_allclose(fg.grad(weighted(f))(LOGITS), gradient, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(jit(fg.grad(weighted(f)))(LOGITS), gradient, rtol=1e-12, atol=1e-15)
    assert f(LOGITS.astype(np.float32)).dtype == (np.float32 if name in KEEP_FLOAT32 else np.float64)


KEEP_FLOAT32 = {"softmax_cross_entropy", "integer", "sigmoid_binary_cross_entropy", "kl_divergence", "smooth_labels"}


def test_float32_stays_float32() -> None:
    x = LOGITS.astype(np.float32)
    for f in (losses.squared_error, losses.l2_loss, losses.huber_loss, losses.log_cosh, losses.mse):
        assert f(x, x).dtype == f(x).dtype == np.float32
    assert losses.cosine_similarity(x, x).dtype == losses.hinge_loss(x, np.sign(x)).dtype == np.float32


def test_mean_squared_error() -> None:
    assert losses.mse(np.array([1.0, 3.0]), np.array([0.0, 1.0])) == 2.5
    assert losses.mse is losses.mean_squared_error


def test_integer_labels_are_one_hot_labels() -> None:
    x = np.random.default_rng(0).normal(size=(5, 7, 4))
    labels = np.random.default_rng(1).integers(0, 7, (5, 4)).astype(np.int32)
    dense = nn.one_hot(labels, 7, axis=1)
    np.testing.assert_allclose(
        losses.softmax_cross_entropy_with_integer_labels(x, labels, axis=1),
        losses.softmax_cross_entropy(x, dense, axis=1),
        rtol=1e-13,
    )


def test_labels_that_name_no_class_give_nan() -> None:
    x = np.zeros((3, 2))
    for f in (losses.softmax_cross_entropy_with_integer_labels, jit(losses.softmax_cross_entropy_with_integer_labels)):
        np.testing.assert_array_equal(np.isnan(f(x, np.array([0, 2, -1]))), [False, True, True])


def test_masked_classes() -> None:
    keep = np.array([True, False, True])
    short = LOGITS[:, keep]
    np.testing.assert_allclose(
        losses.softmax_cross_entropy_with_integer_labels(LOGITS, LABELS, where=keep),
        losses.softmax_cross_entropy_with_integer_labels(short, np.array([1, 0])),
    )
    dense = np.array([[0.4, 0.0, 0.6], [1.0, 0.0, 0.0]])
    expected = losses.softmax_cross_entropy(short, dense[:, keep])
    np.testing.assert_allclose(losses.softmax_cross_entropy(LOGITS, dense, where=keep), expected)
    gradient = fg.grad(lambda x: losses.softmax_cross_entropy(x, dense, where=keep).sum())(LOGITS)
    assert np.isfinite(gradient).all() and (gradient[:, 1] == 0).all()
    logs = nn.log_softmax(LOGITS)
    np.testing.assert_allclose(
        losses.kl_divergence(logs, dense, where=keep), losses.kl_divergence(logs[:, keep], dense[:, keep])
    )


def test_impossible_classes_with_label_zero_cost_nothing() -> None:
    x, labels = np.array([1.0, -np.inf]), np.array([1.0, 0.0])
    assert losses.softmax_cross_entropy(x, labels) == 0
    np.testing.assert_array_equal(fg.grad(lambda x: losses.softmax_cross_entropy(x, labels))(x), [0, 0])
    assert losses.kl_divergence(np.array([0.0, -np.inf]), labels) == 0


@pytest.mark.parametrize("transform", [lambda f: f, jit], ids=["eager", "jit"])
def test_binary_cross_entropy_keeps_its_digits(transform: Any) -> None:
    """At logits of 40 the loss of a right answer is exp(-40), its slope -exp(-40); at 0 the curvature is 1/4."""
    f = losses.sigmoid_binary_cross_entropy
    for logit, label in ((40.0, 1.0), (-40.0, 0.0)):
        value, slope = transform(fg.value_and_grad(lambda x, label=label: f(x, label)))(logit)
        np.testing.assert_allclose([value, abs(slope)], np.exp(-40.0), rtol=1e-14)
    assert transform(fg.grad(fg.grad(lambda x: f(x, 1.0))))(0.0) == 0.25
    np.testing.assert_allclose(transform(fg.grad(f, argnums=1))(1.5, 0.3), -1.5)
    np.testing.assert_allclose(transform(fg.grad(f, argnums=1))(1.5, 0.8), -1.5)


def test_hinge_is_flat_at_its_kink_and_beyond() -> None:
    slopes = fg.grad(lambda x: losses.hinge_loss(x, 1.0).sum())(np.array([0.0, 1.0, 2.0]))
    np.testing.assert_array_equal(slopes, [-1, 0, 0])


def test_zero_vectors_have_no_direction() -> None:
    zero, one = np.zeros(3), np.ones(3)
    assert losses.cosine_similarity(zero, one) == 0
    np.testing.assert_array_equal(fg.grad(lambda x: losses.cosine_similarity(one, x))(zero), one / np.sqrt(3))
    np.testing.assert_allclose(losses.cosine_similarity(one * 0.1, one, epsilon=1.0), 0.1 * np.sqrt(3))


def test_large_errors_do_not_overflow() -> None:
    assert losses.log_cosh(1e4) == 1e4 - np.log(2) and fg.grad(losses.log_cosh)(1e4) == 1
    assert fg.grad(losses.huber_loss)(1e4) == 1 and fg.grad(losses.huber_loss)(0.0) == 0


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"predictions have shape \(3, 1\) and targets \(3,\)"):
        losses.squared_error(np.zeros((3, 1)), np.zeros(3))
    with pytest.raises(TypeError, match="labels must be integers"):
        losses.softmax_cross_entropy_with_integer_labels(LOGITS, np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match=r"labels have shape \(3,\), logits \(2, 3\)"):
        losses.softmax_cross_entropy_with_integer_labels(LOGITS, np.array([0, 1, 2]))
