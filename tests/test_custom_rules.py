# ruff: noqa: E501  (the table of wrong rules reads best with one of them on each line)
"""Custom rules: custom_jvp, custom_vjp, custom_gradient, custom_vmap under every transformation, and their errors."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import lax
from funcgrad.custom_derivatives import CustomVJPPrimal, SymbolicZero, custom_vjp_primal_tree_values
from funcgrad.test_util import check_grads

X = np.array([0.3, -1.2, 2.0])
DTYPES = [np.float32, np.float64]


def both(f: Callable) -> list[Callable]:
    return [f, fg.jit(f)]


def close(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-5 if np.asarray(actual).dtype == np.float32 else 1e-12)


# Each is sin with a derivative of 3 cos, so that a derivative not taken from the rule shows.


@fg.custom_jvp
def jvp_sin(x: Any) -> Any:
    return fnp.sin(x)


jvp_sin.defjvps(lambda t, out, x: 3 * fnp.cos(x) * t)


@fg.custom_vjp
def vjp_sin(x: Any) -> Any:
    return fnp.sin(x)


vjp_sin.defvjp(lambda x: (fnp.sin(x), fnp.cos(x)), lambda c, ct: (3 * c * ct,))


@fg.custom_gradient
def gradient_sin(x: Any) -> Any:
    cosine = fnp.cos(x)
    return fnp.sin(x), lambda ct: 3 * cosine * ct


@fg.custom_jvp
def symbolic_jvp_sin(x: Any) -> Any:
    return fnp.sin(x)


@fg.custom_vjp
def symbolic_vjp_sin(x: Any) -> Any:
    return fnp.sin(x)


symbolic_jvp_sin.defjvp(lambda p, t: (fnp.sin(p[0]), 3 * fnp.cos(p[0]) * t[0]), symbolic_zeros=True)
symbolic_vjp_sin.defvjp(
    lambda x: (fnp.sin(x.value), fnp.cos(x.value)), lambda c, ct: (3 * c * ct,), symbolic_zeros=True
)
SINES = [jvp_sin, vjp_sin, gradient_sin, symbolic_jvp_sin, symbolic_vjp_sin]
every_sine = pytest.mark.parametrize("f", SINES, ids=["jvp", "vjp", "gradient", "symbolic jvp", "symbolic vjp"])


@every_sine
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_transformation_uses_the_rule(f: Callable, dtype: type) -> None:
    x = X.astype(dtype)
    for g in both(f):
        close(g(x), np.sin(x))
    for g in both(fg.grad(lambda v: fnp.sum(f(v)))):
        close(g(x), 3 * np.cos(x))
        assert g(x).dtype == dtype
    for g in both(lambda v: fg.jvp(f, (v,), (v,))[1]):
        close(g(x), 3 * np.cos(x) * x)
    for g in both(fg.vmap(fg.grad(f))):
        close(g(x), 3 * np.cos(x))
    for g in both(fg.grad(lambda v: fnp.sum(fg.vmap(f)(v)))):
        close(g(x), 3 * np.cos(x))
    for g in both(fg.grad(fg.jit(f))):
        close(g(x[0]), 3 * np.cos(x[0]))
    for g in both(lambda v: fg.linearize(f, v)[1](v)):
        close(g(x), 3 * np.cos(x) * x)


@every_sine
def test_second_derivatives_differentiate_the_rule(f: Callable) -> None:
    for g in both(fg.grad(fg.grad(f))):
        close(g(0.7), -3 * np.sin(0.7))
    for g in both(fg.vmap(fg.grad(lambda v: fg.jvp(f, (v,), (1.0,))[1]))):
        close(g(X), -3 * np.sin(X))
    for g in both(lambda v: fg.jvp(fg.grad(f), (v,), (1.0,))[1]):
        close(g(0.7), -3 * np.sin(0.7))


@every_sine
def test_in_a_scan(f: Callable) -> None:
    def loop(x: Any) -> Any:
        return lax.scan(lambda c, w: (f(c * w), c), x, np.array([1.0, 0.5]))[0]

    expected = 3 * np.cos(0.5 * np.sin(0.7)) * 0.5 * 3 * np.cos(0.7)
    for g in (fg.grad(loop), fg.jit(fg.grad(loop)), fg.grad(fg.jit(loop))):
        close(g(0.7), expected)
    for g in both(fg.vmap(fg.grad(loop))):
        close(g(np.array([0.7, 0.7])), [expected] * 2)


@every_sine
def test_weak_numbers_stay_weak(f: Callable) -> None:
    """A Python number inside a custom function yields to float32 as it does outside."""

    def g(x: Any) -> Any:
        return fnp.sum(f(x * 2.0) * f(2.0))

    assert fg.grad(g)(X.astype(np.float32)).dtype == np.float32

    @fg.custom_jvp
    def scaled(x: Any, k: Any) -> Any:
        return x * k

    scaled.defjvps(lambda t, out, x, k: t * k, lambda t, out, x, k: x * t)
    assert fg.value_and_grad(lambda x: fnp.sum(scaled(x, 2.0)))(X.astype(np.float32))[0].dtype == np.float32


# --- pytrees and arguments that are not differentiated --------------------------------------------------------------


def affine(scale: float, params: dict, x: Any, offsets: dict) -> dict:
    return {"y": scale * params["w"] * x + params["b"] + offsets["o"], "n": np.int64(3)}


def affine_jvp(scale: float, offsets: dict, primals: Any, tangents: Any) -> tuple:
    (p, x), (dp, dx) = primals, tangents
    out = affine(scale, p, x, offsets)
    slope = scale * (dp["w"] * x + p["w"] * dx) + dp["b"]
    return out, {"y": 10 * slope, "n": np.int64(0)}


def affine_fwd(scale: float, params: dict, x: Any, offsets: dict) -> tuple:
    return affine(scale, params, x, offsets), {"p": params, "x": x}


def affine_bwd(scale: float, offsets: dict, saved: dict, ct: dict) -> tuple:
    w, x, c = saved["p"]["w"], saved["x"], 10 * ct["y"]
    return {"w": scale * fnp.sum(x * c), "b": fnp.sum(c)}, scale * w * c


def rules_with_pytrees() -> list[Callable]:
    by_jvp = fg.custom_jvp(affine, nondiff_argnums=(0, 3))
    by_jvp.defjvp(affine_jvp)
    by_vjp = fg.custom_vjp(affine, nondiff_argnames=("offsets", "scale"))
    by_vjp.defvjp(affine_fwd, affine_bwd)
    return [by_jvp, by_vjp]


@pytest.mark.parametrize("f", rules_with_pytrees(), ids=["jvp", "vjp"])
def test_nondiff_arguments_with_pytrees(f: Callable) -> None:
    params, offsets = {"w": np.float64(2), "b": np.float64(-1)}, {"o": np.arange(3.0)}

    def loss(p: dict, x: Any) -> Any:
        return fnp.sum(f(0.5, p, x, offsets)["y"])

    expected = ({"w": 5 * np.sum(X), "b": 30.0}, np.full(3, 10.0))
    for g in (
        fg.grad(loss, argnums=(0, 1)),
        fg.jit(fg.grad(loss, argnums=(0, 1))),
        fg.grad(fg.jit(loss), argnums=(0, 1)),
    ):
        dp, dx = g(params, X)
        close(dp["w"], expected[0]["w"]), close(dp["b"], expected[0]["b"]), close(dx, expected[1])
    rows = np.stack([X, 2 * X])
    for g in both(fg.vmap(fg.grad(loss), in_axes=(None, 0))):
        close(g(params, rows)["w"], 5 * np.sum(rows, 1))
    for g in both(lambda p, x: fg.jvp(loss, (p, x), (p, x))[1]):
        close(g(params, X), 10 * (2 * np.sum(X) - 3))
    with pytest.raises(ValueError, match="no parameter 'shift'"):
        fg.custom_jvp(affine, nondiff_argnames="shift")


def test_keyword_arguments_and_defaults() -> None:
    @fg.custom_vjp
    def f(x: Any, y: Any = 2.0) -> Any:
        return x * y

    f.defvjp(lambda x, y: (x * y, (x, y)), lambda saved, ct: (7 * ct, None))
    for g in both(fg.grad(lambda x: f(y=x, x=x))):
        assert g(3.0) == 7.0
    for g in both(fg.grad(lambda x: f(x))):
        assert g(3.0) == 7.0


# --- symbolic zeros -------------------------------------------------------------------------------------------------


def test_symbolic_zeros_of_a_jvp_rule() -> None:
    seen: list[Any] = []

    @fg.custom_jvp
    def f(x: Any, y: Any, n: Any) -> Any:
        return x * y * n, y

    def rule(primals: Any, tangents: Any) -> Any:
        (x, y, n), (dx, dy, dn) = primals, tangents
        seen.append([type(t) is SymbolicZero for t in (dx, dy, dn)])
        assert dn.shape == () and dn.dtype == [("float0", "V")] and dn.aval.shape == ()
        if type(dx) is SymbolicZero:
            return f(x, y, n), (x * n * dy, dy)
        assert type(dy) is not SymbolicZero or (
            dy.shape == (3,) and dy.dtype == np.float64 and dy.ndim == 1 == dy.size - 2
        )
        return f(x, y, n), (y * n * dx, dy)

    f.defjvp(rule, symbolic_zeros=True)
    for transform in (fg.grad, lambda h: fg.jit(fg.grad(h)), lambda h: fg.grad(fg.jit(h))):
        seen.clear()
        close(transform(lambda x: fnp.sum(f(x, X, 2)[0]))(np.ones(3)), 2 * X)
        assert seen in ([[False, True, True]], []), "it is traced once, for all transformations"
        seen.clear()
        close(transform(lambda y: fnp.sum(f(X, y, 2)[0]))(np.ones(3)), 2 * X)
        assert seen in ([[True, False, True]], [])
    for g in both(fg.vmap(fg.grad(lambda x: fnp.sum(f(x * np.ones(3), X, 2)[0])))):
        close(g(X), np.full(3, 2 * np.sum(X)))
    assert repr(SymbolicZero(fg.ShapeDtypeStruct((2,), float).aval)) == "SymbolicZero(float64[2])"


def test_symbolic_zeros_of_a_vjp_rule() -> None:
    seen: list[Any] = []

    @fg.custom_vjp
    def f(p: dict, n: Any) -> Any:
        return p["x"] * p["y"] * n, p["x"] + p["y"], n

    def fwd(p: dict, n: Any) -> Any:
        assert isinstance(n, CustomVJPPrimal) and not n.perturbed
        seen.append((p["x"].perturbed, p["y"].perturbed))
        values = custom_vjp_primal_tree_values(p)
        return f(values, n.value), (values, n.value)

    def bwd(saved: Any, cts: Any) -> Any:
        p, n = saved
        a, b, c = cts
        seen.append([type(ct) is SymbolicZero for ct in cts])
        zero = SymbolicZero(c.aval)
        if type(b) is SymbolicZero:
            return {"x": p["y"] * n * a, "y": p["x"] * n * a}, zero
        if type(a) is SymbolicZero:
            return {"x": b, "y": b}, None
        return {"x": p["y"] * n * a + b, "y": p["x"] * n * a + b}, None

    f.defvjp(fwd, bwd, symbolic_zeros=True)
    for transform in (fg.grad, lambda h: fg.jit(fg.grad(h)), lambda h: fg.grad(fg.jit(h))):
        seen.clear()
        close(transform(lambda x: fnp.sum(f({"x": x, "y": X}, 2)[0]))(np.ones(3)), 2 * X)
        assert not seen or seen[0] == (True, False) and [False, True, True] in seen
        seen.clear()
        close(transform(lambda y: fnp.sum(f({"x": X, "y": y}, 2)[1]))(np.ones(3)), np.ones(3))
        assert not seen or seen[0] == (False, True) and [True, False, True] in seen
        close(
            transform(lambda y: fnp.sum(f({"x": X, "y": y}, 2)[0]) + fnp.sum(f({"x": X, "y": y}, 2)[1]))(X), 2 * X + 1
        )
    rows = np.stack([X, 3 * X])
    for g in both(fg.vmap(fg.grad(lambda x: fnp.sum(f({"x": x, "y": X}, 2)[0])))):
        close(g(rows), 2 * np.stack([X, X]))
    for g in both(lambda x: fg.jvp(lambda v: f({"x": v, "y": X}, 2)[0], (x,), (x,))[1]):
        close(g(X), 2 * X * X)


def test_a_rule_with_symbolic_zeros_may_return_them() -> None:
    @fg.custom_jvp
    def f(x: Any) -> Any:
        return fnp.sin(x), x

    f.defjvp(lambda p, t: (f(*p), (fnp.cos(p[0]) * t[0], SymbolicZero(t[0].aval))), symbolic_zeros=True)
    for g in both(fg.grad(lambda x: f(x)[0] * f(x)[1])):
        close(g(0.7), np.cos(0.7) * 0.7)


# --- custom_gradient ------------------------------------------------------------------------------------------------


def test_custom_gradient_of_pytrees() -> None:
    @fg.custom_gradient
    def f(p: dict, x: Any) -> Any:
        y = p["w"] * x

        def vjp(ct: dict) -> Any:
            return {"w": fnp.sum(x * ct["y"]) * 2}, y * ct["y"]

        return {"y": y}, vjp

    loss = lambda p, x: fnp.sum(f(p, x=x)["y"])  # noqa: E731
    for g in (fg.grad(loss, argnums=(0, 1)), fg.jit(fg.grad(loss, argnums=(0, 1)))):
        dp, dx = g({"w": 2.0}, X)
        close(dp["w"], 2 * np.sum(X)), close(dx, 2 * X)
    close(f({"w": 2.0}, X)["y"], 2 * X)
    assert f.__name__ == "f"


def test_custom_gradient_may_close_over_constants() -> None:
    weights = np.arange(3.0)

    @fg.custom_gradient
    def f(x: Any) -> Any:
        return fnp.sum(x), lambda ct: ct * weights

    for g in both(fg.grad(f)):
        close(g(X), weights)


# --- custom_vmap ----------------------------------------------------------------------------------------------------

calls: list[Any] = []


@fg.custom_vmap
def batched_sin(x: Any, y: Any) -> Any:
    return fnp.sin(x) * y


@batched_sin.def_vmap
def batched_sin_rule(size: int, in_batched: list, x: Any, y: Any) -> Any:
    calls.append((size, in_batched))
    return 3 * fnp.sin(x) * y, True


def test_custom_vmap_uses_its_rule_for_batches_only() -> None:
    for f in both(batched_sin):
        close(f(0.7, 2.0), 2 * np.sin(0.7))
    for f in both(fg.grad(batched_sin)):
        close(f(0.7, 2.0), 2 * np.cos(0.7))
    for in_axes, args, mask in [((0, 0), (X, X), [True, True]), ((0, None), (X, 2.0), [True, False])]:
        for f in both(fg.vmap(batched_sin, in_axes=in_axes)):
            calls.clear()
            close(f(*args), 3 * np.sin(X) * args[1])
            assert calls in ([(3, mask)], [])  # the second time, the program is remembered


def test_derivatives_of_batches_are_those_of_the_rule() -> None:
    for g in both(fg.vmap(fg.grad(batched_sin), in_axes=(0, None))):
        close(g(X, 2.0), 6 * np.cos(X))
    for g in both(fg.vmap(fg.grad(batched_sin, argnums=1), in_axes=(0, None))):
        close(g(X, 2.0), 3 * np.sin(X))
    for g in both(fg.grad(lambda x: fnp.sum(fg.vmap(batched_sin, in_axes=(0, None))(x, 2.0)))):
        close(g(X), 6 * np.cos(X))
    for g in both(fg.vmap(lambda x: fg.jvp(lambda v: batched_sin(v, 2.0), (x,), (1.0,))[1])):
        close(g(X), 6 * np.cos(X))
    for g in both(fg.vmap(fg.grad(fg.grad(batched_sin)), in_axes=(0, None))):
        close(g(X, 2.0), -6 * np.sin(X))
    for g in both(fg.vmap(lambda x: fg.jvp(fg.grad(lambda v: batched_sin(v, 2.0)), (x,), (1.0,))[1])):
        close(g(X), -6 * np.sin(X))


def test_nested_batches_and_loops() -> None:
    rows = np.stack([X, X + 1])
    for f in both(fg.vmap(fg.vmap(batched_sin, in_axes=(0, None)), in_axes=(0, None))):
        close(f(rows, 2.0), 6 * np.sin(rows))
    for f in both(fg.vmap(lambda x: lax.scan(lambda c, w: (batched_sin(c, w), None), x, np.array([1.0, 2.0]))[0])):
        close(f(X), 3 * np.sin(3 * np.sin(X)) * 2)
    for f in both(fg.grad(lambda x: lax.scan(lambda c, w: (batched_sin(c, w), None), x, np.array([1.0, 2.0]))[0])):
        close(f(0.7), 2 * np.cos(np.sin(0.7)) * np.cos(0.7))


def test_custom_vmap_of_pytrees_with_unbatched_outputs() -> None:
    @fg.custom_vmap
    def f(p: dict, x: Any) -> Any:
        return {"y": p["w"] * x, "w2": p["w"] * 2.0}

    @f.def_vmap
    def rule(size: int, in_batched: list, p: dict, x: Any) -> Any:
        assert in_batched == [{"w": False}, True]
        return {"y": p["w"] * x, "w2": p["w"] * 2.0}, {"y": True, "w2": False}

    for g in both(lambda w, x: fg.vmap(lambda v: f({"w": w}, v))(x)):
        out = g(3.0, X)
        close(out["y"], 3 * X), close(out["w2"], [6.0] * 3)


def test_custom_vmap_closes_over_traced_values() -> None:
    def outer(k: Any, x: Any) -> Any:
        f = fg.custom_vmap(lambda v: v * k)
        f.def_vmap(lambda size, in_batched, v: (v * 2.0, True))
        return fnp.sum(fg.vmap(f)(x)) + f(x[0])

    for g in both(fg.grad(outer)):
        close(g(5.0, X), X[0])


def test_custom_vjp_around_custom_vmap() -> None:
    inner = fg.custom_vmap(lambda x: fnp.sin(x))
    inner.def_vmap(lambda size, in_batched, x: (fnp.cos(x), True))
    f = fg.custom_vjp(lambda x: inner(x))
    f.defvjp(lambda x: (inner(x), x), lambda x, ct: (5 * x * ct,))
    for g in both(fg.vmap(f)):
        close(g(X), np.cos(X))
    for g in both(fg.vmap(fg.value_and_grad(f))):
        value, slope = g(X)
        close(value, np.cos(X)), close(slope, 5 * X)


# --- derivatives agree ----------------------------------------------------------------------------------------------


def test_a_rule_may_divide_a_tangent() -> None:
    f = fg.custom_jvp(lambda x: fnp.log(x))
    f.defjvps(lambda t, out, x: t / x)
    for g in both(fg.grad(lambda x: fnp.sum(f(x)))):
        close(g(X**2), 1 / X**2)


def test_true_rules_pass_the_gradient_check() -> None:
    f = fg.custom_jvp(lambda x, y: (fnp.sin(x) * y, y * y))
    f.defjvp(lambda p, t: (f(*p), (fnp.cos(p[0]) * p[1] * t[0] + fnp.sin(p[0]) * t[1], 2 * p[1] * t[1])))
    check_grads(lambda x, y: f(x, y), (X, 0.5 * X), order=2)
    g = fg.custom_gradient(lambda x: (x**3, lambda ct: 3 * x**2 * ct))
    check_grads(lambda x: g(x), (X,), order=2)
    h = fg.custom_vmap(lambda x: fnp.sin(x) * x)
    h.def_vmap(lambda size, on, x: (fnp.sin(x) * x, True))
    check_grads(lambda x: fg.vmap(h)(x), (X,), order=2)


# --- errors: each names the rule, the leaf and both types -----------------------------------------------------------


def function(p: dict) -> dict:
    return {"a": p["x"] * 2.0, "b": fnp.sum(p["x"])}


GOOD = {"a": X, "b": 1.0}


def with_fwd(fwd: Callable, bwd: Callable = lambda saved, ct: (ct,)) -> Callable:
    f = fg.custom_vjp(function)
    f.defvjp(fwd, bwd)
    return f


def with_bwd(bwd: Callable) -> Callable:
    return with_fwd(lambda p: (function(p), None), bwd)


def with_jvp(rule: Callable) -> Callable:
    f = fg.custom_jvp(function)
    f.defjvp(rule)
    return f


def tangents(a: Any, b: Any) -> Callable:
    return with_jvp(lambda primals, _: (function(*primals), {"a": a, "b": b}))


WRONG: list[tuple[str, Callable, list[str]]] = [
    ("fwd not a pair", with_fwd(lambda p: function(p)["a"]), ["fwd must return (outputs, residuals)", "float64[3]"]),
    ("fwd structure", with_fwd(lambda p: ({"a": p["x"]}, None)), ["fwd", "outputs have structure", "missing ['b']"]),
    ("fwd shape", with_fwd(lambda p: ({"a": p["x"][:2], "b": 1.0}, None)), ["fwd: output ['a']", "float64[2]", "float64[3]"]),
    ("fwd dtype", with_fwd(lambda p: ({"a": p["x"] > 0, "b": 1.0}, None)), ["fwd: output ['a']", "bool[3]", "float64[3]"]),
    ("fwd residual", with_fwd(lambda p: (function(p), {"r": "text"})), ["fwd: output [1]['r']", "'text'"]),
    ("bwd no tuple", with_bwd(lambda saved, ct: ct), ["bwd must return a tuple with one cotangent for each of the 1 diff"]),
    ("bwd too many", with_bwd(lambda saved, ct: (ct, ct)), ["bwd must return a tuple", "got 2 of them"]),
    ("bwd structure", with_bwd(lambda saved, ct: ({"y": X},)), ["bwd: the cotangents of argument 0", "missing ['x']; unexpected ['y']"]),
    ("bwd shape", with_bwd(lambda saved, ct: ({"x": X[:2]},)), ["bwd: the cotangent of argument 0['x']", "float64[2]", "float64[3]"]),
    ("bwd text", with_bwd(lambda saved, ct: ({"x": "text"},)), ["bwd: the cotangent of argument 0['x']", "'text'"]),
    ("bwd complex", with_bwd(lambda saved, ct: ({"x": X * 1j},)), ["argument 0['x']", "complex128[3]", "float64[3]"]),
    ("jvp not a pair", with_jvp(lambda p, t: 1.0), ["the rule must return (outputs, output tangents)", "got 1.0"]),
    ("jvp structure", with_jvp(lambda p, t: ({"a": X}, GOOD)), ["the rule: the outputs have structure", "missing ['b']"]),
    ("jvp shape", with_jvp(lambda p, t: ({"a": X[:2], "b": 1.0}, GOOD)), ["the rule: output ['a']", "float64[2]", "float64[3]"]),
    ("jvp tangents", with_jvp(lambda p, t: (GOOD, X)), ["the rule: the output tangents have structure", "missing ['a'], ['b']"]),
    ("jvp tangent shape", tangents(X[:2], 1.0), ["the tangent of output ['a']", "float64[2]", "float64[3]"]),
    ("jvp tangent text", tangents(X, "text"), ["the tangent of output ['b']", "'text'"]),
]  # fmt: skip


@pytest.mark.parametrize(("f", "words"), [pytest.param(*row[1:], id=row[0]) for row in WRONG])
def test_a_wrong_rule_is_explained(f: Callable, words: list[str]) -> None:
    for transform in (fg.grad, lambda h: fg.jit(fg.grad(h)), lambda h: lambda x: fg.jvp(h, (x,), (x,))):
        with pytest.raises(TypeError, match=r"custom_[jv]+p function") as caught:
            transform(lambda x: fnp.sum(f({"x": x})["a"]))(X)
        missing = [w for w in words if w not in str(caught.value)]
        assert not missing, f"{missing} not in: {caught.value}"


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (lambda x: x, ["must return (outputs, out_batched)"]),
        (lambda x: (x, {"a": True}), ["out_batched is no prefix"]),
        (lambda x: (x, 1), ["must consist of bools, got 1"]),
        (lambda x: ((x, x), True), ["the outputs have structure"]),
        (lambda x: (x[0], True), ["float64[]", "it is batched, which makes it float64[3]"]),
        (lambda x: (x, False), ["float64[3]", "it is not batched, which makes it float64[]"]),
    ],
)
def test_a_wrong_batching_rule_is_explained(result: Callable, words: list[str]) -> None:
    f = fg.custom_vmap(lambda x: x * 2.0)
    f.def_vmap(lambda size, in_batched, x: result(x))
    with pytest.raises(TypeError, match="custom_vmap <lambda>: the rule") as caught:
        fg.vmap(f)(X)
    assert all(w in str(caught.value) for w in words), caught.value


def test_forward_mode_needs_a_linear_backward_rule() -> None:
    f = fg.custom_vjp(lambda x: x * 1.0)
    f.defvjp(lambda x: (x, None), lambda saved, ct: (fnp.clip(ct, -1.0, 1.0),))
    assert fg.grad(lambda x: 5.0 * f(x))(2.0) == 1.0
    for g in both(lambda x: fg.jvp(f, (x,), (1.0,))[1]):
        with pytest.raises(TypeError, match=r"must be linear in the cotangents: \w+ has no transpose rule"):
            g(2.0)


def test_nondiff_arguments_that_are_equal_but_not_the_same() -> None:
    @fg.custom_jvp
    def inner(x: Any, k: Any) -> Any:
        return x * 1.0

    f = fg.custom_jvp(inner.fun, nondiff_argnums=1)
    f.defjvp(
        lambda k, p, t: (
            p[0] * 1.0,
            t[0] * (10.0 if type(k) is int else 20.0 if type(k) is bool else np.copysign(30.0, k)),
        )
    )
    for g in (lambda k: fg.grad(lambda x: f(x, k))(1.0), lambda k: fg.jit(fg.grad(lambda x: f(x, k)))(1.0)):
        assert [float(g(k)) for k in (1, True, 1.0, 0.0, -0.0)] == [10.0, 20.0, 30.0, 30.0, -30.0]


def test_keyword_only_arguments_are_refused() -> None:
    def f(x: Any, *, k: float = 1.0) -> Any:
        return x * k

    g = fg.custom_jvp(f)
    g.defjvps(lambda t, out, x: t)
    with pytest.raises(TypeError, match=r"custom_jvp f: \['k'\] are keyword-only"):
        g(1.0, k=2.0)


def test_rules_that_are_missing() -> None:
    with pytest.raises(AttributeError, match="has no rule; give it one with def_vmap"):
        fg.custom_vmap(lambda x: x)(1.0)
    with pytest.raises(TypeError, match=r"custom_gradient <lambda> must return \(value, vjp function\)"):
        fg.custom_gradient(lambda x: x)(1.0)
    with pytest.raises(TypeError, match="its second result is 2"):
        fg.grad(fg.custom_gradient(lambda x: (x, 2)))(1.0)


def test_a_rule_that_closes_over_a_traced_value() -> None:
    def loss(k: Any, x: Any) -> Any:
        f = fg.custom_vjp(lambda v: v * k)
        f.defvjp(lambda v: (v * k, None), lambda saved, ct: (k * ct,))
        return f(x)

    for transform in (fg.grad, lambda h: fg.jit(fg.grad(h))):
        with pytest.raises(TypeError, match="fwd uses a traced value from outside") as caught:
            transform(loss)(2.0, 3.0)
        text = str(caught.value)
        assert "grad of loss" in text and "float64[]" in text and "residual" in text and "closure_convert" in text
    for g in both(fg.grad(lambda x: loss(2.0, x))):
        assert g(3.0) == 2.0


def test_a_remembered_derivative_keeps_no_values_alive() -> None:
    """Derivatives are remembered by their rules; a function made anew at every call would keep the arrays of each."""

    def once() -> weakref.ref:
        f, g = fg.custom_jvp(lambda x: np.sin(x) * 2), fg.custom_vjp(lambda x: np.sin(x) * 2)
        f.defjvp(lambda primals, tangents: (f(*primals), tangents[0] * np.cos(primals[0]) * 2))
        g.defvjp(lambda x: (g(x), x), lambda x, ct: (ct * np.cos(x) * 2,))
        held: list[weakref.ref] = []

        def loss(x: Any) -> Any:
            y = x * 1.5
            held.append(weakref.ref(y))
            return np.sum(f(y) + g(y))

        fg.grad(loss)(np.ones(3))
        return held[0]

    alive = [once() for _ in range(3)]
    gc.collect()
    assert not any(ref() is not None for ref in alive)
