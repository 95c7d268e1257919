"""`funcgrad.scipy.linalg` beyond triangular systems: SciPy's values, derivatives, batches, compiled code."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np
import pytest
import scipy.linalg

import funcgrad as fg
from funcgrad.scipy import linalg as fl
from funcgrad.test_util import check_grads

_rng = np.random.default_rng(11)
A = _rng.normal(size=(3, 3)) + 2 * np.eye(3)
S = A @ A.T + np.eye(3)
T, W = _rng.normal(size=(4, 2)), _rng.normal(size=(2, 4))
B, V, V4 = _rng.normal(size=(3, 2)), _rng.normal(size=3), _rng.normal(size=4)
BANDS, HALF = (
    _rng.normal(size=(4, 4)) + np.array([[0.0], [4.0], [0.0], [0.0]]),
    np.array([[0, 1, 0.5, 1], [4, 5, 6, 4.5]]),
)
SMALL = 0.4 * A
PAIRS = np.diag([4.0, 3.5, -3.0, 0.5]) + np.diag([2.5, 0.3, 0.7], 1) - np.diag([2.2, 0.0, 0.0], -1)
PAIRS += 0.3 * np.cos(np.arange(16.0)).reshape(4, 4)


def _solve_lu(m: Any, a: Any, b: Any, trans: int = 0) -> Any:
    return m.lu_solve(m.lu_factor(a), b, trans)


# name -> (function of a module and operands, operands); every result is an array without free signs
CASES: dict[str, tuple[Any, tuple]] = {
    "solve": (lambda m, a, b: m.solve(a, b), (A, B)), "solve vector": (lambda m, a, b: m.solve(a, b), (A, V)),
    "solve transposed": (lambda m, a, b: m.solve(a, b, transposed=True), (A, V)),
    "solve pos": (lambda m, a, b: m.solve(a + a.T, b, assume_a="pos"), (S, B)),
    "solve sym": (lambda m, a, b: m.solve(a + a.T, b, assume_a="sym"), (A, B)),
    "solve her": (lambda m, a, b: m.solve(a + a.T, b, assume_a="her"), (A, B)),
    "solve upper": (lambda m, a, b: m.solve(np.triu(a), b, assume_a="upper triangular"), (A, B)),
    "solve tridiagonal, which reads three diagonals": (lambda m, a, b: m.solve(a, b, assume_a="tridiagonal"), (A, B)),
    "solve diagonal": (lambda m, a, b: m.solve(a * np.eye(3), b, assume_a="diagonal"), (A, B)),
    "inv": (lambda m, a: m.inv(a), (A,)), "det": (lambda m, a: m.det(a), (A,)), "pinv": (lambda m, a: m.pinv(a), (T,)),
    "norm": (lambda m, a: m.norm(a), (T,)), "norm 2": (lambda m, a: m.norm(a, 2), (T,)),
    "lstsq": (lambda m, a, b: m.lstsq(a, b)[0], (T, V4)), "lstsq residual": (lambda m, a, b: m.lstsq(a, b)[1], (T, V4)),
    "lstsq wide": (lambda m, a, b: m.lstsq(a, b)[0], (W, B[:2])),
    "lstsq values": (lambda m, a, b: m.lstsq(a, b)[3], (T, T)),
    "lu_factor": (lambda m, a: m.lu_factor(a)[0], (A[::-1].copy(),)),
    "lu": (lambda m, a: m.lu(a)[1] @ m.lu(a)[2], (T,)),
    "lu l": (lambda m, a: m.lu(a)[1], (T,)), "lu u": (lambda m, a: m.lu(a)[2], (W,)),
    "lu permuted": (lambda m, a: m.lu(a, permute_l=True)[0], (A[::-1].copy(),)),
    "lu_solve": (_solve_lu, (A[::-1].copy(), B)),
    "lu_solve transposed": (lambda m, a, b: _solve_lu(m, a, b, 1), (A[::-1].copy(), V)),
    "qr": (lambda m, a: m.qr(a, mode="economic")[0], (T,)), "qr r": (lambda m, a: m.qr(a, mode="r")[0], (T,)),
    "qr full": (lambda m, a: m.qr(a)[0], (A,)), "qr wide": (lambda m, a: m.qr(a)[1], (W,)),
    "svd": (lambda m, a: m.svd(a, full_matrices=False)[1], (T,)), "svdvals": (lambda m, a: m.svdvals(a), (W,)),
    "svd projector": (lambda m, a: m.svd(a)[0][:, 2:] @ m.svd(a)[0][:, 2:].T, (T,)),
    "polar": (lambda m, a: m.polar(a)[0], (T,)), "polar p": (lambda m, a: m.polar(a)[1], (T,)),
    "polar left": (lambda m, a: m.polar(a, "left")[1], (W,)),
    "eigh": (lambda m, a: m.eigh(a + a.T)[0], (A,)), "eigh vectors": (lambda m, a: m.eigh(a + a.T)[1] ** 2, (A,)),
    "eigh pair": (lambda m, a, b: m.eigh(a + a.T, b + b.T)[0], (A, S)),
    "eigh pair vectors": (lambda m, a, b: m.eigh(a + a.T, b + b.T)[1] ** 2, (A, S)),
    "eigh type 2": (lambda m, a, b: m.eigh(a + a.T, b + b.T, type=2)[1] ** 2, (A, S)),
    "eigh type 3": (lambda m, a, b: m.eigh(a + a.T, b + b.T, type=3)[1] ** 2, (A, S)),
    "eigh subset": (lambda m, a: m.eigh(a + a.T, subset_by_index=[1, 2])[0], (A,)),
    "eigvalsh": (lambda m, a, b: m.eigvalsh(a + a.T, b + b.T), (A, S)),
    "eigvals": (lambda m, a: abs(m.eigvals(a)), (A,)), "eig": (lambda m, a: abs(m.eig(a)[1]), (A,)),
    "expm": (lambda m, a: m.expm(a), (A,)), "expm large": (lambda m, a: m.expm(8 * a) * 1e-8, (A,)),
    "expm_frechet": (lambda m, a, e: m.expm_frechet(a, e)[1], (SMALL, A)),
    "sqrtm": (lambda m, a: m.sqrtm(a), (S,)), "cosm": (lambda m, a: m.cosm(a), (A,)),
    "sinm": (lambda m, a: m.sinm(a), (A,)),
    "logm": (lambda m, a: m.logm(a), (S,)), "signm": (lambda m, a: m.signm(a), (A,)),
    "coshm": (lambda m, a: m.coshm(a), (A,)), "sinhm": (lambda m, a: m.sinhm(a), (A,)),
    "tanm": (lambda m, a: m.tanm(a), (SMALL,)), "tanhm": (lambda m, a: m.tanhm(a), (A,)),
    "power": (lambda m, a: m.fractional_matrix_power(a, 0.3), (S,)),
    "power -2": (lambda m, a: m.fractional_matrix_power(a, -2), (S,)),
    "schur": (lambda m, a: m.schur(a)[0], (A,)), "schur z": (lambda m, a: m.schur(a)[1], (A,)),
    "schur pairs": (lambda m, a: m.schur(a)[0], (PAIRS,)), "schur pairs z": (lambda m, a: m.schur(a)[1], (PAIRS,)),
    "schur complex": (lambda m, a: abs(m.schur(a, output="complex")[0]), (PAIRS,)),
    "rsf2csf": (lambda m, a: m.rsf2csf(*m.schur(a))[0].real, (PAIRS,)),
    "rsf2csf z": (lambda m, a: m.rsf2csf(*m.schur(a))[1].imag, (PAIRS,)),
    "solve_sylvester": (lambda m, a, b, q: m.solve_sylvester(a, b, q), (S, S[:2, :2], B)),
    "solve_continuous_lyapunov": (lambda m, a, q: m.solve_continuous_lyapunov(a, q), (S, A)),
    "solve_discrete_lyapunov": (lambda m, a, q: m.solve_discrete_lyapunov(a, q), (SMALL, A)),
    "solve_discrete_lyapunov bilinear": (lambda m, a, q: m.solve_discrete_lyapunov(a, q, "bilinear"), (SMALL, A)),
    "solve_banded": (lambda m, ab, b: m.solve_banded((2, 1), ab, b), (BANDS, V4)),
    "solve_banded matrix": (lambda m, ab, b: m.solve_banded((1, 2), ab[::-1], b), (BANDS, T)),
    "solve_banded tridiagonal": (lambda m, ab, b: m.solve_banded((1, 1), ab[:3], b), (BANDS, V4)),
    "solveh_banded": (lambda m, ab, b: m.solveh_banded(ab, b), (HALF, V4)),
    "solveh_banded lower": (lambda m, ab, b: m.solveh_banded(ab[::-1], b, lower=True), (HALF, T)),
    "solve_toeplitz": (lambda m, c, r, b: m.solve_toeplitz((c, r), b), (V + 3, V, B)),
    "toeplitz": (lambda m, c: m.toeplitz(c), (V,)), "toeplitz row": (lambda m, c, r: m.toeplitz(c, r), (V, V4)),
    "hankel": (lambda m, c: m.hankel(c), (V,)), "hankel row": (lambda m, c, r: m.hankel(c, r), (V, V4)),
    "convolution_matrix": (lambda m, c: m.convolution_matrix(c, 4), (V,)),
    "convolution_matrix same": (lambda m, c: m.convolution_matrix(c, 2, "same"), (V4,)),
    "convolution_matrix valid": (lambda m, c: m.convolution_matrix(c, 5, "valid"), (V,)),
    "fiedler": (lambda m, c: m.fiedler(c), (V,)), "leslie": (lambda m, f, s: m.leslie(f, s), (V4, V)),
    "fiedler_companion": (lambda m, a: m.fiedler_companion(a), (np.append(V4, V),)),
    "eigh_tridiagonal": (lambda m, d, e: m.eigh_tridiagonal(d, e)[1] ** 2, (V4, V)),
    "eigh_tridiagonal some": (lambda m, d, e: m.eigh_tridiagonal(d, e, True, "i", (1, 2)), (V4, V)),
    "qr_multiply": (lambda m, a, c: m.qr_multiply(a, c)[0], (T, W)),
    "qr_multiply left": (lambda m, a, c: m.qr_multiply(a, c, "left")[0], (T, V4[:2])),
    "procrustes": (lambda m, a, b: m.orthogonal_procrustes(a, b)[0], (T, np.cos(T))),
    "procrustes scale": (lambda m, a, b: m.orthogonal_procrustes(a, b)[1], (T, np.cos(T))),
    "circulant": (lambda m, c: m.circulant(c), (V,)), "companion": (lambda m, a: m.companion(a), (V4,)),
    "block_diag": (lambda m, a, v: m.block_diag(a, v, 2.0), (B, V)),
    "khatri_rao": (lambda m, a, b: m.khatri_rao(a, b), (T, B)),
}  # fmt: skip
COMPILED = ["solve_sylvester", "solve_continuous_lyapunov", "solve pos", "lstsq", "pinv", "lu", "lu_solve transposed",
            "qr", "svd projector", "polar p", "eigh pair vectors", "expm large", "solve_discrete_lyapunov bilinear",
            "schur pairs", "schur pairs z", "logm", "signm", "power", "tanm", "fiedler_companion",
            "eigh_tridiagonal", "solve_banded matrix", "solveh_banded", "block_diag"]  # fmt: skip


def function(name: str, module: Any = fl) -> Any:
    return lambda *args: CASES[name][0](module, *args)


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name: str) -> None:
    f, args = function(name), CASES[name][1]
    tangents = tuple(np.cos(np.arange(a.size)).reshape(a.shape) for a in args)
    value, slope = fg.jvp(f, args, tangents)
    np.testing.assert_allclose(value, function(name, scipy.linalg)(*args), rtol=1e-11, atol=1e-12)
    h = 1e-5
    ahead, behind = (f(*[a + s * h * t for a, t in zip(args, tangents)]) for s in (1, -1))
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * h), rtol=2e-6, atol=1e-7)
    ct = np.sin(np.arange(np.size(value)) + 1.0).reshape(np.shape(value))
    pulled = fg.vjp(f, *args)[1](ct)
    dots = sum((p * t).sum() for p, t in zip(pulled, tangents)), (ct * slope).sum()
    np.testing.assert_allclose(*dots, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", COMPILED)
def test_compiled(name: str) -> None:
    f, args = function(name), CASES[name][1]

    def loss(*args: Any) -> Any:
        return (f(*args) ** 2).sum()

    numbers = tuple(range(len(args)))
    got, expected = (g(*args) for g in (fg.jit(fg.value_and_grad(loss, numbers)), fg.value_and_grad(loss, numbers)))
    np.testing.assert_allclose(got[0], expected[0], rtol=1e-11)
    for g, e in zip(got[1], expected[1]):
        np.testing.assert_allclose(g, e, rtol=1e-9, atol=1e-10 * np.max(np.abs(e), initial=1))


@pytest.mark.parametrize("name", ["solve", "solve vector", "lu_solve", "lu permuted", "qr", "polar", "expm", "sqrtm",
                                  "solve_sylvester", "solve_banded", "solveh_banded", "eigh pair", "schur pairs",
                                  "logm", "signm", "leslie", "lstsq", "toeplitz",
                                  "block_diag"])  # fmt: skip
def test_batched(name: str) -> None:
    f, args = function(name), CASES[name][1]
    batch = [np.stack([a, 1.5 * a, 0.7 * a]) for a in args]
    expected = [f(*[b[i] for b in batch]) for i in range(3)]
    np.testing.assert_allclose(fg.vmap(f)(*batch), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["lu_solve", "qr", "polar p", "expm", "sqrtm", "solve_sylvester", "solve_banded",
                                  "schur pairs",
                                  "schur pairs z", "logm", "power", "rsf2csf"])  # fmt: skip
def test_second_order(name: str) -> None:
    check_grads(function(name), CASES[name][1], order=2)


def test_stacks_without_vmap() -> None:
    stack, right = np.stack([A, 2 * A]), np.stack([B, B[::-1]])
    for f in (lambda a, b: fl.solve(a, b), lambda a, b: _solve_lu(fl, a, b), lambda a, b: fl.expm(a) @ b):
        got = fg.linearize(f, stack, right)[0]
        np.testing.assert_allclose(got, [f(a, b) for a, b in zip(stack, right)], rtol=1e-10)


def test_complex_matrices() -> None:
    z = A + 1j * A.T
    for f in (lambda m, z: m.expm(z), lambda m, z: m.sqrtm(z), lambda m, z: _solve_lu(m, z, V, 2),
              lambda m, z: m.cosm(z), lambda m, z: m.solve_continuous_lyapunov(z, S), lambda m, z: m.pinv(z),
              lambda m, z: m.qr(z)[1], lambda m, z: m.eigh(z + z.conj().T, S)[0],
              lambda m, z: m.solve(z @ z.conj().T, V, assume_a="pos")):  # fmt: skip
        value = fg.linearize(lambda z, f=f: f(fl, z), z)[0]
        np.testing.assert_allclose(value, f(scipy.linalg, z), rtol=1e-10, atol=1e-12)
        check_grads(lambda z, f=f: np.sum(np.abs(f(fl, z)) ** 2), (z,), order=1)


def test_the_logarithm_of_matrices_whose_eigenvalues_differ_much() -> None:
    for small in (1e-12, 1e-3, 1.0, 1e6):
        a = np.diag([small, 1.0, 30.0]) + np.triu(A, 1) * min(small, 1) ** 0.5
        with mp.workdps(50):
            exact = np.array(mp.logm(mp.matrix(a.tolist())).tolist(), complex).real
        np.testing.assert_allclose(fg.linearize(fl.logm, a)[0], exact, rtol=1e-13, atol=1e-15)
    defective = np.array([[2.0, 1.0], [0.0, 2.0]])
    np.testing.assert_allclose(fg.linearize(fl.logm, defective)[0], [[np.log(2), 0.5], [0, np.log(2)]], atol=1e-15)
    check_grads(fl.fractional_matrix_power, (S, 0.7), order=2)


def test_parts_of_schur_forms_that_have_no_derivative_count_as_0() -> None:
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    for a in (np.eye(3), np.kron(np.eye(1), 2 * turn + np.eye(2))):
        t_dot, z_dot = fg.jvp(fl.schur, (a,), (np.ones_like(a),))[1]
        assert np.isfinite(t_dot).all() and np.isfinite(z_dot).all()
    np.testing.assert_allclose(fg.grad(lambda a: np.trace(fl.schur(a)[0]))(np.eye(2)), np.eye(2))
    z = PAIRS + 1j * PAIRS.T
    check_grads(lambda z: np.abs(fl.schur(z)[0]) ** 2, (z,), order=1)
    for f in (lambda a: fl.schur(a)[0], lambda a: fl.schur(a)[1]):
        vectors = fg.linearize(f, PAIRS.astype(np.float32))[0]
        assert vectors.dtype == np.float32


def test_the_exponential_is_exact_where_matrices_have_different_norms() -> None:
    stack = np.stack([1e-3 * A, A, 20 * A])
    np.testing.assert_allclose(fg.jit(fl.expm)(stack), scipy.linalg.expm(stack), rtol=1e-11)
    defective = np.array([[1.0, 1.0], [0.0, 1.0]])
    np.testing.assert_allclose(fg.jit(fl.expm)(defective), np.e * defective, rtol=1e-14)
    large = fg.jvp(fl.expm, (0.1 * A,), (1e9 * A,))[1]
    np.testing.assert_allclose(large, scipy.linalg.expm_frechet(0.1 * A, 1e9 * A)[1], rtol=1e-12)


def test_corners_of_bands_are_not_read() -> None:
    ab = BANDS[:3].copy()
    ab[0, 0] = ab[2, -1] = np.nan
    assert np.isfinite(fg.jit(fl.solve_banded, static_argnums=0)((1, 1), ab, V4)).all()
    gradient = fg.grad(lambda ab: fl.solve_banded((1, 1), ab, V4).sum())(ab)
    assert np.isfinite(gradient).all() and gradient[0, 0] == gradient[2, -1] == 0


def test_null_space_and_range() -> None:
    rank_one = np.outer(V4, V)
    for f, count in ((fl.null_space, 2), (fl.orth, 1)):
        basis = fg.jvp(f, (rank_one,), (np.outer(V4[::-1], V),))[0]
        assert basis.shape[1] == count
    projector = lambda a: fl.null_space(a) @ fl.null_space(a).T  # noqa: E731
    check_grads(projector, (W,), order=1)
    expected = np.eye(4) - np.linalg.pinv(W) @ W
    np.testing.assert_allclose(fg.linearize(projector, W)[0], expected, atol=1e-12)


def test_plain_arrays_go_to_scipy() -> None:
    np.testing.assert_array_equal(fl.hilbert(3), scipy.linalg.hilbert(3))
    np.testing.assert_array_equal(fl.schur(A)[0], scipy.linalg.schur(A)[0])
    np.testing.assert_array_equal(fl.qr(A, pivoting=True)[2], scipy.linalg.qr(A, pivoting=True)[2])
    assert fl.eigvals(A, homogeneous_eigvals=True).shape == (2, 3)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda a: fl.solve(a, V, assume_a="nice"), ValueError, "'nice' is not a recognized matrix structure"),
        (lambda a: fl.solve(a, V[:2]), ValueError, "do not fit"),
        (lambda a: fl.inv(a[:2]), ValueError, r"needs square matrices, got shape \(2, 3\)"),
        (lambda a: fl.qr(a, pivoting=True), TypeError, "exchanging columns is not supported for traced values"),
        (lambda a: fl.qr(a, mode="thin"), ValueError, "mode must be"),
        (lambda a: fl.schur(a, sort="lhp"), TypeError, "sort is not supported for traced values"),
        (lambda a: fl.schur(a, "triangular"), ValueError, "output must be 'real' or 'complex'"),
        (lambda a: fl.rsf2csf(a, np.eye(2)), ValueError, "do not fit"),
        (lambda a: fl.logm(-np.eye(3) + 0 * a), np.linalg.LinAlgError, "has no real logarithm"),
        (lambda a: fl.convolution_matrix(a[0], 2, "half"), ValueError, "mode must be"),
        (lambda a: fl.convolution_matrix(a[0], 0), ValueError, "at least one number and one column"),
        (lambda a: fl.fiedler(a), ValueError, "needs a vector"),
        (lambda a: fl.fiedler_companion(a[0, :1]), ValueError, "at least two coefficients"),
        (lambda a: fl.leslie(a[0], a[1]), ValueError, "3 numbers of children need 2 shares"),
        (lambda a: fl.eigh_tridiagonal(a[0], a[1]), ValueError, "3 diagonal elements need 2 beside them"),
        (lambda a: fl.eigh_tridiagonal(a[0], a[1, 1:], select="v"), TypeError, "a choice by values"),
        (lambda a: fl.eigh_tridiagonal(a[0], a[1, 1:], select="b"), ValueError, "select must be"),
        (lambda a: fl.qr_multiply(a, a, "up"), ValueError, "mode must be 'left' or 'right'"),
        (lambda a: fl.qr_multiply(a, V4), ValueError, "do not fit for mode 'right'"),
        (lambda a: fl.qr_multiply(a, a, pivoting=True), TypeError, "pivoting or conjugate"),
        (lambda a: fl.orthogonal_procrustes(a, B), ValueError, "differ"),
        (lambda a: fl.logm(0 * a), np.linalg.LinAlgError, "a singular matrix has no logarithm"),
        (lambda a: fl.logm(a, disp=False), ValueError, "no estimate of the error"),
        (lambda a: fl.signm(a, disp=False), ValueError, "no estimate of the error"),
        (lambda a: fl.fractional_matrix_power(a, V), ValueError, "t must be a real number"),
        (lambda a: fl.eig(a, left=True), TypeError, "b, left or homogeneous_eigvals"),
        (lambda a: fl.eigh(a, subset_by_value=[0, 1]), TypeError, "subset_by_value"),
        (lambda a: fl.eigh(a, type=4), ValueError, "type must be 1, 2 or 3"),
        (lambda a: fl.pinv(a, atol=0.1), TypeError, "an absolute tolerance"),
        (lambda a: fl.sqrtm(-np.eye(3) + 0 * a), np.linalg.LinAlgError, "has no real root"),
        (lambda a: fl.solve_banded((1, 1), a[:2], V), ValueError, "are not the rows of shape"),
        (lambda a: fl.solveh_banded(-abs(a[:2]), V), np.linalg.LinAlgError, "not positive definite"),
        (lambda a: fl.toeplitz(a), ValueError, "needs a vector"),
        (lambda a: fl.companion(a[0, :1]), ValueError, "at least two coefficients"),
        (lambda a: fl.block_diag(a[None]), ValueError, "at most two axes"),
        (lambda a: fl.khatri_rao(a, B), ValueError, "equally many columns"),
        (lambda a: fl.polar(a, "up"), ValueError, "side must be"),
        (lambda a: fl.lu_solve(fl.lu_factor(a), V, 3), ValueError, "trans must be 0, 1 or 2"),
        (lambda a: fl.solve_sylvester(a, a, B), ValueError, "do not fit"),
        (lambda a: fl.expm_frechet(a, a, "fast"), ValueError, "unknown implementation"),
        (lambda a: fl.solve_discrete_lyapunov(a, a, "guess"), ValueError, "method must be"),
    ],
)
def test_errors(call: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        fg.linearize(call, A)


def test_compiled_code_reports_what_scipy_reports() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        fg.jit(lambda ab: fl.solve_banded((1, 1), ab, V))(np.zeros((3, 3)))
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        fg.jit(lambda ab: fl.solveh_banded(ab, V))(-np.ones((2, 3)))
    with pytest.raises(TypeError, match=r"null_space or orth"):
        fg.jit(fl.null_space)(W)
