# ruff: noqa: E501
"""Every function compiled by jit, and mapped by vmap, against NumPy."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy_modes import ARRAYS, arguments, assert_same, function_of, reference
from test_values import CALLS, METHODS, _split

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import tree
from funcgrad.core.tracing import Tracer

EXPRESSIONS = _split(CALLS) + _split(METHODS)
SIZE = 2


class Kept:
    """Returns the leaves of a result that are arrays, and remembers their positions; shapes and the like are no outputs."""

    def __init__(self, f: Any) -> None:
        self.f, self.positions = f, []

    def __call__(self, *args: Any) -> list[Any]:
        leaves = tree.tree_leaves(self.f(fnp, *args))
        kinds = (Tracer, np.ndarray, np.generic)
        self.positions = [k for k, v in enumerate(leaves) if isinstance(v, kinds)]
        return [leaves[k] for k in self.positions]

    def select(self, expected: Any) -> list[Any]:
        leaves = tree.tree_leaves(expected)
        return [np.asarray(leaves[k])[()] for k in self.positions]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_compiled(expression: str) -> None:
    f, values = Kept(function_of(expression)), [ARRAYS[a] for a in arguments(expression)]
    with np.errstate(all="ignore"):
        actual = fg.jit(f)(*values)
    assert_same(actual, f.select(reference(expression)), f"jit {expression}", rtol=1e-11)


def _moved(value: Any, k: int) -> Any:
    """The same operand a little different for every example; integers and truth values stay."""
    return value * (1 + 0.01 * k) if np.asarray(value).dtype.kind == "f" else value


@pytest.mark.parametrize("expression", [e for e in EXPRESSIONS if arguments(e)])
def test_mapped(expression: str) -> None:
    f, names = function_of(expression), arguments(expression)
    examples = [[np.asarray(_moved(ARRAYS[a], k)).astype(ARRAYS[a].dtype) for a in names] for k in range(SIZE)]
    kept = Kept(f)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        actual = fg.vmap(kept)(*[np.stack(column) for column in zip(*examples)])
        expected = [kept.select(f(np, *[v[()] for v in example])) for example in examples]
    for k in range(SIZE):
        assert_same([np.asarray(v)[k] for v in actual], expected[k], f"vmap {expression}", rtol=1e-12)
