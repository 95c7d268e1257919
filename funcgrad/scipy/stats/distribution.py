"""Distributions from formulas for their standard form: what one can do with this module is declare `logpdf`, `cdf` and
so on for location 0 and scale 1, and get functions with SciPy's arguments.

What is the same for all is here: promotion, location and scale, -inf, 0 or 1 outside of the support with derivative 0,
NaN for parameters that are not allowed. A formula sees strict operands, of one shape and dtype, and only points inside
of the support and parameters that are allowed, so that nothing it computes elsewhere can spoil a derivative.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...numpy import promotion
from ...ops import distribution_functions
from ...ops import elementwise as ew
from ...ops.elementwise import like
from ..special_functions import floats

Formula = Callable[..., Any]
_LOGARITHMS = {"logcdf": ("cdf", "sf"), "logsf": ("sf", "cdf")}


def choose(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, else y; a number is turned into an array like the other."""
    other = y if hasattr(y, "dtype") else x
    x, y = (v if hasattr(v, "dtype") else like(other, v) for v in (x, y))
    return ew.select(condition, x, y)


def positive(*values: Any) -> Any:
    """Whether all are."""
    out = None
    for v in values:
        this = ew.gt(v, like(v, 0))
        out = this if out is None else ew.and_(out, this)
    return out


def log1mexp(x: Any) -> Any:
    """log(1 - exp(-x)) for x > 0, accurate at both ends.

    Reference: M. Maechler, Accurately computing log(1 - exp(-|a|)), 2012.
    """
    small = ew.lt(x, like(x, math.log(2)))
    near, far = choose(small, x, 1.0), choose(small, 1.0, x)
    return choose(small, ew.log(-ew.expm1(-near)), ew.log1p(-ew.exp(-far)))


def _log_of_part(part: Any, rest: Any) -> Any:
    small = ew.lt(part, like(part, 0.5))
    return choose(small, ew.log(choose(small, part, 1.0)), ew.log1p(-choose(small, 0.0, rest)))


class _Distribution:
    """What distributions of numbers and of integers share.

    Args:
        name: SciPy's.
        shapes: the names of the shape parameters.
        support: (*shapes) -> (low, high), numbers or arrays.
        valid: (*shapes) -> whether they are allowed.
        default: allowed shapes, which stand in for others.
        formulas: by the name of the method.
    """

    variable = "x"
    family: tuple[str, ...] = ()

    def __init__(
        self, name: str, shapes: str, support: Any, valid: Formula | None, default: tuple, formulas: dict[str, Formula]
    ) -> None:
        self.name, self.shapes, self.default = name, tuple(shapes.split()), default
        self._support = support if callable(support) else lambda *_: support
        self._valid, self._formulas = valid, formulas
        self.__doc__ = f"scipy.stats.{name} on arrays and traced values."

    def __repr__(self) -> str:
        return f"funcgrad.scipy.stats.{self.name}"

    def _operands(self, method: str, x: Any, args: tuple, options: dict) -> list[Any]:
        """The operands in order: the point, the shapes, then the parameters of the family; all of one type."""
        where, names = f"{self.name}.{method}", (*self.shapes, *self.family)
        if len(args) > len(names):
            raise TypeError(f"{where}: takes at most {self.variable}, {', '.join(names)}, got {len(args)} parameters")
        given = dict(zip(names, args))
        for key, value in options.items():
            if key not in names or key in given:
                problem = "is given twice" if key in given else f"is unknown; there are {', '.join(names)}"
                raise TypeError(f"{where}: the parameter {key!r} {problem}")
            given[key] = value
        missing = [n for n in self.shapes if n not in given]
        if missing:
            raise TypeError(f"{where}: the shape parameter {missing[0]!r} is missing")
        values = [x, *[given.get(n, 1.0 if n == "scale" else 0.0) for n in names]]
        return promotion.same_shape(floats(where, *values), where)

    def _prepared(self, values: list[Any]) -> tuple[Any, list[Any]]:
        """Whether the shapes are allowed, and shapes that are."""
        if self._valid is None:
            return None, values
        allowed = self._valid(*values)
        return allowed, [choose(allowed, v, d) for v, d in zip(values, self.default)]

    def formula(self, method: str) -> Formula:
        """The formula of a method, or what another gives: a logarithm, of the complement near 1; or an exponential."""
        found = self._formulas.get(method)
        if found is not None:
            return found
        if method in _LOGARITHMS:
            part, rest = (self.formula(m) for m in _LOGARITHMS[method])
            return lambda *args: _log_of_part(part(*args), rest(*args))
        logarithm = self._formulas.get({"cdf": "logcdf", "sf": "logsf"}.get(method, ""))
        if logarithm is None:
            raise NotImplementedError(
                f"{self.name}.{method} is not there; {self.name} has {', '.join(self._formulas)}.\n"
                f"Fix: on plain arrays use scipy.stats.{self.name}.{method}."
            )
        return lambda *args: ew.exp(logarithm(*args))

    def _limits(self, z: Any, shapes: list[Any]) -> tuple[Any, Any, Any]:
        """The ends of the support, and a point between them."""
        low, high = (v if hasattr(v, "dtype") else like(z, v) for v in self._support(*shapes))
        from_low = choose(ew.isfinite(low), choose(ew.isfinite(low), low, 0.0) + 1, 0.0)
        bounded = ew.isfinite(high)
        below = choose(bounded, high, 0.0)
        middle = choose(ew.isfinite(low), 0.5 * (choose(ew.isfinite(low), low, 0.0) + below), below - 1)
        return low, high, choose(bounded, middle, from_low)


def _masked(value: Any, bad: Any) -> Any:
    return choose(bad, math.nan, value)[()]


def _bad(allowed: Any, *values: Any) -> Any:
    """Where a parameter is not allowed or anything is NaN."""
    bad = None if allowed is None else ew.not_(allowed)
    for v in values:
        bad = ew.isnan(v) if bad is None else ew.or_(bad, ew.isnan(v))
    return bad


class Continuous(_Distribution):
    """A distribution of real numbers; every method takes the shape parameters, then loc = 0 and scale = 1.

    Example:
        >>> from funcgrad.scipy.stats import gamma
        >>> gamma.logpdf(3.0, 2.0, scale=0.5)
        np.float64(-3.51509...)
    """

    family = ("loc", "scale")

    def logpdf(self, x: Any, *args: Any, **options: Any) -> Any:
        """The logarithm of the density; -inf outside of the support, with derivative 0."""
        return self._at_point("logpdf", x, args, options, -math.inf, -math.inf)

    def pdf(self, x: Any, *args: Any, **options: Any) -> Any:
        """The density."""
        return ew.exp(self._at_point("logpdf", x, args, options, -math.inf, -math.inf, "pdf"))

    def cdf(self, x: Any, *args: Any, **options: Any) -> Any:
        """The probability of at most x."""
        return self._at_point("cdf", x, args, options, 0.0, 1.0)

    def sf(self, x: Any, *args: Any, **options: Any) -> Any:
        """The probability of more than x."""
        return self._at_point("sf", x, args, options, 1.0, 0.0)

    def logcdf(self, x: Any, *args: Any, **options: Any) -> Any:
        """The logarithm of `cdf`."""
        return self._at_point("logcdf", x, args, options, -math.inf, 0.0)

    def logsf(self, x: Any, *args: Any, **options: Any) -> Any:
        """The logarithm of `sf`."""
        return self._at_point("logsf", x, args, options, 0.0, -math.inf)

    def ppf(self, q: Any, *args: Any, **options: Any) -> Any:
        """The x with cdf(x) = q."""
        return self._quantile("ppf", q, args, options)

    def isf(self, q: Any, *args: Any, **options: Any) -> Any:
        """The x with sf(x) = q."""
        return self._quantile("isf", q, args, options)

    def _at_point(
        self, method: str, x: Any, args: tuple, options: dict, below: float, above: float, called: str = ""
    ) -> Any:
        x, *shapes, loc, scale = self._operands(called or method, x, args, options)
        with np.errstate(all="ignore"):
            well = positive(scale)
            width = choose(well, scale, 1.0)
            z = (x - loc) / width
            allowed, shapes = self._prepared(shapes)
            low, high, middle = self._limits(z, shapes)
            too_low = ew.or_(ew.lt(z, low), ew.eq(z, like(z, -math.inf)))
            too_high = ew.or_(ew.gt(z, high), ew.eq(z, like(z, math.inf)))
            inside = ew.not_(ew.or_(too_low, too_high))
            value = self.formula(method)(choose(inside, z, middle), *shapes)
            value = value - ew.log(width) if method == "logpdf" else value
            value = choose(too_low, below, choose(too_high, above, value))
            return _masked(value, _bad(well if allowed is None else ew.and_(well, allowed), z))

    def _quantile(self, method: str, q: Any, args: tuple, options: dict) -> Any:
        q, *shapes, loc, scale = self._operands(method, q, args, options)
        with np.errstate(all="ignore"):
            well = positive(scale)
            allowed, shapes = self._prepared(shapes)
            low, high, _ = self._limits(q, shapes)
            first, last = (low, high) if method == "ppf" else (high, low)
            at_first, at_last = ew.eq(q, like(q, 0)), ew.eq(q, like(q, 1))
            inside = ew.and_(positive(q), positive(1 - q))
            z = self.formula(method)(choose(inside, q, 0.5), *shapes)
            x = choose(at_first, first, choose(at_last, last, z)) * scale + loc
            outside = ew.not_(ew.or_(inside, ew.or_(at_first, at_last)))
            good = ew.and_(well, ew.not_(outside))
            return _masked(x, _bad(good if allowed is None else ew.and_(good, allowed)))


class Discrete(_Distribution):
    """A distribution of integers; every method takes the shape parameters, then loc = 0.

    Example:
        >>> from funcgrad.scipy.stats import poisson
        >>> poisson.logpmf(3, 2.0)
        np.float64(-1.7123...)
    """

    variable = "k"
    family = ("loc",)

    def logpmf(self, k: Any, *args: Any, **options: Any) -> Any:
        """The logarithm of the probability of k; -inf where k is no integer or outside of the support."""
        return self._at_point("logpmf", k, args, options, -math.inf, -math.inf)

    def pmf(self, k: Any, *args: Any, **options: Any) -> Any:
        """The probability of k."""
        return ew.exp(self._at_point("logpmf", k, args, options, -math.inf, -math.inf, "pmf"))

    def cdf(self, k: Any, *args: Any, **options: Any) -> Any:
        """The probability of at most k."""
        return self._at_point("cdf", k, args, options, 0.0, 1.0)

    def sf(self, k: Any, *args: Any, **options: Any) -> Any:
        """The probability of more than k."""
        return self._at_point("sf", k, args, options, 1.0, 0.0)

    def logcdf(self, k: Any, *args: Any, **options: Any) -> Any:
        """The logarithm of `cdf`."""
        return self._at_point("logcdf", k, args, options, -math.inf, 0.0)

    def logsf(self, k: Any, *args: Any, **options: Any) -> Any:
        """The logarithm of `sf`."""
        return self._at_point("logsf", k, args, options, 0.0, -math.inf)

    def ppf(self, q: Any, *args: Any, **options: Any) -> Any:
        """The smallest k with cdf(k) >= q; piecewise constant, but for loc."""
        return self._quantile("ppf", q, args, options)

    def isf(self, q: Any, *args: Any, **options: Any) -> Any:
        """The smallest k with sf(k) <= q; piecewise constant, but for loc."""
        return self._quantile("isf", q, args, options)

    def _quantile(self, method: str, q: Any, args: tuple, options: dict) -> Any:
        q, *shapes, loc = self._operands(method, q, args, options)
        return (distribution_functions.count_quantile(q, *shapes, dist=self.name, upper=method == "isf") + loc)[()]

    def _at_point(
        self, method: str, k: Any, args: tuple, options: dict, below: float, above: float, called: str = ""
    ) -> Any:
        k, *shapes, loc = self._operands(called or method, k, args, options)
        with np.errstate(all="ignore"):
            allowed, shapes = self._prepared(shapes)
            count, whole = k - loc, ew.floor(ew.stop(k - loc))
            low, high = (v if hasattr(v, "dtype") else like(whole, v) for v in self._support(*shapes))
            too_low = ew.lt(whole, low)
            # The last value has all of the distribution function behind it.
            too_high = ew.gt(whole, high) if method == "logpmf" else ew.ge(whole, high)
            too_high = ew.or_(too_high, ew.eq(whole, like(whole, math.inf)))
            value = self.formula(method)(choose(ew.or_(too_low, too_high), low, whole), *shapes)
            value = choose(too_low, below, choose(too_high, above, value))
            if method == "logpmf":
                value = choose(ew.eq(count, whole), value, -math.inf)
            return _masked(value, _bad(allowed, count))


__all__ = ["Continuous", "Discrete", "choose", "log1mexp", "positive"]
