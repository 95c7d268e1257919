"""Shrinking: the smallest program found that fails a check in the same way.

Tried are, from large to small: fewer results, statements left out (what reads them gets an input or a constant),
blocks that return what they were given, smaller numbers. A candidate must have a definite meaning by the reference.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from fuzz_generate import generate, reference
from fuzz_guard import Void
from fuzz_meanings import Case
from fuzz_tree import Block, Program, Stmt, Struct, Var, leaves, map_vars, script, substitute, without_dead
from fuzz_worker import SIZE, fork, kind_of, run_check

SECONDS = 60.0  # for one failure


def constant(v: Var) -> Var:
    """A constant of the type of a variable."""
    value = {"float64": "0.5", "float32": "0.5", "int64": "1", "bool": "True"}[v.dtype]
    dtype = "bool" if v.dtype == "bool" else f"np.{v.dtype}"
    return replace(v, name=f"fnp.full({v.shape}, {value}, {dtype})[()]")


def fails(program: Program, check: str, kind: str) -> bool:
    """Whether a program fails a check in this way."""
    if kind in ("crash", "hang"):
        return _dies(program, check)
    try:
        reference(program)
        error = run_check(Case(program), check)
    except Exception:
        return False
    return error is not None and not isinstance(error, Void) and kind_of(error) == kind


def _dies(program: Program, check: str) -> bool:
    """Whether a process that runs the check dies, or takes too long."""
    child = fork()
    if child == 0:
        signal.alarm(15)  # its default action ends the process
        try:
            reference(program)
            signal.alarm(15)
            run_check(Case(program), check)
        except BaseException:
            pass
        os._exit(0)
    return os.waitpid(child, 0)[1] != 0


def shrink(program: Program, failing: Callable[[Program], bool], seconds: float = SECONDS) -> Program:
    """Take steps as long as they keep the failure."""
    deadline = time.monotonic() + seconds
    progress = True
    while progress:
        progress = False
        for candidate in candidates(program.block, ()):
            if time.monotonic() > deadline:
                return program
            smaller = replace(program, block=without_dead(candidate))
            if smaller.block != program.block and failing(smaller):
                program, progress = smaller, True
                break
    return program


def candidates(block: Block, outer: tuple[Var, ...], inner: bool = False) -> Iterator[Block]:
    """Smaller blocks, the smallest first."""
    if not inner and len(block.result) > 1:
        yield from (replace(block, result=(v,)) for v in block.result)
    known = (*outer, *leaves(block.params))
    for k in reversed(range(len(block.body))):
        before = (*known, *(v for s in block.body[:k] for v in leaves(s.out)))
        yield from _without(block, k, before)
    if inner:
        yield from _simpler_results(block, known)
    for k, stmt in enumerate(block.body):
        before = (*known, *(v for s in block.body[:k] for v in leaves(s.out)))
        for smaller in _smaller_statements(stmt, before):
            yield replace(block, body=(*block.body[:k], smaller, *block.body[k + 1 :]))


def _without(block: Block, k: int, before: tuple[Var, ...]) -> Iterator[Block]:
    """The block without one statement, whose results are replaced by earlier variables or constants."""
    for pick in (_first_alike, lambda v, _: constant(v)):
        changed = replace(block, body=(*block.body[:k], *block.body[k + 1 :]))
        for v in leaves(block.body[k].out):
            changed = substitute(changed, v.name, pick(v, before))
        yield changed


def _first_alike(v: Var, before: tuple[Var, ...]) -> Var:
    return next((w for w in before if w.type == v.type), constant(v))


def _simpler_results(block: Block, known: tuple[Var, ...]) -> Iterator[Block]:
    for v in leaves(block.result):
        for new in (_first_alike(v, known), constant(v)):
            if new.name != v.name:
                yield replace(block, result=_with(block.result, v, new))


def _with(struct: Struct, old: Var, new: Var) -> Struct:
    return map_vars(lambda v: new if v.name == old.name else v, struct)


def _smaller_statements(stmt: Stmt, before: tuple[Var, ...]) -> Iterator[Stmt]:
    for name, value in stmt.numbers:
        for smaller in sorted({0, 1, value - 1} & set(range(value))):
            yield replace(stmt, numbers=tuple((n, smaller if n == name else x) for n, x in stmt.numbers))
    for option in (
        ", reverse=True",
        ", checkpoint=2",
        ", checkpoint='sqrt'",
        ", policy=fg.checkpoint_policies.dots_saveable",
    ):
        if option in stmt.text:
            yield replace(stmt, text=stmt.text.replace(option, ""))
    for k, v in enumerate(stmt.args):
        for new in (_first_alike(v, before), constant(v)):
            if new.name != v.name and not v.name.startswith("fnp.full"):
                yield replace(stmt, args=(*stmt.args[:k], new, *stmt.args[k + 1 :]))
    for k, inner in enumerate(stmt.blocks):
        for smaller in candidates(inner, before, inner=True):
            yield replace(stmt, blocks=(*stmt.blocks[:k], smaller, *stmt.blocks[k + 1 :]))


def shrunk_text(seed: int, check: str, kind: str, size: int = SIZE) -> str:
    """A script with the smallest program found for the failure of a seed."""
    program = generate(seed, size)
    if not fails(program, check, kind):
        return script(program)
    return script(shrink(program, lambda p: fails(p, check, kind)))
