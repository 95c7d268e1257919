"""Why a call of a compiled function traces anew: with this module one can say in words how its arguments differ from
those of the calls before.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from .. import errors, tree
from ..core.tracing import user_source
from .ahead_of_time import argument_name, describe


def report(name: str, key: tuple, known: Iterable[tuple], others: Sequence[int]) -> None:
    """Print the explanation of a miss to stderr.

    Args:
        name: the function's.
        key: (structure, static arguments, signature of each leaf) of the call.
        known: those of the calls before.
        others: how many signatures each other `jit` of the same function has compiled.
    """
    lines = [f"funcgrad: jit of {name} traces anew, called at", errors.source_line(user_source())]
    print("\n".join([*lines, *[f"  {reason}" for reason in reasons(name, key, list(known), others)]]), file=sys.stderr)


def reasons(name: str, key: tuple, known: Sequence[tuple], others: Sequence[int]) -> list[str]:
    """How a call differs from the most similar one before, a line each."""
    if not known:
        first = ["it is the first call"]
        if others:
            first.append(
                f"other results of jit({name}) compiled {sum(others)} signatures: each has a cache of its own, "
                "so call jit once and keep its result"
            )
        return first
    closest = min(known, key=lambda other: (key[0] != other[0], len(_differences(key, other))))
    return [f"{line} in the most similar call before" for line in _differences(key, closest)]


def _differences(key: tuple, other: tuple) -> list[str]:
    (structure, static, *leaves), (old_structure, old_static, *old_leaves) = key, other
    found = _static_differences(static, old_static)
    if structure != old_structure:
        return [*found, f"structure: {_structure(structure, old_structure)}"]
    dynamic = tree.tree_unflatten(structure, range(structure.num_leaves))
    pairs = enumerate(zip(leaves, old_leaves))
    return found + [f"{argument_name(dynamic, i)}: {describe(a)}, was {describe(b)}" for i, (a, b) in pairs if a != b]


def _static_differences(static: tuple, old: tuple) -> list[str]:
    new, before = ({name: (kind, value) for name, kind, value in s} for s in (static, old))
    names = dict.fromkeys([*new, *before])
    return [
        f"static argument {name!r}: {_static_text(new, name)}, was {_static_text(before, name)}"
        for name in names
        if new.get(name) != before.get(name)
    ]


def _static_text(given: dict, name: Any) -> str:
    return repr(given[name][1]) if name in given else "left out"


def _structure(structure: Any, old: Any) -> str:
    """The first place where two structures differ."""
    try:
        old.flatten_up_to(tree.tree_unflatten(structure, range(structure.num_leaves)), "")
    except ValueError as mismatch:
        return str(mismatch).removeprefix(": ")
    return f"{structure}, was {old}"


__all__ = ["reasons", "report"]
