"""Pytrees of arrays as single vectors, for optimizers, samplers and solvers that know vectors only."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

from . import numpy as fnp
from . import tree
from .core.tracing import Tracer, check_array
from .numpy import promotion

__all__ = ["ravel_pytree"]


def ravel_pytree(pytree: Any) -> tuple[Any, tree.Partial]:
    """All numbers of a pytree as one vector, and the function that takes vectors back to pytrees.

    Args:
        pytree: any nest of arrays and numbers.

    Returns:
        A vector of the common dtype of all leaves, and `unravel(vector)`, which restores structure, shapes and dtypes.
        Both can be differentiated, compiled and batched.

    Raises:
        TypeError: a leaf is no array.
        ValueError: by `unravel`, for a vector of another shape or dtype.

    Example:
        >>> import numpy as np
        >>> vector, unravel = ravel_pytree({"w": np.ones((2, 2), np.float32), "b": np.array([3.0, 4.0])})
        >>> vector
        array([3., 4., 1., 1., 1., 1.])
        >>> unravel(2 * vector)["w"]
        array([[2., 2.],
               [2., 2.]], dtype=float32)

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.flatten_util.ravel_pytree.html, whose interface this
    follows.
    """
    pairs, treedef = tree.tree_flatten_with_path(pytree)
    leaves = [_array(path, leaf) for path, leaf in pairs]
    shapes, dtypes = tuple(tuple(x.shape) for x in leaves), tuple(x.dtype for x in leaves)
    dtype = np.result_type(*dtypes) if leaves else np.dtype(np.float64)
    parts = [fnp.reshape(promotion.convert(x, dtype), (-1,)) for x in leaves]
    vector = fnp.concatenate(parts) if parts else fnp.zeros((0,), dtype)
    return vector, tree.Partial(_Unravel(treedef, shapes, dtypes, dtype))


def _array(path: Any, leaf: Any) -> Any:
    if type(leaf) is not Tracer:
        check_array(leaf, f"ravel_pytree: the leaf at {tree.keystr(path) or 'the root'}")
    return promotion.array_operand(leaf, "ravel_pytree")


class _Unravel:
    """Comparable, so that a function which takes `unravel` as an argument compiles once for each structure."""

    def __init__(self, treedef: Any, shapes: tuple, dtypes: tuple, dtype: np.dtype) -> None:
        self.layout = (treedef, shapes, dtypes, dtype)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Unravel) and self.layout == other.layout

    def __hash__(self) -> int:
        return hash(self.layout)

    def __call__(self, vector: Any) -> Any:
        treedef, shapes, dtypes, dtype = self.layout
        vector = promotion.array_operand(vector, "unravel")
        ends = np.cumsum([0, *(math.prod(s) for s in shapes)]).tolist()
        if tuple(vector.shape) != (ends[-1],) or vector.dtype != dtype:
            raise ValueError(
                f"unravel: got {vector.dtype} of shape {tuple(vector.shape)}, not {dtype} of shape {(ends[-1],)}.\n"
                "Fix: give a vector like the one that ravel_pytree returned."
            )
        parts = [vector[start:end] for start, end in pairwise(ends)]
        leaves = [promotion.convert(fnp.reshape(p, s)[()], d) for p, s, d in zip(parts, shapes, dtypes)]
        return tree.tree_unflatten(treedef, leaves)
