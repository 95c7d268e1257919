"""Matrix products: which of them several threads share, and their LLVM text.

A large product is divided along the longer side of its result, a large batch into its products; each part is one BLAS
call on one BLAS thread. The threads are those of `thread_pool`: OpenBLAS's own spin until the last of them has
answered, and where another process has the second core that is a time slice of the scheduler. How a product is divided
depends on its sizes alone.

    multiply out0 = in0 @ in1 (128x784 by 784x256), in 4 parts of n
      -->
    call @funcgrad_parallel(@products_1, pointers, 4)        @products_1(pointers, chunk): 128x784 by 784x64
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ..records import replace
from .blas_threads import PART, SHARED
from .matrix_layout import MatrixLayout
from .step_table import blas_arguments, routine_name
from .steps import Multiply

LEAST_SIDE = 128  # of a part: the other operand is packed anew for each, 10 % of the time at 100, 5 % at 200
MOST_PARTS = 64


def parts_of(s: Multiply) -> tuple[str, int] | None:
    """The side along which a product is divided, and into how many parts; None for short ones and batches."""
    work = s.m * s.n * s.k
    if s.batch or work < SHARED:
        return None
    most = min(work // PART, MOST_PARTS)
    for side, length in sorted((("m", s.m), ("n", s.n)), key=lambda pair: -pair[1]):
        counts = [p for p in range(2, most + 1) if length % p == 0 and length // p >= LEAST_SIDE]
        if counts:
            return side, counts[-1]
    return None


def divided(s: Multiply) -> Multiply:
    """The parts of a product as a batch of products."""
    if s.parts is None:
        return s
    side, count = s.parts
    x, y, out = *s.places, MatrixLayout(((), (), ()), (), s.n, False)
    if side == "m":
        rows = s.m // count
        steps = (rows if x.turned else rows * x.distance, 0, rows * s.n)
        sizes = {"m": rows}
    else:
        columns = s.n // count
        steps = (0, columns * y.distance if y.turned else columns, columns)
        sizes = {"n": columns}
    places = [replace(place, steps=(step,)) for place, step in zip((x, y, out), steps)]
    return replace(s, batch=(count,), places=(places[0], places[1]), into=places[2], parts=None, **sizes)


# --- LLVM text --------------------------------------------------------------------------------------------------------


def emit_multiply(emitter: Any, s: Multiply) -> None:
    """BLAS calls: one, one for each product of a batch, or shared among threads."""
    shared = s.parts is not None or s.m * s.n * s.k * s.count >= SHARED and s.count > 1
    s = divided(s)
    if shared:
        _shared(emitter, s)
        return
    pointers, counters = [emitter.pointer(b) for b in (s.x, s.y, s.out)], []
    with _guard(emitter, emitter.guarded(s)):
        for axis, count in enumerate(s.batch):
            counters.append((emitter.begin_loop(count), count))
            strides = [steps[axis] * s.out.dtype.itemsize for steps in s.steps]
            pointers = [emitter.strided(p, counters[-1][0][1], stride) for p, stride in zip(pointers, strides)]
        _call(emitter, s, pointers)
        for opened, count in reversed(counters):
            emitter.end_loop(opened, count)


def _shared(emitter: Any, s: Multiply) -> None:
    """The products of a batch as chunks: `@products_{number}` finds the matrices of one."""
    name, rest, lines = f"products_{len(emitter.preludes)}", "%chunk", []
    offsets: list[list[str]] = [[], [], []]
    for axis in reversed(range(len(s.batch))):
        lines += [f"%i{axis} = urem i64 {rest}, {s.batch[axis]}", f"%r{axis} = udiv i64 {rest}, {s.batch[axis]}"]
        rest = f"%r{axis}"
        for k, steps in enumerate(s.steps):
            offsets[k].append(f"%o{k}.{axis}")
            lines.append(f"%o{k}.{axis} = mul i64 %i{axis}, {steps[axis] * s.out.dtype.itemsize}")
    for k, parts in enumerate(offsets):
        lines += [f"%at{k} = getelementptr ptr, ptr %context, i64 {k}", f"%p{k}.0 = load ptr, ptr %at{k}"]
        for j, part in enumerate(parts):
            lines.append(f"%p{k}.{j + 1} = getelementptr i8, ptr %p{k}.{j}, i64 {part}")
    own, emitter.lines = emitter.lines, lines
    with _guard(emitter, emitter.can_guard()):
        _call(emitter, s, [f"%p{k}.{len(s.batch)}" for k in range(3)])
    body, emitter.lines = emitter.lines, own
    text = "\n".join(f"  {line}" for line in [*body, "ret void"])
    emitter.preludes[name] = f"define internal void @{name}(ptr %context, i64 %chunk) nounwind {{\n{text}\n}}\n"
    emitter.share(name, [s.x, s.y, s.out], s.count)


@contextlib.contextmanager
def _guard(emitter: Any, guarded: bool) -> Iterator[None]:
    """Around products that are to run on one BLAS thread."""
    if guarded:
        emitter.lines.append("call void @blas_enter()")
    yield
    if guarded:
        emitter.lines.append("call void @blas_leave()")


def _call(emitter: Any, s: Multiply, pointers: list[str]) -> None:
    routine, arguments = blas_arguments(s)
    emitter.need_routine(routine, s.out.dtype)
    named = dict(zip(("x", "y", "out"), pointers))
    given = ", ".join(f"{kind} {named[value] if kind == 'ptr' else value}" for kind, value in arguments)
    emitter.lines.append(f"call void @{routine_name(routine, s.out.dtype)}({given})")


__all__ = ["divided", "emit_multiply", "parts_of"]
