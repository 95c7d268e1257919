"""Long runs of steps as data: records that one loop walks, instead of code that LLVM would have to compile.

    record  ::= function, words of this record, operand*, integer*       operand ::= slot of the table, offset in bytes

    call kernel_0(in0, tmp1); multiply out0 = tmp1 @ in1
      -->
    @records = [@step_kernel_0, 6, 0, 0, 4, 128,  @step_gemm_f64_..., 14, 4, 128, 1, 0, 2, 0, 0, 0, 32, ...]

Each distinct kernel or kind of product has one small function that reads its operands from the record. The code of a
network of 100 layers is then as long as that of one layer, and its machine code is made four times faster; a step
costs one indirect call more, some 2 ns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .library import SCALARS
from .llvm import memory_type
from .steps import Buffer, Call, Multiply, whole

WORTHWHILE = 16  # steps from which on a run becomes a table

Place = Callable[[Buffer], tuple[int, int]]  # a buffer -> slot of the table of pointers, offset in bytes

_RUN = """\
define internal void @run_records(ptr %table, ptr %records, i64 %words) noinline optnone nounwind {
start:
  %end = getelementptr i64, ptr %records, i64 %words
  br label %step
step:
  %record = phi ptr [ %records, %start ], [ %next, %step ]
  %function = load ptr, ptr %record
  call void %function(ptr %table, ptr %record)
  %own.at = getelementptr i64, ptr %record, i64 1
  %own = load i64, ptr %own.at
  %next = getelementptr i64, ptr %record, i64 %own
  %more = icmp ult ptr %next, %end
  br i1 %more, label %step, label %done
done:
  ret void
}
"""


def blas_arguments(s: Multiply) -> tuple[str, list[tuple[str, Any]]]:
    """The BLAS routine of a product and its arguments in order: ("i64", number), ("ptr", "x") or a factor."""
    kind = memory_type(s.out.dtype)
    one, old = (kind, "1.0"), (kind, "1.0" if s.adds else "0.0")

    def integers(*values: Any) -> list[tuple[str, Any]]:
        return [("i64", int(v)) for v in values]

    (x, y), distance = s.places, s.into.distance if s.into else s.n
    return "gemm", [*integers(x.turned, y.turned, s.m, s.n, s.k), one, ("ptr", "x"), *integers(x.distance),
                    ("ptr", "y"), *integers(y.distance), old, ("ptr", "out"), *integers(distance)]  # fmt: skip


def routine_name(routine: str, dtype: Any) -> str:
    """What a BLAS routine is called in the module."""
    return f"{routine}_{SCALARS[np.dtype(dtype).name][1]}"


def fits(step: Any) -> bool:
    """Whether a step may be a record: its operands must be whole arrays that stay where they are."""
    if isinstance(step, Call) and not step.chunks:
        operands = step.args
    elif isinstance(step, Multiply) and not step.batch and not step.adds and step.parts is None:
        operands = [step.x, step.y, step.out]
    else:
        return False
    return not any(b.stack or b.swaps or b.base is not None for b in map(whole, operands))


class StepTable:
    """Collects the functions of records, and gives the text that runs a list of steps.

    Args:
        place: where a buffer lies.
        guarded: whether a product is to run on one BLAS thread.
    """

    def __init__(self, place: Place, guarded: Callable[[Multiply], bool]) -> None:
        self.place, self.guarded = place, guarded
        self.functions: dict[str, str] = {}

    def run(self, number: int, steps: list[Any]) -> str:
        """A function `@part_{number}(ptr table)`, its records before it."""
        records = [self.record(step) for step in steps]
        words = [word for record in records for word in record]
        self.functions["run_records"] = _RUN
        values = ", ".join(f"i64 {word}" for word in words)
        return (
            f"@records_{number} = internal constant [{len(words)} x i64] [{values}], align 8\n"
            f"define internal void @part_{number}(ptr %table) noinline optnone nounwind {{\n"
            f"  call void @run_records(ptr %table, ptr @records_{number}, i64 {len(words)})\n  ret void\n}}\n"
        )

    def record(self, step: Any) -> list[Any]:
        """The words of one step."""
        if isinstance(step, Call):
            name, operands, integers = f"step_kernel_{step.kernel}", step.args, []
            if name not in self.functions:
                pointers = [("ptr", str(k)) for k in range(len(operands))]
                self.define(name, [f"call void @kernel_{step.kernel}({{}})"], pointers, len(operands))
        else:
            name, operands, integers = self.product(step)
        placed = [word for b in operands for word in self.place(b)]
        return [f"ptrtoint (ptr @{name} to i64)", 2 + len(placed) + len(integers), *placed, *integers]

    def product(self, step: Multiply) -> tuple[str, list[Buffer], list[int]]:
        """The function of a product, its operands and integers."""
        routine, arguments = blas_arguments(step)
        called = routine_name(routine, step.out.dtype)
        guarded, buffers = self.guarded(step), {"x": step.x, "y": step.y, "out": step.out}
        order = [name for type_, name in arguments if type_ == "ptr"]
        name = f"step_{called}_{''.join(order)}{'_guarded' if guarded else ''}"
        if name not in self.functions:
            count = iter(range(len(order)))
            places = [(t, str(next(count)) if t == "ptr" else v) for t, v in arguments]
            call = f"call void @{called}({{}})"
            lines = ["call void @blas_enter()", call, "call void @blas_leave()"] if guarded else [call]
            self.define(name, lines, places, len(order))
        return name, [buffers[o] for o in order], [v for t, v in arguments if t == "i64"]

    def define(self, name: str, lines: list[str], arguments: list[tuple[str, Any]], operands: int) -> None:
        """A function (table, record) that makes a call with operands and integers from the record."""
        body: list[str] = []

        def word(label: str, position: int, kind: str = "i64") -> str:
            body.extend([f"%{label}.at = getelementptr i64, ptr %record, i64 {position}",
                         f"%{label} = load {kind}, ptr %{label}.at"])  # fmt: skip
            return f"%{label}"

        given, next_integer = [], 2 + 2 * operands
        for type_, value in arguments:
            if type_ == "ptr":
                slot, offset = word(f"slot{value}", 2 + 2 * int(value)), word(f"offset{value}", 3 + 2 * int(value))
                body += [f"%entry{value} = getelementptr ptr, ptr %table, i64 {slot}",
                         f"%base{value} = load ptr, ptr %entry{value}",
                         f"%p{value} = getelementptr i8, ptr %base{value}, i64 {offset}"]  # fmt: skip
                value = f"%p{value}"
            elif type_ == "i64":
                value, next_integer = word(f"n{next_integer}", next_integer), next_integer + 1
            given.append(f"{type_} {value}")
        body += [line.format(", ".join(given)) for line in lines]
        text = "\n".join(f"  {line}" for line in [*body, "ret void"])
        self.functions[name] = (
            f"define internal void @{name}(ptr %table, ptr %record) noinline optnone nounwind {{\n{text}\n}}\n"
        )
