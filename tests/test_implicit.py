"""Implicit differentiation: linear equations, roots and fixed points against closed forms and unrolled iterations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import lax

A = np.array([[4.0, 1.0], [2.0, 3.0]])
B = np.array([1.0, 2.0])


def solution(a: Any, b: Any) -> Any:
    return lax.custom_linear_solve(
        lambda x: a @ x, b, lambda _, b: np.linalg.solve(a, b), lambda _, b: np.linalg.solve(a.T, b)
    )


def size(x: Any) -> Any:
    return np.sum(x**2)


def close(actual: Any, expected: Any, tolerance: float = 1e-12) -> None:
    for a, e in zip(fg.tree.leaves(actual), fg.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, e, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("compiled", [False, True])
def test_linear_solve_is_numpys(compiled: bool) -> None:
    wrap = fg.jit if compiled else (lambda f: f)
    for transform in (
        lambda f: lambda a, b: f(a, b),
        lambda f: fg.grad(lambda a, b: size(f(a, b)), (0, 1)),
        lambda f: lambda a, b: fg.jvp(f, (a, b), (a * 0.3, b + 1.0)),
        lambda f: fg.hessian(lambda a, b: size(f(a, b)), (0, 1)),
    ):
        close(wrap(transform(solution))(A, B), transform(np.linalg.solve)(A, B))


def test_linear_solve_in_batches() -> None:
    many_a, many_b = np.stack([A, A + 1.0, A.T]), np.stack([B, 2.0 * B, B + 1.0])
    gradient = fg.grad(lambda a, b: size(solution(a, b)), (0, 1))
    for axes, args in (((0, 0), (many_a, many_b)), ((None, 0), (A, many_b)), ((0, None), (many_a, B))):
        rows = [[x[k] if on == 0 else x for x, on in zip(args, axes)] for k in range(3)]
        for f in (solution, gradient):
            expected = [np.stack(leaf) for leaf in zip(*[fg.tree.leaves(f(*row)) for row in rows])]
            close(fg.tree.leaves(fg.vmap(f, axes)(*args)), expected)


def test_a_pytree_and_a_symmetric_matrix() -> None:
    def solve(d: Any, b: Any) -> Any:
        by_division = lambda _, b: fg.tree.map(lambda v: v / d, b)  # noqa: E731
        return lax.custom_linear_solve(lambda x: fg.tree.map(lambda v: d * v, x), b, by_division, symmetric=True)

    b = {"u": 3.0, "v": (1.0,)}
    close(solve(2.0, b), {"u": 1.5, "v": (0.5,)})
    close(fg.grad(lambda d: solve(d, b)["u"] + solve(d, b)["v"][0])(2.0), -1.0)


def cube_root(a: Any, steps: int = 40) -> Any:
    def newton(f: Any, x: Any) -> Any:
        return lax.fori_loop(0, steps, lambda i, x: x - f(x) / (3 * x * x), x)

    return lax.custom_root(lambda x: x**3 - a, 1.0, newton, lambda g, y: y / g(1.0))


def test_root_and_its_derivatives() -> None:
    derivatives = [lambda a: a ** (1 / 3), lambda a: a ** (-2 / 3) / 3, lambda a: -2 / 9 * a ** (-5 / 3)]
    f = cube_root
    for exact in derivatives:
        close(f(8.0), exact(8.0), 1e-11)
        close(fg.jit(f)(8.0), exact(8.0), 1e-11)
        close(fg.vmap(f)(np.array([8.0, 27.0])), exact(np.array([8.0, 27.0])), 1e-11)
        f = fg.grad(f)
    close(fg.jvp(cube_root, (8.0,), (2.0,)), (2.0, 1 / 6), 1e-12)


def test_root_with_auxiliary_data() -> None:
    solve = lambda f, x: (lax.fori_loop(0, 30, lambda i, x: x - f(x) / 2.0, x), {"steps": 30})  # noqa: E731
    f = lambda a: lax.custom_root(lambda x: 2.0 * x - a, 0.0, solve, lambda g, y: y / g(1.0), has_aux=True)  # noqa: E731
    root, aux = f(3.0)
    assert root == 1.5 and aux["steps"] == 30
    assert fg.grad(lambda a: f(a)[0])(3.0) == 0.5


def layer(z: Any, w: Any, x: Any) -> Any:
    return np.tanh(w @ z + x)


def equilibrium(w: Any, x: Any) -> Any:
    return size(lax.fixed_point(layer, np.zeros(4), w, x))


def test_fixed_point_against_differences_and_unrolling() -> None:
    random = np.random.default_rng(0)
    w, x, direction = 0.2 * random.standard_normal((4, 4)), random.standard_normal(4), random.standard_normal((4, 4))

    def unrolled(w: Any, x: Any) -> Any:
        z = np.zeros(4)
        for _ in range(200):
            z = layer(z, w, x)
        return size(z)

    expected = fg.grad(unrolled, (0, 1))(w, x)
    for gradient in (fg.grad(equilibrium, (0, 1)), fg.jit(fg.grad(equilibrium, (0, 1)))):
        close(gradient(w, x), expected, 1e-10)
    close(fg.jvp(lambda w: equilibrium(w, x), (w,), (direction,))[1], np.sum(expected[0] * direction), 1e-10)
    second = fg.grad(lambda w: np.sum(fg.grad(equilibrium)(w, x) * direction))
    close(second(w), fg.grad(lambda w: np.sum(fg.grad(unrolled)(w, x) * direction))(w), 1e-8)


def test_fixed_point_in_batches_ends_for_each() -> None:
    babylonian = lambda x, a: (x + a / x) / 2  # noqa: E731
    f = fg.vmap(fg.grad(lambda a: lax.fixed_point(babylonian, 1.0, a)))
    a = np.array([2.0, 4.0, 1e6])
    close(f(a), 0.5 / np.sqrt(a))
    close(fg.jit(f)(a), 0.5 / np.sqrt(a))


def test_errors() -> None:
    with pytest.raises(TypeError, match=r"custom_linear_solve: reverse mode(.|\n)*pass transpose_solve="):
        fg.grad(lambda b: size(lax.custom_linear_solve(lambda x: 2.0 * x, b, lambda _, b: b / 2.0)))(B)
    with pytest.raises(TypeError, match=r"custom_linear_solve of <lambda>: matvec returns .*float64\[\]\], b is"):
        lax.custom_linear_solve(lambda x: np.sum(x), B, lambda _, b: b)
    with pytest.raises(TypeError, match=r"solve returns .*(.|\n)*structure, shapes and dtypes of b"):
        lax.custom_linear_solve(lambda x: x, B, lambda _, b: (b, b))
