"""`numpy.linalg` on matrices of any shape: NumPy's derivatives, conventions, batches, compiled code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy.linalg as fla
from funcgrad.test_util import check_grads

_rng = np.random.default_rng(8)
A = _rng.normal(size=(3, 3)) + 2 * np.eye(3)
S = A + A.T
TALL, WIDE = _rng.normal(size=(4, 2)), _rng.normal(size=(2, 4))
STACK = _rng.normal(size=(2, 3, 2))
B, V, V4 = _rng.normal(size=(3, 2)), _rng.normal(size=3), _rng.normal(size=4)
CUBE = _rng.normal(size=(2, 3, 6))
Z = A + 1j * _rng.normal(size=(3, 3))
EMPTY = np.zeros((0, 3))


def _whole(parts: Any) -> Any:
    u, s, vh = parts
    return (u[..., :, : s.shape[-1]] * s[..., None, :]) @ vh[..., : s.shape[-1], :]


CASES: dict[str, tuple[Any, tuple]] = {
    "qr": (lambda m, a: m.qr(a).Q, (TALL,)), "qr wide": (lambda m, a: m.qr(a)[1], (WIDE,)),
    "qr complete": (lambda m, a: m.qr(a, mode="complete")[0], (A,)), "qr r": (lambda m, a: m.qr(a, "r"), (TALL,)),
    "qr stack": (lambda m, a: m.qr(a).R, (STACK,)),
    "svd": (lambda m, a: m.svd(a, full_matrices=False).S, (STACK,)), "svdvals": (lambda m, a: m.svdvals(a), (WIDE,)),
    "svd values": (lambda m, a: m.svd(a, compute_uv=False), (TALL,)),
    "svd u": (lambda m, a: m.svd(a, False).U, (TALL,)),
    "svd vh": (lambda m, a: m.svd(a).Vh, (TALL,)), "svd whole": (lambda m, a: _whole(m.svd(a)), (WIDE,)),
    "svd hermitian": (lambda m, a: m.svd(a + m.matrix_transpose(a), hermitian=True).Vh ** 2, (A,)),
    "svd hermitian values": (lambda m, a: m.svd(a + m.matrix_transpose(a), compute_uv=False, hermitian=True), (A,)),
    "eig values": (lambda m, a: abs(m.eig(a).eigenvalues), (A,)), "eig": (lambda m, a: abs(m.eig(a)[1]), (A,)),
    "eigvals": (lambda m, a: (m.eigvals(a) ** 2).sum().real, (A,)),
    "eigh U": (lambda m, a: m.eigh(a + a.T, "U")[0], (A,)),
    "pinv": (lambda m, a: m.pinv(a), (STACK,)), "pinv wide": (lambda m, a: m.pinv(a, rtol=None), (WIDE,)),
    "pinv hermitian": (lambda m, a: m.pinv(a + a.T, 1e-10, True), (A,)),
    "lstsq": (lambda m, a, b: m.lstsq(a, b)[0], (TALL, V4)),
    "lstsq left": (lambda m, a, b: m.lstsq(a, b)[1], (TALL, V4)),
    "lstsq values": (lambda m, a, b: m.lstsq(a, b, rcond=-1)[3], (WIDE, WIDE)),
    "lstsq columns": (lambda m, a, b: m.lstsq(a, b)[0], (WIDE, WIDE)),
    "cond": (lambda m, a: m.cond(a), (STACK,)), "cond -2": (lambda m, a: m.cond(a, -2), (A,)),
    "cond fro": (lambda m, a: m.cond(a, "fro"), (A,)), "cond 1": (lambda m, a: m.cond(a, 1), (A,)),
    "norm 2": (lambda m, a: m.norm(a, 2), (TALL,)), "norm -2": (lambda m, a: m.norm(a, -2, (2, 0)), (STACK,)),
    "norm nuc": (lambda m, a: m.norm(a, "nuc", (1, 2), keepdims=True), (STACK,)),
    "vector_norm": (lambda m, a: m.vector_norm(a), (STACK,)),
    "vector_norm 3": (lambda m, a: m.vector_norm(a, axis=1, ord=3), (A,)),
    "matrix_norm": (lambda m, a: m.matrix_norm(a), (STACK,)),
    "matrix_norm 2": (lambda m, a: m.matrix_norm(a, ord=2), (STACK,)),
    "tensorsolve": (lambda m, a, b: m.tensorsolve(a, b), (CUBE, B.T)),
    "tensorsolve axes": (lambda m, a, b: m.tensorsolve(a.transpose(2, 0, 1), b, axes=(0,)), (CUBE, B.T)),
    "tensorinv": (lambda m, a: m.tensorinv(a), (CUBE,)), "matmul": (lambda m, a, b: m.matmul(a, b), (A, B)),
    "vecdot": (lambda m, a, b: m.vecdot(a, b), (A, V)), "outer": (lambda m, a, b: m.outer(a, b), (V, V4)),
    "cross": (lambda m, a, b: m.cross(a, b), (A, V)), "diagonal": (lambda m, a: m.diagonal(a, offset=1), (STACK,)),
    "trace": (lambda m, a: m.trace(a), (STACK,)), "matrix_transpose": (lambda m, a: m.matrix_transpose(a), (STACK,)),
    "tensordot": (lambda m, a, b: m.tensordot(a, b, axes=1), (A, B)),
}  # fmt: skip
EVERY = ["qr", "qr wide", "svd", "svd u", "svd vh", "pinv", "lstsq", "cond", "norm nuc", "tensorsolve"]


def traced(name: str, module: Any = np.linalg) -> Any:
    return lambda *args: CASES[name][0](module, *args)


def test_every_name_of_numpy_is_there() -> None:
    assert set(fla.__all__) == set(np.linalg.__all__)


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name: str) -> None:
    f, args = traced(name), CASES[name][1]
    tangents = tuple(np.cos(np.arange(a.size)).reshape(a.shape) for a in args)
    value, slope = fg.jvp(f, args, tangents)
    np.testing.assert_allclose(value, f(*args), rtol=1e-12, atol=1e-13)
    assert value.dtype == f(*args).dtype and np.shape(value) == np.shape(f(*args))
    h = 1e-5
    ahead, behind = (f(*[a + s * h * t for a, t in zip(args, tangents)]) for s in (1, -1))
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * h), rtol=2e-6, atol=1e-7)
    ct = np.sin(np.arange(np.size(value)) + 1.0).reshape(np.shape(value))
    pulled = fg.vjp(f, *args)[1](ct)
    dots = sum((p * t).sum() for p, t in zip(pulled, tangents)), (ct * slope).sum()
    np.testing.assert_allclose(*dots, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", EVERY)
def test_second_order_and_batches(name: str) -> None:
    f, args = traced(name), CASES[name][1]
    check_grads(f, args, order=2)
    batch = [np.stack([a, 1.5 * a, 0.7 * a]) for a in args]
    expected = [f(*[b[i] for b in batch]) for i in range(3)]
    np.testing.assert_allclose(fg.vmap(f)(*batch), expected, rtol=1e-10, atol=1e-12)


COMPILED = [
    "qr complete",
    "svd whole",
    "svd hermitian",
    "pinv wide",
    "lstsq columns",
    "cond fro",
    "norm -2",
    "tensorinv",
]


@pytest.mark.parametrize("name", COMPILED)
def test_compiled(name: str) -> None:
    f, args = traced(name), CASES[name][1]
    loss = lambda *args: (f(*args) ** 2).sum()  # noqa: E731
    value, gradient = fg.jit(fg.value_and_grad(loss))(*args)
    np.testing.assert_allclose(value, loss(*args), rtol=1e-11)
    np.testing.assert_allclose(gradient, fg.grad(loss)(*args), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (40, 7), (7, 40), (2, 0), (0, 2), (1, 1), (2, 3, 3), (0, 3, 2)])
def test_compiled_factors_have_the_signs_of_numpy(shape: tuple) -> None:
    for dtype in (np.float64, np.float32):
        x = _rng.normal(size=shape).astype(dtype)
        tolerance = dict(rtol=1e-11, atol=1e-12) if dtype == np.float64 else dict(rtol=1e-3, atol=1e-4)

        def factors(x: Any) -> Any:
            la = np.linalg
            return la.qr(x), la.qr(x, "complete"), la.svd(x), la.svd(x, False), la.svdvals(x), la.pinv(x)

        got, expected = fg.tree.tree_leaves(fg.jit(factors)(x)), fg.tree.tree_leaves(factors(x))
        assert len(got) == len(expected)
        for g, e in zip(got, expected):
            assert g.dtype == e.dtype
            np.testing.assert_allclose(g, e, **tolerance)


# --- conventions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [TALL, WIDE], ids=["tall", "wide"])
def test_complements_turn_no_more_than_they_must(x: np.ndarray) -> None:
    tangent = np.cos(np.arange(x.size)).reshape(x.shape)

    def both(x: Any) -> Any:
        u, _, vh = np.linalg.svd(x)
        return u, vh.T, np.linalg.qr(x, "complete").Q

    values, slopes = fg.jvp(both, (x,), (tangent,))
    ahead, behind = (both(x + s * 1e-5 * tangent) for s in (1, -1))
    for q, q_dot, count, p, m in zip(values, slopes, (2, 2, 2), ahead, behind):
        turn = q.T @ q_dot
        np.testing.assert_allclose(turn, -turn.T, atol=1e-12)  # q stays orthogonal
        np.testing.assert_allclose(turn[count:, count:], 0, atol=1e-12)  # the convention
        rest = [v[:, count:] @ v[:, count:].T for v in (p, m)]  # projectors do not depend on it
        expected = (rest[0] - rest[1]) / 2e-5
        got = q_dot[:, count:] @ q[:, count:].T + q[:, count:] @ q_dot[:, count:].T
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-7)


def test_smooth_functions_of_equal_singular_values_have_exact_derivatives() -> None:
    np.testing.assert_allclose(fg.grad(lambda a: np.linalg.svdvals(a).sum())(np.eye(3)), np.eye(3), atol=1e-14)
    inverse = fg.jvp(np.linalg.pinv, (np.eye(3),), (A,))[1]
    np.testing.assert_allclose(inverse, -A, atol=1e-13)
    got = fg.jvp(lambda a: np.linalg.svd(a).U @ np.linalg.svd(a).Vh, (np.eye(3),), (A,))[1]
    np.testing.assert_allclose(got, (A - A.T) / 2, atol=1e-13)
    assert np.isfinite(fg.grad(lambda a: sum(v.sum() for v in np.linalg.svd(a)))(np.zeros((2, 3)))).all()


def test_norms_at_zero_have_gradient_zero() -> None:
    for ord in (2, -2, "nuc", "fro"):
        np.testing.assert_array_equal(
            fg.grad(lambda a, o=ord: np.linalg.norm(a, o))(np.zeros((2, 3))), np.zeros((2, 3))
        )
    np.testing.assert_array_equal(fg.grad(fla.vector_norm)(np.zeros(3)), np.zeros(3))


def test_the_rank_may_be_deficient_if_it_stays() -> None:
    def family(t: Any) -> Any:
        return np.outer(V4, V) * t + np.outer(np.sin(t * V4), V)

    check_grads(lambda t: np.linalg.pinv(family(t), 1e-10), (0.7,), order=2)
    check_grads(lambda t: np.linalg.lstsq(family(t), V4, rcond=1e-10)[0], (0.7,), order=2)
    assert fg.jit(lambda t: np.linalg.matrix_rank(family(t)))(0.7) == 1


def test_eigenvectors_keep_the_form_of_lapack() -> None:
    for a in (A, np.array([[0.2, 1.0, 0.0], [-2.0, 0.5, 0.3], [0.1, 0.4, 1.5]]), Z):
        tangent = np.cos(np.arange(9)).reshape(3, 3).astype(a.dtype)
        _, (w_dot, v_dot) = fg.jvp(lambda a: tuple(np.linalg.eig(a)), (a,), (tangent,))
        ahead, behind = (np.linalg.eig(a + s * 1e-6 * tangent) for s in (1, -1))
        np.testing.assert_allclose(w_dot, (ahead[0] - behind[0]) / 2e-6, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(v_dot, (ahead[1] - behind[1]) / 2e-6, rtol=1e-6, atol=1e-7)


def test_complex_matrices() -> None:
    for f in (lambda a: np.linalg.qr(a).R, lambda a: np.linalg.svdvals(a), lambda a: np.linalg.pinv(a[:, :2]),
              lambda a: np.linalg.lstsq(a[:, :2], V)[0], lambda a: np.linalg.norm(a, "nuc"),
              lambda a: np.linalg.cond(a), lambda a: _whole(np.linalg.svd(a)),
              lambda a: np.linalg.tensorinv(a, 1)):  # fmt: skip
        np.testing.assert_allclose(fg.linearize(f, Z)[0], f(Z), rtol=1e-11, atol=1e-12)
        check_grads(lambda a, f=f: np.sum(np.abs(f(a)) ** 2), (Z,), order=2)
    for f in (lambda a: np.linalg.cholesky(a @ a.conj().T), lambda a: np.linalg.eigh(a + a.conj().T)[0],
              lambda a: np.linalg.slogdet(a)[1], lambda a: np.linalg.cholesky(a @ a.conj().T, upper=True),
              lambda a: np.linalg.pinv(a + a.conj().T, hermitian=True)):  # fmt: skip
        np.testing.assert_allclose(fg.linearize(f, Z)[0], f(Z), rtol=1e-11, atol=1e-12)
        check_grads(lambda a, f=f: np.sum(np.abs(f(a)) ** 2), (Z,), order=2)
    s = np.linalg.svd(Z + Z.conj().T, hermitian=True)
    for got, expected in zip(fg.linearize(lambda a: tuple(np.linalg.svd(a, hermitian=True)), Z + Z.conj().T)[0], s):
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12)
    projector = lambda a: np.linalg.svd(a).U[:, :1] @ np.linalg.svd(a).U[:, :1].conj().T  # noqa: E731
    check_grads(lambda a: np.abs(projector(a)), (Z,), order=1)


def test_ranks_are_whole_numbers_without_derivative() -> None:
    for f in (np.linalg.matrix_rank, lambda a: np.linalg.matrix_rank(a, tol=1.0),
              lambda a: np.linalg.matrix_rank(a, rtol=0.5), lambda a: np.linalg.matrix_rank(a + a.T, hermitian=True),
              lambda a: np.linalg.matrix_rank(a[0])):  # fmt: skip
        assert fg.jit(f)(A) == f(A)
    rank = fg.linearize(lambda a: np.linalg.lstsq(a, V)[2] * 1.0, B)[0]
    assert rank == 2
    np.testing.assert_array_equal(fg.jit(np.linalg.matrix_rank)(np.stack([A, 0 * A, np.ones((3, 3))])), [3, 0, 1])


def test_condition_numbers_of_singular_matrices() -> None:
    for a in (np.zeros((2, 2)), np.diag([1.0, 0.0]), np.array([[np.nan, 1.0], [1.0, 1.0]])):
        with np.errstate(all="ignore"):
            try:
                expected = np.linalg.cond(a)
            except np.linalg.LinAlgError:
                continue
            np.testing.assert_array_equal(fg.linearize(np.linalg.cond, a)[0], expected)
            np.testing.assert_array_equal(fg.jit(np.linalg.cond)(a), expected)


def test_dtypes() -> None:
    single = TALL.astype(np.float32)
    for f in (lambda a: np.linalg.svd(a)[0], np.linalg.svdvals, np.linalg.pinv, lambda a: np.linalg.qr(a)[0],
              lambda a: np.linalg.lstsq(a, a)[0], lambda a: np.linalg.norm(a, 2)):  # fmt: skip
        assert fg.linearize(f, single)[0].dtype == np.float32
    assert fg.jit(np.linalg.svdvals)(np.array([[2, 0], [0, 4]])).dtype == np.float64
    with pytest.raises(TypeError, match="float16 is not supported"):
        fg.linearize(np.linalg.svdvals, TALL.astype(np.float16))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda a: np.linalg.qr(a, "thin"), ValueError, "mode must be 'reduced', 'complete' or 'r'"),
        (lambda a: np.linalg.svd(a[0]), np.linalg.LinAlgError, r"at least two dimensions, got shape \(3,\)"),
        (lambda a: np.linalg.cond(a[:0]), np.linalg.LinAlgError, "not defined on empty arrays"),
        (lambda a: np.linalg.eig(a[:2]), np.linalg.LinAlgError, r"must be square, got shape \(2, 3\)"),
        (lambda a: np.linalg.pinv(a, 1e-9, rtol=1e-9), ValueError, "rcond or rtol, not both"),
        (lambda a: np.linalg.pinv(a, np.ones(2)), TypeError, "rcond must be one number"),
        (lambda a: np.linalg.matrix_rank(a, 1.0, rtol=1.0), ValueError, "tol or rtol, not both"),
        (lambda a: np.linalg.lstsq(a[None], V), np.linalg.LinAlgError, "needs a matrix and a vector or matrix"),
        (lambda a: np.linalg.tensorinv(a, 0), ValueError, "ind must be positive"),
        (lambda a: np.linalg.tensorsolve(a, V4), np.linalg.LinAlgError, "do not make a square system"),
        (lambda a: np.linalg.outer(a, V), ValueError, "needs two vectors"),
        (lambda a: np.linalg.matrix_norm(a[0]), ValueError, "at least two dimensions"),
        (lambda a: np.linalg.matrix_transpose(a[0]), ValueError, "at least two dimensions"),
        (
            lambda a: fg.lax.linalg.eig(a, compute_left_eigenvectors=True),
            TypeError,
            "left eigenvectors are not supported",
        ),
        (lambda a: fg.lax.linalg.tridiagonal_solve(a[0], a[0], V4, a), ValueError, "do not fit"),
    ],
)
def test_errors(call: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        fg.linearize(call, A)


# --- the names of jax.lax.linalg --------------------------------------------------------------------------------------


def test_strict_functions() -> None:
    la = fg.lax.linalg
    np.testing.assert_array_equal(la.cholesky(A @ A.T), np.linalg.cholesky(A @ A.T))
    np.testing.assert_allclose(la.eigh(S)[0] ** 2, np.linalg.eigh(S)[1] ** 2)
    np.testing.assert_allclose(la.eigh(A, lower=False, symmetrize_input=False)[1], np.linalg.eigvalsh(A.T))
    np.testing.assert_array_equal(la.qr(TALL)[0], np.linalg.qr(TALL, "complete")[0])
    np.testing.assert_array_equal(la.eig(A, compute_right_eigenvectors=False)[0], np.linalg.eigvals(A))
    packed, _, order = fg.jit(la.lu)(A[::-1].copy())
    np.testing.assert_allclose((np.tril(packed, -1) + np.eye(3)) @ np.triu(packed), A[::-1][order], rtol=1e-12)
    np.testing.assert_allclose(la.triangular_solve(A, B.T, lower=True) @ np.tril(A), B.T, rtol=1e-12)
    turned = la.triangular_solve(Z, B + 0j, left_side=True, transpose_a=True, conjugate_a=True)
    np.testing.assert_allclose(np.triu(Z).conj().T @ turned, B, rtol=1e-11, atol=1e-12)


def test_tridiagonal_systems() -> None:
    below, main, above = _rng.normal(size=(3, 2, 4)) + np.array([0.0, 4.0, 0.0])[:, None, None]
    right = _rng.normal(size=(2, 4, 3))
    dense = np.stack([np.diag(d) + np.diag(l[1:], -1) + np.diag(u[:-1], 1) for l, d, u in zip(below, main, above)])
    solve = fg.lax.linalg.tridiagonal_solve
    for f in (solve, fg.jit(solve)):
        np.testing.assert_allclose(f(below, main, above, right), np.linalg.solve(dense, right), rtol=1e-12)
    check_grads(solve, (below, main, above, right), order=2)
