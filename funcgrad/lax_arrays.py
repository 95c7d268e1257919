"""Strict functions of arrays by the names of `jax.lax`: elementwise ones, reductions, shapes, order, segments.

Public in `funcgrad.lax`. Operands of several arrays have equal shapes and dtypes, numbers adapt; nothing is promoted,
so that an integer given to `sin` is an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import numpy as fnp
from .api import recording as rec
from .api.loops import scan
from .numpy import promotion
from .ops import bessel, gamma_functions, incomplete
from .ops import elementwise as ew

INDEX = np.dtype(np.int64)


def same(name: str, *values: Any) -> list[Any]:
    """Operands of one shape and dtype; numbers become arrays of the others' type."""
    values = [promotion.operand(v, name) for v in values]
    dtype = promotion.result_dtype(*values)
    strong = {v.dtype for v in values if not promotion.is_weak_value(v)}
    shapes = {promotion.shape_of(v) for v in values} - {()}
    if len(strong) > 1 or len(shapes) > 1:
        listed = ", ".join(str(rec.abstract(v)) for v in values)
        raise TypeError(
            f"{name}: the arrays must have equal shapes and dtypes, got {listed}.\n"
            "Fix: convert or broadcast them first."
        )
    return promotion.same_shape([promotion.convert(v, dtype) for v in values], name)


_KINDS = {
    "f": "floating-point numbers", "fc": "floating-point or complex numbers", "iu": "integers",
    "biu": "integers or truth values", "iuf": "real numbers", "iufc": "numbers", "c": "complex numbers",
    "biufc": "numbers or truth values",
}  # fmt: skip


def checked(name: str, value: Any, kinds: str) -> Any:
    """An operand whose dtype is of one of the kinds, or an error that names the function."""
    if value.dtype.kind not in kinds:
        fix = "convert them with x.astype(float)" if "f" in kinds else "convert them with x.astype(int)"
        raise TypeError(f"{name}: needs {_KINDS[kinds]}, got {rec.abstract(value)}.\nFix: {fix}.")
    return value


# --- elementwise ------------------------------------------------------------------------------------------------------


def _elementwise(name: str, function: Callable, kinds: str, count: int, line: str) -> Callable:
    def apply(*operands: Any) -> Any:
        if len(operands) != count:
            raise TypeError(f"{name}: takes {count} arrays, got {len(operands)}")
        if count == 1:
            return function(checked(name, promotion.array_operand(operands[0], name), kinds))
        return function(*[checked(name, v, kinds) for v in same(name, *operands)])

    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = (
        f"{line} Of {_KINDS[kinds]}{' of one shape and dtype' if count > 1 else ''}.\n\n"
        f"Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.{name}.html, whose interface this follows."
    )
    return apply


def _leading_zeros(x: Any) -> Any:
    """Bits minus the number of bits from the highest one on, which are filled for counting."""
    dtype, bits = x.dtype, x.dtype.itemsize * 8
    x = promotion.convert(x, np.dtype(f"u{x.dtype.itemsize}"))
    for k in (1, 2, 4, 8, 16, 32):
        x = fnp.bitwise_or(x, fnp.right_shift(x, np.asarray(k, x.dtype)[()])) if k < bits else x
    return promotion.convert(bits - fnp.bitwise_count(x).astype(INDEX), dtype)


def _counted(x: Any) -> Any:
    """Of the bits as they are: NumPy counts those of the absolute value."""
    return promotion.convert(fnp.bitwise_count(x.astype(np.dtype(f"u{x.dtype.itemsize}"))), x.dtype)


def _quotient(x: Any, y: Any) -> Any:
    """x / y; of integers, rounded towards 0."""
    if x.dtype.kind not in "iu":
        return fnp.divide(x, y)
    down = fnp.floor_divide(x, y)
    return fnp.where((fnp.remainder(x, y) != 0) & ((x < 0) != (y < 0)), down + 1, down).astype(x.dtype)


def _away(x: Any) -> Any:
    """The nearest whole number, halves away from 0."""
    whole = fnp.trunc(x)
    return whole + fnp.copysign((fnp.abs(x - whole) >= 0.5).astype(x.dtype), x)


def _logical(x: Any, y: Any) -> Any:
    unsigned = np.dtype(f"u{x.dtype.itemsize}")
    return fnp.right_shift(x.astype(unsigned), y.astype(unsigned)).astype(x.dtype)


_UNARY: dict[str, tuple[Callable, str, str]] = {
    "abs": (fnp.abs, "iufc", "|x|."), "neg": (fnp.negative, "iufc", "-x."), "sign": (fnp.sign, "iufc", "The sign."),
    "square": (fnp.square, "iufc", "x^2."), "reciprocal": (fnp.reciprocal, "fc", "1 / x."),
    "floor": (fnp.floor, "f", "The next whole number below."), "ceil": (fnp.ceil, "f", "The next one above."),
    "is_finite": (fnp.isfinite, "fc", "Whether an element is finite."), "real": (fnp.real, "c", "The real part."),
    "imag": (fnp.imag, "c", "The imaginary part."), "conj": (fnp.conj, "fc", "The complex conjugate."),
    "sqrt": (fnp.sqrt, "fc", "The square root."), "cbrt": (fnp.cbrt, "f", "The cube root."),
    "exp": (fnp.exp, "fc", "e^x."), "exp2": (fnp.exp2, "fc", "2^x."), "expm1": (fnp.expm1, "fc", "e^x - 1."),
    "log": (fnp.log, "fc", "The logarithm."), "log1p": (fnp.log1p, "fc", "log(1 + x)."),
    "logistic": (lambda x: ew.sigmoid(x), "f", "1 / (1 + e^-x)."),
    **{short: (getattr(fnp, name), "fc", f"The function {name}.") for short, name in (
        ("sin", "sin"), ("cos", "cos"), ("tan", "tan"), ("asin", "arcsin"), ("acos", "arccos"), ("atan", "arctan"),
        ("sinh", "sinh"), ("cosh", "cosh"), ("tanh", "tanh"), ("asinh", "arcsinh"), ("acosh", "arccosh"),
        ("atanh", "arctanh"))},
    "erfc": (ew.erfc, "f", "1 - erf(x)."), "erf_inv": (ew.erfinv, "f", "The inverse of erf."),
    "lgamma": (gamma_functions.lgamma, "f", "log |gamma(x)|."),
    "digamma": (gamma_functions.digamma, "f", "The derivative of lgamma."),
    "bessel_i0e": (bessel.i0e, "f", "e^-|x| I_0(x)."), "bessel_i1e": (bessel.i1e, "f", "e^-|x| I_1(x)."),
    "bitwise_not": (fnp.invert, "biu", "Every bit turned."),
    "clz": (_leading_zeros, "iu", "How many bits are 0 before the first 1."),
    "population_count": (_counted, "iu", "How many bits are 1."),
}  # fmt: skip
_BINARY: dict[str, tuple[Callable, str, str]] = {
    "sub": (fnp.subtract, "iufc", "x - y."), "mul": (fnp.multiply, "iufc", "x y."),
    "div": (_quotient, "iufc", "x / y; of integers, rounded towards 0."),
    "rem": (fnp.fmod, "iuf", "What is left of x / y rounded towards 0."),
    "atan2": (fnp.arctan2, "f", "The angle of (y, x)."),
    "pow": (fnp.power, "fc", "x^y."), "nextafter": (fnp.nextafter, "f", "The next number from x towards y."),
    "igamma": (incomplete.gammainc, "f", "The incomplete gamma function of a and x, divided by gamma(a)."),
    "igammac": (incomplete.gammaincc, "f", "1 - igamma(a, x)."),
    "igamma_grad_a": (lambda a, x: incomplete.gammainc_a(a, x, k=1), "f", "The derivative of igamma(a, x) in a."),
    "zeta": (gamma_functions.zeta, "f", "The sum of (q + k)^-x over k >= 0."),
    "eq": (fnp.equal, "biufc", "Whether x = y."), "ne": (fnp.not_equal, "biufc", "Whether x and y differ."),
    "lt": (fnp.less, "iuf", "Whether x < y."), "le": (fnp.less_equal, "iuf", "Whether x <= y."),
    "gt": (fnp.greater, "iuf", "Whether x > y."), "ge": (fnp.greater_equal, "iuf", "Whether x >= y."),
    "bitwise_and": (fnp.bitwise_and, "biu", "Bit by bit, and."),
    "bitwise_or": (fnp.bitwise_or, "biu", "Bit by bit, or."),
    "bitwise_xor": (fnp.bitwise_xor, "biu", "Bit by bit, whether they differ."),
    "shift_left": (fnp.left_shift, "iu", "Bits moved up."),
    "shift_right_arithmetic": (fnp.right_shift, "iu", "Bits moved down; the sign stays."),
    "shift_right_logical": (_logical, "iu", "Bits moved down; zeros come in."),
}  # fmt: skip
_TERNARY: dict[str, tuple[Callable, str, str]] = {
    "betainc": (incomplete.betainc, "f", "The regularized incomplete beta function of a, b and x."),
}

for _count, _table in ((1, _UNARY), (2, _BINARY), (3, _TERNARY)):
    for _name, (_function, _kinds, _line) in _table.items():
        globals()[_name] = _elementwise(_name, _function, _kinds, _count, _line)
ELEMENTWISE = [*_UNARY, *_BINARY, *_TERNARY]


def round(x: Any, rounding_method: Any = 0) -> Any:
    """The nearest whole numbers.

    Args:
        x: floating-point numbers.
        rounding_method: 0: halves away from zero; 1: halves to even.

    Raises:
        ValueError: there is no such method.

    Example:
        >>> import numpy as np
        >>> round(np.array([0.5, -1.5, 2.5])), round(np.array([0.5, -1.5, 2.5]), 1)
        (array([ 1., -2.,  3.]), array([ 0., -2.,  2.]))

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.round.html, whose interface this follows.
    """
    value = checked("round", promotion.array_operand(x, "round"), "f")
    method = getattr(rounding_method, "value", rounding_method)
    if method not in (0, 1):
        raise ValueError(f"round: rounding_method must be 0 (away from zero) or 1 (to even), got {rounding_method!r}")
    return fnp.rint(value) if method else _away(value)


def integer_pow(x: Any, y: int) -> Any:
    """x^y for an integer y that is known when the function is traced.

    Example:
        >>> integer_pow(3.0, -1)
        np.float64(0.3333333333333333)
    """
    value = checked("integer_pow", promotion.array_operand(x, "integer_pow"), "iufc")
    return value ** promotion.static_int(y, "integer_pow")


def polygamma(m: Any, x: Any) -> Any:
    """The m-th derivative of digamma.

    Args:
        m: whole numbers that are known when the function is traced.
        x: floating-point numbers.

    Example:
        >>> polygamma(1.0, 1.0)
        np.float64(1.644934066848226...)
    """
    from .scipy.special import polygamma as by_order

    return by_order(m, checked("polygamma", promotion.array_operand(x, "polygamma"), "f"))


# --- reductions -------------------------------------------------------------------------------------------------------


def _reduction(name: str, function: Callable, kinds: str, line: str) -> Callable:
    def apply(operand: Any, axes: Sequence[int]) -> Any:
        x = checked(name, promotion.array_operand(operand, name), kinds)
        out = function(x, axis=tuple(axes))
        return out if out.dtype == x.dtype else promotion.convert(out, x.dtype)

    apply.__name__ = apply.__qualname__ = f"reduce_{name}"
    apply.__doc__ = f"{line} over axes, in the dtype of the operand.\n\nReference: jax.lax.reduce_{name}"
    return apply


def _xor(x: Any, axis: tuple[int, ...]) -> Any:
    return reduce(x, np.zeros((), x.dtype)[()], fnp.bitwise_xor, axis)


def _bits(pair: Callable, truth: Callable, start: int) -> Callable:
    def function(x: Any, axis: tuple[int, ...]) -> Any:
        if x.dtype == np.bool_:
            return truth(x, axis=axis)
        return reduce(x, np.asarray(start).astype(x.dtype)[()], pair, axis)

    return function


reduce_sum = _reduction("sum", fnp.sum, "iufc", "The sum")
reduce_prod = _reduction("prod", fnp.prod, "iufc", "The product")
reduce_max = _reduction("max", fnp.max, "iuf", "The largest element")
reduce_min = _reduction("min", fnp.min, "iuf", "The smallest element")
reduce_and = _reduction("and", _bits(fnp.bitwise_and, fnp.all, -1), "biu", "Whether all, bit by bit,")
reduce_or = _reduction("or", _bits(fnp.bitwise_or, fnp.any, 0), "biu", "Whether any, bit by bit,")
reduce_xor = _reduction("xor", _xor, "biu", "Whether an odd number, bit by bit,")


def reduce(operands: Any, init_values: Any, computation: Callable[[Any, Any], Any], dimensions: Sequence[int]) -> Any:
    """Elements along axes combined by a function of two arrays of any shape, one after the other.

    Args:
        operands: an array.
        init_values: a number, which is combined first.
        computation: an associative function, such as `lax.add`.
        dimensions: the axes that disappear.

    Returns:
        An array without those axes.

    Raises:
        TypeError: there are several operands.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> reduce(np.arange(6.0).reshape(2, 3), 0.0, fg.lax.add, (0,))
        array([3., 5., 7.])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.reduce.html, whose interface this follows.
    """
    if isinstance(operands, (tuple, list)):
        raise TypeError("reduce: takes one array; reduce several one after the other, or use lax.scan")
    x = promotion.array_operand(operands, "reduce")
    axes = promotion.many_axes(tuple(dimensions), x.ndim, "reduce")
    kept = tuple(d for d in range(x.ndim) if d not in axes)
    shape = tuple(x.shape[d] for d in kept)
    rows = fnp.reshape(fnp.transpose(x, (*axes, *kept)), (math.prod(x.shape[d] for d in axes), *shape))
    init = promotion.broadcast(promotion.convert(promotion.array_operand(init_values, "reduce"), x.dtype), shape)
    return scan(lambda carry, row: (computation(carry, row), None), init, rows)[0]


def _position(name: str, function: Callable) -> Callable:
    def apply(operand: Any, axis: int, index_dtype: Any = INDEX) -> Any:
        x = checked(name, promotion.array_operand(operand, name), "iuf")
        return promotion.convert(function(x, axis=axis), np.dtype(index_dtype))

    apply.__name__ = apply.__qualname__ = name
    which = "largest" if name == "argmax" else "smallest"
    apply.__doc__ = f"The first position of the {which} element along an axis.\n\nReference: jax.lax.{name}"
    return apply


argmax, argmin = _position("argmax", fnp.argmax), _position("argmin", fnp.argmin)


__all__ = [
    *ELEMENTWISE, "argmax", "argmin", "integer_pow", "polygamma", "reduce", "reduce_and", "reduce_max", "reduce_min",
    "reduce_or", "reduce_prod", "reduce_sum", "reduce_xor", "round",
]  # fmt: skip
