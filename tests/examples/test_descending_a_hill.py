"""examples/descending_a_hill.py: rates, schedules and optimizers lead where the page says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from example_scripts import is_png, load, number_after, run


def test_ways_end_as_told_and_are_drawn(tmp_path: Path) -> None:
    lines = run("descending_a_hill", tmp_path, "--out", "picture.png")
    start = number_after("height after 400 steps, from", lines)
    assert number_after("good", lines) < 1e-10 and number_after("too high", lines) > start
    assert 0.1 * start < number_after("too low", lines) < start
    high, low = number_after("  high ", lines), number_after("  low ", lines)
    decayed = max(number_after(f"  {name} ", lines) for name in ("stairs", "exponential", "cosine", "warm-up, cosine"))
    assert decayed < high / 10 and high < low
    assert number_after("Nesterov", lines) < number_after("gradient descent", lines) / 1000
    assert is_png(tmp_path / "picture.png")


def test_a_walk_of_gradient_descent_is_the_known_one() -> None:
    example = load("descending_a_hill")
    steps = np.arange(31)[:, None]
    for heights, rate in zip(example.by_rates(30).values(), example.RATES.values()):
        places = np.array([10.0, 1.0]) * (1 - rate * example.STEEPNESS) ** steps
        np.testing.assert_allclose(heights, [example.valley(place) for place in places], rtol=1e-10)
