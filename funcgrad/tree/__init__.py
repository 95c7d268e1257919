"""Pytrees: see any nest of containers as a list of leaves plus a hashable description of the nest.

With this module one can flatten and rebuild parameters kept in dicts, lists, tuples and classes (`tree_flatten`,
`tree_unflatten`), map over them (`tree_map`), name each leaf by its path (`tree_flatten_with_path`, `keystr`), teach
the library a new container (`register_dataclass`, `register_pytree_node`), and get straight-line Python functions
that do one structure very fast (`generate_flattener`, `generate_unflattener`).

    tree ::= leaf | None | [tree, ...] | (tree, ...) | {key: tree, ...} | registered(tree, ...; metadata)

Containers are `list`, `tuple`, `dict`, `OrderedDict`, `defaultdict`, named tuples, `None` (no leaves) and registered
classes; subclasses of these are leaves unless registered. The keys of a dict are taken in sorted order, so insertion
order does not matter; keys that cannot be sorted (`{1: x, 'a': y}`) keep insertion order, which then does matter.
Metadata and keys are compared with their types: 1, 1.0 and True are three different values.
"""

from __future__ import annotations

import functools
from typing import Any

from .containers import DictKey, FlattenedIndexKey, GetAttrKey, KeyPath, SequenceKey, keystr
from .functions import (
    all_leaves,
    broadcast_prefix,
    tree_all,
    tree_broadcast,
    tree_flatten,
    tree_flatten_with_path,
    tree_leaves,
    tree_leaves_with_path,
    tree_map,
    tree_map_with_path,
    tree_reduce,
    tree_reduce_associative,
    tree_structure,
    tree_transpose,
)
from .generated import generate_flattener, generate_unflattener
from .registration import (
    register_dataclass,
    register_pytree_node,
    register_pytree_node_class,
    register_pytree_with_keys,
    register_pytree_with_keys_class,
    register_static,
    static,
)
from .treedef import PyTreeDef, tree_unflatten, treedef_children, treedef_is_leaf, treedef_tuple

__all__ = [
    "DictKey", "FlattenedIndexKey", "GetAttrKey", "KeyPath", "Partial", "PyTreeDef", "SequenceKey", "all",
    "all_leaves", "broadcast", "broadcast_prefix", "flatten", "flatten_with_path", "generate_flattener",
    "generate_unflattener", "keystr", "leaves", "leaves_with_path", "map", "map_with_path", "reduce",
    "reduce_associative", "register_dataclass", "register_pytree_node", "register_pytree_node_class",
    "register_pytree_with_keys", "register_pytree_with_keys_class", "register_static", "static", "structure",
    "transpose", "tree_all", "tree_broadcast", "tree_flatten", "tree_flatten_with_path", "tree_leaves",
    "tree_leaves_with_path", "tree_map", "tree_map_with_path", "tree_reduce", "tree_reduce_associative",
    "tree_structure", "tree_transpose", "tree_unflatten", "treedef_children", "treedef_is_leaf", "treedef_tuple",
    "unflatten",
]  # fmt: skip


# ---- functions with bound arguments ----------------------------------------------------------------------------------


class Partial(functools.partial):
    """`functools.partial` as a pytree: the bound arguments are children, the function is structure.

    Example:
        >>> power = Partial(pow, 2)
        >>> tree_map(lambda x: x + 1, power)(4), tree_leaves(power)
        (81, [2])
    """


def _flatten_partial(tree: Partial) -> tuple[tuple[Any, ...], Any]:
    return (tree.args, tree.keywords), tree.func


register_pytree_with_keys(
    Partial,
    lambda tree: (((GetAttrKey("args"), tree.args), (GetAttrKey("keywords"), tree.keywords)), tree.func),
    lambda func, children: Partial(func, *children[0], **children[1]),
    _flatten_partial,
)

# Short names, for `from funcgrad import tree; tree.map(...)`. They hide builtins: the code above says `builtins.all`.
flatten, unflatten, leaves, structure = tree_flatten, tree_unflatten, tree_leaves, tree_structure
map, reduce, all, transpose = tree_map, tree_reduce, tree_all, tree_transpose
flatten_with_path, leaves_with_path = tree_flatten_with_path, tree_leaves_with_path
map_with_path = tree_map_with_path
broadcast, reduce_associative = tree_broadcast, tree_reduce_associative
