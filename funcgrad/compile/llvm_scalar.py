"""Emit scalar expressions as LLVM IR text, one SSA value per distinct computation.

With this module one can turn an `Expr` into lines of LLVM text: bind the syms a loop body provides, ask for the operand
of an expression, and fold values into an accumulator such that the loop vectorizer still vectorizes the reduction.
Nothing has undefined behaviour: division by zero, shifts past the width, conversions out of range all have a value.

    lines, declarations = [], {}
    emitter = ScalarEmitter(lines, fresh, declarations, load)
    emitter.bind("x", "%x", np.float64)
    operand = emitter.value(exp(sym("x", np.float64)) + 1)    # appends to `lines`

The texts in `declarations.values()` belong at module level, each once.

A bool is an `i1` here; memory holds it as `i8`, which is the business of the `load` callback and of whoever stores.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.scalar import COMPARISONS, FUNCTIONS, Expr, sym
from . import vecmath
from .llvm_division import narrow_quotient, wide_quotient
from .llvm_libm import declare_beyond
from .llvm_text import intrinsic_suffix, llvm_constant, llvm_type
from .scipy_library import define_scipy_symbols

_INTRINSICS = {
    "sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "rint": "rint", "copysign": "copysign",
    "fma": "fma", "abs": "fabs",
}  # fmt: skip
_FLOAT_BINARY = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
_INT_BINARY = {"add": "add", "sub": "sub", "mul": "mul", "and": "and", "or": "or", "xor": "xor"}
_BOOL_BINARY = {"add": "or", "mul": "and", "minimum": "and", "maximum": "or", "and": "and", "or": "or", "xor": "xor"}


class ScalarEmitter:
    """Appends LLVM text for expressions to `lines`; one emitter per scope (a basic block or a loop body).

    Args:
        lines: the text under construction.
        fresh: gives a new SSA name such as `%v7` at every call.
        declarations: symbol -> module-level text this code needs (intrinsics, libm); the caller prints the values once.
        load: emits the load of a `load` node, given the node and the operands of its index, and returns the operand.
        parent: the emitter of the enclosing scope, whose values dominate this one.
        outlined: for a math function, the symbol to call and the attributes of the call, or None to expand it here.
    """

    def __init__(
        self,
        lines: list[str],
        fresh: Callable[[], str],
        declarations: dict[str, str],
        load: Callable[[Expr, list[str]], str],
        parent: ScalarEmitter | None = None,
        outlined: Callable[[Expr], tuple[str, str] | None] | None = None,
    ) -> None:
        self.lines, self.fresh, self.declarations, self.load = lines, fresh, declarations, load
        self.parent, self.outlined = parent, outlined
        self._syms: dict[str, tuple[str, np.dtype]] = {}
        self._operands: dict[Expr, str] = {}  # keyed by the node itself, which keeps it alive
        self._texts: dict[str, str] = {}  # right-hand side -> operand: equal computations are emitted once
        self._expansions: dict[Expr, Expr] = {}

    def bind(self, name: str, operand: str, dtype: Any) -> None:
        """Let the sym `name` mean an SSA operand in this scope and its children."""
        self._syms[name] = (operand, np.dtype(dtype))
        self._operands[sym(name, dtype)] = operand  # hides what an enclosing scope remembers of an older value

    def value(self, expr: Expr) -> str:
        """Emit what is missing of `expr` and return its operand (an SSA name or a literal).

        A load counts as computed like everything else: after a store to its buffer, continue in a new child scope that
        has not seen it, or bind the stored value.
        """
        stack = [expr]
        while stack:  # explicit, since fused expressions nest deeper than Python's recursion limit
            node = stack[-1]
            missing = [] if self._find(node) else self._missing(node)
            if missing:
                stack.extend(reversed(missing))
                continue
            stack.pop()
            if self._find(node) is None:
                self._operands[node] = self._compute(node)
        return self._find(expr)  # type: ignore[return-value]

    def accumulate(self, op: str, accumulator: str, value: str, dtype: Any) -> str:
        """Emit `accumulator op value` for a reduction and return the operand of the new accumulator.

        Floating sums and products may be reassociated, which is what lets the loop vectorizer keep partial results.
        """
        dtype = np.dtype(dtype)
        kind = llvm_type(dtype)
        if dtype.kind == "f" and op in ("add", "mul"):
            return self.emit(f"f{op} reassoc nsz contract {kind} {accumulator}, {value}")
        if dtype.kind == "f" and op in ("minimum", "maximum"):
            return self.call(op, dtype, accumulator, value)
        return self._binary(op, dtype, [accumulator, value])

    def emit(self, text: str) -> str:
        """Append `name = text` unless an equal line already dominates, and return the name."""
        scope: ScalarEmitter | None = self
        while scope is not None:
            if text in scope._texts:
                return scope._texts[text]
            scope = scope.parent
        name = self._texts[text] = self.fresh()
        self.lines.append(f"{name} = {text}")
        return name

    def call(self, intrinsic: str, dtype: Any, *operands: str) -> str:
        """Emit a call of an LLVM intrinsic whose operands and result have one dtype."""
        kind = llvm_type(dtype)
        name = f"@llvm.{intrinsic}.{intrinsic_suffix(dtype)}"
        self.declarations[name] = f"declare {kind} {name}({', '.join([kind] * len(operands))})"
        return self.emit(f"call {kind} {name}({', '.join(f'{kind} {o}' for o in operands)})")

    def _find(self, node: Expr) -> str | None:
        scope: ScalarEmitter | None = self
        while scope is not None:
            if node in scope._operands:
                return scope._operands[node]
            scope = scope.parent
        return None

    def _missing(self, node: Expr) -> list[Expr]:
        """The nodes to emit before this one; a math function waits for its arguments, then for its expansion."""
        missing = [a for a in node.args if isinstance(a, Expr) and self._find(a) is None]
        if not missing and node.op in FUNCTIONS and self._outlined(node) is None:
            expansion = self._expansions.get(node)
            if expansion is None:
                expansion = self._expansions[node] = vecmath.expand(node)
            missing = [] if self._find(expansion) else [expansion]
        return missing

    def _compute(self, node: Expr) -> str:
        op, dtype = node.op, node.dtype
        if op == "const":
            return llvm_constant(node.args[0], dtype)
        if op == "sym":
            return self._sym(node)
        if op in FUNCTIONS and self._outlined(node) is None:
            return self._find(self._expansions[node])  # type: ignore[return-value]
        operands = [self._find(a) for a in node.args if isinstance(a, Expr)]
        if op in FUNCTIONS:
            symbol, attributes = self._outlined(node)  # type: ignore[misc]
            arguments = ", ".join(f"{llvm_type(dtype)} {o}" for o in operands)
            return self.emit(f"call {llvm_type(dtype)} {symbol}({arguments}) {attributes}")
        if op == "load":
            return self.load(node, operands)  # type: ignore[arg-type]
        if op == "convert":
            return self._convert(operands[0], node.args[0].dtype, dtype)  # type: ignore[arg-type]
        if op == "bitcast":
            return self._bitcast(operands[0], node.args[0].dtype, dtype)  # type: ignore[arg-type]
        if op == "beyond":
            return self._beyond(node, operands)  # type: ignore[arg-type]
        if op == "foreign":
            return self._foreign(node, operands)  # type: ignore[arg-type]
        if op in COMPARISONS:
            return self._compare(op, node.args[0].dtype, operands)  # type: ignore[arg-type]
        if op == "select":
            kind = llvm_type(dtype)
            return self.emit(f"select i1 {operands[0]}, {kind} {operands[1]}, {kind} {operands[2]}")
        if len(operands) == 2:
            return self._binary(op, dtype, operands)  # type: ignore[arg-type]
        return self._instruction(op, dtype, operands)  # type: ignore[arg-type]

    def _outlined(self, node: Expr) -> tuple[str, str] | None:
        return self.outlined(node) if self.outlined is not None else None

    def _sym(self, node: Expr) -> str:
        scope: ScalarEmitter | None = self
        while scope is not None:
            if node.args[0] in scope._syms:
                operand, dtype = scope._syms[node.args[0]]
                if dtype != node.dtype:
                    raise TypeError(f"sym {node.args[0]} is bound as {dtype} and used as {node.dtype}")
                return operand
            scope = scope.parent
        raise KeyError(f"sym {node.args[0]} is not bound in this scope")

    def _instruction(self, op: str, dtype: np.dtype, operands: list[str]) -> str:
        """The instructions with one operand, and fma."""
        kind = llvm_type(dtype)
        if op == "not" and dtype.kind != "f":
            return self.emit(f"xor {kind} {operands[0]}, {'true' if dtype.kind == 'b' else '-1'}")
        if dtype.kind == "f" and op == "neg":
            return self.emit(f"fneg {kind} {operands[0]}")
        if dtype.kind == "f" and op in _INTRINSICS:
            return self.call(_INTRINSICS[op], dtype, *operands)
        if dtype.kind in "iu" and op == "neg":
            return self.emit(f"sub {kind} 0, {operands[0]}")
        if dtype.kind == "i" and op == "abs":
            name = f"@llvm.abs.{kind}"
            self.declarations[name] = f"declare {kind} {name}({kind}, i1)"
            return self.emit(f"call {kind} {name}({kind} {operands[0]}, i1 false)")
        if (dtype.kind, op) in {("u", "abs"), ("b", "abs")} or (
            dtype.kind in "iub" and op in ("floor", "ceil", "trunc")
        ):
            return operands[0]
        raise TypeError(f"no instruction {op} for {dtype}")

    def _binary(self, op: str, dtype: np.dtype, operands: list[str]) -> str:
        kind, (a, b) = llvm_type(dtype), operands
        table = {"f": _FLOAT_BINARY, "b": _BOOL_BINARY}.get(dtype.kind, _INT_BINARY)
        if op in table:
            return self.emit(f"{table[op]} {kind} {a}, {b}")
        if op in ("minimum", "maximum"):
            return self._extremum(op, dtype, a, b)
        if dtype.kind == "f" and op == "copysign":
            return self.call("copysign", dtype, a, b)
        if dtype.kind in "iu" and op in ("quo", "rem"):
            return self._divide(op, dtype, a, b)
        if dtype.kind in "iu" and op in ("shl", "shr"):
            return self._shift(op, dtype, a, b)
        raise TypeError(f"no instruction {op} for {dtype}")

    def _extremum(self, op: str, dtype: np.dtype, a: str, b: str) -> str:
        if dtype.kind != "f":
            return self.call(("s" if dtype.kind == "i" else "u") + op[:3], dtype, a, b)
        # Two selects rather than llvm.minimum: the first is one machine min, and the sign of zero need not be ordered.
        kind = llvm_type(dtype)
        less = self.emit(f"fcmp {'olt' if op == 'minimum' else 'ogt'} {kind} {a}, {b}")
        extremum = self.emit(f"select i1 {less}, {kind} {a}, {kind} {b}")
        is_nan = self.emit(f"fcmp uno {kind} {a}, {llvm_constant(0, dtype)}")
        return self.emit(f"select i1 {is_nan}, {kind} {a}, {kind} {extremum}")

    def _divide(self, op: str, dtype: np.dtype, a: str, b: str) -> str:
        """a / b towards zero, 0 for b = 0 (and then the remainder is a), wrapping for INT_MIN / -1."""
        kind, prefix = llvm_type(dtype), "s" if dtype.kind == "i" else "u"
        if b.lstrip("-").isdigit() and b not in ("0", "-1"):
            return self.emit(f"{prefix}{'div' if op == 'quo' else 'rem'} {kind} {a}, {b}")
        quotient = self._quotient(dtype, a, b)
        return quotient if op == "quo" else self.emit(f"sub {kind} {a}, {self.emit(f'mul {kind} {quotient}, {b}')}")

    def _quotient(self, dtype: np.dtype, a: str, b: str) -> str:
        if dtype.itemsize == 8:
            return wide_quotient(self.declarations, dtype, a, b, self.emit)
        kind = llvm_type(dtype)
        zero = unsafe = self.emit(f"icmp eq {kind} {b}, 0")
        if dtype.kind == "i":
            lowest = self.emit(f"icmp eq {kind} {a}, {np.iinfo(dtype).min}")
            minus_one = self.emit(f"icmp eq {kind} {b}, -1")
            unsafe = self.emit(f"or i1 {zero}, {self.emit(f'and i1 {lowest}, {minus_one}')}")
        divisor = self.emit(f"select i1 {unsafe}, {kind} 1, {kind} {b}")
        quotient = narrow_quotient(dtype, a, divisor, self.emit)
        return self.emit(f"select i1 {zero}, {kind} 0, {kind} {quotient}")

    def _shift(self, op: str, dtype: np.dtype, a: str, b: str) -> str:
        """Shifts past the width give what shifting one by one would: zero, or the sign."""
        kind, width = llvm_type(dtype), 8 * dtype.itemsize
        machine = {"shl": "shl", "shr": "ashr" if dtype.kind == "i" else "lshr"}[op]
        if b.isdigit() and int(b) < width:
            return self.emit(f"{machine} {kind} {a}, {b}")
        inside = self.emit(f"icmp ult {kind} {b}, {width}")
        amount = self.emit(f"select i1 {inside}, {kind} {b}, {kind} {width - 1}")
        shifted = self.emit(f"{machine} {kind} {a}, {amount}")
        return shifted if machine == "ashr" else self.emit(f"select i1 {inside}, {kind} {shifted}, {kind} 0")

    def _compare(self, op: str, dtype: np.dtype, operands: list[str]) -> str:
        kind = llvm_type(dtype)
        if dtype.kind == "f":
            return self.emit(f"fcmp {'u' if op == 'ne' else 'o'}{op} {kind} {operands[0]}, {operands[1]}")
        sign = "" if op in ("eq", "ne") else "s" if dtype.kind == "i" else "u"
        return self.emit(f"icmp {sign}{op} {kind} {operands[0]}, {operands[1]}")

    def _convert(self, operand: str, source: np.dtype, target: np.dtype) -> str:
        a, b = llvm_type(source), llvm_type(target)
        if source == target:
            return operand
        if target.kind == "b":
            compare = f"fcmp une {a} {operand}, {llvm_constant(0, source)}"
            return self.emit(compare if source.kind == "f" else f"icmp ne {a} {operand}, 0")
        if source.kind == "f" and target.kind == "f":
            return self.emit(f"{'fpext' if target.itemsize > source.itemsize else 'fptrunc'} {a} {operand} to {b}")
        if target.kind == "f" and source.kind == "b":  # a masked move; the conversion would take five instructions
            one, zero = llvm_constant(1, target), llvm_constant(0, target)
            return self.emit(f"select i1 {operand}, {b} {one}, {b} {zero}")
        if target.kind == "f":
            return self.emit(f"{'sitofp' if source.kind == 'i' else 'uitofp'} {a} {operand} to {b}")
        if source.kind == "f":  # saturating: the plain conversion is poison out of range
            name = f"@llvm.fpto{'s' if target.kind == 'i' else 'u'}i.sat.{b}.{intrinsic_suffix(source)}"
            self.declarations[name] = f"declare {b} {name}({a})"
            return self.emit(f"call {b} {name}({a} {operand})")
        if a == b:
            return operand
        narrower = source.kind != "b" and target.itemsize < source.itemsize
        return self.emit(f"{'trunc' if narrower else 'sext' if source.kind == 'i' else 'zext'} {a} {operand} to {b}")

    def _beyond(self, node: Expr, operands: list[str]) -> str:
        kind, (name, limit, *rest) = llvm_type(node.dtype), node.args
        arguments = ", ".join(f"{kind} {o}" for o in operands)
        symbol, attribute = declare_beyond(self.declarations, name, limit, node.dtype, len(rest) - 2)
        return self.emit(f"call {kind} {symbol}({arguments}) {attribute}")

    def _foreign(self, node: Expr, operands: list[str]) -> str:
        kind, symbol, kinds = llvm_type(node.dtype), f"@{node.args[0]}", [llvm_type(a.dtype) for a in node.args[1:]]
        define_scipy_symbols([node.args[0]])
        self.declarations[symbol] = f"declare {kind} {symbol}({', '.join(kinds)}) nounwind willreturn memory(none)"
        return self.emit(f"call {kind} {symbol}({', '.join(f'{k} {o}' for k, o in zip(kinds, operands))})")

    def _bitcast(self, operand: str, source: np.dtype, target: np.dtype) -> str:
        a, b = llvm_type(source), llvm_type(target)
        return operand if a == b else self.emit(f"bitcast {a} {operand} to {b}")
