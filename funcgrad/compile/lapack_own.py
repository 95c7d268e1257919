"""Routines on matrices that LAPACK does not have, as LLVM text: zeros on a diagonal, cotangents of Cholesky factors.

Each is a template of the `suffix` in our names and the `real` type; `CALLS` says which routines of BLAS it calls.
"""

from __future__ import annotations

# A loop over the diagonal of a matrix with `ld` elements from one row to the next; the body looks at %value at %place.
_OVER_DIAGONAL = """\
define internal {result} @{name}_{{suffix}}(i64 %n, i64 %ld, ptr %a{extra}) noinline nounwind {{{{
entry:
  %stride = add i64 %ld, 1
  br label %head
head:
  %k = phi i64 [ 0, %entry ], [ %next, %more ]
  %at = mul i64 %k, %stride
  %place = getelementptr {{real}}, ptr %a, i64 %at
  %value = load {{real}}, ptr %place
  %next = add i64 %k, 1
{body}
more:
  %again = icmp ult i64 %next, %n
  br i1 %again, label %head, label %done
{end}
}}}}
"""
# The number, from 1, of the first zero on the diagonal of a matrix, or 0.
_ZERO_ON_DIAGONAL = _OVER_DIAGONAL.format(
    name="lapack_diagonal",
    result="i64",
    extra="",
    body="  %zero = fcmp oeq {real} %value, 0.0\n  br i1 %zero, label %found, label %more",
    end="found:\n  ret i64 %next\ndone:\n  ret i64 0",
)
_SCALE_DIAGONAL = _OVER_DIAGONAL.format(
    name="scale_diagonal",
    result="void",
    extra=", {real} %factor",
    body="  %scaled = fmul {real} %value, %factor\n  store {real} %scaled, ptr %place\n  br label %more",
    end="done:\n  ret void",
)
# The cotangent of a from that of its Cholesky factor, in place, lower triangles of row-major matrices. With
# l = [l1 0; b l2]:  c2 = cotangent(l2, c2);  c_b = (c_b - (c2 + c2^T) b) l1^-1;  c1 = cotangent(l1, c1 - c_b^T b).
# Five twelfths of n^3 multiplications, where the formula with triangular solves takes two n^3.
# Reference: I. Murray, Differentiation of the Cholesky decomposition, arXiv:1602.07527, 2016, section 4.
_CHOLESKY_COTANGENT = """\
define internal i64 @lapack_cholesky_{suffix}(i64 %n, i64 %ld, ptr %l, ptr %c) noinline nounwind {{
entry:
  %single = icmp ule i64 %n, 1
  br i1 %single, label %one, label %split
one:
  %d = load {real}, ptr %l
  %cd = load {real}, ptr %c
  %twice = fadd {real} %d, %d
  %half = fdiv {real} %cd, %twice
  store {real} %half, ptr %c
  ret i64 0
split:
  %n1 = lshr i64 %n, 1
  %n2 = sub i64 %n, %n1
  %below = mul i64 %n1, %ld
  %beside = add i64 %below, %n1
  %b = getelementptr {real}, ptr %l, i64 %below
  %l2 = getelementptr {real}, ptr %l, i64 %beside
  %cb = getelementptr {real}, ptr %c, i64 %below
  %c2 = getelementptr {real}, ptr %c, i64 %beside
  %r2 = call i64 @lapack_cholesky_{suffix}(i64 %n2, i64 %ld, ptr %l2, ptr %c2)
  call void @scale_diagonal_{suffix}(i64 %n2, i64 %ld, ptr %c2, {real} 2.0)
  %s = call i64 @lapack_symm_{suffix}(i8 82, i8 85, i64 %n1, i64 %n2, {real} -1.0, ptr %c2, i64 %ld, ptr %b, i64 %ld, {real} 1.0, ptr %cb, i64 %ld)
  call void @scale_diagonal_{suffix}(i64 %n2, i64 %ld, ptr %c2, {real} 0.5)
  %t = call i64 @lapack_trsm_{suffix}(i8 76, i8 85, i8 78, i8 78, i64 %n1, i64 %n2, {real} 1.0, ptr %l, i64 %ld, ptr %cb, i64 %ld)
  %g = call i64 @lapack_gemm_{suffix}(i8 78, i8 84, i64 %n1, i64 %n1, i64 %n2, {real} -1.0, ptr %b, i64 %ld, ptr %cb, i64 %ld, {real} 1.0, ptr %c, i64 %ld)
  %r1 = call i64 @lapack_cholesky_{suffix}(i64 %n1, i64 %ld, ptr %l, ptr %c)
  ret i64 0
}}
"""  # noqa: E501
CALLS = {"cholesky": ("symm", "trsm", "gemm")}
TEMPLATES = {"diagonal": _ZERO_ON_DIAGONAL, "cholesky": _SCALE_DIAGONAL + _CHOLESKY_COTANGENT}
