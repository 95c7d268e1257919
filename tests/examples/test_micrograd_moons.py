"""examples/micrograd_moons.py: the table of adjoints, both styles, and the trained classifier."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from example_scripts import is_png, load, run

import funcgrad as fg
from funcgrad import tree


def test_moons_are_told_apart_and_drawn(tmp_path: Path) -> None:
    lines = run("micrograd_moons", tmp_path, "--out", "picture.png")
    accuracy = re.fullmatch(r"accuracy: (\d+\.\d)%", lines[-2])
    assert accuracy and float(accuracy[1]) >= 98
    assert lines[-1] == "decision boundary: picture.png"
    assert is_png(tmp_path / "picture.png")


def test_values_and_adjoints_beside_each_node() -> None:
    """By hand: f = e + c = 1.5, so dg/df = 2 f = 3; c enters f directly and through d; a enters c and d."""
    moons = load("micrograd_moons")
    rows = [line.rsplit(maxsplit=2) for line in moons.explain(moons.expression, 3.0, -0.25).splitlines()[1:]]
    found = {text.split()[0]: (float(value), float(adjoint)) for text, value, adjoint in rows}
    assert found == {
        "a": (3.0, 1.5), "b": (-0.25, 18.0), "c": (-0.75, 6.0), "d": (2.25, 3.0), "e": (2.25, 3.0), "f": (1.5, 3.0),
        "g": (2.25, 1.0),
    }  # fmt: skip
    gradient = fg.grad(moons.expression, argnums=(0, 1))(3.0, -0.25)
    assert gradient == (1.5, 18.0)


def test_numbers_and_arrays_have_the_same_gradient() -> None:
    moons, rng = load("micrograd_moons"), np.random.default_rng(1)
    points, labels = moons.moons(3, rng)
    layers = moons.initial_layers(rng)
    numbers = tree.tree_map(np.ndarray.tolist, layers)
    slow = fg.grad(moons.loss_by_numbers)(numbers, points.tolist(), labels.tolist())
    fast = fg.grad(moons.loss_by_arrays)(layers, points, labels)
    vector = np.concatenate([np.ravel(g) for g in tree.tree_leaves(fast)])
    np.testing.assert_allclose(np.array(tree.tree_leaves(slow)), vector, rtol=1e-12, atol=1e-15)
