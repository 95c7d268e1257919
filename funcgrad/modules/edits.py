"""Trees changed at some places, compared, and moved by updates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import numpy as fnp
from .. import tree
from ..core.tracing import Tracer
from .filters import is_array

_NOT_GIVEN: Any = object()


class _Leaf:
    """A leaf in a wrapper of its own, so that equal leaves at different places are different objects."""

    def __init__(self, value: Any) -> None:
        self.value = value


def tree_at(
    where: Callable[[Any], Any],
    pytree: Any,
    replace: Any = _NOT_GIVEN,
    replace_fn: Callable[[Any], Any] = _NOT_GIVEN,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:
    """The tree with one or several of its nodes replaced; the original stays as it is.

    Args:
        where: from the tree to the node, or a tuple or list of nodes, to replace, such as `lambda m: m.layers[0].w`.
        pytree: any tree.
        replace: the new node; for several nodes, as many in the same order.
        replace_fn: instead of `replace`, a function of each old node to the new one.
        is_leaf: as in `tree.flatten`; `lambda x: x is None` allows None to be replaced.

    Returns:
        A tree of the same kind.

    Raises:
        ValueError: `where` returns something that is not one node of the tree, or the numbers of nodes differ.
        TypeError: not exactly one of `replace` and `replace_fn` is given.

    Example:
        >>> tree_at(lambda t: t["b"][1], {"a": 1, "b": [2, 3]}, "new")
        {'a': 1, 'b': [2, 'new']}
        >>> tree_at(lambda t: (t["a"], t["b"]), {"a": 1, "b": [2, 3]}, replace_fn=lambda x: (x, x))
        {'a': (1, 1), 'b': ([2, 3], [2, 3])}

    Reference: https://docs.kidger.site/equinox/api/manipulation/, whose interface this follows.
    """
    if (replace is _NOT_GIVEN) == (replace_fn is _NOT_GIVEN):
        raise TypeError("tree_at: give either replace or replace_fn.")
    wrapped = tree.tree_map(_Leaf, pytree, is_leaf=is_leaf)
    chosen = where(wrapped)
    several = type(chosen) in (tuple, list) and not _is_node(wrapped, chosen)
    nodes = list(chosen) if several else [chosen]
    positions = {id(node): i for i, node in enumerate(nodes)}
    found, treedef = tree.tree_flatten(wrapped, is_leaf=lambda x: id(x) in positions)
    places = [positions.get(id(x)) for x in found]
    _check_places(nodes, places)
    if replace is _NOT_GIVEN:
        new = [replace_fn(_unwrapped(node)) for node in nodes]
    else:
        new = list(replace) if several else [replace]
        if len(new) != len(nodes):
            raise ValueError(f"tree_at: where returns {len(nodes)} nodes, but replace has {len(new)}.")
    return tree.tree_unflatten(treedef, [x.value if p is None else new[p] for x, p in zip(found, places)])


def _is_node(wrapped: Any, node: Any) -> bool:
    found: list[bool] = []
    tree.tree_flatten(wrapped, is_leaf=lambda x: bool(found.append(x is node)))
    return True in found


def _check_places(nodes: list[Any], places: list[int | None]) -> None:
    for i, node in enumerate(nodes):
        if places.count(i) != 1:
            times = "twice or more" if places.count(i) else "nowhere"
            shown = _unwrapped(node)
            raise ValueError(
                f"tree_at: where returns {shown!r}, which is found {times} in the tree.\n"
                "Fix: where must return nodes of the tree as they are, none inside another; "
                "for None pass is_leaf=lambda x: x is None."
            )


def _unwrapped(node: Any) -> Any:
    return tree.tree_map(lambda x: x.value if isinstance(x, _Leaf) else x, node)


def tree_equal(*pytrees: Any, typematch: bool = False, rtol: float = 0.0, atol: float = 0.0) -> Any:
    """Whether trees have one structure and equal leaves.

    Arrays are equal when shape, dtype and all elements are; other leaves by ==.

    Args:
        pytrees: any number of trees.
        typematch: whether leaves must also have one type (np.float64 and an array of shape () differ).
        rtol, atol: tolerances for floating-point elements, as `np.isclose`.

    Returns:
        True or False; a traced truth value when arrays are traced.

    Example:
        >>> import numpy as np
        >>> tree_equal([np.ones(2), "a"], [np.ones(2), "a"]), tree_equal([np.ones(2)], [np.zeros(2)])
        (True, False)

    Reference: https://docs.kidger.site/equinox/api/manipulation/, whose interface this follows.
    """
    if not pytrees:
        return True
    leaves, treedef = tree.tree_flatten(pytrees[0])
    result: Any = True
    for other in pytrees[1:]:
        others, structure = tree.tree_flatten(other)
        if structure != treedef:
            return False
        for x, y in zip(leaves, others):
            same = (not typematch or type(x) is type(y)) and _equal(x, y, rtol, atol)
            if same is False:
                return False
            result = same if result is True else result & same
    return result


def _equal(x: Any, y: Any, rtol: float, atol: float) -> Any:
    if not (is_array(x) and is_array(y)):
        return not is_array(x) and not is_array(y) and type(x) is type(y) and bool(x == y)
    if x.shape != y.shape or x.dtype != y.dtype:
        return False
    near = fnp.isclose(x, y, rtol, atol) if (rtol or atol) and x.dtype.kind in "fc" else x == y
    same = fnp.all(near)
    return same if type(same) is Tracer else bool(same)


def apply_updates(model: Any, updates: Any) -> Any:
    """The model plus updates, leaf by leaf; where the update is None the leaf stays.

    Args:
        model: any tree.
        updates: a tree of the same structure, with None for leaves that stay, as `filter_grad` gives it.

    Returns:
        A tree like the model, with its dtypes.

    Example:
        >>> apply_updates({"w": 1.5, "name": "a"}, {"w": 0.5, "name": None})
        {'name': 'a', 'w': 2.0}

    Reference: https://docs.kidger.site/equinox/api/manipulation/, whose interface this follows.
    """

    def moved(update: Any, leaf: Any) -> Any:
        if update is None:
            return leaf
        total = leaf + update
        same = not is_array(leaf) or total.dtype == leaf.dtype
        return total if same else total.astype(np.dtype(leaf.dtype))

    return tree.tree_map(moved, updates, model, is_leaf=lambda x: x is None)
