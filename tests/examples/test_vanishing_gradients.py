"""examples/vanishing_gradients.py: each network has the illness, or the cure, that its name says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from example_scripts import is_png, load, run

import funcgrad as fg


def test_each_network_is_diagnosed_and_drawn(tmp_path: Path) -> None:
    lines = run("vanishing_gradients", tmp_path, "--steps", "20", "--out", "picture.png")
    words = {line[:29].strip(): line[30:].split(":")[0] for line in lines[:8]}
    assert words == {
        "sigmoid": "vanishes",
        "tanh: slope 1 at 0": "healthy",
        "sigmoid, normalized layers": "healthy",
        "ReLU, small weights": "vanishes",
        "ReLU, small weights, residual": "healthy",
        "ReLU, variance 2 / inputs": "healthy",
        "ReLU, large weights": "explodes",
        "ReLU, large weights, clipped": "explodes",
    }
    assert is_png(tmp_path / "picture.png")


def test_a_cure_learns_where_the_sick_network_does_not() -> None:
    example = load("vanishing_gradients")
    points, labels = example.make_data(np.random.default_rng(0))
    sick, cured = (
        example.train(network, 12, points, labels, 250, 0)[-1]
        for network in (example.NETWORKS[0], example.Network("tanh", np.tanh))
    )
    assert sick > 0.68 and cured < 0.6


def test_the_loop_over_layers_is_the_network_written_out() -> None:
    example, rng = load("vanishing_gradients"), np.random.default_rng(1)
    points, labels = example.make_data(rng)
    network = example.Network("both", np.tanh, normalized=True, residual=True)
    params = example.initial_parameters(network, 3, 2)
    x = points @ params["first"]
    for weights in params["hidden"]:
        new = x @ weights
        x = x + np.tanh((new - new.mean(axis=0)) / np.sqrt(new.var(axis=0) + 1e-5))
    np.testing.assert_allclose(example.predict(network, params, points), x @ params["last"], rtol=1e-9)
    gradient = fg.grad(example.loss, argnums=1)(network, params, points, labels)
    expected = np.linalg.norm(gradient["hidden"], axis=(1, 2))
    np.testing.assert_allclose(example.norms(network, 3, points, labels, 2), expected, rtol=1e-9)


def test_diagnoses() -> None:
    diagnosis = load("vanishing_gradients").diagnosis
    assert diagnosis(0.5 ** np.arange(10.0)[::-1]).startswith("vanishes: 2e-03 at the first layer, 1e+00 at the last")
    assert diagnosis(2.0 ** np.arange(10.0)[::-1]).startswith("explodes")
    assert diagnosis(np.full(5, 1e-9)).startswith("vanishes") and diagnosis(np.full(5, 1e5)).startswith("explodes")
    assert diagnosis(np.ones(5)).startswith("healthy")
