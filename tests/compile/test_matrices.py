"""Dense linear algebra in compiled code: LAPACK by address, for batches and every shape, and what it reports."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import config
from funcgrad.compile import artifact, lapack, native
from funcgrad.compile.artifact import symbols_of
from funcgrad.compile.executable import build
from funcgrad.compile.pipeline import lower_program
from funcgrad.core.avals import shaped
from funcgrad.core.tracing import retrace
from funcgrad.ops import banded, contraction, decompositions, linalg, matrix_functions

SHAPES = [(1, 1), (5, 5), (70, 70), (3, 4, 4), (2, 1, 3, 3), (0, 3, 3), (2, 0, 0)]
INTERFACES = ["numpy", "scipy"]


@pytest.fixture(params=INTERFACES)
def interface(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy's own LAPACK, where its symbols can be found, and SciPy's, which has 32-bit integers."""
    monkeypatch.setattr(config.CACHE, "value", 2)  # the same programs are different code
    if request.param == "scipy":
        monkeypatch.setattr(lapack, "_decoration", lambda: None)
    elif lapack._decoration() is None:
        pytest.skip("NumPy's LAPACK is not within reach here")


def matrices(shape: tuple, dtype: Any, definite: bool) -> np.ndarray:
    x = np.random.default_rng(len(shape) + shape[-1]).normal(size=shape)
    x = x @ np.swapaxes(x, -1, -2) / (shape[-1] + 1) + np.eye(shape[-1]) if definite else x + 2 * np.eye(shape[-1])
    return x.astype(dtype)


def compiled(f: Any, *args: np.ndarray) -> list[np.ndarray]:
    def flat(*xs: Any) -> list[Any]:
        out = f(*xs)
        return list(out) if isinstance(out, (list, tuple)) else [out]

    program = retrace(flat, [shaped(a.shape, a.dtype) for a in args])
    assert not lower_program(program).plan.callbacks
    executable, _ = build(program, ["array"] * len(args))
    return list(executable.call(*[np.array(a, order="C") for a in args]))


def agree(got: list, want: Any, dtype: Any) -> None:
    want = list(want) if isinstance(want, (list, tuple)) else [want]
    tolerance = 1e-12 if dtype == np.float64 else 1e-4
    assert len(got) == len(want)
    for g, w in zip(got, want):
        np.testing.assert_allclose(g, w, rtol=tolerance, atol=tolerance * np.max(np.abs(w), initial=1))
        assert np.asarray(g).dtype == dtype


@pytest.mark.usefixtures("interface")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", SHAPES)
def test_values(shape: tuple, dtype: Any) -> None:
    general, definite = (matrices(shape, dtype, d) for d in (False, True))
    agree(compiled(linalg.cholesky, definite), np.linalg.cholesky(definite), dtype)
    agree(compiled(linalg.inv, general), np.linalg.inv(general), dtype)
    agree(compiled(linalg.slogdet, general), np.linalg.slogdet(general), dtype)
    if shape[-1] < 10:  # else they are larger than single precision has room for
        agree(compiled(linalg.det, general), np.linalg.det(general).astype(dtype), dtype)
        agree(compiled(linalg.cofactors, general), linalg.cofactors.impl(general), dtype)
    w, v = compiled(linalg.eigh, definite)
    agree([w], np.linalg.eigvalsh(definite), dtype)
    agree([v @ (w[..., None] * np.swapaxes(v, -1, -2))], definite, dtype)


@pytest.mark.usefixtures("interface")
@pytest.mark.parametrize("columns", [0, 1, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_systems(shape: tuple, columns: int) -> None:
    a, b = matrices(shape, np.float64, False), np.ones((*shape[:-1], columns)) + np.arange(columns)
    triangle = matrices(shape, np.float64, True)
    for trans in (False, True):
        turned = np.swapaxes(a, -1, -2) if trans else a
        agree(compiled(lambda a, b, t=trans: linalg.solve(a, b, trans=t), a, b), np.linalg.solve(turned, b), np.float64)
        for lower in (False, True):
            params = {"lower": lower, "trans": trans}
            got = compiled(lambda a, b, p=params: linalg.triangular_solve(a, b, **p), triangle, b)
            agree(got, linalg.triangular_solve.impl(triangle, b, **params), np.float64)


@pytest.mark.usefixtures("interface")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(1, 1), (6, 4), (4, 6), (70, 9), (2, 3, 2), (0, 3, 2), (3, 0), (2, 0, 3)])
def test_factors(shape: tuple, dtype: Any) -> None:
    a = np.random.default_rng(3).normal(size=shape).astype(dtype)
    for op, params in ((decompositions.qr, {"complete": True}), (decompositions.qr, {"complete": False}),
                       (decompositions.svd, {"full": True}), (decompositions.svd, {"full": False})):  # fmt: skip
        agree(compiled(lambda a, op=op, p=params: op(a, **p), a), op.impl(a, **params), dtype)
    agree(compiled(decompositions.singular_values, a), decompositions.singular_values.impl(a), dtype)
    packed, pivots = compiled(decompositions.lu, a)
    expected, order = decompositions.lu.impl(a)
    agree([packed], [expected], dtype)
    np.testing.assert_array_equal(pivots, order)
    size = {"size": shape[-2]}
    got = compiled(lambda p: decompositions.pivots_to_permutation(p, **size), order)[0]
    np.testing.assert_array_equal(got, decompositions.pivots_to_permutation.impl(order, **size))


@pytest.mark.usefixtures("interface")
@pytest.mark.parametrize("lead", [(), (3,), (0,)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_bands_and_matrix_equations(lead: tuple, dtype: Any) -> None:
    rng = np.random.default_rng(4)
    for n, columns, lower, upper in ((6, 2, 2, 1), (5, 1, 0, 3), (4, 3, 1, 0), (1, 1, 1, 1), (4, 0, 1, 1)):
        bands = rng.normal(size=(*lead, lower + upper + 1, n)).astype(dtype)
        bands[..., upper, :] += 6
        b = rng.normal(size=(*lead, n, columns)).astype(dtype)
        params = {"lower": lower, "upper": upper}
        got = compiled(lambda ab, b, p=params: banded.banded_solve(ab, b, **p), bands, b)
        agree(got, banded.banded_solve.impl(bands, b, **params), dtype)
        half = np.abs(bands[..., upper:, :]) / 2
        half[..., 0, :] += 6
        got = compiled(banded.definite_banded_solve, half, b)
        agree(got, banded.definite_banded_solve.impl(half, b), dtype)
        left, right = matrices((*lead, n, n), dtype, True), matrices((*lead, columns, columns), dtype, True)
        got = compiled(matrix_functions.sylvester, left, right, b)
        agree(got, matrix_functions.sylvester.impl(left, right, b), dtype)


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 3), (37, 37), (2, 5, 5)])
def test_the_cotangent_of_a_factor_by_divide_and_conquer(shape: tuple) -> None:
    factor = np.linalg.cholesky(matrices(shape, np.float64, True))
    ct = np.random.default_rng(0).normal(size=shape)
    agree(compiled(linalg.cholesky_cotangent, factor, ct), linalg.cholesky_cotangent.impl(factor, ct), np.float64)


@pytest.mark.parametrize("shapes", [((70, 1), (70, 1)), ((1, 70), (70, 1)), ((1, 70), (1, 70)), ((70, 1), (1, 70))])
def test_outer_products_of_columns_and_rows(shapes: tuple) -> None:
    x, y = (np.arange(70.0).reshape(s) for s in shapes)
    contract = tuple((s.index(1),) for s in shapes)

    def product(x: Any, y: Any) -> Any:
        return contraction.dot_general(x, y, contract=contract, batch=((), ()))

    np.testing.assert_array_equal(compiled(product, x, y)[0], np.outer(x, y))


FAILING = {
    "Matrix is not positive definite": (linalg.cholesky, -np.eye(3)),
    "Singular matrix": (linalg.inv, np.ones((2, 2))),
    "resolution failed at diagonal 1": (
        lambda a: linalg.triangular_solve(a, a, lower=True, trans=False), np.diag([1.0, 0.0, 2.0])
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", [*FAILING])
@pytest.mark.parametrize("lead", [(), (2,)])
def test_failures_are_those_of_numpy(text: str, lead: tuple) -> None:
    f, matrix = FAILING[text]
    stack = np.broadcast_to(matrix, (*lead, *matrix.shape)).copy()
    if lead:
        stack[0] = np.eye(len(matrix))  # the second one fails
    for g in (f, fg.jit(lambda a: f(a))):
        with pytest.raises(np.linalg.LinAlgError, match=text):
            g(stack)
    good = np.broadcast_to(np.eye(len(matrix)), stack.shape).copy()
    np.testing.assert_array_equal(fg.jit(lambda a: f(a))(good), good)  # and nothing of it is left


def test_a_singular_system_fails_and_its_determinant_does_not() -> None:
    singular = np.ones((3, 3))
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        fg.jit(lambda a: np.linalg.solve(a, a))(singular)
    assert fg.jit(np.linalg.det)(singular) == 0
    sign, log = fg.jit(np.linalg.slogdet)(singular)
    assert sign == 0 and log == -np.inf


@pytest.mark.parametrize("f", [np.linalg.svdvals, np.linalg.pinv, lambda a: np.linalg.svd(a).U])
def test_singular_values_of_nan_fail_as_in_numpy(f: Any) -> None:
    for g in (f, fg.jit(lambda a: f(a))):
        with pytest.raises(np.linalg.LinAlgError, match="SVD did not converge"):
            g(np.array([[np.nan, 1.0], [1.0, 2.0]]))


def test_failures_inside_loops_and_after_other_work() -> None:
    def f(a: Any) -> Any:
        return fg.lax.fori_loop(0, 3, lambda i, a: np.linalg.cholesky(a) - 2.0 * np.eye(2), a)

    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        fg.jit(f)(np.eye(2))


@pytest.mark.usefixtures("interface")
def test_code_of_another_process_finds_its_routines(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(a: Any) -> list[Any]:
        return [
            linalg.cholesky(a),
            linalg.inv(a),
            linalg.cofactors(a),
            *linalg.eigh(a),
            linalg.cholesky_cotangent(a, a),
        ]

    names = symbols_of(lower_program(retrace(f, [shaped((3, 3), np.float32)])).llvm)
    assert len(names) > 8
    monkeypatch.setattr(native, "_symbols", {})
    artifact._define(names)
    assert native.undefined(names) == []


def test_unknown_routines() -> None:
    with pytest.raises(KeyError):
        lapack.lapack_prelude("potrs", np.float64)
    with pytest.raises(KeyError):
        lapack.lapack_prelude("potrf", np.int32)


def test_a_likelihood_and_its_gradient() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, 3, (40, 2)), rng.normal(size=40)

    def loss(log_scale: Any) -> Any:
        d = np.sum((x[:, None] - x[None]) ** 2, axis=-1)
        factor = np.linalg.cholesky(np.exp(-d * np.exp(log_scale)) + 0.1 * np.eye(40))
        white = linalg.triangular_solve(factor, np.reshape(y, (40, 1)), lower=True, trans=False)
        return 0.5 * np.sum(white * white) + np.sum(np.log(np.diagonal(factor)))

    gradient, eager = fg.jit(fg.grad(loss)), fg.grad(loss)
    np.testing.assert_allclose(gradient(0.3), eager(0.3), rtol=1e-10)
    np.testing.assert_allclose(gradient(0.3), (loss(0.3 + 1e-6) - loss(0.3 - 1e-6)) / 2e-6, rtol=1e-6)
    np.testing.assert_allclose(
        fg.jit(fg.grad(fg.grad(loss)))(0.3), (eager(0.3 + 1e-5) - eager(0.3 - 1e-5)) / 2e-5, rtol=1e-6
    )
