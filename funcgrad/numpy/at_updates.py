"""Updates without mutation: `x.at[index].set(v)` on Tracers, `at(x)[index].set(v)` on anything.

    at(x)[index].set(v)   is x after  x[index] = v        .add .subtract .multiply .divide .power .min .max .apply
    at(x)[index].get()    is x[index], with a choice of what positions out of range give

Positions that occur several times are updated several times, one after the other.
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

MODES = (None, "promise_in_bounds", "clip", "fill", "drop")


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
    """`at(x)[index]`: the ways to read or update there. Every method returns a new array."""

    __slots__ = ("index", "x")

    def __init__(self, x: Any, index: Any) -> None:
        self.x, self.index = x, index

    def __repr__(self) -> str:
        return f"at({self.x!r})[{self.index!r}]"

    def _plan(self, mode: str | None) -> indexing.Plan:
        if mode not in MODES:
            raise ValueError(f"mode must be one of {MODES}, got {mode!r}")
        return indexing.parse(self.index, tuple(self.x.shape), check=mode is None)

    def _clip(self, plan: indexing.Plan, mode: str | None) -> indexing.Plan:
        if mode == "clip":
            plan.arrays = {d: ufuncs.minimum(ufuncs.maximum(a, 0), self.x.shape[d] - 1) for d, a in plan.arrays.items()}
        return plan

    def set(self, values: Any, *, mode: str | None = None) -> Any:
        """x with x[index] replaced by values; of several values for one place the last stays."""
        return indexing.write(self.x, self._clip(self._plan(mode), mode), values)

    def add(self, values: Any, *, mode: str | None = None) -> Any:
        """x with values added at x[index]; repeated positions accumulate."""
        return indexing.write(self.x, self._clip(self._plan(mode), mode), values, accumulate=True)

    def subtract(self, values: Any, *, mode: str | None = None) -> Any:
        """x with values subtracted at x[index]."""
        return self.add(ufuncs.negative(values), mode=mode)

    def multiply(self, values: Any, *, mode: str | None = None) -> Any:
        """x with x[index] multiplied by values."""
        return self._combine(ew.mul, values, mode)

    def divide(self, values: Any, *, mode: str | None = None) -> Any:
        """x with x[index] divided by values."""
        return self._combine(lambda a, b: promotion.convert(ufuncs.divide(a, b), a.dtype), values, mode)

    def power(self, values: Any, *, mode: str | None = None) -> Any:
        """x with x[index] raised to the power of values."""
        return self._combine(ufuncs.power_strict, values, mode)

    def min(self, values: Any, *, mode: str | None = None) -> Any:
        """x with x[index] replaced by the smaller of x[index] and values."""
        return self._combine(ew.minimum, values, mode)

    def max(self, values: Any, *, mode: str | None = None) -> Any:
        """x with x[index] replaced by the larger of x[index] and values."""
        return self._combine(ew.maximum, values, mode)

    def apply(self, function: Callable[[Any], Any], *, mode: str | None = None) -> Any:
        """x with x[index] replaced by function(x[index])."""
        return self._combine(lambda a, _: promotion.convert(function(a), a.dtype), 0, mode)

    def get(self, *, mode: str | None = None, fill_value: Any = None) -> Any:
        """x[index]; out of range mode="fill" gives fill_value (NaN for floats), mode="clip" the nearest element."""
        plan = self._plan(mode)
        if mode != "fill":
            return indexing.read(self.x, self._clip(plan, mode))
        value = indexing.read(self.x, plan, clamp=False)
        return _fill_outside(value, plan, tuple(self.x.shape), fill_value)

    def _combine(self, combine: Callable, values: Any, mode: str | None) -> Any:
        """Read, combine, write; one position after the other where some may repeat."""
        plan = self._clip(self._plan(mode), mode)
        shape = indexing.result_shape(plan)
        values = promotion.convert(promotion.array_operand(values), self.x.dtype)
        if indexing.has_repeats(plan, tuple(self.x.shape)):
            return _one_by_one(self.x, plan, promotion.broadcast(values, shape), combine)
        old = indexing.read(self.x, plan)
        return indexing.write(self.x, plan, combine(old, promotion.broadcast(values, shape)))


def _fill_outside(value: Any, plan: indexing.Plan, shape: tuple[int, ...], fill_value: Any) -> Any:
    """Replace what was read out of range, which `gather` reads as 0."""
    inside: Any = np.True_
    for d, a in plan.arrays.items():
        inside = ufuncs.logical_and(inside, ufuncs.logical_and(ufuncs.greater_equal(a, 0), ufuncs.less(a, shape[d])))
    if fill_value is None:
        fill_value = (
            math.nan if value.dtype.kind in "fc" else (np.iinfo(value.dtype).min if value.dtype.kind in "iu" else 0)
        )
    k = plan.advanced_shape()
    before = (
        sum(1 for o in plan.order[: plan.order.index("advanced")] if not isinstance(o, tuple)) if plan.arrays else 0
    )
    mask = promotion.broadcast(promotion.array_operand(inside), k)
    mask = layout.broadcast(mask, shape=tuple(value.shape), dims=tuple(range(before, before + len(k))))
    return ew.select(mask, value, ew.like(value, fill_value))


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
        single = indexing.Plan(dict(plan.slices), dict(zip(plan.arrays, positions)), ["advanced", *order])
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
