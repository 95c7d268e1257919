"""Reading and writing by index, as NumPy defines it: `x[i, ::2, None, array, mask]` and `at(x)[...].set(v)`.

    x[index]  -->  slices of the basic part, one gather for the advanced part, transpose and reshape for the order

Concrete indices out of range raise IndexError. Traced ones are clamped when reading and dropped when writing, since
a program cannot raise. Negative indices count from the end in both cases.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.tracing import Tracer
from ..ops import elementwise as ew
from ..ops import indexing, layout
from ..records import field, record
from . import promotion
from .promotion import array_operand

Shape = tuple[int, ...]


@record
class Plan:
    """An index taken apart. Each source axis is in `slices` (start, stop, step) or, if advanced, in `arrays`.

    `order` lists the axes of the result: a source axis, "new" for None, and "advanced" where the broadcast shape of the
    advanced indices goes. True and False as indices are the positions [0] and [] on axes of size 1 that are put into
    the array for them: `shape` is the shape with these axes, `added` says which they are.
    """

    shape: Shape
    added: tuple[int, ...] = ()
    slices: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    arrays: dict[int, Any] = field(default_factory=dict)
    order: list[Any] = field(default_factory=list)

    def advanced_shape(self) -> Shape:
        """The broadcast shape of the advanced indices."""
        shapes = [tuple(a.shape) for a in self.arrays.values()]
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            raise IndexError(
                f"shape mismatch: indexing arrays of shapes {shapes} cannot be broadcast together"
            ) from None


# --- taking an index apart --------------------------------------------------------------------------------------------


def parse(index: Any, shape: Shape, check: bool = True, from_end: bool = True) -> Plan:
    """Take an index for an array of `shape` apart.

    `check` refuses concrete indices out of range; without `from_end` negative ones are out of range as well.
    """
    items = _expand_ellipsis([_normal(i) for i in (index if isinstance(index, tuple) else (index,))], shape)
    items, shape, added = _truth_axes(items, shape)
    has_arrays = any(isinstance(i, (np.ndarray, Tracer)) and i.shape != () for i in items)
    plan, axis, places = Plan(shape, added), 0, []
    for k, item in enumerate(items):
        if item is None:
            plan.order.append("new")
        elif isinstance(item, slice):
            plan.slices[axis] = _slice_bounds(item, shape[axis])
            plan.order.append(axis)
            axis += 1
        elif (
            isinstance(item, int)
            and not has_arrays
            and (check or (-shape[axis] if from_end else 0) <= item < shape[axis])
        ):
            start = _checked_int(item, shape[axis], axis, check)
            plan.slices[axis] = (start, start + 1, 1)
            plan.order.append(("drop", axis))
            axis += 1
        else:
            places.append(k)
            axis = _add_advanced(plan, item, axis, shape, check, from_end)
            plan.order.append("advanced")
    _place_advanced(plan, places)
    return plan


def _normal(item: Any) -> Any:
    """One entry: None, Ellipsis, slice, int, bool array, integer array or Tracer."""
    if item is None or item is Ellipsis:
        return item
    if isinstance(item, slice):
        return slice(*[_static_bound(b) for b in (item.start, item.stop, item.step)])
    if isinstance(item, (bool, np.bool_)):
        return np.asarray(item)
    if isinstance(item, (int, np.integer)):
        return int(item)
    if isinstance(item, (list, tuple)):
        item = array_operand(item) if promotion.has_tracer(item) or len(item) else np.zeros(np.shape(item), np.int64)
    if type(item) is Tracer:
        return _known_mask(item) if item.dtype == np.bool_ else _concrete_if_eager(item)
    if isinstance(item, np.ndarray) and item.dtype.kind in "biu":
        return int(item) if item.ndim == 0 and item.dtype.kind != "b" else item
    if hasattr(item, "__index__"):
        return item.__index__()
    raise IndexError(f"only integers, slices, ..., None, and integer or boolean arrays are valid indices, got {item!r}")


def _static_bound(bound: Any) -> int | None:
    """A bound of a slice; sizes must be known, so a traced bound must be concrete."""
    if type(bound) is Tracer:
        return int(
            bound.concrete("the bound of a slice; for a window at a traced position use funcgrad.lax.dynamic_slice")
        )
    return None if bound is None else bound.__index__()


def _concrete_if_eager(item: Tracer) -> Any:
    """Integers have no derivative, so an eager Tracer may stand for its value; it stays data, not structure."""
    if item.dtype.kind not in "iu":
        raise IndexError(f"arrays used as indices must be of integer (or boolean) type, got {item.aval}")
    if item.value is None:
        return item
    return np.asarray(item.concrete("an index"))


def _known_mask(mask: Tracer) -> Any:
    return np.asarray(
        mask.concrete(
            "a boolean index (the size of the result would depend on data); use funcgrad.numpy.where(mask, x, 0), "
            "funcgrad.numpy.extract(mask, x, size=n) for the first n elements, or x.at[mask].set(values) to write"
        )
    )


def _expand_ellipsis(items: list[Any], shape: Shape) -> list[Any]:
    used = sum(_axes_used(i) for i in items)
    missing = len(shape) - used
    if missing < 0:
        raise IndexError(f"too many indices for array: array is {len(shape)}-dimensional, but {used} were indexed")
    dots = [k for k, i in enumerate(items) if i is Ellipsis]
    if len(dots) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    place = dots[0] if dots else len(items)
    return [*items[:place], *[slice(None)] * missing, *items[place + 1 :]]


def _truth_axes(items: list[Any], shape: Shape) -> tuple[list[Any], Shape, tuple[int, ...]]:
    """Each True or False replaced by the positions [0] or [] on an axis of size 1 that is added in its place."""
    sizes, added, replaced = list(shape), [], []
    axis = 0
    for item in items:
        if isinstance(item, np.ndarray) and item.dtype == np.bool_ and item.ndim == 0:
            item = np.zeros(int(item), np.int64)
            sizes.insert(axis, 1)
            added.append(axis)
        replaced.append(item)
        axis += _axes_used(item)
    return replaced, tuple(sizes), tuple(added)


def _axes_used(item: Any) -> int:
    if item is None or item is Ellipsis:
        return 0
    return item.ndim if isinstance(item, np.ndarray) and item.dtype == np.bool_ else 1


def _slice_bounds(item: slice, size: int) -> tuple[int, int, int]:
    start, stop, step = item.indices(size)
    return (start, stop, step) if len(range(start, stop, step)) else (0, 0, 1)


def _checked_int(item: int, size: int, axis: int, check: bool = True) -> int:
    if check and not -size <= item < size:
        raise IndexError(f"index {item} is out of bounds for axis {axis} with size {size}")
    return item + size if item < 0 else item


def _add_advanced(plan: Plan, item: Any, axis: int, shape: Shape, check: bool, from_end: bool) -> int:
    """Enter an advanced index; a boolean array stands for the positions of its true elements."""
    if isinstance(item, np.ndarray) and item.dtype == np.bool_:
        if item.shape != shape[axis : axis + item.ndim]:
            raise IndexError(
                f"boolean index of shape {item.shape} did not match axes of shape {shape[axis : axis + item.ndim]}"
            )
        for positions in np.nonzero(item):
            plan.arrays[axis] = positions
            axis += 1
        return axis
    if not from_end and not check:
        plan.arrays[axis] = promotion.convert(item if type(item) is Tracer else np.asarray(item), layout.INDEX)
    else:
        plan.arrays[axis] = _wrapped(item, shape[axis], axis, check)
    return axis + 1


def _wrapped(item: Any, size: int, axis: int, check: bool) -> Any:
    """Negative indices count from the end."""
    if type(item) is Tracer:
        item = promotion.convert(item, layout.INDEX)
        negative = ew.lt(item, ew.like(item, 0))
        return ew.select(negative, ew.add(item, ew.like(item, size)), item)
    index = np.asarray(item, np.int64)
    wrapped = np.where(index < 0, index + size, index)
    if check and index.size and not (wrapped.min() >= 0 and wrapped.max() < size):
        wrong = index[(wrapped < 0) | (wrapped >= size)].flat[0]
        raise IndexError(f"index {wrong} is out of bounds for axis {axis} with size {size}")
    return wrapped


def _place_advanced(plan: Plan, places: list[int]) -> None:
    """NumPy's rule: adjacent advanced indices stay in place, separated ones move to the front."""
    if not places:
        return
    adjacent = places[-1] - places[0] == len(places) - 1
    first = plan.order.index("advanced") if adjacent else 0
    before = [o for o in plan.order[:first] if o != "advanced"]
    after = [o for o in plan.order[first:] if o != "advanced"]
    plan.order = [*before, "advanced", *after]


# --- reading ----------------------------------------------------------------------------------------------------------


def getitem(x: Any, index: Any, clamp: bool = True) -> Any:
    """x[index] by equations."""
    if type(index) is int and x.ndim:  # the common case, without the general machinery
        i, rest = _checked_int(index, x.shape[0], 0), tuple(x.shape[1:])
        zeros, ones = (0,) * len(rest), (1,) * x.ndim
        return layout.reshape(layout.slice_(x, start=(i, *zeros), stop=(i + 1, *rest), step=ones), shape=rest)
    return read(x, parse(index, x.shape), clamp)


def read(x: Any, plan: Plan, clamp: bool = True) -> Any:
    """Read by a plan; `clamp` moves traced indices into range."""
    x = _sliced(_with_added(x, plan), plan.slices)
    if plan.arrays:
        k = plan.advanced_shape()
        indices = [_ready(a, x.shape[d], k, clamp) for d, a in plan.arrays.items()]
        x = indexing.gather(x, *indices, axes=tuple(plan.arrays))
        x = _ordered(x, plan, len(k))
    return _final_shape(x, plan)


def _with_added(x: Any, plan: Plan) -> Any:
    """x with the axes that truth values stand on."""
    return layout.reshape(x, shape=plan.shape) if plan.added else x


def _sliced(x: Any, slices: dict[int, tuple[int, int, int]]) -> Any:
    """Apply the basic part; a negative step is a slice and a flip."""
    start, stop, step, flipped = [0] * x.ndim, list(x.shape), [1] * x.ndim, []
    for d, (a, b, s) in slices.items():
        if s < 0:
            count = len(range(a, b, s))
            a, b, s = a + (count - 1) * s, a + 1, -s
            flipped.append(d)
        start[d], stop[d], step[d] = a, b, s
    if any(start) or tuple(stop) != tuple(x.shape) or any(s != 1 for s in step):
        x = layout.slice_(x, start=tuple(start), stop=tuple(stop), step=tuple(step))
    return layout.flip(x, axes=tuple(flipped)) if flipped else x


def _ready(index: Any, size: int, shape: Shape, clamp: bool) -> Any:
    """An index array of the broadcast shape, clamped if it is traced."""
    if clamp and type(index) is Tracer:
        index = ew.minimum(ew.maximum(index, ew.like(index, 0)), ew.like(index, max(size - 1, 0)))
    if type(index) is Tracer:
        return promotion.broadcast(index, shape)
    axis = _counted_axis(index)
    if axis is not None:
        return layout.iota(shape=shape, axis=len(shape) - index.ndim + axis, dtype=layout.INDEX)
    return np.ascontiguousarray(np.broadcast_to(index, shape)) if shape else np.asarray(index)[()]


def _counted_axis(index: Any) -> int | None:
    """The axis along which an index array counts 0, 1, 2, ...: said by an equation, it can be seen through."""
    long = [d for d, n in enumerate(np.shape(index)) if n > 1]
    if len(long) != 1 or not np.array_equal(np.ravel(index), np.arange(np.size(index))):
        return None
    return long[0]


def _ordered(x: Any, plan: Plan, k: int) -> Any:
    """From gather's order (advanced axes, then the others) to the order of the result."""
    rest = {d: k + i for i, d in enumerate(d for d in sorted(plan.slices))}
    axes: list[int] = []
    for o in plan.order:
        if o == "advanced":
            axes.extend(range(k))
        elif o != "new":
            axes.append(rest[o[1] if isinstance(o, tuple) else o])
    return x if axes == sorted(axes) else layout.transpose(x, axes=tuple(axes))


def _final_shape(x: Any, plan: Plan) -> Any:
    """Drop the axes of integers, insert the new ones."""
    if all(isinstance(o, int) or o == "advanced" for o in plan.order):
        return x
    return layout.reshape(x, shape=result_shape(plan))


def result_shape(plan: Plan) -> Shape:
    """The shape of x[index]."""
    shape: list[int] = []
    for o in plan.order:
        if o == "new":
            shape.append(1)
        elif o == "advanced":
            shape.extend(plan.advanced_shape())
        elif isinstance(o, int):
            shape.append(len(range(*plan.slices[o])))
    return tuple(shape)


# --- writing ----------------------------------------------------------------------------------------------------------


def write(x: Any, plan: Plan, value: Any, accumulate: bool = False) -> Any:
    """x with x[index] replaced by (or increased by) value; traced positions out of range are dropped."""
    shape = result_shape(plan)
    value = promotion.convert(array_operand(value, "the new value"), x.dtype)
    fits = len(value.shape) <= len(shape) and all(m in (1, n) for m, n in zip(value.shape[::-1], shape[::-1]))
    if not fits:
        raise ValueError(f"could not broadcast a value of shape {tuple(value.shape)} into shape {shape}")
    value = promotion.broadcast(value, shape)
    if not plan.arrays and all(s == 1 for _, _, s in plan.slices.values()):
        return _write_window(x, plan, value, accumulate)
    written = _write_scattered(_with_added(x, plan), plan, value, accumulate)
    return layout.reshape(written, shape=tuple(x.shape)) if plan.added else written


def _write_window(x: Any, plan: Plan, value: Any, accumulate: bool) -> Any:
    """A window of consecutive elements on every axis."""
    sizes = tuple(b - a for a, b, _ in (plan.slices[d] for d in range(x.ndim)))
    value = layout.reshape(value, shape=sizes)
    if accumulate:
        value = ew.add(_sliced(x, plan.slices), value)
    if sizes == tuple(x.shape):
        return value
    return layout.dynamic_update_slice(x, value, *[np.int64(plan.slices[d][0]) for d in range(x.ndim)])


def _write_scattered(x: Any, plan: Plan, value: Any, accumulate: bool) -> Any:
    """Scatter: slices that do not cover their axis become index arrays on axes of their own."""
    partial = [d for d, s in sorted(plan.slices.items()) if s != (0, x.shape[d], 1)]
    k = plan.advanced_shape() if plan.arrays else ()
    joint = (*k, *(len(range(*plan.slices[d])) for d in partial))
    indices, axes = [], []
    for d, a in plan.arrays.items():
        shape = (1,) * (len(k) - a.ndim) + tuple(a.shape) + (1,) * len(partial)
        turned = layout.reshape(a, shape=shape) if type(a) is Tracer else np.reshape(a, shape)
        indices.append(_ready(turned, x.shape[d], joint, False))
        axes.append(d)
    for j, d in enumerate(partial):
        line = np.arange(*plan.slices[d]).reshape([-1 if i == len(k) + j else 1 for i in range(len(joint))])
        indices.append(_ready(line, x.shape[d], joint, False))
        axes.append(d)
    prim = indexing.scatter_add if accumulate else indexing.scatter
    return prim(x, _updates(value, plan, k, partial), *indices, axes=tuple(axes))


def _updates(value: Any, plan: Plan, k: Shape, partial: list[int]) -> Any:
    """The value with axes in scatter's order: advanced, partial slices, whole slices."""
    positions: dict[Any, int] = {}
    shape, entries = [], []
    for o in plan.order:
        if o == "advanced":
            for i, n in enumerate(k):
                positions["advanced", i] = len(shape)
                shape.append(n)
        elif o != "new":
            d = o[1] if isinstance(o, tuple) else o
            positions[d] = len(shape)
            shape.append(len(range(*plan.slices[d])))
            entries.append(d)
    value = layout.reshape(value, shape=tuple(shape))
    rest = [d for d in sorted(entries) if d not in partial]
    axes = [positions["advanced", i] for i in range(len(k))] + [positions[d] for d in (*partial, *rest)]
    return value if axes == sorted(axes) else layout.transpose(value, axes=tuple(axes))


def traced_mask(index: Any, shape: Shape) -> Tracer | None:
    """The mask, if the index is one that is not known, over all axes or the leading ones; its elements are not counted.

    Beside it only whole slices and one ellipsis may stand.
    """
    items = list(index) if isinstance(index, tuple) else [index]
    masks = [i for i in items if type(i) is Tracer and i.dtype == np.bool_ and i.value is None]
    if len(masks) != 1 or not masks[0].shape:
        return None
    mask = masks[0]
    others = [i for i in items if i is not mask]
    leading = next(i for i in items if i is not Ellipsis or mask.ndim < len(shape))
    if leading is not mask or any(not (i is Ellipsis or isinstance(i, slice) and i == slice(None)) for i in others):
        return None
    if tuple(mask.shape) != shape[: mask.ndim]:
        raise IndexError(f"boolean index of shape {tuple(mask.shape)} did not match axes of shape {shape[: mask.ndim]}")
    return mask


def has_repeats(plan: Plan) -> bool:
    """Whether an element may be addressed twice; traced indices may."""
    if not plan.arrays or plan.advanced_shape() == ():
        return False
    if any(type(a) is Tracer for a in plan.arrays.values()):
        return True
    k = plan.advanced_shape()
    sizes = [plan.shape[d] for d in plan.arrays]
    flat = np.ravel_multi_index([np.broadcast_to(a, k).ravel() for a in plan.arrays.values()], sizes, mode="clip")
    return len(np.unique(flat)) < math.prod(k)
