"""Dense linear algebra as steps: LAPACK calls for each matrix of a batch, and the kernels around them.

    cholesky of a (3, 4, 4)
      -->
    kernel: out0[b, i, j] = in0[b, i, j] if j <= i else 0
    for b in 3: potrf("U", 4, out0[b], 4)

LAPACK works in place and sees a row-major matrix as its transpose. So it works on the result where it can, "lower" is
said as "U", and a system a x = b is solved from the right, x^T a^T = b^T, which needs no transposed copy of b.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import scalar as sc
from ..records import record
from . import blas_threads, factors, lapack, lapack_own
from .kernel import Assign, Declare, Kernel, Param, Store, nest
from .llvm import memory_type
from .lower import INDEX
from .steps import Buffer, LibraryCall

BLOCK = 64  # columns that getri works on at once
ZERO = sc.const(0, INDEX)
DEFINITE, SINGULAR, EIGENVALUES, SVD, TRIANGULAR = lapack.ERRORS


@record
class Shared:
    """Memory that all calls of a batch work in, one after the other."""

    buffer: Buffer


@record
class LapackCall:
    """Call a routine for each of `batch` matrices: letters, integers, factors, and buffers, of which each call gets its
    part. `error` is the number of the exception that a positive info means.
    """

    routine: str
    dtype: np.dtype
    batch: int
    args: list[Any]
    error: int = 0
    work: float = math.inf  # multiplications of one call


class Array:
    """A buffer inside a kernel: elements by index, in a shape of its own."""

    def __init__(self, number: int, buffer: Buffer, shape: tuple[int, ...], out: bool) -> None:
        self.buffer, self.param = buffer, Param(f"p{number}", shape, buffer.dtype, out)

    def __getitem__(self, index: Any) -> sc.Expr:
        return sc.load(self.param.name, index if isinstance(index, tuple) else (index,), self.param.dtype)

    def store(self, index: tuple, value: sc.Expr) -> Store:
        """Write an element."""
        return Store(self.param.name, index, value)


class MatrixSteps:
    """Collects the steps of one equation; see the module's docstring."""

    def __init__(self, planner: Any, eqn: Any, inputs: list[Buffer], outputs: list[Buffer]) -> None:
        self.planner, self.params, self.inputs, self.outputs = planner, eqn.params, inputs, outputs
        self.call = LibraryCall(eqn, inputs, outputs)
        self.lead, self.n = inputs[0].shape[:-2], inputs[0].shape[-1]
        self.batch, self.dtype = math.prod(self.lead), inputs[0].dtype
        self.square = (self.batch, self.n, self.n)
        self.integers = np.dtype(f"i{lapack.integer_width() // 8}")

    # -- pieces

    def temporary(self, *shape: int, dtype: Any = None) -> Buffer:
        """Memory for this equation only."""
        b = self.planner.temporary(shape, dtype or self.dtype)
        self.call.temporaries.append(b)
        return b

    def shared(self, size: int, dtype: Any = None) -> Shared:
        """What a routine writes to on the way."""
        return Shared(self.temporary(max(size, 1), dtype=dtype))

    def workspace(self, size: int, integers: int) -> tuple[Shared, Shared]:
        """Numbers and integers that LAPACK's drivers write to on the way."""
        return self.shared(size), self.shared(integers, self.integers)

    def kernel(self, arrays: list[tuple[Buffer, tuple[int, ...]]], body: Callable[..., list[Any]]) -> None:
        """A loop nest over arrays in the shapes given; the last one is written."""
        made = [Array(k, b, shape, k == len(arrays) - 1) for k, (b, shape) in enumerate(arrays)]
        kernel = Kernel([a.param for a in made], body(*made))
        self.call.steps += self.planner.call(kernel, [a.buffer for a in made])

    def elementwise(self, arrays: list[tuple[Buffer, tuple[int, ...]]], value: Callable[..., sc.Expr]) -> None:
        """Each element of the last array, from its index and the others."""
        shape = arrays[-1][1]
        index = tuple(sc.sym(f"i{k}", INDEX) for k in range(len(shape)))
        self.kernel(arrays, lambda *made: nest(index, shape, [made[-1].store(index, value(index, *made[:-1]))]))

    def lapack(self, routine: str, *args: Any, error: int = 0, work: float = math.inf) -> None:
        """A routine for each matrix."""
        if self.n and self.batch:
            self.call.steps.append(LapackCall(routine, self.dtype, self.batch, list(args), error, work))

    def turned(self, source: Buffer, target: Buffer, shape: tuple[int, int, int]) -> None:
        """Each matrix of `source` transposed; `shape` is that of the target."""
        by_columns = (shape[0], shape[2], shape[1])
        self.elementwise([(source, by_columns), (target, shape)], lambda i, a: a[i[0], i[2], i[1]])

    def copy(self, source: Buffer, target: Buffer) -> None:
        """The elements of one array to another of the same shape."""
        self.call.steps += self.planner.copy(source, target)

    # -- factors and solutions

    def cholesky(self) -> None:
        """A row-major lower triangle is a column-major upper one."""
        (a,), (out,) = self.inputs, self.outputs
        zero = sc.const(0, self.dtype)
        self.elementwise([(a, self.square), (out, self.square)], lambda i, a: sc.select(i[2] <= i[1], a[i], zero))
        self.lapack("potrf", "U", self.n, out, self.n, error=DEFINITE, work=self.n**3 / 6)

    def cholesky_cotangent(self) -> None:
        """Divide and conquer (`lapack_own.py`) on a copy; it leaves the other triangle undefined."""
        (factor, ct), (out,), n = self.inputs, self.outputs, self.n
        held, zero = self.temporary(*self.square), sc.const(0, self.dtype)
        self.copy(ct, held)
        self.lapack("cholesky", n, n, factor, held, work=2 * n**3 / 5)
        self.elementwise([(held, self.square), (out, self.square)], lambda i, c: sc.select(i[2] <= i[1], c[i], zero))

    def triangular_solve(self) -> None:
        a, b = self.inputs
        out, columns = self.outputs[0], b.shape[-1]
        self.copy(b, out)
        if columns:
            self.lapack("diagonal", self.n, self.n, a, error=TRIANGULAR, work=0)
            self.solve_triangle(a, out, columns, "U" if self.params["lower"] else "L", self.params["trans"], "N")

    def solve_triangle(self, a: Buffer, x: Buffer, columns: int, part: str, trans: bool, diagonal: str) -> None:
        """x^T op(a^T) = b^T in place, where b is in x; a vector has a routine of its own."""
        n, flag = self.n, "T" if trans else "N"
        if columns == 1:
            self.lapack("trsv", part, "N" if trans else "T", diagonal, n, a, n, x, 1, work=n * n / 2)
        else:
            args = ("R", part, flag, diagonal, columns, n, 1.0, a, n, x, columns)
            self.lapack("trsm", *args, work=n * n * columns / 2)

    def factored(self, a: Buffer, lu: Buffer, error: int = 0) -> Buffer:
        """p l u = a^T in `lu`; gives the pivots."""
        self.copy(a, lu)
        pivots = self.temporary(self.batch, self.n, dtype=self.integers)
        self.lapack("getrf", self.n, self.n, lu, self.n, pivots, error=error, work=self.n**3 / 3)
        return pivots

    def solve(self) -> None:
        """x^T p l u = b^T: triangles from the right, then rows of x change places; transposed, the other way round."""
        (a, b), (out,) = self.inputs, self.outputs
        columns, trans = b.shape[-1], self.params["trans"]
        lu = self.temporary(*self.square)
        pivots = self.factored(a, lu, SINGULAR)
        self.copy(b, out)
        if not columns:
            return
        parts = [("U", "N"), ("L", "U")]
        if trans:
            self.swap_rows(pivots, out, columns, forward=True)
        for part, diagonal in reversed(parts) if trans else parts:
            self.solve_triangle(lu, out, columns, part, trans, diagonal)
        if not trans:
            self.swap_rows(pivots, out, columns, forward=False)

    def swap_rows(self, pivots: Buffer, x: Buffer, columns: int, forward: bool) -> None:
        """Row k and the row that pivot k names change places, one pivot after the other."""
        b, k, j = (sc.sym(s, INDEX) for s in "bkj")
        row = k if forward else self.n - 1 - k

        def body(p: Array, x: Array) -> list[Any]:
            mine, theirs = (b, row, j), (b, sc.convert(p[b, row], INDEX) - 1, j)
            held = [sc.sym(s, self.dtype) for s in ("upper", "lower")]
            swap = [
                Declare("upper", x[mine]),
                Declare("lower", x[theirs]),
                x.store(mine, held[1]),
                x.store(theirs, held[0]),
            ]
            return nest((b, k, j), (self.batch, self.n, columns), swap)

        self.kernel([(pivots, (self.batch, self.n)), (x, (self.batch, self.n, columns))], body)

    def inv(self) -> None:
        """The inverse of the transpose is the transpose of the inverse: nothing to turn."""
        (a,), (out,) = self.inputs, self.outputs
        pivots, size = self.factored(a, out, SINGULAR), self.n * BLOCK
        work = self.shared(size)
        self.lapack("getri", self.n, out, self.n, pivots, work, size, error=SINGULAR, work=2 * self.n**3 / 3)

    # -- determinants

    def over_diagonal(self, a: Buffer, sums: list[tuple[Buffer, float, Callable]]) -> None:
        """Numbers for each matrix, each from a start by `step(number, diagonal element of u, sign of its pivot)`."""
        lu = self.temporary(*self.square)
        pivots = self.factored(a, lu)
        b, k, one = sc.sym("b", INDEX), sc.sym("k", INDEX), sc.const(1, self.dtype)
        total = sc.sym("total", self.dtype)
        for target, start, step in sums:

            def body(lu: Array, p: Array, out: Array, start: float = start, step: Callable = step) -> list[Any]:
                moved = sc.select(sc.eq(sc.convert(p[b, k], INDEX), k + 1), one, -one)
                loop = nest((k,), (self.n,), [Assign(("total",), (step(total, lu[b, k, k], moved),))])
                first = Declare("total", sc.const(start, self.dtype))
                return nest((b,), (self.batch,), [first, *loop, out.store((b,), total)])

            self.kernel([(lu, self.square), (pivots, (self.batch, self.n)), (target, (self.batch,))], body)

    def det(self) -> None:
        self.determinant(self.inputs[0], self.outputs[0])

    def determinant(self, a: Buffer, out: Buffer) -> None:
        """The product of the diagonal and of the signs of pivots."""
        self.over_diagonal(a, [(out, 1, lambda total, d, sign: total * (d * sign))])

    def slogdet(self) -> None:
        sign, log = self.outputs
        one, zero = sc.const(1, self.dtype), sc.const(0, self.dtype)

        def turned(total: sc.Expr, d: sc.Expr, pivot: sc.Expr) -> sc.Expr:
            return total * (sc.select(sc.eq(d, zero), zero, sc.copysign(one, d)) * pivot)

        self.over_diagonal(self.inputs[0], [(sign, 1, turned), (log, 0, lambda total, d, _: total + sc.log(abs(d)))])

    def cofactors(self) -> None:
        """det(u) det(v) u diag(products of the other singular values) v, from a = u s v."""
        (a,), (out,), n = self.inputs, self.outputs, self.n
        u, s, v = self.temporary(*self.square), self.temporary(self.batch, n), self.temporary(*self.square)
        held, scaled = self.temporary(*self.square), self.temporary(*self.square)
        size = 4 * n * n + 7 * n + BLOCK * n
        work, integers = self.workspace(size, 8 * n)
        self.copy(a, held)
        # Of the transpose, the left singular vectors are those on the right of a, and turned as rows.
        self.lapack("gesdd", "A", n, n, held, n, s, v, n, u, n, work, size, integers, error=SVD, work=20 * n**3)
        signs = [self.temporary(self.batch) for _ in "uv"]
        for matrix, number in zip((u, v), signs):
            self.determinant(matrix, number)
        rows, numbers = (self.batch, n), [(d, (self.batch,)) for d in signs]
        self.kernel([(s, rows), *numbers, (u, self.square), (scaled, self.square)], self.scaled_columns)
        # Row-major out = scaled v: column-major, the transposes the other way round.
        self.lapack("gemm", "N", "N", n, n, n, 1.0, v, n, scaled, n, 0.0, out, n, work=n**3)

    def scaled_columns(self, s: Array, du: Array, dv: Array, u: Array, scaled: Array) -> list[Any]:
        b, i, j, k = (sc.sym(x, INDEX) for x in "bijk")
        others, one = sc.sym("others", self.dtype), sc.const(1, self.dtype)
        factor = sc.select(sc.eq(k, j), one, s[b, k])
        product = [Declare("others", du[b] * dv[b]), *nest((k,), (self.n,), [Assign(("others",), (others * factor,))])]
        column = nest((i,), (self.n,), [scaled.store((b, i, j), u[b, i, j] * others)])
        return nest((b, j), (self.batch, self.n), [*product, *column])

    # -- eigenvalues

    def eigh(self) -> None:
        """On a full symmetric matrix, which is its own transpose; eigenvectors come as rows and are turned."""
        (a,), (w, v), n = self.inputs, self.outputs, self.n
        held, size, count = self.temporary(*self.square), 1 + 6 * n + 2 * n * n, 3 + 5 * n
        self.elementwise([(a, self.square), (held, self.square)],
                         lambda i, a: a[i[0], sc.maximum(i[1], i[2]), sc.minimum(i[1], i[2])])  # fmt: skip
        work, integers = self.workspace(size, count)
        args = ("V", "L", n, held, n, w, work, size, integers, count)
        self.lapack("syevd", *args, error=EIGENVALUES, work=9 * n**3)
        self.turned(held, v, self.square)


NAMES = ("cholesky", "cholesky_cotangent", "cofactors", "det", "eigh", "inv", "slogdet", "solve", "triangular_solve")
ROUTINES: dict[str, Callable[[Any], None]] = {name: getattr(MatrixSteps, name) for name in NAMES} | factors.ROUTINES


def plan_matrices(planner: Any, eqn: Any, env: dict) -> list[Any]:
    """The step of an equation of the form Matrices."""
    inputs, outputs = [planner.buffer(a, env) for a in eqn.inputs], [planner.buffer(v, env) for v in eqn.outs]
    steps = MatrixSteps(planner, eqn, inputs, outputs)
    ROUTINES[eqn.prim.lower.routine](steps)
    return [steps.call]


# --- as LLVM text -----------------------------------------------------------------------------------------------------


def emit_lapack(e: Any, s: LapackCall) -> None:
    """A loop over the batch; small work runs on one BLAS thread."""
    suffix = "f32" if s.dtype == np.float32 else "f64"
    for routine in (*lapack_own.CALLS.get(s.routine, ()), s.routine):
        key = f"lapack_{routine}_{suffix}"
        if key not in e.preludes:
            e.preludes[key] = lapack.lapack_prelude(routine, s.dtype)
    guard = blas_threads.prelude() if 0 < s.work < blas_threads.LIMIT else None
    buffers = [a.buffer if isinstance(a, Shared) else a for a in s.args if isinstance(a, (Buffer, Shared))]
    pointers = {id(b): e.pointer(b) for b in buffers}
    if guard is not None:
        e.preludes["threads"] = guard
        e.lines.append("call void @blas_enter()")
    opened = e.begin_loop(s.batch) if s.batch > 1 else None
    given = ", ".join(_argument(e, s, a, pointers, opened) for a in s.args)
    info = e.fresh("info")
    e.lines.append(f"{info} = call i64 @lapack_{s.routine}_{suffix}({given})")
    if s.error:
        e.preludes.setdefault("linalg_check", lapack.check_prelude())
        e.lines.append(f"call void @linalg_check(i64 {info}, i64 {s.error})")
    if opened:
        e.end_loop(opened, s.batch)
    if guard is not None:
        e.lines.append("call void @blas_leave()")


def _argument(e: Any, s: LapackCall, a: Any, pointers: dict[int, str], opened: Any) -> str:
    if isinstance(a, str):
        return f"i8 {ord(a)}"
    if isinstance(a, float):
        return f"{memory_type(s.dtype)} {a}"
    if isinstance(a, int):
        return f"i64 {a}"
    pointer = pointers[id(a.buffer if isinstance(a, Shared) else a)]
    if opened is None or isinstance(a, Shared):
        return f"ptr {pointer}"
    offset, place = e.fresh("o"), e.fresh("x")
    e.lines += [f"{offset} = mul nsw i64 {opened[1]}, {a.nbytes // s.batch}",
                f"{place} = getelementptr inbounds i8, ptr {pointer}, i64 {offset}"]  # fmt: skip
    return f"ptr {place}"
