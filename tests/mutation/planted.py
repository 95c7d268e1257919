"""A few faults written out, one of each kind that authors of rules make; the suite runs these on every change."""

from __future__ import annotations

import ast
from pathlib import Path

from faults import Mutant

OPS = Path(__file__).resolve().parents[2] / "funcgrad" / "ops"

# (module, text of the program, text with the fault)
FAULTS = [
    ("elementwise", "partials=lambda out, x: -sin(x)", "partials=lambda out, x: sin(x)"),
    ("elementwise", "partials=lambda out, x: 0.5 / out", "partials=lambda out, x: 1.0 / out"),
    ("elementwise", "select(eq(y, out), like(x, 0.5), like(x, 1))", "select(eq(y, out), like(x, 1), like(x, 1))"),
    (
        "elementwise",
        "select(and_(eq(x, y), isnan(difference)), like(x, 0), difference)",
        "select(eq(x, y), like(x, 0), difference)",
    ),
    ("cumulative", "(cumsum(ct, axis=axis, reverse=not reverse),)", "(cumsum(ct, axis=axis, reverse=reverse),)"),
    ("sorting", "axis + (axis >= axes[0])", "axis"),
    ("layout", "slice_axis(ct, axis, start, stop)", "slice_axis(ct, axis, 0, stop - start)"),
    (
        "indexing",
        "scatter_add(linear_ops.zeros(x.aval), ct, *indices, axes=axes)",
        "scatter(linear_ops.zeros(x.aval), ct, *indices, axes=axes)",
    ),
    ("control", "length=length, reverse=not reverse)", "length=length, reverse=reverse)"),
    ("rules", "linear_ops.add_any(prim(x_dot, y, **params), prim(x, y_dot, **params))", "prim(x_dot, y, **params)"),
]


def planted() -> list[Mutant]:
    """The faults as mutants; a text that is no longer in the program is an error."""
    return [_mutant(*fault) for fault in FAULTS]


def _mutant(module: str, before: str, after: str) -> Mutant:
    path = OPS / f"{module}.py"
    source = path.read_text()
    if before not in source:
        raise ValueError(f"{module}.py no longer contains {before!r}: write the fault anew")
    line = source[: source.index(before)].count("\n") + 1
    statements = ast.parse(source).body
    number = next(i for i, s in enumerate(statements) if s.lineno <= line <= (s.end_lineno or s.lineno))
    return Mutant(path, line, "planted", before, after, number, lambda: source.replace(before, after, 1))
