"""Why a call of a compiled function traces anew: with this module one can say in words how its arguments differ from
those of the calls before.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .. import config, errors, tree
from ..core.tracing import user_source
from .ahead_of_time import argument_name, describe
from .recording import name_of

_traced: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()  # by code: how often, by any jit of it


def report(fun: Callable, key: tuple, known: Iterable[tuple], others: Iterable[tuple]) -> None:
    """Say on stderr why a call misses, where FUNCGRAD_EXPLAIN_CACHE_MISSES is set.

    Args:
        fun: the function under `jit`.
        key: (structure, static arguments, signature of each leaf) of the call.
        known: those of the calls before.
        others: those of calls that are kept apart: plain ones, and those inside `grad` and the like.
    """
    if not config.EXPLAIN_CACHE_MISSES.value:
        return
    code = getattr(fun, "__code__", fun)
    before = _traced.get(code, 0)
    _traced[code] = before + 1
    name = name_of(fun)
    lines = [f"funcgrad: jit of {name} traces anew, called at", errors.source_line(user_source())]
    found = reasons(name, key, list(known), 0 if others else before)
    if others and not known:
        found = ["it is the first call of its kind: those inside grad and the like are traced apart from plain ones"]
    print("\n".join([*lines, *[f"  {reason}" for reason in found]]), file=sys.stderr)


def reasons(name: str, key: tuple, known: Sequence[tuple], before: int) -> list[str]:
    """How a call differs from the most similar one before, a line each; `before`: traces by any `jit` of the code."""
    if known:
        closest = min(known, key=lambda other: (key[0] != other[0], len(_differences(key, other))))
        return [f"{line} in the most similar call before" for line in _differences(key, closest)]
    if not before:
        return ["it is the first call"]
    return [
        f"it is the first call of this result of jit, but {name} was traced {before} times before: "
        "each result of jit has a cache of its own, so call jit once and keep what it returns"
    ]


def _differences(key: tuple, other: tuple) -> list[str]:
    (structure, static, *leaves), (old_structure, old_static, *old_leaves) = key, other
    found = _static_differences(static, old_static)
    if structure != old_structure:
        return [*found, *_structure(structure, old_structure)]
    dynamic = tree.tree_unflatten(structure, range(structure.num_leaves))
    pairs = enumerate(zip(leaves, old_leaves))
    return found + [f"{argument_name(dynamic, i)}: {describe(a)}, was {describe(b)}" for i, (a, b) in pairs if a != b]


def _static_differences(static: tuple, old: tuple) -> list[str]:
    new, before = ({name: (kind, value) for name, kind, value in s} for s in (static, old))
    return [
        f"static argument {name!r}: {_static_text(new, name)}, was {_static_text(before, name)}"
        for name in dict.fromkeys([*new, *before])
        if new.get(name) != before.get(name)
    ]


def _static_text(given: dict, name: Any) -> str:
    return repr(given[name][1]) if name in given else "left out"


def _structure(structure: Any, old: Any) -> list[str]:
    """Which arguments have another structure, and where in them."""
    new_call, old_call = (tree.tree_unflatten(s, range(s.num_leaves)) for s in (structure, old))
    found = []
    if len(new_call[0]) != len(old_call[0]):
        found.append(f"{len(new_call[0])} positional arguments, was {len(old_call[0])}")
    if new_call[1].keys() != old_call[1].keys():
        found.append(f"keyword arguments {list(new_call[1])}, was {list(old_call[1])}")
    pairs = [(f"argument {i}", *pair) for i, pair in enumerate(zip(new_call[0], old_call[0]))]
    pairs += [(f"argument {k!r}", v, old_call[1][k]) for k, v in new_call[1].items() if k in old_call[1]]
    for where, new, before in pairs:
        old_structure, new_structure = tree.tree_structure(before), tree.tree_structure(new)
        if old_structure != new_structure:
            found.append(f"{where}: {_place(new, new_structure, old_structure)}")
    return found


def _place(new: Any, structure: Any, old: Any) -> str:
    try:
        old.flatten_up_to(new, "structure")
    except ValueError as mismatch:
        return f"{mismatch}"
    return f"structure: got {structure}, expected {old}"


__all__ = ["reasons", "report"]
