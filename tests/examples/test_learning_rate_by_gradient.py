"""examples/learning_rate_by_gradient.py: the gradient through training is right, and following it helps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from example_scripts import is_png, load, number_after, run

import funcgrad as fg
from funcgrad import tree


def test_the_descent_helps(tmp_path: Path) -> None:
    lines = run("learning_rate_by_gradient", tmp_path, "--steps", "20", "--updates", "10", "--out", "picture.png")
    assert number_after("relative difference from finite differences: ", lines) < 1e-6
    before, after = (number_after("validation loss ", [line]) for line in lines[-3:-1])
    assert after < before
    assert is_png(tmp_path / "picture.png")


def test_training_is_gradient_descent_with_momentum_and_decay() -> None:
    example = load("learning_rate_by_gradient")
    data, params = example.make_data(10, np.random.default_rng(0)), example.initial_parameters(1)
    rate, decay = 0.1, 0.02
    expected, velocity = params, tree.tree_map(np.zeros_like, params)
    for _ in range(3):
        gradient = fg.grad(example.loss)(expected, *data)
        velocity = {n: 0.9 * velocity[n] + gradient[n] + decay * expected[n] for n in params}
        expected = {n: expected[n] - rate * velocity[n] for n in params}
    found = example.train({"log_rate": np.log(rate), "log_decay": np.log(decay)}, params, data, 3)
    for name in params:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("steps", [1, 7])
def test_the_gradient_with_respect_to_the_rate_is_that_of_forward_mode(steps: int) -> None:
    example, rng = load("learning_rate_by_gradient"), np.random.default_rng(2)
    data, validation, params = example.make_data(10, rng), example.make_data(10, rng), example.initial_parameters(3)

    def f(hyper: dict[str, float]) -> float:
        return example.outcome(hyper, params, data, validation, steps)

    backward, forward = fg.grad(f)(example.START), fg.jacfwd(f)(example.START)
    for name in example.START:
        np.testing.assert_allclose(backward[name], forward[name], rtol=1e-8)
    assert example.relative_error(f, example.START, backward) < 1e-5


def test_a_wrong_gradient_is_seen() -> None:
    example = load("learning_rate_by_gradient")
    assert example.relative_error(lambda h: h["log_rate"] ** 2, {"log_rate": 1.5}, {"log_rate": 3.3}) > 0.09
