"""Piecewise polynomials: values and derivatives, differentiable in the query, the breakpoints and the coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import tree
from ...core.tracing import Tracer
from ...numpy import promotion, searchsorted, take


@tree.register_pytree_node_class
class PiecewisePolynomial:
    """A polynomial on each interval between breakpoints, as a function; a pytree whose leaves are x and c.

        p(v) = sum_k c[k, i] (v - x[i])^(d - k),    x[i] <= v < x[i+1]

    Attributes:
        x: (n,), increasing breakpoints.
        c: (d + 1, n - 1, ...), coefficients, those of the highest power first.
        extrapolate: whether values outside are those of the nearest interval; else nan. "periodic": those of the place
            one or more periods away.
        axis: where the axis of the breakpoints is in the results.
    """

    def __init__(self, c: Any, x: Any, extrapolate: bool | str = True, axis: int = 0) -> None:
        """Take coefficients and breakpoints as they are."""
        self.c, self.x, self.extrapolate, self.axis = c, x, extrapolate, axis

    def __call__(self, x: Any, nu: int = 0, extrapolate: bool | str | None = None) -> Any:
        """Values, or derivatives of order nu.

        Args:
            x: queries, an array of any shape.
            nu: the order of the derivative.
            extrapolate: in place of that of the function.

        Returns:
            An array whose axis of breakpoints is replaced by the axes of x.

        Example:
            >>> import numpy as np
            >>> PiecewisePolynomial(np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([0.0, 1.0, 2.0]))(np.array([0.5, 1.5]))
            array([0.5, 2. ])
        """
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        x = promotion.array_operand(x, "a piecewise polynomial")
        if extrapolate == "periodic":
            first, last = self.x[0], self.x[-1]
            x = first + (x - first) % (last - first)
        interval = np.clip(searchsorted(self.x, x, side="right") - 1, 0, self.x.shape[0] - 2)
        c = _derivative(self.c, nu)
        trailing = c.ndim - 2
        t = np.reshape(x - take(self.x, interval), (*x.shape, *(1,) * trailing))
        value = take(c[0], interval, axis=0)
        for k in range(1, c.shape[0]):
            value = value * t + take(c[k], interval, axis=0)
        if extrapolate is False:
            inside = np.reshape((x >= self.x[0]) & (x <= self.x[-1]), t.shape)
            value = np.where(inside, value, np.nan)
        value = np.where(np.isnan(t), np.nan, value)
        return self._placed(value, x.ndim)

    def _placed(self, value: Any, query: int) -> Any:
        """The axes of the query, which are in front, moved to where the breakpoints were."""
        if self.axis:
            value = np.moveaxis(value, tuple(range(query)), tuple(range(self.axis, self.axis + query)))
        return value if type(value) is Tracer else value[()]

    def derivative(self, nu: int = 1) -> PiecewisePolynomial:
        """The derivative of order nu, as a piecewise polynomial."""
        return PiecewisePolynomial(_derivative(self.c, nu), self.x, self.extrapolate, self.axis)

    def antiderivative(self, nu: int = 1) -> PiecewisePolynomial:
        """The integral from the first breakpoint on, nu times; continuous."""
        result = self
        for _ in range(nu):
            degree = result.c.shape[0]
            factors = np.reshape(1.0 / np.arange(degree, 0, -1), (degree, *(1,) * (result.c.ndim - 1)))
            lifted = result.c * factors.astype(result.c.dtype)
            width = np.reshape(result.x[1:] - result.x[:-1], (-1, *(1,) * (result.c.ndim - 2)))
            areas = lifted[0] * width
            for k in range(1, degree):
                areas = (areas + lifted[k]) * width
            starts = np.concatenate([np.zeros_like(areas[:1]), np.cumsum(areas, axis=0)[:-1]])
            extrapolate = False if result.extrapolate == "periodic" else result.extrapolate
            c = np.concatenate([lifted, np.reshape(starts, (1, *starts.shape))])
            result = PiecewisePolynomial(c, result.x, extrapolate, result.axis)
        return result

    def integrate(self, a: Any, b: Any) -> Any:
        """The integral from a to b; outside of the breakpoints that of the nearest interval, or nan."""
        total = self.antiderivative()
        return total(b) - total(a)

    def tree_flatten(self) -> tuple[tuple, Any]:
        """The leaves x and c."""
        return (self.c, self.x), (self.extrapolate, self.axis)

    @classmethod
    def tree_unflatten(cls, aux: Any, children: Any) -> PiecewisePolynomial:
        """The inverse of `tree_flatten`."""
        return PiecewisePolynomial(*children, *aux)


def _derivative(c: Any, nu: int) -> Any:
    if nu < 0:
        raise ValueError(f"a piecewise polynomial: the order of a derivative must not be negative, got {nu}.")
    for _ in range(nu):
        degree = c.shape[0] - 1
        if degree == 0:
            return np.zeros_like(c)
        powers = np.reshape(np.arange(degree, 0, -1.0), (degree, *(1,) * (c.ndim - 1)))
        c = c[:-1] * powers.astype(c.dtype)
    return c


def samples(where: str, x: Any, y: Any, axis: int, least: int = 2) -> tuple[Any, Any, int]:
    """x and y as floating arrays with the axis of y in front, and that axis.

    Raises:
        ValueError: x is no increasing vector, or y does not fit.
    """
    x, y = promotion.array_operand(x, where), promotion.array_operand(y, where)
    dtype = promotion.result_dtype(x, y)
    dtype = dtype if dtype.kind in "fc" else np.dtype(np.float64)
    axis = promotion.one_axis(axis, y.ndim, where)
    if x.ndim != 1 or x.shape[0] < least:
        raise ValueError(f"{where}: x must be a vector of at least {least} numbers, got shape {tuple(x.shape)}.")
    if y.shape[axis] != x.shape[0]:
        raise ValueError(f"{where}: x has {x.shape[0]} numbers, y has {y.shape[axis]} along axis {axis}.")
    real = np.dtype(np.float32 if dtype in (np.float32, np.complex64) else np.float64)
    increasing(where, "x", x)
    return promotion.convert(x, real), np.moveaxis(promotion.convert(y, dtype), axis, 0), axis


def increasing(where: str, name: str, x: Any) -> None:
    """Refuse a vector that does not increase; a traced one cannot be looked at."""
    if type(x) is not Tracer and not np.all(np.diff(x) > 0):
        k = int(np.argmin(np.diff(x) > 0))
        raise ValueError(
            f"{where}: {name} must increase, but {name}[{k}] = {x[k]} and {name}[{k + 1}] = {x[k + 1]}.\nFix: sort it."
        )


def hermite(x: Any, y: Any, slopes: Any) -> Any:
    """Coefficients (4, n - 1, ...) of the cubics with given values and slopes at the breakpoints."""
    h = columns(x[1:] - x[:-1], y)
    secant = (y[1:] - y[:-1]) / h
    bend = (slopes[:-1] + slopes[1:] - 2.0 * secant) / h
    return np.stack([bend / h, (secant - slopes[:-1]) / h - bend, slopes[:-1], y[:-1]])


def columns(x: Any, y: Any) -> Any:
    """A vector in front of the trailing axes of y."""
    return np.reshape(x, (-1, *(1,) * (y.ndim - 1)))


__all__ = ["PiecewisePolynomial", "columns", "hermite", "increasing", "samples"]
