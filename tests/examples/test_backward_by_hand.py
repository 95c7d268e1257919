"""examples/backward_by_hand.py: the pass by hand is right, its check finds the mistake, and gradients are cheap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from example_scripts import is_png, load, number_after, run

import funcgrad as fg
from funcgrad.test_util import check_grads


def test_every_way_agrees_and_the_mistake_does_not(tmp_path: Path) -> None:
    lines = run("backward_by_hand", tmp_path, "--width", "7", "--seed", "2", "--out", "picture.png")
    assert number_after("by hand         differs from grad by", lines) < 1e-14
    assert number_after("ReLU forgotten  differs from grad by", lines) > 1e-3
    assert number_after("nudged          differs from grad by", lines) < 1e-8
    assert number_after("single examples differs by", lines) < 1e-14
    assert number_after("up and down, float64 best epsilon", lines) == pytest.approx(1e-5, rel=10)
    assert is_png(tmp_path / "picture.png")


def test_errors_of_differences_form_a_valley() -> None:
    example, rng = load("backward_by_hand"), np.random.default_rng(0)
    params = example.initial_parameters(4, rng)
    x, labels = rng.normal(size=(5, example.INPUTS)), rng.integers(0, example.CLASSES, 5)
    errors = example.errors_by_epsilon(params, x, labels)
    for values in errors.values():
        assert values.min() < values[0] / 30 and values.min() < values[-1] / 30
    assert (
        errors["up and down, float64"].min() < errors["up only, float64"].min() < errors["up and down, float32"].min()
    )
    for wrong in (True, False):
        written = fg.custom_vjp(lambda p: example.loss(p, x, labels))
        written.defvjp(
            lambda p: (example.loss(p, x, labels), None),
            lambda _, ct, wrong=wrong: ({k: ct * v for k, v in example.by_hand(params, x, labels, wrong).items()},),
        )
        if wrong:
            with pytest.raises(AssertionError):
                check_grads(written, (params,), order=1, modes=["rev"], eps=1e-4)
        else:
            check_grads(written, (params,), order=1, modes=["rev"], eps=1e-4)
