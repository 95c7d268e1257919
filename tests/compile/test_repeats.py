"""Loops of Python are found again in programs, and compiled once however long they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad.compile.pipeline import Compiled, lower_program
from funcgrad.compile.prepare import prepare
from funcgrad.compile.repeats import segments
from funcgrad.compile.source import run_source

X = np.random.default_rng(3).uniform(-2, 2, 40)


def chain(steps: int) -> Callable[[Any], Any]:
    """Two kinds of steps in turn; the second uses its argument three times."""

    def f(x: Any) -> Any:
        for k in range(steps):
            x = np.sin(x) + 0.5 * x if k % 2 else x * np.exp(-0.1 * x * x) + 0.2 * np.cos(x)
        return np.sum(x)

    return f


def with_first(steps: int) -> Callable[[Any], Any]:
    """Every step reads a value of the first one."""

    def f(x: Any) -> Any:
        first = np.tanh(x)
        for _ in range(steps):
            x = np.sin(x * first) + 0.1 * first
        return np.sum(x)

    return f


def two_runs(steps: int) -> Callable[[Any], Any]:
    """Two different loops, and other work before, between and after them."""

    def f(x: Any) -> Any:
        x = np.log(1.0 + x * x)
        for _ in range(steps):
            x = np.sin(x) * 1.1
        x = x / (1.0 + np.sum(x * x))
        for _ in range(steps):
            x = np.sqrt(1.0 + x * x) - 0.5 * x
        return np.sum(np.exp(-x))

    return f


def state_of_two(steps: int) -> Callable[[Any], Any]:
    """Two values go from step to step, of another one the step before."""

    def f(x: Any) -> Any:
        y, old = np.cos(x), x
        for _ in range(steps):
            x, y, old = x + 0.01 * np.sin(y), y - 0.01 * x * old, x
        return np.sum(x * y)

    return f


PROGRAMS = [chain, with_first, two_runs, state_of_two]


def compiled(f: Callable[..., Any], *args: Any) -> Compiled:
    return lower_program(fg.make_program(f)(*args))


def kernels(f: Callable[..., Any], *args: Any) -> int:
    return len(compiled(f, *args).plan.kernels)


@pytest.mark.parametrize("program", PROGRAMS)
def test_values_and_derivatives_are_those_of_numpy(program: Callable[[int], Any]) -> None:
    f = program(80)
    assert segments(prepare(fg.make_program(fg.grad(f))(X)))
    value, gradient = fg.jit(fg.value_and_grad(f))(X)
    np.testing.assert_allclose(value, f(X), rtol=1e-10)
    np.testing.assert_allclose(gradient, fg.grad(f)(X), rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_printed_source_computes_the_same(program: Callable[[int], Any]) -> None:
    f = program(60)
    found = run_source(compiled(fg.value_and_grad(f), X).plan, [X])
    np.testing.assert_allclose(found[1], fg.jit(fg.grad(f))(X), rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_number_of_kernels_does_not_grow_with_the_loop(program: Callable[[int], Any]) -> None:
    short, long = (kernels(fg.value_and_grad(program(n)), X) for n in (128, 256))
    assert short == long


def test_segments_are_whole_periods_and_in_order() -> None:
    program = prepare(fg.make_program(chain(200))(X))
    found = segments(program)
    numbers = [found[eqn] for eqn in program.eqns if eqn in found]
    inside = [n for n in numbers if 0 < n < numbers[-1] - 1]
    assert numbers == sorted(numbers) and len({inside.count(n) for n in set(inside)}) == 1


def test_short_programs_and_programs_without_repetition_stay_whole() -> None:
    def different(x: Any) -> Any:
        for k in range(1, 100):
            x = [np.sin, np.cos, np.tanh, np.arctan][(k * k // 7) % 4](x) * float(k % 13 + 1) / 7.0
        return np.sum(x)

    assert not segments(prepare(fg.make_program(chain(10))(X)))
    assert not segments(prepare(fg.make_program(different)(X)))


def test_of_a_long_chain_of_long_arrays_only_what_the_sum_reads_is_in_memory() -> None:
    x = np.ones(1 << 20)
    size = fg.jit(fg.value_and_grad(chain(60))).lower(x).compile().memory_analysis()
    assert size.temp_size_in_bytes < 1.1 * x.nbytes
