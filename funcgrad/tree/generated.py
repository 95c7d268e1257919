"""Straight-line Python functions that flatten or rebuild one structure, for the warm path of `jit`."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .containers import _LEAF_TYPES, _NAMED_TUPLES, _REGISTRY, Leaves
from .treedef import PyTreeDef, _token, _wrong_count

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
        >>> from funcgrad.tree import flatten, generate_flattener, tree_structure
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
        >>> from funcgrad.tree import generate_unflattener, tree_structure
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
