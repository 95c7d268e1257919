"""examples/logistic_regression.py: both methods arrive at one place, and the figures are what they say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from example_scripts import is_png, load, number_after, run

import funcgrad as fg


def test_both_methods_agree_and_probabilities_are_honest(tmp_path: Path) -> None:
    lines = run("logistic_regression", tmp_path, "--out", "picture.png")
    assert number_after("the weights differ by at most ", lines) < 1e-3
    assert number_after("mean error of predicted probabilities: ", lines) < 0.03
    assert is_png(tmp_path / "picture.png")
    rows = [re.findall(r"-?\d+\.\d+", line) for line in lines]
    weights = np.array([row for row in rows if len(row) == 3], float)
    assert weights.shape == (6, 3)
    assert np.all(np.abs(weights[:, 1] - weights[:, 0]) < 3 * weights[:, 2])  # three standard errors


def test_newton_doubles_the_digits_and_ends_where_the_gradient_is_zero() -> None:
    example = load("logistic_regression")
    points, labels = example.make_data(200, np.random.default_rng(0))
    weights, history = example.newton(points, labels)
    np.testing.assert_allclose(fg.grad(example.loss)(weights, points, labels), 0, atol=1e-10)
    assert len(history) < 12 and history == sorted(history, reverse=True)


def test_the_hessian_is_the_textbook_matrix() -> None:
    """X^T diag(p (1 - p)) X / n, and the decay."""
    example = load("logistic_regression")
    points, labels = example.make_data(50, np.random.default_rng(1))
    x, p = example.features(points), example.probability(example.TRUE_WEIGHTS, points)
    expected = (x * (p * (1 - p))[:, None]).T @ x / 50 + 1e-3 * np.eye(6)
    np.testing.assert_allclose(fg.hessian(example.loss)(example.TRUE_WEIGHTS, points, labels), expected, rtol=1e-10)


def test_calibration_of_certain_and_of_wrong_forecasts() -> None:
    example = load("logistic_regression")
    labels = np.array([0.0] * 50 + [1.0] * 50)
    assert example.calibration(labels, labels)[2] == 0
    assert example.calibration(1 - labels, labels)[2] == 1


def test_newton_says_when_it_does_not_arrive() -> None:
    example = load("logistic_regression")
    with pytest.raises(ArithmeticError, match="has not arrived after 50 steps"):
        example.newton(*example.make_data(30, np.random.default_rng(2)), tolerance=0.0)
