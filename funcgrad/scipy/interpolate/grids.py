"""Interpolation of samples in one dimension and on rectangular grids."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ... import tree
from ...core.tracing import Tracer
from ...numpy import promotion, searchsorted, take
from .piecewise import columns, increasing, samples
from .splines import CubicSpline

_KINDS = ("linear", "slinear", "nearest", "previous", "next", "zero", "cubic")


@tree.register_pytree_node_class
class interp1d:
    """Interpolation of samples of a function of one number.

    Args:
        x: (n,), increasing.
        y: (..., n, ...), samples along `axis`.
        kind: "linear", "nearest", "previous" (or "zero"), "next" or "cubic".
        axis: the axis of y that belongs to x.
        bounds_error: raise for a query outside of x. None: yes, unless fill_value says what is there. A traced query
            cannot be looked at; outside, its value is nan.
        fill_value: what is outside of x: a number or an array, a pair of them for both sides, or "extrapolate".

    Raises:
        ValueError: x does not increase, shapes do not fit, or a query is outside of x.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> f = fg.scipy.interpolate.interp1d(np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 0.0]))
        >>> f(np.array([0.5, 2.0])), fg.grad(f)(2.0)
        (array([1., 1.]), np.float64(-1.0))

    Reference: scipy.interpolate.interp1d
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        kind: str = "linear",
        axis: int = -1,
        bounds_error: bool | None = None,
        fill_value: Any = np.nan,
    ) -> None:
        """Check and keep the samples."""
        if kind not in _KINDS:
            raise ValueError(f"interp1d: kind must be one of {', '.join(map(repr, _KINDS))}, got {kind!r}.")
        self.x, self.y, self.axis = samples("interp1d", x, y, axis, 1 if kind in ("nearest",) else 2)
        self.kind, self.fill_value = kind, fill_value
        given = isinstance(fill_value, str) or not (np.isscalar(fill_value) and np.isnan(fill_value))
        self.bounds_error = (not given) if bounds_error is None else bool(bounds_error)

    def __call__(self, x: Any) -> Any:
        """Values at queries of any shape, whose axes take the place of the axis of the samples."""
        x = promotion.array_operand(x, "interp1d")
        x = x if x.dtype.kind == "f" else promotion.convert(x, self.x.dtype)
        if self.bounds_error:
            _refuse_outside("interp1d", x, self.x[0], self.x[-1])
        value = self._inside(x)
        if not (isinstance(self.fill_value, str) and self.fill_value == "extrapolate"):
            value = self._filled(x, value)
        value = np.where(columns_of(np.isnan(x), value), np.nan, value)
        value = np.moveaxis(value, tuple(range(x.ndim)), tuple(range(self.axis, self.axis + x.ndim)))
        return value if type(value) is Tracer else value[()]

    def _inside(self, x: Any) -> Any:
        n, grid, y = self.x.shape[0], self.x, self.y
        if self.kind == "cubic":
            return CubicSpline(grid, y)(x)
        if self.kind == "nearest":
            return take(y, np.clip(searchsorted((grid[1:] + grid[:-1]) / 2.0, x, side="left"), 0, n - 1), axis=0)
        if self.kind in ("previous", "zero"):
            value = take(y, np.clip(searchsorted(grid, x, side="right") - 1, 0, n - 1), axis=0)
            return np.where(columns_of(x < grid[0], value), np.nan, value)
        if self.kind == "next":
            value = take(y, np.clip(searchsorted(grid, x, side="left"), 0, n - 1), axis=0)
            return np.where(columns_of(x > grid[-1], value), np.nan, value)
        k = np.clip(searchsorted(grid, x, side="right") - 1, 0, n - 2)
        slope = (y[1:] - y[:-1]) / columns(grid[1:] - grid[:-1], y)
        start = take(y, k, axis=0)
        return start + take(slope, k, axis=0) * columns_of(x - take(grid, k), start)

    def _filled(self, x: Any, value: Any) -> Any:
        pair = isinstance(self.fill_value, (tuple, list)) and len(self.fill_value) == 2
        below, above = self.fill_value if pair else (self.fill_value, self.fill_value)
        value = np.where(columns_of(x < self.x[0], value), below, value)
        return np.where(columns_of(x > self.x[-1], value), above, value)

    def tree_flatten(self) -> tuple[tuple, Any]:
        """The leaves x and y; a fill value that is an array stays outside."""
        return (self.x, self.y), (self.kind, self.axis, self.bounds_error, _Held(self.fill_value))

    @classmethod
    def tree_unflatten(cls, aux: Any, children: Any) -> interp1d:
        """The inverse of `tree_flatten`."""
        new = object.__new__(cls)
        new.x, new.y = children
        new.kind, new.axis, new.bounds_error, held = aux
        new.fill_value = held.value
        return new


class _Held:
    """Anything, equal to what holds the same object."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and (self.value is other.value or repr(self.value) == repr(other.value))

    def __hash__(self) -> int:
        return hash(repr(self.value))


def gathered(values: Any, index: list[Any]) -> Any:
    """The elements (or rows) at one integer array for each of the leading axes."""
    lead = values.shape[: len(index)]
    place = index[0]
    for i, n in zip(index[1:], lead[1:]):
        place = place * n + i
    return take(np.reshape(values, (-1, *values.shape[len(index) :])), place, axis=0)


def columns_of(x: Any, like: Any) -> Any:
    """An array of queries in front of the trailing axes of values."""
    return np.reshape(x, (*x.shape, *(1,) * (len(like.shape) - len(x.shape))))


def _refuse_outside(where: str, x: Any, low: Any, high: Any) -> None:
    if any(type(v) is Tracer for v in (x, low, high)):
        return
    outside = (x < low) | (x > high)
    if np.any(outside):
        raise ValueError(
            f"{where}: the query {np.ravel(x)[np.argmax(np.ravel(outside))]} is outside of [{low}, {high}].\n"
            "Fix: pass bounds_error=False, and fill_value= for what is there."
        )


@tree.register_pytree_node_class
class RegularGridInterpolator:
    """Interpolation of samples on a rectangular grid of any dimension.

    Values have derivatives in the queries, the samples and the grid. Linear interpolation of d numbers reads 2^d
    samples.

    Args:
        points: d vectors, increasing, the coordinates of the grid along each axis.
        values: (n_1, ..., n_d, ...), the samples.
        method: "linear" or "nearest".
        bounds_error: raise for a query outside of the grid. A traced query cannot be looked at; there `fill_value`
            counts.
        fill_value: the value outside of the grid; None: extrapolate.

    Raises:
        ValueError: shapes do not fit, a vector does not increase, there is no such method, or a query is outside.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> grid = (np.array([0.0, 1.0]), np.array([0.0, 2.0]))
        >>> f = fg.scipy.interpolate.RegularGridInterpolator(grid, np.array([[0.0, 2.0], [1.0, 3.0]]))
        >>> f(np.array([[0.5, 1.0], [1.0, 0.0]])), fg.grad(lambda p: f(p)[0])(np.array([0.5, 1.0]))
        (array([1.5, 1. ]), array([1., 1.]))

    Reference: scipy.interpolate.RegularGridInterpolator
    """

    def __init__(
        self, points: Any, values: Any, method: str = "linear", bounds_error: bool = True, fill_value: Any = np.nan
    ) -> None:
        """Check and keep the grid."""
        where = "RegularGridInterpolator"
        values = promotion.array_operand(values, where)
        self.values = values if values.dtype.kind in "fc" else promotion.convert(values, np.dtype(np.float64))
        self.grid = tuple(promotion.array_operand(p, where) for p in points)
        self.method, self.bounds_error, self.fill_value = _method(method), bool(bounds_error), fill_value
        if len(self.grid) > self.values.ndim:
            raise ValueError(f"{where}: {len(self.grid)} vectors of points do not fit values of {values.ndim} axes.")
        for k, p in enumerate(self.grid):
            if p.ndim != 1 or p.shape[0] != self.values.shape[k] or p.shape[0] < 2:
                raise ValueError(
                    f"{where}: points[{k}] has shape {tuple(p.shape)}, values has {self.values.shape[k]} samples along "
                    f"axis {k}; at least 2 are needed."
                )
            increasing(where, f"points[{k}]", p)

    def __call__(self, xi: Any, method: str | None = None) -> Any:
        """Values at points.

        Args:
            xi: (..., d), or d arrays that broadcast against each other.
            method: in place of that of the interpolator.

        Returns:
            An array of shape (..., trailing axes of values).
        """
        method = self.method if method is None else _method(method)
        x = self._coordinates(xi)
        if self.bounds_error:
            for v, p in zip(x, self.grid):
                _refuse_outside("RegularGridInterpolator", v, p[0], p[-1])
        cells = [np.clip(searchsorted(p, v, side="right") - 1, 0, p.shape[0] - 2) for v, p in zip(x, self.grid)]
        parts = [(v - take(p, i)) / take(p[1:] - p[:-1], i) for v, p, i in zip(x, self.grid, cells)]
        value = self._nearest(cells, parts) if method == "nearest" else self._linear(cells, parts)
        if self.fill_value is not None:
            outside = _any([(v < p[0]) | (v > p[-1]) for v, p in zip(x, self.grid)])
            value = np.where(columns_of(outside, value), self.fill_value, value)
        return np.where(columns_of(_any([np.isnan(v) for v in x]), value), np.nan, value)

    def _coordinates(self, xi: Any) -> list[Any]:
        d, where = len(self.grid), "RegularGridInterpolator"
        if isinstance(xi, tuple):
            found = [promotion.array_operand(v, where) for v in xi]
            shape = promotion.common_shape([tuple(v.shape) for v in found], where)
            x = [np.broadcast_to(v, shape) for v in found]
        else:
            xi = promotion.array_operand(xi, where)
            xi = np.reshape(xi, (-1, 1)) if d == 1 and xi.ndim <= 1 and tuple(xi.shape) != (1,) else xi
            xi = np.reshape(xi, (1, *xi.shape)) if xi.ndim == 1 else xi
            x = [xi[..., k] for k in range(xi.shape[-1])] if xi.ndim else []
        if len(x) != d:
            raise ValueError(f"{where}: queries have {len(x)} coordinates, the grid has {d} axes.")
        return x

    def _linear(self, cells: list[Any], parts: list[Any]) -> Any:
        total: Any = None
        for corner in itertools.product((0, 1), repeat=len(cells)):
            sample = self._samples([i + e for i, e in zip(cells, corner)])
            weight: Any = None
            for part, e in zip(parts, corner):
                factor = part if e else 1.0 - part
                weight = factor if weight is None else weight * factor
            term = sample * columns_of(weight, sample)
            total = term if total is None else total + term
        return total

    def _nearest(self, cells: list[Any], parts: list[Any]) -> Any:
        return self._samples([np.where(part <= 0.5, i, i + 1) for i, part in zip(cells, parts)])

    def _samples(self, index: list[Any]) -> Any:
        return gathered(self.values, index)

    def tree_flatten(self) -> tuple[tuple, Any]:
        """The leaves: the grid and the samples."""
        return (self.grid, self.values), (self.method, self.bounds_error, _Held(self.fill_value))

    @classmethod
    def tree_unflatten(cls, aux: Any, children: Any) -> RegularGridInterpolator:
        """The inverse of `tree_flatten`."""
        new = object.__new__(cls)
        new.grid, new.values = children
        new.method, new.bounds_error, held = aux
        new.fill_value = held.value
        return new


def _method(method: str) -> str:
    if method not in ("linear", "nearest"):
        raise ValueError(f"RegularGridInterpolator: method must be 'linear' or 'nearest', got {method!r}.")
    return method


def _any(flags: list[Any]) -> Any:
    result = flags[0]
    for flag in flags[1:]:
        result = result | flag
    return result


__all__ = ["RegularGridInterpolator", "interp1d"]
