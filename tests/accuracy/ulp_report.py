"""Writes docs/accuracy.md: the largest errors of every elementwise op, on the whole grid, against mpmath.

python tests/accuracy/ulp_report.py                 rewrite docs/accuracy.md (half a minute)
python tests/accuracy/ulp_report.py tanh power      print these rows
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from exact_functions import BINARY, UNARY
from ulp_measure import MODES, Error, measure, points

TARGET = Path(__file__).resolve().parents[2] / "docs" / "accuracy.md"
DTYPES = (np.float64, np.float32)
HEAD = """# Accuracy

The largest errors of values and first derivatives of the elementwise operations, in units in the last place (ulp: the
distance between neighbouring floating-point numbers at the exact result; among subnormal numbers, the smallest of
them). An exact result that is rounded once has an error of at most 0.5. The oracle is mpmath. Written by
`python tests/accuracy/ulp_report.py`; `tests/accuracy/test_accuracy.py` holds every row to the promise: **at most 4
ulp, no wrong sign, no zero, infinity or NaN where there is none**, compiled and eager, but for the exceptions below.

The grid of each function has both signs of 400 numbers in geometric progression from the smallest subnormal number to
the largest number, the two zeros, 260 numbers of moderate size, and the neighbourhood of points where it is hard:
overflow, underflow, poles, zeros, and the ends of its polynomials. Functions of two operands have {pairs} pairs.

Eager evaluation is NumPy's and SciPy's, so its values are as accurate as theirs; derivatives are our formulas in
both. Compiled code has its own functions (`compile/vecmath*.py`), which give the same bits in a loop, in a vector and
alone.
"""
TAIL = """
Exceptions, all of eager evaluation:

- `erfc` of float64 and the derivative of `erfinv`, up to 8 ulp. (SciPy's own `erfc` is 500 ulp off in the right tail,
  and 0 where the result is a subnormal number; ours is SciPy's `erfcx` times an accurate exp(-x**2).)
- the derivatives of `cbrt` and `tan` of float32, up to 5 ulp, from NumPy's values.
- `erfinv(-0.0)` is 0.0 in SciPy and -0.0 compiled.

The derivative of `gauss` (exp(-x**2), which is the derivative of `erf`) is measured where its value is a normal number,
powers where x\\*\\*y and x\\*\\*(y - 1) are.

`add`, `sub`, `mul`, `div`, `sqrt`, `floor`, `ceil`, `trunc`, `rint`, `fmod`, `mod`, `floor_divide`, `copysign`,
`nextafter` and comparisons give NumPy's bits. `lgamma` of positive numbers is within 4 ulp in compiled code and
`digamma` within 6; of negative numbers `digamma` is within 4 ulp of the larger of the terms of the reflection formula,
and `lgamma` as good as the C library. The other functions of [special.md](special.md) call SciPy's and inherit their
accuracy. Their derivatives are compared with mpmath in `tests/test_scipy_special.py`: the relative errors are below
1e-11, and below 1e-10 in shape parameters. Subnormal numbers are neither flushed on input nor on output, and
compiled code is never built with fast-math flags.
"""


def number(error: Error) -> str:
    """An error for the table."""
    return "*" if error.ulps > 100 else f"{error.ulps:.2f}"


def at(error: Error) -> str:
    """Where it is."""
    return ", ".join(f"{x:.6g}" for x in error.where)


def rows(names: Sequence[str], dtype: type) -> list[str]:
    """One line for each derivative: value and derivative, eager and compiled, and the worst points of compiled code."""
    lines = []
    for name in names:
        eager, compiled = (measure(name, dtype, mode) for mode in MODES)
        for k in range(1, len(eager)):
            operand = f" (operand {k})" if len(eager) > 2 else ""
            value = f"{number(eager[0])} | {number(compiled[0])} | {at(compiled[0])}" if k == 1 else " | | "
            slope = f"{number(eager[k])} | {number(compiled[k])} | {at(compiled[k])}"
            lines.append(f"| `{name}`{operand} | {value} | {slope} |")
    return lines


def table(names: Sequence[str], dtype: type) -> str:
    """The Markdown table of one dtype."""
    head = "| | value, eager | value, compiled | worst at | derivative, eager | derivative, compiled | worst at |"
    return "\n".join([head, "|---|" + "--:|--:|---|" * 2, *rows(names, dtype)])


def document() -> str:
    """The whole page."""
    count = len(points("div", np.float64, 1)[0])
    parts = [HEAD.format(pairs=count)]
    for dtype in DTYPES:
        parts.append(f"\n## {dtype.__name__}\n\n{table([*UNARY, *BINARY], dtype)}\n")
    return "".join([*parts, TAIL])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print("\n\n".join(table(sys.argv[1:], dtype) for dtype in DTYPES))
    else:
        TARGET.write_text(document())
