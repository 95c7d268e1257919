"""examples/cart_pole.py: the physics, the gradient of the return, and that the cart learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from example_scripts import is_png, load, number_after, run

import funcgrad as fg
from funcgrad import random


def test_it_learns_in_a_few_updates(tmp_path: Path) -> None:
    lines = run("cart_pole", tmp_path, "--updates", "16", "--out", "picture.png")
    first, last = (float(line.split(" of ")[0].split()[-1]) for line in (lines[0], lines[7]))
    assert number_after("mean return of the trained policy: ", lines) > 35 and last > first
    assert is_png(tmp_path / "picture.png")


def test_mirrored_states_and_pushes_have_mirrored_results() -> None:
    example, state = load("cart_pole"), np.array([0.3, -0.2, 0.05, 0.4])
    np.testing.assert_allclose(example.physics(state, True), -example.physics(-state, False), rtol=1e-14)


def test_the_motion_obeys_lagrange() -> None:
    """The generalized forces of a cart with a rod hinged on it: (push, 0)."""
    example, state = load("cart_pole"), np.array([0.1, 0.5, 0.15, -0.7])
    rates = (example.physics(state, True) - state) / example.SECONDS
    _, v, a, w = state
    x_pp, a_pp, length = rates[1], rates[3], example.HALF_LENGTH
    total, moment = example.CART + example.POLE, example.POLE * length
    np.testing.assert_allclose(rates[[0, 2]], [v, w])
    push = total * x_pp + moment * (a_pp * np.cos(a) - w**2 * np.sin(a))
    torque = 4 / 3 * moment * length * a_pp + moment * np.cos(a) * x_pp - moment * example.GRAVITY * np.sin(a)
    np.testing.assert_allclose([push, torque], [example.FORCE, 0], atol=1e-12)


def test_after_a_fall_nothing_counts() -> None:
    example = load("cart_pole")
    states, _, alive = example.episodes(example.initial_parameters(0), random.key(0))
    assert np.all(np.diff(alive.astype(int), axis=1) <= 0) and alive[:, 0].all() and not alive[:, -1].any()
    assert np.all(np.abs(states[alive][:, 2]) < example.LARGEST_ANGLE)
    returns = example.returns_to_go(alive)
    np.testing.assert_allclose(returns[:, 0], (1 - 0.99 ** alive.sum(axis=1)) / 0.01, rtol=1e-10)
    assert np.all(returns[~alive] == 0)


def test_pushes_have_the_probability_of_the_policy() -> None:
    example = load("cart_pole")
    params = {**example.initial_parameters(0), "w2": np.zeros(example.HIDDEN), "b2": np.array(1.0)}
    pushes = [example.episodes(params, key)[1][:, :5] for key in random.split(random.key(1), 10)]
    assert abs(np.mean(pushes) - 1 / (1 + np.exp(-1))) < 0.03


def test_the_loss_makes_good_pushes_more_probable() -> None:
    """Two episodes; the one that pushed right stood longer, so the preference must rise."""
    example = load("cart_pole")
    example.EPISODES = 2
    states = np.zeros((2, 3, 4))
    alive = np.array([[True, True, True], [True, False, False]])
    right = np.array([[True] * 3, [False] * 3])
    gradient = fg.grad(example.loss)(example.initial_parameters(0), states, right, alive)
    assert gradient["b2"] < 0
