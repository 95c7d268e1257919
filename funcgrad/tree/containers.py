"""How each container is taken apart and rebuilt: key paths, and the registry of handlers."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from ..records import record

Class = TypeVar("Class", bound=type)
Leaves = list[Any]
IsLeaf = Callable[[Any], bool] | None


# ---- key paths -------------------------------------------------------------------------------------------------------


@record(frozen=True)
class SequenceKey:
    """Position in a list or tuple; prints as `[idx]`."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"


@record(frozen=True)
class DictKey:
    """Key of a dict; prints as `['key']`."""

    key: Hashable

    def __str__(self) -> str:
        return f"[{self.key!r}]"


@record(frozen=True)
class GetAttrKey:
    """Field of a named tuple or dataclass; prints as `.name`."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"


@record(frozen=True)
class FlattenedIndexKey:
    """Position among the children of a class registered without keys; prints as `[<flat index key>]`."""

    key: int

    def __str__(self) -> str:
        return f"[<flat index {self.key}>]"


KeyPath = tuple[Any, ...]


def keystr(path: KeyPath, *, simple: bool = False, separator: str = "") -> str:
    """Text of a key path, as one would write it in Python.

    Args:
        path: Keys, as `tree_flatten_with_path` gives them.
        simple: Leave out brackets, quotes and dots; then 0 and '0' look the same.
        separator: What stands between keys.

    Example:
        >>> from funcgrad.tree import DictKey, GetAttrKey, SequenceKey, keystr
        >>> path = (DictKey("layers"), SequenceKey(1), GetAttrKey("w"))
        >>> keystr(path)
        "['layers'][1].w"
        >>> keystr(path, simple=True, separator="/")
        'layers/1/w'
    """
    return separator.join([_simple(key) if simple else str(key) for key in path])


def _simple(key: Any) -> str:
    for name in ("key", "idx", "name"):
        if hasattr(key, name):
            return str(getattr(key, name))
    return str(key)


# ---- how each container is taken apart and rebuilt -------------------------------------------------------------------


@record(frozen=True)
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
