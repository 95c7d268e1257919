"""Elementwise ops: one declaration each. The column `partials` reads as a table of derivatives.

Rules use the output where they can (`exp: out`, `sqrt: 0.5 / out`), and forms that stay accurate in the tails (`tanh:
sech^2` from exp(-2|x|), `sigmoid: out * sigmoid(-x)`). Conventions at kinks and singular points: |x|' = 0 at 0, max
and min share the derivative equally at a tie, arctan2 and hypot have derivative 0 at the origin, x**0 has derivative
0.
"""

from __future__ import annotations

import importlib
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import lowering
from ..core import scalar as sc
from ..core.avals import ShapedArray, shaped
from ..core.primitive import Zero
from ..core.tracing import Tracer
from ..transforms import linear_ops
from . import layout
from .rules import batch_elementwise, bilinear, elementwise, is_linear, nondiff, same_aval
from .samples import Sample, array, booleans, both, integers, pairs, reals

# --- constants in rules ------------------------------------------------------------------------------------------------


def like(x: Any, value: complex) -> Any:
    """`value` with the shape and dtype of `x`."""
    number = np.asarray(value, x.dtype)[()]
    return number if x.shape == () else layout.broadcast(number, shape=x.shape, dims=())


def zeros_like_scalar(x: Any) -> Any:
    """The scalar zero of x's dtype."""
    return np.zeros((), x.dtype)[()]


def _operator(apply: Callable, swap: bool = False) -> Callable:
    def method(self: Tracer, other: Any) -> Any:
        other = other if hasattr(other, "shape") else like(self, other)
        return apply(other, self) if swap else apply(self, other)

    return method



def _quick(operation: Callable, ufunc: np.ufunc) -> Callable:
    """Python's operator for two float64 scalars, ten times faster there than the ufunc; the ufunc for all else."""

    def impl(x: Any, y: Any) -> Any:
        return operation(x, y) if type(x) is np.float64 and type(y) is np.float64 else ufunc(x, y)

    return impl


def _special(name: str) -> Callable:
    """A SciPy function, imported at its first use: SciPy takes longer to load than everything else here."""

    def impl(x: Any) -> Any:
        return getattr(importlib.import_module("scipy.special"), name)(x)

    return impl


# --- arithmetic --------------------------------------------------------------------------------------------------------

add = elementwise("add", _quick(operator.add, np.add), scalar=lambda x, y: x + y, linear_args=(0, 1), kinds="iufc", samples=both(pairs(), integers(2)),
                  transpose=lambda ct, x, y: (ct, ct))
sub = elementwise("sub", _quick(operator.sub, np.subtract), scalar=lambda x, y: x - y, linear_args=(0, 1), kinds="iufc", samples=both(pairs(), integers(2)),
                  transpose=lambda ct, x, y: (ct, neg(ct)))
neg = elementwise("neg", np.negative, scalar=lambda x: -x, linear_args=(0,), kinds="iufc", samples=both(reals(), integers()),
                  transpose=lambda ct, x: (neg(ct),))
mul = elementwise("mul", _quick(operator.mul, np.multiply), scalar=lambda x, y: x * y, kinds="iufc", samples=both(pairs(), integers(2)),
                  partials=(lambda out, x, y: y, lambda out, x, y: x))
mul.transpose = lambda ct, x, y: (mul(ct, y) if is_linear(x) else None, mul(x, ct) if is_linear(y) else None)
div = elementwise("div", _quick(operator.truediv, np.true_divide), scalar=lambda x, y: x / y, kinds="fc", strong=True, samples=pairs(0.5, 3),
                  partials=(lambda out, x, y: 1 / y, lambda out, x, y: -out / y))
div.transpose = lambda ct, x, y: (div(ct, y), None)  # linear in the numerator: users' rules divide tangents


def _strong_impl(p: Any, t: Any) -> Any:
    """p * t, and 0 where t is 0; mostly t is 0 nowhere, which is quick to find out."""
    if type(t) is np.float64 and type(p) is np.float64:
        return p * t if t != 0 else np.float64(0)
    if t.all():
        return np.multiply(p, t)
    return np.multiply(p, t, out=np.zeros_like(t), where=np.not_equal(t, 0))[()]


strong_product = bilinear(  # coefficient * guard, and exactly 0 where the guard is 0
    "strong_product", _strong_impl, aval=same_aval("strong_product", "fc"), lower=lowering.Scalar(lambda p, t: sc.select(sc.eq(t, 0), 0, p * t)),
    batch=lambda size, args, axes: batch_elementwise(strong_product, size, args, axes, {}), samples=pairs(),
    transpose=lambda ct, p, t: (strong_product(ct, t) if is_linear(p) else None, strong_product(p, ct) if is_linear(t) else None))  # fmt: skip
abs_ = elementwise("abs", np.abs, scalar=abs, samples=both(reals(kinks=[0.0]), integers()), partials=lambda out, x: sign(x))
sign = elementwise("sign", np.sign, partials=nondiff, samples=both(reals(kinks=[0.0]), integers()),
                   scalar=lambda x: sc.select(x > 0, 1, sc.select(x < 0, -1, abs(x))) if x.dtype.kind != "u" else sc.minimum(x, 1))
square = elementwise("square", np.square, scalar=lambda x: x * x, kinds="iufc", partials=lambda out, x: x + x, samples=both(reals(), integers()))
reciprocal = elementwise("reciprocal", lambda x: 1 / x, scalar=lambda x: 1 / x, kinds="fc", strong=True, partials=lambda out, x: -square(out), samples=reals(0.5, 3))


def _int_power(x: sc.Expr, n: int) -> sc.Expr:
    """Repeated squaring; a negative exponent is one division at the end."""
    if n < 0:
        return 1 / _int_power(x, -n)
    result: Any = None
    while n:
        if n & 1:
            result = x if result is None else result * x
        x, n = (x * x if n > 1 else x), n >> 1
    return sc.const(1, x.dtype) if result is None else result


def _int_power_impl(x: Any, *, n: int) -> Any:
    """The same sequence of multiplications as the compiled code, so that both give the same bits."""
    x = np.asarray(x)[()]
    if n < 0:
        return 1 / _int_power_impl(x, n=-n)
    result = None
    while n:
        if n & 1:
            result = x if result is None else result * x
        x, n = (x * x if n > 1 else x), n >> 1
    return np.ones_like(x) if result is None else result


integer_power = elementwise(
    "integer_power", _int_power_impl, scalar=lambda x, *, n: _int_power(x, n), strong=True, kinds="iufc",
    partials=lambda out, x, *, n: like(x, 0) if n == 0 else n * integer_power(x, n=n - 1),
    samples=lambda: [Sample([np.array([0.5, 2.0, 1.5])], dict(n=k)) for k in (-3, -1, 0, 1, 2, 3, 7)]
    + [Sample([np.array([0.0, -1.5])], dict(n=k)) for k in (0, 1, 2, 3)] + [Sample([np.array([2, -3])], dict(n=3))])

# --- division and remainder of integers and floats, as NumPy defines them (the result has the sign of the divisor) -----


def _floor_divide(x: sc.Expr, y: sc.Expr) -> sc.Expr:
    if x.dtype.kind == "f":
        r = sc.fmod(x, y)
        q = (x - r) / y
        q = sc.select(sc.ne(r, 0) & ((r < 0) ^ (y < 0)), q - 1, q)
        nearest = sc.floor(q)
        near = sc.select((q - nearest) > 0.5, nearest + 1, nearest)
        zero = sc.copysign(sc.const(0, x.dtype), x / y)
        return sc.select(sc.eq(y, 0), x / y, sc.select(sc.eq(q, 0), zero, near))
    if x.dtype.kind == "u":
        return sc.quo(x, y)
    q, r = sc.quo(x, y), sc.rem(x, y)
    return sc.select(sc.ne(y, 0) & sc.ne(r, 0) & _unlike_signs(r, y), q - 1, q)  # by 0 it is 0, as in NumPy


def _unlike_signs(r: sc.Expr, y: sc.Expr) -> sc.Expr:
    return (r ^ y) < 0


def _float_mod(x: sc.Expr, y: sc.Expr) -> sc.Expr:
    r = sc.fmod(x, y)
    return sc.select(sc.eq(r, 0), sc.copysign(sc.const(0, x.dtype), y), sc.select((r < 0) ^ (y < 0), r + y, r))


def _mod(x: sc.Expr, y: sc.Expr) -> sc.Expr:
    if x.dtype.kind == "f":
        return _float_mod(x, y)
    r = _fmod(x, y)
    return r if x.dtype.kind == "u" else sc.select(sc.ne(r, 0) & _unlike_signs(r, y), r + y, r)


def _fmod(x: sc.Expr, y: sc.Expr) -> sc.Expr:
    """The remainder with the sign of x; 0 for an integer divided by 0."""
    return sc.fmod(x, y) if x.dtype.kind == "f" else sc.select(sc.eq(y, 0), 0, sc.rem(x, y))


def _quiet(f: Callable) -> Callable:
    def impl(*args: Any) -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            return f(*args)

    return impl


def _positive_pairs() -> list[Sample]:
    x, y = np.array([5.3, -5.3, 5.3, -5.3, 0.7]), np.array([2.0, 2.0, -2.0, -2.0, 3.1])
    return [Sample([x, y]), Sample([np.float64(7.5), np.float64(2.0)]), Sample([np.array([4.0]), np.array([2.0])], kink=True)]


def _odd_quotients() -> list[Sample]:
    """Quotients that rounding moves off an integer to either side; zeros of both signs; division by zero."""
    x, y = np.array([8.2, 0.7, 9.5, 5.3, -0.3, 0.3, -0.3, 0.0, -0.0]), np.array([0.1, 0.1, 0.3, -2.0, 2.0, 2.0, -2.0, 2.0, 2.0])
    return [Sample([x, y]), Sample([np.array([3.0, -3.0, 0.0]), np.zeros(3)])]


_int_pairs = lambda: [Sample([np.array([7, -7, 7, -7, 6, 5, -4]), np.array([2, 2, -2, -2, 3, 0, 0])])]

floor_divide = elementwise("floor_divide", _quiet(np.floor_divide), scalar=_floor_divide, partials=nondiff, samples=both(_positive_pairs, _int_pairs, _odd_quotients))
mod = elementwise("mod", _quiet(np.remainder), scalar=_mod, samples=both(_positive_pairs, _int_pairs),
                  partials=(lambda out, x, y: like(x, 1), lambda out, x, y: -floor_divide(x, y)))
fmod = elementwise("fmod", _quiet(np.fmod), scalar=_fmod, samples=both(_positive_pairs, _int_pairs),
                   partials=(lambda out, x, y: like(x, 1), lambda out, x, y: -trunc(div(x, y))))

# --- rounding ----------------------------------------------------------------------------------------------------------

floor = elementwise("floor", np.floor, scalar=sc.floor, kinds="f", partials=nondiff, samples=reals())
ceil = elementwise("ceil", np.ceil, scalar=sc.ceil, kinds="f", partials=nondiff, samples=reals())
trunc = elementwise("trunc", np.trunc, scalar=sc.trunc, kinds="f", partials=nondiff, samples=reals())
rint = elementwise("rint", np.rint, scalar=sc.rint, kinds="f", partials=nondiff, samples=reals())

# --- exponentials and logarithms -----------------------------------------------------------------------------------------

LN2, LN10 = math.log(2), math.log(10)
exp = elementwise("exp", np.exp, scalar=sc.exp, kinds="fc", strong=True, partials=lambda out, x: out, samples=reals())
exp2 = elementwise("exp2", np.exp2, scalar=sc.exp2, kinds="fc", strong=True, partials=lambda out, x: _exp2_slope(out, x), samples=reals())


def _exp2_slope(out: Any, x: Any) -> Any:
    """log(2) 2^x, which is finite a little further than 2^x is."""
    slope = out * LN2
    return slope if x.dtype.kind == "c" else select(isinf(out), exp2(x - 1) * (2 * LN2), slope)


expm1 = elementwise("expm1", np.expm1, scalar=sc.expm1, kinds="fc", strong=True, partials=lambda out, x: exp(x), samples=reals())
log = elementwise("log", np.log, scalar=sc.log, kinds="fc", strong=True, partials=lambda out, x: reciprocal(x), samples=reals(0.2, 4))
log2 = elementwise("log2", np.log2, scalar=sc.log2, kinds="fc", strong=True, partials=lambda out, x: (1 / LN2) / x, samples=reals(0.2, 4))
log10 = elementwise("log10", np.log10, scalar=sc.log10, kinds="fc", strong=True, partials=lambda out, x: (1 / LN10) / x, samples=reals(0.2, 4))
log1p = elementwise("log1p", np.log1p, scalar=sc.log1p, kinds="fc", strong=True, partials=lambda out, x: reciprocal(1 + x), samples=reals(-0.8, 3))
sqrt = elementwise("sqrt", np.sqrt, scalar=sc.sqrt, kinds="fc", strong=True, partials=lambda out, x: 0.5 / out, samples=reals(0.2, 4))
rsqrt = elementwise("rsqrt", lambda x: 1 / np.sqrt(x), scalar=lambda x: 1 / sc.sqrt(x), kinds="fc", strong=True,
                    partials=lambda out, x: -0.5 * out / x, samples=reals(0.2, 4))
cbrt = elementwise("cbrt", np.cbrt, scalar=sc.cbrt, kinds="f", strong=True, partials=lambda out, x: 1 / (3 * out * out), samples=reals(0.2, 4))


def _sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) through exp(-|x|), which never overflows and keeps the far tails."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, x.dtype.type(1), e)[()] / (1 + e)


def _sigmoid_scalar(x: sc.Expr) -> sc.Expr:
    e = sc.exp(-abs(x))
    return sc.select(x >= 0, sc.const(1, x.dtype), e) / (1 + e)


sigmoid = elementwise("sigmoid", _sigmoid, scalar=_sigmoid_scalar, kinds="f", partials=lambda out, x: out * sigmoid(-x), samples=reals(-4, 4))


def _softplus_scalar(x: sc.Expr, y: sc.Expr) -> sc.Expr:
    """log(exp(x) + exp(y)) = max + log1p(exp(-|x - y|)), also where both are the same infinity."""
    difference = x - y
    value = sc.maximum(x, y) + sc.log1p(sc.exp(-abs(difference)))
    return sc.select(sc.eq(x, y), x + LN2, value)


logaddexp = elementwise("logaddexp", np.logaddexp, scalar=_softplus_scalar, kinds="f", samples=pairs(),
                        partials=(lambda out, x, y: _share(x, y), lambda out, x, y: _share(y, x)))


def _share(x: Any, y: Any) -> Any:
    """d logaddexp / dx = sigmoid(x - y); at equal infinities both sides share equally.

    Only there: a constant at every tie would be right to first order and wrong to second.
    """
    difference = sub(x, y)
    share = sigmoid(select(and_(eq(x, y), isnan(difference)), like(x, 0), difference))
    return share + share * ((1 - share) * _lost(x, y, difference))


def _lost(x: Any, y: Any, difference: Any) -> Any:
    """What rounding took from a finite difference x - y: as an exponent, that is many ulp."""
    taken = x - difference
    lost = (x - (difference + taken)) + (taken - y)
    return stop(select(isfinite(lost), lost, like(lost, 0)))


# --- trigonometric -------------------------------------------------------------------------------------------------------

sin = elementwise("sin", np.sin, scalar=sc.sin, kinds="fc", strong="c", partials=lambda out, x: cos(x), samples=reals())
cos = elementwise("cos", np.cos, scalar=sc.cos, kinds="fc", strong="c", partials=lambda out, x: -sin(x), samples=reals())
tan = elementwise("tan", np.tan, scalar=sc.tan, kinds="fc", strong="c", partials=lambda out, x: 1 + out * out, samples=reals(-1.3, 1.3))
arcsin = elementwise("arcsin", np.arcsin, scalar=sc.arcsin, kinds="fc", strong=True, partials=lambda out, x: 1 / sqrt((1 - x) * (1 + x)), samples=reals(-0.9, 0.9))
arccos = elementwise("arccos", np.arccos, scalar=sc.arccos, kinds="fc", strong=True, partials=lambda out, x: -1 / sqrt((1 - x) * (1 + x)), samples=reals(-0.9, 0.9))
arctan = elementwise("arctan", np.arctan, scalar=sc.arctan, kinds="fc", strong="c", partials=lambda out, x: _arctan_slope(x), samples=reals())


def _arctan_slope(x: Any) -> Any:
    """1 / (1 + x^2), as (1 / x)^2 where the square might overflow."""
    if x.dtype.kind == "c":
        return 1 / (1 + x * x)
    far = gt(abs_(x), like(x, 1e10))  # the one is long lost
    inverse = reciprocal(select(far, x, 1 + x * x))
    return select(far, square(inverse), inverse)


def _over_squares(numerator: Any, x: Any, y: Any) -> Any:
    """numerator / (x^2 + y^2) without overflow or loss of digits, and 0 at the origin."""
    size = maximum(abs_(x), abs_(y))
    small = and_(lt(size, like(x, 2.0**-64)), ne(size, like(x, 0)))
    scale = select(gt(size, like(x, 1)), like(x, 0.5), select(small, like(x, 2.0**64), like(x, 1)))
    radius = hypot(x * scale, y * scale)
    safe = select(eq(radius, like(x, 0)), like(x, 1), radius)
    return ((numerator * scale) / safe) / safe * scale


arctan2 = elementwise("arctan2", np.arctan2, scalar=sc.arctan2, kinds="f", samples=pairs(origin=True),
                      partials=(lambda out, y, x: _over_squares(x, x, y), lambda out, y, x: _over_squares(-y, x, y)))


def _direction(out: Any, x: Any, y: Any) -> Any:
    """x / out for out = hypot(x, y), 0 where both are 0; scaled where out overflows or has lost digits."""
    far, lift = (2.0**70, 2.0**100) if x.dtype == np.float32 else (2.0**600, 2.0**600)
    large, small = gt(out, like(x, far)), and_(lt(out, like(x, 1 / far)), ne(out, like(x, 0)))
    scale = select(large, like(x, 1 / far), select(small, like(x, lift), like(x, 1)))
    x, y = x * scale, y * scale
    length = select(or_(large, small), sqrt(square(x) + square(y)), out)
    return x / select(eq(length, like(out, 0)), like(out, 1), length)


hypot = elementwise("hypot", np.hypot, scalar=sc.hypot, kinds="f", samples=pairs(origin=True),
                    partials=(lambda out, x, y: _direction(out, x, y), lambda out, x, y: _direction(out, y, x)))

# --- hyperbolic -------------------------------------------------------------------------------------------------------------


def _sech_squared(x: Any) -> Any:
    """1 - tanh^2 without cancellation: 4 e / (1 + e)^2 with e = exp(-2|x|), or with the one of x, -x to the right of 0."""
    e = exp(-2 * (abs_(x) if x.dtype.kind == "f" else select(lt(real(x), like(real(x), 0)), -x, x)))
    return 4 * e / square(1 + e)


def _arcsinh_slope(x: Any) -> Any:
    """1 / sqrt(1 + x^2) without overflow; the factors for complex numbers are cut where arcsinh is."""
    if x.dtype.kind == "f":
        return 1 / hypot(like(x, 1), x)
    turned = mul(x, like(x, 1j))
    return 1 / (sqrt(1 + turned) * sqrt(1 - turned))


sinh = elementwise("sinh", np.sinh, scalar=sc.sinh, kinds="fc", strong=True, partials=lambda out, x: cosh(x), samples=reals())
cosh = elementwise("cosh", np.cosh, scalar=sc.cosh, kinds="fc", strong=True, partials=lambda out, x: sinh(x), samples=reals())
tanh = elementwise("tanh", np.tanh, scalar=sc.tanh, kinds="fc", strong="c", partials=lambda out, x: _sech_squared(x), samples=reals())
arcsinh = elementwise("arcsinh", np.arcsinh, scalar=sc.arcsinh, kinds="fc", strong="c", partials=lambda out, x: _arcsinh_slope(x), samples=reals())
arccosh = elementwise("arccosh", np.arccosh, scalar=sc.arccosh, kinds="fc", strong=True, partials=lambda out, x: (1 / sqrt(x - 1)) / sqrt(x + 1), samples=reals(1.2, 4))
arctanh = elementwise("arctanh", np.arctanh, scalar=sc.arctanh, kinds="fc", strong=True, partials=lambda out, x: 1 / ((1 - x) * (1 + x)), samples=reals(-0.9, 0.9))

# --- power and special functions ----------------------------------------------------------------------------------------------


def _power_dx(out: Any, x: Any, y: Any) -> Any:
    """y x^(y - 1), and 0 for 0^0; elsewhere y = 0 is nothing special, or its derivatives in y would be lost.

    The digits that rounding takes from y - 1 are given back to first order. Where x^(y - 1) overflows, y may undo it:
    then it is (y / x) x^y, in an order that does not overflow.
    """
    less, zero = y - 1, eq(x, like(x, 0))
    lower = power(x, less)
    slope = y * lower
    if x.dtype.kind == "f":
        slope = y * (lower * (1 + _lost(y, like(y, 1), less) * log(abs_(select(or_(zero, isinf(x)), like(x, 1), x)))))
        back = and_(and_(isinf(lower), not_(zero)), lt(abs_(y), like(y, 1)))
        slope = select(back, (y * 2.0**-10) / select(back, x, like(x, 1)) * out * 2.0**10, slope)
    return select(and_(zero, eq(y, like(y, 0))), like(x, 0), slope)


def _power_dy(out: Any, x: Any, y: Any) -> Any:
    positive = select(eq(x, like(x, 0)), like(x, 1), x)
    return out * log(positive)


power = elementwise("power", np.power, scalar=sc.power, kinds="fc", strong=True, partials=(_power_dx, _power_dy),
                    samples=both(pairs(0.3, 3), lambda: [Sample([np.array([0.0, 0.0]), np.array([2.0, 3.0])], kink=True), Sample([np.array([2.0, 1.3]), np.array([1.0, 0.0])])]))


def _array_int_power(x: sc.Expr, n: sc.Expr) -> sc.Expr:
    """x ** n with wrap-around: repeated squaring for the last six bits of n, a binomial series for the others.

    With n = 64 m + rest: x**64 is 0 for even x (modulo 2**64), and for odd x it is 1 + t with t divisible by 256, so
    that (1 + t)**m = 1 + m t (1 + (m - 1) t / 2 (1 + (m - 2) t / 3 (...))) ends after eight terms. In t / 2, t / 4 and
    t / 6 bits are lost at the top, where another factor t pushes them out.
    """
    dtype, width = x.dtype, 8 * x.dtype.itemsize
    base, count = (sc.convert(v, f"uint{width}") for v in (x, n))
    one = rest = sc.const(1, base.dtype)
    power, m = base, count >> 6
    for bit in range(6):
        rest = sc.select(sc.ne((count >> bit) & 1, 0), rest * power, rest)
        power = power * power
    t, series = power - 1, one
    for k in reversed(range(1, (width + 7) // 8)):
        twos = (k & -k).bit_length() - 1
        inverse = pow(k >> twos, -1, 2**width)
        series = 1 + (m - (k - 1)) * ((t >> twos) * inverse) * series
    whole = rest * sc.select(sc.ne(base & 1, 0), series, sc.select(sc.eq(m, 0), one, 0))
    return sc.convert(whole, dtype)


int_power = elementwise("int_power", np.power, scalar=_array_int_power, kinds="iu", partials=nondiff,
                        samples=lambda: [Sample([np.array([2, -3, 5, 0, 7, 3]), np.array([10, 3, 0, 0, 1, 41])]),
                                         Sample([np.array([2, -5], np.int32), np.array([2**30, 2**30 - 5], np.int32)]),
                                         Sample([np.array([2, 3], np.uint32), np.array([2**31, 200], np.uint32)]),
                                         Sample([np.array([3, 2**64 - 7, 5, 6, 2], np.uint64), np.array([2**62 + 12345, 10**15 + 7, 64, 64, 63], np.uint64)])])
TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)


def _bounded(x: Any) -> Any:
    """|x| up to where exp(-x^2) is 0 in every format; beyond, x^2 would overflow."""
    return np.minimum(np.abs(x), x.dtype.type(40))


def _gauss(x: Any) -> Any:
    """exp(-x^2), with the rounding error of x^2 made good: x^2 = s + e exactly, and exp(-s - e) = exp(-s) (1 - e)."""
    x = _bounded(x)
    s = x * x
    high = x.astype(np.float16).astype(x.dtype)  # so few digits that its square is exact: Dekker's product, for want of fma
    low = x - high
    e = low * low - ((s - high * high) - 2 * high * low)
    value = np.exp(-s)
    return value - value * e


def _erfc(x: Any) -> Any:
    """SciPy's erfc; its float64 is off by hundreds of ulp in the right tail, where erfcx(x) exp(-x^2) is not."""
    special = importlib.import_module("scipy.special")
    value = special.erfc(x)
    if x.dtype == np.float32:
        return value
    return np.where(x > 0.75, special.erfcx(np.maximum(x, 0.75)) * _gauss(x), value)[()]


gauss = elementwise("gauss", _gauss, scalar=sc.gauss, kinds="f", partials=lambda out, x: -2 * (x * out), samples=reals())
erf = elementwise("erf", _special("erf"), scalar=sc.erf, kinds="f", partials=lambda out, x: TWO_OVER_SQRT_PI * gauss(x), samples=reals())
erfc = elementwise("erfc", _erfc, scalar=sc.erfc, kinds="f", partials=lambda out, x: -TWO_OVER_SQRT_PI * gauss(x), samples=reals())
erfinv = elementwise("erfinv", _special("erfinv"), scalar=sc.erfinv, kinds="f", strong=True,
                     partials=lambda out, x: _erfinv_slope(out, x), samples=reals(-0.9, 0.9))


def _erfinv_slope(out: Any, x: Any) -> Any:
    """sqrt(pi) / 2 exp(out^2), made independent of the rounding of `out` by erfc(|out|) / (1 - |x|), which is nearly 1."""
    rest = 1 - abs_(x)
    ratio = select(eq(rest, like(x, 0)), like(x, 1), erfc(abs_(out)) / rest)
    return (1 / TWO_OVER_SQRT_PI) * ratio / gauss(out)


# --- comparison and logic -----------------------------------------------------------------------------------------------------


def _comparison(name: str, f: Callable, scalar: Callable) -> Any:
    return elementwise(name, f, scalar=scalar, kinds="biufc", out_dtype=np.bool_, partials=nondiff, samples=both(pairs(), integers(2), booleans(2) if name in ("eq", "ne") else integers(2)))


eq = _comparison("eq", np.equal, sc.eq)
ne = _comparison("ne", np.not_equal, sc.ne)
lt = _comparison("lt", np.less, lambda x, y: x < y)
le = _comparison("le", np.less_equal, lambda x, y: x <= y)
gt = _comparison("gt", np.greater, lambda x, y: x > y)
ge = _comparison("ge", np.greater_equal, lambda x, y: x >= y)


def _predicate(name: str, f: Callable, scalar: Callable) -> Any:
    odd = lambda: [Sample([np.array([1.0, np.nan, np.inf, -np.inf, -0.0, 0.0])])]
    return elementwise(name, f, scalar=scalar, kinds="f", out_dtype=np.bool_, partials=nondiff, samples=odd)


isnan = _predicate("isnan", np.isnan, lambda x: sc.ne(x, x))
isfinite = _predicate("isfinite", np.isfinite, lambda x: abs(x) < math.inf)
isinf = _predicate("isinf", np.isinf, lambda x: sc.eq(abs(x), math.inf))
signbit = _predicate("signbit", np.signbit, lambda x: sc.copysign(sc.const(1, x.dtype), x) < 0)

and_ = elementwise("and", np.bitwise_and, scalar=lambda x, y: x & y, kinds="biu", partials=nondiff, samples=both(integers(2), booleans(2)))
or_ = elementwise("or", np.bitwise_or, scalar=lambda x, y: x | y, kinds="biu", partials=nondiff, samples=both(integers(2), booleans(2)))
xor = elementwise("xor", np.bitwise_xor, scalar=lambda x, y: x ^ y, kinds="biu", partials=nondiff, samples=both(integers(2), booleans(2)))
not_ = elementwise("not", np.invert, scalar=lambda x: ~x, kinds="biu", partials=nondiff, samples=both(integers(), booleans()))


# Shifts by the width of the type or more give 0 or the sign, in scalar expressions as in NumPy.
_shifts = lambda: [Sample([np.array([1, -8, 1023, 5]), np.array([3, 1, 0, 70])]), Sample([np.array([1, 8, 255], np.uint32), np.array([31, 2, 40], np.uint32)]),
                   Sample([np.array([5, -8, -1, 0]), np.array([-1, -2, 70, 70])]),
                   # Scalars, since vector instructions, unlike others, happen to shift as NumPy does.
                   Sample([np.int64(5), np.int64(70)]), Sample([np.int64(-8), np.int64(-3)])]
shift_left = elementwise("shift_left", np.left_shift, scalar=lambda x, n: x << n, kinds="iu", partials=nondiff, samples=_shifts)
shift_right = elementwise("shift_right", np.right_shift, scalar=lambda x, n: x >> n, kinds="iu", partials=nondiff, samples=_shifts)


def _chosen(out: Any, x: Any, y: Any, t: Any) -> Any:
    """The tangent of x where x is the result, half of it where both are: chosen, since what is not may be infinite."""
    share = select(eq(y, out), like(x, 0.5), like(x, 1))
    return select(eq(x, out), mul(t, share), like(t, 0))


def _extreme(name: str, f: Callable, scalar: Callable) -> Any:
    def linearize(x: Any, y: Any) -> tuple[Any, Callable]:
        out = prim(x, y)

        def tangent_map(x_dot: Any, y_dot: Any) -> Any:
            parts = [_chosen(out, *pair, t) for pair, t in (((x, y), x_dot), ((y, x), y_dot)) if type(t) is not Zero]
            return (parts[0] if len(parts) == 1 else linear_ops.add_any(*parts)) if parts else Zero(out.aval)

        return out, tangent_map

    prim = elementwise(name, f, scalar=scalar, kinds="biuf", partials=(), samples=both(pairs(ties=True), integers(2), booleans(2)))
    prim.differentiation = prim.linearize = linearize
    return prim


maximum = _extreme("maximum", np.maximum, lambda x, y: sc.maximum(x, y) if x.dtype != np.bool_ else x | y)
minimum = _extreme("minimum", np.minimum, lambda x, y: sc.minimum(x, y) if x.dtype != np.bool_ else x & y)
copysign = elementwise("copysign", np.copysign, scalar=sc.copysign, kinds="f", samples=pairs(ties=True), partials=(lambda out, x, y: sign(x) * copysign(like(x, 1), y), None))


def _next_to_zero() -> list[Sample]:
    """Around zero, where one step makes a difference that is not within any tolerance."""
    tiny = 5e-324
    x, y = np.array([tiny, tiny, -tiny, -tiny, 0.0, 0.0, -0.0, tiny, 1.0, np.nan]), np.array([1, -1, 1, -1, 1, -1, 0, tiny, np.nan, 1.0])
    return [Sample([x, y])]


nextafter = elementwise("nextafter", np.nextafter, scalar=lambda x, y: _nextafter(x, y), kinds="f", partials=nondiff, samples=both(pairs(), _next_to_zero))


def _nextafter(x: sc.Expr, y: sc.Expr) -> sc.Expr:
    """Step the bits of x by one towards y; from zero to the smallest subnormal."""
    bits_dtype = np.dtype(f"int{8 * x.dtype.itemsize}")
    bits = sc.bitcast(x, bits_dtype)
    away = (y > x) ^ (x < 0)
    stepped = sc.bitcast(bits + sc.select(away, sc.const(1, bits_dtype), sc.const(-1, bits_dtype)), x.dtype)
    tiny = sc.copysign(sc.const(np.finfo(x.dtype).smallest_subnormal, x.dtype), y)
    moved = sc.select(sc.eq(x, 0), tiny, stepped)
    return sc.select(sc.ne(x, x) | sc.ne(y, y), x + y, sc.select(sc.eq(x, y), y, moved))


# --- choice -------------------------------------------------------------------------------------------------------------------


def _select_aval(c: ShapedArray, x: ShapedArray, y: ShapedArray) -> ShapedArray:
    if c.dtype != np.bool_ or x is not y or c.shape != x.shape:
        raise TypeError(f"select: needs a bool condition and two equal types of its shape, got {[c, x, y]}")
    return x


def _select_samples() -> list[Sample]:
    c = np.array([True, False, True])
    return [Sample([c, array(3), array(3)]), Sample([np.True_, np.float64(1), np.float64(2)]), Sample([c, np.arange(3), -np.arange(3)])]


select = elementwise("select", np.where, scalar=sc.select, aval=_select_aval, linear_args=(1, 2), samples=_select_samples,
                     transpose=lambda ct, c, x, y: (None, select(c, ct, like(ct, 0)) if is_linear(x) else None, select(c, like(ct, 0), ct) if is_linear(y) else None))
clamp = elementwise("clamp", lambda lo, x, hi: np.minimum(np.maximum(x, lo), hi), scalar=lambda lo, x, hi: sc.minimum(sc.maximum(x, lo), hi),
                    samples=lambda: [Sample([np.full(4, -1.0), np.array([-2.0, 0.3, 0.9, 5.0]), np.full(4, 1.0)]),
                                     Sample([np.array([0.5]), np.array([0.5]), np.array([0.5])], kink=True)],
                    partials=(lambda out, lo, x, hi: _where(gt(lo, x) & lt(lo, hi), out), lambda out, lo, x, hi: _where(ge(x, lo) & le(x, hi), out),
                              lambda out, lo, x, hi: _where(gt(maximum(x, lo), hi), out)))


def _where(condition: Any, out: Any) -> Any:
    return select(condition, like(out, 1), like(out, 0))


copy = elementwise("copy", np.copy, scalar=lambda x: x, linear_args=(0,), kinds="biufc", transpose=lambda ct, x: (ct,), samples=reals())
stop = elementwise("stop_gradient", lambda x: x, scalar=lambda x: x, kinds="biufc", partials=nondiff, samples=reals())

# --- complex numbers: cotangents are paired with tangents by Re(ct * t), without a conjugate --------------------------------------

_planes = lambda: [Sample([array(4) + 1j * array(4)]), Sample([array(2, 3) + 1j * array(2, 3)]), Sample([np.complex128(0.7 - 1.2j)]), Sample([np.zeros(0, complex)]),
                   Sample([np.array([0j, 1, -1, 1j, -1j])])]


def _parts_aval(name: str) -> Callable:
    def aval(z: ShapedArray) -> ShapedArray:
        if z.dtype.kind != "c":
            raise TypeError(f"{name} is not defined for dtype {z.dtype}")
        return z.update(dtype=np.float32 if z.dtype == np.complex64 else np.float64)

    return aval


def _complex_aval(re: ShapedArray, im: ShapedArray) -> ShapedArray:
    if re is not im or re.dtype not in (np.float32, np.float64):
        raise TypeError(f"complex: needs two equal types of float32 or float64, got {[re, im]}")
    return re.update(dtype=np.complex64 if re.dtype == np.float32 else np.complex128)


def _complex_impl(re: Any, im: Any) -> Any:
    """Assembled, since re + 1j * im is NaN where im is infinite."""
    z = np.empty(np.shape(re), np.complex64 if re.dtype == np.float32 else np.complex128)
    z.real, z.imag = re, im
    return z[()]


real = elementwise("real", lambda z: np.asarray(z).real[()], aval=_parts_aval("real"), linear_args=(0,), samples=_planes,
                   transpose=lambda ct, z: (convert(ct, dtype=z.dtype),))
imag = elementwise("imag", lambda z: np.asarray(z).imag[()], aval=_parts_aval("imag"), linear_args=(0,), samples=_planes,
                   transpose=lambda ct, z: (complex_(like(ct, 0), neg(ct)),))
conj = elementwise("conj", np.conjugate, kinds="c", linear_args=(0,), samples=_planes, transpose=lambda ct, z: (conj(ct),))
complex_ = elementwise("complex", _complex_impl, aval=_complex_aval, linear_args=(0, 1), samples=pairs(ties=True),
                       transpose=lambda ct, re, im: (real(ct) if is_linear(re) else None, neg(imag(ct)) if is_linear(im) else None))

# --- dtype conversion -----------------------------------------------------------------------------------------------------------


def _convert_transpose(ct: Any, x: Any, *, dtype: np.dtype) -> tuple[Any]:
    return (convert(ct, dtype=x.dtype),)


def _convert_linearize(x: Any, *, dtype: np.dtype) -> tuple[Any, Callable]:
    out = convert(x, dtype=dtype)
    return out, lambda t: convert(t, dtype=dtype) if out.dtype.kind in "fc" else Zero(out.aval)


convert = elementwise("convert", _quiet(lambda x: x), scalar=lambda x, *, dtype: sc.convert(x, dtype), linear_args=(0,), transpose=_convert_transpose,
                      aval=lambda x, *, dtype: shaped(x.shape, dtype),
                      samples=lambda: [Sample([array(3)], dict(dtype=np.dtype("float32"))), Sample([array(3)], dict(dtype=np.dtype("int32"))),
                                       Sample([np.array([3, -1, 0])], dict(dtype=np.dtype("float64"))), Sample([array(3)], dict(dtype=np.dtype("bool"))),
                                       Sample([np.array([True, False])], dict(dtype=np.dtype("float32"))),
                                       Sample([array(3)], dict(dtype=np.dtype("complex64"))), Sample([array(2) + 1j * array(2)], dict(dtype=np.dtype("float64")))])


def _convert_impl(x: Any, *, dtype: np.dtype) -> Any:
    """From complex to real numbers, which transposes the way back, the real part: `numpy.creation.astype` warns of it."""
    x = np.asarray(x)
    with np.errstate(invalid="ignore", over="ignore"):
        return (x.real if x.dtype.kind == "c" and dtype.kind in "iuf" else x).astype(dtype)[()]


convert.impl, convert.linearize = _convert_impl, _convert_linearize

linear_ops.announce(add_any=add)

for _name, _apply in dict(add=add, sub=sub, mul=mul, truediv=div, lt=lt, le=le, gt=gt, ge=ge, **{"and": and_, "or": or_, "xor": xor}).items():
    setattr(Tracer, f"__{_name}__", _operator(_apply))
for _name, _apply in dict(add=add, sub=sub, mul=mul, truediv=div).items():
    setattr(Tracer, f"__r{_name}__", _operator(_apply, swap=True))
Tracer.__neg__ = lambda self: neg(self)
