"""Universal functions: one table line per NumPy ufunc, saying which operation it is once dtypes and shapes agree.

Promotion follows NumPy's own loop tables, so `sin` of int32 is float64 and `true_divide` of integers is a float.
Without Tracers the real ufunc runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.tracing import Tracer
from ..ops import elementwise as ew
from . import complex_order, promotion
from .registry import register
from .ufunc_builders import apply_ufunc, binary, checked_dtype, named, unary

# --- building blocks on strict operands -------------------------------------------------------------------------------


def boolean(x: Any) -> Any:
    """Truth of each element."""
    return x if x.dtype == np.bool_ else ew.ne(x, ew.like(x, 0))


def same(x: Any) -> Any:
    """The operand itself."""
    return x


def by_kind(**table: Callable) -> Callable:
    """Choose by the kind letter of the first operand; `other` takes the rest."""

    def apply(*args: Any) -> Any:
        return table.get(args[0].dtype.kind, table.get("other"))(*args)

    return apply


def _no(x: Any) -> Any:
    return ew.like(promotion.convert(x, np.bool_), False)


def _yes(x: Any) -> Any:
    return ew.like(promotion.convert(x, np.bool_), True)


def _whole_reciprocal(x: Any) -> Any:
    """1 / x of integers, towards 0."""
    return ew.select(ew.eq(ew.abs_(x), ew.like(x, 1)), x, ew.like(x, 0))


def _spacing(x: Any) -> Any:
    """The step to the next number away from zero: constant between powers of 2."""
    x = ew.stop(x)
    size = ew.select(ew.eq(x, ew.like(x, 0)), ew.like(x, 0), x)  # of -0.0 as of 0.0
    return ew.sub(ew.copysign(ew.nextafter(ew.abs_(x), ew.like(x, math.inf)), size), size)


def conjugated(x: Any) -> Any:
    """Complex numbers conjugated, all others as they are."""
    return ew.conj(x) if x.dtype.kind == "c" else x


def _scaled(factor: float) -> Callable:
    return lambda x: ew.mul(x, ew.like(x, factor))


def _heaviside(x: Any, y: Any) -> Any:
    step = ew.select(ew.lt(x, ew.like(x, 0)), ew.like(x, 0), ew.like(x, 1))
    return ew.select(ew.isnan(x), x, ew.select(ew.eq(x, ew.like(x, 0)), y, step))


def _ignoring_nan(extreme: Callable) -> Callable:
    def apply(x: Any, y: Any) -> Any:
        if x.dtype.kind == "c":
            return complex_order.ignoring_nan(extreme)(x, y)
        if x.dtype.kind != "f":
            return extreme(x, y)
        return ew.select(ew.isnan(x), y, ew.select(ew.isnan(y), x, extreme(x, y)))

    return apply


def _logaddexp2(x: Any, y: Any) -> Any:
    natural = ew.logaddexp(ew.mul(x, ew.like(x, math.log(2))), ew.mul(y, ew.like(y, math.log(2))))
    return ew.mul(natural, ew.like(x, 1 / math.log(2)))


def mixed(compare: Callable) -> Callable:
    """A comparison; int64 and uint64, which have no common integer type, are compared by sign and then as uint64."""

    def apply(x: Any, y: Any) -> Any:
        if x.dtype == y.dtype:
            return compare(x, y)
        x_negative, y_negative = (ew.lt(v, ew.like(v, 0)) if v.dtype.kind == "i" else _no(v) for v in (x, y))
        differ = ew.or_(x_negative, y_negative)
        by_sign = compare(
            ew.convert(y_negative, dtype=np.dtype(np.int64)), ew.convert(x_negative, dtype=np.dtype(np.int64))
        )
        unsigned = compare(*(promotion.convert(v, np.dtype(np.uint64)) for v in (x, y)))
        return ew.select(differ, by_sign, unsigned)

    return apply


def modulus(z: Any) -> Any:
    """|z| of complex numbers; at 0 the derivative is 0."""
    return ew.hypot(ew.real(z), ew.imag(z))


def squared_modulus(x: Any) -> Any:
    """|x|^2, real also for complex numbers."""
    return ew.square(x) if x.dtype.kind != "c" else ew.add(ew.square(ew.real(x)), ew.square(ew.imag(x)))


def _either(question: Callable, join: Callable = ew.or_) -> Callable:
    """A question about the parts of complex numbers."""
    return lambda z: join(question(ew.real(z)), question(ew.imag(z)))


def _true_divide(x: Any, y: Any) -> Any:
    return ew.div(x, y)


def power_strict(x: Any, y: Any) -> Any:
    """x ** y for operands of one dtype."""
    return ew.power(x, y) if x.dtype.kind in "fc" else ew.int_power(x, y)


# --- the table --------------------------------------------------------------------------------------------------------

sin, cos, tan = unary(np.sin, ew.sin), unary(np.cos, ew.cos), unary(np.tan, ew.tan)
arcsin, arccos, arctan = unary(np.arcsin, ew.arcsin), unary(np.arccos, ew.arccos), unary(np.arctan, ew.arctan)
sinh, cosh, tanh = unary(np.sinh, ew.sinh), unary(np.cosh, ew.cosh), unary(np.tanh, ew.tanh)
arcsinh, arccosh, arctanh = unary(np.arcsinh, ew.arcsinh), unary(np.arccosh, ew.arccosh), unary(np.arctanh, ew.arctanh)
exp, exp2, expm1 = unary(np.exp, ew.exp), unary(np.exp2, ew.exp2), unary(np.expm1, ew.expm1)
log, log2, log10, log1p = (
    unary(np.log, ew.log),
    unary(np.log2, ew.log2),
    unary(np.log10, ew.log10),
    unary(np.log1p, ew.log1p),
)
sqrt, cbrt, square = unary(np.sqrt, ew.sqrt), unary(np.cbrt, ew.cbrt), unary(np.square, ew.square, "iufc")
reciprocal = unary(np.reciprocal, by_kind(f=ew.reciprocal, c=ew.reciprocal, other=_whole_reciprocal))
negative, positive = unary(np.negative, ew.neg, "iufc"), unary(np.positive, same, "iufc")
absolute = unary(np.absolute, by_kind(b=same, c=modulus, other=ew.abs_), "biufc")
fabs = unary(np.fabs, ew.abs_)
sign = unary(np.sign, by_kind(c=complex_order.sign, other=ew.sign), "iuf")
signbit = unary(np.signbit, ew.signbit)
floor = unary(np.floor, by_kind(f=ew.floor, other=same))
ceil = unary(np.ceil, by_kind(f=ew.ceil, other=same))
trunc = unary(np.trunc, by_kind(f=ew.trunc, other=same))
rint = unary(np.rint, by_kind(c=lambda z: ew.complex_(ew.rint(ew.real(z)), ew.rint(ew.imag(z))), other=ew.rint))
deg2rad, rad2deg = unary(np.deg2rad, _scaled(math.pi / 180)), unary(np.rad2deg, _scaled(180 / math.pi))
radians, degrees = unary(np.radians, _scaled(math.pi / 180)), unary(np.degrees, _scaled(180 / math.pi))
conjugate = unary(np.conjugate, by_kind(b=same, i=same, u=same, f=same, c=ew.conj), "iufc")
isnan = unary(np.isnan, by_kind(f=ew.isnan, c=_either(ew.isnan), b=_no, i=_no, u=_no))
isinf = unary(np.isinf, by_kind(f=ew.isinf, c=_either(ew.isinf), b=_no, i=_no, u=_no))
isfinite = unary(np.isfinite, by_kind(f=ew.isfinite, c=_either(ew.isfinite, ew.and_), b=_yes, i=_yes, u=_yes))
logical_not = unary(np.logical_not, lambda x: ew.not_(boolean(x)), "b")
invert = unary(np.invert, ew.not_, "biu")
spacing = unary(np.spacing, _spacing)

add = binary(np.add, by_kind(b=ew.or_, other=ew.add), "iufc")
subtract = binary(np.subtract, ew.sub, "iufc")
multiply = binary(np.multiply, by_kind(b=ew.and_, other=ew.mul), "iufc")
divide = binary(np.true_divide, _true_divide, "fc", name="divide")
floor_divide = binary(np.floor_divide, ew.floor_divide, "iuf")
remainder = binary(np.remainder, ew.mod, "iuf")
fmod = binary(np.fmod, ew.fmod, "iuf")
arctan2, hypot = binary(np.arctan2, ew.arctan2), binary(np.hypot, ew.hypot)
logaddexp, logaddexp2 = binary(np.logaddexp, ew.logaddexp), binary(np.logaddexp2, _logaddexp2)
_larger, _smaller = (
    by_kind(c=complex_order.maximum, other=ew.maximum),
    by_kind(c=complex_order.minimum, other=ew.minimum),
)
maximum, minimum = binary(np.maximum, _larger, "biuf"), binary(np.minimum, _smaller, "biuf")
fmax, fmin = binary(np.fmax, _ignoring_nan(_larger)), binary(np.fmin, _ignoring_nan(_smaller))
copysign, nextafter, heaviside = (
    binary(np.copysign, ew.copysign),
    binary(np.nextafter, ew.nextafter),
    binary(np.heaviside, _heaviside),
)
bitwise_and = binary(np.bitwise_and, ew.and_, "biu")
bitwise_or = binary(np.bitwise_or, ew.or_, "biu")
bitwise_xor = binary(np.bitwise_xor, ew.xor, "biu")
left_shift, right_shift = binary(np.left_shift, ew.shift_left, "iu"), binary(np.right_shift, ew.shift_right, "iu")
logical_and = binary(np.logical_and, lambda x, y: ew.and_(boolean(x), boolean(y)), "b")
logical_or = binary(np.logical_or, lambda x, y: ew.or_(boolean(x), boolean(y)), "b")
logical_xor = binary(np.logical_xor, lambda x, y: ew.xor(boolean(x), boolean(y)), "b")


def _comparison(ufunc: np.ufunc, compare: Callable) -> Callable:
    """Comparisons also accept Python integers beyond the dtype's range, whose answer is the same for every element."""
    apply = mixed(compare)

    def safe(x: Any, y: Any, options: dict) -> Any:
        try:
            return apply_ufunc(ufunc, apply, (x, y), checked_dtype(ufunc.__name__, options))
        except OverflowError:
            traced, flip = (x, False) if type(x) is Tracer else (y, True)
            zero = np.zeros((), traced.dtype)[()]
            return ew.like(promotion.convert(traced, np.bool_), bool(ufunc(x, zero) if flip else ufunc(zero, y)))

    def function(x: Any, y: Any, /, **options: Any) -> Any:
        if type(x) is Tracer:
            aval = x._var.aval
            if type(y) is Tracer and y._var.aval is aval and not options:
                return compare(x, y)
        elif type(y) is not Tracer and not promotion.has_tracer(x) and not promotion.has_tracer(y):
            return ufunc(x, y, **options)
        return safe(x, y, options)

    return named(function, ufunc.__name__, ufunc)


equal, not_equal = _comparison(np.equal, ew.eq), _comparison(np.not_equal, ew.ne)
less, less_equal = _comparison(np.less, ew.lt), _comparison(np.less_equal, ew.le)
greater, greater_equal = _comparison(np.greater, ew.gt), _comparison(np.greater_equal, ew.ge)

_power = binary(np.power, power_strict)


def power(x: Any, y: Any, /, **options: Any) -> Any:
    """x ** y; a number as exponent becomes multiplications, a square root or a reciprocal.

    Math:
        d/dx x^y = y x^(y-1), d/dy x^y = x^y log x; the derivative of x^0 is 0.

    Reference: numpy.power
    """
    if type(x) is Tracer and not options and type(y) in (int, float):
        special = _static_power(x, y)
        if special is not None:
            return special
    return _power(x, y, **options)


def _static_power(x: Tracer, exponent: float) -> Any:
    """Powers that need no logarithm; None for the others."""
    kind = x._var.aval.dtype.kind
    if kind not in "iufc" or (kind in "iu" and (type(exponent) is float or exponent < 0)):
        return None
    if exponent == 2:
        return ew.square(x)
    if exponent == 0.5:
        return ew.sqrt(x)
    if exponent == 1:
        return x
    if exponent == int(exponent) and (abs(exponent) <= 8 or kind in "iu") if math.isfinite(exponent) else False:
        return ew.integer_power(x, n=int(exponent))
    return None


register(np.power, power)


def float_power(x: Any, y: Any, /, **options: Any) -> Any:
    """x ** y computed in float64 or complex128.

    Reference: numpy.float_power
    """
    if not promotion.has_tracer(x) and not promotion.has_tracer(y):
        return np.float_power(x, y, **options)
    checked_dtype("float_power", options)
    dtype = np.result_type(promotion.result_dtype(x, y), np.float64)
    return power(promotion.convert(x, dtype), promotion.convert(y, dtype))


register(np.float_power, float_power)


def divmod(x: Any, y: Any, /, **options: Any) -> tuple[Any, Any]:
    """Quotient rounded down, and remainder.

    Reference: numpy.divmod
    """
    return floor_divide(x, y, **options), remainder(x, y, **options)


def modf(x: Any, /, **options: Any) -> tuple[Any, Any]:
    """Fractional and integral part, both with the sign of x.

    Reference: numpy.modf
    """
    if not promotion.has_tracer(x):
        return np.modf(x, **options)
    checked_dtype("modf", options)
    x = promotion.operand(x, "modf")
    x = promotion.convert(x, np.modf.resolve_dtypes((promotion.dtype_key(x), None, None))[0])
    whole = trunc(x)
    return copysign(where_infinite(x, whole), x), whole


def where_infinite(x: Any, whole: Any) -> Any:
    """x - whole, and 0 where both are the same infinity."""
    return ew.select(isinf(x), ew.like(whole, 0), subtract(x, whole))


for _real, _function in ((np.divmod, divmod), (np.modf, modf)):
    _function.__name__ = _function.__qualname__ = _real.__name__
    register(_real, _function)

__all__ = [
    "absolute", "add", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "bitwise_and",
    "bitwise_or", "bitwise_xor", "cbrt", "ceil", "conjugate", "copysign", "cos", "cosh", "deg2rad", "degrees",
    "divide", "divmod", "equal", "exp", "exp2", "expm1", "fabs", "float_power", "floor", "floor_divide", "fmax",
    "fmin", "fmod", "greater", "greater_equal", "heaviside", "hypot", "invert", "isfinite", "isinf", "isnan",
    "left_shift", "less", "less_equal", "log", "log1p", "log2", "log10", "logaddexp", "logaddexp2", "logical_and",
    "logical_not", "logical_or", "logical_xor", "maximum", "minimum", "modf", "multiply", "negative", "nextafter",
    "not_equal", "positive", "power", "rad2deg", "radians", "reciprocal", "remainder", "right_shift", "rint", "sign",
    "signbit", "sin", "sinh", "spacing", "sqrt", "square", "subtract", "tan", "tanh", "trunc",
]  # fmt: skip
