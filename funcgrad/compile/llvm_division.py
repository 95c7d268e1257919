"""Integer division as LLVM text that vectorizes: processors divide vectors of floats only.

With this module one can divide integers towards zero, 0 where the divisor is 0, wrapping where the smallest integer is
divided by -1. Integers of 32 bits and less become float64, whose quotient, cut off, is exact. So it is with integers of
64 bits below 2**51; others take a rare path through the processor's own instruction (see `llvm_libm`).

The quotient a / b is exact after rounding because it differs from every integer above it by 1 / |b| at least, which is
more than the rounding error |a / b| 2**-53 where |a| < 2**53.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .llvm_text import llvm_type

_MAGIC = 0x4338000000000000  # the bits of 1.5 * 2**52, in whose ulp an integer can be added and read
_RANGE = 2**51
_VARIANTS = (2, 4, 8)


def narrow_quotient(dtype: np.dtype, a: str, b: str, emit: Callable[[str], str]) -> str:
    """a / b for 32 bits and less; b is neither 0 nor, for the smallest a, -1."""
    kind, letter = llvm_type(dtype), "s" if dtype.kind == "i" else "u"
    x, y = (emit(f"{letter}itofp {kind} {v} to double") for v in (a, b))
    return emit(f"fpto{letter}i double {emit(f'fdiv double {x}, {y}')} to {kind}")


def wide_quotient(declarations: dict[str, str], dtype: np.dtype, a: str, b: str, emit: Callable[[str], str]) -> str:
    """a / b for 64 bits, by a function of one lane that has forms for vectors."""
    letter = "s" if dtype.kind == "i" else "u"
    symbol = f"@quotient.{letter}64"
    declarations[symbol] = _scalar(symbol, letter)
    for n in _VARIANTS:
        declarations[f"{symbol}.v{n}"] = _vector(symbol, letter, n)
        declarations[f"@llvm.trunc.v{n}f64"] = f"declare <{n} x double> @llvm.trunc.v{n}f64(<{n} x double>)"
        declarations[f"@llvm.vector.reduce.or.v{n}i1"] = f"declare i1 @llvm.vector.reduce.or.v{n}i1(<{n} x i1>)"
    variants = ",".join(f"_ZGV_LLVM_N{n}vv_{symbol[1:]}({symbol[1:]}.v{n})" for n in _VARIANTS)
    attribute = f'nounwind willreturn memory(none) "vector-function-abi-variant"="{variants}"'
    return emit(f"call i64 {symbol}(i64 {a}, i64 {b}) {attribute}")


def _scalar(symbol: str, letter: str) -> str:
    """One lane, and the loop over lanes in memory."""
    overflow = ""
    unsafe = "%zero"
    if letter == "s":
        overflow = f"""  %lowest = icmp eq i64 %a, {-(2**63)}
  %minus = icmp eq i64 %b, -1
  %wraps = and i1 %lowest, %minus
  %unsafe = or i1 %zero, %wraps
"""
        unsafe = "%unsafe"
    return f"""define weak_odr hidden i64 {symbol}(i64 %a, i64 %b) noinline nounwind willreturn memory(none) {{
  %zero = icmp eq i64 %b, 0
{overflow}  %divisor = select i1 {unsafe}, i64 1, i64 %b
  %quotient = {letter}div i64 %a, %divisor
  %result = select i1 %zero, i64 0, i64 %quotient
  ret i64 %result
}}
define internal void {symbol}.lanes(ptr %as, ptr %bs, i64 %n) noinline cold optsize nounwind {{
entry:
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%next, %loop]
  %pa = getelementptr i64, ptr %as, i64 %i
  %pb = getelementptr i64, ptr %bs, i64 %i
  %a = load i64, ptr %pa
  %b = load i64, ptr %pb
  %result = call i64 {symbol}(i64 %a, i64 %b)
  store i64 %result, ptr %pa
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %end
end:
  ret void
}}"""


def _vector(symbol: str, letter: str, n: int) -> str:
    """Some lanes at once: by floats where all are small, one after the other elsewhere."""
    v, d = f"<{n} x i64>", f"<{n} x double>"
    magic, shift = f"splat (i64 {_MAGIC})", _RANGE if letter == "s" else 0
    convert = "\n".join(
        f"""  %{x}m = add {v} %{x}, {magic}
  %{x}d = bitcast {v} %{x}m to {d}
  %{x}f = fsub {d} %{x}d, splat (double 0x{_MAGIC:016X})"""
        for x in "ab"
    )
    return f"""define weak_odr hidden {v} {symbol}.v{n}({v} %a, {v} %b) alwaysinline nounwind willreturn memory(none) {{
  %as = add {v} %a, splat (i64 {shift})
  %bs = add {v} %b, splat (i64 {shift})
  %both = or {v} %as, %bs
  %large = icmp ugt {v} %both, splat (i64 {_RANGE + shift - 1})
  %any = call i1 @llvm.vector.reduce.or.v{n}i1(<{n} x i1> %large)
  br i1 %any, label %slow, label %fast, !prof !{{!"branch_weights", i32 1, i32 1000000}}
fast:
{convert}
  %q = fdiv {d} %af, %bf
  %t = call {d} @llvm.trunc.v{n}f64({d} %q)
  %tm = fadd {d} %t, splat (double 0x{_MAGIC:016X})
  %bits = bitcast {d} %tm to {v}
  %whole = sub {v} %bits, {magic}
  %zero = icmp eq {v} %b, zeroinitializer
  %result = select <{n} x i1> %zero, {v} zeroinitializer, {v} %whole
  ret {v} %result
slow:
  %pa = alloca {v}
  %pb = alloca {v}
  store {v} %a, ptr %pa
  store {v} %b, ptr %pb
  call void {symbol}.lanes(ptr %pa, ptr %pb, i64 {n})
  %exact = load {v}, ptr %pa
  ret {v} %exact
}}"""
