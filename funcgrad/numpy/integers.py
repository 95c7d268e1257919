"""Functions of integers and of the bits of numbers: gcd, lcm, bitwise_count, packbits, unpackbits, frexp, ldexp."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import elementwise as ew
from ..ops import integers, layout
from . import manipulation, promotion, reductions, ufuncs
from .promotion import array_operand, one_axis
from .registry import numpy_function, register
from .ufunc_builders import binary, checked_dtype, unary


def _lcm(x: Any, y: Any) -> Any:
    """|x| / gcd * |y| in unsigned numbers, which hold the absolute value of every integer; 0 where both are 0."""
    if x.dtype.kind not in "iu":
        raise TypeError(f"lcm is not defined for dtype {x.dtype}")
    wide = np.dtype(f"uint{8 * x.dtype.itemsize}")
    a, b = (promotion.convert(ew.abs_(v) if v.dtype.kind == "i" else v, wide) for v in (x, y))
    divisor = integers.gcd(a, b)
    divisor = ew.select(ew.eq(divisor, ew.like(divisor, 0)), ew.like(divisor, 1), divisor)
    return promotion.convert(ew.mul(ew.floor_divide(a, divisor), b), x.dtype)


gcd, lcm = binary(np.gcd, integers.gcd), binary(np.lcm, _lcm)
bitwise_count = unary(np.bitwise_count, integers.bitwise_count, "iu")


def frexp(x: Any, /, **options: Any) -> tuple[Any, Any]:
    """Mantissa and exponent: x = mantissa * 2**exponent, with 1/2 <= |mantissa| < 1.

    Reference: numpy.frexp
    """
    if not promotion.has_tracer(x):
        return np.frexp(x, **options)
    checked_dtype("frexp", options)
    value = promotion.operand(x, "frexp")
    value = promotion.convert(value, np.frexp.resolve_dtypes((promotion.dtype_key(value), None, None))[0])
    power = integers.exponent(value)
    return scaled(value, ew.neg(power)), power


def ldexp(x: Any, n: Any, /, **options: Any) -> Any:
    """x * 2**n.

    Reference: numpy.ldexp
    """
    if not promotion.has_tracer(x) and not promotion.has_tracer(n):
        return np.ldexp(x, n, **options)
    checked_dtype("ldexp", options)
    x, n = promotion.operand(x, "ldexp"), promotion.operand(n, "ldexp")
    dtypes = np.ldexp.resolve_dtypes((promotion.dtype_key(x), promotion.dtype_key(n), None))
    return scaled(*promotion.same_shape([promotion.convert(x, dtypes[2]), promotion.convert(n, dtypes[1])], "ldexp"))


def scaled(x: Any, n: Any) -> Any:
    """x * 2**n in three steps, none of which overflows unless the result does."""
    limit = np.finfo(x.dtype).maxexp - 2
    for _ in range(3):
        part = ew.minimum(ew.maximum(n, ew.like(n, -limit)), ew.like(n, limit))
        x, n = ew.mul(x, ew.exp2(promotion.convert(part, x.dtype))), ew.sub(n, part)
    return x


for _real, _function in ((np.frexp, frexp), (np.ldexp, ldexp)):
    register(_real, _function)


# --- bits in bytes ----------------------------------------------------------------------------------------------------


def _weights(bitorder: str, name: str) -> Any:
    if bitorder not in ("big", "little"):
        raise ValueError(f"{name}: bitorder must be either 'little' or 'big'")
    return np.arange(8, dtype=np.uint8)[:: -1 if bitorder == "big" else 1]


def _last(x: Any, axis: int | None, name: str) -> tuple[Any, int]:
    """The axis in question moved to the end."""
    if axis is None:
        return layout.reshape(x, shape=(x.size,)), 0
    axis = one_axis(axis, x.ndim, name)
    return layout.move_axis(x, axis, x.ndim - 1), axis


@numpy_function
def packbits(a: Any, axis: int | None = None, bitorder: str = "big") -> Any:
    """Truth values packed into the bits of uint8, eight at a time.

    Reference: numpy.packbits
    """
    shifts = _weights(bitorder, "packbits")
    x = array_operand(a, "packbits")
    if x.dtype.kind not in "biu":
        raise TypeError("packbits: Expected an input array of integer or boolean data type")
    x, axis = _last(promotion.convert(ufuncs.boolean(x), np.dtype(np.uint8)), axis, "packbits")
    n, none = x.shape[-1], (0,) * x.ndim
    x = layout.pad(x, np.uint8(0), low=none, high=(*none[1:], -n % 8), interior=none)
    x = layout.reshape(x, shape=(*x.shape[:-1], (n + 7) // 8, 8))
    bits = ufuncs.left_shift(x, shifts)
    return layout.move_axis(reductions.sum(bits, axis=-1, dtype=np.uint8), bits.ndim - 2, axis)


@numpy_function
def unpackbits(a: Any, axis: int | None = None, count: int | None = None, bitorder: str = "big") -> Any:
    """The bits of uint8 as numbers 0 and 1.

    Args:
        count: how many bits to keep, zeros added where there are fewer; a negative number leaves out the last ones.

    Reference: numpy.unpackbits
    """
    shifts = _weights(bitorder, "unpackbits")
    x = array_operand(a, "unpackbits")
    if x.dtype != np.uint8:
        raise TypeError("unpackbits: Expected an input array of unsigned byte data type")
    x, axis = _last(x, axis, "unpackbits")
    bits = ufuncs.bitwise_and(ufuncs.right_shift(manipulation.expand_dims(x, -1), shifts), np.uint8(1))
    bits = layout.reshape(bits, shape=(*x.shape[:-1], 8 * x.shape[-1]))
    if count is not None:
        n, none = bits.shape[-1], (0,) * bits.ndim
        size = count if count >= 0 else n + count
        if size < 0:
            raise ValueError(f"unpackbits: -ve count ({count}) larger than the number of bits ({n})")
        bits = layout.slice_axis(bits, bits.ndim - 1, 0, min(size, n))
        bits = layout.pad(bits, np.uint8(0), low=none, high=(*none[1:], max(size - n, 0)), interior=none)
    return layout.move_axis(bits, bits.ndim - 1, axis)


__all__ = [
    "bitwise_count", "frexp", "gcd", "lcm", "ldexp", "packbits", "unpackbits",
]  # fmt: skip
