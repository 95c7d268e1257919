"""Arithmetic on pytrees, by the names of `optax.tree_utils`; `optim.tree` has the same functions without `tree_`.

Binary operations take trees of one structure. Scalars take the dtype of the leaf they meet.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import numpy as fnp
from .. import random, tree
from ..numpy.promotion import array_operand, convert
from .clipping import safe_root
from .moments import full_like, number_like, unbiased
from .tree_state import NamedTupleKey, tree_get, tree_get_all_with_path, tree_map_params, tree_set


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


def tree_zeros_like(tree: Any, dtype: Any = None) -> Any:
    """Zeros of the shapes and dtypes of a pytree.

    Example:
        >>> tree_zeros_like({"a": 2.0})
        {'a': array(0.)}
    """
    return full_like(tree, 0, dtype)


def tree_ones_like(tree: Any, dtype: Any = None) -> Any:
    """Ones of the shapes and dtypes of a pytree.

    Example:
        >>> tree_ones_like({"a": 2.0})
        {'a': array(1.)}
    """
    return full_like(tree, 1, dtype)


def tree_full_like(tree: Any, fill_value: Any, dtype: Any = None) -> Any:
    """One number in the shapes and dtypes of a pytree.

    Example:
        >>> tree_full_like({"a": 2.0}, 7.0)
        {'a': array(7.)}
    """
    return full_like(tree, fill_value, dtype)


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


def tree_cast(tree: Any, dtype: Any) -> Any:
    """Every leaf in a dtype; None leaves them as they are.

    Example:
        >>> import numpy as np
        >>> tree_cast({"a": np.zeros(2)}, np.float32)
        {'a': array([0., 0.], dtype=float32)}
    """
    return tree if dtype is None else _map(lambda x: convert(array_operand(x), np.dtype(dtype)), tree)


def tree_dtype(tree: Any, mixed_dtype_handler: str | None = None) -> np.dtype:
    """The dtype of the leaves.

    Args:
        mixed_dtype_handler: what to do when they differ: None to raise, "promote", "highest" or "lowest".

    Raises:
        ValueError: when they differ and no handler is given; for another handler.

    Example:
        >>> import numpy as np
        >>> tree_dtype({"a": np.zeros(2, np.float32), "b": np.zeros(2)}, "lowest")
        dtype('float32')
    """
    dtypes = [array_operand(x).dtype for x in _leaves(tree)]
    if not dtypes:
        return np.dtype(np.float64)
    if mixed_dtype_handler is None:
        if len(set(dtypes)) > 1:
            raise ValueError(f"tree_dtype: the leaves have dtypes {sorted(map(str, set(dtypes)))}.")
        return dtypes[0]
    if mixed_dtype_handler == "promote":
        return np.result_type(*dtypes)
    if mixed_dtype_handler in ("highest", "lowest"):
        by_size = sorted(dtypes, key=lambda d: np.result_type(d, np.float16).itemsize)
        return by_size[-1 if mixed_dtype_handler == "highest" else 0]
    raise ValueError(
        f'tree_dtype: mixed_dtype_handler must be None, "promote", "highest" or "lowest", got {mixed_dtype_handler!r}.'
    )


def tree_allclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    """Whether all elements of two pytrees are close, see `numpy.allclose`.

    Example:
        >>> bool(tree_allclose({"a": 1.0}, {"a": 1.0 + 1e-9}))
        True
    """
    close = tree.tree_map(lambda x, y: fnp.allclose(x, y, rtol=rtol, atol=atol, equal_nan=equal_nan), a, b)
    return functools.reduce(fnp.logical_and, tree.tree_leaves(close), np.True_)


def tree_split_key_like(rng_key: Any, target_tree: Any) -> Any:
    """One key for every leaf of a pytree.

    Example:
        >>> from funcgrad import random
        >>> tree_split_key_like(random.key(0), {"a": 1.0})["a"].shape
        (2,)
    """
    structure = tree.tree_structure(target_tree)
    count = len(tree.tree_leaves(target_tree))
    keys = random.split(rng_key, count)
    return tree.tree_unflatten(structure, [keys[i] for i in range(count)])


def tree_random_like(
    rng_key: Any, target_tree: Any, sampler: Callable[..., Any] = random.normal, dtype: Any = None
) -> Any:
    """Random numbers in the structure, shapes and dtypes of a pytree.

    Args:
        rng_key: a key of `random`.
        target_tree: a pytree of arrays.
        sampler: a function of key, shape and dtype.
        dtype: dtype of the numbers; None for those of the leaves.

    Example:
        >>> import numpy as np
        >>> from funcgrad import random
        >>> tree_random_like(random.key(0), {"a": np.zeros((2, 3))})["a"].shape
        (2, 3)
    """

    def draw(leaf: Any, key: Any) -> Any:
        leaf = array_operand(leaf)
        return sampler(key, tuple(leaf.shape), dtype or leaf.dtype)

    return tree.tree_map(draw, target_tree, tree_split_key_like(rng_key, target_tree))


def tree_cast_like(tree: Any, other_tree: Any) -> Any:
    """Every leaf in the dtype of the leaf of another pytree.

    Example:
        >>> import numpy as np
        >>> tree_cast_like({"a": np.zeros(2)}, {"a": np.float32(1)})
        {'a': array([0., 0.], dtype=float32)}
    """
    return _map(lambda x, y: convert(array_operand(x), array_operand(y).dtype), tree, other_tree)


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
