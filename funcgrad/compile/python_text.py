"""Kernels as Python: text that plain Python runs with NumPy scalars, and that Numba compiles to the same meaning.

With this module one can print a kernel's body. Three things keep the two readings equal: constants carry their dtype,
arithmetic of small integers is wrapped back into its dtype (`np.uint32(a + b)`), and what Python would refuse (division
by zero, shifts past the width, conversions out of range) goes through a few helper functions, printed when used.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.scalar import COMPARISONS, Expr, sym
from . import vecmath
from .kernel import CHUNK, Accumulate, Assign, Declare, For, If, Kernel, Store, Update, statements
from .statement_text import ATOM, CHOICE, INFIX, UNARY, Printer, Text, call, infix, subscript

INT64 = np.iinfo(np.int64)
_MATH = ("erf", "erfc")
_SPECIAL = {"erfinv": "special.erfinv", "lgamma": "special.gammaln", "digamma": "special.digamma"}
_NUMPY = ("sqrt", "floor", "ceil", "trunc", "rint", "copysign")
Bounds = tuple[int, int] | None

# Printed before the kernels that use them; {T} is the dtype, {bits} its width.
HELPERS = {
    "quo": '''def quo_{T}(a, b):
    """a / b towards zero; 0 where b is 0."""
    if b == 0:
        return np.{T}(0)
    if b == -1:
        return np.{T}(-a)
    q = np.{T}(a // b)
    return np.{T}(q + 1) if q < 0 and np.{T}(q * b) != a else q''',
    "unsigned_quo": '''def quo_{T}(a, b):
    """a / b towards zero; 0 where b is 0."""
    return np.{T}(a // b) if b != 0 else np.{T}(0)''',
    "rem": '''def rem_{T}(a, b):
    """What a / b towards zero leaves; a where b is 0."""
    return np.{T}(a - np.{T}(quo_{T}(a, b) * b))''',
    "shl": '''def shl_{T}(a, n):
    """a shifted left by n bits; 0 past the width."""
    return np.{T}(a << n) if n >= 0 and n < {bits} else np.{T}(0)''',
    "shr": '''def shr_{T}(a, n):
    """a shifted right by n bits; its sign past the width."""
    return np.{T}(a >> n) if n >= 0 and n < {bits} else np.{T}(0) if a >= 0 else np.{T}(-1)''',
    "unsigned_shr": '''def shr_{T}(a, n):
    """a shifted right by n bits; 0 past the width."""
    return np.{T}(a >> n) if n < {bits} else np.{T}(0)''',
    "to": '''def to_{T}(x):
    """The integer part of x; the nearest integer of the dtype beyond its range, 0 for NaN."""
    if x != x:
        return np.{T}(0)
    if x <= {low}:
        return np.{T}({minimum})
    return np.{T}({maximum}) if x >= {high} else np.{T}(x)''',
    "fma": '''def fma_{T}(a, b, c):
    """a * b + c."""
    return a * b + c''',
}


def helper(kind: str, dtype: np.dtype) -> str:
    """The text of a helper function for a dtype."""
    if dtype.kind not in "iu":
        return HELPERS[kind].format(T=dtype.name)
    info = np.iinfo(dtype)
    return HELPERS[kind].format(
        T=dtype.name,
        bits=info.bits,
        minimum=info.min,
        maximum=info.max,
        low=f"{float(info.min)!r}",
        high=f"{float(info.max)!r}",
    )


class PythonPrinter(Printer):
    """The Python text of one kernel.

    Args:
        kernel: what to print.
        helpers: name -> text of the helper functions used so far; the printer adds to them.
        compilable: print the few functions that only SciPy has as their expansions, which Numba can compile.
    """

    declare_temporary = "{name} = {value}"

    def __init__(self, kernel: Kernel, helpers: dict[str, str], compilable: bool = False) -> None:
        super().__init__(kernel)
        self.helpers, self.compilable = helpers, compilable
        self.loops = {s.sym: s.count for s in statements(kernel.body) if isinstance(s, For)}
        self._bounds: dict[Expr, Bounds] = {}

    # -- statements

    def write(self, s: Any) -> None:
        """One statement."""
        if isinstance(s, For):
            part = f"{CHUNK} * {s.grain}, min({CHUNK} * {s.grain} + {s.grain}, {s.count})"
            self.nested(f"for {s.sym} in range({part if s.grain else s.count}):", s.body)
        elif isinstance(s, If):
            self.nested(f"if {self.value(s.condition).text}:", s.body)
        elif isinstance(s, Store):
            value = self.value(s.value)
            self.line(f"{self.element(s.buffer, s.index)} = {value.text}")
        elif isinstance(s, Accumulate):
            value = self.value(s.value)
            self.combine(self.element(s.buffer, s.index), s.combine, s.value.dtype, value)
        elif isinstance(s, Declare):
            self.line(f"{s.sym} = {self.retyped(s.value, self.initial(s.sym, s.value)).text}")
        elif isinstance(s, Update):
            self.combine(s.sym, s.combine, s.value.dtype, self.value(s.value))
        elif isinstance(s, Assign):
            self.line(f"{', '.join(s.syms)} = {', '.join(self.value(v).text for v in s.values)}")

    def combine(self, target: str, op: str, dtype: np.dtype, value: Text) -> None:
        """`target += value`, or the long form where Python's operator would not do."""
        op = {"add": "or", "mul": "and"}.get(op, op) if dtype.kind == "b" else op
        if op in INFIX and not _is_small(dtype):
            self.line(f"{target} {INFIX[op][0]}= {value.text}")
        else:
            self.line(f"{target} = {self.operation(op, dtype, [Text(target), value]).text}")

    # -- expressions

    def format(self, e: Expr, operands: list[Text]) -> Text:
        """One node, its operands given."""
        op, dtype = e.op, e.dtype
        if op == "const":
            return self.constant(e.args[0], dtype)
        if op == "sym":
            return Text(e.args[0])
        if op == "load":
            return subscript(e.args[0], operands)
        if op == "convert":
            return self.convert(e.args[0], operands[0], dtype)
        if op == "bitcast":
            return Text(f"np.{e.args[0].dtype.name}({operands[0].text}).view(np.{dtype.name})")
        if op == "select":
            condition, a, b = operands[0], *[self.retyped(x, o) for x, o in zip(e.args[1:], operands[1:])]
            return Text(f"{a.within(CHOICE + 1)} if {condition.within(CHOICE + 1)} else {b.within(CHOICE)}", CHOICE)
        if op == "library":
            return self.function(e.args[0], dtype, operands)
        if op == "foreign":
            self.helpers.setdefault(e.args[0], f'{e.args[0]} = FOREIGN["{e.args[0]}"]')
            return Text(f"np.{dtype.name}({call(e.args[0], *operands).text})")
        if op == "beyond":
            exact, limit = self.function(e.args[0], dtype, operands[:1]).text, e.args[1]
            return Text(f"{exact} if abs({operands[0].text}) > {limit} else {operands[1].within(CHOICE)}", CHOICE)
        if dtype == np.int64 and self.is_index(e):
            return self.index_arithmetic(e, operands)
        if op in COMPARISONS:
            return infix(op, *operands)
        if op == "and" and dtype.kind == "b" and any(o.text == "True" for o in operands):
            return operands[0] if operands[1].text == "True" else operands[1]
        if all(a.op == "const" or self.is_index(a) for a in e.args):
            operands = [self.retyped(e.args[0], operands[0]), *operands[1:]]
        return self.operation(op, dtype, operands, e.args[-1])

    def operation(self, op: str, dtype: np.dtype, operands: list[Text], last: Expr | None = None) -> Text:
        """An instruction or a function of operands of one dtype."""
        if dtype.kind == "b":
            op = {"add": "or", "mul": "and", "minimum": "and", "maximum": "or"}.get(op, op)
        if op == "not":
            return (
                Text(f"not {operands[0].within(UNARY)}", CHOICE + 1)
                if dtype.kind == "b"
                else self.wrapped(Text("~" + operands[0].within(UNARY), UNARY), dtype)
            )
        if op == "neg":
            negated = (
                Text("-" + operands[0].within(UNARY), UNARY)
                if dtype.kind != "u"
                else infix("sub", self.constant(0, dtype), operands[0])
            )
            return self.wrapped(negated, dtype)
        if op == "abs":
            return operands[0] if dtype.kind in "ub" else self.wrapped(call("abs", *operands), dtype)
        if op in ("minimum", "maximum"):
            return call(f"np.{op}" if dtype.kind == "f" else op[:3], *operands)
        if op in ("quo", "rem"):
            return self.divide(op, dtype, operands)
        if op in ("shl", "shr") and not (
            last is not None and last.op == "const" and 0 <= last.args[0] < 8 * dtype.itemsize
        ):
            return call(self.use(("unsigned_" if dtype.kind == "u" and op == "shr" else "") + op, op, dtype), *operands)
        if op == "fma":
            return call(self.use("fma", "fma", dtype), *operands)
        if op in INFIX:
            return self.wrapped(infix(op, *operands), dtype)
        if op in _NUMPY:
            return operands[0] if dtype.kind in "iub" else call(f"np.{op}", *operands)
        return self.function(op, dtype, operands)

    def function(self, name: str, dtype: np.dtype, operands: list[Text]) -> Text:
        """A function of `core.scalar.FUNCTIONS`."""
        if name in _MATH or (name == "lgamma" and self.compilable):
            return Text(f"np.{dtype.name}(math.{name}({operands[0].text}))")
        if name in _SPECIAL and self.compilable:
            return call(self.use_expansion(name, dtype), *operands)
        return call(_SPECIAL.get(name, f"np.{name}"), *operands)

    def divide(self, op: str, dtype: np.dtype, operands: list[Text]) -> Text:
        """Integer division and remainder towards zero; the C remainder of floats."""
        if dtype.kind == "f":
            return call("np.fmod", *operands)
        name = self.use("unsigned_quo" if dtype.kind == "u" else "quo", "quo", dtype)
        return call(name if op == "quo" else self.use("rem", "rem", dtype), *operands)

    def constant(self, value: Any, dtype: np.dtype) -> Text:
        """A number. Python's own int, float and bool stand for int64, float64 and bool; others carry their dtype."""
        text = str(dtype.type(value)).replace("inf", "np.inf").replace("nan", "np.nan")
        if dtype in (np.float64, np.int64, np.bool_):
            return Text(text, UNARY if text.startswith("-") else ATOM)
        return Text(f"np.{dtype.name}({text})")

    def retyped(self, e: Expr, text: Text) -> Text:
        """The text of `e` as a NumPy scalar: Python's own, of constants and counters, raise when divided by zero."""
        bare = (e.op == "const" and e.dtype in (np.float64, np.int64)) or (e.op != "const" and self.is_index(e))
        return Text(f"np.{e.dtype.name}({text.text})") if bare else text

    def wrapped(self, text: Text, dtype: np.dtype) -> Text:
        """Arithmetic of small integers, which Numba does in 64 bits, back in its dtype."""
        return Text(f"np.{dtype.name}({text.text})") if _is_small(dtype) else text

    def convert(self, e: Expr, text: Text, dtype: np.dtype) -> Text:
        """NumPy's `astype`, saturating from floats to integers."""
        if dtype.kind == "b":
            return infix("ne", text, self.constant(e.dtype.type(0), e.dtype))
        if e.dtype.kind == "f" and dtype.kind in "iu":
            return call(self.use("to", "to", dtype), text)
        bounds = self.bounds(e)
        if (
            dtype.kind in "iu"
            and bounds
            and not (np.iinfo(dtype).min <= bounds[0] and bounds[1] <= np.iinfo(dtype).max)
        ):
            text = Text(f"np.int64({text.text})")  # a Python int out of range would be refused
        return Text(f"np.{dtype.name}({text.text})")

    # -- index arithmetic: loop counters are Python's integers, small and never negative

    def is_index(self, e: Expr) -> bool:
        """Whether an int64 expression is made of loop counters and constants, and stays in range."""
        bounds = self.bounds(e) if e.dtype == np.int64 else None
        return bounds is not None and INT64.min <= bounds[0] and bounds[1] <= INT64.max

    def index_arithmetic(self, e: Expr, operands: list[Text]) -> Text:
        """Plain Python integers: `//` and `%` agree with division towards zero, as nothing is negative."""
        a, b = operands
        if e.op == "add" and e.args[1].op == "const" and e.args[1].args[0] < 0:
            return infix("sub", a, Text(str(-int(e.args[1].args[0]))))
        return call(e.op[:3], a, b) if e.op in ("minimum", "maximum") else infix(e.op, a, b)

    def bounds(self, e: Expr) -> Bounds:
        """The least and greatest value of index arithmetic; None for all other expressions."""
        if e not in self._bounds:
            self._bounds[e] = self._compute_bounds(e)
        return self._bounds[e]

    def _compute_bounds(self, e: Expr) -> Bounds:
        if e.dtype != np.int64:
            return None
        if e.op == "const":
            return int(e.args[0]), int(e.args[0])
        if e.op == "sym":
            return (0, self.loops[e.args[0]] - 1) if e.args[0] in self.loops else None
        operands = [self.bounds(a) for a in e.args if isinstance(a, Expr)]
        if len(operands) != 2 or None in operands or e.op == "load":
            return None
        (a, b), (c, d) = operands  # type: ignore[misc]
        if e.op in ("quo", "rem"):
            if a < 0 or c != d or c <= 0:
                return None
            return (a // c, b // c) if e.op == "quo" else (0, min(b, c - 1))
        products = [x * y for x in (a, b) for y in (c, d)]
        return {"add": (a + c, b + d), "sub": (a - d, b - c), "mul": (min(products), max(products)),
                "minimum": (min(a, c), min(b, d)), "maximum": (max(a, c), max(b, d))}.get(e.op)  # fmt: skip

    # -- helper functions

    def use(self, kind: str, op: str, dtype: np.dtype) -> str:
        """The name of a helper, which is printed from now on."""
        name = f"{op}_{dtype.name}"
        self.helpers.setdefault(name, helper(kind, dtype))
        return name

    def use_expansion(self, function: str, dtype: np.dtype) -> str:
        """The name of a helper that computes a math function as compiled code does."""
        name = f"{function}_{dtype.name}"
        if name not in self.helpers:
            expansion = vecmath.expand(Expr(function, (sym("x", dtype),), dtype))
            printer = PythonPrinter(Kernel([], []), self.helpers, True)
            body = [Store("result", (), expansion)]
            printer.block(body)
            lines = [line.replace("result[()] = ", "return ") for line in printer.lines]
            self.helpers[name] = "\n".join([f"def {name}(x):", *lines])
        return name


def _is_small(dtype: np.dtype) -> bool:
    return dtype.kind in "iu" and dtype not in (np.int64, np.uint64)
