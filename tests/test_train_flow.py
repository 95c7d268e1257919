"""`train.gradient_flow` and `train.sensitivity`: every verdict, and slopes against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from funcgrad import losses, nn, train, value_and_grad


def network(depth: int, activation: Any, scale: float, seed: int = 0) -> tuple[list[np.ndarray], Any]:
    rng = np.random.default_rng(seed)
    layers = [rng.normal(0, scale / 4, (16, 16)) for _ in range(depth)]
    points, labels = rng.normal(size=(32, 16)), rng.integers(0, 16, 32)

    def loss(layers: Any) -> Any:
        x = points
        for weights in layers:
            x = activation(x @ weights)
        return np.mean(losses.softmax_cross_entropy_with_integer_labels(x, labels))

    return layers, loss


@pytest.mark.parametrize(
    ("depth", "activation", "scale", "verdict", "where"),
    [
        (3, nn.relu, np.sqrt(2), "healthy", ""),
        (12, nn.sigmoid, 1.0, "vanishes", "[0]"),
        (16, np.tanh, 0.3, "vanishes", None),  # small weights: everywhere alike
        (12, nn.relu, 5.0, "explodes", None),
    ],
)
def test_networks_are_diagnosed(depth: int, activation: Any, scale: float, verdict: str, where: str | None) -> None:
    layers, loss = network(depth, activation, scale)
    flow = train.gradient_flow(value_and_grad(loss)(layers)[1], layers)
    assert flow.verdict == verdict
    assert where is None or flow.where == where
    assert (flow.remedy == "") == (verdict == "healthy")
    assert str(flow).splitlines()[-1].startswith(verdict)


def test_figures_of_a_leaf() -> None:
    gradient = {"w": np.array([[3.0, 0.0, 0.0], [4.0, 0.0, 0.0]])}
    (leaf,) = train.gradient_flow(gradient, {"w": np.full((2, 3), 10.0 / np.sqrt(6))}).leaves
    assert leaf.name == "['w']" and leaf.norm == 5.0 and leaf.dead == pytest.approx(2 / 3)
    assert leaf.size == pytest.approx(5 / np.sqrt(6)) and leaf.relative == pytest.approx(0.5)
    assert np.isnan(train.gradient_flow(gradient).leaves[0].relative)
    tiny = train.gradient_flow(np.full(4, 1e-200)).leaves[0]
    assert tiny.norm == pytest.approx(2e-200, rel=1e-12), "squares must not underflow"


def test_verdicts_in_their_order() -> None:
    broken = {"a": np.array([1e9, np.nan]), "b": np.zeros(3)}
    assert train.gradient_flow(broken)[1:3] == ("not finite", "['a']")
    assert train.gradient_flow({"a": np.array([1e9]), "b": np.ones(3)})[1:3] == ("explodes", "['a']")
    assert train.gradient_flow({"a": np.ones(2), "b": np.zeros(3)})[1:3] == ("dead", "['b']")
    assert train.gradient_flow(np.float64(2.0))[1:3] == ("healthy", "")


def test_bad_trees() -> None:
    with pytest.raises(ValueError, match="gradient_flow: there is no gradient in the tree"):
        train.gradient_flow({})
    with pytest.raises(ValueError, match="the parameters have another structure"):
        train.gradient_flow({"a": np.ones(2)}, [np.ones(2)])
    with pytest.raises(ValueError, match=r"\['a'\] has shape \(2,\), and its parameters \(3,\)"):
        train.gradient_flow({"a": np.ones(2)}, {"a": np.ones(3)})


def test_sensitivities_are_the_slopes() -> None:
    def fun(x: Any, factor: float) -> Any:
        return factor * np.sum(x["a"] ** 2) + np.sin(x["b"])

    x = {"a": np.array([[1.0, -3.0], [0.5, 2.0]]), "b": 0.3}
    found = train.sensitivity(fun, x, 2.0)
    assert found.value == pytest.approx(2 * 14.25 + np.sin(0.3)) and [leaf.name for leaf in found.leaves] == [
        "['a']",
        "['b']",
    ]
    first, second = found.leaves
    assert first.index == (0, 1) and first.slope == -12.0 and second.index == ()
    assert second.slope == pytest.approx(np.cos(0.3)) and first.share + second.share == pytest.approx(1.0)
    nudge = 1e-6  # the elasticity is the derivative in the logarithm of a common factor
    change = fun({**x, "a": x["a"] * (1 + nudge)}, 2.0) - fun({**x, "a": x["a"] * (1 - nudge)}, 2.0)
    assert first.elasticity == pytest.approx(change / (2 * nudge), rel=1e-8)
    assert str(found).splitlines()[1].split() == ["['a']", f"{first.share:.1%}", "+57", "-12", "at", "[0,", "1]"]


def test_sensitivity_of_nothing() -> None:
    found = train.sensitivity(lambda x: np.sum(x * 0.0), np.ones(3))
    assert found.leaves[0].share == 0.0 and found.leaves[0].name == "x"
    with pytest.raises(TypeError, match="single real number"):
        train.sensitivity(lambda x: x, np.ones(3))
