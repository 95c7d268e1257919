"""`ravel_pytree`: exact round trips, under transformations, and error texts."""

from __future__ import annotations

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import modules
from funcgrad.flatten_util import ravel_pytree

TREE = {
    "w": np.arange(6.0, dtype=np.float32).reshape(2, 3),
    "b": (1.5, np.array([7, -3], np.int32), None),
    "flag": np.array(True),
    "empty": np.zeros((0, 2)),
}


def test_round_trip_restores_structure_shapes_and_dtypes() -> None:
    vector, unravel = ravel_pytree(TREE)
    np.testing.assert_array_equal(vector, [1.5, 7, -3, 1, 0, 1, 2, 3, 4, 5])
    assert vector.dtype == np.float64
    back = unravel(vector)
    assert fg.tree.structure(back) == fg.tree.structure(TREE)
    assert modules.tree_equal(back, {**TREE, "b": (np.float64(1.5), *TREE["b"][1:])})
    whole, restore = ravel_pytree([np.array([2**60 + 1]), np.int8(3)])
    assert whole.dtype == np.int64 and restore(whole)[0][0] == 2**60 + 1 and restore(whole)[1].dtype == np.int8
    nothing, restore = ravel_pytree([])
    assert nothing.shape == (0,) and restore(nothing) == []


def test_under_transformations() -> None:
    vector, unravel = ravel_pytree({"a": np.array([1.0, 2.0]), "b": 3.0})

    def loss(v: np.ndarray) -> np.ndarray:
        tree = unravel(v)
        return (tree["a"] ** 2).sum() * tree["b"]

    np.testing.assert_allclose(fg.grad(loss)(vector), [6, 12, 5])
    np.testing.assert_allclose(fg.grad(lambda t: (ravel_pytree(t)[0] ** 2).sum())({"a": 2.0, "b": 3.0})["b"], 6)
    np.testing.assert_allclose(fg.vmap(loss)(np.stack([vector, 2 * vector])), [15, 120])
    traces = []
    compiled = fg.jit(lambda unravel, v: traces.append(1) or unravel(2 * v)["a"])
    np.testing.assert_array_equal(compiled(unravel, vector), [2, 4])
    compiled(ravel_pytree({"a": np.array([0.0, 2.0]), "b": 1.0})[1], vector)
    assert len(traces) == 1


def test_errors() -> None:
    with pytest.raises(TypeError, match=r"ravel_pytree: the leaf at \['a'\]\[1\] is 'x' of type str"):
        ravel_pytree({"a": [1.0, "x"]})
    vector, unravel = ravel_pytree(TREE)
    with pytest.raises(ValueError, match=r"unravel: got float64 of shape \(9,\), not float64 of shape \(10,\)"):
        unravel(vector[:-1])
    with pytest.raises(ValueError, match="unravel: got float32"):
        unravel(vector.astype(np.float32))
