"""Euclidean projections of pytrees onto sets: the nearest point of the set, for projected gradient descent.

    params = projections.projection_simplex(optim.apply_updates(params, updates))

A pytree counts as one vector. All are differentiable (where the nearest point changes its face, one-sidedly).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import numpy as fnp
from .. import tree as trees
from ..api.custom import custom_jvp
from ..numpy.promotion import array_operand
from .flattening import cut, joined
from .moments import number_like, refuse_complex
from .tree_utils import tree_add_scale, tree_mul, tree_norm, tree_scale, tree_vdot

__all__ = [
    "projection_box",
    "projection_halfspace",
    "projection_hypercube",
    "projection_hyperplane",
    "projection_l1_ball",
    "projection_l1_sphere",
    "projection_l2_ball",
    "projection_l2_sphere",
    "projection_linf_ball",
    "projection_non_negative",
    "projection_simplex",
    "projection_vector",
]

_PARTS = "project real and imaginary parts as two real arrays."


def projection_non_negative(tree: Any) -> Any:
    """The nearest tree without negative entries: max(x, 0).

    Example:
        >>> import numpy as np
        >>> projection_non_negative({"a": np.array([-1.0, 2.0])})
        {'a': array([0., 2.])}
    """
    refuse_complex(tree, "projection_non_negative", _PARTS)
    return trees.tree_map(lambda x: fnp.maximum(x, number_like(0.0, x)), tree)


def _spread(bound: Any, tree: Any) -> Any:
    """A bound for every leaf: the bound itself where it is a tree like this one, else one number for all."""
    same = trees.tree_structure(bound) == trees.tree_structure(tree)
    return bound if same else trees.tree_map(lambda x: bound, tree)


def projection_box(tree: Any, lower: Any, upper: Any) -> Any:
    """The nearest tree with lower <= x <= upper.

    Args:
        tree: a pytree of real arrays.
        lower, upper: numbers, or pytrees of the same structure.

    Example:
        >>> import numpy as np
        >>> projection_box({"a": np.array([-1.0, 0.5, 2.0])}, 0.0, 1.0)
        {'a': array([0. , 0.5, 1. ])}
    """
    refuse_complex(tree, "projection_box", _PARTS)
    bounds = _spread(lower, tree), _spread(upper, tree)
    return trees.tree_map(lambda x, a, b: fnp.clip(x, number_like(a, x), number_like(b, x)), tree, *bounds)


def projection_hypercube(tree: Any, scale: Any = 1.0) -> Any:
    """The nearest tree with 0 <= x <= scale.

    Args:
        tree: a pytree of real arrays.
        scale: a number, or a pytree of the same structure.

    Example:
        >>> import numpy as np
        >>> projection_hypercube(np.array([-1.0, 0.5, 3.0]), 2.0)
        array([0. , 0.5, 2. ])
    """
    return projection_box(tree, 0.0, scale)


def projection_linf_ball(tree: Any, scale: Any = 1.0) -> Any:
    """The nearest tree whose entries are at most `scale` in absolute value.

    Example:
        >>> import numpy as np
        >>> projection_linf_ball(np.array([-3.0, 0.5]), 2.0)
        array([-2. ,  0.5])
    """
    return projection_box(tree, -scale, scale)


@custom_jvp
def _unit_simplex(x: Any) -> Any:
    """max(x - t, 0), with t so that the sum is 1: of the largest k entries, k as large as leaves them positive."""
    ordered = fnp.flip(fnp.sort(x), 0)
    counts = np.arange(1, x.shape[0] + 1).astype(x.dtype)
    levels = (fnp.cumsum(ordered) - 1) / counts
    last = fnp.sum(ordered > levels) - 1
    return fnp.maximum(x - fnp.take(levels, last), number_like(0.0, x))


@_unit_simplex.defjvp
def _unit_simplex_jvp(primals: Any, tangents: Any) -> Any:
    out = _unit_simplex(*primals)
    inside = (out > 0).astype(out.dtype)
    moved = inside * tangents[0]
    return out, moved - inside * (fnp.sum(moved) / fnp.sum(inside))


def projection_simplex(tree: Any, scale: Any = 1.0) -> Any:
    """The nearest tree whose entries are not negative and have the sum `scale`: probabilities, for 1.

    Args:
        tree: a pytree of real arrays with at least one entry.
        scale: a positive number.

    Raises:
        TypeError: for complex leaves.
        ValueError: for a tree without entries.

    Example:
        >>> import numpy as np
        >>> projection_simplex({"a": np.array([0.5, 1.2]), "b": -0.3})
        {'a': array([0.15, 0.85]), 'b': array(0.)}

    Reference: J. Duchi et al., Efficient projections onto the l1-ball for learning in high dimensions, ICML 2008.
    """
    refuse_complex(tree, "projection_simplex", _PARTS)
    if not sum(array_operand(leaf).size for leaf in trees.tree_leaves(tree)):
        raise ValueError("projection_simplex: the tree has no entries, so no sum but 0.")
    flat = joined(tree)
    scale = number_like(scale, flat)
    return cut(_unit_simplex(flat / scale) * scale, tree)


def projection_l1_sphere(tree: Any, scale: Any = 1.0) -> Any:
    """A nearest tree whose absolute values have the sum `scale`; zeros stay zero.

    Example:
        >>> import numpy as np
        >>> projection_l1_sphere(np.array([-0.5, 1.2]))
        array([-0.15,  0.85])
    """
    refuse_complex(tree, "projection_l1_sphere", _PARTS)
    return tree_mul(trees.tree_map(fnp.sign, tree), projection_simplex(trees.tree_map(fnp.absolute, tree), scale))


def projection_l1_ball(tree: Any, scale: Any = 1.0) -> Any:
    """The nearest tree whose absolute values have a sum of at most `scale`: many entries become exactly 0.

    Example:
        >>> import numpy as np
        >>> projection_l1_ball(np.array([-0.5, 1.2])), projection_l1_ball(np.array([-0.5, 0.2]))
        (array([-0.15,  0.85]), array([-0.5,  0.2]))

    Reference: J. Duchi et al., Efficient projections onto the l1-ball for learning in high dimensions, ICML 2008.
    """
    inside = tree_norm(tree, ord=1) <= scale
    return trees.tree_map(lambda x, y: fnp.where(inside, x, y), tree, projection_l1_sphere(tree, scale))


def projection_l2_sphere(tree: Any, scale: Any = 1.0) -> Any:
    """The nearest tree of Euclidean norm `scale`; there is none for a tree of zeros, which gives NaN.

    Example:
        >>> import numpy as np
        >>> projection_l2_sphere({"a": np.array([3.0]), "b": 4.0}, 10.0)
        {'a': array([6.]), 'b': np.float64(8.0)}
    """
    return tree_scale(scale / tree_norm(tree), tree)


def projection_l2_ball(tree: Any, scale: Any = 1.0) -> Any:
    """The nearest tree of Euclidean norm at most `scale`.

    Example:
        >>> import numpy as np
        >>> projection_l2_ball(np.array([3.0, 4.0])), projection_l2_ball(np.array([0.3, 0.4]))
        (array([0.6, 0.8]), array([0.3, 0.4]))
    """
    norm = tree_norm(tree)
    return tree_scale(scale / fnp.maximum(norm, number_like(scale, norm)), tree)


def projection_vector(x: Any, a: Any) -> Any:
    """The nearest multiple of a: <x, a> / <a, a> a.

    Example:
        >>> import numpy as np
        >>> projection_vector(np.array([2.0, 3.0]), np.array([2.0, 0.0]))
        array([2., 0.])
    """
    return tree_scale(tree_vdot(a, x) / tree_norm(a, squared=True), a)


def projection_hyperplane(x: Any, a: Any, b: Any) -> Any:
    """The nearest tree y with <a, y> = b.

    Example:
        >>> import numpy as np
        >>> projection_hyperplane(np.array([2.0, 3.0]), np.array([2.0, 0.0]), 2.0)
        array([1., 3.])
    """
    return tree_add_scale(x, (b - tree_vdot(a, x)) / tree_norm(a, squared=True), a)


def projection_halfspace(x: Any, a: Any, b: Any) -> Any:
    """The nearest tree y with <a, y> <= b.

    Example:
        >>> import numpy as np
        >>> projection_halfspace(np.array([2.0, 3.0]), np.array([2.0, 0.0]), 2.0)
        array([1., 3.])
        >>> projection_halfspace(np.array([0.5, 3.0]), np.array([2.0, 0.0]), 2.0)
        array([0.5, 3. ])
    """
    refuse_complex(x, "projection_halfspace", _PARTS)
    step = (b - tree_vdot(a, x)) / tree_norm(a, squared=True)
    return tree_add_scale(x, fnp.minimum(step, number_like(0.0, step)), a)
