"""The description of a nest (`PyTreeDef`), and what to say when a nest does not have it."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .containers import _NAMED_TUPLES, _REGISTRY, Leaves, _handler, keystr

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
        >>> from funcgrad.tree import tree_structure
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
            >>> from funcgrad.tree import tree_structure
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
        >>> from funcgrad.tree import tree_structure, tree_unflatten
        >>> tree_unflatten(tree_structure({"w": 0, "b": (0, None)}), [2, 1])
        {'b': (2, None), 'w': 1}
    """
    if not isinstance(treedef, PyTreeDef):
        raise TypeError(f"tree_unflatten: expected a PyTreeDef first and the leaves second, got {type(treedef)}")
    given = list(leaves)
    if len(given) != treedef._num_leaves:
        raise _wrong_count(treedef, given)
    return _build(treedef, iter(given))


def treedef_children(treedef: PyTreeDef) -> list[PyTreeDef]:
    """Structures of the direct children.

    Example:
        >>> from funcgrad.tree import tree_structure, treedef_children
        >>> treedef_children(tree_structure([0, (0, 0)]))
        [PyTreeDef(*), PyTreeDef((*, *))]
    """
    return treedef.children()


def treedef_is_leaf(treedef: PyTreeDef) -> bool:
    """Whether a structure is that of a single leaf.

    Example:
        >>> from funcgrad.tree import tree_structure, treedef_is_leaf
        >>> treedef_is_leaf(tree_structure(1)), treedef_is_leaf(tree_structure([1]))
        (True, False)
    """
    return treedef._node_type is None


def treedef_tuple(treedefs: Iterable[PyTreeDef]) -> PyTreeDef:
    """The structure of a tuple whose items have the given structures.

    Example:
        >>> from funcgrad.tree import tree_structure, treedef_tuple
        >>> treedef_tuple([tree_structure(0), tree_structure([0])])
        PyTreeDef((*, [*]))
    """
    return PyTreeDef(tuple, None, tuple(treedefs))


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
