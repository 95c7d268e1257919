"""`numpy.linalg` under every transformation: values of NumPy, derivatives by differences, batches, singular points."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy.linalg as fla
from funcgrad.api.compilation import jit

_rng = np.random.default_rng(5)
A = _rng.normal(size=(3, 3)) + 2 * np.eye(3)
S = A @ A.T + np.eye(3)
B, V = _rng.normal(size=(3, 2)), _rng.normal(size=3)
STACK = np.stack([S, 2 * S + np.eye(3)])

CASES: dict[str, tuple[Any, tuple]] = {
    "cholesky": (lambda m, a: m.cholesky(a), (S,)),
    "cholesky upper": (lambda m, a: m.cholesky(a, upper=True), (S,)),
    "cholesky stack": (lambda m, a: m.cholesky(a), (STACK,)),
    "solve": (lambda m, a, b: m.solve(a, b), (A, B)),
    "solve vector": (lambda m, a, b: m.solve(a, b), (A, V)),
    "solve stack": (lambda m, a, b: m.solve(a, b), (STACK, B)),
    "inv": (lambda m, a: m.inv(a), (A,)),
    "inv stack": (lambda m, a: m.inv(a), (STACK,)),
    "det": (lambda m, a: m.det(a), (A,)),
    "det stack": (lambda m, a: m.det(a), (STACK,)),
    "slogdet": (lambda m, a: m.slogdet(-a).logabsdet, (A,)),
    "eigvalsh": (lambda m, a: m.eigvalsh(a), (S,)),
    "eigh": (lambda m, a: abs(m.eigh(a).eigenvectors), (S,)),
    "matrix_power": (lambda m, a: m.matrix_power(a, 5), (A / 3,)),
    "matrix_power -2": (lambda m, a: m.matrix_power(a, -2), (A,)),
    "multi_dot": (lambda m, a, b, v: m.multi_dot([v, a, b]), (A, B, V)),
    "norm": (lambda m, a: m.norm(a), (A,)),
    "norm axis": (lambda m, a: m.norm(a, axis=1, keepdims=True), (A,)),
    "norm 1": (lambda m, v: m.norm(v, 1), (V,)),
    "norm 3": (lambda m, v: m.norm(v, 3), (V,)),
    "norm 0": (lambda m, v: m.norm(v, 0), (V,)),
    "norm inf": (lambda m, v: m.norm(v, np.inf), (V,)),
    "norm -inf": (lambda m, v: m.norm(v, -np.inf), (V,)),
    "norm matrix 1": (lambda m, a: m.norm(a, 1), (A,)),
    "norm matrix -1": (lambda m, a: m.norm(a, -1), (A,)),
    "norm matrix inf": (lambda m, a: m.norm(a, np.inf, axis=(2, 1)), (STACK,)),
    "norm fro": (lambda m, a: m.norm(a, "fro", axis=(1, 2), keepdims=True), (STACK,)),
}


def traced(name: str, module: Any = np.linalg) -> Any:
    f = CASES[name][0]
    return lambda *args: f(module, *args)


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name: str) -> None:
    f, args = traced(name), CASES[name][1]
    tangents = tuple(np.cos(np.arange(a.size)).reshape(a.shape) for a in args)
    symmetric = name.split()[0] in ("cholesky", "eigh", "eigvalsh")
    tangents = tuple(t + np.swapaxes(t, -1, -2) for t in tangents) if symmetric else tangents
    value, slope = fg.jvp(f, args, tangents)
    np.testing.assert_allclose(value, f(*args), rtol=1e-12, atol=1e-13)
    h = 1e-5
    ahead, behind = (f(*[a + s * h * t for a, t in zip(args, tangents)]) for s in (1, -1))
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-8)
    pulled = fg.vjp(f, *args)[1](np.ones_like(value))
    np.testing.assert_allclose(
        sum((p * t).sum() for p, t in zip(pulled, tangents)), slope.sum(), rtol=1e-11, atol=1e-12
    )
    for p in pulled if symmetric else ():
        np.testing.assert_allclose(p, np.swapaxes(p, -1, -2), atol=1e-12)


@pytest.mark.parametrize("name", ["cholesky stack", "solve", "slogdet", "eigvalsh", "norm axis"])
def test_compiled(name: str) -> None:
    f, args = traced(name), CASES[name][1]
    value, gradient = jit(fg.value_and_grad(lambda a, *rest: f(a, *rest).sum()))(*args)
    np.testing.assert_allclose(value, f(*args).sum(), rtol=1e-12)
    np.testing.assert_allclose(gradient, fg.grad(lambda a, *rest: f(a, *rest).sum())(*args), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    "name", ["cholesky", "solve", "solve vector", "inv", "det", "slogdet", "eigh", "norm", "norm inf"]
)
def test_batched(name: str) -> None:
    f, args = traced(name), CASES[name][1]
    batch = [np.stack([a, 1.5 * a, 0.5 * a]) for a in args]
    np.testing.assert_allclose(
        fg.vmap(f)(*batch), [f(*[b[i] for b in batch]) for i in range(3)], rtol=1e-11, atol=1e-13
    )
    if len(args) == 2:
        only = fg.vmap(f, in_axes=(None, 0))(args[0], batch[1])
        np.testing.assert_allclose(only, [f(args[0], b) for b in batch[1]], rtol=1e-11)
        only = fg.vmap(f, in_axes=(0, None))(batch[0], args[1])
        np.testing.assert_allclose(only, [f(a, args[1]) for a in batch[0]], rtol=1e-11)


def test_one_matrix_is_factorized_once_for_a_batch() -> None:
    from funcgrad.core.avals import aval_of
    from funcgrad.core.tracing import trace

    program, _ = trace(
        lambda a, b: [fg.vmap(np.linalg.solve, in_axes=(None, 0))(a, b)], [aval_of(A), aval_of(np.ones((7, 3)))]
    )
    solves = [e for e in program.eqns if e.prim.name == "solve"]
    assert len(solves) == 1 and solves[0].inputs[0].aval.shape == (3, 3) and solves[0].inputs[1].aval.shape == (3, 7)


def test_multi_dot_takes_the_cheapest_order() -> None:
    from funcgrad.core.avals import shaped
    from funcgrad.core.tracing import trace

    for sizes, first in (((10, 100, 5, 50), (10, 5)), ((100, 10, 50, 5), (10, 5)), ((1, 9, 2, 8), (1, 2))):
        avals = [shaped(pair, np.float64) for pair in itertools.pairwise(sizes)]
        program, _ = trace(lambda *parts: [np.linalg.multi_dot(parts)], avals)
        assert program.eqns[0].outs[0].aval.shape == first


def test_second_order() -> None:
    def curve(f: Any) -> Any:
        return lambda t: f(S + t * np.diag([1.0, 2.0, 3.0]))

    for f in (lambda a: np.linalg.slogdet(a)[1], np.linalg.det, lambda a: np.linalg.cholesky(a).sum(),
              lambda a: np.linalg.solve(a, V).sum(), lambda a: np.linalg.eigvalsh(a)[0]):  # fmt: skip
        g = fg.grad(curve(f))
        np.testing.assert_allclose(fg.grad(g)(0.1), (g(0.1 + 1e-5) - g(0.1 - 1e-5)) / 2e-5, rtol=1e-6)


def test_log_density_of_a_gaussian_has_the_known_gradient() -> None:
    """d/dS log N(V; 0, S) = (S^-1 V V^T S^-1 - S^-1) / 2."""

    def density(cov: Any) -> Any:
        half = np.linalg.solve(np.linalg.cholesky(cov), V)
        return -0.5 * (half @ half) - np.log(np.diagonal(np.linalg.cholesky(cov))).sum()

    inverse = np.linalg.inv(S)
    expected = (np.outer(inverse @ V, inverse @ V) - inverse) / 2
    np.testing.assert_allclose(fg.grad(density)(S), expected, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(jit(fg.grad(density))(S), expected, rtol=1e-11, atol=1e-13)


def test_determinant_of_singular_matrices_has_a_gradient() -> None:
    singular = np.array([[1.0, 2.0], [2.0, 4.0]])
    np.testing.assert_allclose(fg.grad(np.linalg.det)(singular), [[4, -2], [-2, 1]], atol=1e-14)
    np.testing.assert_array_equal(fg.grad(np.linalg.det)(np.zeros((3, 3))), np.zeros((3, 3)))


def test_norms_at_zero_have_gradient_zero() -> None:
    for ord in (None, 2, 3, 1, np.inf):
        assert np.isfinite(fg.grad(lambda v, o=ord: np.linalg.norm(v, o))(np.zeros(3))).all()
    np.testing.assert_array_equal(fg.grad(np.linalg.norm)(np.zeros(3)), np.zeros(3))
    np.testing.assert_array_equal(jit(fg.grad(np.linalg.norm))(np.zeros(3)), np.zeros(3))
    assert np.isnan(jit(np.linalg.norm)(np.array([np.nan, 1.0])))


def test_equal_eigenvalues_give_finite_derivatives() -> None:
    gradient = fg.grad(lambda a: np.linalg.eigh(a)[0].sum() + np.linalg.eigh(a)[1].sum())(np.eye(3))
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(fg.grad(lambda a: np.linalg.eigvalsh(a).sum())(np.eye(3)), np.eye(3))


def test_dtypes() -> None:
    single = S.astype(np.float32)
    assert jit(np.linalg.solve)(single, V.astype(np.float32)).dtype == np.float32
    assert fg.grad(lambda a: np.linalg.slogdet(a)[1])(single).dtype == np.float32
    assert jit(np.linalg.inv)(np.array([[2, 0], [0, 4]])).dtype == np.float64


def test_plain_arrays_go_to_numpy() -> None:
    assert fla.norm(V) == np.linalg.norm(V) and fla.LinAlgError is np.linalg.LinAlgError
    np.testing.assert_array_equal(fla.inv(A), np.linalg.inv(A))


def test_errors() -> None:
    with pytest.raises(np.linalg.LinAlgError, match=r"must be square, got shape \(3, 2\)"):
        fg.vjp(np.linalg.inv, B)
    with pytest.raises(ValueError, match="do not fit"):
        fg.vjp(np.linalg.solve, A, np.ones(2))
    with pytest.raises(ValueError, match="invalid norm order 3 for matrices"):
        fg.vjp(lambda a: np.linalg.norm(a, 3), A)
    with pytest.raises(TypeError, match="mode='raw' gives LAPACK's reflections"):
        fg.vjp(lambda a: np.linalg.qr(a, "raw"), A)
    with pytest.raises(np.linalg.LinAlgError, match="2 equations and 3 right-hand sides"):
        fg.vjp(lambda a: np.linalg.lstsq(a, V), B.T)
    with pytest.raises(ValueError, match="UPLO must be 'L' or 'U'"):
        fg.vjp(lambda a: np.linalg.eigh(a, UPLO="X")[0], S)
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        jit(np.linalg.inv)(np.zeros((2, 2)))
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        fg.grad(lambda a: np.linalg.cholesky(a).sum())(-S)


@pytest.mark.parametrize("n", [0, 1, 5, -1])
def test_powers_of_integers_are_integers(n: int) -> None:
    a = np.array([[1, 2], [3, 5]])
    actual, expected = fg.jit(lambda a: np.linalg.matrix_power(a, n))(a), np.linalg.matrix_power(a, n)
    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected)
