"""Voigt's profile and the Faddeeva function, with derivatives of every order.

With z = (x + i g) / (s sqrt(2)), V + i L = w(z) / (s sqrt(2 pi)) has real derivatives in x, g and s that are V and L
again, since w' = -2 z w + 2 i / sqrt(pi), d/dg = i d/dx and d/ds = s d^2/dx^2. Far from the centre, where these terms
cancel, derivatives are the asymptotic series; that holds for s = 0, too, where V is Cauchy's density.

Reference: https://dlmf.nist.gov/7.10, 7.12, 7.19; M. Zaghloul, On the calculation of the Voigt line profile, MNRAS 375 (2007).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import lowering
from . import elementwise as ew
from .elementwise import like
from .rules import elementwise
from .samples import Sample
from .scipy_kernels import scipy_function, scipy_special

_FAR, _TERMS = 12.0, 13  # |z| from which so many terms of the series give all digits


def _dispersion_impl(x: Any, s: Any, g: Any) -> Any:
    x, s, g = (np.asarray(v) for v in (x, s, g))
    wide = np.asarray(s, np.float64)
    with np.errstate(all="ignore"):
        narrow = wide == 0
        divisor = np.where(narrow, 1, wide)
        spread = scipy_special("wofz")((x + 1j * np.asarray(g, np.float64)) / (divisor * math.sqrt(2))).imag / (divisor * math.sqrt(2 * math.pi))
        value = np.where(narrow, x / (math.pi * (np.square(x, dtype=np.float64) + np.square(g))), spread)
    return value.astype(x.dtype)[()]


def _series(x: Any, s: Any, g: Any, ratio: Callable[[int], float]) -> tuple[Any, Any]:
    """v (1 + r_1 u (1 + r_2 u (1 + ...))) for u = s^2 v and v = (x + i g)^-2: real and imaginary part."""
    size = x * x + g * g
    real, imaginary = (x * x - g * g) / (size * size), -2 * x * g / (size * size)
    p, q = s * s * real, s * s * imaginary
    a, b = like(x, 1), like(x, 0)
    for k in reversed(range(1, _TERMS)):
        a, b = 1 + ratio(k) * (p * a - q * b), ratio(k) * (p * b + q * a)
    return real * a - imaginary * b, real * b + imaginary * a


def _parts(x: Any, s: Any, g: Any) -> tuple[Any, tuple[Any, Any, Any], tuple[Any, Any, Any]]:
    """Whether a point is far; the operands, or harmless ones, for the formulas near and far."""
    far = ew.gt(x * x + g * g, (2 * _FAR * _FAR) * (s * s))
    near = ew.select(far, like(x, 0), x), ew.select(far, like(s, 1), s), ew.select(far, like(g, 1), g)
    away = ew.select(far, x, like(x, 40)), ew.select(far, s, like(s, 1)), ew.select(far, g, like(g, 1))
    return far, near, away


def _first(x: Any, s: Any, g: Any) -> tuple[Any, Any]:
    """d/dx of V and of L."""
    far, (x, s, g), away = _parts(x, s, g)
    v, l = voigt_profile(x, s, g), voigt_dispersion(x, s, g)
    near = -(x * v - g * l) / (s * s), (1 / math.pi - x * l - g * v) / (s * s)
    real, imaginary = _series(*away, lambda k: 2.0 * k + 1)
    return ew.select(far, imaginary * (1 / math.pi), near[0]), ew.select(far, real * (-1 / math.pi), near[1])


def _second(x: Any, s: Any, g: Any) -> tuple[Any, Any]:
    """d^2/dx^2 of V and of L."""
    far, (x, s, g), (y, t, h) = _parts(x, s, g)
    v, l = voigt_profile(x, s, g), voigt_dispersion(x, s, g)
    v_x, l_x = _first(x, s, g)
    near = -(v + x * v_x - g * l_x) / (s * s), -(l + x * l_x + g * v_x) / (s * s)
    real, imaginary = _series(y, t, h, lambda k: (2.0 * k + 1) * (k + 1) / k)
    factor = (2 / math.pi) / (y * y + h * h)
    outer = factor * (h * real - y * imaginary), factor * (y * real + h * imaginary)
    return ew.select(far, outer[0], near[0]), ew.select(far, outer[1], near[1])


_points = lambda: [Sample([np.array([0.3, -1.7, 2.0, 30.0]), np.array([1.0, 0.6, 1.5, 0.9]), np.array([0.8, 0.3, 1.1, 1.5])])]
voigt_profile = scipy_function("voigt_profile", samples=_points, partials=(
    lambda out, x, s, g: _first(x, s, g)[0], lambda out, x, s, g: s * _second(x, s, g)[0], lambda out, x, s, g: -_first(x, s, g)[1]))  # fmt: skip
voigt_dispersion = elementwise("voigt_dispersion", _dispersion_impl, kinds="f", strong=True, samples=_points, partials=(
    lambda out, x, s, g: _first(x, s, g)[1], lambda out, x, s, g: s * _second(x, s, g)[1], lambda out, x, s, g: _first(x, s, g)[0]))  # fmt: skip
voigt_dispersion.lower = lowering.Callback()


def _wofz_slope(out: Any, z: Any) -> Any:
    """-2 z w + 2 i / sqrt(pi), and its series far out in the upper half-plane."""
    x, y = ew.real(z), ew.imag(z)
    far = ew.and_(ew.gt(ew.hypot(x, y), like(x, _FAR)), ew.ge(y, like(y, 0)))
    away = ew.select(far, z, like(z, 40))
    u, total = 0.5 / (away * away), like(z, 1)
    for k in reversed(range(1, _TERMS)):
        total = 1 + (2.0 * k + 1) * (u * total)
    unit = like(z, 2j / math.sqrt(math.pi))
    return ew.select(far, -unit * (u * total), unit - 2 * (z * out))


wofz = elementwise("wofz", lambda z: scipy_special("wofz")(z), kinds="c", strong=True, partials=_wofz_slope,
                   samples=lambda: [Sample([np.array([0.3 + 0.5j, -1.2 + 0.1j, 0.7 - 0.4j, 20.0 + 3.0j])])])  # fmt: skip
wofz.lower = lowering.Callback()

__all__ = ["voigt_dispersion", "voigt_profile", "wofz"]
