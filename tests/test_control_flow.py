"""Control flow against Python's own loops and branches: every form, nested, under every transformation; its errors."""

from __future__ import annotations

import itertools
import threading
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from control_forms import FORMS, Lax, Plain, nested

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import errors, lax, tree

POINTS = np.array([0.35, 0.95, 2.0])  # each takes other branches, and makes another number of steps
MODES: dict[str, Callable] = {"eager": lambda f: f, "jit": fg.jit}
both_modes = pytest.mark.parametrize("mode", list(MODES))


def close(got: Any, expected: Any, tolerance: float = 1e-12) -> None:
    """Equal structure, dtypes and values."""
    pairs = zip(tree.tree_leaves(got), tree.tree_leaves(expected), strict=True)
    for g, e in pairs:
        assert np.shape(g) == np.shape(e) and np.asarray(g).dtype == np.asarray(e).dtype
        np.testing.assert_allclose(g, e, rtol=tolerance, atol=tolerance)


def per_example(f: Callable, *batched: Any) -> Any:
    """What vmap means: a Python loop and a stack."""
    return tree.tree_map(lambda *leaves: np.stack(leaves), *[f(*xs) for xs in zip(*batched)])


# --- every form, and forms in forms -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMS)
def test_every_form_under_every_transformation(name: str) -> None:
    f, plain = nested(Lax, (name,)), nested(Plain, (name,))
    second = lambda h: fg.grad(fg.grad(h))  # noqa: E731
    for derivative in (lambda h: h, fg.value_and_grad, second, lambda h: lambda x: fg.jvp(h, (x,), (1.0,))):
        expected = per_example(derivative(plain), POINTS)
        close(per_example(derivative(f), POINTS), expected)
        close(fg.vmap(derivative(f))(POINTS), expected)
        close(per_example(fg.jit(derivative(f)), POINTS), expected)
        close(fg.jit(fg.vmap(derivative(f)))(POINTS), expected)


@pytest.mark.parametrize("outer", FORMS)
def test_every_pair_of_forms(outer: str) -> None:
    for k, inner in enumerate(FORMS):
        f, plain = (fg.value_and_grad(nested(c, (outer, inner))) for c in (Lax, Plain))
        expected = per_example(plain, POINTS)
        close(fg.vmap(f)(POINTS), expected, 1e-11)
        if (list(FORMS).index(outer) + k) % 5 == 0:
            close(fg.jit(fg.vmap(f))(POINTS), expected, 1e-11)
        else:
            close(f(POINTS[1]), plain(POINTS[1]), 1e-11)


TRIPLES = [
    ("cond", "while", "scan"),
    ("scan", "while", "cond"),
    ("while", "while", "while"),
    ("traced fori", "switch", "while"),
    ("checkpoint", "while", "checkpoint"),
    ("segments", "cond", "limited while"),
    ("map", "traced fori", "associative scan"),
    ("limited while", "segments", "cond"),
    ("switch", "checkpoint", "map"),
    ("scan", "scan", "scan"),
]


@pytest.mark.parametrize("names", TRIPLES, ids=" in ".join)
def test_three_forms_in_each_other(names: tuple[str, ...]) -> None:
    f, plain = nested(Lax, names[::-1]), nested(Plain, names[::-1])
    close(fg.jit(fg.vmap(fg.value_and_grad(f)))(POINTS), per_example(fg.value_and_grad(plain), POINTS), 1e-10)
    close(fg.grad(fg.grad(f))(POINTS[1]), fg.grad(fg.grad(plain))(POINTS[1]), 1e-9)


# --- branches -----------------------------------------------------------------------------------------------------


def branch(p: Any, x: Any, w: Any) -> Any:
    return lax.cond(p, lambda x: np.sum(np.sin(x) * w), lambda x: np.sum(x * x * w) - 1.0, x)


@both_modes
@pytest.mark.parametrize("axes", [a for a in itertools.product((0, None), repeat=3) if any(i == 0 for i in a)])
def test_cond_with_and_without_a_batch_axis(mode: str, axes: tuple) -> None:
    values = (
        np.array([True, False, True]),
        np.arange(6.0).reshape(3, 2) / 4,
        np.array([[0.5, 2.0], [1.0, -1.0], [3.0, 0.1]]),
    )
    given = [v if a == 0 else v[1] for v, a in zip(values, axes)]
    f = MODES[mode](fg.vmap(fg.value_and_grad(branch, argnums=(1, 2)), in_axes=axes))
    rows = [[g[k] if a == 0 else g for g, a in zip(given, axes)] for k in range(3)]
    python = lambda p, x, w: np.sum(np.sin(x) * w) if p else np.sum(x * x * w) - 1.0  # noqa: E731
    close(f(*given), per_example(lambda r: fg.value_and_grad(lambda x, w: python(r[0], x, w), (0, 1))(*r[1:]), rows))


@both_modes
def test_switch_clamps_its_index(mode: str) -> None:
    f = MODES[mode](lambda i, x: lax.switch(i, [lambda x: x, lambda x: 10 * x, lambda x: 100 * x], x))
    for index, factor in ((-5, 1), (0, 1), (1, 10), (2, 100), (9, 100)):
        assert f(index, 2.0) == 2.0 * factor
    assert f(np.uint8(255), 2.0) == 200.0
    close(fg.vmap(f, in_axes=(0, None))(np.array([-1, 1, 5], np.int32), 1.0), np.array([1.0, 10.0, 100.0]))


@both_modes
def test_only_the_chosen_branch_runs(mode: str) -> None:
    calls: list[str] = []

    def logged(name: str) -> Callable:
        def f(x: Any) -> Any:
            return calls.append(name) or x

        return lambda x: fg.pure_callback(f, fg.ShapeDtypeStruct((), np.float64), x)

    f = MODES[mode](lambda x: lax.cond(x > 0, logged("positive"), logged("negative"), x))
    assert f(2.0) == 2.0 and calls == ["positive"]
    assert f(-2.0) == -2.0 and calls == ["positive", "negative"]


def test_a_predicate_may_be_a_number_and_results_numbers() -> None:
    for f in (lax.cond, fg.jit(lambda p, a, b: lax.cond(p, lambda: a, lambda: b), static_argnums=(1, 2))):
        given = (lambda: 1, lambda: 2) if f is lax.cond else (1, 2)
        assert f(3, *given) == 1 and f(0.0, *given) == 2
    close(lax.cond(True, lambda x: 1, lambda x: x, np.float32(2)), np.float32(1))
    assert lax.cond(True, lambda: None, lambda: None) is None


# --- loops whose length is data -----------------------------------------------------------------------------------


def collatz(n: Any) -> Any:
    step = lambda s: (lax.cond(s[0] % 2 == 0, lambda m: m // 2, lambda m: 3 * m + 1, s[0]), s[1] + 1)  # noqa: E731
    return lax.while_loop(lambda s: s[0] != 1, step, (n, 0))[1]


@both_modes
def test_lanes_of_very_different_lengths(mode: str) -> None:
    lengths = MODES[mode](fg.vmap(collatz))(np.array([1, 27, 2, 97, 16]))
    np.testing.assert_array_equal(lengths, [0, 111, 1, 118, 4])

    def decay(x: Any, steps: Any) -> Any:
        return lax.fori_loop(0, steps, lambda i, y: y * (1.0 - x / 100) + x, x)

    xs, steps = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 1000, 3, -2])
    got = MODES[mode](fg.vmap(fg.value_and_grad(decay)))(xs, steps)
    ratio = 1 - xs / 100
    exact = 100 + ratio ** np.maximum(steps, 0) * (xs - 100)  # y - 100 shrinks by the ratio in every step
    np.testing.assert_allclose(got[0], exact, rtol=1e-12)
    close(fg.vmap(fg.grad(decay))(xs, steps), got[1])
    np.testing.assert_allclose(got[1][[0, 3]], 1.0)


@both_modes
@pytest.mark.parametrize("axes", [(0, None, None), (None, 0, None), (None, None, 0), (0, 0, 0)])
def test_while_with_and_without_a_batch_axis(mode: str, axes: tuple) -> None:
    """A batched start, a batched bound that only the condition reads, a batched constant of the body."""

    def f(x: Any, bound: Any, rate: Any) -> Any:
        return lax.while_loop(lambda y: np.sum(y) < bound, lambda y: y * rate + 0.1 * np.sin(y), x * 1.0)

    def plain(x: Any, bound: Any, rate: Any) -> Any:
        y = x * 1.0
        while np.sum(y) < bound:
            y = y * rate + 0.1 * np.sin(y)
        return y

    values = np.array([[0.2, 0.1], [1.0, 3.0], [0.9, 0.4]]), np.array([1.0, 9.0, 2.0]), np.array([1.5, 1.2, 4.0])
    given = [v if a == 0 else v[0] for v, a in zip(values, axes)]
    rows = [[g[k] if a == 0 else g for g, a in zip(given, axes)] for k in range(3)]
    close(MODES[mode](fg.vmap(f, in_axes=axes))(*given), per_example(lambda r: plain(*r), rows))
    gradient = lambda h: fg.grad(lambda x, b, r: np.sum(h(x, b, r) ** 2), argnums=(0, 2))  # noqa: E731
    close(MODES[mode](fg.vmap(gradient(f), in_axes=axes))(*given), per_example(lambda r: gradient(plain)(*r), rows))


@both_modes
@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)])
def test_batched_bounds_of_a_range(mode: str, axes: tuple) -> None:
    def f(lower: Any, upper: Any) -> Any:
        return lax.fori_loop(lower, upper, lambda i, total: total + i * i, 0)

    lower, upper = np.array([0, 4, -3]), np.array([5, 4, 2])
    given = [v if a == 0 else v[0] for v, a in zip((lower, upper), axes)]
    rows = [[g[k] if a == 0 else g for g, a in zip(given, axes)] for k in range(3)]
    expected = [sum(i * i for i in range(*r)) for r in rows]
    np.testing.assert_array_equal(MODES[mode](fg.vmap(f, in_axes=axes))(*given), expected)


# --- reverse mode through data-dependent loops --------------------------------------------------------------------

MATRIX = np.array([[0.8, -0.3], [0.4, 0.9]])


def spiral(c: Any, w: Any, x: Any) -> Any:
    """Grows until it leaves a disc; the array w is captured by the body, and a count is carried."""

    def body(state: Any) -> Any:
        y, n = state
        return w @ y * 1.3 + np.sin(y) * 0.2 + 0.01 * n, n + 1

    y, n = c.while_loop(lambda s: np.sum(s[0] * s[0]) < 30.0, body, (x, 0))
    return np.sum(y * np.array([1.0, -2.0])) + n


def nested_whiles(c: Any, w: Any, x: Any) -> Any:
    """A while loop whose steps are while loops, each as long as its data says."""

    def outer(state: Any) -> Any:
        y, n = state
        z = c.while_loop(lambda z: np.sum(z) < 4.0, lambda z: z * 1.3 + 0.1 * np.abs(w @ x), np.abs(y) + 0.2)
        return np.sin(z) + x * w[0, 1], n + 1

    y, _ = c.while_loop(lambda s: s[1] < 3 + (np.sum(s[0]) > 1.0), outer, (x, 0))
    return np.sum(y * y * np.array([0.5, 1.5]))


@both_modes
@pytest.mark.parametrize("f", [spiral, nested_whiles])
def test_gradient_is_that_of_the_unrolled_program(f: Callable, mode: str) -> None:
    for x in (np.array([0.3, 0.2]), np.array([1.0, -0.7])):
        got = MODES[mode](fg.value_and_grad(lambda w, x: f(lax, w, x), argnums=(0, 1)))(MATRIX, x)
        close(got, fg.value_and_grad(lambda w, x: f(Plain, w, x), argnums=(0, 1))(MATRIX, x))


@both_modes
@pytest.mark.parametrize("f", [spiral, nested_whiles])
def test_hessian_and_third_derivative_are_those_of_the_unrolled_program(f: Callable, mode: str) -> None:
    x, v = np.array([0.3, 0.2]), np.array([0.7, -0.4])
    along = lambda c: lambda t: f(c, MATRIX + t * 0.1, x + t * v)  # noqa: E731
    hessian = lambda c: fg.jacrev(fg.grad(lambda x: f(c, MATRIX, x)))  # noqa: E731
    close(MODES[mode](hessian(lax))(x), hessian(Plain)(x), 1e-11)
    third = lambda h: fg.grad(fg.grad(fg.grad(h)))  # noqa: E731
    close(MODES[mode](third(along(lax)))(0.1), third(along(Plain))(0.1), 1e-10)


@pytest.mark.parametrize("f", [spiral, nested_whiles])
def test_mixed_second_derivatives_of_a_loop(f: Callable) -> None:
    x, v = np.array([0.3, 0.2]), np.array([0.7, -0.4])

    def forward_over_reverse(g: Callable) -> Any:
        return fg.jvp(fg.grad(g), (x,), (v,))[1]

    def reverse_over_forward(g: Callable) -> Any:
        return fg.grad(lambda x: fg.jvp(g, (x,), (v,))[1])(x)

    for product in (forward_over_reverse, reverse_over_forward):
        close(product(lambda x: f(lax, MATRIX, x)), product(lambda x: f(Plain, MATRIX, x)), 1e-11)


def test_max_steps_stops_a_loop() -> None:
    f = lambda x, n: lax.while_loop(lambda y: y < 100.0, lambda y: y * x, 1.0, max_steps=n)  # noqa: E731
    for mode in MODES.values():
        for n, power in ((0, 0), (3, 3), (50, 7)):
            value, slope = mode(fg.value_and_grad(f), **({"static_argnums": 1} if mode is fg.jit else {}))(2.0, n)
            assert value == 2.0**power and slope == power * 2.0 ** (power - 1)


# --- no steps -----------------------------------------------------------------------------------------------------


@both_modes
def test_loops_that_do_not_run_are_the_identity(mode: str) -> None:
    loops = {
        "while": lambda x: lax.while_loop(lambda y: np.any(y > 9), lambda y: y * 2, x),
        "limited": lambda x: lax.while_loop(lambda y: np.all(y < 9), lambda y: y * 2, x, max_steps=0),
        "fori": lambda x: lax.fori_loop(3, 3, lambda i, y: y * 2, x),
        "backwards": lambda x: lax.fori_loop(3, 0, lambda i, y: y * 2, x),
        "scan": lambda x: lax.scan(lambda y, _: (y * 2, None), x, None, length=0)[0],
        "segments": lambda x: lax.scan(lambda y, _: (y * 2, None), x, None, length=0, checkpoint="sqrt")[0],
    }
    x = np.array([1.0, -2.0])
    for f in loops.values():
        close(MODES[mode](f)(x), x)
        close(MODES[mode](fg.grad(lambda x, f=f: np.sum(f(x) * x)))(x), 2 * x)
        close(MODES[mode](fg.vmap(f))(x[None]), x[None])


@both_modes
def test_nothing_to_map_or_combine(mode: str) -> None:
    for f in (
        lambda x: lax.map(np.sin, x),
        lambda x: lax.map(np.sin, x, batch_size=2),
        lambda x: lax.associative_scan(np.add, x),
    ):
        close(MODES[mode](f)(np.zeros((0, 2))), np.zeros((0, 2)))
        close(fg.grad(lambda x, f=f: np.sum(f(x)))(np.zeros((0, 2))), np.zeros((0, 2)))


# --- pytrees and dtypes -------------------------------------------------------------------------------------------

State = namedtuple("State", "position count flag extra")


def mixed(c: Any, x: Any) -> Any:
    """float32, float64, int32, bool and None side by side in one carry."""

    def body(s: Any) -> Any:
        position = {"a": s.position["a"] * np.float32(1.5), "b": s.position["b"] + s.position["a"][0] * x}
        return State(position, s.count + np.int32(2), ~s.flag, (None, s.extra[1] * 2))

    start = State({"a": np.float32([1, 2]), "b": x}, np.int32(0), np.bool_(False), (None, np.int64(1)))
    return c.while_loop(lambda s: s.count < 7, body, start)


@both_modes
def test_pytrees_of_many_dtypes(mode: str) -> None:
    got, expected = MODES[mode](lambda x: mixed(lax, x))(0.5), mixed(Plain, 0.5)
    assert type(got) is State and got.extra[0] is None and got.extra[1] == 16
    close(got, tree.tree_map(np.asarray, expected))
    close(
        MODES[mode](fg.grad(lambda x: mixed(lax, x).position["b"]))(0.5),
        fg.grad(lambda x: mixed(Plain, x).position["b"])(0.5),
    )


@both_modes
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_form_keeps_the_dtype(mode: str, dtype: Any) -> None:
    x = np.array([0.5, -1.5, 2.0], dtype)
    forms = [
        lambda x: lax.cond(x[0] > 0, lambda y: y * 2, lambda y: y, x),
        lambda x: lax.switch(1, [lambda y: y, lambda y: y * 3.0], x),
        lambda x: lax.while_loop(lambda y: np.max(y) < 9, lambda y: y * 2.0, x),
        lambda x: lax.fori_loop(0, 3, lambda i, y: y * 0.5, x),
        lambda x: lax.map(lambda y: y * 2, x),
        lambda x: lax.map(lambda y: y * 2, x, batch_size=2),
        lambda x: lax.associative_scan(np.multiply, x),
        lambda x: lax.scan(lambda c, y: (c * y, c), dtype(1), x, checkpoint="sqrt")[1],
        lambda x: lax.select_n(np.array([0, 1, 1]), x, -x),
        fg.checkpoint(lambda x: np.sin(x) * 2.0),
    ]
    for f in forms:
        assert MODES[mode](f)(x).dtype == dtype
        assert MODES[mode](fg.grad(lambda x, f=f: np.sum(f(x))))(x).dtype == dtype


@both_modes
def test_numbers_in_a_carry_take_the_type_of_the_body(mode: str) -> None:
    """As 1 + 0.5 is 1.5; and the number of steps may be none."""
    wrap = MODES[mode]
    for n, expected in ((3, 4.0), (0, 1.0)):
        close(wrap(lambda: lax.fori_loop(0, n, lambda i, c: c + 1.0, 1))(), np.float64(expected))  # noqa: B023
    close(
        wrap(lambda n: lax.fori_loop(0, n, lambda i, c: (c[1], c[0] + 1.5), (1, 2)))(3),
        (np.float64(3.5), np.float64(4)),
    )
    close(wrap(lambda: lax.while_loop(lambda c: c < 3, lambda c: c + 1, 0))(), np.int64(3))
    close(wrap(lambda: lax.while_loop(lambda c: False, lambda c: c, 7))(), np.int64(7))
    close(wrap(lambda: lax.scan(lambda c, x: (c + x, None), 0, np.float32([1, 2]))[0])(), np.float32(3))


# --- map, associative_scan, select_n ------------------------------------------------------------------------------


@both_modes
@pytest.mark.parametrize("batch_size", [None, 2, 5, 7])
def test_map_in_batches(mode: str, batch_size: int | None) -> None:
    xs = {"a": np.arange(10.0).reshape(5, 2), "b": np.arange(5)}
    f = lambda x: (np.sin(x["a"]) * x["b"], {"n": x["b"] + 1})  # noqa: E731
    mapped = lambda xs: lax.map(f, xs, batch_size=batch_size)  # noqa: E731
    close(MODES[mode](mapped)(xs), Plain.map(f, xs))
    gradient = MODES[mode](fg.grad(lambda a: np.sum(mapped({**xs, "a": a})[0] ** 2)))(xs["a"])
    close(gradient, np.sin(2 * xs["a"]) * xs["b"][:, None] ** 2)


@both_modes
@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan_of_an_operation_that_does_not_commute(mode: str, n: int, reverse: bool) -> None:
    """Composition of affine maps: (a, b) stands for x -> a x + b."""
    a, b = np.cos(np.arange(n) + 0.5), np.sin(np.arange(n) * 2.0)
    compose = lambda f, g: (f[0] * g[0], f[1] * g[0] + g[1])  # noqa: E731
    scan = lambda a, b: lax.associative_scan(compose, (a, b), reverse=reverse)  # noqa: E731
    order = range(n)[:: -1 if reverse else 1]
    expected: dict[int, tuple] = {}
    total = None
    for t in order:
        total = (a[t], b[t]) if total is None else compose(total, (a[t], b[t]))
        expected[t] = total
    for k in (0, 1):
        np.testing.assert_allclose(MODES[mode](scan)(a, b)[k], [expected[t][k] for t in range(n)], rtol=1e-13)


@both_modes
def test_associative_scan_along_another_axis(mode: str) -> None:
    x = np.arange(12.0).reshape(3, 4)
    close(MODES[mode](lambda x: lax.associative_scan(np.add, x, axis=-1))(x), np.cumsum(x, 1))
    close(
        MODES[mode](lambda x: lax.associative_scan(np.maximum, x, axis=1, reverse=True))(x), np.full((3, 4), x[:, -1:])
    )
    weights = np.cos(x)
    gradient = MODES[mode](fg.grad(lambda x: np.sum(lax.associative_scan(np.add, x, axis=1) * weights)))(x)
    close(gradient, np.cumsum(weights[:, ::-1], 1)[:, ::-1])


@both_modes
def test_select_n_chooses_element_by_element(mode: str) -> None:
    cases = [np.full(4, 10.0 * k) + np.arange(4) for k in range(3)]
    f = MODES[mode](lambda which, *cases: lax.select_n(which, *cases))
    close(f(np.array([2, 0, 1, 2]), *cases), np.array([20.0, 1.0, 12.0, 23.0]))
    close(f(np.array([True, False, True, False]), *cases[:2]), np.array([10.0, 1.0, 12.0, 3.0]))
    close(f(np.int32(1), *cases), cases[1])
    slopes = fg.grad(lambda x: np.sum(f(np.array([2, 0, 1, 2]), cases[0], x, x * x)))(cases[1])
    close(slopes, np.array([20.0, 0.0, 1.0, 26.0]))


# --- results are arrays of their own; functions are traced once; threads ------------------------------------------


@both_modes
def test_results_alias_neither_arguments_nor_each_other(mode: str) -> None:
    x = np.array([1.0, 2.0, 3.0])
    forms = [
        lambda x: lax.while_loop(lambda c: np.any(c > 5), lambda c: c, x),
        lambda x: lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, c[2], c[1]), (0, x, x)),
        lambda x: lax.fori_loop(0, 0, lambda i, c: c, (x, x)),
        lambda x: lax.fori_loop(0, 2, lambda i, c: c, (x, x)),
        lambda x: lax.scan(lambda c, y: ((c[1], c[0]), (c[0], y)), (x, x), x),
        lambda x: lax.scan(lambda c, y: (c, (c, c)), x, x, checkpoint="sqrt"),
        lambda x: lax.cond(True, lambda y: (y, y), lambda y: (y, y + 1), x),
        lambda x: lax.switch(3, [lambda y: (y, y), lambda y: (y, y)], x),
        lambda x: lax.map(lambda y: (y, y), x),
        lambda x: lax.map(lambda y: (y, y), x, batch_size=3),
        lambda x: lax.associative_scan(lambda a, b: (b[0], b[0]), (x, x)),
        lambda x: fg.grad(lambda x: np.sum(lax.while_loop(lambda c: c[0] > 9, lambda c: c, x)))(x),
    ]
    for k, f in enumerate(forms):
        outs = [*tree.tree_leaves(MODES[mode](f)(x)), x]
        for a, b in itertools.combinations(outs, 2):
            assert not np.shares_memory(a, b), f"form {k}"


def test_bodies_are_traced_once() -> None:
    traces: list[str] = []

    def noted(name: str, value: Any) -> Any:
        traces.append(name)
        return value

    @fg.jit
    def f(x: Any) -> Any:
        y = lax.cond(x > 0, lambda y: noted("true", y), lambda y: noted("false", -y), x)
        y = lax.while_loop(lambda c: noted("test", c < 9.0), lambda c: noted("body", c * 2 + 1), y)
        y = lax.fori_loop(0, 4, lambda i, c: noted("fori", c * 0.5), y)
        return lax.map(lambda z: noted("map", z + 1), np.ones(3) * y)

    f(1.5)
    first = sorted(traces)
    assert first == ["body", "false", "fori", "map", "test", "true"]
    f(-100.0)
    assert len(traces) == len(first)
    gradient = fg.jit(fg.grad(lambda x: np.sum(f(x))))
    gradient(1.5)
    count = len(traces)
    gradient(2.5)
    assert len(traces) == count


def test_threads_share_a_compiled_loop_with_a_tape() -> None:
    f = fg.jit(fg.value_and_grad(lambda w, x: spiral(lax, w, x), argnums=(0, 1)))
    starts = [np.array([0.01 * (k + 1), 0.02]) for k in range(8)]
    expected = [tree.tree_leaves(f(MATRIX, x)) for x in starts]
    wrong: list[int] = []

    def work(k: int) -> None:
        for _ in range(50):
            got = tree.tree_leaves(f(MATRIX, starts[k]))
            if any(a.tobytes() != b.tobytes() for a, b in zip(got, expected[k])):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


# --- errors -------------------------------------------------------------------------------------------------------

X = np.ones(3)
keep = lambda *c: c[-1]  # noqa: E731


def python_if(c: Any) -> Any:
    if c > 2:
        return c + 1
    return c


ERRORS: dict[str, tuple[type[Exception], str, Callable]] = {
    "predicate with axes": (
        TypeError,
        r"cond of keep and keep: pred must be a scalar, got bool\[3\]\.\nFix: reduce it with np\.any",
        lambda: lax.cond(X > 0, keep, keep, 1.0),
    ),
    "traced predicate with axes": (
        TypeError,
        r"pred must be a scalar, got float64\[3\]",
        lambda: fg.jit(lambda p: lax.cond(p, keep, keep, 1.0))(X),
    ),
    "predicate of no type": (TypeError, "pred is 'yes' of type str", lambda: lax.cond("yes", keep, keep, 1.0)),
    "structures of branches": (
        TypeError,
        r"different structures: false_fun returns PyTreeDef\(\{'a': \*\}\), true_fun returns PyTreeDef\(\(\*, \*\)\)\."
        "\nFix: return the same containers",
        lambda: lax.cond(True, lambda x: (x, x), lambda x: {"a": x}, 1.0),
    ),
    "types of branches": (
        TypeError,
        r"different types:\n  result\['a'\]: float64\[2\] from false_fun, float64\[3\] from true_fun\nFix: convert",
        lambda: lax.cond(True, lambda x: {"a": x}, lambda x: {"a": x[:2]}, X),
    ),
    "dtypes of branches": (
        TypeError,
        r"result: float64\[3\] from branches\[0\] \(keep\), float32\[3\] from branches\[1\] \(<lambda>\)",
        lambda: lax.switch(0, [keep, lambda x: x.astype(np.float32)], X),
    ),
    "result of a branch": (
        TypeError,
        "true_fun: result is 'a' of type str",
        lambda: lax.cond(1, lambda: "a", lambda: 1),
    ),
    "operand": (TypeError, r"operands\[0\]\['k'\] is 's' of type str", lambda: lax.cond(True, keep, keep, {"k": "s"})),
    "no branches": (ValueError, "switch of 0 branches: there must be at least one", lambda: lax.switch(0, [])),
    "float index": (
        TypeError,
        r"integer scalar, got 1\.0\.\nFix: convert it with int",
        lambda: lax.switch(1.0, [keep], 1),
    ),
    "traced float index": (
        TypeError,
        r"the index must be an integer scalar, got float64\[\]",
        lambda: fg.jit(lambda i: lax.switch(i, [keep], 1.0))(1.0),
    ),
    "vector condition": (
        TypeError,
        r"while_loop of keep: cond_fun must return a boolean scalar, but it returned bool\[3\]\.\nFix: compare",
        lambda: lax.while_loop(lambda x: x < 5, keep, X),
    ),
    "integer condition": (
        TypeError,
        r"boolean scalar, but it returned int64\[\]",
        lambda: lax.while_loop(lambda n: n, lambda n: n - 1, 3),
    ),
    "no condition": (TypeError, "but it returned None", lambda: lax.while_loop(lambda n: None, keep, 3)),
    "condition of a limited loop": (
        TypeError,
        "while_loop of keep: cond_fun must return a boolean scalar, but it returned 1",
        lambda: lax.while_loop(lambda n: 1, keep, 3, max_steps=2),
    ),
    "carry of a while": (
        TypeError,
        r"while_loop of .*cannot repeat:\n  carry\['b'\]\[0\]: float64\[3\] goes in, float64\[1\] comes out\nFix",
        lambda: lax.while_loop(lambda c: False, lambda c: {"b": (c["b"][0][:1],)}, {"b": (X,)}),
    ),
    "carry of a limited while": (
        TypeError,
        r"while_loop of <lambda>: .*\n  carry: float64\[3\] goes in, float64\[2\] comes out",
        lambda: lax.while_loop(lambda c: c[0] < 3, lambda c: c[:2], X, max_steps=2),
    ),
    "carry of a range": (
        TypeError,
        r"fori_loop of <lambda>: .*\n  carry: float64\[3\] goes in, float64\[2\] comes out",
        lambda: lax.fori_loop(0, 3, lambda i, c: c[:2], X),
    ),
    "carry of a traced range": (
        TypeError,
        r"fori_loop of <lambda>: .*\n  carry: float64\[3\] goes in, float64\[2\] comes out",
        lambda: fg.jit(lambda n: lax.fori_loop(0, n, lambda i, c: c[:2], X))(3),
    ),
    "structure of a carry": (
        TypeError,
        r"while_loop of .*changes its structure from PyTreeDef\(\*\) to PyTreeDef\(\(\*, \*\)\)\.\nFix: return a carry",
        lambda: lax.while_loop(lambda c: True, lambda c: (c, c), 1.0),
    ),
    "structure of a limited carry": (
        TypeError,
        r"changes its structure from PyTreeDef\(\*\) to PyTreeDef\(\(\*, \*\)\)\.",
        lambda: lax.while_loop(lambda c: c > 0, lambda c: (c, c), 1.0, max_steps=3),
    ),
    "dtype of a carry": (
        TypeError,
        r"carry: bool\[\] goes in, int64\[\] comes out",
        lambda: lax.scan(lambda c, x: (c + 1, None), True, length=3),
    ),
    "first carry": (TypeError, r"init_val\[0\] is 's' of type", lambda: lax.while_loop(lambda c: True, keep, ("s",))),
    "first carry of a range": (
        TypeError,
        r"fori_loop of keep: init_val is 's'",
        lambda: lax.fori_loop(0, 3, keep, "s"),
    ),
    "new carry": (TypeError, "the new carry is 'a' of type", lambda: lax.while_loop(lambda c: c < 1, lambda c: "a", 0)),
    "float max_steps": (
        TypeError,
        r"max_steps of while_loop of keep: expected an integer, got 2\.5",
        lambda: lax.while_loop(lambda c: c < 3, keep, 1.0, max_steps=2.5),
    ),
    "negative max_steps": (
        ValueError,
        "while_loop of keep: max_steps must not be negative, got -1",
        lambda: lax.while_loop(lambda c: c < 3, keep, 1.0, max_steps=-1),
    ),
    "float bound": (
        TypeError,
        r"fori_loop of keep: upper must be an integer scalar, got 2\.5\.\nFix: convert it with int",
        lambda: lax.fori_loop(0, 2.5, keep, 1.0),
    ),
    "traced float bound": (
        TypeError,
        r"fori_loop of keep: lower must be an integer scalar, got float64\[\]",
        lambda: fg.jit(lambda n: lax.fori_loop(n, 3, keep, 1.0))(1.0),
    ),
    "vector bound": (
        TypeError,
        r"lower must be an integer scalar, got int64\[2\]",
        lambda: fg.jit(lambda n: lax.fori_loop(n, 3, keep, 1.0))(np.array([1, 2])),
    ),
    "batch_size": (
        ValueError,
        "map of keep: batch_size must be a positive integer, got 0",
        lambda: lax.map(keep, X, batch_size=0),
    ),
    "boolean batch_size": (ValueError, "positive integer, got True", lambda: lax.map(keep, X, batch_size=True)),
    "lengths of a map": (
        ValueError,
        r"map of keep: leading axes differ \(xs\[0\]: 3, xs\[1\]: 2\)\.\nFix: give all xs the same number of steps",
        lambda: lax.map(keep, (X, X[:2])),
    ),
    "lengths of a map in batches": (
        ValueError,
        r"map of keep: leading axes differ \(xs\[0\]: 4, xs\[1\]: 5\)",
        lambda: lax.map(keep, (np.ones(4), np.ones(5)), batch_size=2),
    ),
    "no leading axis": (ValueError, r"map of keep: xs\[0\] has type float64\[\]", lambda: lax.map(keep, (1.0, X))),
    "nothing to map": (ValueError, "map of keep: there are no xs", lambda: lax.map(keep, None)),
    "checkpoint rule": (
        ValueError,
        "scan of .*: checkpoint must be None, 'sqrt' or a positive number of steps, got 'log'",
        lambda: lax.scan(lambda c, x: (c, x), 0.0, X, checkpoint="log"),
    ),
    "checkpoint number": (ValueError, "got 0", lambda: lax.scan(lambda c, x: (c, x), 0.0, X, checkpoint=0)),
    "lengths of elements": (
        ValueError,
        r"associative_scan of keep: lengths along axis 0 differ: \[2, 3\]",
        lambda: lax.associative_scan(keep, (X, X[:2])),
    ),
    "axis": (
        ValueError,
        "associative_scan of keep: axis 1 is out of bounds",
        lambda: lax.associative_scan(keep, X, axis=1),
    ),
    "structure of a combination": (
        TypeError,
        r"fn returns PyTreeDef\(\(\*, \*\)\), the elements have structure PyTreeDef\(\*\)",
        lambda: lax.associative_scan(lambda a, b: (a, b), X),
    ),
    "type of a combination": (
        TypeError,
        r"fn returns float32\[1\] for elements\['a'\] of type float64\[1\]\.\nFix: convert",
        lambda: lax.associative_scan(lambda a, b: {"a": b["a"].astype(np.float32)}, {"a": X}),
    ),
    "select_n": (TypeError, r"`which` is float64\[\] and there are 1 cases", lambda: lax.select_n(1.0, 2.0)),
    "select_n of booleans": (TypeError, r"bool\[\] and there are 3 cases", lambda: lax.select_n(True, 1.0, 2.0, 3.0)),
    "if in a loop": (
        errors.TracerBoolConversionError,
        r"while_loop of python_if: a traced value of type bool\[\] was used in a condition\.\n"
        r".*test_control_flow\.py:\d+ in python_if\n    if c > 2:",
        lambda: lax.while_loop(lambda c: c < 3, python_if, 1.0),
    ),
    "if in a scan": (
        errors.TracerBoolConversionError,
        r"scan of .*\n.*test_control_flow\.py:\d+ in python_if\n    if c > 2:",
        lambda: lax.scan(lambda c, x: (python_if(c), None), 1.0, X),
    ),
    "if in a branch": (
        errors.TracerBoolConversionError,
        r"cond of keep and python_if: false_fun: .*\n.*test_control_flow\.py:\d+ in python_if\n    if c > 2:",
        lambda: lax.cond(True, keep, python_if, 1.0),
    ),
    "if in checkpoint": (
        errors.TracerBoolConversionError,
        r"checkpoint of python_if: .*\n.*test_control_flow\.py:\d+ in python_if\n    if c > 2:",
        lambda: fg.grad(fg.checkpoint(python_if))(1.0),
    ),
    "float in a loop": (
        errors.ConcretizationError,
        r"while_loop of <lambda>: a traced value of type float64\[\] was used for float",
        lambda: lax.while_loop(lambda c: c < 3, lambda c: float(c), 1.0),
    ),
}
keep.__name__ = "keep"


@pytest.mark.parametrize("name", ERRORS)
def test_error_text(name: str) -> None:
    kind, text, call = ERRORS[name]
    with pytest.raises(kind, match=text):
        call()


def test_errors_are_the_same_under_jit() -> None:
    """Under jit, what goes wrong in a body is said in the same words."""
    for name in (
        "types of branches",
        "carry of a while",
        "vector condition",
        "lengths of a map",
        "type of a combination",
    ):
        kind, text, call = ERRORS[name]
        with pytest.raises(kind, match=text):
            fg.jit(lambda _, call=call: call())(1.0)


def test_fnp_and_np_are_the_same_inside_bodies() -> None:
    f = lambda m: lambda x: lax.fori_loop(0, 3, lambda i, y: m.sin(y) * x, x)  # noqa: E731
    close(fg.grad(f(np))(0.7), fg.grad(f(fnp))(0.7), 0)


def test_a_very_long_range_is_counted_not_listed() -> None:
    """An array of its indices would take 4 GB."""
    f = fg.jit(lambda n: lax.fori_loop(7, 5 * 10**8, lambda i, c: c + n, 0))
    assert f(2) == 2 * (5 * 10**8 - 7)
    lowered = f.lower(2)
    assert max([v.nbytes for v in lowered.traced.captures if isinstance(v, np.ndarray)], default=0) < 100
