# ruff: noqa: E501
"""Reductions of arrays without elements: NumPy's results and NumPy's errors, traced and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcgrad as fg

REDUCTIONS = [
    np.max, np.min, np.ptp, np.nanmax, np.nanmin, np.argmax, np.argmin, np.median, np.nanmedian, np.mean, np.var, np.sum, np.prod, np.all,
]  # fmt: skip
SHAPES = [(0, 3), (3, 0), (0,), (0, 0)]


def outcome(f: Callable, x: Any) -> Any:
    """The result, or the class of the error."""
    try:
        return np.asarray(f(x))
    except (ValueError, IndexError) as error:
        return type(error)


@pytest.mark.parametrize("f", REDUCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [np.float64, np.int64])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_reductions_of_nothing(f: Callable, dtype: Any) -> None:
    for shape in SHAPES:
        for axis in (None, 0, -1):
            x = np.zeros(shape, dtype)
            reduce = lambda v, axis=axis: f(v, axis=axis)  # noqa: E731
            expected = outcome(reduce, x)
            for run in (fg.jit(reduce), lambda v, g=reduce: fg.vjp(g, v)[0]):
                actual = outcome(run, x)
                if isinstance(expected, type):
                    assert actual is expected, (shape, axis)
                else:
                    np.testing.assert_array_equal(actual, expected, strict=True, err_msg=f"{shape} {axis}")


def test_extremes_of_nothing_with_an_initial_value() -> None:
    assert fg.jit(lambda x: np.max(x, initial=2.0))(np.zeros(0)) == 2.0
    np.testing.assert_array_equal(fg.jit(lambda x: np.min(x, axis=0, initial=1.0))(np.zeros((0, 2))), [1.0, 1.0])
    with pytest.raises(ValueError, match=r"max: zero-size array of shape \(0, 2\) along axis 0 has no max"):
        fg.jit(lambda x: np.max(x, axis=0))(np.zeros((0, 2)))
    with pytest.raises(ValueError, match="min: zero-size array"):
        fg.vmap(lambda x: np.min(x))(np.zeros((3, 0)))
