"""examples/xor.py: both ways to a gradient agree, and nudging costs what it is said to cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from example_scripts import is_png, load, run

import funcgrad as fg


def test_xor_learns_both_ways(tmp_path: Path) -> None:
    lines = run("xor", tmp_path, "--steps", "2000")
    differences = [float(line.split()[-1]) for line in lines if "differ" in line]
    assert len(differences) == 2 and differences[0] < 1e-6 and differences[1] < 1e-4
    for line, expected in zip(lines[-5:-1], (0, 1, 1, 0), strict=True):
        assert abs(float(line.split()[-1]) - expected) < 0.1
    assert lines[-1] == "picture: xor.png" and is_png(tmp_path / "xor.png")


def test_nudging_takes_one_run_more_than_there_are_weights() -> None:
    xor, runs = load("xor"), []
    params = xor.initial_parameters(5, 0)

    def counted(params: dict[str, np.ndarray]) -> float:
        runs.append(1)
        return xor.loss(params)

    nudged = xor.nudged_gradient(counted, params)
    assert len(runs) == 1 + sum(value.size for value in params.values())
    assert xor.largest_difference(nudged, fg.grad(xor.loss)(params)) < 1e-6
