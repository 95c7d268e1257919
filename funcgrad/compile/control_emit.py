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
from .steps import Branch, Buffer, LanePool, Loop, Moves, TapeLoop, While

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
            _copy(e, e.pointer(following), e.pointer(state), state.nbytes)
        else:
            a, b = e.pointer(state), e.pointer(following)
            e.lines += [f"store ptr {b}, ptr {e.swapped[state]}", f"store ptr {a}, ptr {e.swapped[following]}"]


def _copy(e: Any, source: str, target: str, nbytes: int) -> None:
    e.declarations["@llvm.memcpy.p0.p0.i64"] = "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"
    e.lines.append(f"call void @llvm.memcpy.p0.p0.i64(ptr {target}, ptr {source}, i64 {nbytes}, i1 false)")


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
        _copy(e, e.pointer(state), place, state.nbytes)


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


def emit_lane_pool(e: Any, s: LanePool) -> None:
    """Test; where all lanes go on, or those that do not have no successor, the body; else lanes change places."""
    ids, following, alive = (e.fresh(name) for name in ("ids", "following", "alive"))
    e.allocas += [f"{ids} = alloca [{s.width} x i64]", f"{following} = alloca i64", f"{alive} = alloca i64"]
    e.lines += [f"store i64 0, ptr {following}", f"store i64 {s.width}, ptr {alive}"]
    first = e.begin_loop(s.width)
    _load_lane(e, s, first[1], ids, following)
    e.end_loop(first, s.width)
    head, body, change, done = (e.fresh(name)[1:] for name in ("head", "body", "change", "done"))
    e.lines += [f"br label %{head}", f"{head}:"]
    _steps(e, s.test)
    all_go = _all_true(e, s.going)
    e.lines += [f"br i1 {all_go}, label %{body}, label %{change}", f"{change}:"]
    _change_lanes(e, s, ids, following, alive, (head, body, done))
    e.lines.append(f"{body}:")
    _steps(e, s.body, s.moves)
    e.lines += [f"br label %{head}", f"{done}:"]


def _all_true(e: Any, flags: Buffer) -> str:
    """Whether all truth values of a buffer hold; read eight at a time, since a wider read must wait for the writes."""
    pointer, result = e.pointer(flags), ""
    for start in range(0, flags.size, 8):
        count = min(8, flags.size - start)
        at, bits, same = e.fresh("g"), e.fresh("g"), e.fresh("g")
        ones = int.from_bytes(bytes([1] * count), "little")
        e.lines += [
            f"{at} = getelementptr inbounds i8, ptr {pointer}, i64 {start}",
            f"{bits} = load i{8 * count}, ptr {at}, align 1",
            f"{same} = icmp eq i{8 * count} {bits}, {ones}",
        ]
        if result:
            both = e.fresh("g")
            e.lines.append(f"{both} = and i1 {result}, {same}")
        result = both if result else same
    return result


def _row(e: Any, b: Buffer, number: str, rows: int) -> tuple[str, int]:
    """The address of one lane's part of a buffer, and its bytes."""
    nbytes = b.nbytes // rows
    offset, at = e.fresh("o"), e.fresh("x")
    e.lines += [f"{offset} = mul i64 {number}, {nbytes}",
                f"{at} = getelementptr inbounds i8, ptr {e.pointer(b)}, i64 {offset}"]  # fmt: skip
    return at, nbytes


def _copy_row(e: Any, source: tuple[Buffer, str, int], target: tuple[Buffer, str, int]) -> None:
    (x, nbytes), (y, _) = _row(e, *source), _row(e, *target)
    _copy(e, x, y, nbytes)


def _load_lane(e: Any, s: LanePool, place: str, ids: str, following: str) -> None:
    """Put the next lane into a place of the pool."""
    lane, more, slot = e.fresh("k"), e.fresh("k"), e.fresh("k")
    e.lines.append(f"{slot} = getelementptr inbounds i64, ptr {ids}, i64 {place}")
    e.lines += [f"{lane} = load i64, ptr {following}", f"{more} = add i64 {lane}, 1",
                f"store i64 {more}, ptr {following}", f"store i64 {lane}, ptr {slot}"]  # fmt: skip
    for source, target in s.loads:
        _copy_row(e, (source, lane, s.size), (target, place, s.width))


def _change_lanes(e: Any, s: LanePool, ids: str, following: str, alive: str, labels: tuple[str, str, str]) -> None:
    """Write out lanes that have ended and load others; then test again, go on with the body, or be done."""
    head, body, done = labels
    before = e.fresh("k")
    e.lines.append(f"{before} = load i64, ptr {following}")
    counter = e.begin_loop(s.width)
    place = counter[1]
    flag, byte, ended, slot, lane, real, both = (e.fresh("k") for _ in range(7))
    write, load, bury, skip = (e.fresh(name)[1:] for name in ("write", "load", "bury", "skip"))
    e.lines += [
        f"{flag} = getelementptr inbounds i8, ptr {e.pointer(s.going)}, i64 {place}", f"{byte} = load i8, ptr {flag}",
        f"{ended} = icmp eq i8 {byte}, 0", f"{slot} = getelementptr inbounds i64, ptr {ids}, i64 {place}",
        f"{lane} = load i64, ptr {slot}", f"{real} = icmp sge i64 {lane}, 0", f"{both} = and i1 {ended}, {real}",
        f"br i1 {both}, label %{write}, label %{skip}", f"{write}:",
    ]  # fmt: skip
    for state, result in s.results:
        _copy_row(e, (state, place, s.width), (result, lane, s.size))
    position, available = e.fresh("k"), e.fresh("k")
    e.lines += [f"{position} = load i64, ptr {following}", f"{available} = icmp ult i64 {position}, {s.size}",
                f"br i1 {available}, label %{load}, label %{bury}", f"{load}:"]  # fmt: skip
    _load_lane(e, s, place, ids, following)
    left, fewer = e.fresh("k"), e.fresh("k")
    e.lines += [
        f"br label %{skip}", f"{bury}:", f"store i64 -1, ptr {slot}", f"{left} = load i64, ptr {alive}",
        f"{fewer} = sub i64 {left}, 1", f"store i64 {fewer}, ptr {alive}", f"br label %{skip}", f"{skip}:",
    ]  # fmt: skip
    e.end_loop(counter, s.width)
    after, changed, living, none, other = (e.fresh("k") for _ in range(5))
    e.lines += [f"{after} = load i64, ptr {following}", f"{changed} = icmp ne i64 {after}, {before}",
                f"br i1 {changed}, label %{head}, label %{other[1:]}", f"{other[1:]}:",
                f"{living} = load i64, ptr {alive}", f"{none} = icmp eq i64 {living}, 0",
                f"br i1 {none}, label %{done}, label %{body}"]  # fmt: skip


EMIT: dict[type, Callable[[Any, Any], None]] = {
    Loop: emit_scan,
    Branch: emit_branch,
    While: emit_while,
    TapeLoop: emit_tape_loop,
    LanePool: emit_lane_pool,
}
