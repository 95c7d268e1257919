"""Flatten, rebuild, map and compare trees, with and without key paths."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable, Iterable
from typing import Any

from .containers import IsLeaf, KeyPath, Leaves, _handler
from .treedef import _LEAF, PyTreeDef, _build

# ---- flatten and rebuild ---------------------------------------------------------------------------------------------


def _flatten_into(tree: Any, is_leaf: IsLeaf, found: Leaves) -> PyTreeDef:
    handler = None if is_leaf is not None and is_leaf(tree) else _handler(type(tree))
    if handler is None:
        found.append(tree)
        return _LEAF
    children, meta = handler.flatten(tree)
    return PyTreeDef(type(tree), meta, tuple([_flatten_into(child, is_leaf, found) for child in children]))


def tree_flatten(tree: Any, is_leaf: IsLeaf = None) -> tuple[Leaves, PyTreeDef]:
    """Leaves of a tree, left to right, and its structure.

    Args:
        tree: Any pytree.
        is_leaf: Called on every node; where it says True the node is taken whole, as a leaf.

    Returns:
        The list of leaves and the treedef; `tree_unflatten(treedef, leaves)` gives the tree back.

    Example:
        >>> from funcgrad.tree import tree_flatten
        >>> tree_flatten({"w": 1, "b": (2, None)})
        ([2, 1], PyTreeDef({'b': (*, None), 'w': *}))
    """
    found: Leaves = []
    treedef = _flatten_into(tree, is_leaf, found)
    return found, treedef


def tree_leaves(tree: Any, is_leaf: IsLeaf = None) -> Leaves:
    """Leaves of a tree, left to right.

    Example:
        >>> from funcgrad.tree import tree_leaves
        >>> tree_leaves({"w": 1, "b": (2, None)})
        [2, 1]
    """
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: IsLeaf = None) -> PyTreeDef:
    """Structure of a tree.

    Example:
        >>> from funcgrad.tree import tree_structure
        >>> tree_structure([1, {"a": 2}])
        PyTreeDef([*, {'a': *}])
    """
    return tree_flatten(tree, is_leaf)[1]


def tree_map(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf = None) -> Any:
    """Apply `f` to each leaf of `tree`, together with the matching subtrees of `rest`.

    Args:
        f: Function of one leaf of `tree` and one matching part of each tree of `rest`.
        tree: The tree which gives the structure of the result.
        *rest: Trees of the same structure, or with deeper trees at its leaves.
        is_leaf: As in `tree_flatten`; applies to `tree`.

    Returns:
        A tree of the structure of `tree`.

    Raises:
        ValueError: One of `rest` differs; the text names the first differing path.

    Example:
        >>> from funcgrad.tree import tree_map
        >>> tree_map(lambda x, y: x + y, {"a": 1, "b": [2]}, {"a": 10, "b": [20]})
        {'a': 11, 'b': [22]}
    """
    leaves, treedef = tree_flatten(tree, is_leaf)
    return _build(treedef, iter([f(*row) for row in zip(leaves, *_match("tree_map", treedef, rest))]))


def _match(what: str, treedef: PyTreeDef, rest: tuple[Any, ...]) -> list[Leaves]:
    if len(rest) == 1:
        return [treedef.flatten_up_to(rest[0], what)]
    return [treedef.flatten_up_to(other, f"{what}: in tree {number}") for number, other in enumerate(rest, start=2)]


_MISSING: Any = object()


def tree_reduce(f: Callable[[Any, Any], Any], tree: Any, initializer: Any = _MISSING, is_leaf: IsLeaf = None) -> Any:
    """Fold the leaves, left to right, with a function of two arguments.

    Example:
        >>> from funcgrad.tree import tree_reduce
        >>> tree_reduce(lambda total, leaf: total + leaf, {"a": 1, "b": [2, 3]}, 10)
        16
    """
    start = () if initializer is _MISSING else (initializer,)
    return functools.reduce(f, tree_leaves(tree, is_leaf), *start)


def tree_all(tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Whether every leaf is true.

    Example:
        >>> from funcgrad.tree import tree_all
        >>> tree_all({"a": True, "b": [1, 0]})
        False
    """
    return builtins.all(tree_leaves(tree, is_leaf))


def tree_transpose(outer_treedef: PyTreeDef, inner_treedef: PyTreeDef | None, tree: Any) -> Any:
    """Turn a tree of trees inside out.

    Args:
        outer_treedef: Structure of the outer levels of `tree`.
        inner_treedef: Structure at each leaf of the outer one; None takes that of the first.
        tree: The tree, of structure outer(inner).

    Raises:
        ValueError: `tree` does not have that structure.

    Example:
        >>> from funcgrad.tree import tree_structure, tree_transpose
        >>> pairs = {"a": (1, 2), "b": (3, 4)}
        >>> tree_transpose(tree_structure({"a": 0, "b": 0}), tree_structure((0, 0)), pairs)
        ({'a': 1, 'b': 3}, {'a': 2, 'b': 4})
    """
    if inner_treedef is None:
        parts = outer_treedef.flatten_up_to(tree, "tree_transpose")
        if not parts:
            raise ValueError("tree_transpose: an outer structure without leaves needs an explicit inner_treedef")
        inner_treedef = tree_structure(parts[0])
    leaves = outer_treedef.compose(inner_treedef).flatten_up_to(tree, "tree_transpose")
    width = inner_treedef.num_leaves
    return inner_treedef.unflatten([outer_treedef.unflatten(leaves[column::width]) for column in range(width)])


def broadcast_prefix(
    prefix_tree: Any, full_tree: Any, is_leaf: IsLeaf = None, what: str = "broadcast_prefix"
) -> Leaves:
    """One leaf of a prefix for each leaf of the full tree, as in `in_axes={'w': 0}`.

    Args:
        prefix_tree: A tree whose structure is the upper part of that of `full_tree`.
        full_tree: The tree whose leaves are counted.
        is_leaf: As in `tree_flatten`; applies to the prefix (`lambda x: x is None` makes None a leaf).
        what: Name which starts the error text.

    Returns:
        A list as long as `tree_leaves(full_tree)`.

    Raises:
        ValueError: Not a prefix; the text names the first differing path.

    Example:
        >>> from funcgrad.tree import broadcast_prefix
        >>> broadcast_prefix({"a": 0, "b": 1}, {"a": [10, 20], "b": 30})
        [0, 0, 1]
    """
    leaves, treedef = tree_flatten(prefix_tree, is_leaf)
    result: Leaves = []
    for leaf, part in zip(leaves, treedef.flatten_up_to(full_tree, what)):
        result.extend([leaf] * tree_structure(part).num_leaves)
    return result


def tree_broadcast(prefix_tree: Any, full_tree: Any, is_leaf: IsLeaf = None) -> Any:
    """The full tree with each leaf replaced by the leaf of the prefix above it.

    Args:
        prefix_tree: A tree whose structure is the upper part of that of `full_tree`.
        full_tree: The tree which gives the structure of the result.
        is_leaf: As in `tree_flatten`; applies to both.

    Raises:
        ValueError: Not a prefix; the text names the first differing path.

    Example:
        >>> from funcgrad.tree import tree_broadcast
        >>> tree_broadcast((1, 2), (0, {"a": 0, "b": 0}))
        (1, {'a': 2, 'b': 2})
    """
    leaves, treedef = tree_flatten(prefix_tree, is_leaf)
    parts = treedef.flatten_up_to(full_tree, "tree_broadcast")
    filled = [tree_map(lambda _, leaf=leaf: leaf, part, is_leaf=is_leaf) for leaf, part in zip(leaves, parts)]
    return _build(treedef, iter(filled))


def tree_reduce_associative(
    operation: Callable[[Any, Any], Any], tree: Any, *, identity: Any = _MISSING, is_leaf: IsLeaf = None
) -> Any:
    """Fold the leaves with an associative function, in pairs, then pairs of pairs, ...

    Args:
        operation: An associative function of two arguments.
        tree: Any pytree.
        identity: The result for a tree without leaves.
        is_leaf: As in `tree_flatten`.

    Raises:
        ValueError: The tree has no leaves, and there is no identity.

    Example:
        >>> import operator
        >>> from funcgrad.tree import tree_reduce_associative
        >>> tree_reduce_associative(operator.add, ["a", {"x": "b", "y": "c"}])
        'abc'
    """
    leaves = tree_leaves(tree, is_leaf)
    if not leaves and identity is _MISSING:
        raise ValueError("tree_reduce_associative: a tree without leaves needs an identity")
    while len(leaves) > 1:
        pairs = [operation(*leaves[i : i + 2]) for i in range(0, len(leaves) - 1, 2)]
        leaves = pairs + leaves[2 * len(pairs) :]
    return leaves[0] if leaves else identity


def all_leaves(iterable: Iterable[Any], is_leaf: IsLeaf = None) -> bool:
    """Whether every item is a leaf rather than a container.

    Example:
        >>> from funcgrad.tree import all_leaves
        >>> all_leaves([1, "a"]), all_leaves([1, []])
        (True, False)
    """
    return builtins.all(_handler(type(x)) is None or (is_leaf is not None and is_leaf(x)) for x in iterable)


# ---- with paths ------------------------------------------------------------------------------------------------------


def _walk(tree: Any, path: KeyPath, is_leaf: IsLeaf, found: list[tuple[KeyPath, Any]]) -> PyTreeDef:
    handler = None if is_leaf is not None and is_leaf(tree) else _handler(type(tree))
    if handler is None:
        found.append((path, tree))
        return _LEAF
    children, meta = handler.flatten(tree)
    nodes = [_walk(child, (*path, key), is_leaf, found) for key, child in zip(handler.keys(tree), children)]
    return PyTreeDef(type(tree), meta, tuple(nodes))


def tree_flatten_with_path(tree: Any, is_leaf: IsLeaf = None) -> tuple[list[tuple[KeyPath, Any]], PyTreeDef]:
    """Pairs of key path and leaf, left to right, and the structure.

    Example:
        >>> from funcgrad.tree import keystr, tree_flatten_with_path
        >>> pairs, _ = tree_flatten_with_path({"w": [1, 2]})
        >>> [(keystr(path), leaf) for path, leaf in pairs]
        [("['w'][0]", 1), ("['w'][1]", 2)]
    """
    found: list[tuple[KeyPath, Any]] = []
    treedef = _walk(tree, (), is_leaf, found)
    return found, treedef


def tree_leaves_with_path(tree: Any, is_leaf: IsLeaf = None) -> list[tuple[KeyPath, Any]]:
    """Pairs of key path and leaf, left to right.

    Example:
        >>> from funcgrad.tree import tree_leaves_with_path
        >>> tree_leaves_with_path((5,))
        [((SequenceKey(idx=0),), 5)]
    """
    return tree_flatten_with_path(tree, is_leaf)[0]


def tree_map_with_path(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf = None) -> Any:
    """Like `tree_map`, with the key path of the leaf as first argument of `f`.

    Example:
        >>> from funcgrad.tree import keystr, tree_map_with_path
        >>> tree_map_with_path(lambda path, x: keystr(path) + "=" + str(x), {"a": [1, 2]})
        {'a': ["['a'][0]=1", "['a'][1]=2"]}
    """
    pairs, treedef = tree_flatten_with_path(tree, is_leaf)
    others = _match("tree_map_with_path", treedef, rest)
    return _build(treedef, iter([f(path, leaf, *row) for (path, leaf), *row in zip(pairs, *others)]))
