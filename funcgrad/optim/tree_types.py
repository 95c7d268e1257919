"""Pytrees like others: in shape, in dtype, or filled with random numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import random, tree
from ..numpy.promotion import array_operand, convert
from .moments import full_like

_map, _leaves = tree.tree_map, tree.tree_leaves


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


def tree_cast(tree: Any, dtype: Any) -> Any:
    """Every leaf in a dtype; None leaves them as they are.

    Example:
        >>> import numpy as np
        >>> tree_cast({"a": np.zeros(2)}, np.float32)
        {'a': array([0., 0.], dtype=float32)}
    """
    return tree if dtype is None else _map(lambda x: convert(array_operand(x), np.dtype(dtype)), tree)


def tree_cast_like(tree: Any, other_tree: Any) -> Any:
    """Every leaf in the dtype of the leaf of another pytree.

    Example:
        >>> import numpy as np
        >>> tree_cast_like({"a": np.zeros(2)}, {"a": np.float32(1)})
        {'a': array([0., 0.], dtype=float32)}
    """
    return _map(lambda x, y: convert(array_operand(x), array_operand(y).dtype), tree, other_tree)


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
