"""Find and replace parts of a state by the names of their fields, wherever chains and wrappers have put them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .. import tree
from ..tree import DictKey, SequenceKey
from .base import ParamsPlaceholder

Path = tuple[Any, ...]
Filter = Callable[[Path, Any], bool] | None


class NamedTupleKey(NamedTuple):
    """A step on a path: a field of a named tuple.

    Example:
        >>> str(NamedTupleKey("TraceState", "trace"))
        'TraceState.trace'
    """

    tuple_name: str
    name: str

    def __str__(self) -> str:
        return f"{self.tuple_name}.{self.name}"


def _is_named_tuple(node: Any) -> bool:
    return isinstance(node, tuple) and hasattr(node, "_fields")


def _children(node: Any) -> Iterator[tuple[Any, Any, Any]]:
    """(key on the path, name or None, child) for everything inside a container."""
    if _is_named_tuple(node):
        for field in node._fields:
            yield NamedTupleKey(type(node).__name__, field), field, getattr(node, field)
    elif isinstance(node, dict):
        for name, child in node.items():
            yield DictKey(name), name, child
    elif isinstance(node, (list, tuple)):
        for i, child in enumerate(node):
            yield SequenceKey(i), None, child


def _found(path: Path, node: Any, key: Any) -> Iterator[tuple[Path, Any]]:
    if _is_named_tuple(node) and type(node).__name__ == key:
        yield path, node
    for step, name, child in _children(node):
        if name is not None and name == key:
            yield (*path, step), child
        yield from _found((*path, step), child, key)


def tree_get_all_with_path(tree: Any, key: Any, filtering: Filter = None) -> list[tuple[Path, Any]]:
    """Every part of a state with this name, and the path to it.

    Args:
        tree: a state, or any nest of named tuples, dicts, tuples and lists.
        key: a field of a named tuple, a key of a dict, or the name of a class of named tuples.
        filtering: from (path, value) to whether to keep it.

    Example:
        >>> from funcgrad import optim
        >>> state = optim.adam(optim.constant_schedule(0.1)).init(0.0)
        >>> [str(path[-1]) for path, _ in tree_get_all_with_path(state, "count")]
        ['ScaleByAdamState.count', 'ScaleByScheduleState.count']
    """
    return [(path, value) for path, value in _found((), tree, key) if filtering is None or filtering(path, value)]


def tree_get(tree: Any, key: Any, default: Any = None, filtering: Filter = None) -> Any:
    """The part of a state with this name.

    Args:
        tree, key, filtering: see `tree_get_all_with_path`.
        default: what to return when there is none.

    Raises:
        KeyError: when there are several.

    Example:
        >>> from funcgrad import optim
        >>> tree_get(optim.adam(0.1).init(2.0), "mu")
        array(0.)
    """
    found = tree_get_all_with_path(tree, key, filtering)
    if len(found) > 1:
        places = ", ".join("".join(f"[{step}]" for step in path) for path, _ in found)
        raise KeyError(f"tree_get: several values are named {key!r}: {places}. Fix: choose one by filtering.")
    return found[0][1] if found else default


def tree_set(tree: Any, filtering: Filter = None, /, **kwargs: Any) -> Any:
    """A state with other values in the parts of these names, all of them.

    Args:
        tree, filtering: see `tree_get_all_with_path`.
        kwargs: new values by name.

    Raises:
        KeyError: when a name is not found.

    Example:
        >>> from funcgrad import optim
        >>> optimizer = optim.inject_hyperparams(optim.sgd)(0.1)
        >>> state = tree_set(optimizer.init(0.0), learning_rate=0.5)
        >>> float(optimizer.update(1.0, state)[0])
        -0.5
    """
    for name in kwargs:
        if not tree_get_all_with_path(tree, name, filtering):
            raise KeyError(f"tree_set: no value is named {name!r}.")

    def new(path: Path, name: Any, node: Any) -> Any:
        wanted = [n for n in (name, type(node).__name__ if _is_named_tuple(node) else None) if n in kwargs]
        if wanted and (filtering is None or filtering(path, node)):
            return kwargs[wanted[0]]
        children = {key: new((*path, step), key, child) for step, key, child in _numbered(node)}
        if _is_named_tuple(node):
            return node._replace(**children)
        if isinstance(node, dict):
            return type(node)(children)
        return type(node)(children.values()) if isinstance(node, (list, tuple)) else node

    return new((), None, tree)


def _numbered(node: Any) -> Iterator[tuple[Any, Any, Any]]:
    """As `_children`, with the position as the name in lists and tuples, which no keyword can equal."""
    for i, (step, name, child) in enumerate(_children(node)):
        yield step, i if name is None else name, child


def tree_map_params(
    initable: Any,
    f: Callable[..., Any],
    state: Any,
    /,
    *rest: Any,
    transform_non_params: Callable[[Any], Any] | None = None,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:
    """Map the leaves of a state that belong to parameters, such as moments, and no others, such as counts.

    Args:
        initable: the optimizer, or its `init`.
        f: a function of a leaf, and of the leaves of `rest` that belong to the same parameter.
        state: a state of the optimizer.
        rest: pytrees with the structure of the parameters.
        transform_non_params: a function of the other leaves; None leaves them alone.
        is_leaf: see `tree.map`.

    Example:
        >>> from funcgrad import optim
        >>> state = optim.adam(0.1).init({"w": 2.0})
        >>> tree_map_params(optim.adam(0.1), lambda leaf: "moment", state)[0].mu
        {'w': 'moment'}
    """
    init = getattr(initable, "init", initable)

    def one(mark: Any, part: Any) -> Any:
        if isinstance(mark, ParamsPlaceholder):
            return tree.tree_map(f, part, *rest, is_leaf=is_leaf)
        return part if transform_non_params is None else transform_non_params(part)

    marked = init(ParamsPlaceholder())
    return tree.tree_map(one, marked, state, is_leaf=lambda node: isinstance(node, ParamsPlaceholder))
