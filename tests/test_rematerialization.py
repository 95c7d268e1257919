"""Checkpoints: what is kept, what is computed again, and that neither changes a value."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import lax, tree
from funcgrad.api.rematerialization import saved_residuals

W = np.array([[0.5, -0.3, 0.2], [0.1, 0.8, -0.6], [-0.7, 0.4, 0.9]])
X = np.array([0.3, -1.2, 0.8])
P = fg.checkpoint_policies
both_modes = pytest.mark.parametrize("mode", [lambda f: f, fg.jit], ids=["eager", "jit"])


def layers(w: Any, x: Any) -> Any:
    hidden = fg.checkpoint_name(np.tanh(w @ x), "hidden")
    out = fg.checkpoint_name(np.sin(w @ hidden), "out")
    return np.sum(out * hidden)


def kept(f: Callable, *args: Any) -> list[str]:
    """What reverse mode keeps besides the arguments."""
    origins = [origin for _, origin in saved_residuals(f, *args)]
    return sorted(o.split(" at ")[0] for o in origins if not o.startswith("argument"))


# --- values -------------------------------------------------------------------------------------------------------


@both_modes
@pytest.mark.parametrize("policy", [None, P.save_only_these_names("hidden")])
def test_derivatives_are_those_of_the_function(policy: Any, mode: Callable) -> None:
    plain, light = layers, fg.checkpoint(layers, policy=policy)
    transforms = [
        lambda f: fg.value_and_grad(f, argnums=(0, 1)),
        lambda f: lambda w, x: fg.jvp(f, (w, x), (np.cos(w), np.sin(x))),
        lambda f: lambda w, x: fg.grad(lambda x: np.sum(fg.grad(f)(w, x) ** 2))(x),
        lambda f: lambda w, x: fg.hessian(lambda x: f(w, x))(x),
        lambda f: lambda w, x: fg.vmap(fg.grad(f), in_axes=(None, 0))(w, np.stack([x, -x, 2 * x])),
        lambda f: lambda w, x: fg.grad(lambda x: fg.grad(lambda x: np.sum(fg.grad(f)(w, x) ** 2))(x)[0])(x),
    ]
    for transform in transforms:
        got, expected = mode(transform(light))(W, X), mode(transform(plain))(W, X)
        for g, e in zip(tree.tree_leaves(got), tree.tree_leaves(expected), strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-12, atol=1e-13)


def test_checkpoints_in_checkpoints_loops_and_branches() -> None:
    inner = fg.checkpoint(lambda y, w: np.tanh(w @ y) + y)

    def f(checkpoint: Callable, inner: Callable) -> Callable:
        def body(y: Any) -> Any:
            return lax.cond(y[0] > 0, checkpoint(lambda y: inner(y, W)), lambda y: y - inner(y, W.T), y)

        looped = checkpoint(lambda y: lax.while_loop(lambda y: np.sum(y * y) < 9.0, lambda y: body(y) * 1.5, y))
        return lambda x: np.sum(lax.scan(lambda y, _: (looped(0.3 * y), None), x, None, length=3)[0] ** 2)

    light, plain = f(fg.checkpoint, inner), f(lambda g: g, lambda y, w: np.tanh(w @ y) + y)
    for transform in (fg.grad, lambda h: fg.jit(fg.grad(h)), lambda h: fg.grad(lambda x: np.sum(fg.grad(h)(x) ** 2))):
        np.testing.assert_allclose(transform(light)(X), transform(plain)(X), rtol=1e-11)


def test_arguments_of_all_kinds() -> None:
    power = fg.checkpoint(lambda x, n: x**n, static_argnums=1)
    assert fg.grad(lambda x: power(x, 3))(2.0) == 12.0
    named = fg.checkpoint(lambda p, *, scale: {"y": p["x"] * scale, "none": None})
    assert fg.grad(lambda x: named({"x": x}, scale=x)["y"])(2.0) == 4.0
    last = fg.remat(lambda x, kind: np.sin(x) if kind == "sin" else x, static_argnums=(-1,))
    assert fg.grad(lambda x: last(x, "sin"))(0.0) == 1.0
    captured = fg.grad(lambda a: fg.checkpoint(lambda x: np.sum(np.sin(a * x)))(X))
    np.testing.assert_allclose(captured(0.7), np.sum(np.cos(0.7 * X) * X))
    assert fg.checkpoint(layers).__name__ == "layers"


# --- what is kept -------------------------------------------------------------------------------------------------

DOTS, NAMES = ["output of dot_general"] * 2, ["the value named 'hidden'", "the value named 'out'"]
POLICIES: dict[str, tuple[Any, list[str]]] = {
    "everything_saveable": (P.everything_saveable, [*DOTS, *NAMES]),
    "nothing_saveable": (P.nothing_saveable, []),
    "none": (None, []),
    "dots_saveable": (P.dots_saveable, DOTS),
    "checkpoint_dots": (P.checkpoint_dots, DOTS),
    "dots_with_no_batch_dims_saveable": (P.dots_with_no_batch_dims_saveable, DOTS),
    "save_only_these_names": (P.save_only_these_names("hidden"), NAMES[:1]),
    "save_any_names_but_these": (P.save_any_names_but_these("hidden"), NAMES[1:]),
    "save_anything_except_these_names": (
        P.save_anything_except_these_names("hidden", "out"),
        [*DOTS, "output of sin", "output of tanh"],
    ),
    "save_from_both_policies": (
        P.save_from_both_policies(P.dots_saveable, P.save_only_these_names("out")),
        [*DOTS, NAMES[1]],
    ),
    "a function": (lambda prim, *avals, **params: prim.name == "tanh", ["output of tanh"]),
}


def test_without_checkpoint_the_operands_of_what_is_not_linear_are_kept() -> None:
    assert kept(layers, W, X) == [*DOTS, *NAMES]


@pytest.mark.parametrize("name", POLICIES)
def test_policy(name: str) -> None:
    policy, expected = POLICIES[name]
    light = fg.checkpoint(layers, policy=policy)
    assert kept(light, W, X) == expected
    np.testing.assert_allclose(fg.grad(light)(W, X), fg.grad(layers)(W, X), rtol=1e-13)


def test_products_with_batch_axes_are_told_from_those_with_weights() -> None:
    f = lambda w, x: np.sum(np.sin(np.einsum("bij,bj->bi", x, np.tanh(x[:, 0] @ w))))  # noqa: E731
    x = np.ones((2, 3, 3))
    assert kept(fg.checkpoint(f, policy=P.dots_saveable), W, x) == DOTS
    assert kept(fg.checkpoint(f, policy=P.dots_with_no_batch_dims_saveable), W, x) == DOTS[:1]


def test_only_what_is_read_is_kept() -> None:
    """Neither an argument nor a saved value that the derivative does not need."""
    assert saved_residuals(fg.checkpoint(lambda x: 3.0 * x), 1.0) == []
    assert kept(fg.checkpoint(lambda x: np.exp(2.0 * x) + x, policy=P.everything_saveable), 1.0) == ["output of exp"]
    two = saved_residuals(fg.checkpoint(lambda x, y: np.sin(x) + y), 1.0, 2.0)
    assert [origin for _, origin in two] == ["argument 0"]


def test_print_saved_residuals(capsys: pytest.CaptureFixture[str]) -> None:
    fg.print_saved_residuals(lambda p: np.sum(np.sin(p["w"]) * X), {"w": X})
    fg.print_saved_residuals(fg.checkpoint(layers, policy=P.save_only_these_names("hidden")), W, X)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "float64[3] from argument 0, at ['w']",
        "float64[3] from a captured array",
        "float64[3,3] from argument 0",
        "float64[3] from argument 1",
    ]
    assert lines[4].startswith("float64[3] from the value named 'hidden' at test_rematerialization.py:")


def test_names_are_the_identity() -> None:
    assert fg.checkpoint_name(2.0, "a") == 2.0
    value = {"a": X, "b": (1.5, None)}
    assert fg.checkpoint_name(value, "a") is value
    got = fg.jit(lambda p: fg.checkpoint_name(p, "a"))(value)
    assert got["b"] == (1.5, None) and (got["a"] == X).all()
    assert fg.grad(lambda x: fg.checkpoint_name(x, "a") ** 2)(3.0) == 6.0


# --- it is computed again, once -----------------------------------------------------------------------------------


def counting() -> tuple[list[int], Callable]:
    """sin through a callback that counts its calls, with the derivative cos."""
    calls: list[int] = []

    def call(x: Any) -> Any:
        calls.append(1)
        return np.sin(x)

    @fg.custom_vjp
    def sine(x: Any) -> Any:
        return fg.pure_callback(call, fg.ShapeDtypeStruct(np.shape(x), np.float64), x)

    sine.defvjp(lambda x: (sine(x), x), lambda x, ct: (ct * np.cos(x),))
    return calls, sine


@both_modes
def test_values_are_computed_again_in_the_backward_pass(mode: Callable) -> None:
    """Outside jit, the function has run once before it is known that it must save something, and then runs again."""
    calls, sine = counting()
    f = lambda x: np.exp(sine(x)) * x  # noqa: E731
    exact = np.exp(np.sin(0.5)) * (1 + 0.5 * np.cos(0.5))
    for g, expected in (
        (f, 1),
        (fg.checkpoint(f), 2),
        (fg.checkpoint(f, policy=P.everything_saveable), 1 if mode is fg.jit else 2),
        (lambda x: fg.checkpoint(f)(x) + 0.0 * fg.checkpoint(f)(2 * x), 4),
    ):
        gradient = mode(fg.value_and_grad(g))
        gradient(0.5)
        calls.clear()
        np.testing.assert_allclose(gradient(0.5)[1], exact)
        assert len(calls) == expected


def test_a_scan_in_segments_runs_its_steps_once_more() -> None:
    calls, sine = counting()
    run = lambda rule: lambda x: lax.scan(lambda y, _: (sine(y) * x, None), x, None, length=9, checkpoint=rule)[0]  # noqa: E731
    counts = []
    for rule in (None, "sqrt", 4):
        calls.clear()
        fg.jit(fg.value_and_grad(run(rule)))(0.7)
        counts.append(len(calls))
    assert counts == [9, 18, 18]


# --- memory -------------------------------------------------------------------------------------------------------


def workspace(f: Callable, *args: Any) -> int:
    """Bytes of temporaries of the compiled gradient."""
    return fg.jit(fg.value_and_grad(f)).lower(*args)._lowered().plan.workspace


def iteration(rule: Any, length: int, size: int = 32) -> Callable:
    def f(a: Any) -> Any:
        start = np.linspace(0.0, 1.0, size)
        return np.sum(lax.scan(lambda c, _: (np.tanh(c * a + 0.1), None), start, None, length, checkpoint=rule)[0])

    return f


def test_a_compiled_scan_in_segments_holds_a_hundredth() -> None:
    """100,000 steps: two arrays of sqrt(n) carries instead of one of n."""
    plain, light = (iteration(rule, 100_000) for rule in (None, "sqrt"))
    assert workspace(light, 0.9) <= 0.01 * workspace(plain, 0.9)
    (value, slope), (v, s) = (fg.jit(fg.value_and_grad(f))(0.9) for f in (light, plain))
    np.testing.assert_allclose([value, slope], [v, s], rtol=1e-10)


def test_an_eager_scan_in_segments_holds_little() -> None:
    """Two arrays of 50 carries instead of one of 2500."""

    def peak(f: Callable) -> tuple[int, Any]:
        gradient = fg.value_and_grad(f)
        gradient(0.9)
        tracemalloc.start()
        result = gradient(0.9)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most, result

    (plain, expected), (light, got) = (peak(iteration(rule, 2500, 500)) for rule in (None, "sqrt"))
    assert plain > 2500 * 500 * 8 and light <= 0.06 * plain
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_checkpointed_blocks_of_layers_hold_less() -> None:
    """16 layers in 4 blocks: the inputs of blocks, and the layers of one."""
    matrices = [W.repeat(16, 0).repeat(16, 1) / (k + 1) for k in range(16)]

    def block(x: Any, which: range) -> Any:
        for k in which:
            x = np.tanh(x @ matrices[k])
        return x

    def f(wrap: Callable) -> Callable:
        def network(x: Any) -> Any:
            for k in range(0, 16, 4):
                x = wrap(lambda x, k=k: block(x, range(k, k + 4)))(x)
            return np.sum(x)

        return network

    x = np.sin(np.arange(48.0 * 48.0)).reshape(48, 48)
    assert workspace(f(fg.checkpoint), x) <= 0.6 * workspace(f(lambda g: g), x)
    np.testing.assert_allclose(fg.grad(f(fg.checkpoint))(x), fg.grad(f(lambda g: g))(x), rtol=1e-12)


@both_modes
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("rule", ["sqrt", 1, 3, 7, 20])
def test_segments_of_every_length(rule: Any, reverse: bool, mode: Callable) -> None:
    """7 steps: a whole number of segments or not, the rest in front or at the end; ys and pytrees."""
    xs = {"a": np.linspace(-1, 1, 7), "n": np.arange(7)}

    def run(rule: Any) -> Callable:
        def f(x: Any, a: Any) -> Any:
            def step(c: Any, e: Any) -> Any:
                y = np.sin(c["y"] * x + e["a"])
                return {"y": y, "n": c["n"] + e["n"]}, (y * c["n"], e["n"])

            carry, (ys, ns) = lax.scan(step, {"y": x, "n": 0}, {**xs, "a": a}, reverse=reverse, checkpoint=rule)
            return carry["y"] + np.sum(ys * np.cos(np.arange(7.0))), (carry["n"], ns, ys)

        return f

    got, expected = (mode(fg.value_and_grad(run(r), (0, 1), has_aux=True))(0.8, xs["a"]) for r in (rule, None))
    for g, e in zip(tree.tree_leaves(got), tree.tree_leaves(expected), strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-12)
