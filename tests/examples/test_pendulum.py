"""examples/pendulum.py: what was measured is found again, within its uncertainty."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from example_scripts import is_png, load, run


def test_a_pendulum_is_measured_and_drawn(tmp_path: Path) -> None:
    lines = run("pendulum", tmp_path)
    rows = [re.fullmatch(r"(\w+) +(-?\d+\.\d+) \+- (\d+\.\d+) +(-?\d+\.\d+)", line).groups() for line in lines[1:5]]
    assert [name for name, *_ in rows] == ["friction", "length", "angle", "speed"]
    for _, fitted, deviation, truth in rows:
        assert 0 < float(deviation) < 0.1 and abs(float(fitted) - float(truth)) < 3 * float(deviation)
    assert lines[-1] == "picture: pendulum.png"
    assert is_png(tmp_path / "pendulum.png")


def test_the_curve_is_that_of_a_pendulum_that_loses_energy() -> None:
    pendulum = load("pendulum")
    angles = pendulum.angles(pendulum.TRUTH)
    assert angles[0] == pendulum.TRUTH["start"]["angle"] and np.max(np.abs(angles)) == angles[0]
    free = pendulum.angles({**pendulum.TRUTH, "friction": 0.0})
    small = {"length": 1.3, "friction": 0.0, "start": {"angle": 1e-3, "speed": 0.0}}
    swings = 1e-3 * np.cos(np.sqrt(pendulum.GRAVITY / 1.3) * pendulum.TIMES)
    assert np.max(np.abs(free[40:])) > np.max(np.abs(angles[40:]))
    np.testing.assert_allclose(pendulum.angles(small), swings, atol=1e-6)
