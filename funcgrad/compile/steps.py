"""Steps and buffers: the vocabulary of plans.

step   ::= call kernel (buffer*) | multiply buffers by BLAS | library or python call
         | loop n: step* ; move carries  |  branch index: (step*)*  |  while (step*, buffer): step* ; move carries
         | tape loop: as while, keeping states, then step* ; move carries for each state kept, last first
         | lane pool: as while, for the lanes of an array, a few at a time, each to its own end
buffer ::= input | output | constant | temporary (a range of the workspace, or the stack inside loops)
         | slice of a buffer | place in the record of a tape
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core.program import Eqn
from ..records import field, record
from .callback import Callback
from .matrix_layout import MatrixLayout


@record(eq=False)
class Buffer:
    """A contiguous array the program reads or writes.

    kind: input, output, constant, temporary, slice, taped or view (the memory of `base` in another shape); number: its
    position among those of its kind; base, loop: for a slice, the array it is cut from and the loop whose counter
    selects it; step: elements from one slice to the next, where they overlap; loop, offset: for a taped one, the loop
    that keeps it and its place in the record of one iteration.
    """

    kind: str
    number: int
    shape: tuple[int, ...]
    dtype: np.dtype
    value: Any = None
    base: Buffer | None = None
    loop: Any = None
    stack: bool = False
    offset: int = -1
    step: int = 0
    swaps: Buffer | None = None  # the other half of a pair of carry buffers that trade places every iteration

    @property
    def name(self) -> str:
        """`in0`, `out1`, `const0`, `tmp3`; `in0[t1]` for a slice, `tape1[t1][0]` for a taped one."""
        if self.kind == "slice":
            end = f"*{self.step}:" if self.step else ""
            return f"{self.base.name}[t{self.loop.number}{end}]"  # type: ignore[union-attr]
        if self.kind == "view":
            place = f"[{self.offset}:]" if self.offset > 0 else ""
            return f"{self.base.name}{place}"  # type: ignore[union-attr]
        if self.kind == "taped":
            return f"tape{self.loop.number}[t{self.loop.number}][{self.number}]"  # type: ignore[union-attr]
        return {"input": "in", "output": "out", "constant": "const", "temporary": "tmp"}[self.kind] + str(self.number)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes, booleans being one byte."""
        return self.size * self.dtype.itemsize

    def __repr__(self) -> str:
        return self.name


@record
class Call:
    """Run a kernel on buffers; with `chunks`, once for each of them, on several threads."""

    kernel: int
    args: list[Buffer]
    chunks: int = 0


@record
class Multiply:
    """out[b] = x[b] @ y[b] for all b in `batch`, a shape, by BLAS: m x k by k x n, each as `places` say.

    With `adds`, the product is added to what is in `out`. `into`: where the results go, if not one after the other.
    `parts`: the side along which threads share it, and into how many parts.
    """

    x: Buffer
    y: Buffer
    out: Buffer
    batch: tuple[int, ...]
    m: int
    n: int
    k: int
    places: tuple[MatrixLayout, MatrixLayout]
    adds: bool = False
    into: MatrixLayout | None = None
    parts: tuple[str, int] | None = None

    @property
    def count(self) -> int:
        """How many products."""
        return math.prod(self.batch)

    @property
    def steps(self) -> list[tuple[int, ...]]:
        """Elements from one matrix of x, y and the result to the next, along each batch axis."""
        own = tuple(self.m * self.n * math.prod(self.batch[d + 1 :]) for d in range(len(self.batch)))
        return [self.places[0].steps, self.places[1].steps, self.into.steps if self.into else own]


@record
class LibraryCall:
    """Run a routine through its declared emitter, or by `steps` that work in `temporaries`, too."""

    eqn: Eqn
    inputs: list[Buffer]
    outputs: list[Buffer]
    temporaries: list[Buffer] = field(default_factory=list)
    steps: list[Any] = field(default_factory=list)


@record
class PythonCall:
    """Evaluate an equation by its NumPy implementation."""

    callback: Callback
    inputs: list[Buffer]
    outputs: list[Buffer]


Moves = list[tuple[Buffer, Buffer]]  # (state, next)


@record(eq=False)
class Loop:
    """Run steps `length` times; then carries move: state <- next."""

    number: int
    length: int
    reverse: bool
    body: list[Any] = field(default_factory=list)
    moves: Moves = field(default_factory=list)


@record(eq=False)
class Branch:
    """Run one of several lists of steps, the one whose number is the integer in `index`, clamped."""

    index: Buffer
    bodies: list[list[Any]]


@record(eq=False)
class While:
    """Run `test` steps; while they leave True in `going`, run `body` steps and let carries move."""

    number: int
    test: list[Any]
    going: Buffer
    body: list[Any]
    moves: Moves


@record(eq=False)
class TapeLoop:
    """A While that writes `kept` buffers to a tape before every iteration; then `between`, once; then `pull` steps and
    moves for every record of the tape, the last first.
    """

    number: int
    forward: While
    kept: list[Buffer]
    taped: list[Buffer]
    between: list[Any]
    pull: list[Any]
    moves: Moves

    @property
    def record_bytes(self) -> int:
        """Bytes of one record."""
        return max([b.offset + -(-b.nbytes // 16) * 16 for b in self.taped], default=16)


@record(eq=False)
class LanePool:
    """A While for each of `size` lanes, `width` of them at a time: `test` leaves in `going` which lanes go on; where
    all do, `body` and moves run; the place of one that has ended is written to `results` and loaded with the next lane.

    loads: (array over all lanes, buffer of the pool); results: (state of the pool, array over all lanes).
    """

    number: int
    size: int
    width: int
    test: list[Any]
    going: Buffer
    body: list[Any]
    moves: Moves
    loads: Moves
    results: Moves


CONTROL = (Loop, Branch, While, TapeLoop, LanePool)


def inner_steps(step: Any) -> list[Any]:
    """All steps inside a step of control flow."""
    if isinstance(step, Branch):
        return [s for body in step.bodies for s in body]
    if isinstance(step, (While, LanePool)):
        return [*step.test, *step.body]
    if isinstance(step, TapeLoop):
        return [step.forward, *step.between, *step.pull]
    return step.body


def own_buffers(step: Any) -> list[Buffer]:
    """Buffers that a step of control flow touches itself, apart from the steps inside."""
    if isinstance(step, Branch):
        return [step.index]
    moved = [b for pair in step.moves for b in pair]
    if isinstance(step, While):
        return [step.going, *moved]
    if isinstance(step, LanePool):
        return [step.going, *moved, *(b for pair in (*step.loads, *step.results) for b in pair)]
    return [*step.kept, *moved] if isinstance(step, TapeLoop) else moved


def whole(b: Buffer) -> Buffer:
    """The buffer whose memory a view is."""
    while b.kind == "view":
        b = b.base  # type: ignore[assignment]
    return b


def buffers_of(step: Any) -> list[Buffer]:
    """All buffers a step touches."""
    if isinstance(step, Call):
        return step.args
    if isinstance(step, Multiply):
        return [step.x, step.y, step.out]
    if isinstance(step, LibraryCall):
        return [*step.inputs, *step.outputs, *step.temporaries]
    if isinstance(step, PythonCall):
        return [*step.inputs, *step.outputs]
    return [*(b for s in inner_steps(step) for b in buffers_of(s)), *own_buffers(step)]


def root_buffers(step: Any) -> list[Buffer]:
    """The whole arrays a step touches, where it may touch slices of them."""
    roots = []
    for b in buffers_of(step):
        while b.base is not None:
            b = b.base
        roots.append(b)
    return roots


def map_inner_steps(step: Any, f: Callable[[list[Any]], list[Any]]) -> None:
    """Replace each list of steps inside a step of control flow by what `f` makes of it."""
    if isinstance(step, Branch):
        step.bodies = [f(body) for body in step.bodies]
    if isinstance(step, TapeLoop):
        map_inner_steps(step.forward, f)
    for name in ("test", "body", "between", "pull"):
        if isinstance(step, CONTROL) and hasattr(step, name):
            setattr(step, name, f(getattr(step, name)))


def every_step(steps: list[Any]) -> Iterator[Any]:
    """All steps, those inside others included; of a routine's own steps the calls of kernels."""
    for step in steps:
        yield step
        if isinstance(step, LibraryCall):
            yield from (s for s in step.steps if isinstance(s, Call))
        elif isinstance(step, CONTROL):
            yield from every_step(inner_steps(step))


def kernels_in_use(plan: Any) -> None:
    """Forget kernels that no step calls any more."""
    calls = [step for step in every_step(plan.steps) if isinstance(step, Call)]
    numbers = {old: new for new, old in enumerate(sorted({step.kernel for step in calls}))}
    for step in calls:
        step.kernel = numbers[step.kernel]
    plan.kernels = [plan.kernels[old] for old in numbers]
