"""Iterative solvers: solutions, implicit derivatives, pytrees, preconditioners, compiled loops, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad.scipy.sparse import linalg as sl
from funcgrad.test_util import check_grads

_rng = np.random.default_rng(2)
A = _rng.normal(size=(6, 6)) + 6 * np.eye(6)
S = A @ A.T / 6 + np.eye(6)
B = _rng.normal(size=6)
SOLVERS = [(sl.cg, S), (sl.bicgstab, A), (sl.gmres, A)]
each = pytest.mark.parametrize(("solver", "matrix"), SOLVERS, ids=["cg", "bicgstab", "gmres"])


@each
def test_solutions(solver: Any, matrix: np.ndarray) -> None:
    expected = np.linalg.solve(matrix, B)
    for operator in (matrix, lambda x: matrix @ x):
        for run in (solver, fg.jit(solver, static_argnums=0) if callable(operator) else fg.jit(solver)):
            x, info = run(operator, B, rtol=1e-12)
            np.testing.assert_allclose(x, expected, rtol=1e-9)
            assert info == 0
    x, info = solver(matrix, B, x0=expected + 0.1, tol=1e-12, M=np.linalg.inv(np.diag(np.diag(matrix))))
    np.testing.assert_allclose(x, expected, rtol=1e-9)
    assert info == 0


@each
def test_derivatives(solver: Any, matrix: np.ndarray) -> None:
    def f(a: Any, b: Any) -> Any:
        a = a + a.T if solver is sl.cg else a
        return np.sum(solver(a, b, rtol=1e-14)[0] ** 2)

    check_grads(f, (matrix, B), order=2)
    exact = fg.grad(lambda a, b: np.sum(np.linalg.solve(a + a.T if solver is sl.cg else a, b) ** 2), argnums=(0, 1))
    for got in (fg.grad(f, argnums=(0, 1))(matrix, B), fg.jit(fg.grad(f, argnums=(0, 1)))(matrix, B)):
        for g, e in zip(got, exact(matrix, B)):
            np.testing.assert_allclose(g, e, rtol=1e-8, atol=1e-10)


@each
def test_derivatives_do_not_depend_on_the_start_or_the_preconditioner(solver: Any, matrix: np.ndarray) -> None:
    inverse = np.linalg.inv(np.triu(matrix)) if solver is not sl.cg else np.diag(1 / np.diag(matrix))

    def f(b: Any, x0: Any) -> Any:
        return solver(lambda x: matrix @ x, b, x0, rtol=1e-13, M=lambda v: inverse @ v)[0][0]

    by_b, by_start = fg.grad(f, argnums=(0, 1))(B, np.ones(6))
    np.testing.assert_allclose(by_b, np.linalg.inv(matrix)[0], rtol=1e-8, atol=1e-10)
    np.testing.assert_array_equal(by_start, np.zeros(6))


@each
def test_batches(solver: Any, matrix: np.ndarray) -> None:
    rights = np.stack([B, B[::-1], 0 * B])
    x, info = fg.vmap(lambda b: solver(matrix, b, rtol=1e-12))(rights)
    np.testing.assert_allclose(x, np.linalg.solve(matrix, rights.T).T, rtol=1e-8, atol=1e-12)
    assert list(info) == [0, 0, 0]


@each
def test_pytrees_and_other_shapes(solver: Any, matrix: np.ndarray) -> None:
    def apply(t: Any) -> Any:
        y = matrix @ np.concatenate([t["a"].ravel(), t["b"]])
        return {"a": y[:4].reshape(2, 2), "b": y[4:]}

    b = {"a": B[:4].reshape(2, 2), "b": B[4:]}
    x, info = fg.jit(lambda b: solver(apply, b, rtol=1e-12))(b)
    np.testing.assert_allclose(np.concatenate([x["a"].ravel(), x["b"]]), np.linalg.solve(matrix, B), rtol=1e-9)
    assert info == 0 and x["a"].shape == (2, 2)


@each
def test_precision_and_integers(solver: Any, matrix: np.ndarray) -> None:
    x, _ = solver(matrix.astype(np.float32), B.astype(np.float32))
    assert x.dtype == np.float32
    x, info = solver(matrix, np.arange(6))
    assert x.dtype == np.float64 and info == 0


@each
def test_no_convergence_is_reported(solver: Any, matrix: np.ndarray) -> None:
    options = {"restart": 1} if solver is sl.gmres else {}
    _, info = fg.jit(lambda b: solver(matrix, b, rtol=1e-14, maxiter=1, **options))(B)
    assert info == 1


@each
def test_complex_matrices(solver: Any, matrix: np.ndarray) -> None:
    z = matrix + 0.3j * (A - A.T)
    x, info = solver(z, B + 1j, rtol=1e-12)
    np.testing.assert_allclose(x, np.linalg.solve(z, B + 1j), rtol=1e-9)
    assert info == 0
    got = fg.vjp(lambda b: solver(z, b, rtol=1e-13)[0], B + 1j)[1](B + 2j)[0]
    np.testing.assert_allclose(got, np.linalg.solve(z.T, B + 2j), rtol=1e-8)


def test_an_absolute_tolerance_keeps_small_derivatives() -> None:
    tiny = fg.grad(lambda b: 1e-9 * sl.cg(S, b, rtol=0.0, atol=1e-8)[0][0])(B)
    np.testing.assert_allclose(tiny, 1e-9 * np.linalg.inv(S)[0], rtol=1e-6, atol=1e-16)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: sl.cg(np.ones((2, 3)), np.ones(2)), ValueError, r"A of shape \(2, 3\) does not fit b of shape \(2,\)"),
        (lambda: sl.cg(np.eye(2), {"a": np.ones(2)}), TypeError, "A is a matrix and b is not an array"),
        (lambda: sl.gmres(lambda x: (x, x), np.ones(2)), TypeError, "gmres: A returns"),
        (lambda: sl.bicgstab(np.eye(2), np.ones(2), x0=np.ones(3)), ValueError, "x0 has 3 numbers and b has 2"),
        (lambda: sl.cg("matrix", np.ones(2)), TypeError, "cg: A"),
    ],
)
def test_errors(call: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        call()
