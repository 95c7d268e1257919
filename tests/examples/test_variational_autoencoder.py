"""examples/variational_autoencoder.py: the parts of the bound against their integrals, and that it is a bound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from example_scripts import is_png, load, number_after, run

import funcgrad as fg
from funcgrad import random


def test_a_short_training_orders_the_plane(tmp_path: Path) -> None:
    lines = run("variational_autoencoder", tmp_path, "--epochs", "25", "--out", "picture.png")
    bound, estimate = number_after("bound on test images: ", lines), number_after("log p of a test image: ", lines)
    assert -27 < bound < estimate < -20
    assert number_after("with the same label: ", lines) > 40  # 10 by chance
    assert is_png(tmp_path / "picture.png")


def test_the_divergence_is_the_integral() -> None:
    example, z = load("variational_autoencoder"), np.linspace(-12, 12, 4001)
    center, log_spread = np.array([[0.7, -1.1]]), np.array([[0.2, -0.5]])
    expected = 0.0
    for m, s in zip(center[0], np.exp(log_spread[0])):
        log_guess = -(((z - m) / s) ** 2) / 2 - np.log(s)
        ratio = log_guess + z**2 / 2
        expected += np.trapezoid(np.exp(log_guess) * ratio, z) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(example.divergence(center, log_spread), [expected], rtol=1e-9)


def test_the_likelihood_is_that_of_64_coins() -> None:
    example = load("variational_autoencoder")
    params, z = example.initial_parameters(1), np.array([[0.3, -0.2]])
    image = np.random.default_rng(0).uniform(size=(1, 64))
    p = 1 / (1 + np.exp(-example.decode(params, z)))
    expected = np.sum(image * np.log(p) + (1 - image) * np.log(1 - p))
    np.testing.assert_allclose(example.log_likelihood(params, image, z), [expected], rtol=1e-6)


def test_importance_sampling_finds_the_integral_and_the_bound_lies_below() -> None:
    example = load("variational_autoencoder")
    params, image = example.initial_parameters(2), example.load(0)[0][:1]
    line = np.linspace(-6, 6, 121, dtype=np.float32)
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    joint = (
        np.float64(example.log_likelihood(params, np.repeat(image, len(grid), axis=0), grid))
        - np.sum(grid**2, axis=-1) / 2
    )
    exact = np.log(np.sum(np.exp(joint - joint.max())) * 0.1**2 / (2 * np.pi)) + joint.max()
    estimate = example.better_estimate(params, image, random.key(0), 20_000)
    np.testing.assert_allclose(estimate, [exact], atol=0.1)
    bounds = [example.bound(params, image, key)[0] for key in random.split(random.key(1), 50)]
    assert np.mean(bounds) < exact


def test_the_gradient_passes_the_random_draw() -> None:
    example = load("variational_autoencoder")
    params, images = example.initial_parameters(3), example.load(0)[0][:3]
    gradient = fg.grad(lambda params: np.mean(example.bound(params, images, random.key(0))))(params)
    weights, _ = gradient["encoder"][-1]
    assert weights.shape == (128, 4) and np.all(np.abs(weights).max(axis=0) > 0)


def test_neighbours_are_counted() -> None:
    points, labels = np.array([[0.0, 0.0], [5.0, 5.0]]), np.array([1, 2])
    example = load("variational_autoencoder")
    assert example.neighbours_agree(points + 0.1, np.array([1, 3]), points, labels) == 0.5
