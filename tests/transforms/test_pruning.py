"""Dead code inside loops and branches: what only computes results nobody reads is dropped with its operands."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import lax
from funcgrad.core.check import check
from funcgrad.core.program import Program, as_function
from funcgrad.transforms.simplify import dead_code_elimination

X = np.linspace(0.1, 1.0, 6)


def program_of(f: Any, *args: Any) -> Program:
    return check(dead_code_elimination(fg.jit(f).lower(*args).program))


def equation(program: Program, name: str) -> Any:
    (found,) = [e for e in program.eqns if e.prim.name == name]
    return found


def loop(c: Any, x: Any, unused: Any) -> Any:
    """Two carries of which the second needs the first, one that nobody needs, and stacked results."""

    def step(state: Any, item: Any) -> Any:
        a, b, d = state
        x, u = item
        return (np.sin(a) + x, b * a, np.tanh(d) * u), (a * x, d)

    return lax.scan(step, (c, 1.0, 0.5), (x, unused))


@pytest.mark.parametrize("choose, carries, operands", [
    (lambda r: r[0][0], 1, 2),  # a and x
    (lambda r: r[0][1], 2, 3),  # b needs a
    (lambda r: r[1][0], 1, 2),  # a stacked result
    (lambda r: r[0][2], 1, 2),  # d and u, without a
    (lambda r: r, 3, 5),
])  # fmt: skip
def test_scan(choose: Any, carries: int, operands: int) -> None:
    f = lambda c, x, u: choose(loop(c, x, u))  # noqa: E731
    program = program_of(f, 0.3, X, X)
    eqn = equation(program, "scan")
    assert (eqn.params["carries"], len(eqn.inputs)) == (carries, operands)
    expected = fg.tree.leaves(f(0.3, X, X))
    for actual, e in zip(as_function(program)(np.float64(0.3), X, X), expected, strict=True):
        np.testing.assert_array_equal(actual, e)
    for actual, e in zip(fg.tree.leaves(fg.jit(f)(0.3, X, X)), expected, strict=True):
        np.testing.assert_allclose(actual, e, rtol=1e-14)


def test_switch() -> None:
    def f(k: Any, x: Any, y: Any) -> Any:
        return lax.switch(k, [lambda x, y: (x * 2.0, np.sin(y)), lambda x, y: (x + 1.0, y)], x, y)[0]

    eqn = equation(program_of(f, 1, X, X), "switch")
    assert len(eqn.inputs) == 2 and len(eqn.outs) == 1
    np.testing.assert_array_equal(fg.jit(f)(1, X, X), X + 1.0)


def test_stacked_results_that_are_not_used_take_no_memory() -> None:
    def last(a: Any, n: int) -> Any:
        return lax.scan(lambda c, _: (np.tanh(c * a) + 0.1, c * 3.0), 0.1, None, length=n, checkpoint="sqrt")[0]

    plan = fg.jit(fg.grad(lambda a: last(a, 10_000))).lower(0.5)._lowered().plan
    assert plan.workspace < 20_000
    np.testing.assert_allclose(
        fg.jit(fg.grad(lambda a: last(a, 30)))(0.5), fg.grad(lambda a: last(a, 30))(0.5), rtol=1e-12
    )


def test_effects_keep_everything() -> None:
    seen: list[float] = []

    def f(x: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            fg.debug.callback(lambda v: seen.append(float(v)), c)
            return c + x, c * x

        return lax.scan(step, 0.0, x)[1].sum()

    fg.jit(f)(X)
    assert len(seen) == len(X)
