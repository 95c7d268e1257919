"""Changes that cannot be seen: mutants that mean the same as the program, each with the reason.

A mutant is listed by its module, its text before the change (or "before -> after", where another change of that text
can be seen), and a part of the line it is in; `reason_for` looks it up.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

# (module, text before the change, part of the line, reason)
EQUIVALENT: list[tuple[str, str, str, str]] = [
    ("contraction", "1 - side", "o = 1 - side", "an index of -1 is the last of two, which is 1"),
    ("contraction", "0", "nb = len(batch[0])", "both operands have the same number of batch axes"),
    ("contraction", "0", "len(contract[0]) == 1", "both operands contract the same number of axes"),
    ("contraction", "((0, 1, x), (1, 0, y))", "for side, other", "two steps that do not depend on each other"),
    ("elementwise", "np.not_equal(t, 0)", "np.not_equal(t, 0)", "inequality is symmetric"),
    *(
        ("elementwise", part, "operation(x, y)", "both ways give the same number; only the time differs")
        for part in (
            "type(x) is np.float64 and type(y) is np.float64",
            "type(x) is np.float64",
            "type(y) is np.float64",
        )
    ),
    *(
        ("elementwise", f"_quick(operator.{op}, np.{f})", f"{op}", "either computes the same; only the time differs")
        for op, f in (("add", "add"), ("sub", "subtract"), ("mul", "multiply"), ("truediv", "true_divide"))
    ),
    *(
        ("elementwise", part, "if type(t) is np.float64", "operands are of one shape and dtype")
        for part in ("type(t) is np.float64 and type(p) is np.float64",)
    ),
    ("elementwise", "0", "return (r ^ y) < 0", "0 would mean that a remainder equals the divisor"),
    ("elementwise", "x + y", "sc.ne(x, x) | sc.ne(y, y), x + y", "one of them is NaN, so that either result is"),
    ("elementwise", "_unlike_signs(r, y)", "_unlike_signs(r, y)", "exclusive or is symmetric"),
    ("elementwise", "x / y -> x * y", "zero = sc.copysign(", "a product has the sign of the quotient"),
    ("elementwise", "x - y -> y - x", "difference = x - y", "only its size is used"),
    ("elementwise", "40", "np.minimum(np.abs(x)", "exp(-x^2) is 0 in every format from 28 on"),
    ("elementwise", "40", "sc.minimum(abs(x)", "exp(-x^2) is 0 in every format from 28 on"),
    ("elementwise", "1", "sc.copysign(sc.const(1, x.dtype), x) < 0", "only the sign of the number is looked at"),
    ("elementwise", "0", "sc.copysign(sc.const(1, x.dtype), x) < 0", "the number is 1 or -1"),
    ("contraction", "(contract, batch)", "sizes = [[", "both are compared, in whichever order"),
    ("control", "(lowering.Scalar, lowering.IndexMap)", "CHEAP =", "the order of classes means nothing to isinstance"),
    ("indexing", "0", "slots = layout.fill(0", "every place that is read has been written to before"),
    ("linalg", "1", "divisors = elementwise.select", "any number but 0: the quotient is not taken"),
    (
        "while_loop",
        "[False] * sum(mask[body_consts:])",
        "wanted = [",
        "what is not wanted at the end need not be listed",
    ),
    ("random_bits", "0", "return [words[0], words[0]]", "all words are of one type"),
    (
        "layout",
        "0",
        "if axes[0] == len(args[0].shape) - 1 > 0",
        "vectors take the other way, which gives the same with the batch axis in front",
    ),
    (
        "layout",
        "0",
        "return out if out is not None else",
        "a result without elements reads none; operands are of one dtype",
    ),
    ("cumulative", "1", "factor = elementwise.mul(factor, _shifted(", "it meets the zeros shifted into the total"),
    ("linalg", "2", "for k in np.ndindex(a.shape[:-2])", "SciPy from 1.15 on solves batches by itself"),
    ("elementwise", "neg(self)", "Tracer.__neg__", "funcgrad.numpy replaces this operator"),
    (
        "linalg",
        "matmul(v, matmul(_mirrored(t), v), x_transposed=True)",
        "matmul(",
        "v' T v of a symmetric T is symmetric",
    ),
    ("programs", "False", "outs = scan(*fixed, *xs", "lanes do not depend on each other, in whichever order they run"),
    ("layout", "0", "return np.int64(0)", "the window covers the whole axis, so that any start is clamped to 0"),
    ("layout", "0", "return read(tuple(_index(0)", "a result without elements reads none"),
]


@functools.cache
def _lines(path: Path) -> list[str]:
    return path.read_text().split("\n")


def reason_for(mutant: Any) -> str | None:
    """Why a mutant is equivalent to the program, or None when it is not known to be."""
    line, change = _lines(mutant.path)[mutant.line - 1], f"{mutant.before} -> {mutant.after}"
    for module, before, part, reason in EQUIVALENT:
        if mutant.path.stem == module and before in (mutant.before, change) and part in line:
            return reason
    return None
