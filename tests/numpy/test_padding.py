"""All modes of pad, against NumPy and against difference quotients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.test_util import check_grads

A = np.random.default_rng(3).normal(size=(3, 4))
MODES: list[dict[str, Any]] = [
    {"mode": "constant", "constant_values": ((1, 2), (3, 4))},
    {"mode": "edge"},
    {"mode": "reflect"},
    {"mode": "symmetric"},
    {"mode": "wrap"},
    {"mode": "reflect", "reflect_type": "odd"},
    {"mode": "symmetric", "reflect_type": "odd"},
    {"mode": "linear_ramp"},
    {"mode": "linear_ramp", "end_values": (5.0, -4.0)},
    {"mode": "maximum"},
    {"mode": "minimum", "stat_length": 2},
    {"mode": "mean", "stat_length": ((1, 2), (3, 9))},
    {"mode": "mean"},
    {"mode": "median"},
]


@pytest.mark.parametrize("options", MODES, ids=lambda o: " ".join(map(str, o.values())))
def test_modes(options: dict[str, Any]) -> None:
    for width in (1, (2, 1), ((1, 2), (0, 2))):
        for x in (A, np.rint(10 * A).astype(np.int64), A.astype(np.float32)):
            expected = np.pad(x, width, **options)
            actual = fg.jit(lambda x, w=width: fnp.pad(x, w, **options))(x)
            assert actual.dtype == expected.dtype
            np.testing.assert_allclose(actual, expected, rtol=1e-6 if x.dtype == np.float32 else 1e-13, atol=1e-14)
    check_grads(lambda x: fnp.pad(x, (2, 1), **options), (A,), order=1)


def test_linspace_rounds_down_to_integers() -> None:
    for actual in (fnp.linspace(-2.5, 3.5, 7, dtype=int), fg.jit(lambda a: fnp.linspace(a, 3.5, 7, dtype=int))(-2.5)):
        np.testing.assert_array_equal(actual, np.linspace(-2.5, 3.5, 7, dtype=int))


def test_a_function_as_mode() -> None:
    def edges(vector: Any, width: tuple[int, int], axis: int, options: dict) -> Any:
        vector = fnp.at(vector)[: width[0]].set(options["value"] * vector[width[0]])
        return fnp.at(vector)[len(vector) - width[1] :].set(axis + 1.0)

    def in_place(vector: Any, width: tuple[int, int], axis: int, options: dict) -> None:
        vector[: width[0]] = options["value"] * vector[width[0]]
        vector[len(vector) - width[1] :] = axis + 1.0

    f = lambda x: fnp.pad(x, ((1, 2), (0, 1)), edges, value=3.0)  # noqa: E731
    expected = np.pad(A, ((1, 2), (0, 1)), in_place, value=3.0)
    for actual in (f(A), fnp.pad(A, ((1, 2), (0, 1)), in_place, value=3.0), fg.jit(f)(A), fg.linearize(f, A)[0]):
        np.testing.assert_array_equal(actual, expected)
    np.testing.assert_array_equal(fg.linearize(lambda x: np.pad(x, ((1, 2), (0, 1)), edges, value=3.0), A)[0], expected)
    check_grads(f, (A,), order=1)
    with pytest.raises(TypeError, match=r"the function that is the mode returned nothing\.\nReason: .* in place"):
        fg.jit(lambda x: fnp.pad(x, 1, lambda vector, width, axis, options: None))(A)


def test_errors() -> None:
    with pytest.raises(ValueError, match="there is no mode 'other'"):
        fg.jit(lambda x: fnp.pad(x, 1, "other"))(A)
    with pytest.raises(ValueError, match="negative"):
        fg.jit(lambda x: fnp.pad(x, -1))(A)
    with pytest.raises(ValueError, match="stat_length of 0"):
        fg.jit(lambda x: fnp.pad(x, 1, "maximum", stat_length=0))(A)
    with pytest.raises(ValueError, match="no further than the array is long"):
        fg.jit(lambda x: fnp.pad(x, 4, "reflect", reflect_type="odd"))(A)
