"""Random programs: the same seed gives the same program and inputs."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from fuzz_arrays import ARRAYS
from fuzz_control import CONTROL
from fuzz_guard import Guard, Void
from fuzz_reference import STEP, flat, namespace
from fuzz_scope import FLOATS, Builder, Scope
from fuzz_transforms import TRANSFORMS
from fuzz_tree import Block, Program, Stmt, Var, program_text, statements, without_dead

MAX_DEPTH = 3
SHAPES = [(), (3,), (2,), (4,), (2, 3), (3, 3), (1, 3), (2, 2), (4, 1), (2, 1, 3), (3, 2)]
TRIES = 4  # for every statement
_FLAT = dict(ARRAYS)
_DEEP = {**_FLAT, **{f: 2.2 * w for f, w in CONTROL}, **{f: 1.6 * w for f, w in TRANSFORMS}}


def generate(seed: int, size: int = 9) -> Program:
    """A program with about `size` statements outside of loops.

    Raises:
        Void: when nothing of definite meaning could be written.
    """
    return generate_with(Builder(seed), seed, size)


def generate_with(builder: Builder, seed: int, size: int) -> Program:
    """The same, with a builder whose counts can be read afterwards."""
    builder.fill = fill  # type: ignore[attr-defined]
    scope = Scope(builder)
    inputs = tuple(_inputs(builder.rng))
    params = tuple(scope.declare(x) for x in inputs)
    write(scope, int(builder.rng.integers(3, size + 1)))
    results = _results(scope)
    block = without_dead(Block(params, tuple(scope.body), results))
    program = Program(seed, block, inputs)
    reference(program)
    return program


def _inputs(rng: np.random.Generator) -> list[Any]:
    shapes = [SHAPES[rng.integers(len(SHAPES))] for _ in range(3)]
    x, y, z = (np.asarray(rng.uniform(-1.5, 1.5, s))[()] for s in shapes)
    if rng.random() < 0.3:
        z = np.asarray(z, np.float32)[()]
    count = rng.integers(0, 4, SHAPES[rng.integers(0, 4)])
    return [x, y, z, np.int64(rng.integers(-1, 5)), np.asarray(count, np.int64)[()], np.bool_(rng.random() < 0.5)]


def write(scope: Scope, count: int) -> None:
    """Add about `count` random statements."""
    table = _DEEP if scope.depth < MAX_DEPTH else _FLAT
    kinds, weights = list(table), np.array(list(table.values()))
    for _ in range(count):
        for _ in range(TRIES):
            if kinds[scope.rng.choice(len(kinds), p=weights / weights.sum())](scope) is not None:
                break


def fill(scope: Scope) -> None:
    """The statements of an inner function: fewer, the deeper."""
    write(scope, int(scope.rng.integers(1, 4 if scope.depth < 2 else 3)))


def _results(scope: Scope) -> tuple[Var, ...]:
    """Variables that nothing has read; at least one is a floating-point number."""
    own = [v for v in scope.vars[6:] if v.dtype in FLOATS]
    if not own:
        raise Void("empty")
    others = scope.outcome(2, ("int64", "bool")) if scope.rng.random() < 0.5 else []
    return tuple(dict.fromkeys([own[-1], *scope.outcome(4), *others]))


def reference(
    program: Program, inputs: Any = None, wide: bool = False, step: float = STEP, guard: Guard | None = None
) -> tuple[list[Any], list[bytes]]:
    """The results by plain NumPy, and the decisions made on the way. Derivatives are difference quotients of this step.

    Raises:
        Void: when a value is large or a kink is near.
    """
    guard = guard or Guard(0.0 if wide else 1e-3)
    names = namespace(guard, wide, step)
    exec(program_text(program, watch=True), names)
    given = program.inputs if inputs is None else inputs
    if wide:
        given = [x.astype(np.float64) if x.dtype == np.float32 else x for x in given]
    with np.errstate(all="ignore"):
        return flat(names["program"](*given)), guard.decisions


def kinds(program: Program) -> Counter[str]:
    """How often each kind of statement occurs."""
    return Counter(stmt.kind for stmt in statements(program.block))


def order(block: Block) -> int:
    """How often a value is differentiated inside the program, at most."""
    return max((_order(stmt) for stmt in block.body), default=0)


def _order(stmt: Stmt) -> int:
    inner = max((order(b) for b in stmt.blocks), default=0)
    twice = "hvp" in stmt.text or "(fg.grad(" in stmt.text and "vmap" not in stmt.text and "jit" not in stmt.text
    return inner + (stmt.kind == "derivative") * (2 if twice else 1)


def nestings(block: Block, outer: tuple[str, ...] = ()) -> Counter[str]:
    """How often each kind occurs directly inside another one, and how deep things are nested."""
    found: Counter[str] = Counter()
    for stmt in block.body:
        found.update(_nested(stmt, outer))
    return found


def _nested(stmt: Stmt, outer: tuple[str, ...]) -> Counter[str]:
    found: Counter[str] = Counter()
    if stmt.blocks and outer:
        found[f"{outer[-1]} > {stmt.kind}"] += 1
        found[f"depth {len(outer) + 1}"] += 1
    for inner in stmt.blocks:
        found += nestings(inner, (*outer, stmt.kind))
    return found
