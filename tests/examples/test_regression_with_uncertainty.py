"""examples/regression_with_uncertainty.py: members, their mixture, and what its bands cover."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from example_scripts import is_png, load, number_after, run

import funcgrad as fg
from funcgrad import random


def test_bands_cover_and_doubt_grows_where_no_data_are(tmp_path: Path) -> None:
    lines = run("regression_with_uncertainty", tmp_path, "--steps", "200", "--members", "4", "--out", "picture.png")
    assert 85 < number_after("within the band of 95%: ", lines) <= 100
    where, nowhere = number_after("disagree by ", lines), number_after("are, by ", lines)
    assert where < nowhere
    assert is_png(tmp_path / "picture.png")


def test_each_member_is_trained_as_if_alone() -> None:
    example = load("regression_with_uncertainty")
    x, y = example.make_data(20, np.random.default_rng(0))
    together, histories = example.train(x, y, 3, 4, 5)
    keys = random.split(random.key(5), 3)
    for k in range(3):
        alone, history = example.train_one(keys[k], x, y, 4)
        np.testing.assert_allclose(histories[k], history, rtol=1e-9)
        for layer, other in zip(together, alone):
            np.testing.assert_allclose(layer["weights"][k], other["weights"], rtol=1e-6, atol=1e-9)
    assert not np.allclose(together[0]["weights"][0], together[0]["weights"][1])


def test_the_surprise_is_least_at_mean_and_spread_of_the_data() -> None:
    example, y = load("regression_with_uncertainty"), np.random.default_rng(1).normal(2, 3, 100)
    gradient = fg.grad(example.surprise, argnums=(1, 2))(y, y.mean(), y.std())
    np.testing.assert_allclose(gradient, 0, atol=1e-12)
    normal = -np.log(np.exp(-((y - 1) ** 2) / 8) / (2 * np.sqrt(2 * np.pi)))
    np.testing.assert_allclose(example.surprise(y, 1.0, 2.0), normal.mean())


def test_the_variance_of_a_mixture_is_that_of_its_draws() -> None:
    example = load("regression_with_uncertainty")
    params = fg.vmap(example.initial_parameters)(random.split(random.key(2), 5))
    x, rng = np.array([0.4]), np.random.default_rng(3)
    mean, noise, doubt = example.predict_together(params, x)
    means, spreads = fg.vmap(example.predict, in_axes=(0, None))(params, x)
    member = rng.integers(0, 5, 200_000)
    draws = means[member, 0] + spreads[member, 0] * rng.normal(size=len(member))
    np.testing.assert_allclose([draws.mean(), draws.var()], [mean[0], noise[0] ** 2 + doubt[0] ** 2], rtol=0.03)


def test_the_data_leave_the_gap_out_and_are_covered_by_their_truth() -> None:
    example = load("regression_with_uncertainty")
    x, y = example.make_data(2000, np.random.default_rng(4))
    assert not np.any((x > 0.5) & (x < 1.5)) and len(x) == 2000
    assert abs(example.coverage(y, *example.truth(x), 1.96) - 0.95) < 0.02
