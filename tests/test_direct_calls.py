"""Calls of compiled functions that run no Python code: they mean what others mean, and live as long as they must."""

from __future__ import annotations

import functools
import gc
import inspect
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import funcgrad as fg


def wave(x: Any) -> Any:
    """A wave."""
    return np.sin(x) * x


def pair(x: Any, y: Any) -> Any:
    return x * y, x + y


def is_direct(f: Any) -> bool:
    return type(f.func) is type(len)


def test_plain_arguments_and_results_need_no_python() -> None:
    f, g = fg.jit(wave), fg.jit(pair)
    assert not is_direct(f)
    for _ in range(3):
        assert f(2.0) == wave(2.0) and type(f(2.0)) is np.float64
        assert g(2.0, 3.0) == (6.0, 5.0)
    assert is_direct(f) and is_direct(g)
    x = np.arange(3.0)
    np.testing.assert_array_equal(f(x), wave(x))
    assert is_direct(f) and type(f(x)) is np.ndarray


def test_structures_static_arguments_and_callbacks_go_through_python() -> None:
    for f, args in [
        (fg.jit(lambda d: d["a"] * 2), ({"a": 1.0},)),
        (fg.jit(lambda x: {"out": x * 2}), (1.0,)),
        (fg.jit(lambda x: [x * 2]), (1.0,)),
        (fg.jit(lambda x, n: x * n, static_argnums=1), (1.0, 2)),
        (fg.jit(lambda x: fg.pure_callback(np.sin, fg.ShapeDtypeStruct((), np.float64), x)), (1.0,)),
    ]:
        first, second = f(*args), f(*args)
        assert first == second and not is_direct(f)


def test_other_types_keywords_and_counts_are_what_they_would_be_without() -> None:
    f = fg.jit(pair)
    f(1.0, 2.0)
    assert f(1, 2) == (2, 3) and f(1.0, 2.0) == (2.0, 3.0)
    assert f(x=2.0, y=3.0) == (6.0, 5.0) == f(2.0, y=3.0)
    f(1.0, 2.0)
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        f(1.0)
    with pytest.raises(TypeError, match="jit of pair: argument 1"):
        f(1.0, "two")
    np.testing.assert_array_equal(f(np.ones(4)[::2], 2.0)[0], [2.0, 2.0])


def test_inside_a_transformation_the_function_is_traced() -> None:
    f = fg.jit(wave)
    f(2.0)
    f(2.0)
    np.testing.assert_allclose(fg.grad(f)(2.0), np.cos(2.0) * 2.0 + np.sin(2.0))
    np.testing.assert_allclose(fg.vmap(f)(np.arange(3.0)), wave(np.arange(3.0)))
    assert is_direct(f) and f(2.0) == wave(2.0)


def test_what_a_function_closes_over_may_be_traced_when_its_arguments_are_not() -> None:
    class Model:
        weight: Any = 3.0

    model = Model()
    predict = fg.jit(lambda x: x * model.weight)
    assert predict(2.0) == 6.0 and is_direct(predict)

    def loss(weight: Any) -> Any:
        model.weight = weight
        return predict(2.0)

    assert fg.grad(loss)(5.0) == 2.0


def test_errors_of_the_holder_are_passed_on() -> None:
    from funcgrad.compile.launcher_native import direct_call

    class Holder:
        @property
        def trace(self) -> None:
            raise KeyError("nothing")

    f = fg.jit(wave)
    f(1.0)
    launch = next(iter(f._entries.values())).launch
    call = direct_call(launch, Holder(), "trace", print, True)
    with pytest.raises(KeyError, match="nothing"):
        call(1.0)


def test_it_is_still_the_function_it_was_made_of() -> None:
    f = fg.jit(wave)
    f(1.0)
    assert f.__name__ == "wave" and f.__doc__ == "A wave." and f.__wrapped__ is wave
    assert inspect.signature(f) == inspect.signature(wave)
    assert repr(f) == "<jit of wave>"
    assert functools.partial(f, 2.0)() == f(2.0)

    class Holder:
        method = fg.jit(lambda self, x: x * self)

    assert isinstance(Holder.method, type(f))


def test_nothing_is_left_of_a_function_that_is_dropped() -> None:
    gc.disable()
    try:
        f = fg.jit(wave)
        f(1.0)
        f(np.ones(3))
        alive = weakref.ref(f)
        executables = [weakref.ref(e.executable) for e in f._entries.values()]
        del f
        assert alive() is None and all(e() is None for e in executables)
    finally:
        gc.enable()


def test_a_call_outlives_what_it_runs() -> None:
    f = fg.jit(lambda x: np.sum(np.exp(np.sin(x))))
    x = np.linspace(0, 1, 300_000)
    expected, wrong, done = f(x), [], threading.Event()

    def call() -> None:
        while not done.is_set():
            if f(x) != expected:
                wrong.append(1)

    threads = [threading.Thread(target=call) for _ in range(2)]
    for t in threads:
        t.start()
    for _ in range(30):
        f.clear_cache()
        f(1.0)
    done.set()
    for t in threads:
        t.join()
    assert not wrong


@pytest.mark.parametrize("static", [(), 1])
def test_a_function_may_be_called_while_it_is_collected(static: Any) -> None:
    found = []

    class Model:
        def __init__(self) -> None:
            self.me = self
            self.step = fg.jit(pair, static_argnums=static)

        def __del__(self) -> None:
            found.append(self.step(2.0, 3.0))

    Model()
    gc.collect()
    assert found == [(6.0, 5.0)]
