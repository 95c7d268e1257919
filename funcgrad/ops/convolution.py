"""Windows of arrays: `windows` cuts them out, `overlap` adds them back where they came from.

A convolution is not an op of its own: it is `pad`, `windows` and `dot_general`, so that both modes of differentiation,
batching and every order come from those. Along an axis of length n, a window of size k with dilation d moves in strides
s; there are `count = (n - (k - 1) d - 1) // s + 1` of them, and

    windows(x)[.., p, o, ..] = x[.., p s + o d, ..]        overlap(y)[.., i, ..] = sum of y[.., p, o, ..], p s + o d = i

The result's axes are those of the operand up to the last one windowed, with counts for lengths; then the axes within
the window; then the rest. So the channels of an image [n, h, w, c] stay last, next to each other in memory.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ..core import lowering
from ..core import scalar as sc
from ..core.avals import ShapedArray
from . import layout
from .rules import linear
from .samples import Sample, array

Ints = tuple[int, ...]


def counts_of(extents: Ints, sizes: Ints, strides: Ints, dilations: Ints) -> Ints:
    """How many windows there are along each axis."""
    widths = [(k - 1) * d + 1 for k, d in zip(sizes, dilations)]
    return tuple(max((n - w) // s + 1, 0) for n, w, s in zip(extents, widths, strides))


def windowed_shape(shape: Ints, axes: Ints, sizes: Ints, strides: Ints, dilations: Ints) -> Ints:
    """The shape of `windows`."""
    found = dict(zip(axes, counts_of(tuple(shape[a] for a in axes), sizes, strides, dilations)))
    cut = axes[-1] + 1
    return (*(found.get(d, n) for d, n in enumerate(shape[:cut])), *sizes, *shape[cut:])


def check_windows(name: str, x: ShapedArray, axes: Ints, sizes: Ints, strides: Ints, dilations: Ints) -> None:
    """Refuse parameters that describe no windows of x."""
    fits = axes and list(axes) == sorted(set(axes)) and axes[0] >= 0 and axes[-1] < x.ndim
    if not fits or not len(axes) == len(sizes) == len(strides) == len(dilations):
        raise TypeError(f"{name}: axes {axes} of {x} do not fit sizes {sizes}, strides {strides}, dilations {dilations}")
    if min((*sizes, *strides, *dilations)) < 1:
        raise TypeError(f"{name}: sizes {sizes}, strides {strides} and dilations {dilations} must be positive")


def window_view(x: Any, axes: Ints, sizes: Ints, strides: Ints, dilations: Ints) -> np.ndarray:
    """All windows as a read-only view."""
    x = np.asarray(x)
    step, cut = list(x.strides), axes[-1] + 1
    inner = [x.strides[a] * d for a, d in zip(axes, dilations)]
    for a, s in zip(axes, strides):
        step[a] *= s
    shape = windowed_shape(x.shape, axes, sizes, strides, dilations)
    if 0 in shape:
        return np.zeros(shape, x.dtype)
    return np.lib.stride_tricks.as_strided(x, shape, (*step[:cut], *inner, *step[cut:]), writeable=False)


def _place(index: tuple, axes: Ints, strides: Ints, dilations: Ints) -> tuple:
    """The element of the operand that stands at an index of `windows`."""
    cut, end = axes[-1] + 1, axes[-1] + 1 + len(axes)
    outer = list(index[:cut])
    for a, o, s, d in zip(axes, index[cut:end], strides, dilations):
        outer[a] = outer[a] * s + o * d
    return (*outer, *index[end:])


def _aval(x: ShapedArray, *, axes: Ints, sizes: Ints, strides: Ints, dilations: Ints) -> ShapedArray:
    check_windows("windows", x, axes, sizes, strides, dilations)
    return x.update(shape=windowed_shape(x.shape, axes, sizes, strides, dilations))


def _batch(size: int, args: list, in_axes: list, *, axes: Ints, **params: Any) -> tuple[Any, int]:
    return windows(layout.move_axis(args[0], in_axes[0], 0), axes=tuple(a + 1 for a in axes), **params), 0


def window_samples() -> list[tuple[Any, dict]]:
    """Arrays, and windows of them: apart, overlapping, dilated, with gaps, along several axes, none at all."""

    def case(shape: tuple, axes: Ints, sizes: Ints, strides: Ints, dilations: Ints | None = None) -> tuple[Any, dict]:
        return array(*shape), dict(axes=axes, sizes=sizes, strides=strides, dilations=dilations or (1,) * len(axes))

    return [
        case((4,), (0,), (2,), (2,)), case((5,), (0,), (3,), (1,)), case((7,), (0,), (2,), (2,), (3,)), case((6,), (0,), (1,), (3,)),
        case((2, 5, 4, 2), (1, 2), (3, 2), (2, 1)), case((3, 4), (0, 1), (2, 2), (1, 2)), case((2, 3), (1,), (5,), (1,)),
        case((1, 3, 3, 3, 1), (1, 2, 3), (2, 2, 2), (1, 1, 1)),
    ]  # fmt: skip


windows = linear(
    "windows", lambda x, **params: window_view(x, **params), aval=_aval, batch=_batch,
    lower=lowering.IndexMap(lambda i, read, *, axes, sizes, strides, dilations: read(_place(i, axes, strides, dilations))),
    transpose=lambda ct, x, *, axes, **params: (overlap(ct, extents=tuple(x.shape[a] for a in axes), axes=axes, **params),),
    samples=lambda: [Sample([x], params) for x, params in window_samples()],
)  # fmt: skip


# --- overlap ----------------------------------------------------------------------------------------------------------


def _overlap_shape(shape: Ints, axes: Ints, extents: Ints) -> Ints:
    found, cut = dict(zip(axes, extents)), axes[-1] + 1
    return (*(found.get(d, n) for d, n in enumerate(shape[:cut])), *shape[cut + len(axes) :])


def window_slices(axes: Ints, offsets: Ints, counts: Ints, strides: Ints, dilations: Ints) -> tuple[slice, ...]:
    """The elements of the whole array at the same offset in every window, as one slice."""
    found = {
        a: slice(o * d, o * d + (n - 1) * s + 1, s) for a, o, n, s, d in zip(axes, offsets, counts, strides, dilations)
    }
    return tuple(found.get(d, slice(None)) for d in range(axes[-1] + 1))


def _overlap_impl(y: Any, *, extents: Ints, axes: Ints, sizes: Ints, strides: Ints, dilations: Ints) -> Any:
    y = np.asarray(y)
    out, counts = np.zeros(_overlap_shape(y.shape, axes, extents), y.dtype), tuple(y.shape[a] for a in axes)
    if y.size:
        for offsets in itertools.product(*map(range, sizes)):
            target = window_slices(axes, offsets, counts, strides, dilations)
            out[target] += y[(slice(None),) * (axes[-1] + 1) + offsets]
    return out


def _overlap_aval(y: ShapedArray, *, extents: Ints, axes: Ints, sizes: Ints, **steps: Ints) -> ShapedArray:
    out = y.update(shape=_overlap_shape(y.shape, axes, extents)) if axes and axes[-1] < y.ndim else y
    check_windows("overlap", out, axes, sizes, **steps)
    if windowed_shape(out.shape, axes, sizes, **steps) != y.shape:
        raise TypeError(f"overlap: {y} does not hold the windows of size {sizes} of an array with extents {extents}")
    return out


def _overlap_batch(size: int, args: list, in_axes: list, *, axes: Ints, **params: Any) -> tuple[Any, int]:
    return overlap(layout.move_axis(args[0], in_axes[0], 0), axes=tuple(a + 1 for a in axes), **params), 0


def _overlap_samples() -> list[Sample]:
    def case(x: Any, params: dict) -> Sample:
        extents = tuple(x.shape[a] for a in params["axes"])
        return Sample([array(*windowed_shape(x.shape, **params))], dict(params, extents=extents))

    return [case(x, params) for x, params in window_samples()]


def _overlap_place(i: tuple, *, extents: Ints, axes: Ints, sizes: Ints, strides: Ints, dilations: Ints) -> tuple:
    return _place(i, axes, strides, dilations)


overlap = linear(
    "overlap", _overlap_impl, aval=_overlap_aval, batch=_overlap_batch, lower=lowering.Spread(_overlap_place),
    transpose=lambda ct, y, *, extents, **params: (windows(ct, **params),), samples=_overlap_samples,
)  # fmt: skip


__all__ = ["check_windows", "counts_of", "overlap", "sc", "window_samples", "window_slices", "window_view", "windowed_shape", "windows"]
