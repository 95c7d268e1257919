"""The structure of a pytree as JSON, and back. Only names of classes are written, never how to build them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import tree
from ..core.tracing import Tracer
from ..errors import CheckpointError
from .files import NAMES

Path = tuple[Any, ...]
_SEQUENCES: dict[str, type] = {"list": list, "tuple": tuple}
_LEAVES = {"array", "scalar", "complex array", "complex scalar", "bool", "int", "float", "complex", "str"}


def one_level(node: Any) -> tuple[list[tuple[Path, Any]], Any]:
    """Children with their keys, and the structure of just this container; one child with key () for a leaf."""
    return tree.tree_flatten_with_path(node, is_leaf=lambda other: other is not node)


def label(path: Path) -> str:
    """How messages and files call the place of a leaf."""
    return tree.keystr(path) or "(the tree itself)"


# --- to JSON ----------------------------------------------------------------------------------------------------------


def encode(node: Any, arrays: dict[str, np.ndarray], path: Path = ()) -> Any:
    """The JSON of a tree; its arrays are entered into `arrays` by the names of their places."""
    if node is None:
        return None
    children, _ = one_level(node)
    if len(children) == 1 and children[0][0] == ():
        return _encode_leaf(node, arrays, path)
    parts = [(keys[0], encode(child, arrays, (*path, *keys))) for keys, child in children]
    if type(node) in (list, tuple):
        return [type(node).__name__, [part for _, part in parts]]
    if type(node) is dict:
        # In the dict's own order, which flattening does not keep.
        found = {key.key: part for key, part in parts}
        return ["dict", [[_encode_key(key, path), found[key]] for key in node]]
    return ["class", type(node).__name__, [[str(key), part] for key, part in parts]]


def _encode_key(key: Any, path: Path) -> Any:
    if type(key) is str:
        return key
    if type(key) in (int, bool):
        return [type(key).__name__, int(key)]
    raise CheckpointError(f"{label(path)}: keys of dicts must be texts or integers, got {key!r}.")


def _encode_leaf(leaf: Any, arrays: dict[str, np.ndarray], path: Path) -> Any:
    if type(leaf) in (bool, str):
        return [type(leaf).__name__, leaf]
    if type(leaf) is int:
        return ["int", hex(leaf)]
    if type(leaf) is float:
        return ["float", leaf.hex()]
    if type(leaf) is complex:
        return ["complex", leaf.real.hex(), leaf.imag.hex()]
    if isinstance(leaf, Tracer):
        raise CheckpointError(f"{label(path)} is a traced value. Fix: save outside of jit, grad and vmap.")
    # The mask of a masked array would be lost.
    if not isinstance(leaf, (np.ndarray, np.generic)) or isinstance(leaf, np.ma.MaskedArray):
        raise CheckpointError(f"{label(path)} has type {type(leaf).__name__}, which cannot be saved.\n{_WHAT}")
    return _encode_array(leaf, arrays, path)


_WHAT = "Fix: save arrays, NumPy scalars, numbers, truth values and texts; register classes as pytrees."


def _encode_array(leaf: Any, arrays: dict[str, np.ndarray], path: Path) -> Any:
    array = np.asarray(leaf)
    kind = "scalar" if isinstance(leaf, np.generic) else "array"
    if array.dtype.kind == "c" and array.dtype.itemsize in (8, 16):
        kind = f"complex {kind}"
        array = np.stack([array.real, array.imag], axis=-1)
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    if array.dtype not in NAMES:
        raise CheckpointError(f"{label(path)} has dtype {array.dtype}, which the format does not have.\n{_WHAT}")
    name = label(path)
    while name in arrays:  # two places may have the same text, as those of a class without keys
        name += "'"
    arrays[name] = array
    return [kind, name]


# --- from JSON --------------------------------------------------------------------------------------------------------


def decode(node: Any, arrays: Mapping[str, np.ndarray], path: Path = ()) -> Any:
    """The tree that the JSON describes, of containers that Python has."""
    if node is None:
        return None
    kind, rest = _head(node, path)
    if kind in _LEAVES:
        return _decode_leaf(kind, rest, arrays, path)
    if kind in _SEQUENCES:
        return _SEQUENCES[kind](
            decode(child, arrays, (*path, tree.SequenceKey(i))) for i, child in enumerate(_items(rest, path))
        )
    if kind == "dict":
        pairs = [(_decode_key(key, path), child) for key, child in _pairs(rest, path)]
        return {key: decode(child, arrays, (*path, tree.DictKey(key))) for key, child in pairs}
    name = rest[0] if rest else "?"
    raise CheckpointError(
        f"{label(path)} is of class {name}, which a file cannot make.\nFix: pass like=, a tree of the same structure."
    )


def decode_like(node: Any, like: Any, arrays: Mapping[str, np.ndarray], path: Path = ()) -> Any:
    """The tree that the JSON describes in the containers of `like`, or the error that names where they differ."""
    children, treedef = one_level(like)
    if len(children) == 1 and children[0][0] == ():
        return _leaf_like(node, like, arrays, path)
    if like is None or node is None:
        _agree(like is None and node is None, path, node, like)
        return None
    kind, rest = _head(node, path)
    _agree(kind not in _LEAVES, path, node, like)
    return tree.tree_unflatten(treedef, _CHILDREN.get(kind, _refuse)(rest, like, children, arrays, path))


def _like_sequence(kind: str) -> Callable[..., list[Any]]:
    def match(rest: Any, like: Any, children: Any, arrays: Any, path: Path) -> list[Any]:
        items = _items(rest, path)
        _agree(type(like) is _SEQUENCES[kind] and len(items) == len(children), path, [kind, items], like)
        return [decode_like(i, c, arrays, (*path, *keys)) for i, (keys, c) in zip(items, children)]

    return match


def _like_dict(rest: Any, like: Any, children: Any, arrays: Any, path: Path) -> list[Any]:
    found = {_decode_key(key, path): child for key, child in _pairs(rest, path)}
    wanted = {keys[0].key: (keys, child) for keys, child in children} if type(like) is dict else None
    _agree(wanted is not None and set(found) == set(wanted), path, ["dict", rest[0]], like)
    return [decode_like(found[key], child, arrays, (*path, *keys)) for key, (keys, child) in wanted.items()]  # type: ignore[union-attr]


def _like_class(rest: Any, like: Any, children: Any, arrays: Any, path: Path) -> list[Any]:
    pairs = _pairs(rest[1:], path)
    same = type(like).__name__ == rest[0] and [key for key, _ in pairs] == [str(keys[0]) for keys, _ in children]
    _agree(same, path, ["class", *rest], like)
    return [decode_like(child, c, arrays, (*path, *keys)) for (_, child), (keys, c) in zip(pairs, children)]


def _refuse(rest: Any, like: Any, children: Any, arrays: Any, path: Path) -> list[Any]:
    raise CheckpointError(f"{label(path)}: the structure is not of the known grammar.")


_CHILDREN: dict[str, Callable[..., list[Any]]] = {
    "list": _like_sequence("list"), "tuple": _like_sequence("tuple"), "dict": _like_dict, "class": _like_class,
}  # fmt: skip


def _leaf_like(node: Any, like: Any, arrays: Mapping[str, np.ndarray], path: Path) -> Any:
    _agree(node is not None, path, node, like)
    kind, rest = _head(node, path)
    _agree(kind in _LEAVES, path, node, like)
    leaf = _decode_leaf(kind, rest, arrays, path)
    if isinstance(like, str) or isinstance(leaf, str):
        _agree(isinstance(like, str) and isinstance(leaf, str), path, node, like)
    elif hasattr(like, "shape") and hasattr(like, "dtype"):
        _agree(hasattr(leaf, "dtype"), path, node, like)
        if (tuple(leaf.shape), leaf.dtype) != (tuple(like.shape), np.dtype(like.dtype).newbyteorder("=")):
            found, wanted = (f"{v.dtype}{list(v.shape)}" for v in (leaf, like))
            raise CheckpointError(f"{label(path)} is {found} in the file, and {wanted} in like.")
    else:
        _agree(getattr(leaf, "shape", ()) == (), path, node, like)
    return leaf


def _agree(same: bool, path: Path, node: Any, like: Any) -> None:
    if not same:
        raise CheckpointError(f"{label(path)} is {_described(node)} in the file, and {_named(like)} in like.")


def _described(node: Any) -> str:
    """What a node is; of a forged one that breaks the grammar, only its first word."""
    if node is None:
        return "None"
    if node[0] in _LEAVES:
        return f"a leaf ({node[0]})"
    try:
        if node[0] == "class":
            return f"of class {node[1]} with {', '.join(str(k) for k, _ in node[2])}"
        if node[0] == "dict":
            return f"a dict with the keys {[k if isinstance(k, str) else k[1] for k, _ in node[1]]}"
        return f"a {node[0]} of length {len(node[1])}"
    except (LookupError, TypeError, ValueError):
        return f"a {node[0]!r}"


def _named(like: Any) -> str:
    if like is None:
        return "None"
    if type(like) is dict:
        return f"a dict with the keys {list(like)}"
    children, _ = one_level(like)
    if len(children) == 1 and children[0][0] == ():
        return f"a leaf ({type(like).__name__})"
    if type(like) in (list, tuple):
        return f"a {type(like).__name__} of length {len(like)}"
    return f"of class {type(like).__name__} with {', '.join(str(keys[0]) for keys, _ in children)}"


# --- the grammar ------------------------------------------------------------------------------------------------------


def _head(node: Any, path: Path) -> tuple[str, list[Any]]:
    if not isinstance(node, list) or not node or not isinstance(node[0], str):
        raise CheckpointError(f"{label(path)}: the structure is not of the known grammar.")
    return node[0], node[1:]


def _items(rest: list[Any], path: Path) -> list[Any]:
    if len(rest) != 1 or not isinstance(rest[0], list):
        raise CheckpointError(f"{label(path)}: the structure is not of the known grammar.")
    return rest[0]


def _pairs(rest: list[Any], path: Path) -> list[Any]:
    pairs = _items(rest, path)
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise CheckpointError(f"{label(path)}: the structure is not of the known grammar.")
    return pairs


def _decode_key(key: Any, path: Path) -> Any:
    if isinstance(key, str):
        return key
    kinds = {"int": int, "bool": bool}
    if isinstance(key, list) and len(key) == 2 and key[0] in kinds and type(key[1]) is int:
        return kinds[key[0]](key[1])
    raise CheckpointError(f"{label(path)}: the structure is not of the known grammar.")


def _decode_leaf(kind: str, rest: list[Any], arrays: Mapping[str, np.ndarray], path: Path) -> Any:
    try:
        if kind.endswith(("array", "scalar")):
            return _decode_array(kind, arrays[rest[0]])
        if kind in ("bool", "str") and type(rest[0]).__name__ == kind:
            return rest[0]
        if kind == "int":
            return int(rest[0], 16)
        if kind == "float":
            return float.fromhex(rest[0])
        if kind == "complex":
            return complex(float.fromhex(rest[0]), float.fromhex(rest[1]))
    except (LookupError, TypeError, ValueError, OverflowError):
        pass
    raise CheckpointError(f"{label(path)}: the structure is not of the known grammar.")


def _decode_array(kind: str, array: np.ndarray) -> Any:
    if kind.startswith("complex"):
        if array.shape[-1:] != (2,) or array.dtype.kind != "f" or array.dtype.itemsize < 4:
            raise ValueError
        array = array.view(f"c{2 * array.dtype.itemsize}").reshape(array.shape[:-1])
    if kind.endswith("scalar"):
        if math.prod(array.shape) != 1 or array.ndim:
            raise ValueError
        return array[()]
    return array
