"""Primitives: the atomic operations, each with all its rules in one object; and symbolic zeros.

| field     | signature                                              | meaning |
|-----------|--------------------------------------------------------|------------------------------------------------------|
| impl | (*arrays, **params) -> array | NumPy: eager mode, constant folding and oracle in one|
| aval      | (*avals, **params) -> aval                             | type of the result; raises for bad operands |
| linearize | (*primals, **params) -> (out, tangent_map)             | the only differentiation rule |
| transpose | (ct, *args, **params) -> one cotangent or None per arg | linear ops only; linear args are `LinearArg` |
| batch     | (size, args, axes, **params) -> (out, out_axis)        | the op with one more axis |
| lower     | a form of `lowering`                                   | what the compiler needs to know |
| activity | bool | linearize also takes `active=`, which operands have tangents |
| effect    | bool | does something besides computing results: kept, in order, never merged      |
| perform   | (args, params) -> results                              | how an eager Trace lets an effect happen |
| collective | bool                                                  | its parameter `name` is that of a batch axis |
| prune     | (eqn, used) -> eqn                                     | the same for some of its results only |
| samples   | () -> iterable of (args, params)                       | feeds every registry test |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .avals import ShapedArray

REGISTRY: dict[str, Primitive] = {}


class Primitive:
    """An atomic operation. Made by the family builders of `ops.rules`, never by hand elsewhere."""

    __slots__ = (
        "activity",
        "aval",
        "batch",
        "collective",
        "differentiation",
        "effect",
        "impl",
        "linearize",
        "lower",
        "multiple_results",
        "name",
        "perform",
        "prune",
        "samples",
        "transpose",
    )

    def __init__(self, name: str, **rules: Any) -> None:
        self.name = name
        self.multiple_results: bool = rules.pop("multiple_results", False)
        self.activity: bool = rules.pop("activity", False)
        self.collective: bool = rules.pop("collective", False)
        self.effect: bool = rules.pop("effect", False)
        for field in (
            "impl",
            "aval",
            "linearize",
            "transpose",
            "batch",
            "lower",
            "samples",
            "differentiation",
            "perform",
            "prune",
        ):
            setattr(self, field, rules.pop(field, None))
        if rules:
            raise TypeError(f"primitive {name}: unknown rules {sorted(rules)}")
        if REGISTRY.setdefault(name, self) is not self:
            raise ValueError(f"primitive {name} is declared twice")

    def __repr__(self) -> str:
        return self.name

    def __lt__(self, other: Primitive) -> bool:
        return self.name < other.name

    def __reduce__(self) -> tuple:
        return registered, (self.name,)

    def __call__(self, *args: Any, **params: Any) -> Any:
        return bind(self, args, params)


def registered(name: str) -> Primitive:
    """The primitive of this name; how primitives are unpickled."""
    return REGISTRY[name]


class Zero:
    """A tangent or cotangent known to be zero. Typed, so that nothing mistakes it for a missing value."""

    __slots__ = ("aval",)

    def __init__(self, aval: ShapedArray) -> None:
        self.aval = aval

    def __repr__(self) -> str:
        return f"Zero({self.aval})"


class Typed:
    """Stands for an array of which only the type is known."""

    __slots__ = ("aval",)

    def __init__(self, aval: ShapedArray) -> None:
        self.aval = aval

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.aval.shape

    @property
    def dtype(self) -> Any:
        """Dtype of the array."""
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.aval.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.aval.size

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.aval})"


class LinearArg(Typed):
    """Stands for the linear operand of an op that is being transposed; only its type is known."""

    __slots__ = ()


def nondiff(*_: Any) -> None:
    """The declaration that an op is piecewise constant: its derivative is zero wherever it exists."""


def refused(*_: Any) -> None:
    """The declaration that an op cannot be differentiated: its `linearize` raises, and says what to do instead."""


# `tracing` puts the dispatch point here when it is imported; primitives cannot import it, since it needs them.
bind: Callable[[Primitive, Any, dict], Any] = None  # type: ignore[assignment]
