"""examples/digits_cnn.py: it learns, and its convolutions see what they should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from example_scripts import is_png, load, number_after, run

import funcgrad as fg
from funcgrad import random


def test_five_epochs_read_most_digits(tmp_path: Path) -> None:
    lines = run("digits_cnn", tmp_path, "--epochs", "5", "--out", "picture.png")
    assert number_after("test accuracy: ", lines) >= 96
    assert lines[-1] == "picture: picture.png" and is_png(tmp_path / "picture.png")


def test_a_convolution_is_the_sum_over_neighbourhoods() -> None:
    cnn, rng = load("digits_cnn"), np.random.default_rng(0)
    x, kernel, bias = rng.normal(size=(2, 5, 6, 3)), rng.normal(size=(3, 3, 3, 4)), rng.normal(size=4)
    padded, expected = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), np.empty((2, 5, 6, 4))
    for i, j in np.ndindex(5, 6):
        expected[:, i, j] = np.einsum("nabc,abco->no", padded[:, i : i + 3, j : j + 3], kernel) + bias
    np.testing.assert_allclose(cnn.convolve(x, kernel, bias), np.maximum(expected, 0), atol=1e-12)


def test_the_gradient_is_that_of_finite_differences() -> None:
    cnn = load("digits_cnn")
    images, labels, _, _ = cnn.load(0)
    params = {name: np.float64(value) for name, value in cnn.initial_parameters(random.key(1)).items()}
    gradient = fg.grad(cnn.loss)(params, images[:4].astype(float), labels[:4])
    for name, place in (("kernel1", (1, 1, 0, 5)), ("kernel3", (0, 2, 3, 7)), ("weights", (100, 3))):
        values = []
        for nudge in (1e-5, -1e-5):
            moved = np.array(params[name])
            moved[place] += nudge
            values.append(cnn.loss({**params, name: moved}, images[:4].astype(float), labels[:4]))
        np.testing.assert_allclose(gradient[name][place], (values[0] - values[1]) / 2e-5, rtol=1e-5, atol=1e-9)


def test_test_images_are_those_of_the_network_of_matrices() -> None:
    _, _, images, labels = load("digits_cnn").load(2)
    assert len(labels) == 360 and np.bincount(labels).min() >= 35 and images.max() == 1
