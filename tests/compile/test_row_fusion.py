"""Loops joined over blocks of rows: the same numbers, one kernel where rows are independent, and none where not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funcgrad as fg
from funcgrad import lax
from funcgrad.compile.executable import build
from funcgrad.compile.pipeline import lower_program
from funcgrad.compile.plan import Plan
from funcgrad.compile.source import run_source
from funcgrad.compile.steps import Call
from funcgrad.core.avals import shaped
from funcgrad.core.program import Program, evaluate
from funcgrad.core.tracing import bind, retrace

ROWS = np.random.default_rng(0).normal(size=(8, 1500))


@dataclass
class Code:
    """A compiled function: its program, its plan, and what calls it."""

    program: Program
    plan: Plan
    call: Callable


def compiled(f: Callable, *args: np.ndarray) -> Code:
    def flat(*xs: Any) -> list[Any]:
        out = f(*xs)
        return list(out) if isinstance(out, tuple) else [out]

    program = retrace(flat, [shaped(a.shape, a.dtype) for a in args])
    return Code(program, lower_program(program).plan, build(program, ["array"] * len(args))[0].call)


def assert_same(f: Callable, *args: np.ndarray) -> list[Any]:
    """Machine code and the printed source against NumPy; gives the steps of the plan."""
    code = compiled(f, *args)
    want = evaluate(code.program, list(args), bind)
    for got in (code.call(*args), run_source(code.plan, args)):
        for g, w in zip(got, want):
            np.testing.assert_allclose(g, w, rtol=1e-11, atol=1e-11)
    numbers = [s.kernel for s in code.plan.steps if isinstance(s, Call)]
    assert sorted(set(numbers)) == list(range(len(code.plan.kernels)))
    return code.plan.steps


INDEPENDENT: dict[str, Callable] = {
    "gradient of logsumexp": fg.grad(lambda x: np.sum(np.sin(lax.cumlogsumexp(x, 1)))),
    "sum of squares": lambda x: np.sum(np.cumsum(x, axis=1) ** 2),
    "products both ways": lambda x: lax.cumprod(np.tanh(lax.cummax(x, 1)), 1, reverse=True),
}


@pytest.mark.parametrize("name", [*INDEPENDENT])
def test_independent_rows(name: str) -> None:
    steps = assert_same(INDEPENDENT[name], ROWS)
    calls = [s for s in steps if isinstance(s, Call)]
    assert len(calls) == 1, f"{len(calls)} kernels"


def test_a_temporary_is_no_longer_than_a_block() -> None:
    rows = np.tile(ROWS, (64, 1))
    assert compiled(INDEPENDENT["gradient of logsumexp"], rows).plan.workspace < rows.nbytes / 2


DEPENDENT: dict[str, Callable] = {
    "rows in reverse": lambda x: lax.cumsum(lax.cumsum(x, 1)[::-1] * 2, 1),
    "next row": lambda x: lax.cumsum(np.roll(lax.cumsum(x, 1), 1, axis=0), 1),
    "transposed": lambda x: lax.cumsum(lax.cumsum(x, 1).T * 2, 1),
    "across": lambda x: lax.cumsum(lax.cumsum(x, 1) * 2, 0),
    "total": lambda x: lax.cumsum(lax.cumsum(x, 1) - np.sum(lax.cumsum(x, 1)), 1),
    "one number for each row": lambda x: lax.cumsum(x - np.sum(lax.cumsum(x, 1), axis=1)[:, None], 1),  # gains nothing
    "other rows": lambda x: lax.cumsum(np.reshape(np.exp(lax.cumsum(x, 1) / 99), (4, 3000)), 1),
    "one row for all": lambda x: lax.cumsum(x * lax.cumsum(x, 1)[3], 1),
}


@pytest.mark.parametrize("name", [*DEPENDENT])
def test_what_is_not_joined(name: str) -> None:
    assert len([s for s in assert_same(DEPENDENT[name], ROWS) if isinstance(s, Call)]) > 1


def test_results_between_are_kept() -> None:
    def f(x: Any) -> Any:
        a = lax.cumsum(x, 1)
        b = np.exp(-a * a)
        return a, lax.cumsum(b, 1), np.sum(b, axis=1)

    assert_same(f, ROWS)


STEPS: dict[str, Callable] = {
    "cumsum": lambda x, w: lax.cumsum(x, 1) / 20, "reverse": lambda x, w: lax.cumsum(x, 1, reverse=True) / 20,
    "logsumexp": lambda x, w: lax.cumlogsumexp(x, 1) - 3, "max": lambda x, w: lax.cummax(x * w, 1),
    "down": lambda x, w: lax.cumsum(x, 0) / 3, "flip": lambda x, w: x[:, ::-1] * w,
    "roll": lambda x, w: np.roll(x, 1, axis=0), "outer": lambda x, w: x * w[2],
    "sin": lambda x, w: np.sin(x) + w, "mean": lambda x, w: x - np.mean(x, axis=1)[:, None],
}  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(STEPS)), min_size=2, max_size=5),
    st.sampled_from([(6, 1024), (4, 5, 515), (12, 700)]),
    st.booleans(),
)
def test_any_order(names: list[str], shape: tuple, differentiate: bool) -> None:
    rng = np.random.default_rng(len(names))
    x, w = rng.normal(size=shape), rng.normal(size=shape)

    def f(x: Any, w: Any) -> Any:
        for name in names:
            last = len(shape) - 1
            flat = [np.reshape(v, (-1, shape[last])) for v in (x, w)]
            x = np.reshape(STEPS[name](*flat), shape)
        return x

    g = fg.grad(lambda x, w: np.sum(np.sin(f(x, w)) * w)) if differentiate else f
    code = compiled(g, x, w)
    (got,), (want,) = code.call(x, w), evaluate(code.program, [x, w], bind)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9 * np.max(np.abs(want)))


def test_donated_operands() -> None:
    f = fg.jit(lambda x: lax.cumsum(np.exp(lax.cumsum(x, 1) / 99), 1) - x, donate_argnums=0)
    x = ROWS.copy()
    np.testing.assert_allclose(f(x), np.cumsum(np.exp(np.cumsum(ROWS, 1) / 99), 1) - ROWS, rtol=1e-12)


@pytest.mark.parametrize("flag", [True, False])
def test_long_arrays_of_kernels_inside_branches_are_in_memory(flag: bool) -> None:
    x = np.random.default_rng(1).normal(size=1_500_000)  # on the stack the keys of the sort would not fit

    def f(flag: Any, x: Any) -> Any:
        return lax.cond(flag, np.sort, lambda x: lax.cumlogsumexp(x), lax.cumsum(x))

    np.testing.assert_allclose(fg.jit(f)(flag, x), f(flag, x), rtol=1e-9, atol=1e-9)


def steps(x: Any) -> Any:
    for _ in range(110):
        x = np.sin(x) * 1.01
    return x


def test_long_chains_between_the_stages_of_a_row_are_no_deep_recursion() -> None:
    def of_rows(x: np.ndarray) -> Any:
        s = steps(np.sum(x, -1))
        y = x / s[..., None]
        return x - np.sin(np.sum(y * y, -1) + s)[..., None]

    def of_elements(x: np.ndarray) -> Any:
        y = steps(x)
        return y / np.sum(y, -1, keepdims=True)

    x = np.random.default_rng(1).uniform(1, 2, (3, 4))
    for f in (of_rows, of_elements):
        np.testing.assert_allclose(fg.jit(f)(x), f(x), rtol=1e-9)


def test_long_chains_beside_row_operations_are_no_deep_recursion() -> None:
    def f(x: np.ndarray) -> Any:
        x = np.cumsum(x, -1)
        for k in range(250):
            x = np.sin(x) * (1.0 + k / 1000)
        return np.cumsum(x, -1)

    x = np.random.default_rng(2).uniform(1, 2, (3, 5))
    np.testing.assert_allclose(fg.jit(f)(x), f(x), rtol=1e-9)
