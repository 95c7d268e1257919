"""Calls of the C math library from LLVM text: declare one, or define a rare path through one for vector loops.

The loop vectorizer gives up a loop with a call, unless the call says which functions do the same for vectors. So a
math function that is exact almost everywhere passes (control, result, arguments) through a function `beyond`, which has
a scalar and three vector forms; each returns the result at once, or calls the C library where |control| is past a
limit.

Reference: LLVM Language Reference, "vector-function-abi-variant".
"""

from __future__ import annotations

import numpy as np

from .llvm_text import llvm_constant, llvm_type


def declare_libm(declarations: dict[str, str], name: str, dtype: np.dtype, count: int) -> str:
    """The symbol of a C library function, declared pure: errno and signgam are of no interest here."""
    kind, symbol = llvm_type(dtype), f"@{name}{'f' if dtype.itemsize == 4 else ''}"
    declarations[symbol] = f"declare {kind} {symbol}({', '.join([kind] * count)}) nounwind willreturn memory(none)"
    return symbol


def declare_beyond(
    declarations: dict[str, str], name: str, limit: float, dtype: np.dtype, count: int
) -> tuple[str, str]:
    """Define the rare path for one lane and for vectors, and tell the loop vectorizer which is which."""
    kind, bits = llvm_type(dtype), 8 * dtype.itemsize
    libm = declare_libm(declarations, name, dtype, count)
    symbol = f"@beyond.{libm[1:]}"
    lanes = [128 // bits, 256 // bits, 512 // bits]
    fabs = f"@llvm.fabs.f{bits}"
    declarations[fabs] = f"declare {kind} {fabs}({kind})"
    declarations[symbol] = _rare_scalar(symbol, libm, limit, dtype, count)
    for n in lanes:
        fabs, any_lane = f"@llvm.fabs.v{n}f{bits}", f"@llvm.vector.reduce.or.v{n}i1"
        declarations[fabs] = f"declare <{n} x {kind}> {fabs}(<{n} x {kind}>)"
        declarations[any_lane] = f"declare i1 {any_lane}(<{n} x i1>)"
        declarations[f"{symbol}.v{n}"] = _rare_vector(symbol, limit, dtype, n, count)
    variants = ",".join(f"_ZGV_LLVM_N{n}{'v' * (count + 2)}_{symbol[1:]}({symbol[1:]}.v{n})" for n in lanes)
    return symbol, f'nounwind willreturn memory(none) "vector-function-abi-variant"="{variants}"'


def _rare_scalar(symbol: str, libm: str, limit: float, dtype: np.dtype, count: int) -> str:
    """The function (control, result, args) -> libm(args) where |control| > limit else result, and the loop that applies
    it to lanes in memory: operand k of lane i is `table[k * n + i]`, and the results replace the operands number 1.
    """
    kind, bound, operands = llvm_type(dtype), llvm_constant(limit, dtype), range(count + 2)
    loads = "\n".join(
        f"""  %at{k} = add i64 %i, %n{k}
  %p{k} = getelementptr {kind}, ptr %table, i64 %at{k}
  %x{k} = load {kind}, ptr %p{k}"""
        for k in operands
    )
    starts = "\n".join(f"  %n{k} = mul i64 %n, {k}" for k in operands)
    typed = ", ".join(f"{kind} %x{k}" for k in operands)
    return f"""define weak_odr hidden {kind} {symbol}({typed}) noinline nounwind willreturn memory(none) {{
  %size = call {kind} @llvm.fabs.f{8 * dtype.itemsize}({kind} %x0)
  %rare = fcmp ogt {kind} %size, {bound}
  br i1 %rare, label %slow, label %fast
fast:
  ret {kind} %x1
slow:
  %exact = call {kind} {libm}({", ".join(f"{kind} %x{k}" for k in operands[2:])})
  ret {kind} %exact
}}
define internal void {symbol}.lanes(ptr %table, i64 %n) noinline cold optsize nounwind {{
entry:
{starts}
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%next, %loop]
{loads}
  %result = call {kind} {symbol}({typed})
  store {kind} %result, ptr %p1
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %end
end:
  ret void
}}"""


def _rare_vector(symbol: str, limit: float, dtype: np.dtype, lanes: int, count: int) -> str:
    """The same on vectors: one test for all lanes, and a loop over them where it fails."""
    kind = f"<{lanes} x {llvm_type(dtype)}>"
    bound = f"splat ({llvm_type(dtype)} {llvm_constant(limit, dtype)})"
    attributes = "alwaysinline nounwind willreturn memory(none)"
    operands = range(count + 2)
    stores = "\n".join(
        f"""  %p{k} = getelementptr {kind}, ptr %table, i64 {k}
  store {kind} %x{k}, ptr %p{k}"""
        for k in operands
    )
    typed = ", ".join(f"{kind} %x{k}" for k in operands)
    return f"""define weak_odr hidden {kind} {symbol}.v{lanes}({typed}) {attributes} {{
  %size = call {kind} @llvm.fabs.v{lanes}f{8 * dtype.itemsize}({kind} %x0)
  %rare = fcmp ogt {kind} %size, {bound}
  %any = call i1 @llvm.vector.reduce.or.v{lanes}i1(<{lanes} x i1> %rare)
  br i1 %any, label %slow, label %fast, !prof !{{!"branch_weights", i32 1, i32 1000000}}
fast:
  ret {kind} %x1
slow:
  %table = alloca {kind}, i64 {len(operands)}
{stores}
  call void {symbol}.lanes(ptr %table, i64 {lanes})
  %result = load {kind}, ptr %p1
  ret {kind} %result
}}"""
