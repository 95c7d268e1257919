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
    """LLVM's vectorizer of straight-line code, not used since, made invalid code of these loops and aborted."""

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


def test_the_derivative_of_a_gradient_in_a_constant_of_the_loop() -> None:
    """The backward pass of a while loop was differentiated only in what it was a derivative in: half the result."""

    def power(v: Any, w: Any) -> Any:
        return lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] * np.cos(w)), (0, v))[1]

    def slope(w: Any) -> Any:
        return fg.grad(lambda v: power(v, w) ** 2)(0.5)

    def plain(w: Any) -> Any:
        return 2 * 0.5 * np.cos(w) ** 6

    for derivative in (fg.grad, fg.jacfwd, lambda f: fg.jit(fg.grad(f)), lambda f: fg.grad(fg.jit(f))):
        np.testing.assert_allclose(derivative(slope)(0.3), fg.grad(plain)(0.3), rtol=1e-13)
    np.testing.assert_allclose(fg.grad(fg.grad(slope))(0.3), fg.grad(fg.grad(plain))(0.3), rtol=1e-13)


def test_the_derivative_of_a_gradient_in_another_carry() -> None:
    """The same where the variable of the second derivative is carried, and reaches the first one's step by step."""

    def loop(v: Any, w: Any) -> Any:
        return lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] * np.cos(s[2]), s[2] * 1.5), (0, v, w))[1]

    def plain(v: Any, w: Any) -> Any:
        return v * np.cos(w) * np.cos(1.5 * w) * np.cos(2.25 * w)

    def mixed(f: Any) -> Any:
        return fg.grad(lambda w: fg.grad(lambda v: f(v, w) ** 2)(0.5))

    for derivative in (mixed(loop), mixed(fg.jit(loop)), fg.jit(mixed(loop))):
        np.testing.assert_allclose(derivative(0.3), mixed(plain)(0.3), rtol=1e-13)


def test_a_tangent_that_is_a_constant_array() -> None:
    """A rule may give an array for a tangent: what comes next took it for a traced value."""
    constant = with_jvp(lambda x: np.full(2, 0.5))
    double = fg.custom_vjp(lambda x: 2.0 * x)
    double.defvjp(lambda x: (2.0 * x, None), lambda _, ct: (2.0 * ct,))
    assert fg.grad(lambda x: np.sum(double(constant(x)) + x))(np.ones(2)).tolist() == [1.0, 1.0]
