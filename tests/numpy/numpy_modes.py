# ruff: noqa: E501
"""Evaluate one expression in every mode: plain, eagerly traced, staged; with funcgrad.numpy and with NumPy itself.

`modes("m.sum(A, axis=0)")` yields (mode name, result); the arrays that the expression names are what is traced.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

import funcgrad.numpy as fnp
from funcgrad import tree
from funcgrad.core.avals import aval_of
from funcgrad.core.program import as_function
from funcgrad.core.tracing import Trace, Tracer, concrete_value, trace

_rng = np.random.default_rng(7)
ARRAYS: dict[str, Any] = dict(
    A=_rng.uniform(0.2, 0.9, (3, 4)), B=_rng.uniform(-2, 2, (4, 3)), v=_rng.uniform(0.1, 0.9, 4), w=_rng.uniform(-3, 3, 4),
    s=np.float64(0.7), T=_rng.uniform(-1, 1, (2, 3, 4)), S=_rng.uniform(-1, 1, (3, 3)), P=_rng.uniform(1.1, 3, (3, 4)),
    f=np.float32(_rng.uniform(0.1, 0.9, (3, 4))), g=np.float32(_rng.uniform(-2, 2, 4)),
    i=np.array([3, -1, 4, 1]), j=np.array([2, 5, 1, 3]), I=np.arange(-6, 6).reshape(3, 4), u=np.array([7, 2, 255, 1], np.uint8), k=np.array([2, 0, 1]),
    h=np.int32([5, -3, 2, 9]), b=np.array([True, False, True, True]), C=np.array([[True, False, False, True]] * 2 + [[False] * 4]),
    n=np.array([1.0, np.nan, -2.0, 0.5]), N=np.array([[1.0, np.nan, 3.0, -np.inf], [np.inf, 2.0, np.nan, 0.0]]), t=np.array([3.0, 1.0, 3.0, 2.0, 1.0]),
    x=np.linspace(0.05, 3.2, 7),
)  # fmt: skip


def arguments(expression: str) -> list[str]:
    """The arrays an expression mentions, in order."""
    names = re.findall(r"(?<![\w.'\"])[A-Za-z]\w*(?!\w*=[^=])", re.sub(r"'[^']*'", "''", expression))
    return [n for n in dict.fromkeys(names) if n in ARRAYS]


def function_of(expression: str) -> Any:
    """(module, *arrays) -> the value of the expression, which calls the module `m`."""
    return eval(f"lambda m, {', '.join(arguments(expression))}: {expression}", {"np": np, "fnp": fnp})


def reference(expression: str) -> Any:
    """NumPy's answer."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function_of(expression)(np, *[ARRAYS[a] for a in arguments(expression)])


def eager(f: Any, values: list[Any]) -> Any:
    """The concrete result of f on eager Tracers."""
    with np.errstate(all="ignore"), Trace(eager=True, hoist=True, purpose="grad") as t:
        inputs = [t.input(aval_of(v), v) for v in values]
        return tree.tree_map(concrete_value, f(*inputs))


def staged(f: Any, values: list[Any]) -> Any:
    """Record f abstractly, then evaluate the program."""
    box: list[Any] = []

    def flat(*args: Any) -> list[Any]:
        leaves, treedef = tree.tree_flatten(f(*args))
        static = [
            None if type(leaf) is Tracer or isinstance(leaf, (np.ndarray, np.generic)) else leaf for leaf in leaves
        ]
        box.extend((treedef, static))
        return [leaf for leaf, fixed in zip(leaves, static) if fixed is None]

    program, captures = trace(flat, [aval_of(v) for v in values], purpose="jit")
    with np.errstate(all="ignore"):
        outs = iter(as_function(program)(*captures, *values))
    treedef, static = box
    return tree.tree_unflatten(treedef, [next(outs) if fixed is None else fixed for fixed in static])


def modes(expression: str, staged_too: bool = True) -> Iterator[tuple[str, Any]]:
    """The result in every mode."""
    f, values = function_of(expression), [ARRAYS[a] for a in arguments(expression)]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield "plain", f(fnp, *values)
        for module in (fnp, np):
            yield f"eager {module.__name__}", eager(lambda *a, m=module: f(m, *a), values)
            if staged_too:
                yield f"staged {module.__name__}", staged(lambda *a, m=module: f(m, *a), values)


def assert_same(actual: Any, expected: Any, where: str, rtol: float = 2e-14) -> None:
    """Equal structure, shapes and dtypes, and values equal up to rounding."""
    a, b = (tree.tree_leaves(list(v) if isinstance(v, tuple) else v) for v in (actual, expected))
    assert len(a) == len(b), f"{where}: {len(a)} results, NumPy has {len(b)}"
    for x, y in zip(a, b):
        if isinstance(y, np.dtype):
            assert x == y, where
            continue
        assert np.shape(x) == np.shape(y), f"{where}: shape {np.shape(x)}, NumPy has {np.shape(y)}"
        assert np.asarray(x).dtype == np.asarray(y).dtype, (
            f"{where}: dtype {np.asarray(x).dtype}, NumPy has {np.asarray(y).dtype}"
        )
        tolerance = rtol if np.asarray(y).dtype.itemsize > 4 or np.asarray(y).dtype.kind != "f" else 3e-6
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance, err_msg=where)
