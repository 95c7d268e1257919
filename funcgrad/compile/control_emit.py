"""Control flow as LLVM text: loops, branches, and loops with a tape, around the calls of their steps.

Small carried state lies in stack slots and is copied from one iteration to the next, which LLVM turns into registers;
large state trades pointers. A tape is one block of memory that doubles when it is full:

    tape:   | record 0 | record 1 | ...        record: the carries of one iteration, at 16-byte offsets
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import callback
from .llvm import memory_type
from .steps import Branch, Buffer, Loop, Moves, TapeLoop, While

FIRST_BYTES = 4096  # of a tape


def _pairs(e: Any, moves: Moves) -> None:
    """Stack slots for the pointers of carries that trade places."""
    for state, following in moves:
        if not state.stack:
            for b in (state, following):
                slot = e.fresh("p")
                e.allocas.append(f"{slot} = alloca ptr")
                e.lines.append(f"store ptr {e.pointer(b)}, ptr {slot}")
                e.swapped[b] = slot


def _steps(e: Any, steps: list[Any], moves: Moves = ()) -> None:  # type: ignore[assignment]
    for step in steps:
        e.step(step)
    for state, following in moves:
        if state.stack:
            _copy(e, e.pointer(following), e.pointer(state), state)
        else:
            a, b = e.pointer(state), e.pointer(following)
            e.lines += [f"store ptr {b}, ptr {e.swapped[state]}", f"store ptr {a}, ptr {e.swapped[following]}"]


def _copy(e: Any, source: str, target: str, like: Buffer) -> None:
    e.declarations["@llvm.memcpy.p0.p0.i64"] = "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"
    e.lines.append(f"call void @llvm.memcpy.p0.p0.i64(ptr {target}, ptr {source}, i64 {like.nbytes}, i1 false)")


def emit_scan(e: Any, s: Loop) -> None:
    """A loop of known length: body steps, then carries move."""
    _pairs(e, s.moves)
    opened = e.begin_loop(s.length, s.reverse)
    e.counters[s] = opened[1]
    _steps(e, s.body, s.moves)
    e.end_loop(opened, s.length)


def emit_branch(e: Any, s: Branch) -> None:
    """A jump to one of the branches; numbers out of range go to the first or the last."""
    kind, index, done = memory_type(s.index.dtype), e.fresh("i"), e.fresh("done")[1:]
    labels = [e.fresh("branch")[1:] for _ in s.bodies]
    less = "slt" if s.index.dtype.kind == "i" else "ult"
    e.lines.append(f"{index} = load {kind}, ptr {e.pointer(s.index)}")
    for number, label in enumerate(labels[:-1]):
        here, other = e.fresh("c"), e.fresh("else")[1:]
        e.lines += [f"{here} = icmp {less} {kind} {index}, {number + 1}",
                    f"br i1 {here}, label %{label}, label %{other}", f"{other}:"]  # fmt: skip
    e.lines.append(f"br label %{labels[-1]}")
    for label, body in zip(labels, s.bodies):
        e.lines.append(f"{label}:")
        _steps(e, body)
        e.lines.append(f"br label %{done}")
    e.lines.append(f"{done}:")


def emit_while(e: Any, s: While, before_body: Callable[[str], None] | None = None) -> None:
    """A loop with its condition at the head; `before_body(label of the end)` adds to the body."""
    _pairs(e, s.moves)
    head, body, done = (e.fresh(name)[1:] for name in ("head", "body", "done"))
    e.lines += [f"br label %{head}", f"{head}:"]
    _steps(e, s.test)
    byte, going = e.fresh("g"), e.fresh("g")
    e.lines += [f"{byte} = load i8, ptr {e.pointer(s.going)}", f"{going} = icmp ne i8 {byte}, 0",
                f"br i1 {going}, label %{body}, label %{done}", f"{body}:"]  # fmt: skip
    if before_body is not None:
        before_body(done)
    _steps(e, s.body, s.moves)
    e.lines += [f"br label %{head}", f"{done}:"]


def emit_tape_loop(e: Any, s: TapeLoop) -> None:
    """Forward with a tape, then backward along it."""
    callback.define_out_of_memory()
    for text in ("ptr @realloc(ptr, i64)", "void @free(ptr)", "void @funcgrad_out_of_memory()"):
        e.declarations[text] = f"declare {text} nounwind"
    base, room, count = (e.fresh(name) for name in ("tape", "room", "count"))
    e.allocas += [f"{base} = alloca ptr", f"{room} = alloca i64", f"{count} = alloca i64"]
    e.lines += [f"store ptr null, ptr {base}", f"store i64 0, ptr {room}", f"store i64 0, ptr {count}"]
    emit_while(e, s.forward, lambda end: _keep(e, s, base, room, count, end))
    _steps(e, s.between)
    _walk_back(e, s, base, count)
    block = e.fresh("block")
    e.lines += [f"{block} = load ptr, ptr {base}", f"call void @free(ptr {block})"]


def _keep(e: Any, s: TapeLoop, base: str, room: str, count: str, end: str) -> None:
    """Write one record, on a block twice as large where there is no room; without memory, the loop ends."""
    n, size, full, first, doubled, larger, nbytes, old, new, missing = (e.fresh("k") for _ in range(10))
    grow, grown, failed, write = (e.fresh(name)[1:] for name in ("grow", "grown", "failed", "write"))
    block, offset, record, more = (e.fresh("k") for _ in range(4))
    e.lines += [
        f"{n} = load i64, ptr {count}", f"{size} = load i64, ptr {room}", f"{full} = icmp eq i64 {n}, {size}",
        f"br i1 {full}, label %{grow}, label %{write}", f"{grow}:",
        f"{first} = icmp eq i64 {size}, 0", f"{doubled} = shl i64 {size}, 1",
        f"{larger} = select i1 {first}, i64 {max(FIRST_BYTES // s.record_bytes, 4)}, i64 {doubled}",
        f"{nbytes} = mul i64 {larger}, {s.record_bytes}", f"{old} = load ptr, ptr {base}",
        f"{new} = call ptr @realloc(ptr {old}, i64 {nbytes})", f"{missing} = icmp eq ptr {new}, null",
        f"br i1 {missing}, label %{failed}, label %{grown}",
        f"{failed}:", "call void @funcgrad_out_of_memory()", f"br label %{end}",
        f"{grown}:", f"store ptr {new}, ptr {base}", f"store i64 {larger}, ptr {room}", f"br label %{write}",
        f"{write}:", f"{block} = load ptr, ptr {base}", f"{offset} = mul i64 {n}, {s.record_bytes}",
        f"{record} = getelementptr inbounds i8, ptr {block}, i64 {offset}",
        f"{more} = add i64 {n}, 1", f"store i64 {more}, ptr {count}",
    ]  # fmt: skip
    for state, taped in zip(s.kept, s.taped):
        place = e.fresh("k")
        e.lines.append(f"{place} = getelementptr inbounds i8, ptr {record}, i64 {taped.offset}")
        _copy(e, e.pointer(state), place, state)


def _walk_back(e: Any, s: TapeLoop, base: str, count: str) -> None:
    """The records from the last to the first."""
    _pairs(e, s.moves)
    head, body, done = (e.fresh(name)[1:] for name in ("back", "pull", "done"))
    left, more, this, block, offset, record = (e.fresh("k") for _ in range(6))
    e.lines += [
        f"br label %{head}", f"{head}:", f"{left} = load i64, ptr {count}", f"{more} = icmp ne i64 {left}, 0",
        f"br i1 {more}, label %{body}, label %{done}", f"{body}:", f"{this} = sub i64 {left}, 1",
        f"store i64 {this}, ptr {count}", f"{block} = load ptr, ptr {base}",
        f"{offset} = mul i64 {this}, {s.record_bytes}",
        f"{record} = getelementptr inbounds i8, ptr {block}, i64 {offset}",
    ]  # fmt: skip
    e.records[s] = record
    _steps(e, s.pull, s.moves)
    e.lines += [f"br label %{head}", f"{done}:"]


EMIT: dict[type, Callable[[Any, Any], None]] = {
    Loop: emit_scan,
    Branch: emit_branch,
    While: emit_while,
    TapeLoop: emit_tape_loop,
}
