"""`funcgrad.lax`: scan against Python loops under every transformation, its errors, and the thin functions."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import lax
from funcgrad.api.compilation import jit

XS = np.array([0.3, -0.7, 1.1, 0.4])


def loop(f: Any, init: Any, xs: Any, reverse: bool = False) -> tuple[Any, Any]:
    """What scan means: a Python loop and a stack."""
    carry, ys = init, [None] * len(xs)
    for t in reversed(range(len(xs))) if reverse else range(len(xs)):
        carry, ys[t] = f(carry, xs[t])
    return carry, np.stack(ys) if ys else np.zeros((0,))


def recurrence(scan: Any, reverse: bool = False) -> Any:
    """A scalar recurrence with a captured parameter, reduced to one number."""

    def total(a: Any, xs: Any) -> Any:
        carry, ys = scan(lambda c, x: (c * a + np.sin(x * c), c * x), 0.5, xs, reverse=reverse)
        return carry * 2.0 + (ys * ys).sum()

    return total


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("transform", ["value", "grad", "jvp", "vmap", "hessian", "jit grad"])
def test_scan_is_the_loop(reverse: bool, transform: str) -> None:
    apply = {
        "value": lambda f: f(0.8, XS),
        "grad": lambda f: fg.grad(f, argnums=(0, 1))(0.8, XS),
        "jvp": lambda f: fg.jvp(f, (0.8, XS), (1.0, np.cos(XS))),
        "vmap": lambda f: fg.vmap(f, in_axes=(0, None))(np.array([0.8, -0.3]), XS),
        "hessian": lambda f: fg.grad(lambda a: fg.grad(f)(a, XS))(0.8),
        "jit grad": lambda f: (jit(f)(0.8, XS), jit(fg.grad(f, argnums=(0, 1)))(0.8, XS)),
    }[transform]
    actual, expected = apply(recurrence(lax.scan, reverse)), apply(recurrence(loop, reverse))
    for a, e in zip(fg.tree.tree_leaves(actual), fg.tree.tree_leaves(expected), strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-13)


@pytest.mark.parametrize("compiled", [False, True])
def test_no_steps(compiled: bool) -> None:
    def f(c: Any, xs: Any) -> Any:
        return lax.scan(lambda c, x: (c * x, c + x), c, xs)

    carry, ys = (jit(f) if compiled else f)(2.0, np.zeros((0,)))
    assert carry == 2.0 and ys.shape == (0,)
    gradient = fg.grad(lambda c, xs: f(c, xs)[0])
    assert (jit(gradient) if compiled else gradient)(2.0, np.zeros((0,))) == 1.0


@pytest.mark.parametrize("transform", [lambda f: f, jit], ids=["eager", "jit"])
def test_nested_scans(transform: Any) -> None:
    table = np.arange(6.0).reshape(3, 2) / 7

    def rows(scan: Any, w: Any) -> Any:
        def row(c: Any, xs: Any) -> Any:
            inner, ys = scan(lambda d, x: (np.tanh(w * d + x), d * x), c, xs)
            return inner, ys.sum()

        carry, ys = scan(row, 0.1, table)
        return carry + ys.sum()

    value, slope = transform(fg.value_and_grad(lambda w: rows(lax.scan, w)))(0.7)
    expected, expected_slope = fg.value_and_grad(lambda w: rows(loop, w))(0.7)
    np.testing.assert_allclose([value, slope], [expected, expected_slope], rtol=1e-13)


def test_pytrees_and_mixed_dtypes() -> None:
    def step(carry: Any, x: Any) -> Any:
        return {"h": carry["h"] * x["a"], "n": carry["n"] + x["k"]}, (carry["n"], {"h": carry["h"]})

    xs = {"a": np.array([2.0, 3.0], np.float32), "k": np.array([1, 5])}
    for f in (lax.scan, jit(lambda i, x: lax.scan(step, i, x))):
        args = (step,) if f is lax.scan else ()
        carry, (n, y) = f(*args, {"h": np.float32(1), "n": np.int64(0)}, xs)
        assert carry["h"] == 6 and carry["h"].dtype == np.float32 and carry["n"] == 6
        np.testing.assert_array_equal(n, [0, 1])
        np.testing.assert_array_equal(y["h"], np.float32([1, 2]))


def test_numbers_take_the_dtype_of_the_body() -> None:
    carry, ys = lax.scan(lambda c, x: (c + x, c * x), 0, np.float32([1, 2, 3]))
    assert carry == 6 and carry.dtype == ys.dtype == np.float32
    (a, b), _ = lax.scan(lambda c, x: ((c[1], c[0] + x), None), (0.0, 0.0), np.float32([1, 2, 3]))
    assert (a, b) == (2, 4) and a.dtype == b.dtype == np.float32
    carry, ys = lax.scan(lambda c, _: (c * 2, c * np.float32(1)), 1.0, length=3)
    assert carry == 8 and carry.dtype == np.float64 and ys.dtype == np.float32


def test_length_without_xs() -> None:
    carry, ys = lax.scan(lambda c, x: (c + 1, x), 0, length=3)
    assert carry == 3 and ys is None


def test_body_is_traced_once_for_all_steps() -> None:
    calls = []
    lax.scan(lambda c, x: (calls.append(1) or c + x, None), np.float64(0), np.arange(1000.0))
    assert len(calls) == 1


def test_captures_traced_values_of_every_level() -> None:
    def f(a: Any, b: Any) -> Any:
        return fg.grad(lambda z: lax.scan(lambda c, x: (c * a * z + b @ x, None), 1.0, np.ones((2, 3)))[0])(0.5)

    b = np.array([0.1, 0.2, 0.3])
    expected = 2 * 0.5 * 4.0 + b.sum() * 2.0  # carry = (a z)^2 + a z s + s with a = 2, z = 0.5
    np.testing.assert_allclose(f(2.0, b), expected)
    np.testing.assert_allclose(jit(f)(2.0, b), expected)
    np.testing.assert_allclose(fg.grad(f)(2.0, b), 2 * 0.5 * 2 * 2.0 + b.sum())
    np.testing.assert_allclose(fg.vmap(f, in_axes=(0, None))(np.array([2.0, 2.0]), b), [expected] * 2)


def test_carry_of_another_type_is_refused_by_path() -> None:
    with pytest.raises(TypeError, match=r"carry\['h'\]: float32\[2\] goes in, float64\[2\] comes out\nFix: start with"):
        lax.scan(lambda c, x: ({"h": c["h"] * x}, None), {"h": np.zeros(2, np.float32)}, np.ones(3))
    with pytest.raises(TypeError, match=r"carry: float64\[\] goes in, float64\[3\] comes out"):
        lax.scan(lambda c, x: (c * np.ones(3), None), 1.0, np.ones(3))


def test_carry_of_another_structure_is_refused() -> None:
    with pytest.raises(TypeError, match="changes its structure"):
        lax.scan(lambda c, x: ((c, c), None), 1.0, np.ones(3))
    with pytest.raises(TypeError, match=r"must return a pair \(carry, y\)"):
        lax.scan(lambda c, x: c, 1.0, np.ones(3))


def test_lengths_must_agree_and_be_known() -> None:
    with pytest.raises(ValueError, match=r"leading axes differ \(xs\['a'\]: 3, xs\['b'\]: 2\)"):
        lax.scan(lambda c, x: (c, None), 1.0, {"a": np.ones(3), "b": np.ones(2)})
    with pytest.raises(ValueError, match=r"leading axes differ \(length: 4, xs: 3\)"):
        lax.scan(lambda c, x: (c, None), 1.0, np.ones(3), length=4)
    with pytest.raises(ValueError, match="pass length="):
        lax.scan(lambda c, x: (c, None), 1.0)
    with pytest.raises(ValueError, match="no leading axis"):
        lax.scan(lambda c, x: (c, None), 1.0, 3.0)
    with pytest.raises(ValueError, match="unroll must be"):
        lax.scan(lambda c, x: (c, None), 1.0, np.ones(3), unroll=0)


def test_operands_must_be_arrays() -> None:
    with pytest.raises(TypeError, match=r"init\['s'\] is 'text'"):
        lax.scan(lambda c, x: (c, None), {"s": "text"}, np.ones(3))


# --- the thin functions -----------------------------------------------------------------------------------------------

A = np.array([[0.5, -1.5, 2.0], [3.0, 0.25, -0.75]])
FUNCTIONS = {
    "select": (lambda x: lax.select(x > 0, x, x * 2), np.where(A > 0, A, A * 2)),
    "select scalar": (lambda x: lax.select(x[0, 0] > 0, x, 0.0), A),
    "clamp": (lambda x: lax.clamp(-1.0, x, 1.0), np.clip(A, -1, 1)),
    "rsqrt": (lambda x: lax.rsqrt(x * x), 1 / np.abs(A)),
    "convert": (lambda x: lax.convert_element_type(x, np.float32), A.astype(np.float32)),
    "expand_dims": (lambda x: lax.expand_dims(x, (0, -1)), A[None, :, :, None]),
    "squeeze": (lambda x: lax.squeeze(x[:, :1], (1,)), A[:, 0]),
    "concatenate": (lambda x: lax.concatenate([x, x], -1), np.concatenate([A, A], 1)),
    "pad": (lambda x: lax.pad(x, 9.0, [(1, 0, 0), (0, -1, 1)]), [[9] * 4, [0.5, 9, -1.5, 9], [3, 9, 0.25, 9]]),
    "cumsum": (lambda x: lax.cumsum(x, 1, reverse=True), np.cumsum(A[:, ::-1], 1)[:, ::-1]),
    "dot_general": (lambda x: lax.dot_general(x, x, (((1,), (1,)), ((0,), (0,)))), (A * A).sum(1)),
    "iota": (lambda x: lax.iota(np.float64, 3) + x, A + np.arange(3.0)),
    "dynamic_slice": (lambda x: lax.dynamic_slice(x, (x[0, 0] > 0, -2), (1, 2)), A[1:, 1:]),
    "dynamic_slice_in_dim": (lambda x: lax.dynamic_slice_in_dim(x, -1, 2, 1), A[:, 1:]),
    "dynamic_index": (lambda x: lax.dynamic_index_in_dim(x, 1, keepdims=False), A[1]),
    "dynamic_update_slice": (lambda x: lax.dynamic_update_slice(x, x[:1, :1], (9, 0)), [A[0], [0.5, 0.25, -0.75]]),
    "dynamic_update_in_dim": (lambda x: lax.dynamic_update_slice_in_dim(x, x[:1] * 0, 0), [A[1] * 0, A[1]]),
    "stop_gradient": (lambda x: lax.stop_gradient(x), A),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_in_every_mode(name: str) -> None:
    f, expected = FUNCTIONS[name]
    for g in (f, jit(f), lambda x: fg.jvp(f, (x,), (x,))[0], lambda x: fg.vmap(f)(x[None])[0]):
        np.testing.assert_allclose(g(A), expected, rtol=1e-15)
    assert fg.grad(lambda x: f(x).sum())(A).shape == A.shape


def test_erf_is_the_integral_of_the_gaussian() -> None:
    np.testing.assert_allclose(lax.erf(np.array([0.5, 3.0])), [0.5204998778130465, 0.9999779095030014], rtol=1e-15)


def test_unequal_dtypes_are_refused() -> None:
    with pytest.raises(TypeError, match="equal shapes and dtypes"):
        lax.clamp(np.float32(0), A, np.float32(1))
    with pytest.raises(TypeError, match="needs floating-point numbers"):
        lax.rsqrt(np.array([1, 2]))
    with pytest.raises(ValueError, match="do not all have size 1"):
        lax.squeeze(A, (0,))


def test_what_most_programs_import_does_not_load_scipy() -> None:
    names = ("lax", "nn", "optim", "random", "losses", "scipy.linalg", "train", "data", "checkpointing")
    code = f"import sys, {', '.join(f'funcgrad.{name}' for name in names)}\n"
    code += "print([m for m in sys.modules if m.split('.')[0] in ('scipy', 'numba')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
