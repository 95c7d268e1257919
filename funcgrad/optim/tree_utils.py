"""Arithmetic on pytrees, by the names of `optax.tree_utils`; `optim.tree` has the same functions without `tree_`.

Binary operations take trees of one structure. Scalars take the dtype of the leaf they meet.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np

from .. import numpy as fnp
from .. import tree
from ..numpy.promotion import array_operand
from .clipping import safe_root
from .moments import number_like, unbiased
from .tree_state import NamedTupleKey, tree_get, tree_get_all_with_path, tree_map_params, tree_set
from .tree_types import (
    tree_cast,
    tree_cast_like,
    tree_dtype,
    tree_full_like,
    tree_ones_like,
    tree_random_like,
    tree_split_key_like,
    tree_zeros_like,
)


def tree_add(tree_x: Any, tree_y: Any, *other_trees: Any) -> Any:
    """x + y + ..., leaf by leaf.

    Example:
        >>> tree_add({"a": 1.0}, {"a": 2.0}, {"a": 3.0})
        {'a': 6.0}
    """
    return tree.tree_map(lambda *leaves: functools.reduce(operator.add, leaves), tree_x, tree_y, *other_trees)


def tree_sub(tree_x: Any, tree_y: Any) -> Any:
    """x - y, leaf by leaf.

    Example:
        >>> tree_sub({"a": 1.0}, {"a": 3.0})
        {'a': -2.0}
    """
    return tree.tree_map(operator.sub, tree_x, tree_y)


def tree_mul(tree_x: Any, tree_y: Any) -> Any:
    """x * y, leaf by leaf.

    Example:
        >>> tree_mul({"a": 2.0}, {"a": 3.0})
        {'a': 6.0}
    """
    return tree.tree_map(operator.mul, tree_x, tree_y)


def tree_div(tree_x: Any, tree_y: Any) -> Any:
    """x / y, leaf by leaf.

    Example:
        >>> tree_div({"a": 3.0}, {"a": 2.0})
        {'a': 1.5}
    """
    return tree.tree_map(operator.truediv, tree_x, tree_y)


def tree_scale(scalar: Any, tree: Any) -> Any:
    """scalar * x, leaf by leaf.

    Example:
        >>> tree_scale(0.5, {"a": 3.0})
        {'a': 1.5}
    """
    return _map(lambda x: x * number_like(scalar, x), tree)


def tree_add_scale(tree_x: Any, scalar: Any, tree_y: Any) -> Any:
    """x + scalar * y, leaf by leaf.

    Example:
        >>> tree_add_scale({"a": 1.0}, 0.5, {"a": 4.0})
        {'a': 3.0}
    """
    return tree.tree_map(lambda x, y: x + y * number_like(scalar, y), tree_x, tree_y)


tree_add_scalar_mul = tree_add_scale
tree_scalar_mul = tree_scale


def tree_vdot(tree_x: Any, tree_y: Any) -> Any:
    """The inner product of all elements; complex leaves of `tree_x` are conjugated.

    Example:
        >>> import numpy as np
        >>> tree_vdot({"a": np.array([1.0, 2.0]), "b": 3.0}, {"a": np.array([1.0, 1.0]), "b": 2.0})
        np.float64(9.0)
    """
    products = tree.tree_leaves(tree.tree_map(lambda x, y: fnp.sum(_conjugate(x) * y), tree_x, tree_y))
    return functools.reduce(operator.add, products, 0) if products else 0


def _conjugate(x: Any) -> Any:
    x = array_operand(x)
    return fnp.conj(x) if x.dtype.kind == "c" else x


def tree_sum(tree: Any) -> Any:
    """The sum of all elements.

    Example:
        >>> import numpy as np
        >>> tree_sum({"a": np.array([1.0, 2.0]), "b": 3.0})
        np.float64(6.0)
    """
    return functools.reduce(operator.add, [fnp.sum(x) for x in _leaves(tree)], 0)


def tree_max(tree: Any) -> Any:
    """The largest element; -inf when there is none.

    Example:
        >>> import numpy as np
        >>> tree_max({"a": np.array([1.0, 2.0]), "b": 3.0})
        np.float64(3.0)
    """
    found = [fnp.max(x) for x in _leaves(tree) if array_operand(x).size]
    return functools.reduce(fnp.maximum, found) if found else -np.inf


def tree_min(tree: Any) -> Any:
    """The smallest element; inf when there is none.

    Example:
        >>> import numpy as np
        >>> tree_min({"a": np.array([1.0, 2.0]), "b": 3.0})
        np.float64(1.0)
    """
    found = [fnp.min(x) for x in _leaves(tree) if array_operand(x).size]
    return functools.reduce(fnp.minimum, found) if found else np.inf


def tree_size(tree: Any) -> int:
    """How many elements all leaves have together.

    Example:
        >>> import numpy as np
        >>> tree_size({"a": np.zeros((2, 3)), "b": 1.0})
        7
    """
    return sum(int(array_operand(x).size) for x in _leaves(tree))


def tree_norm(tree: Any, ord: Any = None, squared: bool = False) -> Any:
    """The norm of all elements as one vector; the gradient of the Euclidean one at zero is zero.

    Args:
        ord: None or 2, 1, or infinity.
        squared: the square of the norm.

    Raises:
        ValueError: for another `ord`.

    Example:
        >>> import numpy as np
        >>> tree_norm({"a": np.array([3.0]), "b": 4.0}), tree_norm({"a": np.array([3.0]), "b": 4.0}, ord=1)
        (np.float64(5.0), np.float64(7.0))
    """
    if ord is None or ord == 2:
        square = tree_sum(_map(lambda x: fnp.real(_conjugate(x) * x), tree))
        return square if squared else safe_root(square)
    if ord == 1:
        norm = tree_sum(_map(fnp.absolute, tree))
    elif ord in (np.inf, "inf", "infinity"):
        norm = tree_max(_map(fnp.absolute, tree))
    else:
        raise ValueError(f"tree_norm: ord must be None, 1, 2 or infinity, got {ord!r}.")
    return norm * norm if squared else norm


tree_l2_norm = tree_norm


def tree_clip(tree: Any, min_value: Any = None, max_value: Any = None) -> Any:
    """Every element bounded.

    Example:
        >>> tree_clip({"a": 2.0, "b": -3.0}, -1.0, 1.0)
        {'a': np.float64(1.0), 'b': np.float64(-1.0)}
    """
    return _map(
        lambda x: fnp.clip(x, *[None if b is None else number_like(b, x) for b in (min_value, max_value)]), tree
    )


def tree_conj(tree: Any) -> Any:
    """The complex conjugate, leaf by leaf.

    Example:
        >>> tree_conj({"a": 1 + 2j})
        {'a': np.complex128(1-2j)}
    """
    return _map(fnp.conj, tree)


def tree_real(tree: Any) -> Any:
    """The real part, leaf by leaf.

    Example:
        >>> import numpy as np
        >>> tree_real({"a": np.array([1 + 2j])})
        {'a': array([1.])}
    """
    return _map(fnp.real, tree)


def tree_where(condition: Any, tree_x: Any, tree_y: Any) -> Any:
    """x where the condition holds, else y, leaf by leaf.

    Example:
        >>> tree_where(True, {"a": 1.0}, {"a": 2.0})
        {'a': array(1.)}
    """
    return tree.tree_map(lambda x, y: fnp.where(condition, x, y), tree_x, tree_y)


def tree_batch_shape(tree: Any, shape: tuple[int, ...] = ()) -> Any:
    """Every leaf repeated along new leading axes.

    Example:
        >>> import numpy as np
        >>> tree_batch_shape({"a": np.zeros(3)}, (2,))["a"].shape
        (2, 3)
    """
    return _map(lambda x: fnp.broadcast_to(x, (*shape, *array_operand(x).shape)), tree)


def tree_update_moment(updates: Any, moments: Any, decay: Any, order: int) -> Any:
    """(1 - decay) * update^order + decay * moment, leaf by leaf.

    Example:
        >>> tree_update_moment({"a": 3.0}, {"a": 1.0}, 0.5, 2)
        {'a': 5.0}
    """
    return tree.tree_map(
        lambda g, m: g**order * number_like(1 - decay, g) + m * number_like(decay, m), updates, moments
    )


def tree_update_moment_per_elem_norm(updates: Any, moments: Any, decay: Any, order: int) -> Any:
    """(1 - decay) * |update|^order + decay * moment, leaf by leaf; for complex updates, too.

    Example:
        >>> tree_update_moment_per_elem_norm({"a": 3j}, {"a": 1.0}, 0.5, 2)
        {'a': np.float64(5.0)}
    """
    return tree_update_moment(_map(_size, updates), moments, decay, order)


def _size(x: Any) -> Any:
    return fnp.absolute(x) if array_operand(x).dtype.kind == "c" else x


def tree_update_infinity_moment(updates: Any, moments: Any, decay: Any, eps: Any) -> Any:
    """max(|update| + eps, decay * moment), leaf by leaf.

    Example:
        >>> tree_update_infinity_moment({"a": -3.0}, {"a": 1.0}, 0.5, 0.0)
        {'a': np.float64(3.0)}
    """
    return tree.tree_map(
        lambda g, m: fnp.maximum(fnp.absolute(g) + number_like(eps, g), m * number_like(decay, m)), updates, moments
    )


def tree_allclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    """Whether all elements of two pytrees are close, see `numpy.allclose`.

    Example:
        >>> bool(tree_allclose({"a": 1.0}, {"a": 1.0 + 1e-9}))
        True
    """
    close = tree.tree_map(lambda x, y: fnp.allclose(x, y, rtol=rtol, atol=atol, equal_nan=equal_nan), a, b)
    return functools.reduce(fnp.logical_and, tree.tree_leaves(close), np.True_)


def tree_bias_correction(moment: Any, decay: Any, count: Any) -> Any:
    """moment / (1 - decay^count), leaf by leaf.

    Example:
        >>> tree_bias_correction({"a": 1.0}, 0.5, 1)
        {'a': 2.0}
    """
    return unbiased(moment, decay, count)


_map, _leaves = tree.tree_map, tree.tree_leaves

__all__ = [
    "NamedTupleKey",
    "tree_add",
    "tree_add_scalar_mul",
    "tree_add_scale",
    "tree_allclose",
    "tree_batch_shape",
    "tree_bias_correction",
    "tree_cast",
    "tree_cast_like",
    "tree_clip",
    "tree_conj",
    "tree_div",
    "tree_dtype",
    "tree_full_like",
    "tree_get",
    "tree_get_all_with_path",
    "tree_l2_norm",
    "tree_map_params",
    "tree_max",
    "tree_min",
    "tree_mul",
    "tree_norm",
    "tree_ones_like",
    "tree_random_like",
    "tree_real",
    "tree_scalar_mul",
    "tree_scale",
    "tree_set",
    "tree_size",
    "tree_split_key_like",
    "tree_sub",
    "tree_sum",
    "tree_update_infinity_moment",
    "tree_update_moment",
    "tree_update_moment_per_elem_norm",
    "tree_vdot",
    "tree_where",
    "tree_zeros_like",
]
