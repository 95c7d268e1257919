"""Functions of integers and of the bits of numbers: common divisors, counts of bits, exponents of floats."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import lowering
from ..core import scalar as sc
from ..core.tracing import retrace
from . import elementwise, reduction, while_loop
from .rules import elementwise as declare
from .rules import nondiff
from .samples import Sample


def _unsigned(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"uint{8 * dtype.itemsize}")


# --- the greatest common divisor --------------------------------------------------------------------------------------


def _gcd_compose(x: Any, y: Any) -> Any:
    """Euclid's algorithm on all elements at once, until every remainder is 0; |x| as an unsigned number never overflows."""
    wide = _unsigned(x.dtype)
    a, b = (elementwise.convert(elementwise.abs_(v) if v.dtype.kind == "i" else v, dtype=wide) for v in (x, y))

    def going(a: Any, b: Any) -> list[Any]:
        rest = elementwise.ne(b, elementwise.like(b, 0))
        return [reduction.reduce_or(rest, axes=tuple(range(len(rest.shape)))) if rest.shape else rest]

    def step(a: Any, b: Any) -> list[Any]:
        done = elementwise.eq(b, elementwise.like(b, 0))
        divisor = elementwise.select(done, elementwise.like(b, 1), b)
        return [elementwise.select(done, a, b), elementwise.select(done, b, elementwise.mod(a, divisor))]

    avals = [a.aval, b.aval]
    programs = dict(cond=retrace(going, avals), body=retrace(step, avals), cond_consts=0, body_consts=0)
    return elementwise.convert(while_loop.while_loop(a, b, **programs)[0], dtype=x.dtype)


def _gcd_samples() -> list[Sample]:
    return [
        Sample([np.array([12, -18, 0, 7, 0, 2**40]), np.array([18, 12, 5, 0, 0, 3 * 2**35])]), Sample([np.int64(21), np.int64(-14)]),
        Sample([np.array([250, 36], np.uint8), np.array([100, 24], np.uint8)]), Sample([np.array([-128, 127], np.int8), np.array([96, 1], np.int8)]),
        Sample([np.zeros(0, np.int64), np.zeros(0, np.int64)]),
    ]  # fmt: skip


gcd = declare("gcd", np.gcd, kinds="iu", partials=nondiff, samples=_gcd_samples)
gcd.lower = lowering.Compose(_gcd_compose)

# --- bits -------------------------------------------------------------------------------------------------------------


def _count_bits(x: sc.Expr) -> sc.Expr:
    """Bits of |x| that are 1, summed in pairs, fours and bytes; one product sums the bytes."""
    size = abs(x) if x.dtype.kind == "i" else x
    bits = sc.convert(sc.convert(size, _unsigned(x.dtype)), np.uint64)
    pairs = bits - ((bits >> 1) & 0x5555555555555555)
    fours = (pairs & 0x3333333333333333) + ((pairs >> 2) & 0x3333333333333333)
    bytes_ = (fours + (fours >> 4)) & 0x0F0F0F0F0F0F0F0F
    return sc.convert((bytes_ * 0x0101010101010101) >> 56, np.uint8)


bitwise_count = declare("bitwise_count", np.bitwise_count, scalar=_count_bits, kinds="iu", out_dtype=np.uint8, partials=nondiff,
                        samples=lambda: [Sample([np.array([0, 1, -1, 255, -(2**63), 2**63 - 1, 0x0F0F])]), Sample([np.array([-128, 127], np.int8)]),
                                         Sample([np.array([2**64 - 1, 3], np.uint64)]), Sample([np.uint32(7)])])  # fmt: skip

_LAYOUT = {4: (23, 127, 30), 8: (52, 1023, 60)}  # digits after the point, bias, the power of two that scales subnormals


def _exponent(x: sc.Expr) -> sc.Expr:
    """The field of the exponent; subnormals are scaled first."""
    if x.dtype.itemsize == 2:
        x = sc.convert(x, np.float32)
    digits, bias, scale = _LAYOUT[x.dtype.itemsize]
    size = abs(x)
    small = size < np.finfo(x.dtype).tiny
    bits = sc.bitcast(sc.select(small, size * 2.0**scale, size), f"int{8 * x.dtype.itemsize}")
    exponent = sc.convert(bits >> digits, np.int32) - (bias - 1) - sc.select(small, sc.const(scale, np.int32), 0)
    return sc.select(sc.ne(x, 0) & (size < np.inf), exponent, sc.const(0, np.int32))


exponent = declare("exponent", lambda x: np.frexp(x)[1], scalar=_exponent, kinds="f", out_dtype=np.int32, partials=nondiff,
                   samples=lambda: [Sample([np.array([1.0, -3.0, 0.0, 5e-324, -1e-310, 1e38, 0.5, np.inf, np.nan])]), Sample([np.float64(0.1)]),
                                    Sample([np.array([1e-40, 3e38, -7.0], np.float32)])])  # fmt: skip

__all__ = ["bitwise_count", "exponent", "gcd"]
