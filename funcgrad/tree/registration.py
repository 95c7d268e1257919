"""Teach the library a new container: `register_pytree_node`, `register_dataclass`, `register_static`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from .containers import (
    _LEAF_TYPES,
    _LOCK,
    _NAMED_TUPLES,
    _REGISTRY,
    Class,
    FlattenedIndexKey,
    GetAttrKey,
    _Handler,
)
from .generated import generate_flattener, generate_unflattener


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
        >>> from funcgrad.tree import register_pytree_node, tree_leaves
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
        >>> from funcgrad.tree import GetAttrKey, keystr, register_pytree_with_keys, tree_leaves_with_path
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
        >>> from funcgrad.tree import register_pytree_node_class, tree_map
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


def register_pytree_with_keys_class(cls: Class) -> Class:
    """Class decorator like `register_pytree_node_class`, for a class that also has `tree_flatten_with_keys(self)`.

    Example:
        >>> from funcgrad.tree import GetAttrKey, keystr, register_pytree_with_keys_class, tree_leaves_with_path
        >>> @register_pytree_with_keys_class
        ... class Offset:
        ...     def __init__(self, by):
        ...         self.by = by
        ...     def tree_flatten_with_keys(self):
        ...         return ((GetAttrKey("by"), self.by),), None
        ...     @classmethod
        ...     def tree_unflatten(cls, metadata, children):
        ...         return cls(*children)
        >>> keystr(tree_leaves_with_path([Offset(3)])[0][0])
        '[0].by'
    """
    flatten = (lambda tree: tree.tree_flatten()) if hasattr(cls, "tree_flatten") else None
    return register_pytree_with_keys(
        cls,
        lambda tree: tree.tree_flatten_with_keys(),
        cls.tree_unflatten,  # type: ignore[attr-defined]
        flatten,
    )


def static(**kwargs: Any) -> Any:
    """A field of a dataclass that is structure rather than a tree: `dataclasses.field` with metadata static=True.

    Example:
        >>> from funcgrad.tree import register_dataclass, static, tree_leaves
        >>> @register_dataclass
        ... @dataclasses.dataclass
        ... class Power:
        ...     base: float
        ...     exponent: int = static(default=2)
        >>> tree_leaves(Power(3.0))
        [3.0]
    """
    return dataclasses.field(**{**kwargs, "metadata": {**(kwargs.get("metadata") or {}), "static": True}})


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
        >>> from funcgrad.tree import register_dataclass, tree_map
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
        >>> from funcgrad.tree import register_static, tree_leaves
        >>> @register_static
        ... class Mode(str): pass
        >>> tree_leaves([1, Mode("train")])
        [1]
    """
    _register(cls, _Handler(lambda tree: ((), tree), lambda tree, _: tree, lambda _: ()))
    return cls
