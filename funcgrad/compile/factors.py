"""QR, LU, Schur form, singular values, banded systems, Sylvester's equation as LAPACK calls and kernels around them.

Unlike those of `matrices.py`, these routines work on transposed copies, which are the matrices themselves to LAPACK:
what a factorization leaves open, such as signs of singular vectors, is then as NumPy has it. `s` is a
`matrices.MatrixSteps`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import scalar as sc
from . import lapack
from .kernel import Declare, nest
from .lower import INDEX
from .steps import Buffer

DEFINITE, SINGULAR, EIGENVALUES, SVD, _ = lapack.ERRORS
BLOCK = 64  # columns that a blocked routine works on at once


def _by_columns(s: Any, a: Buffer) -> Buffer:
    """A copy in the order of columns."""
    m, n = a.shape[-2:]
    held = s.temporary(s.batch, n, m)
    s.turned(a, held, (s.batch, n, m))
    return held


def qr(s: Any) -> None:
    """Reflections that make `a` triangular, and their product; of the first columns, or of all with `complete`."""
    (a,), (q, r) = s.inputs, s.outputs
    (m, n), k, wide = a.shape[-2:], min(a.shape[-2:]), q.shape[-1]
    held, size = _by_columns(s, a), BLOCK * max(m, n, 1)
    tau, work = s.temporary(s.batch, max(k, 1)), s.shared(size)
    if k:
        s.lapack("geqrf", m, n, held, m, tau, work, size, work=2 * m * n * k)
    _upper_triangle(s, held, r, (n, m))
    if not wide:
        return
    zero, one, product = sc.const(0, s.dtype), sc.const(1, s.dtype), s.temporary(s.batch, wide, m)

    def column(i: tuple, held: Any) -> sc.Expr:
        rest = sc.select(sc.eq(i[1], i[2]), one, zero)
        return rest if not n else sc.select(i[1] < n, held[i[0], sc.minimum(i[1], sc.const(n - 1, INDEX)), i[2]], rest)

    s.elementwise([(held, (s.batch, n, m)), (product, (s.batch, wide, m))], column)
    s.lapack("orgqr", m, wide, k, product, m, tau, work, size, work=2 * m * wide * wide)
    s.turned(product, q, (s.batch, m, wide))


def _upper_triangle(s: Any, held: Buffer, out: Buffer, extents: tuple[int, int]) -> None:
    """The rows that `out` has of a matrix held by columns, zero below the diagonal."""
    zero, shape = sc.const(0, s.dtype), (s.batch, *out.shape[-2:])
    s.elementwise(
        [(held, (s.batch, *extents)), (out, shape)], lambda i, a: sc.select(i[1] <= i[2], a[i[0], i[2], i[1]], zero)
    )


def lu(s: Any) -> None:
    """p a = l u; the pivots count from 0."""
    (a,), (out, order) = s.inputs, s.outputs
    (m, n), k = a.shape[-2:], min(a.shape[-2:])
    held, pivots = _by_columns(s, a), s.temporary(s.batch, max(k, 1), dtype=s.integers)
    if k:
        s.lapack("getrf", m, n, held, m, pivots, work=m * n * k)
    s.turned(held, out, (s.batch, m, n))
    number = lambda i, p: sc.convert(p[i], order.dtype) - 1  # noqa: E731
    if k:
        s.elementwise([(pivots, (s.batch, k)), (order, (s.batch, k))], number)


def pivots_to_permutation(s: Any) -> None:
    """0, 1, 2, ... after k and pivot k have changed places, one after the other."""
    (pivots,), (out,) = s.inputs, s.outputs
    count, size = pivots.shape[-1], out.shape[-1]
    rows = out.size // max(size, 1)
    b, k = sc.sym("b", INDEX), sc.sym("k", INDEX)
    s.elementwise([(out, (rows, size))], lambda i: sc.convert(i[1], out.dtype))

    def swap(p: Any, order: Any) -> list[Any]:
        mine, theirs = (b, k), (b, sc.convert(p[b, k], INDEX))
        held = [sc.sym(name, out.dtype) for name in ("first", "second")]
        read = [Declare("first", order[mine]), Declare("second", order[theirs])]
        return nest((b, k), (rows, count), [*read, order.store(mine, held[1]), order.store(theirs, held[0])])

    if count:
        s.kernel([(pivots, (rows, count)), (out, (rows, size))], swap)


def svd(s: Any) -> None:
    """By divide and conquer, as NumPy does it; u and v^T come by columns."""
    (a,), (u, values, vt) = s.inputs, s.outputs
    (m, n), k = a.shape[-2:], values.shape[-1]
    wide, high = u.shape[-1], vt.shape[-2]
    if not k:
        return _identities(s, u, vt)
    left, right = s.temporary(s.batch, wide, m), s.temporary(s.batch, n, high)
    _gesdd(s, a, "A" if (wide, high) == (m, n) else "S", values, left, right, high)
    s.turned(left, u, (s.batch, m, wide))
    s.turned(right, vt, (s.batch, high, n))


def _identities(s: Any, *outs: Buffer) -> None:
    """What is orthogonal and belongs to a matrix without elements."""
    zero, one = sc.const(0, s.dtype), sc.const(1, s.dtype)
    for out in outs:
        if out.size:
            s.elementwise([(out, (s.batch, *out.shape[-2:]))], lambda i: sc.select(sc.eq(i[1], i[2]), one, zero))


def singular_values(s: Any) -> None:
    """Without vectors."""
    (a,), (values,) = s.inputs, s.outputs
    if values.shape[-1]:
        _gesdd(s, a, "N", values, values, values, 1)


def _gesdd(s: Any, a: Buffer, job: str, values: Buffer, left: Buffer, right: Buffer, rows: int) -> None:
    m, n = a.shape[-2:]
    k, most = min(m, n), max(m, n)
    size = 4 * k * k + 7 * k + most + BLOCK * (m + n)
    work, integers = s.workspace(size, 8 * k)
    held = _by_columns(s, a)
    args = (job, m, n, held, m, values, left, m, right, rows, work, size, integers)
    s.lapack("gesdd", *args, error=SVD, work=20 * m * n * k)


def banded_solve(s: Any) -> None:
    """Bands lie by columns, below as many rows as elimination fills; solutions take the place of right-hand sides."""
    (bands, b), (x,) = s.inputs, s.outputs
    lower, upper, n, columns = s.params["lower"], s.params["upper"], bands.shape[-1], b.shape[-1]
    if not n or not columns:
        return
    height, zero = 2 * lower + upper + 1, sc.const(0, s.dtype)
    held, solutions = s.temporary(s.batch, n, height), _by_columns(s, b)

    def element(i: tuple, a: Any) -> sc.Expr:
        row = i[2] - lower
        stored = a[i[0], sc.maximum(row, sc.const(0, INDEX)), i[1]]
        place = i[1] + row - upper  # the row of the matrix, which may be outside
        inside = (row >= 0) & (place >= 0) & (place < n)
        return sc.select(inside, stored, zero)

    s.elementwise([(bands, (s.batch, lower + upper + 1, n)), (held, (s.batch, n, height))], element)
    pivots = s.temporary(s.batch, n, dtype=s.integers)
    args = (n, lower, upper, columns, held, height, pivots, solutions, n)
    s.lapack("gbsv", *args, error=SINGULAR, work=n * height * (lower + columns))
    s.turned(solutions, x, (s.batch, n, columns))


def definite_banded_solve(s: Any) -> None:
    """By the Cholesky factor of the bands."""
    (bands, b), (x,) = s.inputs, s.outputs
    (height, n), columns = bands.shape[-2:], b.shape[-1]
    if not n or not columns:
        return
    zero, held, solutions = sc.const(0, s.dtype), s.temporary(s.batch, n, height), _by_columns(s, b)
    s.elementwise([(bands, (s.batch, height, n)), (held, (s.batch, n, height))],
                  lambda i, a: sc.select(i[1] + i[2] < n, a[i[0], i[2], i[1]], zero))  # fmt: skip
    args = ("L", n, height - 1, columns, held, height, solutions, n)
    s.lapack("pbsv", *args, error=DEFINITE, work=n * height * (height + columns))
    s.turned(solutions, x, (s.batch, n, columns))


def sylvester(s: Any) -> None:
    """a x + x b = q: with a = u r u^T and b^T = v t v^T, r y + y t^T = u^T q v and x = u y v^T.

    b as it lies in memory is b^T to LAPACK, q is q^T, and x^T = v y^T u^T is x.
    """
    (a, b, q), (x,) = s.inputs, s.outputs
    m, n = q.shape[-2:]
    if not m or not n:
        return
    r, t = _by_columns(s, a), s.temporary(*b.shape)
    s.copy(b, t)
    u, v = _schur(s, r, m), _schur(s, t, n)
    half, y, scale = s.temporary(s.batch, n, m), s.temporary(s.batch, n, m), s.temporary(s.batch)
    work = m * n * (m + n)
    s.lapack("gemm", "T", "T", m, n, m, 1.0, u, m, q, n, 0.0, half, m, work=work)
    s.lapack("gemm", "N", "N", m, n, n, 1.0, half, m, v, n, 0.0, y, m, work=work)
    s.lapack("trsyl", "N", "T", 1, m, n, r, m, t, n, y, m, scale, work=work)
    s.lapack("gemm", "N", "T", n, m, n, 1.0, v, n, y, m, 0.0, half, n, work=work)
    product = s.temporary(s.batch, m, n)
    s.lapack("gemm", "N", "T", n, m, m, 1.0, half, n, u, m, 0.0, product, n, work=work)
    shape = (s.batch, m, n)
    s.elementwise([(product, shape), (scale, (s.batch,)), (x, shape)], lambda i, p, scale: p[i] / scale[i[0]])


def _schur(s: Any, a: Buffer, n: int) -> Buffer:
    """The Schur form in place of a, and its vectors."""
    vectors, values, size = s.temporary(s.batch, n, n), s.shared(n), BLOCK * n
    imaginary, work, integers = s.shared(n), s.shared(size), s.shared(n + 1, s.integers)
    args = ("V", "N", values, n, a, n, integers, values, imaginary, vectors, n, work, size, integers)
    s.lapack("gees", *args, error=EIGENVALUES, work=25 * n**3)
    return vectors


def schur(s: Any) -> None:
    """a = z t z^T."""
    (a,), (t, z) = s.inputs, s.outputs
    n = a.shape[-1]
    if n:
        held = _by_columns(s, a)
        vectors = _schur(s, held, n)
        for source, target in ((held, t), (vectors, z)):
            s.turned(source, target, (s.batch, n, n))


_FACTORS = (
    banded_solve, definite_banded_solve, lu, pivots_to_permutation, qr, schur, singular_values, svd, sylvester,
)  # fmt: skip
ROUTINES: dict[str, Callable[[Any], None]] = {f.__name__: f for f in _FACTORS}
