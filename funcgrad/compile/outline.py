"""Outlined math functions: in a module with many of them, each is compiled once and called, rather than expanded at
every use.

A loop with calls still vectorizes, because each call names the vector form of its function (see `llvm_libm`). The
vector form is made from the text of the scalar one: math functions are straight-line code, so every type becomes a
vector and every constant a splat.

    %v3 = fmul double %v2, 0x3FF0000000000000
      -->
    %v3 = fmul <4 x double> %v2, splat (double 0x3FF0000000000000)
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from ..core import scalar as sc
from ..core.scalar import FUNCTIONS, Expr
from .llvm_scalar import ScalarEmitter
from .llvm_text import intrinsic_suffix, llvm_type
from .native import vector_bits

WORTHWHILE = 12  # math functions in a module above which calls compile faster than expansions, and by how much pays
REPEATED = 3  # uses of one function from which on it is outlined

_TYPE = r"(?:double|float|i64|i32|i16|i8|i1)"
_BINARY = re.compile(
    rf"^(\w+(?: (?:contract|reassoc|nsz|nsw|nuw|[ou]?(?:eq|ne|lt|le|gt|ge)|[su](?:lt|le|gt|ge)|uno|ord))*) ({_TYPE}) (\S+), (\S+)$"  # noqa: E501
)
_SELECT = re.compile(rf"^select i1 (\S+), ({_TYPE}) (\S+), {_TYPE} (\S+)$")
_UNARY = re.compile(rf"^(fneg) ({_TYPE}) (\S+)$")
_CAST = re.compile(rf"^(\w+) ({_TYPE}) (\S+) to ({_TYPE})$")
_CALL = re.compile(rf"^call ({_TYPE}) (@[\w.]+)\((.*?)\)(.*)$")


class Outliner:
    """Decides which math functions of a set of kernels are outlined, and defines them in the module's declarations."""

    def __init__(self, nodes: Iterable[Expr], declarations: dict[str, str]) -> None:
        uses = Counter((e.op, e.dtype) for e in nodes if e.op in FUNCTIONS)
        worthwhile = sum(uses.values()) > WORTHWHILE
        self.chosen = {
            key for key, n in uses.items() if worthwhile and n >= REPEATED and key[0] not in ("lgamma", "digamma")
        }
        self.declarations = declarations

    def symbol(self, node: Expr) -> tuple[str, str] | None:
        """The symbol to call for a node and the attribute of the call; None when the node is to be expanded."""
        if (node.op, node.dtype) not in self.chosen:
            return None
        name = f"math.{node.op}.{intrinsic_suffix(node.dtype)}"
        lanes = [bits // (8 * node.dtype.itemsize) for bits in vector_bits()]
        if f"@{name}" not in self.declarations:
            self._define(name, node, lanes)
        variants = ",".join(f"_ZGV_LLVM_N{n}{'v' * len(node.args)}_{name}({name}.v{n})" for n in lanes)
        return f"@{name}", f'nounwind willreturn memory(none) "vector-function-abi-variant"="{variants}"'

    def _define(self, name: str, node: Expr, lanes: list[int]) -> None:
        lines: list[str] = []
        counter = itertools.count()
        emitter = ScalarEmitter(lines, lambda: f"%v{next(counter)}", self.declarations, _no_load)
        operands = [sc.sym(f"x{k}", node.dtype) for k in range(len(node.args))]
        for k, x in enumerate(operands):
            emitter.bind(x.args[0], f"%x{k}", node.dtype)
        result = emitter.value(Expr(node.op, tuple(operands), node.dtype))
        kind = llvm_type(node.dtype)
        forms = [(name, kind, lines, result)]
        for n in lanes:
            vector = [vectorized(line, n, self.declarations) for line in lines]
            forms.append((f"{name}.v{n}", f"<{n} x {kind}>", vector, _operand(result, kind, n)))
        for symbol, t, body, value in forms:
            args = ", ".join(f"{t} %x{k}" for k in range(len(operands)))
            text = "\n".join(f"  {line}" for line in body)
            # Not internal: nothing calls the vector form until the vectorizer has run.
            self.declarations[f"@{symbol}"] = (
                f"define weak_odr hidden {t} @{symbol}({args}) noinline nounwind willreturn memory(none) {{\n{text}\n  ret {t} {value}\n}}"  # noqa: E501
            )


def _no_load(node: Expr, index: list[str]) -> str:
    raise TypeError("a math function reads no memory")


def _vector(kind: str, lanes: int) -> str:
    return f"<{lanes} x {kind}>"


def _operand(text: str, kind: str, lanes: int) -> str:
    return text if text.startswith("%") else f"splat ({kind} {text})"


def vectorized(line: str, lanes: int, declarations: dict[str, str]) -> str:
    """One instruction on vectors instead of scalars."""
    target, _, text = line.partition(" = ")
    return f"{target} = {_vector_instruction(text, lanes, declarations)}"


def _vector_instruction(text: str, lanes: int, declarations: dict[str, str]) -> str:
    def operand(value: str, kind: str) -> str:
        return _operand(value, kind, lanes)

    if m := _SELECT.match(text):
        c, kind, a, b = m.groups()
        v = _vector(kind, lanes)
        return f"select {_vector('i1', lanes)} {operand(c, 'i1')}, {v} {operand(a, kind)}, {v} {operand(b, kind)}"
    if m := _CAST.match(text):
        op, a, x, b = m.groups()
        return f"{op} {_vector(a, lanes)} {operand(x, a)} to {_vector(b, lanes)}"
    if m := _UNARY.match(text):
        op, kind, x = m.groups()
        return f"{op} {_vector(kind, lanes)} {operand(x, kind)}"
    if m := _BINARY.match(text):
        op, kind, a, b = m.groups()
        return f"{op} {_vector(kind, lanes)} {operand(a, kind)}, {operand(b, kind)}"
    if m := _CALL.match(text):
        return _vector_call(m, lanes, declarations)
    raise TypeError(f"no vector form of {text!r}")


def _vector_call(m: Any, lanes: int, declarations: dict[str, str]) -> str:
    kind, name, arguments, _rest = m.groups()
    typed = [a.strip().split(" ", 1) for a in arguments.split(",")]
    if name.startswith("@llvm."):
        new = re.sub(r"\.([fi]\d+)(?=\.|$)", rf".v{lanes}\1", name)
        kinds = ", ".join(t if t == "i1" else _vector(t, lanes) for t, _ in typed)
        declarations[new] = f"declare {_vector(kind, lanes)} {new}({kinds})"
        args = ", ".join(f"{t} {x}" if t == "i1" else f"{_vector(t, lanes)} {_operand(x, t, lanes)}" for t, x in typed)
        return f"call {_vector(kind, lanes)} {new}({args})"
    if not name.startswith("@beyond."):
        raise TypeError(f"no vector form of the call of {name}")
    args = ", ".join(f"{_vector(t, lanes)} {_operand(x, t, lanes)}" for t, x in typed)
    return f"call {_vector(kind, lanes)} {name}.v{lanes}({args})"
