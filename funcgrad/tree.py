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

import builtins
import dataclasses
import functools
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

Class = TypeVar("Class", bound=type)
Leaves = list[Any]
IsLeaf = Callable[[Any], bool] | None


# ---- key paths -------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class SequenceKey:
    """Position in a list or tuple; prints as `[idx]`."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"


@dataclasses.dataclass(frozen=True)
class DictKey:
    """Key of a dict; prints as `['key']`."""

    key: Hashable

    def __str__(self) -> str:
        return f"[{self.key!r}]"


@dataclasses.dataclass(frozen=True)
class GetAttrKey:
    """Field of a named tuple or dataclass; prints as `.name`."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"


@dataclasses.dataclass(frozen=True)
class FlattenedIndexKey:
    """Position among the children of a class registered without keys; prints as `[<flat index key>]`."""

    key: int

    def __str__(self) -> str:
        return f"[<flat index {self.key}>]"


KeyPath = tuple[Any, ...]


def keystr(path: KeyPath) -> str:
    """Text of a key path, as one would write it in Python.

    Example:
        >>> keystr((DictKey("layers"), SequenceKey(1), GetAttrKey("w")))
        "['layers'][1].w"
    """
    return "".join([str(key) for key in path])


# ---- how each container is taken apart and rebuilt -------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Handler:
    flatten: Callable[[Any], tuple[tuple[Any, ...], Any]]
    unflatten: Callable[[Any, tuple[Any, ...]], Any]
    keys: Callable[[Any], tuple[Any, ...]]


def _dict_order(tree: dict[Any, Any]) -> tuple[Any, ...]:
    try:
        return tuple(sorted(tree))
    except TypeError:
        return tuple(tree)


def _dict_keys(tree: dict[Any, Any]) -> tuple[Any, ...]:
    return tuple([DictKey(key) for key in _dict_order(tree)])


def _sequence_keys(tree: Sequence[Any]) -> tuple[Any, ...]:
    return tuple([SequenceKey(index) for index in range(len(tree))])


def _flatten_dict(tree: dict[Any, Any]) -> tuple[tuple[Any, ...], Any]:
    order = _dict_order(tree)
    return tuple([tree[key] for key in order]), order


def _flatten_defaultdict(tree: defaultdict[Any, Any]) -> tuple[tuple[Any, ...], Any]:
    children, order = _flatten_dict(tree)
    return children, (tree.default_factory, order)


def _namedtuple_handler(cls: type) -> _Handler:
    names = tuple([GetAttrKey(name) for name in cls._fields])  # type: ignore[attr-defined]
    return _Handler(lambda tree: (tuple(tree), None), lambda _, children: cls(*children), lambda _: names)


_REGISTRY: dict[type, _Handler] = {
    type(None): _Handler(lambda _: ((), None), lambda *_: None, lambda _: ()),
    list: _Handler(lambda tree: (tuple(tree), None), lambda _, children: list(children), _sequence_keys),
    tuple: _Handler(lambda tree: (tree, None), lambda _, children: tuple(children), _sequence_keys),
    dict: _Handler(_flatten_dict, lambda order, children: dict(zip(order, children)), _dict_keys),
    OrderedDict: _Handler(
        lambda tree: (tuple(tree.values()), tuple(tree)),
        lambda order, children: OrderedDict(zip(order, children)),
        lambda tree: tuple([DictKey(key) for key in tree]),
    ),
    defaultdict: _Handler(
        _flatten_defaultdict, lambda meta, children: defaultdict(meta[0], zip(meta[1], children)), _dict_keys
    ),
}
_LEAF_TYPES: set[type] = set()  # classes known to be leaves; generated flatteners accept only these at a leaf
_NAMED_TUPLES: set[type] = set()
_LOCK = threading.Lock()


def _handler(cls: type) -> _Handler | None:
    found = _REGISTRY.get(cls)
    if found is not None or cls in _LEAF_TYPES:
        return found
    with _LOCK:  # a registration in another thread must not be overtaken by the note that the class is a leaf
        if cls not in _REGISTRY and issubclass(cls, tuple) and hasattr(cls, "_fields"):
            _NAMED_TUPLES.add(cls)
            _REGISTRY[cls] = _namedtuple_handler(cls)
        elif cls not in _REGISTRY:
            _LEAF_TYPES.add(cls)
        return _REGISTRY.get(cls)


def _register(cls: type, handler: _Handler) -> None:
    if not isinstance(cls, type):
        raise TypeError(f"a pytree node must be a class, got {cls!r}")
    with _LOCK:
        if cls in _REGISTRY and cls not in _NAMED_TUPLES:
            raise ValueError(f"{cls.__name__} is already registered as a pytree; a class can be registered once")
        _NAMED_TUPLES.discard(cls)
        _REGISTRY[cls] = handler
        _LEAF_TYPES.discard(cls)
        generate_flattener.cache_clear()
        generate_unflattener.cache_clear()


# ---- the description of a nest ---------------------------------------------------------------------------------------


def _token(value: Any) -> Any:
    """A stand-in that is equal only for values of equal type: 1 == 1.0 == True must not share a compiled program."""
    if type(value) is tuple:
        return tuple([_token(item) for item in value])
    if type(value) is float:
        return (float, value.hex())  # tells -0.0 from 0.0, and NaN is equal to itself
    return (type(value), value) if type(value) in (bool, int, complex) else value


class PyTreeDef:
    """Structure of a pytree: immutable, hashable, comparable; made by `tree_structure` and `tree_flatten`.

    Example:
        >>> treedef = tree_structure({"w": 1.0, "b": [2.0, None]})
        >>> treedef
        PyTreeDef({'b': [*, None], 'w': *})
        >>> treedef.num_leaves, treedef == tree_structure({"b": [0, None], "w": 0})
        (2, True)
    """

    __slots__ = ("__weakref__", "_children", "_hash", "_key", "_meta", "_node_type", "_num_leaves")

    def __init__(self, node_type: type | None, meta: Any, children: tuple[PyTreeDef, ...]) -> None:
        self._node_type = node_type  # None marks a leaf
        self._meta = meta
        self._children = children
        self._num_leaves = 1 if node_type is None else sum([child._num_leaves for child in children])
        self._key: Any = None
        self._hash: int | None = None

    @property
    def num_leaves(self) -> int:
        """How many leaves a tree of this structure has."""
        return self._num_leaves

    def children(self) -> list[PyTreeDef]:
        """Structures of the direct children; empty for a leaf and for None."""
        return list(self._children)

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """Rebuild a tree from its leaves; the same as `tree_unflatten(self, leaves)`."""
        return tree_unflatten(self, leaves)

    def flatten_up_to(self, tree: Any, what: str = "flatten_up_to") -> Leaves:
        """Subtrees of `tree` at the leaves of this structure.

        Args:
            tree: A tree of which this structure is a prefix.
            what: Name which starts the error text.

        Raises:
            ValueError: The tree differs above a leaf; the text names the first differing path.

        Example:
            >>> tree_structure([0, (0, 0)]).flatten_up_to(["a", ({"b": 1}, None)])
            ['a', {'b': 1}, None]
        """
        found: Leaves = []
        try:
            _collect(self, tree, found)
        except _Mismatch as mismatch:
            raise ValueError(f"{what}: {mismatch}") from None
        return found

    def compose(self, inner: PyTreeDef) -> PyTreeDef:
        """This structure with every leaf replaced by `inner`."""
        if self._node_type is None:
            return inner
        return PyTreeDef(self._node_type, self._meta, tuple([child.compose(inner) for child in self._children]))

    def _identity(self) -> Any:
        if self._key is None:
            self._key = (self._node_type, _token(self._meta), self._children)
        return self._key

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, PyTreeDef):
            return NotImplemented
        if self._num_leaves != other._num_leaves or self._node_type is not other._node_type:
            return False
        return bool(self._identity() == other._identity())

    def __hash__(self) -> int:
        if self._hash is None:
            try:
                self._hash = hash(self._identity())
            except TypeError as error:
                name = getattr(self._node_type, "__name__", "leaf")
                raise TypeError(f"the metadata of {name} in a pytree must be hashable: {error}") from None
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return PyTreeDef, (self._node_type, self._meta, self._children)  # never the hash: it changes by process

    def __repr__(self) -> str:
        return f"PyTreeDef({_text(self)})"


_LEAF = PyTreeDef(None, None, ())


def _text(treedef: PyTreeDef) -> str:
    kind, meta, parts = treedef._node_type, treedef._meta, [_text(child) for child in treedef._children]
    if kind is None:
        return "*"
    if kind is type(None):
        return "None"
    if kind is list:
        return "[" + ", ".join(parts) + "]"
    if kind is tuple:
        return "(" + ", ".join(parts) + ("," if len(parts) == 1 else "") + ")"
    if kind in (dict, OrderedDict, defaultdict):
        order = meta[1] if kind is defaultdict else meta
        body = "{" + ", ".join([f"{key!r}: {part}" for key, part in zip(order, parts)]) + "}"
        if kind is dict:
            return body
        return f"OrderedDict({body})" if kind is OrderedDict else f"defaultdict({meta[0]!r}, {body})"
    if kind in _NAMED_TUPLES:
        parts = [f"{name}={part}" for name, part in zip(kind._fields, parts)]  # type: ignore[attr-defined]
    return kind.__name__ + (f"[{meta!r}]" if meta not in (None, ()) else "") + "(" + ", ".join(parts) + ")"


# ---- mismatches ------------------------------------------------------------------------------------------------------


class _Mismatch(Exception):
    """Carries the path of the first difference up to the caller, one key added by each level it passes."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(expected, found)
        self.expected, self.found, self.path = expected, found, ()

    def __str__(self) -> str:
        return f"at {keystr(self.path) or 'the root'} expected {self.expected}, got {self.found}"


def _listing(items: Sequence[Any]) -> str:
    shown = ", ".join([repr(item) for item in items[:12]])
    return f"[{shown}, ... ({len(items)} in all)]" if len(items) > 12 else f"[{shown}]"


def _describe(kind: type, meta: Any, length: int) -> str:
    if kind is type(None):
        return "None"
    name = ("an " if kind.__name__[0] in "AEIOUaeiou" else "a ") + kind.__name__
    if kind in (dict, OrderedDict):
        return f"{name} with keys {_listing(meta)}" if length else f"an empty {kind.__name__}"
    if kind is defaultdict:
        return f"{name} of {getattr(meta[0], '__name__', meta[0])} with keys {_listing(meta[1])}"
    if kind in (list, tuple) or kind in _NAMED_TUPLES:
        return f"{name} of length {length}"
    return f"{name} with {length} children" + (f" and metadata {meta!r}" if meta not in (None, ()) else "")


def _mismatch(treedef: PyTreeDef, tree: Any) -> _Mismatch:
    kind, handler = treedef._node_type, _handler(type(tree))
    assert kind is not None
    expected = _describe(kind, treedef._meta, len(treedef._children))
    if handler is None:
        name = type(tree).__name__
        return _Mismatch(expected, f"a leaf of type {name}")
    children, meta = handler.flatten(tree)
    found = _describe(type(tree), meta, len(children))
    if kind is dict and type(tree) is dict:
        missing = [key for key in treedef._meta if key not in tree]
        extra = [key for key in meta if key not in treedef._meta]
        notes = [f"missing {_listing(missing)}"] * bool(missing) + [f"unexpected {_listing(extra)}"] * bool(extra)
        found += f" ({', '.join(notes) or 'in another order or with keys of other types'})"
    return _Mismatch(expected, found)


def _collect(treedef: PyTreeDef, tree: Any, found: Leaves) -> None:
    """Append the subtrees of `tree` at the leaves of `treedef`; raise at the first difference above them."""
    kind = treedef._node_type
    if kind is None:
        found.append(tree)
        return
    if type(tree) is not kind:
        raise _mismatch(treedef, tree)
    handler = _REGISTRY[kind]
    children, meta = handler.flatten(tree)
    if len(children) != len(treedef._children) or _token(meta) != _token(treedef._meta):
        raise _mismatch(treedef, tree)
    for position, (expected, child) in enumerate(zip(treedef._children, children)):
        try:
            _collect(expected, child, found)
        except _Mismatch as mismatch:
            mismatch.path = (handler.keys(tree)[position], *mismatch.path)
            raise


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
        >>> tree_flatten({"w": 1, "b": (2, None)})
        ([2, 1], PyTreeDef({'b': (*, None), 'w': *}))
    """
    found: Leaves = []
    treedef = _flatten_into(tree, is_leaf, found)
    return found, treedef


def _wrong_count(treedef: PyTreeDef, leaves: Any) -> ValueError:
    return ValueError(f"tree_unflatten: {treedef!r} has {treedef.num_leaves} leaves, got {len(leaves)}")


def _build(treedef: PyTreeDef, remaining: Iterator[Any]) -> Any:
    kind = treedef._node_type
    if kind is None:
        return next(remaining)
    return _REGISTRY[kind].unflatten(treedef._meta, tuple([_build(child, remaining) for child in treedef._children]))


def tree_unflatten(treedef: PyTreeDef, leaves: Iterable[Any]) -> Any:
    """Rebuild a tree from its structure and its leaves.

    Raises:
        TypeError: `treedef` is not a `PyTreeDef`.
        ValueError: The number of leaves is wrong.

    Example:
        >>> tree_unflatten(tree_structure({"w": 0, "b": (0, None)}), [2, 1])
        {'b': (2, None), 'w': 1}
    """
    if not isinstance(treedef, PyTreeDef):
        raise TypeError(f"tree_unflatten: expected a PyTreeDef first and the leaves second, got {type(treedef)}")
    given = list(leaves)
    if len(given) != treedef._num_leaves:
        raise _wrong_count(treedef, given)
    return _build(treedef, iter(given))


def tree_leaves(tree: Any, is_leaf: IsLeaf = None) -> Leaves:
    """Leaves of a tree, left to right.

    Example:
        >>> tree_leaves({"w": 1, "b": (2, None)})
        [2, 1]
    """
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: IsLeaf = None) -> PyTreeDef:
    """Structure of a tree.

    Example:
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
        >>> tree_reduce(lambda total, leaf: total + leaf, {"a": 1, "b": [2, 3]}, 10)
        16
    """
    start = () if initializer is _MISSING else (initializer,)
    return functools.reduce(f, tree_leaves(tree, is_leaf), *start)


def tree_all(tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Whether every leaf is true.

    Example:
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
        >>> broadcast_prefix({"a": 0, "b": 1}, {"a": [10, 20], "b": 30})
        [0, 0, 1]
    """
    leaves, treedef = tree_flatten(prefix_tree, is_leaf)
    result: Leaves = []
    for leaf, part in zip(leaves, treedef.flatten_up_to(full_tree, what)):
        result.extend([leaf] * tree_structure(part).num_leaves)
    return result


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
        >>> tree_leaves_with_path((5,))
        [((SequenceKey(idx=0),), 5)]
    """
    return tree_flatten_with_path(tree, is_leaf)[0]


def tree_map_with_path(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf = None) -> Any:
    """Like `tree_map`, with the key path of the leaf as first argument of `f`.

    Example:
        >>> tree_map_with_path(lambda path, x: keystr(path) + "=" + str(x), {"a": [1, 2]})
        {'a': ["['a'][0]=1", "['a'][1]=2"]}
    """
    pairs, treedef = tree_flatten_with_path(tree, is_leaf)
    others = _match("tree_map_with_path", treedef, rest)
    return _build(treedef, iter([f(path, leaf, *row) for (path, leaf), *row in zip(pairs, *others)]))


# ---- registration ----------------------------------------------------------------------------------------------------


def register_pytree_node(
    cls: Class,
    flatten: Callable[[Any], tuple[Iterable[Any], Hashable]],
    unflatten: Callable[[Any, tuple[Any, ...]], Any],
    flatten_with_keys: Callable[[Any], tuple[Iterable[tuple[Any, Any]], Hashable]] | None = None,
) -> Class:
    """Make instances of a class containers.

    Args:
        cls: The class; exactly this one, not its subclasses.
        flatten: instance -> (children, metadata); metadata must be hashable.
        unflatten: (metadata, children) -> instance; must accept any objects as children.
        flatten_with_keys: instance -> (pairs of key and child, metadata), for readable paths.

    Raises:
        ValueError: The class is registered already.

    Example:
        >>> class Interval:
        ...     def __init__(self, low, high):
        ...         self.low, self.high = low, high
        >>> _ = register_pytree_node(Interval, lambda i: ((i.low, i.high), None), lambda _, c: Interval(*c))
        >>> tree_leaves({"i": Interval(1, 2)})
        [1, 2]
    """

    def take_apart(tree: Any) -> tuple[tuple[Any, ...], Any]:
        children, meta = flatten(tree)
        return tuple(children), meta

    def keys(tree: Any) -> tuple[Any, ...]:
        if flatten_with_keys is None:
            return tuple([FlattenedIndexKey(index) for index in range(len(take_apart(tree)[0]))])
        return tuple([key for key, _ in flatten_with_keys(tree)[0]])

    _register(cls, _Handler(take_apart, unflatten, keys))
    return cls


def register_pytree_with_keys(
    cls: Class,
    flatten_with_keys: Callable[[Any], tuple[Iterable[tuple[Any, Any]], Hashable]],
    unflatten: Callable[[Any, tuple[Any, ...]], Any],
    flatten: Callable[[Any], tuple[Iterable[Any], Hashable]] | None = None,
) -> Class:
    """Like `register_pytree_node`, with a flatten function that returns pairs of key and child.

    Example:
        >>> class Box:
        ...     def __init__(self, item):
        ...         self.item = item
        >>> pairs = lambda box: (((GetAttrKey("item"), box.item),), None)
        >>> _ = register_pytree_with_keys(Box, pairs, lambda _, c: Box(*c))
        >>> keystr(tree_leaves_with_path([Box(3)])[0][0])
        '[0].item'
    """

    def without_keys(tree: Any) -> tuple[Iterable[Any], Hashable]:
        pairs, meta = flatten_with_keys(tree)
        return [child for _, child in pairs], meta

    return register_pytree_node(cls, flatten or without_keys, unflatten, flatten_with_keys)


def register_pytree_node_class(cls: Class) -> Class:
    """Class decorator for a class with methods `tree_flatten(self)` and `tree_unflatten(cls, metadata, children)`.

    Example:
        >>> @register_pytree_node_class
        ... class Scale:
        ...     def __init__(self, factor):
        ...         self.factor = factor
        ...     def tree_flatten(self):
        ...         return (self.factor,), None
        ...     @classmethod
        ...     def tree_unflatten(cls, metadata, children):
        ...         return cls(*children)
        >>> tree_map(lambda x: 2 * x, Scale(3)).factor
        6
    """
    return register_pytree_node(cls, lambda tree: tree.tree_flatten(), cls.tree_unflatten)  # type: ignore[attr-defined]


def register_dataclass(
    cls: Class, data_fields: Sequence[str] | None = None, meta_fields: Sequence[str] | None = ()
) -> Class:
    """Make a dataclass a container; usable as a decorator.

    Args:
        cls: A dataclass, frozen or not.
        data_fields: Names of the fields that hold trees; None means every field that is not metadata.
        meta_fields: Names of the static, hashable fields; without `data_fields`, those declared with
            `field(metadata={"static": True})` are added.

    Raises:
        TypeError: Not a dataclass.
        ValueError: A name is unknown, given twice, or a constructor field is left out.

    Example:
        >>> @register_dataclass
        ... @dataclasses.dataclass
        ... class Layer:
        ...     w: float
        ...     name: str = dataclasses.field(default="a", metadata={"static": True})
        >>> tree_map(lambda x: 2 * x, Layer(3.0))
        Layer(w=6.0, name='a')
    """
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        raise TypeError(f"register_dataclass: {cls!r} is not a dataclass")
    fields = [field for field in dataclasses.fields(cls) if field.init]
    meta = list(meta_fields or ())
    if data_fields is None:
        meta += [field.name for field in fields if field.metadata.get("static") and field.name not in meta]
        data_fields = [field.name for field in fields if field.name not in meta]
    data, names = list(data_fields), [field.name for field in fields]
    if sorted(data + meta) != sorted(names):
        raise ValueError(
            f"register_dataclass: data_fields {data} and meta_fields {meta} must together name each constructor "
            f"field of {cls.__name__} once: {names}"
        )

    def take_apart(tree: Any) -> tuple[tuple[Any, ...], Any]:
        return tuple([getattr(tree, name) for name in data]), tuple([getattr(tree, name) for name in meta])

    def rebuild(values: tuple[Any, ...], children: tuple[Any, ...]) -> Any:
        return cls(**dict(zip(data, children)), **dict(zip(meta, values)))

    keys = tuple([GetAttrKey(name) for name in data])
    _register(cls, _Handler(take_apart, rebuild, lambda _: keys))
    return cls


def register_static(cls: Class) -> Class:
    """Class decorator: instances have no leaves and are part of the structure, compared by `==` and `hash`.

    Example:
        >>> @register_static
        ... class Mode(str): pass
        >>> tree_leaves([1, Mode("train")])
        [1]
    """
    _register(cls, _Handler(lambda tree: ((), tree), lambda tree, _: tree, lambda _: ()))
    return cls


# ---- generated straight-line code for the warm path ------------------------------------------------------------------


class _Code:
    """Source text of one generated function with the objects it refers to; variables are numbered."""

    def __init__(self, treedef: PyTreeDef) -> None:
        self.lines: list[str] = []
        self.leaves: list[str] = []
        self.count = 0
        self.names: dict[str, Any] = {
            "leaf_types": _LEAF_TYPES,
            "token": _token,
            "wrong_count": functools.partial(_wrong_count, treedef),
        }

    def variable(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def constant(self, value: Any) -> str:
        name = f"c{len(self.names)}"
        self.names[name] = value
        return name

    def function(self, name: str, source: str) -> Callable[..., Any]:
        exec(compile(source, f"<generated {name}>", "exec"), self.names)
        made = self.names[name]
        made.source = source
        return made


def _string_keys(treedef: PyTreeDef) -> bool:
    return treedef._node_type is dict and builtins.all(type(key) is str for key in treedef._meta)


def _group(names: Sequence[str]) -> str:
    return "(" + "".join([f"{name}, " for name in names]) + ")"


def _emit_flatten(code: _Code, treedef: PyTreeDef, source: str) -> None:
    kind, length = treedef._node_type, len(treedef._children)
    if kind is None:
        code.leaves.append(source)
        return
    if kind is type(None):
        code.lines.append(f"if {source} is not None: return False")
        return
    cls = kind.__name__ if kind in (list, tuple, dict) else code.constant(kind)
    parts = [code.variable() for _ in treedef._children]
    if _string_keys(treedef):
        code.lines.append(f"if type({source}) is not dict or len({source}) != {length}: return False")
        code.lines += [f"{part} = {source}[{key!r}]" for part, key in zip(parts, treedef._meta)]
    elif kind in (list, tuple) or kind in _NAMED_TUPLES:
        code.lines.append(f"if type({source}) is not {cls} or len({source}) != {length}: return False")
        code.lines.append(f"{_group(parts)} = {source}")
    else:
        children, meta = code.variable(), code.variable()
        code.lines.append(f"if type({source}) is not {cls}: return False")
        code.lines.append(f"{children}, {meta} = {code.constant(_REGISTRY[kind].flatten)}({source})")
        same = f"len({children}) == {length} and token({meta}) == {code.constant(_token(treedef._meta))}"
        code.lines.append(f"if not ({same}): return False")
        code.lines.append(f"{_group(parts)} = {children}")
    for part, child in zip(parts, treedef._children):
        _emit_flatten(code, child, part)


@functools.lru_cache(maxsize=4096)
def generate_flattener(treedef: PyTreeDef) -> Callable[[Any, Leaves], bool]:
    """A straight-line function which appends the leaves of trees of exactly this structure to a list.

    Args:
        treedef: The structure to expect.

    Returns:
        `flatten(tree, out) -> bool`: True after appending the leaves; False, with `out` untouched, where the tree
        differs or holds a class of leaf not met before, so that the caller takes `tree_flatten`. Its text is in
        `flatten.source`.

    Example:
        >>> flatten, out = generate_flattener(tree_structure({"w": 0.0, "b": [0.0]})), []
        >>> flatten({"w": 1.0, "b": [2.0]}, out), flatten({"w": 1.0}, out), out
        (True, False, [2.0, 1.0])
    """
    code = _Code(treedef)
    _emit_flatten(code, treedef, "tree")
    found = _group(code.leaves)
    if code.leaves:  # most trees hold one class of leaf, and an identity test is cheaper than a look-up in a set
        code.lines.append(f"kind = type({code.leaves[0]})")
        same = " and ".join(["kind in leaf_types", *[f"type({leaf}) is kind" for leaf in code.leaves[1:]]])
        code.lines.append(f"if not ({same}) and not leaf_types.issuperset(map(type, {found})): return False")
    code.lines += [f"out += {found}", "return True"]
    body = "\n".join([f"        {line}" for line in code.lines])
    return code.function(
        "flatten", f"def flatten(tree, out):\n    try:\n{body}\n    except KeyError:\n        return False\n"
    )


def _emit_unflatten(code: _Code, treedef: PyTreeDef, leaves: Iterator[str]) -> str:
    kind = treedef._node_type
    if kind is None:
        return next(leaves)
    if kind is type(None):
        return "None"
    parts = [_emit_unflatten(code, child, leaves) for child in treedef._children]
    if _string_keys(treedef):
        made = "{" + ", ".join([f"{key!r}: {part}" for key, part in zip(treedef._meta, parts)]) + "}"
    elif kind is list:
        made = "[" + ", ".join(parts) + "]"
    elif kind is tuple:
        made = _group(parts)
    elif kind in _NAMED_TUPLES:
        made = f"{code.constant(kind)}({', '.join(parts)})"
    else:
        made = f"{code.constant(_REGISTRY[kind].unflatten)}({code.constant(treedef._meta)}, {_group(parts)})"
    result = code.variable()
    code.lines.append(f"{result} = {made}")
    return result


@functools.lru_cache(maxsize=4096)
def generate_unflattener(treedef: PyTreeDef) -> Callable[[Sequence[Any]], Any]:
    """A straight-line function which rebuilds trees of this structure from a sequence of leaves.

    Returns:
        `unflatten(leaves) -> tree`, the same as `treedef.unflatten` and several times faster. Its text is in
        `unflatten.source`. It raises ValueError where the number of leaves is wrong.

    Example:
        >>> generate_unflattener(tree_structure({"w": 0, "b": [0]}))([2.0, 1.0])
        {'b': [2.0], 'w': 1.0}
    """
    code = _Code(treedef)
    leaves = [code.variable() for _ in range(treedef.num_leaves)]
    result = _emit_unflatten(code, treedef, iter(leaves))
    body = "\n".join([f"    {line}" for line in [*code.lines, f"return {result}"]])
    unpack = f"    try:\n        {_group(leaves)} = leaves\n"
    guard = "    except ValueError:\n        raise wrong_count(leaves) from None\n"
    return code.function("unflatten", f"def unflatten(leaves):\n{unpack}{guard}{body}\n")


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
