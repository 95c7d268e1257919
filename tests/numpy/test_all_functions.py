# ruff: noqa: E501, SIM905
"""No silent constants: every public NumPy function on traced values is right or raises, under grad and under jit.

Each function is called with traced operands in several ways. A result must equal NumPy's on the concrete values; and where
NumPy's result moves when the operand moves, it must be traced, since a bare number would have lost its derivative.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import scipy.special
from numpy_modes import assert_same, eager, staged

from funcgrad import tree
from funcgrad.core.tracing import Tracer

X = np.array([[0.1, 0.4, 0.7], [0.2, 0.55, 0.9], [0.3, 0.6, 0.95]])  # sorted, as searchsorted and interp want it
Y = X + np.array([[0.01], [0.02], [0.013]])
# Functions that need no array, that read or write files or settings, or that only describe the running NumPy; and isscalar,
# which does not ask its operand, and says False for a traced value, as it does for an array without axes.
NOT_ON_ARRAYS = set(
    "load save savez savez_compressed savetxt loadtxt genfromtxt fromfile fromregex fromstring frombuffer fromiter from_dlpack test info "
    "show_config show_runtime get_include set_printoptions get_printoptions printoptions seterr geterr seterrcall geterrcall setbufsize "
    "getbufsize frompyfunc base_repr binary_repr format_float_positional format_float_scientific busday_count busday_offset is_busday "
    "array_repr array_str array2string isscalar datetime_as_string datetime_data typename mintypecode asmatrix bmat nested_iters einsum_path".split()
)
NAMES = sorted(
    name for name in dir(np)
    if callable(getattr(np, name)) and not isinstance(getattr(np, name), type) and not name.startswith("_") and name not in NOT_ON_ARRAYS
)  # fmt: skip
CALLS = {
    "one": lambda f, x: f(x), "two": lambda f, x: f(x, x), "list": lambda f, x: f([x, x]), "constant first": lambda f, x: f(X, x),
    "number": lambda f, x: f(x, 1), "number first": lambda f, x: f(2, x), "row": lambda f, x: f(x[0]), "row and row": lambda f, x: f(x[0], x[1]),
    "scalar": lambda f, x: f(x[0, 0]), "shape": lambda f, x: f((2, 2), x[0, 0]), "scalars": lambda f, x: f([x[0, 0], 1.0]),
    "three": lambda f, x: f(x[0], x[1], x[2]), "truth": lambda f, x: f(x > 0.5, x, 0.0),
}  # fmt: skip


def numpy_answer(call: Any, f: Any, x: Any = X) -> tuple[bool, Any]:
    """Whether NumPy accepts this call, and its answer."""
    try:
        with np.errstate(all="ignore"):
            return True, call(f, x.copy())
    except Exception:
        return False, None


def is_plain_float(value: Any) -> bool:
    """An array or number of a floating dtype that is not traced."""
    return (
        type(value) is not Tracer
        and getattr(np.asarray(value), "dtype", np.dtype(object)).kind in "fc"
        and np.size(value) > 0
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore")
def test_right_or_raises(name: str) -> None:
    f = getattr(np, name)
    for label, call in CALLS.items():
        accepted, expected = numpy_answer(call, f)
        if not accepted:
            continue
        for purpose, is_eager in (("grad", True), ("jit", False)):
            moved = tree.tree_leaves(numpy_answer(call, f, Y)[1])
            _check(name, f"{name} ({label}, {purpose})", lambda x, c=call: c(f, x), expected, is_eager, moved)


def _check(name: str, where: str, f: Any, expected: Any, is_eager: bool, moved: list[Any]) -> None:
    seen: list[Any] = []

    def watched(x: Any) -> Any:
        result = f(x)
        seen.extend(tree.tree_leaves(result))
        return result

    try:
        actual = (eager if is_eager else staged)(watched, [X])
    except Exception as error:
        assert str(error), f"{where}: an error without a text"
        return
    assert not any(isinstance(v, np.ndarray) and v.dtype == object for v in seen), f"{where}: an object array"
    if name.startswith("empty"):
        return
    for value, here, there in zip(seen, tree.tree_leaves(expected), moved):
        if is_plain_float(value):
            assert np.array_equal(here, there, equal_nan=True), f"{where}: a constant that has lost its derivative"
    assert_same(actual, expected, where, rtol=1e-12)


@pytest.mark.parametrize(
    "name", sorted(n for n in dir(scipy.special) if isinstance(getattr(scipy.special, n), np.ufunc))
)
def test_special_functions_are_right_or_raise(name: str) -> None:
    ufunc = getattr(scipy.special, name)
    args = 0.3 + 0.1 * np.arange(ufunc.nin)
    for is_eager in (True, False):

        def f(*xs: Any) -> Any:
            return ufunc(*xs)

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = ufunc(*args)
                actual = (eager if is_eager else staged)(f, list(args))
        except (TypeError, ValueError) as error:
            assert str(error)
            continue
        assert_same(actual, expected, name, rtol=1e-12)
