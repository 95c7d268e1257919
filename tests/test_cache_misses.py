"""`explain_cache_misses`: which call traced anew, and what was different."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import funcgrad as fg

X = np.ones(3)
P = {"w": X, "b": (1.0, X)}


@pytest.fixture
def explained(capsys: pytest.CaptureFixture) -> Iterator[Callable[[], list[str]]]:
    """The lines said since the last call."""
    fg.config.update("explain_cache_misses", True)
    yield lambda: capsys.readouterr().err.splitlines()
    fg.config.update("explain_cache_misses", False)


def loss(p: Any, x: Any, n: int = 2, *, mode: str = "a") -> Any:
    return np.sum(p["w"] * x) * n + np.sum(p["b"][1])


def jitted() -> Any:
    return fg.jit(loss, static_argnames=("n", "mode"))


@pytest.mark.parametrize(
    ("call", "reasons"),
    [
        (lambda f: f(P, np.ones(1)), ["argument 1: float64[1], was float64[3]"]),
        (lambda f: f(P, np.ones(3, np.float32)), ["argument 1: float32[3], was float64[3]"]),
        (lambda f: f(P, 1.0), ["argument 1: a Python float, was float64[3]"]),
        (lambda f: f(P, np.float64(1.0)), ["argument 1: float64[], was float64[3]"]),
        (lambda f: f({**P, "b": (1, X)}, X), ["argument 0, at ['b'][0]: a Python int, was a Python float"]),
        (
            lambda f: f({"w": X[:1], "b": (1.0, X[:2])}, X),
            ["argument 0, at ['b'][1]: float64[2], was float64[3]", "argument 0, at ['w']: float64[1], was float64[3]"],
        ),
        (lambda f: f(P, X, mode="b"), ["static argument 'mode': 'b', was left out"]),
        (lambda f: f(P, X, 3), ["static argument 2: 3, was left out", "3 positional arguments, was 2"]),
        (lambda f: f(P, x=X), ["1 positional arguments, was 2", "keyword arguments ['x'], was []"]),
        (
            lambda f: f({**P, "c": 1.0}, X),
            [
                "argument 0: structure: at the root expected a dict with keys ['b', 'w'], got a dict with keys "
                "['b', 'c', 'w'] (unexpected ['c'])"
            ],
        ),
        (
            lambda f: f({**P, "b": [1.0, X]}, X),
            ["argument 0: structure: at ['b'] expected a tuple of length 2, got a list of length 2"],
        ),
        (
            lambda f: f({**P, "b": ((1.0,), X)}, X),
            [
                "argument 0: structure: got PyTreeDef({'b': ((*,), *), 'w': *}), "
                "expected PyTreeDef({'b': (*, *), 'w': *})"
            ],
        ),
    ],
)
def test_what_differs_is_named(explained: Callable, call: Callable, reasons: list[str]) -> None:
    f = jitted()
    f(P, X)
    explained()
    call(f)
    head, place, text, *found = explained()
    assert head == "funcgrad: jit of loss traces anew, called at"
    assert "test_cache_misses.py:" in place and "lambda f: f(" in text
    assert found == [f"  {reason} in the most similar call before" for reason in reasons]
    call(f)
    assert explained() == []


def test_the_most_similar_call_is_chosen(explained: Callable) -> None:
    f = fg.jit(lambda x, y, z: x + y + z)
    f(1.0, 1.0, 1.0)
    f(X, X, 1.0)
    f(X, X, (1.0 + X).astype(np.float32))
    explained()
    f(X, X, X)
    assert explained()[3:] == ["  argument 2: float64[3], was a Python float in the most similar call before"]


def test_a_new_jit_of_the_same_code_is_noticed(explained: Callable) -> None:
    for k in range(3):
        fg.jit(lambda x: x * 3)(X)
        *_, reason = explained()
        if k == 0:
            assert reason == "  it is the first call"
        else:
            assert f"first call of this result of jit, but <lambda> was traced {k} times before" in reason
            assert "call jit once and keep what it returns" in reason


def test_calls_under_grad_are_explained_too(explained: Callable) -> None:
    f = jitted()
    f(P, X)
    explained()
    fg.grad(lambda x: f(P, x))(X)
    assert "it is the first call of its kind" in explained()[-1]
    fg.grad(lambda x: f(P, x))(X)
    assert explained() == []
    fg.grad(lambda x: f(P, x))(X[:1])
    assert explained()[-1] == "  argument 1: float64[1], was float64[3] in the most similar call before"


def test_nothing_is_said_unasked(capsys: pytest.CaptureFixture) -> None:
    jitted()(P, X)
    assert capsys.readouterr().err == ""


def test_an_unknown_setting_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match=r"no setting 'explain'; there are cache, cache_dir, .*explain_cache_misses"):
        fg.config.update("explain", True)
