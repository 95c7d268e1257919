"""Building programs statement by statement: every statement is run by the reference as soon as it is written.

So the types of variables are those of values, and a statement whose meaning would be doubtful (`Void`) or that is no
valid program is never added. Inside a loop's body the values are those of its first iteration; the whole loop is run
once it is complete.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from fuzz_guard import Guard, Void
from fuzz_reference import namespace
from fuzz_tree import Block, Stmt, Struct, Var, statement_text, used

MAX_SIZE = 64
MAX_NDIM = 3
FLOATS = ("float64", "float32")


@dataclass
class Counts:
    """How many statements were drawn, and why some were not taken."""

    taken: int = 0
    refused: Counter = field(default_factory=Counter)


class Builder:
    """What all scopes of one program share: random numbers, fresh names, the reference's namespace."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.numbers = itertools.count()
        self.guard = Guard()
        self.names = namespace(self.guard)
        self.counts = Counts()

    def fresh(self) -> str:
        """A new name."""
        return f"v{next(self.numbers)}"


class Scope:
    """The variables one can read at a point of a program, with sample values; statements are added at its end.

    closed: nothing of the scopes around may be read. exact: no float32, which difference quotients cannot follow.
    depth: how many functions are around.
    """

    def __init__(self, builder: Builder, parent: Scope | None = None, closed: bool = False, exact: bool = False):
        self.builder, self.rng = builder, builder.rng
        self.parent = None if closed else parent
        self.exact = exact or (parent is not None and parent.exact)
        self.depth = 0 if parent is None else parent.depth + 1
        self.env: dict[str, Any] = {}
        self.vars: list[Var] = []
        self.body: list[Stmt] = []

    # --- what can be read ---

    def visible(self) -> list[Var]:
        """All variables, the nearest last."""
        outer = self.parent.visible() if self.parent else []
        return [v for v in [*outer, *self.vars] if not (self.exact and v.dtype == "float32")]

    def values(self) -> dict[str, Any]:
        """Sample values of all variables."""
        return {**(self.parent.values() if self.parent else {}), **self.env}

    def value(self, v: Var) -> Any:
        """The sample value of a variable."""
        return self.values()[v.name]

    def pick(self, fits: Callable[[Var], bool] | None = None, dtypes: Iterable[str] = FLOATS) -> Var | None:
        """A random variable, rather a late one."""
        found = [v for v in self.visible() if v.dtype in dtypes and (fits is None or fits(v))]
        if not found:
            return None
        weights = np.arange(1.0, len(found) + 1)
        return found[self.rng.choice(len(found), p=weights / weights.sum())]

    def pick_some(self, count: int, **conditions: Any) -> list[Var]:
        """Up to `count` random variables; fewer when none fits."""
        found = [self.pick(**conditions) for _ in range(count)]
        return [v for v in found if v is not None]

    def outcome(self, count: int, dtypes: Iterable[str] = FLOATS) -> list[Var]:
        """Variables of this block to return, rather those that nothing has read yet; others where it has none."""
        read = {a.name for stmt in self.body for a in stmt.args} | {
            n for s in self.body for b in s.blocks for n in used(b)
        }
        own = [v for v in self.vars if v.dtype in dtypes and not (self.exact and v.dtype == "float32")]
        unread = [v for v in own if v.name not in read]
        pool = unread or own
        found = [pool[i] for i in self.rng.permutation(len(pool))[:count]]
        return found or self.pick_some(count, dtypes=dtypes)

    # --- writing ---

    def declare(self, value: Any) -> Struct:
        """Fresh variables for a value, by its structure."""
        if isinstance(value, tuple):
            return tuple(self.declare(part) for part in value)
        array = np.asarray(value)
        var = Var(self.builder.fresh(), array.shape, str(array.dtype))
        self.env[var.name] = value
        self.vars.append(var)
        return var

    def emit(
        self, kind: str, text: str, args: Sequence[Var] = (), blocks: Sequence[Block] = (), numbers: Any = ()
    ) -> Struct | None:
        """Run a statement and add it, or refuse it."""
        trial = Var("trial_", (), "float64")
        stmt = Stmt(kind, trial, text, tuple(args), tuple(blocks), tuple(numbers))
        value = self._run(stmt)
        if value is None or not _fits(value):
            return None
        out = self.declare(value)
        self.body.append(Stmt(kind, out, text, stmt.args, stmt.blocks, stmt.numbers))
        self.builder.counts.taken += 1
        return out

    def _run(self, stmt: Stmt) -> Any:
        scope = {**self.builder.names, **self.values()}
        try:
            with np.errstate(all="ignore"):
                exec(statement_text(stmt, watch=True), scope)
        except Void as e:
            self.builder.counts.refused[str(e)] += 1
            return None
        except (ValueError, TypeError, IndexError, np.linalg.LinAlgError, AttributeError, ZeroDivisionError) as e:
            self.builder.counts.refused[f"{stmt.kind}: {type(e).__name__}"] += 1
            return None
        return scope["trial_"]

    def function(
        self, params: Sequence[Any], fill: Callable[[Scope], Any], result: Callable[[Scope, tuple], Struct | None],
        closed: bool = False, exact: bool = False,
    ) -> Block | None:  # fmt: skip
        """A block whose parameters have the given sample values; `fill` writes statements, `result` picks from them."""
        inner = Scope(self.builder, self, closed, exact)
        inner.depth = self.depth + 1
        declared = tuple(inner.declare(p) for p in params)
        fill(inner)
        picked = result(inner, declared)
        return None if picked is None else Block(declared, tuple(inner.body), picked)


def _fits(value: Any) -> bool:
    """Whether a value may be a variable: small, of a supported type."""
    if isinstance(value, tuple):
        return bool(value) and all(_fits(part) for part in value)
    array = np.asarray(value)
    return (
        value is not None
        and 0 < array.size <= MAX_SIZE
        and array.ndim <= MAX_NDIM
        and str(array.dtype) in ("float64", "float32", "int64", "bool")
    )


def like(v: Var) -> Callable[[Var], bool]:
    """Variables of the same type."""
    return lambda w: w.type == v.type
