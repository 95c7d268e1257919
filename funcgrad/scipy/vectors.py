"""Pytrees of real arrays as float64 vectors, which is what SciPy's solvers take.

With this module a solver can hand SciPy one contiguous float64 vector and hand users pytrees with the dtypes they gave.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import tree
from ..core.avals import PYTHON_SCALARS
from ..core.tracing import Tracer, check_array
from ..numpy import promotion

FLOAT = np.dtype(np.float64)


class Vector:
    """How the leaves of a pytree lie in one vector: one after the other, each in C order.

    A list or tuple of Python numbers is one array, as for SciPy. Integers become float64, float32 stays float32.
    """

    def __init__(self, where: str, name: str, example: Any) -> None:
        """Learn structure, shapes and dtypes from an example.

        Raises:
            TypeError: a leaf is no array of real numbers, naming it.
        """
        self.where, self.name = where, name
        example = as_array(example)
        paths, self.treedef = tree.tree_flatten_with_path(example)
        self.paths = [tree.keystr(path) for path, _ in paths]
        leaves = [check_array(x, f"{where}: {name}{text}") for text, (_, x) in zip(self.paths, paths)]
        self.shapes = [tuple(np.shape(x)) for x in leaves]
        self.dtypes = [self._dtype(text, x) for text, x in zip(self.paths, leaves)]
        self.sizes = [int(np.prod(s, dtype=np.int64)) for s in self.shapes]
        self.size = sum(self.sizes)
        self.is_array = self.treedef == tree.tree_structure(0) and len(self.shapes[0]) == 1
        if self.size == 0:
            raise ValueError(f"{where}: {name} holds no numbers, so there is nothing to solve for.")

    def _dtype(self, path: str, leaf: Any) -> np.dtype:
        dtype = leaf.dtype if hasattr(leaf, "dtype") else np.dtype(type(leaf))
        if dtype.kind not in "iuf":
            raise TypeError(
                f"{self.where}: {self.name}{path} has dtype {dtype}; the unknowns must be real numbers.\n"
                "Fix: pass floats; a complex number as two real ones."
            )
        return dtype if dtype.kind == "f" else FLOAT

    def flatten(self, value: Any, name: str) -> Any:
        """The float64 vector of a pytree built like the example.

        Raises:
            ValueError: another structure or other shapes, naming them.
        """
        leaves, treedef = tree.tree_flatten(as_array(value) if self.is_array else value)
        if treedef != self.treedef:
            raise ValueError(
                f"{self.where}: {name} has the structure {treedef}, but {self.name} has {self.treedef}.\n"
                "Fix: build it like the other one."
            )
        for path, shape, x in zip(self.paths, self.shapes, leaves):
            if tuple(np.shape(x)) != shape:
                raise ValueError(f"{self.where}: {name}{path} has shape {tuple(np.shape(x))}, {self.name} has {shape}.")
        return joined(leaves)

    def unflatten(self, vector: Any) -> Any:
        """The pytree of a vector, in the dtypes of the example."""
        leaves, start = [], 0
        for shape, dtype, size in zip(self.shapes, self.dtypes, self.sizes):
            part = vector if size == self.size else vector[start : start + size]
            leaves.append(_shaped(part, shape, dtype))
            start += size
        return tree.tree_unflatten(self.treedef, leaves)

    def unflatten_rows(self, matrix: Any) -> Any:
        """Leaves of shape (rows, *shape) of a matrix with one vector in each row."""
        starts = np.cumsum([0, *self.sizes])
        rows = matrix.shape[0]
        leaves = [
            np.reshape(matrix[:, a:b], (rows, *shape)).astype(dtype)
            for a, b, shape, dtype in zip(starts, starts[1:], self.shapes, self.dtypes)
        ]
        return tree.tree_unflatten(self.treedef, leaves)


def as_array(value: Any) -> Any:
    """A list or tuple of Python numbers as an array; anything else as it is."""
    numbers = type(value) in (list, tuple) and value and all(type(x) in (int, float) for x in value)
    return np.array(value, FLOAT) if numbers else value


def joined(leaves: list[Any]) -> Any:
    """Arrays, numbers and traced values as one float64 vector of their own."""
    flat = [np.reshape(promotion.convert(promotion.array_operand(x), FLOAT), (-1,)) for x in leaves]
    if not flat:
        return np.zeros(0)
    vector = flat[0] if len(flat) == 1 else np.concatenate(flat)
    return vector if type(vector) is Tracer else np.array(vector, FLOAT, order="C")


def _shaped(part: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    if type(part) is not Tracer:
        return np.array(part, dtype).reshape(shape)[()]
    return promotion.convert(np.reshape(part, shape), dtype)


def is_number(value: Any) -> bool:
    """Whether a value is a Python number, a NumPy scalar or an array of shape ()."""
    return isinstance(value, PYTHON_SCALARS) or (hasattr(value, "dtype") and np.shape(value) == ())


__all__ = ["FLOAT", "Vector", "as_array", "is_number", "joined"]
