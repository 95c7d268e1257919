"""Updates without mutation: `x.at[index].set(v)` on Tracers, `at(x)[index].set(v)` on anything.

    at(x)[index].set(v)   is x after  x[index] = v        .add .subtract .multiply .divide .power .min .max .apply
    at(x)[index].get()    is x[index], with a choice of what positions out of range give

Positions that occur several times are updated several times, one after the other. A boolean mask that is not known
while tracing chooses between the old and the new element, everywhere.

| mode                      | reading out of range           | writing out of range |
|---------------------------|--------------------------------|----------------------|
| None                      | IndexError if known, else clip | IndexError, drop     |
| "fill", "drop"            | fill_value                     | drop                 |
| "clip"                    | the nearest element            | the nearest element  |
| "wrap"                    | the position modulo the size   | the same             |
| "promise_in_bounds"       | not to occur                   | not to occur         |
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.avals import shaped
from ..core.tracing import Tracer, retrace
from ..ops import control, layout
from ..ops import elementwise as ew
from . import indexing, promotion, ufuncs

MODES = (None, "promise_in_bounds", "clip", "fill", "drop", "wrap")


class At:
    """`at(x)`: waits for an index."""

    __slots__ = ("x",)

    def __init__(self, x: Any) -> None:
        self.x = x

    def __getitem__(self, index: Any) -> Updates:
        return Updates(self.x, index)

    def __repr__(self) -> str:
        return f"at({self.x!r})"


class Updates:
    """`at(x)[index]`: the ways to read or update there. Every method returns a new array.

    Every method takes `mode` (see the module), `unique_indices=True`, which says that no position occurs twice, so that
    all can be updated at once; `indices_are_sorted`, which changes nothing here; and `wrap_negative_indices=False`,
    which takes negative positions for positions out of range.
    """

    __slots__ = ("index", "x")

    def __init__(self, x: Any, index: Any) -> None:
        self.x, self.index = x, index

    def __repr__(self) -> str:
        return f"at({self.x!r})[{self.index!r}]"

    def _plan(
        self,
        mode: str | None = None,
        indices_are_sorted: bool = False,
        unique_indices: bool = False,
        wrap_negative_indices: bool = True,
    ) -> indexing.Plan:
        if mode not in MODES:
            raise ValueError(f"mode must be one of {MODES}, got {mode!r}")
        plan = indexing.parse(
            self.index,
            tuple(self.x.shape),
            check=mode is None and wrap_negative_indices,
            from_end=wrap_negative_indices,
        )
        if mode == "clip":
            plan.arrays = {d: ufuncs.minimum(ufuncs.maximum(a, 0), plan.shape[d] - 1) for d, a in plan.arrays.items()}
        elif mode == "wrap":
            plan.arrays = {d: ufuncs.remainder(a, max(plan.shape[d], 1)) for d, a in plan.arrays.items()}
        return plan

    def set(self, values: Any, **options: Any) -> Any:
        """x with x[index] replaced by values; of several values for one place the last stays."""
        mask = indexing.traced_mask(self.index, tuple(self.x.shape))
        if mask is not None:
            return self._choose(mask, self._fitting(mask, values))
        return indexing.write(self.x, self._plan(**options), values)

    def add(self, values: Any, **options: Any) -> Any:
        """x with values added at x[index]; repeated positions accumulate."""
        mask = indexing.traced_mask(self.index, tuple(self.x.shape))
        if mask is not None:
            return self._combine(ufuncs.add, values, options)
        return indexing.write(self.x, self._plan(**options), values, accumulate=True)

    def subtract(self, values: Any, **options: Any) -> Any:
        """x with values subtracted at x[index]."""
        return self.add(ufuncs.negative(values), **options)

    def multiply(self, values: Any, **options: Any) -> Any:
        """x with x[index] multiplied by values."""
        return self._combine(ufuncs.multiply, values, options)

    mul = multiply

    def divide(self, values: Any, **options: Any) -> Any:
        """x with x[index] divided by values."""
        return self._combine(lambda a, b: promotion.convert(ufuncs.divide(a, b), a.dtype), values, options)

    def power(self, values: Any, **options: Any) -> Any:
        """x with x[index] raised to the power of values."""
        return self._combine(ufuncs.power_strict, values, options)

    def min(self, values: Any, **options: Any) -> Any:
        """x with x[index] replaced by the smaller of x[index] and values."""
        return self._combine(ew.minimum, values, options)

    def max(self, values: Any, **options: Any) -> Any:
        """x with x[index] replaced by the larger of x[index] and values."""
        return self._combine(ew.maximum, values, options)

    def apply(self, function: Callable[[Any], Any], **options: Any) -> Any:
        """x with x[index] replaced by function(x[index])."""
        return self._combine(lambda a, _: promotion.convert(function(a), a.dtype), 0, options)

    def get(self, *, fill_value: Any = None, **options: Any) -> Any:
        """x[index]; what lies out of range is up to `mode`.

        Args:
            fill_value: for mode="fill" and "drop"; by default NaN, the smallest integer of a signed dtype, the largest
                of an unsigned one, or True.
        """
        plan = self._plan(**options)
        if options.get("mode") not in ("fill", "drop"):
            return indexing.read(self.x, plan)
        value = indexing.read(self.x, plan, clamp=False)
        return _fill_outside(value, plan, fill_value)

    def _combine(self, combine: Callable, values: Any, options: dict) -> Any:
        """Read, combine, write; one position after the other where some may repeat."""
        values = promotion.convert(promotion.array_operand(values), self.x.dtype)
        mask = indexing.traced_mask(self.index, tuple(self.x.shape))
        if mask is not None:
            return self._choose(mask, combine(self.x, self._fitting(mask, values)))
        plan = self._plan(**options)
        shape = indexing.result_shape(plan)
        if not options.get("unique_indices") and indexing.has_repeats(plan):
            return _one_by_one(self.x, plan, promotion.broadcast(values, shape), combine)
        old = indexing.read(self.x, plan)
        return indexing.write(self.x, plan, combine(old, promotion.broadcast(values, shape)))

    def _fitting(self, mask: Any, values: Any) -> Any:
        """Values of the shape of x; the same for every place where the mask holds, whose number is not known."""
        values = promotion.convert(promotion.array_operand(values, "the new value"), self.x.dtype)
        rest = tuple(self.x.shape[mask.ndim :])
        if values.ndim == len(rest) + 1 and values.shape[0] == 1:
            values = layout.reshape(values, shape=tuple(values.shape[1:]))
        if values.ndim > len(rest) or any(m not in (1, n) for m, n in zip(values.shape[::-1], rest[::-1])):
            raise ValueError(
                f"at[mask]: a value of shape {tuple(values.shape)} does not fit every place of a traced mask.\n"
                "Fix: give one value for all places, or funcgrad.numpy.where(mask, new, x) with one for each element."
            )
        return promotion.broadcast(values, tuple(self.x.shape))

    def _choose(self, mask: Any, new: Any) -> Any:
        wide = layout.broadcast(mask, shape=tuple(self.x.shape), dims=tuple(range(mask.ndim)))
        return ew.select(wide, promotion.convert(new, self.x.dtype), self.x)


def _fill_outside(value: Any, plan: indexing.Plan, fill_value: Any) -> Any:
    """Replace what was read out of range, which `gather` reads as 0."""
    inside: Any = np.True_
    for d, a in plan.arrays.items():
        inside = ufuncs.logical_and(
            inside, ufuncs.logical_and(ufuncs.greater_equal(a, 0), ufuncs.less(a, plan.shape[d]))
        )
    if fill_value is None:
        fill_value = _missing(value.dtype)
    k = plan.advanced_shape()
    before = (
        sum(1 for o in plan.order[: plan.order.index("advanced")] if not isinstance(o, tuple)) if plan.arrays else 0
    )
    mask = promotion.broadcast(promotion.array_operand(inside), k)
    mask = layout.broadcast(mask, shape=tuple(value.shape), dims=tuple(range(before, before + len(k))))
    return ew.select(mask, value, ew.like(value, fill_value))


def _missing(dtype: np.dtype) -> Any:
    """What stands for an element that is not there."""
    if dtype.kind in "iu":
        return np.iinfo(dtype).min if dtype.kind == "i" else np.iinfo(dtype).max
    return math.nan if dtype.kind in "fc" else True


def _one_by_one(x: Any, plan: indexing.Plan, values: Any, combine: Callable) -> Any:
    """A loop over the positions of the advanced indices, so that repeated ones are all applied."""
    k = plan.advanced_shape()
    count = math.prod(k)
    place = plan.order.index("advanced")
    before = sum(1 for o in plan.order[:place] if not isinstance(o, tuple))
    for i in range(len(k)):
        values = layout.move_axis(values, before + i, i)
    rows = layout.reshape(values, shape=(count, *values.shape[len(k) :]))
    lines = [
        layout.reshape(promotion.broadcast(promotion.array_operand(a), k), shape=(count,)) for a in plan.arrays.values()
    ]
    order = [o for o in plan.order if o != "advanced"]

    def body(state: Any, *parts: Any) -> list[Any]:
        *positions, value = parts
        single = indexing.Plan(
            plan.shape, plan.added, dict(plan.slices), dict(zip(plan.arrays, positions)), ["advanced", *order]
        )
        return [indexing.write(state, single, combine(indexing.read(state, single), value))]

    avals = [shaped(tuple(v.shape), v.dtype) for v in (x,)] + [
        shaped(tuple(v.shape[1:]), v.dtype) for v in (*lines, rows)
    ]
    program = retrace(body, avals)
    return control.scan(x, *lines, rows, body=program, consts=0, carries=1, length=count, reverse=False)[0]


def at(x: Any) -> At:
    """The indexed-update view of an array or Tracer: `at(x)[index].set(v)`.

    Args:
        x: array of any shape; it is not changed.

    Returns:
        An object to index; the result has the methods set, add, subtract, multiply, divide, power, min, max, apply
        and get.

    Example:
        >>> import funcgrad.numpy as fnp
        >>> fnp.at(fnp.zeros(3))[1].set(5.0)
        array([0., 5., 0.])
    """
    return At(x if type(x) is Tracer else np.asarray(x))


__all__ = [
    "at",
]  # fmt: skip
