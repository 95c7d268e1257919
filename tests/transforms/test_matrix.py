"""The transform matrix: jit, grad, jvp, vjp, vmap nested three deep over functions that use everything, against
plain NumPy.

Every transform here maps a scalar function to a scalar function, so that all 125 nestings are defined: grad, jvp
and vjp take the derivative, vmap a weighted sum over shifted arguments. Derivatives and shifts commute, so a
nesting is D^k S^m f; the reference computes it from a plain function with differences of order 8 in extended
precision.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from control_forms import FORMS, Lax, Plain
from control_forms import nested as nested_forms

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import lax

W = np.array([0.7, -0.4, 1.1])
A = np.array([[0.5, -0.3, 0.2], [0.1, 0.8, -0.6], [-0.7, 0.4, 0.9]])
OFFSETS, WEIGHTS = np.array([0.0, 0.1]), np.array([1.5, -0.6])
POINT = 0.8


# --- the functions: as written for funcgrad, and as plain NumPy -----------------------------------------------------


def closure(x: Any) -> Any:
    a = x * x
    return fg.grad(lambda y: fnp.sin(y * a))(x)


def closure_plain(x: Any) -> Any:
    return x**2 * np.cos(x**3)


def scanned(x: Any) -> Any:
    def step(carry: Any, w: Any) -> Any:
        return carry * fnp.cos(w * x) + x, carry * w

    last, ys = lax.scan(step, x, W)
    return last + fnp.sum(ys)


def scanned_plain(x: Any) -> Any:
    carry, total = x, 0
    for w in W:
        total = total + carry * w
        carry = carry * np.cos(w * x) + x
    return carry + total


def scan_of_gradients(x: Any) -> Any:
    """A scan whose body takes a gradient, run backwards, with a closed-over traced value."""

    def step(carry: Any, w: Any) -> Any:
        return carry - 0.1 * fg.grad(lambda c: fnp.sin(c * w) * x)(carry), None

    return lax.scan(step, x * x, W, reverse=True)[0]


def scan_of_gradients_plain(x: Any) -> Any:
    carry = x * x
    for w in W[::-1]:
        carry = carry - np.longdouble(0.1) * np.cos(carry * w) * w * x
    return carry


def choice(x: Any) -> Any:
    return fnp.where(x > 0.3, fnp.exp(x) * x, -1.0 / x) + fnp.where(x > 5.0, x**2, fnp.log(x))


def choice_plain(x: Any) -> Any:
    return np.exp(x) * x + np.log(x)


def powers(x: Any) -> Any:
    return x**3 - 2 * x**-2 + x**0.5 + 2.0**x + x**0


def powers_plain(x: Any) -> Any:
    return x * x * x - 2 / (x * x) + np.sqrt(x) + np.exp(x * np.log(np.longdouble(2))) + 1


def products(x: Any) -> Any:
    v = fnp.tanh(A @ (x * W))
    return v @ A @ v + fnp.dot(fnp.outer(v, W)[1], W)


def products_plain(x: Any) -> Any:
    v = np.tanh(A.astype(np.longdouble) @ (x * W))
    return v @ A.astype(np.longdouble) @ v + v[1] * np.sum(W.astype(np.longdouble) * W)


def cross_entropy(x: Any) -> Any:
    logits = (A @ W) * x + x**2 * W
    shifted = logits - fnp.max(logits)
    return fnp.log(fnp.sum(fnp.exp(shifted))) - shifted[1]


def cross_entropy_plain(x: Any) -> Any:
    logits = (A @ W).astype(np.longdouble) * x + x**2 * W
    return np.log(np.sum(np.exp(logits))) - logits[1]


@fg.custom_jvp
def with_jvp(x: Any) -> Any:
    return fnp.sin(x) * x


with_jvp.defjvp(
    lambda primals, tangents: (
        fnp.sin(primals[0]) * primals[0],
        (fnp.cos(primals[0]) * primals[0] + fnp.sin(primals[0])) * tangents[0],
    )
)


@fg.custom_vjp
def with_vjp(x: Any, y: Any) -> Any:
    return fnp.sin(x) * y


with_vjp.defvjp(
    lambda x, y: (fnp.sin(x) * y, (x, y)), lambda saved, ct: (ct * fnp.cos(saved[0]) * saved[1], ct * fnp.sin(saved[0]))
)


def indexed(x: Any) -> Any:
    table = x * W[np.array([2, 0, 0, 1])]
    table = table.at[1].set(x**2).at[np.array([0, 0])].add(fnp.sin(x))
    return fnp.sum(table[::-1] * fnp.cumsum(table)) + table[-1] * fnp.prod(table[1:3])


def indexed_plain(x: Any) -> Any:
    t = [x * W[2] + 2 * np.sin(x), x**2, x * W[0], x * W[1]]
    c = [t[0], t[0] + t[1], t[0] + t[1] + t[2], t[0] + t[1] + t[2] + t[3]]
    return sum(a * b for a, b in zip(t[::-1], c)) + t[3] * t[1] * t[2]


def ordered(x: Any) -> Any:
    v = fnp.sin(x * np.array([1.0, 0.3, 1.9]))
    return fnp.sum(fnp.sort(v) * W) + fnp.max(v) * fnp.min(v) + fnp.maximum(v[0], v[1]) + fnp.abs(v[2] - 2)


def ordered_plain(x: Any) -> Any:
    v = np.sin(x * np.array([1.0, 0.3, 1.9]))
    return np.sum(np.sort(v) * W) + np.max(v) * np.min(v) + max(v[0], v[1]) + abs(v[2] - 2)


def plain_numpy_calls(x: Any) -> Any:
    """NumPy's own functions, dispatched by its protocols."""
    rows = np.stack([x * W, np.exp(-x) * W])
    return np.sum(np.tanh(rows), axis=0) @ W + np.mean(rows) * np.sqrt(np.sum(np.square(rows)))


def plain_numpy_calls_plain(x: Any) -> Any:
    rows = np.stack([x * W.astype(np.longdouble), np.exp(-x) * W])
    return np.sum(np.sum(np.tanh(rows), axis=0) * W) + np.mean(rows) * np.sqrt(np.sum(np.square(rows)))


def nested_modes(x: Any) -> Any:
    """A jvp of a vmap of a gradient inside the function."""
    slopes = fg.vmap(lambda w: fg.grad(lambda y: fnp.cos(y * w) * y)(x))(W)
    return fnp.sum(slopes) + fg.jvp(lambda y: y**3 * x, (x,), (x,))[1]


def nested_modes_plain(x: Any) -> Any:
    w = W.astype(np.longdouble)
    return np.sum(np.cos(x * w) - np.sin(x * w) * w * x) + 3 * x**4


def jacobians(x: Any) -> Any:
    """Batched derivatives of functions that close over the traced value."""
    j = fg.jacfwd(lambda v: fnp.sin(v * x) * v[::-1])(W)
    h = fg.hessian(lambda v: fnp.prod(v) * x**2)(W)
    return fnp.sum((j + fg.jacrev(lambda v: v * x)(W)) * A) + fnp.sum(h * A)


def jacobians_plain(x: Any) -> Any:
    w = W.astype(np.longdouble)
    j = np.diag(np.cos(w * x) * x * w[::-1] + x) + np.diag(np.sin(w * x))[:, ::-1]
    h = np.array([[0 if i == k else w[3 - i - k] for k in range(3)] for i in range(3)]) * x**2
    return np.sum((j + h) * A)


@fg.custom_gradient
def with_gradient(x: Any) -> Any:
    y = fnp.exp(-x)
    return y * x, lambda ct: ct * (y - y * x)


@fg.custom_vmap
def with_vmap(x: Any, y: Any) -> Any:
    return fnp.sin(x) * y


@with_vmap.def_vmap
def with_vmap_batch(axis_size: int, in_batched: list[bool], xs: Any, ys: Any) -> tuple[Any, bool]:
    return fnp.sin(xs) * ys, True


def stopped(x: Any) -> Any:
    """stop_gradient hides a value from the derivative, not from the function; here it multiplies zero."""
    return fnp.sin(x) + (x - x) * fg.stop_gradient(x)


# Conditions of these do not change in the range that shifts and differences reach.
CONTROL_FLOW = {name: (nested_forms(Lax, (name,)), nested_forms(Plain, (name,))) for name in FORMS if name != "scan"}
FUNCTIONS: dict[str, tuple[Callable, Callable]] = {
    "closure": (closure, closure_plain),
    "scan": (scanned, scanned_plain),
    "scan of gradients": (scan_of_gradients, scan_of_gradients_plain),
    "where": (choice, choice_plain),
    "powers": (powers, powers_plain),
    "matmul": (products, products_plain),
    "cross entropy": (cross_entropy, cross_entropy_plain),
    "custom_jvp": (with_jvp, lambda x: np.sin(x) * x),
    "custom_vjp": (lambda x: with_vjp(x, x * x), lambda x: np.sin(x) * x * x),
    "custom_gradient": (with_gradient, lambda x: np.exp(-x) * x),
    "custom_vmap": (lambda x: with_vmap(x, x * x), lambda x: np.sin(x) * x * x),
    "indexing": (indexed, indexed_plain),
    "order": (ordered, ordered_plain),
    "numpy calls": (plain_numpy_calls, plain_numpy_calls_plain),
    "nested modes": (nested_modes, nested_modes_plain),
    "jacobians": (jacobians, jacobians_plain),
    "stop_gradient": (stopped, np.sin),
    **CONTROL_FLOW,
}


# --- the transforms -------------------------------------------------------------------------------------------------


def _forward(f: Callable) -> Callable:
    return lambda x: fg.jvp(f, (x,), (1.0,))[1]


def _reverse(f: Callable) -> Callable:
    return lambda x: fg.vjp(f, x)[1](1.0)[0]


def _shifts(f: Callable) -> Callable:
    return lambda x: fnp.sum(fg.vmap(f)(x + OFFSETS) * WEIGHTS)


TRANSFORMS: dict[str, Callable] = {"jit": fg.jit, "grad": fg.grad, "jvp": _forward, "vjp": _reverse, "vmap": _shifts}
STENCIL = {1: 4 / np.longdouble(5), 2: -1 / np.longdouble(5), 3: 4 / np.longdouble(105), 4: -1 / np.longdouble(280)}
STEP = np.longdouble(1) / 128


def _difference(f: Callable) -> Callable:
    return lambda x: sum(c * (f(x + k * STEP) - f(x - k * STEP)) for k, c in STENCIL.items()) / STEP


def _plain_shifts(f: Callable) -> Callable:
    return lambda x: sum(w * f(x + o) for o, w in zip(OFFSETS, WEIGHTS))


@functools.cache
def reference(name: str, derivatives: int, shifts: int) -> float:
    """D^k S^m f at POINT, by differences of the plain function."""
    f = FUNCTIONS[name][1]
    for _ in range(derivatives):
        f = _difference(f)
    for _ in range(shifts):
        f = _plain_shifts(f)
    return float(f(np.longdouble(POINT)))


def nested(f: Callable, names: tuple[str, ...]) -> Callable:
    """The transforms applied from the last to the first."""
    for name in reversed(names):
        f = TRANSFORMS[name](f)
    return f


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_every_nesting(name: str, depth: int) -> None:
    for names in itertools.product(TRANSFORMS, repeat=depth):
        if name in CONTROL_FLOW and depth == 3 and ("jit" in names[1:] or "vjp" in names):
            continue  # these compile for long; at this depth, the other functions cover jit inside and vjp
        got = nested(FUNCTIONS[name][0], names)(POINT)
        orders = sum(n in ("grad", "jvp", "vjp") for n in names)
        expected = reference(name, orders, names.count("vmap"))
        assert abs(got - expected) <= 2e-9 * max(1, abs(expected)), f"{'('.join(names)}({name}): {got} and {expected}"


def test_third_derivatives_by_grad_alone() -> None:
    for name, (f, _) in FUNCTIONS.items():
        got = fg.grad(fg.grad(fg.grad(f)))(POINT)
        assert abs(got - reference(name, 3, 0)) <= 2e-9 * max(1, abs(got)), name


def test_linearize_is_the_forward_derivative_at_every_order() -> None:
    def derivative(f: Callable) -> Callable:
        return lambda x: fg.linearize(f, x)[1](1.0)

    for name, (f, _) in FUNCTIONS.items():
        for k in (1, 2):
            f = derivative(f)
            assert abs(f(POINT) - reference(name, k, 0)) <= 2e-9 * max(1, abs(reference(name, k, 0))), name


# --- Python control flow --------------------------------------------------------------------------------------------


def python_control_flow(x: Any) -> Any:
    total = x
    while total < 3:
        total = total * 3.0 if total > 1 else total + x * x
    for k in range(3):
        if total > k:
            total = total + fnp.sin(x * k)
    return total


def python_control_flow_plain(x: Any) -> Any:
    total = x
    while total < 3:
        total = total * 3 if total > 1 else total + x * x
    return total + np.sin(x) + np.sin(2 * x)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_python_control_flow_in_eager_mode(depth: int) -> None:
    FUNCTIONS["control flow"] = (python_control_flow, python_control_flow_plain)
    try:
        for names in itertools.product(("grad", "jvp", "vjp"), repeat=depth):
            got = nested(python_control_flow, names)(POINT)
            assert abs(got - reference("control flow", depth, 0)) <= 2e-9 * max(1, abs(got))
    finally:
        del FUNCTIONS["control flow"]


@pytest.mark.parametrize("names", [("jit",), ("vmap",), ("jit", "grad"), ("vmap", "grad"), ("grad", "vmap")])
def test_python_control_flow_under_staging_is_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(fg.errors.TracerBoolConversionError):
        nested(python_control_flow, names)(POINT)


# --- perturbation confusion: derivatives of different nestings must not see each other's tangents -------------------


@pytest.mark.parametrize("inner", ["grad", "jvp", "vjp"])
@pytest.mark.parametrize("outer", ["grad", "jvp", "vjp"])
def test_inner_derivative_of_a_constant_in_x(outer: str, inner: str) -> None:
    """d/dx [x d/dy (x + y)] = 1, the classical case: confusing the two tangents gives 2."""
    f = lambda x: x * TRANSFORMS[inner](lambda y: x + y)(1.0)  # noqa: E731
    assert TRANSFORMS[outer](f)(1.0) == 1.0


@pytest.mark.parametrize("inner", ["grad", "jvp", "vjp"])
@pytest.mark.parametrize("outer", ["grad", "jvp", "vjp"])
@pytest.mark.parametrize("wrap", [lambda f: f, fg.jit])
def test_inner_derivative_at_the_outer_variable(outer: str, inner: str, wrap: Callable) -> None:
    """d/dx [x d/dy (x y^2) at y = x] = d/dx [2 x^3] = 6 x^2."""
    f = lambda x: x * TRANSFORMS[inner](lambda y: x * y**2)(x)  # noqa: E731
    assert abs(wrap(TRANSFORMS[outer](f))(1.5) - 13.5) < 1e-12


def test_a_function_that_returns_its_derivative_of_a_shifted_argument() -> None:
    """Manzyuk et al., "Perturbation confusion in forward automatic differentiation": the tangent must not escape."""

    def shift(offset: Any) -> Callable:
        return lambda f: lambda x: f(x + offset)

    def derivative_of_shift(f: Callable) -> Callable:
        return lambda x: fg.jvp(lambda offset: shift(offset)(f)(x), (0.0,), (1.0,))[1]

    got = derivative_of_shift(derivative_of_shift(fnp.exp))(1.0)
    assert abs(got - np.e) < 1e-14


def test_three_levels_with_shared_variables() -> None:
    """d/dx d/dy d/dz of x y^2 z^3 + x y z at (x, x, x), taking each variable from the level outside it."""

    def outer(x: Any) -> Any:
        def middle(y: Any) -> Any:
            return fg.grad(lambda z: x * y**2 * z**3 + x * y * z)(x)

        return fg.grad(middle)(x)

    # d/dz at z = x: 3 x^3 y^2 + x y; d/dy at y = x: 6 x^4 + x; d/dx: 24 x^3 + 1
    assert abs(fg.grad(outer)(0.7) - (24 * 0.7**3 + 1)) < 1e-13


def test_confusion_through_vmap_and_scan() -> None:
    def f(x: Any) -> Any:
        def step(carry: Any, w: Any) -> Any:
            return carry + fg.grad(lambda y: y * y * x * w)(carry), carry

        return lax.scan(step, x, W)[0] + fnp.sum(fg.vmap(fg.grad(lambda y: x * y**2))(W * x))

    def plain(x: Any) -> Any:
        c = x
        for w in W:
            c = c + 2 * c * x * w
        return c + sum(2 * x * w * x for w in W)

    assert abs(fg.grad(f)(0.9) - float(_difference(plain)(np.longdouble(0.9)))) < 1e-12
