"""The warning about a gradient in an argument on which the result does not depend, and where it must not come."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import UnusedArgumentWarning

W = {"w": np.ones(3), "b": np.float64(0.5)}


def forgets(x: Any, y: Any) -> Any:
    return np.sum(x * 2.0)


REPORTED: list[tuple[str, Callable]] = [
    ("second argument", lambda **o: fg.grad(forgets, 1, **o)(1.0, 2.0)),
    ("one of two", lambda **o: fg.grad(forgets, (0, 1), **o)(1.0, 2.0)),
    ("by name", lambda **o: fg.grad(forgets, argnames="y", **o)(1.0, 2.0)),
    ("value_and_grad", lambda **o: fg.value_and_grad(forgets, 1, **o)(1.0, 2.0)),
    ("a constant result", lambda **o: fg.grad(lambda x: 1.0, **o)(3.0)),
    ("a whole pytree", lambda **o: fg.grad(lambda p, x: np.sum(x), **o)(W, np.ones(2))),
    ("work that leads nowhere", lambda **o: fg.grad(lambda x: np.sum(np.zeros(3)) + 0 * len([x * 2]), **o)(1.0)),
    ("used in aux only", lambda **o: fg.grad(lambda x, y: (x * x, y), 1, has_aux=True, **o)(1.0, 2.0)),
]


@pytest.mark.parametrize("call", [pytest.param(c, id=name) for name, c in REPORTED])
def test_reported_unless_allowed(call: Callable) -> None:
    with pytest.warns(UnusedArgumentWarning, match=r"does not depend on argument (.|\n)*allow_unused=True"):
        reported = call()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        allowed = call(allow_unused=True)
    assert str(reported) == str(allowed)


def relu(x: Any) -> Any:
    return x if x > 0 else 0.0


def newton(a: Any) -> Any:
    x, steps = 1.0, 0
    while abs(a - x * x) > 1e-9 and steps < 0:
        steps += 1
    return x


def looped(x: Any, rate: Any) -> Any:
    while x < 2.0:
        x = x * rate
    return x


SILENT: list[tuple[str, Callable]] = [
    ("some leaves", lambda: fg.grad(lambda p: np.sum(p["w"]))(W)),
    ("a branch of Python's", lambda: fg.grad(relu)(-1.0)),
    ("a loop of Python's", lambda: fg.grad(newton)(2.0)),
    ("a loop that is not entered", lambda: fg.grad(looped, (0, 1))(3.0, 2.0)),
    ("the second derivative of a linear function", lambda: fg.grad(fg.grad(lambda x: 2.0 * x))(1.0)),
    ("piecewise constant", lambda: fg.grad(np.floor)(2.5)),
    ("stop_gradient", lambda: fg.grad(lambda x: fg.lax.stop_gradient(x) * 2.0)(1.0)),
    ("times zero", lambda: fg.grad(lambda x, y: x + 0.0 * y, 1)(1.0, 2.0)),
    ("an index", lambda: fg.grad(lambda x: np.arange(3.0)[int(np.argmax(x * np.ones(2)))] * 1.0)(1.0)),
    ("jit", lambda: fg.jit(fg.grad(forgets, 1))(1.0, 2.0)),
    ("vmap", lambda: fg.vmap(fg.grad(forgets, 1))(np.ones(2), np.ones(2))),
    ("hessian", lambda: fg.hessian(lambda x: np.sum(x))(np.ones(2))),
    ("grad of grad", lambda: fg.grad(lambda x: fg.grad(lambda y: 3.0 * y)(x) + x)(1.0)),
    ("jvp of grad", lambda: fg.jvp(fg.grad(lambda x: 2.0 * x), (1.0,), (1.0,))),
    ("inner unused", lambda: fg.grad(lambda x: fg.grad(forgets, 1)(x, x) + x)(1.0)),
    ("vjp", lambda: fg.vjp(forgets, 1.0, 2.0)[1](1.0)),
    ("no leaves", lambda: fg.grad(lambda p, x: x, (0, 1))(None, 1.0)),
    ("no elements", lambda: fg.grad(lambda p, x: x, (0, 1))(np.zeros(0), 1.0)),
    (
        "a known branch",
        lambda: fg.grad(lambda x, y: fg.lax.cond(True, lambda a, b: a, lambda a, b: b, x, y), (0, 1))(1.0, 2.0),
    ),
    ("where", lambda: fg.grad(lambda x: fnp.where(x > 5, x, 0.0))(1.0)),
    ("scan", lambda: fg.grad(lambda x: fg.lax.fori_loop(0, 3, lambda i, c: c, x))(1.0)),
]


@pytest.mark.parametrize("call", [pytest.param(c, id=name) for name, c in SILENT])
def test_silent(call: Callable) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call()


def test_once_for_each_call_site() -> None:
    gradient = fg.grad(forgets, 1)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        for _ in range(3):
            gradient(1.0, 2.0)
        gradient(1.0, 2.0)
    assert len(seen) == 2 and {w.filename for w in seen} == {__file__}
    assert "argument 1" in str(seen[0].message) and "grad of forgets" in str(seen[0].message)


def test_the_gradient_is_zero_all_the_same() -> None:
    zero = fg.grad(lambda p, x: np.sum(x), allow_unused=True)(W, np.ones(2))
    np.testing.assert_array_equal(zero["w"], np.zeros(3))
    assert zero["b"] == 0.0
