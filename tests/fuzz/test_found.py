"""Faults that the fuzzer found once, each as small as it could be made."""

from __future__ import annotations

from typing import Any

import numpy as np

import funcgrad as fg
from funcgrad import lax


def with_jvp(f: Any) -> Any:
    g = fg.custom_jvp(f)
    g.defjvp(lambda primals, tangents: fg.jvp(f, primals, tangents))
    return g


def test_a_rule_that_returns_its_operand() -> None:
    """Values for the backward pass were taken from the variables after the one that stood for another."""
    identity = with_jvp(lambda x, y: x)

    def f(x: Any, y: Any) -> Any:
        a = identity(np.full(2, 0.5), y)
        return np.sum(np.arctan2(x, 1.0 + a * a))

    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    np.testing.assert_allclose(fg.grad(f, (0, 1))(x, y)[0], 1.25 / (x**2 + 1.25**2), rtol=1e-14)


def test_machine_code_that_uses_a_value_before_it_is_computed() -> None:
    """LLVM's SLP vectorizer made invalid code of the nested loops, at which its code generator aborts the process."""

    def outer(c: Any, row: Any) -> Any:
        x, y = row
        cubes = lax.map(lambda _: 0.5 * x**3, np.arange(3.0))

        def inner(carry: Any, e: Any) -> Any:
            b = np.tanh(0.7 * carry[1] + 0.2 * np.mean(carry[1]))
            return (e[1], b), (np.where(False, y, 0.5), b)

        _, (_, ys) = lax.scan(inner, (x, cubes), (c, cubes), reverse=True)
        c = c * np.cos(np.mean(ys))
        return c, c

    def f(xs: Any, ys: Any) -> Any:
        return lax.scan(outer, np.full(3, 0.5), (xs, ys))[1]

    xs, ys = np.array([[1.5, -1.1], [-1.3, -1.0]]), np.full((2, 2), 0.5)
    np.testing.assert_allclose(fg.jit(f)(xs, ys), f(xs, ys), rtol=1e-13)
