"""Windows over arrays: padding, and what becomes of each window's elements (`reduce_window`)."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..numpy import promotion, ufuncs
from ..ops import convolution, elementwise, layout, pooling, reduction
from . import recording as rec

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]
MOST_UNROLLED = 64  # elements of a window that are compared one by one in straight-line code
PADDINGS = ("SAME", "SAME_LOWER", "VALID")


def padded(x: Any, value: Any, low: Ints, high: Ints, interior: Ints) -> Any:
    """Elements put between and around those of x; a negative edge takes elements away, those between counted."""
    if not any((*low, *high, *interior)):
        return x
    grown = layout.pad(
        x, value, low=tuple(max(n, 0) for n in low), high=tuple(max(n, 0) for n in high), interior=interior
    )
    if min((*low, *high), default=0) >= 0:
        return grown
    start = tuple(max(-n, 0) for n in low)
    stop = tuple(n - max(-h, 0) for n, h in zip(grown.shape, high))
    return layout.slice_(grown, start=start, stop=tuple(max(a, b) for a, b in zip(start, stop)), step=(1,) * x.ndim)


def padding_pairs(where: str, padding: Any, extents: Ints, widths: Ints, strides: Ints) -> Pairs:
    """How much to put before and after each axis, from 'SAME', 'SAME_LOWER', 'VALID' or the pairs themselves."""
    if not isinstance(padding, str):
        pairs = [promotion.static_ints(pair, where) for pair in padding]
        if len(pairs) != len(extents) or any(len(pair) != 2 for pair in pairs):
            raise ValueError(
                f"{where}: padding={padding!r} does not fit {len(extents)} axes.\n"
                f"Fix: give one pair (before, after) for each of them, or one of {', '.join(PADDINGS)}."
            )
        return tuple((pair[0], pair[1]) for pair in pairs)
    if padding.upper() not in PADDINGS:
        raise ValueError(f"{where}: there is no padding {padding!r}.\nFix: use one of {', '.join(PADDINGS)}, or pairs.")
    if padding.upper() == "VALID":
        return ((0, 0),) * len(extents)
    needed = [max((-(-n // s) - 1) * s + w - n, 0) for n, w, s in zip(extents, widths, strides)]
    lower = padding.upper() == "SAME_LOWER"
    return tuple((-(-n // 2), n // 2) if lower else (n // 2, -(-n // 2)) for n in needed)


def padtype_to_pads(
    in_shape: Sequence[int], window_shape: Sequence[int], window_strides: Sequence[int], padding: str
) -> list[tuple[int, int]]:
    """The pairs (before, after) that a padding given by name means.

    Example:
        >>> padtype_to_pads((5, 6), (3, 3), (2, 2), "SAME")
        [(1, 1), (0, 1)]

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.padtype_to_pads.html, whose interface this follows.
    """
    values = [promotion.static_ints(v, "padtype_to_pads") for v in (in_shape, window_shape, window_strides)]
    if not isinstance(padding, str) or len({len(v) for v in values}) > 1:
        raise ValueError(
            f"padtype_to_pads: shapes and strides {values} with padding={padding!r}.\n"
            f"Fix: give one number for each axis, and one of {', '.join(PADDINGS)}."
        )
    return list(padding_pairs("padtype_to_pads", padding, *values))


def per_axis(where: str, name: str, values: Any, count: int) -> Ints:
    """One positive integer for each of `count` axes; None means ones."""
    if values is None:
        return (1,) * count
    found = promotion.static_ints(values, where)
    if len(found) != count or min(found, default=1) < 1:
        raise ValueError(
            f"{where}: {name}={tuple(found)} does not fit.\nFix: give {count} positive integers, one for each axis."
        )
    return found


def widths_of(sizes: Ints, dilations: Ints) -> Ints:
    """The lengths that windows cover."""
    return tuple((k - 1) * d + 1 for k, d in zip(sizes, dilations))


# --- reduce_window ----------------------------------------------------------------------------------------------------


def add(x: Any, y: Any) -> Any:
    """x + y; the name by which `reduce_window` knows sums.

    Example:
        >>> add(1.0, 2.0)
        np.float64(3.0)
    """
    return ufuncs.add(x, y)


def max_(x: Any, y: Any) -> Any:
    """The larger of two elements; the name by which `reduce_window` knows largest elements.

    Example:
        >>> max_(1.0, 2.0)
        np.float64(2.0)
    """
    return ufuncs.maximum(x, y)


def min_(x: Any, y: Any) -> Any:
    """The smaller of two elements; the name by which `reduce_window` knows smallest elements.

    Example:
        >>> min_(1.0, 2.0)
        np.float64(1.0)
    """
    return ufuncs.minimum(x, y)


KINDS: dict[Any, str] = {
    **dict.fromkeys((add, np.add, ufuncs.add, operator.add), "add"),
    **dict.fromkeys((max_, np.maximum, ufuncs.maximum, max), "max"),
    **dict.fromkeys((min_, np.minimum, ufuncs.minimum, min), "min"),
}


def reduce_window(
    operand: Any,
    init_value: Any,
    computation: Callable[[Any, Any], Any],
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | None = None,
    padding: Any = "VALID",
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Any:
    """The sum, the largest or the smallest element of every window of an array.

    The derivative of an extreme is that of the element it was taken from; of several equal ones in a window, the first.

    Args:
        operand: an array.
        init_value: a number the result begins with, which fills the padding, too: 0 for sums, -inf or inf for
            extremes.
        computation: `lax.add`, `lax.max` or `lax.min`, or NumPy's function of this meaning.
        window_dimensions: the size of windows along every axis of the operand; 1 where they do not extend.
        window_strides: from one window to the next; 1 where not given.
        padding: "VALID", "SAME" (as many windows as strides fit, before any `base_dilation`), "SAME_LOWER", or (before,
            after) for every axis.
        base_dilation: distances between neighbours of the operand, between which `init_value` is put.
        window_dilation: distances between neighbours within a window.

    Returns:
        An array with one element for each window.

    Raises:
        ValueError: sizes, strides, dilations or padding do not fit the operand.
        TypeError: the computation is another one, or the operand holds no numbers.

    Example:
        >>> import numpy as np
        >>> x = np.arange(6.0)
        >>> reduce_window(x, -np.inf, max_, (2,), (2,), "VALID")
        array([1., 3., 5.])
        >>> reduce_window(x, 0.0, add, (3,), (1,), "SAME")
        array([ 1.,  3.,  6.,  9., 12.,  9.])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.reduce_window.html, whose interface this follows.
    """
    x, where = promotion.array_operand(operand, "reduce_window"), "reduce_window"
    kind = KINDS.get(computation) if getattr(computation, "__hash__", None) else None
    if kind is None:
        raise TypeError(f"{where}: cannot reduce by {computation!r}.\nFix: use lax.add, lax.max or lax.min.")
    if x.dtype.kind not in ("iufc" if kind == "add" else "iuf"):
        raise TypeError(f"{where}: there is no {kind} of {rec.abstract(x)}.\nFix: convert it to numbers first.")
    sizes = per_axis(where, "window_dimensions", window_dimensions, x.ndim)
    strides = per_axis(where, "window_strides", window_strides, x.ndim)
    base = per_axis(where, "base_dilation", base_dilation, x.ndim)
    dilations = per_axis(where, "window_dilation", window_dilation, x.ndim)
    pairs = padding_pairs(where, padding, tuple(x.shape), widths_of(sizes, dilations), strides)
    init = promotion.convert(init_value, x.dtype)
    spread = padded(x, init, tuple(p[0] for p in pairs), tuple(p[1] for p in pairs), tuple(b - 1 for b in base))
    axes = tuple(d for d in range(x.ndim) if (sizes[d], strides[d]) != (1, 1))
    if not axes:
        return _with_initial(spread, init, kind)
    chosen = {
        name: tuple(v[a] for a in axes)
        for name, v in (("sizes", sizes), ("strides", strides), ("dilations", dilations))
    }
    return _with_initial(_reduced(spread, kind, dict(axes=axes, **chosen)), init, kind)


def _reduced(x: Any, kind: str, params: dict[str, Ints]) -> Any:
    first = params["axes"][-1] + 1
    inner = tuple(range(first, first + len(params["axes"])))
    if kind == "add":
        return reduction.reduce_sum(convolution.windows(x, **params), axes=inner)
    if len(inner) > 1 and math.prod(params["sizes"]) > MOST_UNROLLED:
        # The first of the largest in row-major order is in the first row whose largest is largest: axis after axis.
        for k in reversed(range(len(inner))):
            x = _reduced(x, kind, {name: values[k : k + 1] for name, values in params.items()})
        return x
    if params["sizes"][0] > MOST_UNROLLED and len(inner) == 1:
        rows = convolution.windows(x, **params)
        position = (reduction.argmax if kind == "max" else reduction.argmin)(rows, axis=first)
        return pooling.window_take(x, elementwise.convert(position, dtype=pooling.INT32), **params)
    choose = pooling.window_argmax if kind == "max" else pooling.window_argmin
    return pooling.window_take(x, choose(x, **params), **params)


def _with_initial(y: Any, init: Any, kind: str) -> Any:
    """The initial value combined with every result, where it is not the number that changes nothing."""
    combine = {"add": elementwise.add, "max": elementwise.maximum, "min": elementwise.minimum}[kind]
    if isinstance(init, np.generic) and init == _neutral(kind, init.dtype):
        return y
    return combine(y, layout.broadcast(init, shape=tuple(y.shape), dims=()))


def _neutral(kind: str, dtype: np.dtype) -> Any:
    if kind == "add":
        return 0
    if dtype.kind == "f":
        return -math.inf if kind == "max" else math.inf
    info = np.iinfo(dtype)
    return info.min if kind == "max" else info.max


__all__ = [
    "add",
    "max_",
    "min_",
    "padded",
    "padding_pairs",
    "padtype_to_pads",
    "per_axis",
    "reduce_window",
    "widths_of",
]
