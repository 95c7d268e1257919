# ruff: noqa: E501
"""Arguments of `jit` by position: static ones, of which each that means something else compiles anew, and donated ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import funcgrad as fg

DISTINCT = [
    (0.0, -0.0), (np.float32(0.0), np.float32(-0.0)), (0j, complex(-0.0, 0.0)), (complex(1, 0.0), complex(1, -0.0)), (1, True), (1, 1.0), (1.0, np.float64(1.0)),
    ((0.0,), (-0.0,)), ((1, 2), (1.0, 2)), ((1, (0.0,)), (1, (-0.0,))), (frozenset([1]), frozenset([True])),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), DISTINCT, ids=repr)
@pytest.mark.parametrize("by_name", [False, True])
def test_equal_values_that_mean_something_else_are_compiled_apart(a: Any, b: Any, by_name: bool) -> None:
    seen: list[str] = []

    def f(x: Any, value: Any) -> Any:
        seen.append(repr(value))
        return x * 2.0

    jitted = fg.jit(f, static_argnames="value")
    for value in (a, b, a, b):
        assert (jitted(1.5, value=value) if by_name else jitted(1.5, value)) == 3.0
    assert seen == [repr(a), repr(b)] and jitted.cache_size() == 2


def test_the_sign_of_a_static_zero_reaches_the_result() -> None:
    f = fg.jit(lambda x, z: x * math.copysign(1.0, z), static_argnums=1)
    assert [f(2.0, z) for z in (0.0, -0.0, 0.0)] == [2.0, -2.0, 2.0]
    assert [fg.grad(f)(2.0, z) for z in (0.0, -0.0)] == [1.0, -1.0]


def test_negative_positions_count_from_the_last_parameter() -> None:
    f = fg.jit(lambda x, y, n=2: x * n + y, static_argnums=-1)
    assert f.static_argnums == (2,) and f(1.0, 3.0) == 5.0 and f(1.0, 3.0, 4) == 7.0
    g = fg.jit(lambda *args: args[0] * args[-1], static_argnums=-1)  # from the last argument of the call
    assert g(2.0, 3) == 6.0 and g(2.0, 1.0, 4) == 8.0


@pytest.mark.parametrize("donated", [-1, (-1,), 1])
def test_donated_arguments_from_the_end(donated: Any) -> None:
    for f in (lambda a, x: x * 2.0 + a, lambda *args: args[1] * 2.0 + args[0]):
        x, kept = np.arange(4.0), np.ones(4)
        assert fg.jit(f, donate_argnums=donated)(kept, x) is x
        np.testing.assert_array_equal(x, [1.0, 3.0, 5.0, 7.0])
        np.testing.assert_array_equal(kept, np.ones(4))


@pytest.mark.parametrize("option", ["static_argnums", "donate_argnums"])
@pytest.mark.parametrize("position", [2, -3])
def test_positions_that_are_none(option: str, position: int) -> None:
    with pytest.raises(
        ValueError, match=rf"jit of <lambda>.*{option} has position {position}, but .* takes 2 positional"
    ):
        fg.jit(lambda x, y: x, **{option: position})
