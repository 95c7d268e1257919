"""Lowering forms: what the compiler needs to know about an op, as plain data. The compiler knows these forms, not op
names.

| form       | the op's result at output index i is ...                                                                |
|------------|---------------------------------------------------------------------------------------------------------|
| Scalar     | `fn(*element expressions, **params)`: the same index of every operand                                   |
| IndexMap   | `fn(i, *reads, **params)`: each read is a function from an index to the operand's element there         |
| Reduce     | `combine` over the reduced axes of the operand, starting from `init`                                    |
| Scan       | running `combine` along one axis (cumulative sum)                                                       |
| Recurrence | `step(the result before i, *elements at i)` along one axis                                              |
| Sort       | the elements of a line of operand 0 in order, or where they were                                        |
| Scatter    | a copy of operand 0, with updates combined into it at indices that are data                             |
| Spread     | the sum of the operand's elements whose index `fn` maps to i: an index map transposed                  |
| Contract   | a sum of products (dot_general): BLAS when it is large, a loop nest when it is small                    |
| Library    | whatever a routine called by pointer leaves in the output buffer                                        |
| Matrices   | what a routine of dense linear algebra makes of each matrix                                             |
| Loop       | a body program run a fixed number of times with carried state (scan)                                    |
| Branch     | the outputs of one of several programs, chosen by operand 0 (switch)                                    |
| While      | a body program run while a condition program holds                                                      |
| Lanes      | a While for every element of a leading axis, each with its own number of steps (while_lanes)            |
| WhileBackward | the cotangents of a While: its states kept on a growing tape, its steps pulled back in reverse       |
| Barrier    | its first `count` operands themselves, once all operands are computed                                   |
| Call       | the outputs of a program held by the equation: inlined                                                  |
| Compose    | what a function of the operands, made of other ops, returns: inlined                                    |
| Callback   | what the op's NumPy implementation returns: compiled code calls back into Python, or refuses            |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..records import record


@record(frozen=True)
class Scalar:
    """Elementwise: `fn(*exprs, **params) -> Expr`, or a tuple of Expr for an op with several results.

    `cost` is in multiplications, where it is not that of the expression. `raises`: it may report an exception, to be
    raised after the program has returned.
    """

    fn: Callable[..., Any]
    cost: float | None = None
    raises: bool = False


@record(frozen=True)
class IndexMap:
    """Data movement: `fn(index, *reads, **params) -> Expr`.

    `range_of(shape of the operand, **params)` says at which element of the operand the result begins, when it is a
    range of its elements in the same order (a reshape, some slices), else None: where the operand is in memory, the
    result is there, too. `joins` says that the result is its operands one after the other along the parameter `axis`
    (concatenate), so that they may be computed where they belong. `aligned` numbers the operands that are read at the
    index of the result itself, and nowhere else. `reads(**params)` says how many elements of an operand one of the
    result is made from, where it is more than one. `cost` is that of one element in multiplications, where it is not
    two for each element read, less one.
    """

    fn: Callable[..., Any]
    range_of: Callable[..., int | None] | None = None
    joins: bool = False
    aligned: tuple[int, ...] = ()
    reads: Callable[..., int] | None = None
    cost: float | None = None


@record(frozen=True)
class Reduce:
    """A monoid over axes: `combine` names it (add, mul, minimum, maximum, and, or); `axes` comes from the params."""

    combine: str


@record(frozen=True)
class ArgReduce:
    """The position of the first extreme element along `axis`; `better(candidate, best)` compares two elements."""

    better: Callable[[Any, Any], Any]


@record(frozen=True)
class Scan:
    """A running monoid along the parameter `axis`, from the end when `reverse`."""

    combine: str


@record(frozen=True)
class Recurrence:
    """`step(previous result, *elements) -> Expr` along the parameter `axis`, from the end when `reverse`.

    The first result is operand number `first` there; what the other operands have there is not read.
    """

    step: Callable[..., Any]
    first: int


@record(frozen=True)
class Sort:
    """Lines along the parameter `axis` in order, stable, NaN last; with `positions`, where the elements were."""

    positions: bool


@record(frozen=True)
class Scatter:
    """`combine(old, update)` at data-dependent positions; out-of-range positions are dropped."""

    combine: Callable[[Any, Any], Any]


@record(frozen=True)
class Spread:
    """Each element of the operand, at an index i, is added to the element `fn(i, **params)` of the result."""

    fn: Callable[..., tuple]


@record(frozen=True)
class Contract:
    """dot_general: parameters `contract` and `batch` name the axes."""


@record(frozen=True)
class Library:
    """A routine called by pointer: `emit(emitter, inputs, outputs, params)` appends the call. `raises`: as Scalar."""

    emit: Callable[..., Any]
    raises: bool = False


@record(frozen=True)
class Matrices:
    """Dense linear algebra on the last two axes: `routine` names it. It may report an exception, as Scalar does."""

    routine: str
    raises: bool = True


@record(frozen=True)
class Loop:
    """scan: the parameters hold the body program and say how its inputs and outputs are carried."""


@record(frozen=True)
class Branch:
    """switch: the parameter `branches` holds the programs."""


@record(frozen=True)
class While:
    """while_loop: the parameters hold the programs of the condition and of the body."""


@record(frozen=True)
class Lanes:
    """while_lanes: as While, with the parameters `size` and `on`, which operands have the leading axis."""


@record(frozen=True)
class WhileBackward:
    """while_backward: as While, and `step(params)` is the program that pulls one iteration back."""

    step: Callable[[dict], Any]


@record(frozen=True)
class Barrier:
    """barrier: nothing happens, but nothing that reads its results is done before all its operands are there."""


@record(frozen=True)
class Call:
    """An equation that means its program: `program(params)` gives it; it is inlined before scheduling."""

    program: Callable[[dict], Any]


@record(frozen=True)
class Compose:
    """An equation that means others: `fn(*operands, **params)`, written with ops, is recorded and inlined."""

    fn: Callable[..., Any]


@record(frozen=True)
class Callback:
    """Evaluated by the op's NumPy implementation: there is no compiled form (yet)."""


Form = (
    Scalar | IndexMap | Reduce | ArgReduce | Scan | Recurrence | Sort | Scatter | Spread | Contract | Library
    | Matrices | Loop | Branch | While | Lanes | WhileBackward | Barrier | Call | Compose | Callback
)  # fmt: skip
