"""Callbacks and effects: values, order and number of calls, in eager mode, under every transformation and compiled."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import lax
from funcgrad.compile.pipeline import lower_program
from funcgrad.compile.source import run_source
from funcgrad.core.avals import shaped
from funcgrad.core.tracing import current_trace, retrace
from funcgrad.ops.branching import switch
from funcgrad.ops.while_loop import while_loop

X = np.array([0.3, -1.2, 2.0])
DTYPES = [np.float32, np.float64]


def host_sin(x: np.ndarray) -> np.ndarray:
    assert type(x) is np.ndarray
    return np.sin(x)


def sine(x: Any, method: str | None = None) -> Any:
    return fg.pure_callback(host_sin, fg.ShapeDtypeStruct(fnp.shape(x), x.dtype), x, vmap_method=method)


class Log:
    """A callback that remembers what it was called with."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def __call__(self, *values: Any) -> None:
        self.seen.append(tuple(np.asarray(v).tolist() for v in values))

    def take(self) -> list[Any]:
        seen, self.seen = self.seen, []
        return seen


def both(f: Callable) -> list[Callable]:
    return [f, fg.jit(f)]


# --- pure_callback --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_pure_callback_in_every_mode(dtype: type) -> None:
    x = X.astype(dtype)
    for f in both(lambda v: sine(v * 2) + 1):
        np.testing.assert_allclose(f(x), np.sin(2 * x) + 1, rtol=1e-6)
        assert f(x).dtype == dtype
    for f in both(lambda v: fg.pure_callback(host_sin, fg.ShapeDtypeStruct((), dtype), v)):
        assert np.isclose(f(dtype(0.5)), np.sin(0.5))


def test_pure_callback_takes_and_returns_pytrees() -> None:
    def host(pair: dict, scale: Any = 1.0) -> dict:
        return {"sum": pair["a"] + pair["b"][0] * scale, "count": np.int64(pair["a"].size)}

    types = {"sum": fg.ShapeDtypeStruct((3,), float), "count": fg.ShapeDtypeStruct((), np.int64)}
    for f in both(lambda a, b: fg.pure_callback(host, types, {"a": a, "b": (b,)}, scale=3.0)):
        out = f(X, np.ones(3))
        np.testing.assert_array_equal(out["sum"], X + 3)
        assert out["count"] == 3


def test_a_callback_without_arguments() -> None:
    for f in both(lambda: fg.pure_callback(lambda: np.arange(3.0), fg.ShapeDtypeStruct((3,), float))):
        np.testing.assert_array_equal(f(), [0, 1, 2])


def test_a_callback_may_keep_and_change_its_arguments() -> None:
    kept = []

    def greedy(x: np.ndarray) -> np.ndarray:
        kept.append(x)
        x *= 2
        return x

    for f in both(lambda v: fg.pure_callback(greedy, v, v) + v):
        x = X.copy()
        np.testing.assert_array_equal(f(x), 3 * X)
        np.testing.assert_array_equal(x, X)
        f(np.zeros(3))
        np.testing.assert_array_equal(kept[-2], 2 * X)


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (lambda x: x[:2], ["float64[2]", "float64[3]"]),
        (lambda x: x.astype(np.float32), ["float32[3]", "float64[3]"]),
        (lambda x: (x, x), ["PyTreeDef", "structure"]),
    ],
)
def test_a_wrong_result_is_refused(host: Callable, words: list[str]) -> None:
    host.__name__ = "badly_typed"
    for f in both(lambda v: fg.pure_callback(host, fg.ShapeDtypeStruct((3,), float), v)):
        with pytest.raises(TypeError, match="pure_callback of badly_typed") as caught:
            f(X)
        assert all(w in str(caught.value) for w in words)


def test_a_python_number_takes_the_announced_dtype() -> None:
    out = fg.jit(lambda x: fg.pure_callback(lambda v: 1.5, fg.ShapeDtypeStruct((), np.float32), x))(X)
    assert out == 1.5 and out.dtype == np.float32


@pytest.mark.parametrize("kind", [fg.pure_callback, fg.io_callback])
def test_callbacks_with_results_are_not_differentiable(kind: Callable) -> None:
    for transform in (fg.grad, lambda f: lambda x: fg.jvp(f, (x,), (x,)), lambda f: fg.jit(fg.grad(f))):
        with pytest.raises(ValueError, match="callback of host_sin has no derivative") as caught:
            transform(lambda x: kind(host_sin, fg.ShapeDtypeStruct((), float), x))(1.0)
        assert "custom_jvp or custom_vjp" in str(caught.value)


def test_a_callback_off_the_path_of_the_derivative_is_no_obstacle() -> None:
    def f(x: Any) -> Any:
        return sine(fg.stop_gradient(x)) * x

    for g in both(fg.grad(f)):
        assert np.isclose(g(0.7), np.sin(0.7))


def test_a_custom_rule_makes_a_callback_differentiable() -> None:
    @fg.custom_jvp
    def f(x: Any) -> Any:
        return sine(x, "broadcast_all")

    f.defjvps(lambda t, out, x: fnp.cos(x) * t)
    for g in both(fg.grad(f)):
        assert np.isclose(g(0.7), np.cos(0.7))
    for g in both(fg.grad(fg.grad(f))):
        assert np.isclose(g(0.7), -np.sin(0.7))
    for g in both(fg.vmap(fg.grad(f))):
        np.testing.assert_allclose(g(X), np.cos(X))


# --- vmap -----------------------------------------------------------------------------------------------------------


def test_vmap_methods() -> None:
    def check(method: str, expected: list[tuple]) -> None:
        x, y = np.arange(8.0).reshape(4, 2), np.arange(4.0)
        seen: list[tuple] = []

        def host(*operands: np.ndarray) -> np.ndarray:
            seen.append(tuple(a.shape for a in operands))
            a, b, c = operands
            return a * b.reshape(b.shape + (1,) * (a.ndim - b.ndim)) + np.sum(c, -1)

        def f(a: Any, b: Any) -> Any:
            return fg.pure_callback(host, fg.ShapeDtypeStruct((), float), a, b, np.arange(3.0), vmap_method=method)

        for g in both(fg.vmap(fg.vmap(f, in_axes=(0, None)), in_axes=(0, 0))):
            np.testing.assert_array_equal(g(x, y), x * y[:, None] + 3)
            assert seen == expected, method
            seen.clear()

    check("sequential", [((), (), (3,))] * 8)
    check("sequential_unrolled", [((), (), (3,))] * 8)
    check("expand_dims", [((4, 2), (4, 1), (1, 1, 3))])
    check("broadcast_all", [((4, 2), (4, 2), (4, 2, 3))])
    check("legacy_vectorized", [((4, 2), (4,), (3,))])


def test_vmap_needs_a_method() -> None:
    with pytest.raises(NotImplementedError, match="host_sin was batched by vmap, but no vmap_method"):
        fg.vmap(sine)(X)
    with pytest.raises(ValueError, match="vmap_method must be one of"):
        sine(X, "parallel")


def test_an_empty_batch_calls_nothing() -> None:
    log = Log()
    fg.vmap(lambda x: fg.debug.callback(log, x))(np.zeros(0))
    out = fg.vmap(lambda x: fg.io_callback(log, fg.ShapeDtypeStruct((2,), float), x))(np.zeros(0))
    assert log.seen == [] and out.shape == (0, 2)


def test_effects_happen_for_each_example_in_order() -> None:
    log = Log()
    for f in both(fg.vmap(lambda x, y: fg.debug.callback(log, x, y), in_axes=(0, None))):
        f(np.arange(3.0), 7.0)
        assert log.take() == [(0.0, 7.0), (1.0, 7.0), (2.0, 7.0)]
    numbers = iter(range(100))
    for f in both(fg.vmap(lambda x: fg.io_callback(lambda v: v + next(numbers), x, x))):
        assert np.all(np.diff(f(np.zeros(3))) == 1)
    with pytest.raises(ValueError, match="ordered callback cannot be batched"):
        fg.vmap(lambda x: fg.io_callback(log, None, x, ordered=True))(X)


def test_an_unbatched_effect_happens_once() -> None:
    log = Log()
    for f in both(fg.vmap(lambda x: (fg.debug.callback(log, 1.0), x)[1])):
        f(X)
        assert log.take() == [(1.0,)]


# --- how often and in which order -----------------------------------------------------------------------------------


def test_effects_are_kept_in_order_and_not_merged() -> None:
    log = Log()

    def f(x: Any) -> Any:
        fg.debug.callback(log, x)
        fg.debug.callback(log, x)
        unused = fg.io_callback(lambda v: (log(v), v)[1], fg.ShapeDtypeStruct((), float), x + 1)
        del unused
        a = fg.io_callback(lambda: (log(0.0), np.float64(1))[1], fg.ShapeDtypeStruct((), float))
        b = fg.io_callback(lambda: (log(0.0), np.float64(1))[1], fg.ShapeDtypeStruct((), float))
        fg.debug.callback(log, x + 2)
        return a + b + x

    for g in both(f):
        assert g(5.0) == 7.0
        assert log.take() == [(5.0,), (5.0,), (6.0,), (0.0,), (0.0,), (7.0,)]


def test_a_function_of_effects_only() -> None:
    log = Log()
    f = fg.jit(lambda x: fg.debug.callback(log, x, x * 2))
    assert f(3.0) is None and f(4.0) is None
    assert log.take() == [(3.0, 6.0), (4.0, 8.0)]
    g = fg.jit(lambda: fg.debug.callback(log))
    g(), g()
    assert log.take() == [(), ()]


def noisy(log: Log) -> Callable:
    def f(x: Any) -> Any:
        y = fnp.sin(x)
        fg.debug.callback(log, y)
        return y * x

    return f


GRADIENTS: dict[str, Callable] = {
    "value": lambda f: f,
    "grad": fg.grad,
    "value_and_grad": fg.value_and_grad,
    "grad of grad": lambda f: fg.grad(fg.grad(f)),
    "grad of grad of grad": lambda f: fg.grad(fg.grad(fg.grad(f))),
    "jvp": lambda f: lambda x: fg.jvp(f, (x,), (1.0,)),
    "jvp of grad": lambda f: lambda x: fg.jvp(fg.grad(f), (x,), (1.0,)),
    "grad of jvp": lambda f: fg.grad(lambda x: fg.jvp(f, (x,), (1.0,))[1]),
    "linearize": lambda f: lambda x: fg.linearize(f, x)[1](1.0),
    "vjp": lambda f: lambda x: (lambda p: (p(1.0), p(1.0)))(fg.vjp(f, x)[1]),
    "grad of jit": lambda f: fg.grad(fg.jit(f)),
    "grad of grad of jit": lambda f: fg.grad(fg.grad(fg.jit(f))),
    "jvp of jit": lambda f: lambda x: fg.jvp(fg.jit(f), (x,), (1.0,)),
    "jit of vjp": lambda f: fg.jit(lambda x: fg.vjp(f, x)[1](1.0)),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_a_debug_callback_happens_once_under_derivatives(name: str) -> None:
    log = Log()
    for f in both(GRADIENTS[name](noisy(log))):
        for x in (0.5, 0.25):
            f(x)
            assert log.take() == [(float(np.sin(x)),)], name


@pytest.mark.parametrize("name", GRADIENTS)
def test_a_debug_callback_in_a_loop_happens_once_for_each_step(name: str) -> None:
    log = Log()

    def looped(x: Any) -> Any:
        def step(c: Any, w: Any) -> Any:
            fg.debug.callback(log, w)
            return fnp.sin(c * w), c

        return lax.scan(step, x, np.array([1.0, 2.0, 3.0]))[0]

    for f in both(GRADIENTS[name](looped)):
        f(0.5)
        assert log.take() == [(1.0,), (2.0,), (3.0,)], name


@pytest.mark.parametrize("name", GRADIENTS)
def test_the_result_of_an_effect_is_read_once_under_derivatives(name: str) -> None:
    count = [0]

    def draw() -> Any:
        count[0] += 1
        return np.float64(count[0])

    def f(x: Any) -> Any:
        # What the callback gets has no derivative here; what it returns is a factor in the derivative.
        def step(c: Any, _: Any) -> Any:
            k = fg.io_callback(lambda n: draw(), fg.ShapeDtypeStruct((), float), fg.stop_gradient(c))
            return fnp.sin(c) * k, k

        last, ks = lax.scan(step, x, None, length=3)
        factor = fg.io_callback(lambda s: draw(), fg.ShapeDtypeStruct((), float), fg.stop_gradient(x))
        return last * factor + fnp.sum(ks)

    for g in both(GRADIENTS[name](f)):
        count[0] = 0
        g(0.5)
        assert count[0] == 4, name


def test_the_result_of_an_effect_is_the_one_of_the_forward_pass() -> None:
    numbers = iter([2.0, 3.0, 5.0, 7.0] * 5)

    def f(x: Any) -> Any:
        def step(c: Any, _: Any) -> Any:
            k = fg.io_callback(lambda n: np.float64(next(numbers)), fg.ShapeDtypeStruct((), float), fg.stop_gradient(c))
            return c * k, None

        return lax.scan(step, x, None, length=4)[0]

    for g in (fg.grad(f), fg.jit(fg.grad(f)), fg.grad(fg.jit(f))):
        assert g(1.0) == 210.0


@pytest.mark.parametrize("name", GRADIENTS)
def test_effects_in_a_checkpoint_happen_once(name: str) -> None:
    """What is computed again in the backward pass is without them."""
    log = Log()

    @fg.checkpoint
    def f(x: Any) -> Any:
        fg.debug.callback(log, x)
        k = fg.io_callback(lambda: (log(0.0), np.float64(2))[1], fg.ShapeDtypeStruct((), float))

        def step(c: Any, w: Any) -> Any:
            fg.debug.callback(log, w)
            return fnp.sin(c * w), None

        return lax.scan(step, x * k, np.array([1.0, 2.0]), checkpoint=1)[0]

    for g in both(GRADIENTS[name](f)):
        g(0.5)
        assert log.take() == [(0.5,), (0.0,), (1.0,), (2.0,)], name


def test_a_loop_with_effects_that_are_read_is_not_checkpointed() -> None:
    @fg.checkpoint
    def f(x: Any) -> Any:
        step = lambda c, w: (c * fg.io_callback(np.float64, fg.ShapeDtypeStruct((), float), w), None)  # noqa: E731
        return lax.scan(step, x, np.array([1.0, 2.0]))[0]

    with pytest.raises(ValueError, match="derivative of checkpoint runs it again, but it holds an io_callback"):
        fg.jit(fg.grad(f))(1.0)
    assert fg.jit(f)(3.0) == 6.0


def count_up(log: Log, limit: Any, x: Any) -> Any:
    """while x < limit: x = 2 x, by the op itself."""
    scalar = shaped((), np.float64)

    def body(v: Any) -> list[Any]:
        fg.debug.callback(log, v)
        return [v * 2.0]

    programs = dict(cond=retrace(lambda n, v: [v < n], [scalar, scalar]), body=retrace(body, [scalar]))
    return while_loop(limit, x, cond_consts=1, body_consts=0, **programs)[0]


@pytest.mark.parametrize("name", GRADIENTS)
def test_a_debug_callback_in_a_while_loop_happens_once_for_each_step(name: str) -> None:
    log = Log()
    for f in both(GRADIENTS[name](lambda x: count_up(log, np.float64(4), x))):
        f(0.75)
        assert log.take() == [(0.75,), (1.5,), (3.0,)], name


@pytest.mark.parametrize("name", GRADIENTS)
def test_a_debug_callback_in_a_branch_happens_once(name: str) -> None:
    log, scalar = Log(), shaped((), np.float64)

    def branch(k: float) -> Any:
        def f(x: Any) -> list[Any]:
            fg.debug.callback(log, x * k)
            return [fnp.sin(x * k)]

        return retrace(f, [scalar])

    branches = (branch(1.0), branch(2.0))
    for f in both(GRADIENTS[name](lambda x: switch(np.int64(1), x, branches=branches)[0])):
        f(0.75)
        assert log.take() == [(1.5,)], name


def drawing_loop(numbers: Any, x: Any) -> Any:
    """while x < 9: x = x * (the next number), by the op itself."""
    scalar = shaped((), np.float64)
    draw = lambda v: [v * fg.io_callback(lambda: next(numbers), fg.ShapeDtypeStruct((), float))]  # noqa: E731
    programs = dict(cond=retrace(lambda v: [v < 9.0], [scalar]), body=retrace(draw, [scalar]))
    return while_loop(x, cond_consts=0, body_consts=0, **programs)[0]


def test_the_result_of_an_effect_in_a_while_loop() -> None:
    numbers = map(np.float64, itertools.cycle([2.0, 3.0, 4.0]))
    assert fg.grad(lambda x: drawing_loop(numbers, x))(1.0) == 24.0
    assert fg.jit(lambda x: drawing_loop(numbers, x))(1.0) == 24.0
    with pytest.raises(ValueError, match="derivative of while_loop runs it again, but it holds an io_callback"):
        fg.jit(fg.grad(lambda x: drawing_loop(numbers, x)))(1.0)


def test_an_effect_inside_a_loop_of_batches() -> None:
    log = Log()

    def f(x: Any) -> Any:
        return lax.scan(lambda c, w: ((fg.debug.callback(log, c), c + w)[1], None), x, np.ones(2))[0]

    for g in both(fg.vmap(f)):
        g(np.array([0.0, 10.0]))
        assert log.take() == [(0.0,), (10.0,), (1.0,), (11.0,)]


def test_effects_in_custom_rules() -> None:
    log = Log()

    @fg.custom_vjp
    def f(x: Any) -> Any:
        return x * x

    def bwd(x: Any, ct: Any) -> Any:
        fg.debug.callback(log, ct)
        return (2 * x * ct,)

    f.defvjp(lambda x: (x * x, x), bwd)
    for g in both(fg.grad(lambda x: 3.0 * f(x))):
        assert g(2.0) == 12.0
        assert log.take() == [(3.0,)]


@pytest.mark.parametrize("kind", ["jvp", "vjp"])
def test_effects_of_a_custom_function_and_of_its_rule(kind: str) -> None:
    log = Log()

    def plain(x: Any) -> Any:
        fg.debug.callback(log, 1)
        return x * x

    def rule(*args: Any) -> Any:
        fg.debug.callback(log, 2)
        return (args[0] ** 2, args[0]) if kind == "vjp" else (args[0][0] ** 2, 2 * args[0][0] * args[1][0])

    f = fg.custom_vjp(plain) if kind == "vjp" else fg.custom_jvp(plain)
    f.defvjp(rule, lambda x, ct: (2 * x * ct,)) if kind == "vjp" else f.defjvp(rule)
    for g in both(f):
        assert g(3.0) == 9.0 and log.take() == [(1,)]
    assert fg.grad(f)(3.0) == 6.0 and log.take() == [(1,), (2,)]
    assert fg.jit(fg.grad(f))(3.0) == 6.0 and log.take() == [(2,)]


# --- what the callback sees -----------------------------------------------------------------------------------------


def test_debug_print(capsys: pytest.CaptureFixture) -> None:
    for f in both(lambda x: fg.debug.print("{} is {x:.1f}, {name}", x[0], x=x[1], name="a text", ordered=True)):
        f(X)
        assert capsys.readouterr().out == "0.3 is -1.2, a text\n"
    fg.jit(lambda x: fg.debug.print("all: {}", {"a": x}))(np.array([1, 2]))
    assert capsys.readouterr().out == "all: {'a': array([1, 2])}\n"


def test_debug_print_checks_its_format() -> None:
    with pytest.raises(ValueError, match=r"does not use the arguments \[1\]"):
        fg.jit(lambda x: fg.debug.print("{}", x, x))(1.0)
    with pytest.raises(ValueError, match="f-string"):
        fg.jit(lambda x: fg.debug.print(f"{x}", x=x))(1.0)
    with pytest.raises(TypeError, match="format string"):
        fg.debug.print(3.0)


def test_a_callback_may_use_funcgrad() -> None:
    f = fg.jit(lambda x: fnp.sin(x) * 2)

    def host(x: np.ndarray) -> np.ndarray:
        assert current_trace() is None
        return f(x) + fg.grad(lambda v: fnp.sum(f(v)))(x)

    g = fg.jit(lambda x: fg.pure_callback(host, x, x))
    np.testing.assert_allclose(g(X), 2 * np.sin(X) + 2 * np.cos(X))


def test_a_callback_sees_no_trace_in_eager_mode() -> None:
    """The function runs as outside of any transformation, also while a derivative is recorded."""
    seen: list[Any] = []

    def host(x: Any) -> None:
        seen.append((type(x), fg.grad(lambda v: v * v)(float(x)), current_trace()))

    fg.grad(lambda x: (fg.debug.callback(host, x), x * x)[1])(3.0)
    assert seen == [(np.ndarray, 6.0, None)]


def test_a_compiled_function_may_call_itself_back() -> None:
    def f(n: Any) -> Any:
        return fg.pure_callback(lambda k: g(int(k) - 1) + k if k > 0 else k, fg.ShapeDtypeStruct((), np.int64), n)

    g = fg.jit(f)
    assert g(4) == 10


# --- exceptions -----------------------------------------------------------------------------------------------------


class Mine(Exception):
    pass


def fail(x: np.ndarray) -> Any:
    raise Mine(f"at {float(x)}")


def test_exceptions_pass_through_with_their_traceback() -> None:
    log = Log()

    def f(x: Any) -> Any:
        fg.debug.callback(log, x)
        y = fg.pure_callback(fail, fg.ShapeDtypeStruct((), float), x)
        fg.debug.callback(log, x + 1)
        return y

    for g in both(f):
        for _ in range(2):
            with pytest.raises(Mine, match=r"at 2\.0") as caught:
                g(2.0)
            assert any(entry.name == "fail" for entry in caught.traceback)
            assert log.take() == [(2.0,)]
    assert fg.jit(lambda x: x * 2)(1.0) == 2.0


def test_in_a_loop_the_first_exception_counts() -> None:
    log = Log()

    def step(c: Any, w: Any) -> Any:
        fg.debug.callback(log, w)
        fg.debug.callback(lambda v: fail(v) if v == 2 else None, w)
        return c, None

    for g in both(lambda x: lax.scan(step, x, np.array([1.0, 2.0, 2.0, 3.0]))[0]):
        with pytest.raises(Mine, match=r"at 2\.0"):
            g(0.0)
        assert log.take() == [(1.0,), (2.0,)]


# --- programs with callbacks ----------------------------------------------------------------------------------------


def test_programs_print_and_their_source_runs() -> None:
    def f(x: Any) -> Any:
        fg.debug.callback(host_sin, x)
        return sine(x) * 2

    program = fg.make_program(f)(X)
    assert "    debug_callback[callback=host_sin" in str(program)
    assert "= pure_callback[callback=host_sin" in str(program)
    np.testing.assert_array_equal(run_source(lower_program(program).plan, [X])[0], np.sin(X) * 2)


def test_equal_code_with_different_callbacks() -> None:
    """Programs that differ in nothing but their Python functions have equal text and share machine code."""
    functions = [fg.jit(lambda x, k=k: fg.pure_callback(lambda v: v * k, x, x)) for k in range(200)]
    assert functions[3].lower(X).as_text("llvm") == functions[4].lower(X).as_text("llvm")
    results = [f(X) for f in functions]
    for k, (f, first) in enumerate(zip(functions, results)):
        np.testing.assert_array_equal(first, X * k)
        np.testing.assert_array_equal(f(X), X * k)


SCRIPT = """
import sys
import numpy as np
import funcgrad as fg
from funcgrad.compile import cache

before, factor = int(sys.argv[1]), float(sys.argv[2])
for k in range(before):  # other callbacks, compiled earlier
    fg.jit(lambda x: fg.pure_callback(lambda v: v - k, x, x))(np.zeros(k + 1))
f = fg.jit(lambda x: fg.pure_callback(lambda v: v * factor, x, x) + fg.pure_callback(lambda v: v + factor, x, x))
hits = cache.info()["hits"]
print(f(np.ones(7)).tolist(), cache.info()["hits"] - hits)
"""


def test_cached_machine_code_calls_the_callbacks_of_this_process(tmp_path: Path) -> None:
    def run(*args: str) -> str:
        environment = {**os.environ, "FUNCGRAD_CACHE_DIR": str(tmp_path), "FUNCGRAD_CACHE": "1"}
        command = [sys.executable, "-c", textwrap.dedent(SCRIPT), *args]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()

    assert run("0", "2") == f"{[5.0] * 7} 0"
    assert run("3", "5") == f"{[11.0] * 7} 1"
    assert run("1", "7") == f"{[15.0] * 7} 1"
