"""Statements of kernels rewritten: symbols and arrays renamed, expressions in place of symbols, indices into other
shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import scalar as sc
from ..records import replace
from .kernel import CHUNK, LOCAL_BYTES, Accumulate, Assign, For, If, Kernel, Param, Store

INDEX = np.dtype(np.int64)


class Rewriter:
    """Renames symbols and arrays, puts expressions in place of symbols, and indices into other shapes."""

    def __init__(self, syms: dict[str, Any], arrays: dict[str, Any]) -> None:
        self.syms, self.arrays = syms, arrays
        self.memo: dict[sc.Expr, sc.Expr] = {}

    def name(self, sym: str) -> str:
        """The new name of a variable."""
        new = self.syms.get(sym, sym)
        return new if isinstance(new, str) else sym

    def expr(self, e: sc.Expr) -> sc.Expr:
        """An expression rewritten."""
        stack = [e]
        while stack:  # explicit, since fused expressions nest deeper than Python's recursion limit
            node = stack[-1]
            missing = [a for a in node.args if isinstance(a, sc.Expr) and a not in self.memo]
            if missing and node not in self.memo:
                stack += missing
                continue
            if stack.pop() not in self.memo:
                self.memo[node] = self._node(node)
        return self.memo[e]

    def _node(self, e: sc.Expr) -> sc.Expr:
        if e.op == "sym":
            new = self.syms.get(e.args[0], e)
            return sc.sym(new, e.dtype) if isinstance(new, str) else new
        args = tuple([self.memo[a] if isinstance(a, sc.Expr) else a for a in e.args])
        if e.op == "load":
            name, index = self.place(args[0], args[1:])
            return sc.load(name, index, e.dtype)
        if e.dtype == INDEX and len(args) == 2 and e.op in ("add", "sub", "mul"):
            return sc.instruction(e.op, *args)
        return sc.Expr(e.op, args, e.dtype)

    def place(self, buffer: str, index: tuple) -> tuple[str, tuple]:
        """An element of an array, by the array's new name and shape."""
        rule = self.arrays.get(buffer)
        return rule(index) if rule else (buffer, index)

    def statement(self, s: Any) -> Any:
        """A statement rewritten."""
        if isinstance(s, For):
            return replace(s, sym=self.name(s.sym), body=self.block(s.body))
        if isinstance(s, If):
            return If(self.expr(s.condition), self.block(s.body))
        if isinstance(s, (Store, Accumulate)):
            name, index = self.place(s.buffer, tuple([self.expr(i) for i in s.index]))
            return replace(s, buffer=name, index=index, value=self.expr(s.value))
        if isinstance(s, Assign):
            return Assign(tuple(map(self.name, s.syms)), tuple(map(self.expr, s.values)))
        return replace(s, sym=self.name(s.sym), value=self.expr(s.value))

    def block(self, body: list[Any]) -> list[Any]:
        """Statements rewritten."""
        return [self.statement(s) for s in body]


def renamed(name: str) -> Any:
    """The rule for an array that only gets a new name."""
    return lambda index: (name, index)


def own_arrays_in_memory(kernel: Kernel) -> tuple[Kernel, list[Param]]:
    """The kernel with its long arrays as further parameters, in which each chunk has its own part; which those are."""
    long = [p for p in kernel.locals if p.nbytes > LOCAL_BYTES]
    if not long:
        return kernel, []
    lead = (kernel.chunks,) if kernel.chunks else ()
    params = [replace(p, shape=(*lead, *p.shape)) for p in long]
    number = sc.sym(CHUNK, INDEX)
    rules = {p.name: _of_chunk(p.name, number) for p in long} if lead else {}
    short = [p for p in kernel.locals if p not in long]
    body = Rewriter({}, rules).block(kernel.body)
    return replace(kernel, params=[*kernel.params, *params], body=body, locals=short), params


def _of_chunk(name: str, number: sc.Expr) -> Callable[[tuple], tuple[str, tuple]]:
    return lambda index: (name, (number, *index))
