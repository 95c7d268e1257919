"""Scalar expressions: what one element of an array costs to compute, as a small typed tree.

With this module one can build, evaluate and print the scalar programs inside a loop nest. An elementwise op declares
its meaning as a Python function from `Expr` to `Expr` (`scalar=lambda x: 1 / (1 + exp(-x))`); the compiler walks the
resulting tree to emit LLVM, the source printer walks it to emit Python, and `evaluate` walks it with NumPy, which is
the oracle.

    expr ::= const | sym | load buffer[expr, ...] | op expr ...
    op   ::= an entry of INSTRUCTIONS (one machine instruction or so) | a math function of FUNCTIONS (expanded by
      vecmath)
           | convert | bitcast
           | beyond name limit control expr expr ...  (the last but a rare call of the C library's function)
           | foreign symbol expr ...  (a function from elsewhere, by the name of its address)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar
from weakref import WeakValueDictionary

import numpy as np

# Instructions: name -> NumPy meaning. All operands of one instruction have one dtype; comparisons give bool.
INSTRUCTIONS: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.true_divide, "neg": np.negative,
    "abs": np.abs, "sqrt": np.sqrt, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "rint": np.rint,
    "copysign": np.copysign, "minimum": np.minimum, "maximum": np.maximum,
    "fma": lambda a, b, c: _fma(a, b, c),
    "quo": lambda a, b: _quotient(a, b),  # integer division, towards zero; 0 where the divisor is 0
    "rem": lambda a, b: a - _quotient(a, b) * b,  # integer remainder with the sign of a
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor, "not": np.invert,
    "shl": np.left_shift, "shr": np.right_shift,  # arithmetic for signed, logical for unsigned; shift < width
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
    "select": np.where,
}  # fmt: skip
COMPARISONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne"})

# Math functions: name -> NumPy meaning. vecmath turns each into instructions.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log2": np.log2, "log10": np.log10, "log1p":
    np.log1p,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "arcsin": np.arcsin, "arccos": np.arccos, "arctan": np.arctan,
    "arctan2": np.arctan2, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "arcsinh": np.arcsinh,
    "arccosh": np.arccosh, "arctanh": np.arctanh, "power": np.power, "cbrt": np.cbrt, "hypot": np.hypot,
    "fmod": np.fmod,
    "gauss": lambda x: np.exp(-np.square(x)),
    "erf": lambda x: _special("erf", x), "erfc": lambda x: _special("erfc", x), "erfinv": lambda x: _special("erfinv", x),  # noqa: E501
    "lgamma": lambda x: _special("gammaln", x), "digamma": lambda x: _special("digamma", x),
}  # fmt: skip


# Functions from elsewhere (users', SciPy's): symbol -> NumPy meaning. The linker is told where their machine code is.
FOREIGN: dict[str, Callable[..., Any]] = {}


class Expr:
    """One node: an op name, operand nodes (or, for leaves, plain data) and the dtype of the value.

    Nodes are interned: equal expressions are the same object, so a shared subexpression is computed once, and
    identity decides equality.
    """

    __slots__ = ("__weakref__", "args", "dtype", "op")
    _interned: ClassVar[WeakValueDictionary] = WeakValueDictionary()

    def __new__(cls, op: str, args: tuple, dtype: Any) -> Expr:
        dtype = np.dtype(dtype)
        # Operand ids stay valid while the node lives, because the node holds its operands.
        key = (
            op,
            dtype,
            *[id(a) if type(a) is Expr else a.tobytes() if isinstance(a, np.generic) else a for a in args],
        )
        node = cls._interned.get(key)
        if node is None:
            node = object.__new__(cls)
            node.op, node.args, node.dtype = op, args, dtype
            cls._interned[key] = node
        return node

    def __repr__(self) -> str:
        return f"Expr({self.op}: {self.dtype})"  # not its operands: a shared tree prints exponentially long

    def __add__(self, other):
        return instruction("add", self, other)

    def __radd__(self, other):
        return instruction("add", other, self)

    def __sub__(self, other):
        return instruction("sub", self, other)

    def __rsub__(self, other):
        return instruction("sub", other, self)

    def __mul__(self, other):
        return instruction("mul", self, other)

    def __rmul__(self, other):
        return instruction("mul", other, self)

    def __truediv__(self, other):
        return instruction("div", self, other)

    def __rtruediv__(self, other):
        return instruction("div", other, self)

    def __neg__(self):
        return instruction("neg", self)

    def __abs__(self):
        return instruction("abs", self)

    def __and__(self, other):
        return instruction("and", self, other)

    def __or__(self, other):
        return instruction("or", self, other)

    def __xor__(self, other):
        return instruction("xor", self, other)

    def __invert__(self):
        return instruction("not", self)

    def __lshift__(self, other):
        return instruction("shl", self, other)

    def __rshift__(self, other):
        return instruction("shr", self, other)

    def __lt__(self, other):
        return instruction("lt", self, other)

    def __le__(self, other):
        return instruction("le", self, other)

    def __gt__(self, other):
        return instruction("gt", self, other)

    def __ge__(self, other):
        return instruction("ge", self, other)

    # fmt: off
    # `==` stays identity so that nodes can be dictionary keys; write eq(a, b) and ne(a, b).


def const(value: Any, dtype: Any) -> Expr:
    """A constant of the given dtype; floats may be inf or nan."""
    return Expr("const", (np.dtype(dtype).type(value),), dtype)


def sym(name: str, dtype: Any) -> Expr:
    """A named value bound by the surrounding program: an operand, a loop symbol, a let."""
    return Expr("sym", (name,), dtype)


def _operands(args: tuple) -> list[Expr]:
    """Give plain numbers the dtype of the first Expr among the operands."""
    dtype = next(a.dtype for a in args if isinstance(a, Expr))
    return [a if isinstance(a, Expr) else const(a, dtype) for a in args]


def instruction(op: str, *args: Any) -> Expr:
    """Apply an instruction or math function; plain numbers take the dtype of the Expr operands."""
    exprs = _operands(args)
    if len({e.dtype for e in exprs}) > 1:
        raise TypeError(f"scalar {op}: operands have different dtypes {[str(e.dtype) for e in exprs]}")
    if exprs[0].dtype == np.int64 and len(exprs) == 2:
        folded = _fold_index(op, *exprs)
        if folded is not None:
            return folded
    return Expr(op, tuple(exprs), np.bool_ if op in COMPARISONS else exprs[0].dtype)


def _fold_index(op: str, a: Expr, b: Expr) -> Expr | None:
    """Index arithmetic with constants, so that kernels print as one would write them: i*1+0 is i."""
    left, right = (int(e.args[0]) if e.op == "const" else None for e in (a, b))
    if left is not None and right is not None:
        value = _FOLD[op](left, right) if op in _FOLD and not (op in ("quo", "rem") and right <= 0) else None
        return (
            None if value is None or not -(2**63) <= value < 2**63 else const(value, a.dtype)
        )  # beyond: left to the machine
    if left is not None and op in ("add", "mul"):
        a, b, left, right = b, a, right, left
    if right == 0 and op in ("add", "sub") or right == 1 and op in ("mul", "quo"):
        return a
    if right == 0 and op == "mul" or right == 1 and op == "rem":
        return const(0, a.dtype)
    return None


_FOLD: dict[str, Callable[[int, int], int]] = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "quo": lambda a, b: abs(a) // b * (1 if a >= 0 else -1),  # noqa: E501
    "rem": lambda a, b: abs(a) % b * (1 if a >= 0 else -1), "minimum": min, "maximum": max,
}  # fmt: skip


def select(condition: Expr, on_true: Any, on_false: Any) -> Expr:
    """`on_true` where the bool `condition` holds, else `on_false`; both are computed."""
    a, b = _operands((on_true, on_false))
    if a.dtype != b.dtype or condition.dtype != np.bool_:
        raise TypeError(f"scalar select: got {condition.dtype}, {a.dtype}, {b.dtype}")
    if condition.op == "const":
        return a if condition.args[0] else b
    return Expr("select", (condition, a, b), a.dtype)


def convert(x: Expr, dtype: Any) -> Expr:
    """NumPy `astype` for one element; the identity when the dtype already fits."""
    return x if x.dtype == np.dtype(dtype) else Expr("convert", (x,), dtype)


def bitcast(x: Expr, dtype: Any) -> Expr:
    """The same bits read as another dtype of equal width."""
    return Expr("bitcast", (x,), dtype)


def load(buffer: str, index: tuple[Expr, ...], dtype: Any) -> Expr:
    """The element of a named buffer at an index of int64 expressions."""
    return Expr("load", (buffer, *index), dtype)


def fma(a: Any, b: Any, c: Any) -> Expr:
    """`a * b + c` with one rounding where the machine can, two where it cannot."""
    return instruction("fma", a, b, c)


def foreign(symbol: str, dtype: Any, *args: Expr) -> Expr:
    """A call of a function of `FOREIGN`, whose operands and result have the dtypes of its machine code."""
    return Expr("foreign", (symbol, *args), dtype)


def beyond(name: str, limit: float, control: Expr, value: Expr, *args: Expr) -> Expr:
    """`value`, but the C library's `name(*args)` where |control| > limit: a rare path inside vectorized loops."""
    return Expr("beyond", (name, limit, control, value, *args), value.dtype)


def _named(op: str) -> Callable[..., Expr]:
    def apply(*args: Any) -> Expr:
        return instruction(op, *args)

    apply.__name__ = apply.__qualname__ = op
    apply.__doc__ = f"The scalar `{op}`."
    return apply


eq, ne, minimum, maximum = _named("eq"), _named("ne"), _named("minimum"), _named("maximum")
sqrt, floor, ceil, trunc, rint, copysign = map(_named, ("sqrt", "floor", "ceil", "trunc", "rint", "copysign"))
quo, rem = _named("quo"), _named("rem")
exp, exp2, expm1, log, log2, log10, log1p = map(_named, ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p"))
sin, cos, tan, arcsin, arccos, arctan, arctan2 = map(
    _named, ("sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2")
)
sinh, cosh, tanh, arcsinh, arccosh, arctanh = map(_named, ("sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh"))
power, cbrt, hypot, fmod, gauss, erf, erfc, erfinv, lgamma, digamma = map(
    _named, ("power", "cbrt", "hypot", "fmod", "gauss", "erf", "erfc", "erfinv", "lgamma", "digamma")
)


def evaluate(expr: Expr, env: dict[str, Any]) -> Any:
    """The NumPy meaning of an expression; `env` binds syms to arrays (and buffers to arrays, for loads)."""
    memo: dict[int, Any] = {}

    def value(e: Expr) -> Any:
        if id(e) not in memo:
            memo[id(e)] = compute(e)
        return memo[id(e)]

    def compute(e: Expr) -> Any:
        if e.op == "const":
            return e.args[0]
        if e.op == "sym":
            return env[e.args[0]]
        if e.op == "load":
            return env[e.args[0]][tuple(value(i) for i in e.args[1:])]
        operands = [np.asarray(value(a)) for a in e.args if isinstance(a, Expr)]
        if e.op == "convert":
            return operands[0].astype(e.dtype)
        if e.op == "bitcast":
            return operands[0].view(e.dtype)
        if e.op == "foreign":
            return np.asarray(FOREIGN[e.args[0]](*operands)).astype(e.dtype, copy=False)
        if e.op == "beyond":
            control, result, *args = operands
            return np.where(np.abs(control) > e.args[1], FUNCTIONS[e.args[0]](*args), result)
        return np.asarray((INSTRUCTIONS.get(e.op) or FUNCTIONS[e.op])(*operands)).astype(e.dtype, copy=False)

    with np.errstate(all="ignore"):
        return value(expr)


def _fma(a: Any, b: Any, c: Any) -> Any:
    """a * b + c through a wider format: exact product for float32, almost always one rounding for float64."""
    wide = np.float64 if a.dtype == np.float32 else np.longdouble
    return (a.astype(wide) * b.astype(wide) + c.astype(wide)).astype(a.dtype)


def _quotient(a: Any, b: Any) -> Any:
    safe = np.where(b == 0, np.ones_like(b), b)
    floor_quotient = a // safe
    inexact = (floor_quotient * safe != a) & ((a < 0) != (safe < 0))
    return np.where(b == 0, np.zeros_like(a), floor_quotient + inexact.astype(a.dtype))


def _special(name: str, x: Any) -> Any:
    import scipy.special  # only the oracle needs SciPy, and only for these

    return getattr(scipy.special, name)(x)
