"""Arguments of `jit` that are given by position or name, and what tells one static value from another.

With this module one can complete positions by names and names by positions, count positions from the end, and say of
two values that are equal whether compiled code may take one for the other.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .recording import name_of


def static_positions_and_names(fun: Callable, argnums: Any, argnames: Any) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Static arguments by position and by name, each completed from the other by the signature.

    Raises:
        ValueError: a name is not a parameter, or there is no such position.
    """
    numbers = list(positions(fun, argnums, "static_argnums"))
    names = [argnames] if isinstance(argnames, str) else list(argnames)
    parameters = _parameters(fun)
    if parameters is None:
        return tuple(numbers), tuple(names)
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    keywords = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for name in names:
        if name not in [p.name for p in parameters] and not keywords:
            known = [p.name for p in parameters]
            raise ValueError(
                f"jit of {name_of(fun)}: static_argnames names {name!r}, which is not a parameter; it has {known}."
            )
        if name in positional and positional.index(name) not in numbers:
            numbers.append(positional.index(name))
    names += [positional[i] for i in numbers if -len(positional) <= i < len(positional) and positional[i] not in names]
    return tuple(numbers), tuple(names)


def positions(fun: Callable, argnums: Any, what: str) -> tuple[int, ...]:
    """Positions as a tuple, negative ones counted from the last parameter where the signature says how many there are.

    Raises:
        ValueError: the function has fewer parameters.
    """
    numbers = (argnums,) if isinstance(argnums, (int, np.integer)) else tuple(argnums)
    parameters = _parameters(fun)
    if parameters is None or any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return numbers
    count = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    for i in numbers:
        if not -count <= i < count:
            raise ValueError(
                f"jit of {name_of(fun)}: {what} has position {i}, but the function takes {count} positional "
                f"argument{'' if count == 1 else 's'}.\nFix: give positions from 0 to {count - 1}, or, from the "
                f"end, from -{count} to -1."
            )
    return tuple(i % count for i in numbers)


def from_start(numbers: tuple[int, ...], count: int) -> set[int]:
    """Positions among `count` given arguments, negative ones counted from the end."""
    return {i % count if -count <= i < count else i for i in numbers}


def exact_kind(value: Any) -> Any:
    """What has to agree, beside equality, for two static values to mean the same: types, also within tuples, and the
    signs of zeros. 1, 1.0 and True are equal, as are 0.0 and -0.0, and 1 / x and x / 2 are not.
    """
    kind = type(value)
    if isinstance(value, (float, np.floating)):
        return kind, math.copysign(1.0, value)
    if isinstance(value, (complex, np.complexfloating)):
        return kind, math.copysign(1.0, value.real), math.copysign(1.0, value.imag)
    if isinstance(value, tuple):
        return kind, *map(exact_kind, value)
    if isinstance(value, frozenset):
        return kind, frozenset((v, exact_kind(v)) for v in value)
    return kind


def _parameters(fun: Callable) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(fun).parameters.values())
    except (TypeError, ValueError):
        return None


__all__ = ["exact_kind", "from_start", "positions", "static_positions_and_names"]
