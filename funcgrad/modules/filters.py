"""Which leaves of a tree are arrays, and trees taken apart into those and the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import tree
from ..core.tracing import Tracer

Spec = Any  # a function of one leaf to a truth value, or a pytree prefix of truth values and such functions


def is_array(x: Any) -> bool:
    """Whether x is an array: a NumPy array or scalar, or a traced value. Python numbers are not.

    Example:
        >>> import numpy as np
        >>> is_array(np.ones(2)), is_array(1.0)
        (True, False)
    """
    return type(x) is Tracer or isinstance(x, (np.ndarray, np.generic))


def is_array_like(x: Any) -> bool:
    """Whether x is an array or a Python number.

    Example:
        >>> is_array_like(1.0), is_array_like("1")
        (True, False)
    """
    return is_array(x) or isinstance(x, (bool, int, float, complex))


def is_inexact_array(x: Any) -> bool:
    """Whether x is an array of floating-point or complex numbers, which has derivatives.

    Example:
        >>> import numpy as np
        >>> is_inexact_array(np.ones(2)), is_inexact_array(np.array([1]))
        (True, False)
    """
    return is_array(x) and x.dtype.kind in "fc"


def is_inexact_array_like(x: Any) -> bool:
    """Whether x is an array of floating-point or complex numbers, or a Python number of that kind.

    Example:
        >>> is_inexact_array_like(1.0), is_inexact_array_like(1)
        (True, False)
    """
    return is_inexact_array(x) or isinstance(x, (float, complex))


def _is_none(x: Any) -> bool:
    return x is None


def _chosen(pytree: Any, spec: Spec, is_leaf: Callable[[Any], bool] | None, what: str) -> tuple[list, list, Any]:
    """The leaves, whether each is chosen, and the structure."""
    leaves, treedef = tree.tree_flatten(pytree, is_leaf)
    whole = tree.tree_unflatten(treedef, range(len(leaves)))
    specs = tree.broadcast_prefix(spec, whole, what=what)
    chosen = [bool(s(leaf)) if callable(s) else s for s, leaf in zip(specs, leaves)]
    wrong = [c for c in chosen if not isinstance(c, (bool, np.bool_))]
    if wrong:
        raise TypeError(
            f"{what}: the filter holds {wrong[0]!r}.\nFix: give a function of a leaf, or a tree of True and False."
        )
    return leaves, chosen, treedef


def filter(
    pytree: Any,
    filter_spec: Spec,
    inverse: bool = False,
    replace: Any = None,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:
    """The tree with the leaves that are not chosen replaced by None.

    Args:
        pytree: any tree.
        filter_spec: a function of one leaf, such as `is_array`, or a pytree prefix of truth values and such functions.
        inverse: keep the others instead.
        replace: what takes their place.
        is_leaf: as in `tree.flatten`.

    Raises:
        ValueError: the filter is no prefix of the tree.
        TypeError: it holds something else.

    Example:
        >>> filter({"a": 1.5, "b": "text"}, is_array_like)
        {'a': 1.5, 'b': None}

    Reference: https://docs.kidger.site/equinox/api/manipulation/, whose interface this follows.
    """
    leaves, chosen, treedef = _chosen(pytree, filter_spec, is_leaf, "filter")
    return tree.tree_unflatten(treedef, [x if c != inverse else replace for x, c in zip(leaves, chosen)])


def partition(
    pytree: Any, filter_spec: Spec, replace: Any = None, is_leaf: Callable[[Any], bool] | None = None
) -> tuple[Any, Any]:
    """The tree with the chosen leaves only, and the tree with the others only; see `filter` and `combine`.

    Example:
        >>> partition([1.5, "text"], is_array_like)
        ([1.5, None], [None, 'text'])
    """
    leaves, chosen, treedef = _chosen(pytree, filter_spec, is_leaf, "partition")
    first = [x if c else replace for x, c in zip(leaves, chosen)]
    second = [replace if c else x for x, c in zip(leaves, chosen)]
    return tree.tree_unflatten(treedef, first), tree.tree_unflatten(treedef, second)


def combine(*pytrees: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """Of each leaf the first that is not None, of trees with one structure; undoes `partition`.

    Raises:
        ValueError: the structures differ; the text names the first differing path.

    Example:
        >>> combine([1.5, None], [None, "text"])
        [1.5, 'text']
    """

    def stop(x: Any) -> bool:
        return x is None or (is_leaf is not None and is_leaf(x))

    treedef = tree.tree_structure(pytrees[0], stop)
    rows = [_leaves_at(treedef, other, stop) for other in pytrees]
    return tree.tree_unflatten(treedef, [next((x for x in row if x is not None), None) for row in zip(*rows)])


def _leaves_at(treedef: Any, other: Any, stop: Callable[[Any], bool]) -> list[Any]:
    leaves, found = tree.tree_flatten(other, stop)
    if found != treedef:
        treedef.flatten_up_to(other, "combine")  # raises, and says where, unless only a leaf is deeper
        raise ValueError(f"combine: trees differ in structure: {treedef} and {found}")
    return leaves
