"""Trees as text, with arrays by dtype and shape."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..core.tracing import Tracer

_SHORT = {"float": "f", "int": "i", "uint": "u", "complex": "c"}


def tree_pformat(
    pytree: Any, *, width: int = 80, indent: int = 2, short_arrays: bool = True, hide_defaults: bool = True
) -> str:
    """A tree as readable text: one line where it fits, else one line for each child.

    Args:
        pytree: any tree.
        width: of lines.
        indent: of every level.
        short_arrays: write arrays as dtype and shape, `f64[3,4]`, instead of their elements.
        hide_defaults: leave out fields of dataclasses that have their default value.

    Example:
        >>> import numpy as np
        >>> print(tree_pformat({"w": np.ones((3, 4)), "b": [np.ones(3, np.float32), 2.0]}, width=24))
        {
          'w': f64[3,4],
          'b': [f32[3], 2.0]
        }

    Reference: https://docs.kidger.site/equinox/api/pretty-printing/, whose interface this follows.
    """
    return _text(pytree, 0, 0, width, indent, short_arrays, hide_defaults)


def _text(x: Any, level: int, taken: int, *options: Any) -> str:
    """`taken` is what the line holds besides: the label before and the comma after."""
    width, indent, short_arrays, hide_defaults = options
    parts = _parts(x, hide_defaults)
    if parts is None:
        return _leaf(x, short_arrays)
    opening, labelled, closing = parts
    flat = opening + ", ".join(label + _text(child, 0, 0, 10**9, *options[1:]) for label, child in labelled) + closing
    if not labelled or len(flat) + level * indent + taken <= width:
        return flat
    space = " " * (level + 1) * indent
    lines = [space + label + _text(child, level + 1, len(label) + 1, *options) for label, child in labelled]
    return opening + "\n" + ",\n".join(lines) + "\n" + " " * level * indent + closing


def _parts(x: Any, hide_defaults: bool) -> tuple[str, list[tuple[str, Any]], str] | None:
    """How a container opens, its children with their labels, and how it closes; None for a leaf."""
    name = type(x).__name__
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        fields = [f for f in dataclasses.fields(x) if f.repr and not (hide_defaults and _is_default(f, x))]
        return f"{name}(", [(f"{f.name}=", getattr(x, f.name)) for f in fields], ")"
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return f"{name}(", [(f"{n}=", getattr(x, n)) for n in x._fields], ")"
    if isinstance(x, dict):
        opening, closing = ("{", "}") if type(x) is dict else (f"{name}({{", "})")
        return opening, [(f"{k!r}: ", v) for k, v in x.items()], closing
    if type(x) is tuple:
        return "(", [("", v) for v in x], ",)" if len(x) == 1 else ")"
    if type(x) is list:
        return "[", [("", v) for v in x], "]"
    return None


def _is_default(field: Any, x: Any) -> bool:
    value, default = getattr(x, field.name), field.default
    return value is default or (type(value) is type(default) and type(value) in (bool, int, str) and value == default)


def _leaf(x: Any, short_arrays: bool) -> str:
    if short_arrays and (type(x) is Tracer or isinstance(x, (np.ndarray, np.generic))):
        kind = x.dtype.name.rstrip("0123456789")
        dtype = _SHORT[kind] + x.dtype.name[len(kind) :] if kind in _SHORT else x.dtype.name
        return f"{dtype}[{','.join(str(n) for n in x.shape)}]"
    if callable(x) and hasattr(x, "__name__"):
        return f"<{'class' if isinstance(x, type) else 'function'} {x.__name__}>"
    return repr(x)
