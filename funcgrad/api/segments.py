"""Loops in pieces: scans that remember only the carry between segments, and maps that do a few slices at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import tree
from ..core.tracing import current_trace
from ..ops import layout
from . import carry as carried
from . import recording as rec
from .loops import common_length, scan
from .loops import map as map_one
from .rematerialization import checkpoint
from .vectorization import vmap


def _part(x: Any, start: int, stop: int) -> Any:
    return layout.slice_axis(x, 0, start, stop)


def _folded(x: Any, size: int) -> Any:
    """A leading axis of k * size split into (k, size)."""
    return layout.reshape(x, shape=(x.shape[0] // size, size, *x.shape[1:]))


def _unfolded(x: Any) -> Any:
    return layout.reshape(x, shape=(x.shape[0] * x.shape[1], *x.shape[2:]))


def _joined(first: Any, second: Any) -> Any:
    return tree.tree_map(lambda a, b: layout.concatenate(a, b, axis=0), first, second)


def segment_length(where: str, rule: Any, length: int) -> int:
    """The number of steps in one segment.

    Raises:
        ValueError: when the rule is neither "sqrt" nor a positive integer.
    """
    if rule == "sqrt":
        root = max(math.isqrt(length), 1)
        # A divisor close by leaves no rest, which would be one more loop, and copies of slices of the xs.
        return next((n for k in range(root // 4 + 1) for n in (root + k, root - k) if length % n == 0), root)
    if isinstance(rule, int) and not isinstance(rule, bool) and rule > 0:
        return rule
    raise ValueError(f"{where}: checkpoint must be None, 'sqrt' or a positive number of steps, got {rule!r}.")


def scan_in_segments(f: Callable, init: Any, xs: Any, length: int, reverse: bool, rule: Any) -> tuple[Any, Any]:
    """A scan over segments, each a checkpointed scan of its own; what is left over comes last in the order of the loop.

    With segments of n steps, reverse mode holds length / n carries, and the residuals of n steps.
    """
    where = f"scan of {rec.name_of(f)}"
    size = segment_length(where, rule, length)
    count = length // size
    if count < 2 or current_trace() is None:
        return scan(f, init, xs, length, reverse)
    whole = count * size
    cut = length - whole if reverse else 0  # a reversed loop begins at the end, so the rest is at the front
    main = tree.tree_map(lambda x: _folded(_part(x, cut, cut + whole), size), xs)
    segment = checkpoint(lambda carry, part: scan(f, carry, part, size, reverse))
    carry, ys = scan(segment, init, main, count, reverse)
    ys = tree.tree_map(_unfolded, ys)
    if whole == length:
        return carry, ys
    rest = tree.tree_map(lambda x: _part(x, 0, cut) if reverse else _part(x, whole, length), xs)
    carry, more = checkpoint(lambda carry, part: scan(f, carry, part, length - whole, reverse))(carry, rest)
    return carry, _joined(more, ys) if reverse else _joined(ys, more)


def map_in_batches(f: Callable, xs: Any, batch_size: int) -> Any:
    """`vmap` over batches inside `map`; what is left over is one smaller batch."""
    where = f"map of {rec.name_of(f)}"
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ValueError(f"{where}: batch_size must be a positive integer, got {batch_size!r}.")
    length = common_length(where, xs, carried.flatten(where, "xs", xs)[0], None)
    whole = length // batch_size * batch_size
    if not whole:
        return vmap(f)(xs) if length else map_one(f, xs)
    ys = map_one(vmap(f), tree.tree_map(lambda x: _folded(_part(x, 0, whole), batch_size), xs))
    ys = tree.tree_map(_unfolded, ys)
    if whole == length:
        return ys
    return _joined(ys, vmap(f)(tree.tree_map(lambda x: _part(x, whole, length), xs)))
