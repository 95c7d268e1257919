"""`debug.first_nonfinite`: the operation, the line and the iteration, forward and backward, through nested programs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import lax
from funcgrad import numpy as fnp
from funcgrad.debug import first_nonfinite

X = np.array([0.5, 0.0, 2.0])


def text_of(found: Any) -> str:
    """The text of the line found."""
    return str(found).split("\n")[2].strip()


def test_finite_results_have_none() -> None:
    assert first_nonfinite(lambda x: np.sum(np.sqrt(x)))(X) is None
    assert first_nonfinite(lambda x: np.argmax(x))(X) is None


def test_the_line_and_the_operands_are_named() -> None:
    def loss(params: Any, x: Any) -> Any:
        scaled = params["w"] * x
        logs = np.log(scaled)
        return np.mean(logs) + 1.0

    found = first_nonfinite(loss)({"w": 2.0}, X)
    assert (found.kind, found.operation, found.operands) == ("inf", "log", ("float64[3] from 0 to 4",))
    assert text_of(found) == "logs = np.log(scaled)"
    assert found.source[2] == "loss" and found.result == "the result"
    assert str(found).startswith("the result is not finite: the first inf came out of log\n  ")


def test_a_nan_made_of_an_infinity_names_both() -> None:
    def entropy(p: Any) -> Any:
        surprise = np.log(p)
        return -np.sum(p * surprise)

    found = first_nonfinite(entropy)(X)
    assert (found.kind, found.operation) == ("nan", "mul")
    assert (found.cause.kind, found.cause.operation) == ("inf", "log")
    assert "the inf in it came out of log" in str(found) and "surprise = np.log(p)" in str(found)


def test_values_that_do_not_reach_the_result_do_not_count() -> None:
    assert first_nonfinite(lambda x: np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0))(X) is None
    assert first_nonfinite(lambda x: np.where(x > 0, np.log(x), 0.0))(X) is None


def test_the_untaken_side_of_where_is_found_in_the_gradient() -> None:
    def safe_only_forward(x: Any) -> Any:
        roots = np.sqrt(x)
        return np.sum(np.where(x > 0, roots * x ** (-0.5), 0.0))

    found = first_nonfinite(fg.grad(safe_only_forward))(X)
    assert found.kind == "nan" and found.source[2] == "safe_only_forward"


def test_arguments_and_constants() -> None:
    found = first_nonfinite(lambda x: x - x)(np.inf)
    assert found.operation == "sub" and str(found).endswith("the inf in it is that of argument 0")
    found = first_nonfinite(lambda p, scale: p["w"] * scale)({"w": np.array([1.0, np.nan])}, 2.0)
    assert str(found) == "the result is not finite because argument 0['w'] is nan"
    found = first_nonfinite(lambda x, shift: {"y": x + shift})(1.0, shift=np.inf)
    assert str(found) == "the result['y'] is not finite because argument 'shift' is inf"
    outside = np.array([np.inf, 1.0])
    found = first_nonfinite(lambda x: x + outside)(X[:2])
    assert found.operation in ("argument", "constant") and found.kind == "inf"


@pytest.mark.parametrize("reverse", [False, True])
def test_the_iteration_of_a_loop(reverse: bool) -> None:
    def run(x: Any) -> Any:
        def step(carry: Any, value: Any) -> Any:
            grown = carry / value
            return grown * 0.5, grown

        return lax.scan(step, 1.0, x, reverse=reverse)

    for result, name in ((0, "the result[0]"), (1, "the result")):
        f = run if result == 0 else lambda x: run(x)[1]
        found = first_nonfinite(f)(np.array([1.0, 2.0, 0.0, 4.0, 5.0]))
        assert (found.kind, found.operation, found.result) == ("inf", "div", name)
        assert found.inside == ("scan, iteration 3 of 5",)
        assert text_of(found) == "grown = carry / value"


def test_a_start_that_is_not_finite_is_an_argument() -> None:
    found = first_nonfinite(lambda s: lax.scan(lambda c, _: (c * 0.5, None), s, length=4)[0])(np.inf)
    assert found.operation == "argument" and found.operands == ("argument 0",)


def test_branches_checkpoints_and_compiled_parts_are_entered() -> None:
    def branch(x: Any) -> Any:
        return lax.cond(x > 1, lambda x: np.log(x - 3.0), lambda x: x, x)

    found = first_nonfinite(branch)(3.0)
    assert found.operation == "log" and found.inside[0].startswith("branch ")
    for wrap in (fg.jit, fg.checkpoint):
        found = first_nonfinite(lambda x, w=wrap: np.sum(w(lambda y: np.log(y))(x)))(X)
        assert found.operation == "log"


def test_through_a_whole_training_run() -> None:
    def train(rate: Any) -> Any:
        def step(w: Any, _: Any) -> Any:
            w = w - rate * fg.grad(lambda w: fnp.exp(w * w))(w)
            return w, None

        return lax.scan(step, 5.0, length=20)[0]

    found = first_nonfinite(train)(1.0)
    assert (found.kind, found.operation, found.inside) == ("nan", "sub", ("scan, iteration 3 of 20",))  # inf - inf
    assert (found.cause.operation, found.cause.inside) == ("exp", ("scan, iteration 2 of 20",))
    assert "the inf in it came out of exp" in str(found)
    assert first_nonfinite(train)(1e-12) is None
