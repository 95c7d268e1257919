"""Einstein summation by pairwise contractions: every pair of operands becomes one dot_general.

    einsum("ij,jk->ik", a, b)  -->  dot_general[contract=((1,), (0,))] a b

Axes that only one operand of a pair has, and nobody needs later, are summed first; repeated labels within an
operand take its diagonal. The order of the pairs comes from `numpy.einsum_path`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import contraction, indexing, layout, reduction
from . import promotion
from .promotion import array_operand
from .registry import register


def einsum(
    subscripts: Any, /, *operands: Any, out: Any = None, optimize: Any = True, dtype: Any = None, **options: Any
) -> Any:
    """Sum of products over labelled axes.

    Args:
        subscripts: labels such as "ij,jk->ik"; "..." stands for any further axes; without "->" the result has the
            labels that occur once, in alphabetical order. Operands may also be interleaved with lists of labels.
        optimize: how to order the pairs, as for `numpy.einsum_path`.

    Returns:
        An array with the axes of the output labels.

    Example:
        >>> einsum("ij,j->i", np.eye(2), np.array([3.0, 4.0]))
        array([3., 4.])

    Reference: numpy.einsum
    """
    if not any(promotion.has_tracer(v) for v in (subscripts, *operands)):
        extra = {} if dtype is None else {"dtype": dtype}
        return np.einsum(subscripts, *operands, out=out, optimize=optimize, **extra, **options)
    if out is not None:
        raise TypeError("einsum: out= is not supported on traced values; use the result instead")
    if not isinstance(subscripts, str):
        subscripts, operands = _from_lists((subscripts, *operands))
    xs = [array_operand(x, "einsum") for x in operands]
    inputs, output = parse(subscripts, [x.ndim for x in xs])
    dtype = np.dtype(dtype) if dtype is not None else np.result_type(*[x.dtype for x in xs])
    truth = dtype == np.bool_  # then sums of products are `any` of `and`
    xs = [promotion.convert(x, np.dtype(np.int64) if truth else dtype) for x in xs]
    _check_sizes(inputs, xs)
    total = _contract(list(zip(inputs, xs)), output, _path(inputs, output, xs, optimize))
    return promotion.convert(total, dtype) if truth else total


def einsum_path(subscripts: Any, /, *operands: Any, optimize: Any = "greedy", **options: Any) -> Any:
    """The order of contraction that `einsum` would take; depends on shapes only.

    Reference: numpy.einsum_path
    """
    shapes = [np.broadcast_to(np.int8(0), x.shape) if hasattr(x, "shape") else x for x in operands]
    return np.einsum_path(subscripts, *shapes, optimize=optimize, **options)


register(np.einsum, einsum)
register(np.einsum_path, einsum_path)

# --- labels -----------------------------------------------------------------------------------------------------------

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _from_lists(mixed: Sequence[Any]) -> tuple[str, list[Any]]:
    """The interleaved form (operand, labels, operand, labels, ..., output labels) as a string form."""
    operands, labels = list(mixed[: len(mixed) // 2 * 2 : 2]), list(mixed[1::2])
    text = lambda part: "".join("..." if i is Ellipsis else _LETTERS[i] for i in part)  # noqa: E731
    subscripts = ",".join(map(text, labels))
    return (subscripts + "->" + text(mixed[-1]) if len(mixed) % 2 else subscripts), operands


def parse(subscripts: str, ndims: Sequence[int]) -> tuple[list[str], str]:
    """Labels of every operand and of the output, with "..." replaced by unused letters."""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"einsum: {len(terms)} terms in {subscripts!r} for {len(ndims)} operands")
    free = [c for c in _LETTERS if c not in text]
    hidden = max((n - len(t.replace("...", "")) for t, n in zip(terms, ndims) if "..." in t), default=0)
    dots = "".join(free[: max(hidden, 0)])
    inputs = [_spelled(t, n, dots, subscripts) for t, n in zip(terms, ndims)]
    if arrow:
        output = right.replace("...", dots)
    else:
        joined = "".join(terms).replace(".", "")
        output = dots + "".join(sorted(c for c in set(joined) if joined.count(c) == 1))
    if len(set(output)) < len(output) or not set(output) <= set("".join(inputs)):
        raise ValueError(
            f"einsum: output labels {output!r} of {subscripts!r} must be different and occur in the inputs"
        )
    return inputs, output


def _spelled(term: str, ndim: int, dots: str, subscripts: str) -> str:
    if "..." in term:
        count = ndim - len(term.replace("...", ""))
        term = term.replace("...", dots[len(dots) - count :] if count > 0 else "")
    if len(term) != ndim or not all(c in _LETTERS for c in term):
        raise ValueError(f"einsum: term {term!r} of {subscripts!r} does not fit an operand with {ndim} axes")
    return term


def _check_sizes(inputs: Sequence[str], xs: Sequence[Any]) -> None:
    sizes: dict[str, int] = {}
    for labels, x in zip(inputs, xs):
        for label, n in zip(labels, x.shape):
            known = sizes.setdefault(label, n)
            if known != n and 1 not in (known, n):
                raise ValueError(f"einsum: label {label!r} has sizes {known} and {n}")
            sizes[label] = max(known, n)


def _path(inputs: Sequence[str], output: str, xs: Sequence[Any], optimize: Any) -> list[tuple[int, ...]]:
    if len(xs) <= 2:
        return [tuple(range(len(xs)))]
    stand_ins = [np.broadcast_to(np.int8(0), x.shape) for x in xs]
    path = np.einsum_path(",".join(inputs) + "->" + output, *stand_ins, optimize=optimize or "greedy")[0]
    return [tuple(step) for step in path[1:]]


# --- contraction ------------------------------------------------------------------------------------------------------


def _contract(terms: list[tuple[str, Any]], output: str, path: list[tuple[int, ...]]) -> Any:
    for step in path:
        chosen = [terms.pop(i) for i in sorted(step, reverse=True)][::-1]
        while len(chosen) > 1:
            first, second, *chosen = chosen
            needed = set(output).union(*(labels for labels, _ in (*terms, *chosen)))
            chosen = [_pair(first, second, needed), *chosen]
        terms.append(chosen[0])
    labels, x = _reduced(*terms[0], needed=set(output))
    missing = [c for c in output if c not in labels]
    if missing:
        raise ValueError(f"einsum: output labels {missing} do not occur in the inputs")
    return _arranged(x, labels, output)


def _arranged(x: Any, labels: str, output: str) -> Any:
    axes = tuple(labels.index(c) for c in output)
    return x if axes == tuple(range(len(axes))) else layout.transpose(x, axes=axes)


def _reduced(labels: str, x: Any, needed: set[str]) -> tuple[str, Any]:
    """Take diagonals of repeated labels, then sum over labels that nobody needs."""
    while len(set(labels)) < len(labels):
        label = next(c for c in labels if labels.count(c) > 1)
        i = labels.index(label)
        j = labels.index(label, i + 1)
        place = np.arange(x.shape[i])
        x = indexing.gather(x, place, place, axes=(i, j))
        labels = label + "".join(c for d, c in enumerate(labels) if d not in (i, j))
    gone = tuple(d for d, c in enumerate(labels) if c not in needed)
    if gone:
        x = reduction.reduce_sum(x, axes=gone)
        labels = "".join(c for c in labels if c in needed)
    return labels, x


def _pair(first: tuple[str, Any], second: tuple[str, Any], needed: set[str]) -> tuple[str, Any]:
    """One dot_general: labels in both operands are batch axes if needed later, contracted otherwise."""
    a, x = _reduced(*first, needed=needed | set(second[0]))
    b, y = _reduced(*second, needed=needed | set(a))
    x, y = _widened(a, x, b, y), _widened(b, y, a, x)
    shared = [c for c in a if c in b]
    batch = "".join(c for c in shared if c in needed)
    summed = [c for c in shared if c not in needed]
    out = contraction.dot_general(
        x, y,
        contract=(tuple(a.index(c) for c in summed), tuple(b.index(c) for c in summed)),
        batch=(tuple(a.index(c) for c in batch), tuple(b.index(c) for c in batch)),
    )  # fmt: skip
    return batch + "".join(c for c in a if c not in shared) + "".join(c for c in b if c not in shared), out


def _widened(labels: str, x: Any, others: str, y: Any) -> Any:
    """Axes of size 1 stretched to the other operand's size."""
    shape = tuple(y.shape[others.index(c)] if n == 1 and c in others else n for c, n in zip(labels, x.shape))
    return promotion.broadcast(x, shape)


__all__ = [
    "einsum", "einsum_path",
]  # fmt: skip
