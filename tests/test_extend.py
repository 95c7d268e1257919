# ruff: noqa: E501  (the table of errors reads best with one of them on each line)
"""Operations declared by users: `extend.elementwise` and `extend.primitive` under every transformation, and errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from scipy import special

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import extend, lax
from funcgrad.core.primitive import REGISTRY
from funcgrad.numpy.registry import BY_NAME, SUPPORTED
from funcgrad.test_util import check_grads

X = np.array([0.3, -1.2, 2.0])
DTYPES = [np.float32, np.float64]


@pytest.fixture(autouse=True)
def leave_nothing_behind() -> Iterator[None]:
    """The tables belong to the process."""
    before = set(REGISTRY), dict(SUPPORTED), dict(BY_NAME)
    yield
    for name in set(REGISTRY) - before[0]:
        del REGISTRY[name]
    for table, kept in ((SUPPORTED, before[1]), (BY_NAME, before[2])):
        table.clear()
        table.update(kept)


def both(f: Callable) -> list[Callable]:
    return [f, fg.jit(f)]


def close(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, expected, rtol=2e-6 if np.asarray(actual).dtype == np.float32 else 1e-12)


# --- elementwise ----------------------------------------------------------------------------------------------------


def cube(with_scalar: bool) -> Callable:
    scalar = (lambda x: x * x * x) if with_scalar else None
    return extend.elementwise("cube", lambda x: x**3, partials=lambda out, x: 3 * x**2, scalar=scalar)


@pytest.mark.parametrize("with_scalar", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_elementwise_in_every_mode(with_scalar: bool, dtype: type) -> None:
    f, x = cube(with_scalar), X.astype(dtype)
    for g in both(f):
        close(g(x), x**3)
        assert g(x).dtype == dtype
    for g in both(fg.grad(lambda v: fnp.sum(f(v)))):
        close(g(x), 3 * x**2)
    for g in both(lambda v: fg.jvp(f, (v,), (v,))[1]):
        close(g(x), 3 * x**3)
    for g in both(fg.vmap(fg.grad(fg.grad(f)))):
        close(g(x), 6 * x)
    for g in both(fg.grad(fg.jit(lambda v: fnp.sum(f(v))))):
        close(g(x), 3 * x**2)
    for g in both(fg.grad(lambda v: lax.scan(lambda c, w: (f(c * w), None), v, np.array([1, 0.5], dtype))[0])):
        close(g(x[0]), 9 * x[0] ** 8 / 8)
    check_grads(f, (X,), order=3)


def test_elementwise_promotes_and_broadcasts() -> None:
    f = extend.elementwise(
        "ramp",
        lambda x, y: np.maximum(x, 0) * y,
        partials=(lambda out, x, y: (x > 0) * y, lambda out, x, y: x * (x > 0)),
    )
    for g in both(lambda x: f(x[:, None], np.arange(2))):
        close(g(X), np.maximum(X, 0)[:, None] * np.arange(2))
    for g in both(fg.grad(lambda x: fnp.sum(f(x[:, None], 2.0)))):
        close(g(X.astype(np.float32)), 2.0 * (X > 0))
        assert g(X.astype(np.float32)).dtype == np.float32
    assert f(2, 3) == 6.0 and f(2, 3).dtype == np.float64


def test_elementwise_with_other_dtypes() -> None:
    near = extend.elementwise(
        "is_near", lambda x: np.abs(x) < 1, partials=extend.nondiff, out_dtype=np.bool_, scalar=lambda x: abs(x) < 1.0
    )
    for g in both(near):
        np.testing.assert_array_equal(g(X), np.abs(X) < 1)
    for g in both(fg.grad(lambda x: fnp.sum(fnp.where(near(x), x, 2 * x)))):
        close(g(X), [1, 2, 2])
    twice = extend.elementwise("twice", lambda n: n + n, partials=extend.nondiff, kinds="i")
    for g in both(twice):
        assert g(np.int32(3)) == 6 and g(np.int32(3)).dtype == np.int32


def test_a_ufunc_works_under_its_own_name() -> None:
    f = extend.elementwise("sindg", special.sindg, partials=lambda out, x: np.pi / 180 * np.cos(np.pi / 180 * x))
    for g in both(fg.vmap(fg.grad(special.sindg))):
        close(g(X), np.pi / 180 * special.cosdg(X))
    close(f(X), special.sindg(X))
    check_grads(special.sindg, (X,), order=2)


def test_a_singular_partial() -> None:
    f = extend.elementwise("root", np.emath.sqrt, partials=lambda out, x: 0.5 / out, strong=True)
    for g in both(fg.grad(lambda x: fnp.where(x > 0, f(x), 0.0))):
        assert g(0.0) == 0.0


def test_a_name_may_be_declared_again_but_not_taken() -> None:
    first, second = cube(True), cube(False)
    assert REGISTRY["cube"] is not None
    close(fg.jit(lambda x: first(x) + second(x))(X), 2 * X**3)
    with pytest.raises(ValueError, match="'sin' is an operation of the library"):
        extend.elementwise("sin", np.sin, partials=lambda out, x: np.cos(x))
    with pytest.raises(ValueError, match="'sin' is an operation of the library"):
        extend.primitive("sin", np.sin, abstract=lambda x: x)


def test_operands_are_read_only() -> None:
    def careless(x: np.ndarray) -> np.ndarray:
        x *= 2
        return x

    for f in (
        extend.elementwise("careless", careless, partials=extend.nondiff),
        extend.primitive("careless_too", careless, abstract=lambda x: x),
    ):
        for g in both(f):
            with pytest.raises(ValueError, match="read-only"):
                g(X.copy())


# --- primitive ------------------------------------------------------------------------------------------------------


def norm_type(x: Any, *, power: int) -> Any:
    if len(x.shape) != 1:
        raise TypeError(f"norm: needs a vector, got shape {x.shape}")
    return fg.ShapeDtypeStruct((), x.dtype), x


def norm_numpy(x: np.ndarray, *, power: int) -> tuple:
    return np.sum(x**power), x / np.sum(x**power, dtype=x.dtype)


def norm_jvp(primals: Any, tangents: Any, *, power: int) -> tuple:
    (x,), (t,) = primals, tangents
    total = fnp.sum(x**power)
    slope = fnp.sum(power * x ** (power - 1) * t)
    return (total, x / total), (slope, t / total - x * slope / total**2)


def norm_vjp(cts: Any, outs: Any, x: Any, *, power: int) -> Any:
    (a, b), (total, _) = cts, outs
    return power * x ** (power - 1) * (a - fnp.sum(b * x) / total**2) + b / total


def norm(rule: str, batch: Any = None) -> Any:
    rules = {"jvp": norm_jvp} if rule == "jvp" else {"vjp": norm_vjp}
    return extend.primitive("norm", norm_numpy, abstract=norm_type, batch=batch, **rules)


def norm_batch(size: int, in_batched: list, x: Any, *, power: int) -> tuple:
    assert in_batched == [True] and x.shape[0] == size
    total = fnp.sum(x**power, axis=1)
    return (total, x / total[:, None]), (True, True)


@pytest.mark.parametrize("rule", ["jvp", "vjp"])
@pytest.mark.parametrize("batch", [None, norm_batch])
@pytest.mark.parametrize("dtype", DTYPES)
def test_primitive_in_every_mode(rule: str, batch: Any, dtype: type) -> None:
    op, x = norm(rule, batch), X.astype(dtype)

    def loss(v: Any) -> Any:
        total, scaled = op(v, power=4)
        return total + fnp.sum(scaled**2)

    def plain(v: Any) -> Any:
        total = fnp.sum(v**4)
        return total + fnp.sum((v / total) ** 2)

    for g in both(loss):
        close(g(x), plain(x))
        assert g(x).dtype == dtype
    for g in (*both(fg.grad(loss)), fg.grad(fg.jit(loss))):
        close(g(x), fg.grad(plain)(x))
    for g in both(lambda v: fg.jvp(loss, (v,), (v,))[1]):
        close(g(x), fg.jvp(plain, (x,), (x,))[1])
    rows = np.stack([x, 2 * x])
    for g in both(fg.vmap(loss)):
        close(g(rows), [plain(r) for r in rows])
    for g in both(fg.vmap(fg.grad(loss))):
        close(g(rows), [fg.grad(plain)(r) for r in rows])
    for g in both(fg.grad(lambda v: lax.scan(lambda c, w: (op(c * w, power=2)[1], None), v, np.ones(2, dtype))[0][0])):
        assert np.all(np.isfinite(g(x)))
    if dtype == np.float64:
        check_grads(loss, (X,), order=2)
        check_grads(lambda v: fnp.sum(fg.vmap(loss)(v)), (np.stack([X, 2 * X]),), order=2)


def test_a_primitive_with_integers_and_unused_cotangents() -> None:
    def rule(ct: Any, out: Any, x: Any, n: Any) -> tuple:
        return ct * n, None

    scale = extend.primitive("scale", lambda x, n: x * n, abstract=lambda x, n: x, vjp=rule)
    for g in both(fg.grad(scale)):
        assert g(2.0, 3) == 3.0
    for g in both(fg.vmap(fg.grad(scale), in_axes=(0, None))):
        close(g(X, 3), [3, 3, 3])


def test_a_piecewise_constant_primitive() -> None:
    count = extend.primitive("count", lambda x: np.floor(x), abstract=lambda x: x, jvp=extend.nondiff)
    for g in both(fg.grad(lambda x: fnp.sum(count(x) * x))):
        close(g(X), np.floor(X))


def identity(**rules: Any) -> Any:
    return extend.primitive("identity", lambda x: x * 1, abstract=lambda x: x, **rules)


ERRORS: list[tuple[str, Callable, list[str]]] = [
    ("result shape", lambda: extend.primitive("f", lambda x: x[:2], abstract=lambda x: x)(X), ["f: result 0", "float64[2]", "float64[3]"]),
    ("result dtype", lambda: fg.jit(extend.primitive("f", lambda x: x > 0, abstract=lambda x: x))(X), ["bool[3]", "float64[3]"]),
    ("results", lambda: extend.primitive("f", lambda x: (x, x), abstract=lambda x: (x,))(X), ["returned 2 results", "says 1"]),
    ("abstract", lambda: extend.primitive("f", lambda x: x, abstract=lambda x: 3)(X), ["abstract rule", "got 3"]),
    ("no derivative", lambda: fg.grad(identity())(1.0), ["identity has no derivative", "jvp=extend.nondiff"]),
    ("jvp pair", lambda: fg.grad(identity(jvp=lambda p, t: 1.0))(1.0), ["identity: the jvp rule must return", "got 1.0"]),
    ("jvp shape", lambda: fg.grad(identity(jvp=lambda p, t: (p[0], X)))(1.0), ["the tangent of output 0", "float64[3]", "float64[]"]),
    ("vjp count", lambda: fg.grad(identity(vjp=lambda ct, out, x: (ct, ct)))(1.0), ["each of the 1 operands, got 2"]),
    ("vjp shape", lambda: fg.grad(identity(vjp=lambda ct, out, x: X))(1.0), ["the cotangent of operand 0", "float64[3]", "float64[]"]),
    ("batch shape", lambda: fg.vmap(identity(batch=lambda n, on, x: (x[0], True)))(X), ["output 0", "float64[]", "float64[3]"]),
    ("two rules", lambda: identity(jvp=norm_jvp, vjp=norm_vjp), ["two derivative rules"]),
    ("parameters", lambda: norm("jvp")(X, power=[2]), ["parameters must be hashable"]),
    ("operand", lambda: identity()("text"), ["identity: operand 0", "'text'"]),
    ("types", lambda: norm("jvp")(np.eye(2), power=2), ["norm: needs a vector"]),
]  # fmt: skip


def test_a_linear_operation_in_its_own_rules() -> None:
    """The vjp rule is the transpose, too, of operands in which the operation is linear."""
    flip = extend.primitive("own_flip", lambda x: x[::-1], abstract=lambda x: x, vjp=lambda ct, out, x: flip(ct))
    check_grads(lambda x: fnp.sum(flip(x) ** 3 * x), (X,), order=3)
    for g in both(lambda x: fg.jvp(flip, (x,), (x,))[1]):
        close(g(X), X[::-1])

    times = extend.primitive(
        "own_times", lambda x, y: x * y, abstract=lambda x, y: x, vjp=lambda ct, out, x, y: (times(ct, y), times(ct, x))
    )
    check_grads(lambda x: fnp.sum(times(times(x, x), x)), (X,), order=3)


def test_a_linear_operation_needs_a_vjp_rule_in_reverse_mode() -> None:
    twice = extend.primitive(
        "own_twice", lambda x: 2 * x, abstract=lambda x: x, jvp=lambda p, t: (twice(*p), twice(*t))
    )
    for g in both(lambda x: fg.jvp(twice, (x,), (x,))[1]):
        close(g(X), 2 * X)
    with pytest.raises(TypeError, match="own_twice is applied to a tangent in its jvp rule"):
        fg.grad(lambda x: fnp.sum(twice(x)))(X)
    square = extend.primitive(
        "own_square", lambda x: x * x, abstract=lambda x: x, vjp=lambda ct, out, x: 2 * x * square(ct)
    )
    with pytest.raises(TypeError, match="own_square is applied to a tangent or cotangent, but"):
        fg.jvp(square, (X,), (X,))


@pytest.mark.parametrize(("call", "words"), [pytest.param(*row[1:], id=row[0]) for row in ERRORS])
def test_errors(call: Callable, words: list[str]) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert all(w in str(caught.value) for w in words), caught.value
