"""Exponential, trigonometric and elliptic integrals, hypergeometric functions, Lambert's W.

With this module one can compute and differentiate them to any order in their arguments. Parameters of hypergeometric
functions have no derivative here, and say so.

Reference: https://dlmf.nist.gov/6.2, 8.19, 13.3, 15.5, 19.4; R. Corless et al., On the Lambert W function, Adv. Comput.
Math. 5 (1996).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import lowering
from ..core import scalar as sc
from . import elementwise as ew
from .elementwise import like
from .rules import elementwise
from .samples import Sample, points
from .scipy_kernels import element, refuse, scipy_function, scipy_special

# --- hypergeometric functions ----------------------------------------------------------------------------------------------


def _hypergeometric(name: str, count: int, slope: Any, samples: Any) -> Any:
    refused = tuple(refuse(name, f"the parameter {p}") for p in ("abc" if count > 1 else "v")[:count])
    return scipy_function(name, (*refused, slope), samples)


hyp0f1 = _hypergeometric("hyp0f1", 1, lambda out, v, x: hyp0f1(v + 1, x) / v, lambda: [Sample([np.array([1.5, 0.7, 3.0]), np.array([-2.0, 0.3, 4.0])], constant=(0,))])
hyp1f1 = _hypergeometric("hyp1f1", 2, lambda out, a, b, x: hyp1f1(a + 1, b + 1, x) * (a / b), lambda: [
    Sample([np.array([1.0, 0.5, 2.2]), np.array([2.0, 1.7, 3.0]), np.array([0.4, -1.1, 2.0])], constant=(0, 1))])
hyp2f1 = _hypergeometric("hyp2f1", 3, lambda out, a, b, c, x: hyp2f1(a + 1, b + 1, c + 1, x) * (a * b / c), lambda: [
    Sample([np.array([0.5, 1.0, 1.5]), np.array([0.5, 1.2, 0.7]), np.array([1.0, 2.5, 2.0]), np.array([0.3, -0.8, 0.5])], constant=(0, 1, 2))])


def _constants(f: Any, *parameters: float) -> Any:
    return lambda x: f(*[like(x, p) for p in parameters], x)


# --- exponential integrals ---------------------------------------------------------------------------------------------------


def _expn_slope(out: Any, n: Any, x: Any) -> Any:
    """-E_(n-1)(x); E_0 = exp(-x) / x and what its own derivative needs are elementary."""
    first, zeroth = ew.eq(n, like(x, 1)), ew.eq(n, like(x, 0))
    elementary = ew.exp(-x) / x
    elementary = ew.select(zeroth, elementary * (1 + 1 / x), elementary)
    low = ew.or_(first, zeroth)
    return -ew.select(low, elementary, expn(ew.select(low, like(n, 1), n - 1), x))


expi = scipy_function("expi", lambda out, x: ew.exp(x) / x, points(0.4, 3.0, -0.7, -2.0))
exp1 = scipy_function("exp1", lambda out, x: -ew.exp(-x) / x, points(0.4, 1.6, 3.0))
_expn, _expn_element = scipy_special("expn"), element("expn", 2)
expn = elementwise(  # SciPy warns about an order that is no integer, from inside compiled code as well
    "expn", lambda n, x: _expn(np.trunc(n), x), scalar=lambda n, x: _expn_element(sc.trunc(n), x), kinds="f", strong=True,
    partials=(refuse("expn", "the order n"), _expn_slope), samples=lambda: [Sample([np.array([0.0, 1.0, 2.0, 5.0]), np.array([0.8, 1.5, 2.5, 0.6])], constant=(0,))])
exprel = scipy_function("exprel", lambda out, x: 0.5 * _constants(hyp1f1, 2, 3)(x), points(-3.0, -0.5, 0.0, 1e-3, 2.0))
spence = scipy_function("spence", lambda out, x: -_constants(hyp2f1, 1, 1, 2)(1 - x), points(0.3, 0.9, 1.0, 1.7))


def _cosm1(x: Any) -> Any:
    """-2 sin(x / 2)^2, also near other multiples of 2 pi, where cos(x) - 1 has lost its digits."""
    half = np.sin(x * x.dtype.type(0.5))
    return 0 - 2 * (half * half)  # 0.0 at 0, not -0.0


def _cosm1_element(x: sc.Expr) -> sc.Expr:
    half = sc.sin(x * 0.5)
    return 0.0 - 2.0 * (half * half)


cosm1 = elementwise("cosm1", _cosm1, scalar=_cosm1_element, kinds="f", partials=lambda out, x: -ew.sin(x), samples=points(-2.0, 0.3, 1.4))

powm1 = scipy_function("powm1", samples=lambda: [Sample([np.array([0.4, 3.0, 0.7]), np.array([0.5, -1.2, 0.7])])], partials=(
    lambda out, x, y: y * ew.power(x, y - 1), lambda out, x, y: ew.power(x, y) * ew.log(x)))

# --- sine and cosine integrals, Fresnel's --------------------------------------------------------------------------------------


def part(name: str, k: int, slope: Any, samples: Any) -> Any:
    """One of the results of a function of SciPy's; C hands them over by pointers, so compiled code asks NumPy."""
    compute = scipy_special(name)
    prim = elementwise(f"{name}_{k}", lambda *args: np.asarray(compute(*args)[k], args[0].dtype)[()], kinds="f", strong=True, partials=slope, samples=samples)
    prim.lower = lowering.Callback()
    return prim


def _over_argument(f: Any, sign_of_square: int) -> Any:
    """f(x) / x for f = sin (-1) or sinh (1), by a series in x^2 around 0."""

    def slope(out: Any, x: Any) -> Any:
        near = ew.lt(ew.abs_(x), like(x, 1))
        small, large = ew.select(near, x, like(x, 0)), ew.select(near, like(x, 1), x)
        return ew.select(near, _constants(hyp0f1, 1.5)(small * small * (0.25 * sign_of_square)), f(large) / large)

    return slope


_signs = points(-1.2, 0.0, 0.4, 2.0)
sici_0 = part("sici", 0, _over_argument(ew.sin, -1), _signs)
sici_1 = part("sici", 1, lambda out, x: ew.cos(x) / x, points(0.3, 2.0))
shichi_0 = part("shichi", 0, _over_argument(ew.sinh, 1), _signs)
shichi_1 = part("shichi", 1, lambda out, x: ew.cosh(x) / x, points(0.3, 2.0))
fresnel_0 = part("fresnel", 0, lambda out, x: ew.sin((math.pi / 2) * (x * x)), points(-1.3, 0.6))
fresnel_1 = part("fresnel", 1, lambda out, x: ew.cos((math.pi / 2) * (x * x)), points(-1.3, 0.6))

# --- the transformation of Box and Cox ----------------------------------------------------------------------------------------------


def _boxcox_slope(power: Any, log: Any) -> Any:
    """d/dp of (exp(p log) - 1) / p = log exprel(p log); 1 / p^2 where log is -inf, for positive p."""
    bottom = ew.eq(log, like(log, -math.inf))
    safe = ew.select(bottom, like(log, 0), log)
    inside = 0.5 * (safe * safe * _constants(hyp1f1, 2, 3)(power * safe))
    positive = ew.and_(bottom, ew.gt(power, like(power, 0)))
    at_zero = ew.select(positive, 1 / ew.square(ew.select(positive, power, like(power, 1))), like(power, -math.inf))
    return ew.select(bottom, at_zero, inside)


_powers = lambda: [Sample([np.array([0.4, 3.0, 0.7, 0.5]), np.array([0.5, 0.0, -1.2, 0.5])])]
boxcox = scipy_function("boxcox", (lambda out, x, power: ew.power(x, power - 1), lambda out, x, power: _boxcox_slope(power, ew.log(x))), _powers)
boxcox1p = scipy_function("boxcox1p", (lambda out, x, power: ew.exp((power - 1) * ew.log1p(x)), lambda out, x, power: _boxcox_slope(power, ew.log1p(x))), _powers)

# --- complete elliptic integrals, of the parameter m ------------------------------------------------------------------------------


def _ellipkm1_slope(out: Any, p: Any) -> Any:
    """-dK/dm at m = 1 - p: (E - p K) / (2 m p) near p = 0, where 1 - p has lost p; the power series elsewhere."""
    near = ew.lt(p, like(p, 0.5))
    small, m = ew.select(near, p, like(p, 0.25)), 1 - ew.select(near, like(p, 1), p)
    at_one = (ellipe(1 - small) - small * ellipkm1(small)) / (2 * small * (1 - small))
    return -ew.select(near, at_one, (math.pi / 8) * _constants(hyp2f1, 1.5, 1.5, 2)(m))


ellipk = scipy_function("ellipk", lambda out, m: (math.pi / 8) * _constants(hyp2f1, 1.5, 1.5, 2)(m), points(-1.7, 0.0, 0.3, 0.8))
ellipe = scipy_function("ellipe", lambda out, m: (-math.pi / 8) * _constants(hyp2f1, 0.5, 1.5, 2)(m), points(-1.7, 0.0, 0.3, 0.8))
ellipkm1 = scipy_function("ellipkm1", _ellipkm1_slope, points(0.3, 0.2, 0.9, 1.4))

# --- Lambert's W ----------------------------------------------------------------------------------------------------------------------


def _lambertw_impl(z: Any, *, k: int) -> Any:
    """The real branches 0, for z >= -1/e, and -1, for -1/e <= z < 0; NaN elsewhere."""
    w = scipy_special("lambertw")(np.asarray(z, np.float64), k)
    return np.where(w.imag == 0, w.real, np.nan).astype(z.dtype)[()]


lambertw = elementwise("lambertw", _lambertw_impl, kinds="f", strong=True, partials=lambda out, z, *, k: ew.exp(-out) / (1 + out),
                       samples=lambda: [Sample([np.array([-0.2, 0.0, 0.5, 3.0])], dict(k=0)), Sample([np.array([-0.3, -0.1])], dict(k=-1))])
lambertw.lower = lowering.Callback()

wrightomega = scipy_function("wrightomega", lambda out, x: out / (1 + out), points(-1.5, 0.4, 3.0))

__all__ = ["boxcox", "boxcox1p", "cosm1", "ellipe", "ellipk", "ellipkm1", "exp1", "expi", "expn", "exprel", "fresnel_0", "fresnel_1", "hyp0f1", "hyp1f1", "hyp2f1", "lambertw", "part", "powm1", "shichi_0", "shichi_1", "sici_0", "sici_1", "spence", "wrightomega"]
