"""`associative_scan`: all partial results of an associative operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import tree
from ..core.tracing import current_trace
from ..numpy import promotion
from ..ops import layout
from . import carry as carried
from . import recording as rec
from .loops import scan


def associative_scan(fn: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """All partial results of an associative operation along an axis.

        y[0] = x[0],  y[1] = fn(x[0], x[1]),  y[2] = fn(fn(x[0], x[1]), x[2]), ...

    Compiled, it is one sequential pass; outside `jit`, where each call costs, a tree of about 2 log2(n) calls on long
    arrays. The results agree to rounding.

    Args:
        fn: `(a, b) -> c` on pytrees like `elems` whose arrays may have any length along the axis; associative.
        elems: a pytree of arrays with the same length along `axis`.
        reverse: start at the end.
        axis: the axis to scan along.

    Returns:
        A pytree like `elems`.

    Raises:
        ValueError: when lengths differ, or an array has no such axis.
        TypeError: when `fn` returns another structure or type, naming the place.

    Example:
        >>> import numpy as np
        >>> associative_scan(np.add, np.array([1, 2, 3, 4]))
        array([ 1,  3,  6, 10])

    Reference: G. E. Blelloch, Prefix sums and their applications, 1990; the interface is that of jax.lax.
    """
    where = f"associative_scan of {rec.name_of(fn)}"
    leaves, treedef = carried.flatten(where, "elems", elems)
    axes = [promotion.one_axis(axis, rec.abstract(x).ndim, where) for x in leaves]
    leaves = [layout.move_axis(x, a, 0) for x, a in zip(leaves, axes)]
    lengths = {rec.abstract(x).shape[0] for x in leaves}
    if len(lengths) > 1:
        raise ValueError(f"{where}: lengths along axis {axis} differ: {sorted(lengths)}.")
    combine = _on_leading_axis(where, fn, treedef, axes)
    trace = current_trace()
    if not leaves or lengths == {0}:
        return elems
    outs = (
        _sequential(combine, leaves, reverse)
        if trace is not None and not trace.eager
        else _tree(combine, leaves, reverse)
    )
    return tree.tree_unflatten(treedef, rec.owned([layout.move_axis(y, 0, a) for y, a in zip(outs, axes)], leaves))


def _on_leading_axis(where: str, fn: Callable, treedef: Any, axes: list[int]) -> Callable:
    """`fn` on lists of leaves whose scanned axis is in front."""

    def combine(a: list[Any], b: list[Any]) -> list[Any]:
        back = [tree.tree_unflatten(treedef, [layout.move_axis(x, 0, k) for x, k in zip(xs, axes)]) for xs in (a, b)]
        outs, out_tree = carried.flatten(where, "the result of fn", fn(*back))
        if out_tree != treedef:
            raise TypeError(f"{where}: fn returns {out_tree}, the elements have structure {treedef}.")
        _check_types(where, treedef, tree.tree_leaves(back[1]), outs)
        return [layout.move_axis(promotion.array_operand(y), k, 0) for y, k in zip(outs, axes)]

    return combine


def _check_types(where: str, treedef: Any, elements: list[Any], outs: list[Any]) -> None:
    """Refuse an operation whose results could not be combined again."""
    paths = tree.tree_leaves_with_path(tree.tree_unflatten(treedef, range(len(outs))))
    for (path, _), x, y in zip(paths, elements, outs):
        given, found = rec.abstract(x), rec.abstract(y)
        if found is not given:
            raise TypeError(
                f"{where}: fn returns {found} for elements{tree.keystr(path)} of type {given}.\n"
                "Fix: convert or broadcast inside fn, so that it returns what it gets."
            )


def _part(x: Any, start: int, stop: int, step: int = 1) -> Any:
    return layout.slice_axis(x, 0, start, stop, step)


def _one(x: Any) -> Any:
    return layout.reshape(x, shape=(1, *x.shape))


def _drop(x: Any) -> Any:
    return layout.reshape(x, shape=tuple(x.shape[1:]))


def _sequential(combine: Callable, leaves: list[Any], reverse: bool) -> list[Any]:
    """One pass that carries the last result."""
    n = leaves[0].shape[0]

    def step(carry: list[Any], x: list[Any]) -> tuple[list[Any], list[Any]]:
        out = [_drop(y) for y in combine([_one(c) for c in carry], [_one(e) for e in x])]
        return out, out

    first = [_drop(_part(x, n - 1, n) if reverse else _part(x, 0, 1)) for x in leaves]
    rest = [_part(x, 0, n - 1) if reverse else _part(x, 1, n) for x in leaves]
    _, ys = scan(step, first, rest, reverse=reverse)
    return [layout.concatenate(*((y, _one(f)) if reverse else (_one(f), y)), axis=0) for f, y in zip(first, ys)]


def _tree(combine: Callable, leaves: list[Any], reverse: bool) -> list[Any]:
    """Pairs are combined, the scan of the pairs gives every second result, one more call the others between."""
    if reverse:
        flipped = _tree(lambda a, b: combine(a, b), [layout.flip(x, axes=(0,)) for x in leaves], False)
        return [layout.flip(y, axes=(0,)) for y in flipped]
    n = leaves[0].shape[0]
    if n < 2:
        return leaves
    even, odd = [_part(x, 0, n, 2) for x in leaves], [_part(x, 1, n, 2) for x in leaves]
    half = n // 2
    odd_results = _tree(combine, combine([_part(x, 0, half) for x in even], odd), False)
    count = (n - 1) // 2  # even results after the first
    later = (
        combine([_part(y, 0, count) for y in odd_results], [_part(x, 1, count + 1) for x in even]) if count else None
    )
    firsts = [_part(x, 0, 1) for x in even]
    even_results = [layout.concatenate(f, y, axis=0) for f, y in zip(firsts, later)] if later else firsts
    return [_interleaved(e, o) for e, o in zip(even_results, odd_results)]


def _interleaved(even: Any, odd: Any) -> Any:
    """e0 o0 e1 o1 ...; there may be one more even element."""
    paired = odd.shape[0]
    stacked = layout.concatenate(
        *[layout.reshape(_part(x, 0, paired), shape=(paired, 1, *x.shape[1:])) for x in (even, odd)], axis=1
    )
    both = layout.reshape(stacked, shape=(2 * paired, *even.shape[1:]))
    return both if even.shape[0] == paired else layout.concatenate(both, _part(even, paired, paired + 1), axis=0)


__all__ = ["associative_scan"]
