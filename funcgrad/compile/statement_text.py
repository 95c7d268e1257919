"""Kernels as text, whatever the language: what a printer needs to turn statements into lines.

With this module one can write a printer of kernels: subclass `Printer` and say how an expression and a statement read.
The class decides which shared subexpressions become temporaries: those used twice in a block, and those too long.

    store p1[i0] = exp(p0[i0]) * (1.0 + exp(p0[i0]))    -->    t0 = exp(p0[i0]); p1[i0] = t0 * (1.0 + t0)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..core.scalar import COMPARISONS, Expr
from .kernel import Accumulate, Assign, Declare, For, If, Kernel, Store, Update, expressions, statements, walk

LONGEST = 88  # characters of one expression; beyond that it gets a name

# Binding strength, as Python's grammar has it.
CHOICE, COMPARISON, UNARY, ATOM = 1, 6, 13, 20
INFIX = {
    "or": ("|", 7), "xor": ("^", 8), "and": ("&", 9), "shl": ("<<", 10), "shr": (">>", 10),
    "add": ("+", 11), "sub": ("-", 11), "mul": ("*", 12), "div": ("/", 12), "quo": ("//", 12), "rem": ("%", 12),
    "lt": ("<", COMPARISON), "le": ("<=", COMPARISON), "gt": (">", COMPARISON), "ge": (">=", COMPARISON),
    "eq": ("==", COMPARISON), "ne": ("!=", COMPARISON),
}  # fmt: skip


class Text(NamedTuple):
    """The text of an expression and how strongly its outermost operator binds."""

    text: str
    level: int = ATOM

    def within(self, level: int) -> str:
        """The text as an operand of an operator that needs at least this strength."""
        return self.text if self.level >= level else f"({self.text})"


def infix(op: str, a: Text, b: Text) -> Text:
    """`a op b`. Comparisons must not chain, and floating operations do not associate: only the left goes bare."""
    symbol, level = INFIX[op]
    return Text(f"{a.within(level + (op in COMPARISONS))} {symbol} {b.within(level + 1)}", level)


def call(name: str, *operands: Text) -> Text:
    """`name(a, b)`."""
    return Text(f"{name}({', '.join(o.text for o in operands)})")


def subscript(buffer: str, index: Iterable[Text]) -> Text:
    """`buffer[i, j]`, and `buffer[()]` for an array without axes."""
    return Text(f"{buffer}[{', '.join(i.text for i in index) or '()'}]")


class Printer:
    """Lines of a kernel. A language says in `format` how an expression reads, and in `write` how a statement does."""

    declare_temporary: str  # how a temporary is introduced: "{name} = {value}"
    format: Callable[[Expr, list[Text]], Text]
    write: Callable[[Any], None]

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.lines: list[str] = []
        self.depth = 1
        self.names: dict[Expr, str] = {}  # expressions that have a temporary here
        self.counts: Counter[Expr] = Counter()  # uses in the present block
        self.temporaries = 0
        self.varying = _changed([s for s in statements(kernel.body) if not isinstance(s, Declare)])
        self._reads: dict[Expr, frozenset[str]] = {}

    def line(self, text: str) -> None:
        """Append one line at the present depth."""
        self.lines.append("    " * self.depth + text)

    def block(self, body: list[Any]) -> None:
        """The statements of a loop or of the whole kernel."""
        saved = self.names, self.counts
        self.names, self.counts = dict(self.names), _uses(body)
        for statement in body:
            self.write(statement)
            self.forget(_changed([statement]) & self.varying)
        self.names, self.counts = saved

    def nested(self, head: str, body: list[Any]) -> None:
        """A statement with a block; what the block changes is not remembered, as a loop comes back to its start."""
        self.line(head)
        self.forget(_changed(body))
        self.depth += 1
        self.block(body)
        self.depth -= 1

    def value(self, expr: Expr) -> Text:
        """The text of an expression; temporaries it needs are written first."""
        texts: dict[Expr, Text] = {}

        def operand(e: Expr) -> Text:
            return Text(self.names[e]) if e in self.names else texts[e]

        for e in walk(expr, set(self.names)):
            text = self.format(e, [operand(a) for a in e.args if isinstance(a, Expr)])
            if self.deserves_name(e, text):
                self.names[e] = f"t{self.temporaries}"
                self.temporaries += 1
                self.line(self.declare_temporary.format(name=self.names[e], value=text.text))
            else:
                texts[e] = text
        return operand(expr)

    def deserves_name(self, e: Expr, text: Text) -> bool:
        """Whether an expression becomes a temporary; symbols and plain index arithmetic stay where they are."""
        if e.op in ("const", "sym"):
            return False
        if len(text.text) > LONGEST:
            return True
        simple = e.op in ("add", "sub", "mul") and all(a.op in ("const", "sym") for a in e.args) and e.dtype.kind == "i"
        return self.counts[e] > 1 and not simple

    def initial(self, sym: str, expr: Expr) -> Text:
        """The value a variable is declared with; one that never changes is itself the temporary of its value."""
        if sym not in self.varying:
            self.counts[expr] = 1
            text = self.value(expr)
            self.names[expr] = sym
            return text
        return self.value(expr)

    def element(self, buffer: str, index: tuple[Expr, ...]) -> str:
        """The text of one element of a buffer."""
        return subscript(buffer, [self.value(i) for i in index]).text

    def forget(self, changed: set[str]) -> None:
        """Drop temporaries that depend on changed variables or buffers."""
        if changed and self.names:
            self.names = {e: name for e, name in self.names.items() if not changed & self.reads(e)}

    def reads(self, expr: Expr) -> frozenset[str]:
        """Symbols and buffers an expression depends on."""
        for e in walk(expr, set(self._reads)):
            own = {e.args[0]} if e.op in ("sym", "load") else set()
            self._reads[e] = frozenset(own.union(*[self._reads[a] for a in e.args if isinstance(a, Expr)]))
        return self._reads[expr]


def _uses(body: list[Any]) -> Counter[Expr]:
    """How often each expression is an operand of another, or of a statement, in this block (inner blocks apart)."""
    counts: Counter[Expr] = Counter()
    seen: set[Expr] = set()
    for statement in body:
        for root in expressions(statement):
            counts[root] += 1
            for e in walk(root, seen):
                counts.update(a for a in e.args if isinstance(a, Expr))
    return counts


def _changed(body: list[Any]) -> set[str]:
    """Variables and buffers that statements write, inner statements included."""
    changed: set[str] = set()
    for s in statements(body):
        if isinstance(s, (Store, Accumulate)):
            changed.add(s.buffer)
        elif isinstance(s, (Declare, Update, For)):
            changed.add(s.sym)
        elif isinstance(s, Assign):
            changed.update(s.syms)
    return changed


__all__ = ["ATOM", "CHOICE", "INFIX", "UNARY", "If", "Printer", "Text", "call", "infix", "subscript"]
