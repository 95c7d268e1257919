"""examples/neural_ode.py: the solver's order, gradients with and without checkpoint, and a rough fit."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from example_scripts import is_png, load, number_after, run

import funcgrad as fg


def test_a_rough_fit_and_less_memory(tmp_path: Path) -> None:
    lines = run("neural_ode", tmp_path, "--updates", "40", "--out", "picture.png")
    all_of_it, with_checkpoint = (number_after(text, lines) for text in ("of the gradient: ", "with checkpoint "))
    assert with_checkpoint < all_of_it / 4
    losses = [float(line.split()[-1]) for line in lines if "squared distance" in line]
    assert losses[-1] < losses[0] / 2
    assert is_png(tmp_path / "picture.png")


def test_the_solver_has_order_four() -> None:
    """A circle: dx/dt = (-y, x)."""
    example, turn = load("neural_ode"), np.array([[0.0, 1.0], [-1.0, 0.0]])
    errors = []
    for n in (10, 20):
        x = np.array([1.0, 0.0])
        for _ in range(n):
            x = example.runge_kutta(lambda x: x @ turn, x, 1 / n)
        errors.append(np.linalg.norm(x - [np.cos(1), np.sin(1)]))
    assert 14 < errors[0] / errors[1] < 18


def test_the_curve_begins_at_its_start_and_the_intervals_are_right() -> None:
    example = load("neural_ode")
    places = example.solve(lambda x: -x, np.array([1.0, 2.0]), 4)
    expected = np.exp(-example.INTERVAL * np.arange(4))[:, None] * [1.0, 2.0]
    np.testing.assert_allclose(places, expected, rtol=1e-6)


def test_checkpoint_changes_memory_and_not_the_gradient() -> None:
    example = load("neural_ode")
    data = np.random.default_rng(0).normal(size=(8, 2))
    params, pieces = example.initial_parameters(0), example.cut(data, 4)
    assert pieces[1].shape == (5, 4, 2)
    np.testing.assert_array_equal(pieces[0], data[:5])
    kept, again = (fg.grad(partial(example.loss, keep_all=k))(params, *pieces) for k in (True, False))
    for name in params:
        np.testing.assert_allclose(kept[name], again[name], rtol=1e-10, atol=1e-12)
    nudge = np.zeros_like(params["w2"])
    nudge[3, 1] = 1e-6
    up, down = (example.loss({**params, "w2": params["w2"] + s * nudge}, *pieces) for s in (1, -1))
    np.testing.assert_allclose(again["w2"][3, 1], (up - down) / 2e-6, rtol=1e-5)
