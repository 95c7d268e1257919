"""Compile scalar expressions as loops over arrays: what the tests of the emitter and of vecmath share.

kernels = Kernels({"square": x * x})      # syms x0, x1, ... are the input arrays
kernels("square", array)                  # run it
"""

from __future__ import annotations

import ctypes
import itertools
import re
from typing import Any

import numpy as np

from funcgrad.compile.llvm_scalar import ScalarEmitter
from funcgrad.compile.llvm_text import llvm_constant, llvm_type
from funcgrad.compile.native import compile_text, optimized
from funcgrad.core.scalar import Expr, sym

_LOOP_HEAD = ["entry:", "br label %loop", "loop:", "%i = phi i64 [0, %entry], [%next, %loop]"]
_LOOP_TAIL = ["%next = add nuw nsw i64 %i, 1", "%more = icmp slt i64 %next, %n", "br i1 %more, label %loop, label %end"]


def memory_type(dtype: Any) -> str:
    """The type of an array element: a bool is a byte."""
    return "i8" if np.dtype(dtype) == np.bool_ else llvm_type(dtype)


def inputs(*dtypes: Any) -> list[Expr]:
    """The syms x0, x1, ... of the given dtypes."""
    return [sym(f"x{i}", d) for i, d in enumerate(dtypes)]


def input_dtypes(expr: Expr) -> list[np.dtype]:
    """The dtypes of the syms x0, x1, ... an expression uses."""
    found: dict[str, np.dtype] = {}
    stack, seen = [expr], set()
    while stack:
        node = stack.pop()
        if node.op == "sym":
            found[node.args[0]] = node.dtype
        stack += [a for a in node.args if isinstance(a, Expr) and a not in seen]
        seen.update(a for a in node.args if isinstance(a, Expr))
    return [found[f"x{i}"] for i in range(len(found))]


def emitter(lines: list[str], declarations: dict[str, str], **options: Any) -> ScalarEmitter:
    """An emitter with SSA names %v0, %v1, ..."""
    counter = itertools.count()
    return ScalarEmitter(lines, lambda: f"%v{next(counter)}", declarations, lambda node, index: "undefined", **options)


def bind_elements(emit: ScalarEmitter, dtypes: list[np.dtype]) -> None:
    """Load element %i of every input array."""
    for i, dtype in enumerate(dtypes):
        kind = memory_type(dtype)
        emit.lines += [f"%p{i} = getelementptr {kind}, ptr %a{i}, i64 %i", f"%x{i} = load {kind}, ptr %p{i}"]
        if dtype == np.bool_:
            emit.lines.append(f"%b{i} = icmp ne i8 %x{i}, 0")
        emit.bind(f"x{i}", f"%{'b' if dtype == np.bool_ else 'x'}{i}", dtype)


def loop(name: str, expr: Expr, dtypes: list[np.dtype], declarations: dict[str, str]) -> str:
    """The text of a function (inputs, output, n) that computes the expression for every element."""
    lines: list[str] = []
    emit = emitter(lines, declarations)
    bind_elements(emit, dtypes)
    result, kind = emit.value(expr), memory_type(expr.dtype)
    if expr.dtype == np.bool_:
        result = emit.emit(f"zext i1 {result} to i8")
    lines += [f"%q = getelementptr {kind}, ptr %out, i64 %i", f"store {kind} {result}, ptr %q"]
    arguments = ", ".join([*(f"ptr noalias %a{i}" for i in range(len(dtypes))), "ptr noalias %out", "i64 %n"])
    return "\n".join(
        [f"define void @kernel_{name}({arguments}) {{", *_LOOP_HEAD, *lines, *_LOOP_TAIL, "end:", "ret void", "}"]
    )


def reduction(name: str, op: str, initial: Any, dtype: Any, declarations: dict[str, str]) -> str:
    """The text of a function (input, output, n) that folds the input with `accumulate`."""
    lines: list[str] = []
    emit = emitter(lines, declarations)
    bind_elements(emit, [np.dtype(dtype)])
    kind = llvm_type(dtype)
    total = emit.accumulate(op, "%total", emit.value(sym("x0", dtype)), dtype)
    phi = f"%total = phi {kind} [{llvm_constant(initial, dtype)}, %entry], [{total}, %loop]"
    store = (
        [f"%wide = zext i1 {total} to i8", "store i8 %wide, ptr %out"]
        if kind == "i1"
        else [f"store {kind} {total}, ptr %out"]
    )
    head = f"define void @kernel_{name}(ptr noalias %a0, ptr noalias %out, i64 %n) {{"
    return "\n".join([head, *_LOOP_HEAD, phi, *lines, *_LOOP_TAIL, "end:", *store, "ret void", "}"])


class Kernels:
    """Expressions and reductions compiled in one module."""

    def __init__(self, expressions: dict[str, Expr], reductions: dict[str, tuple[str, Any, Any]] | None = None) -> None:
        declarations: dict[str, str] = {}
        self.dtypes = {name: (input_dtypes(e), e.dtype) for name, e in expressions.items()}
        texts = [loop(name, e, self.dtypes[name][0], declarations) for name, e in expressions.items()]
        for name, (op, initial, dtype) in (reductions or {}).items():
            texts.append(reduction(name, op, initial, dtype, declarations))
            self.dtypes[name] = ([np.dtype(dtype)], np.dtype(dtype))
        self.text = "\n".join([*declarations.values(), *texts])
        self.library = compile_text(self.text)

    def __call__(self, name: str, *arrays: Any) -> np.ndarray:
        """Run a kernel; a reduction leaves its value in element 0."""
        dtypes, dtype = self.dtypes[name]
        arrays = tuple(np.ascontiguousarray(a, d) for a, d in zip(arrays, dtypes, strict=True))
        out = np.zeros(arrays[0].shape, dtype)
        pointers = [a.ctypes.data for a in (*arrays, out)]
        prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(pointers), ctypes.c_int64)
        prototype(self.library.address(f"kernel_{name}"))(*pointers, out.size)
        return out

    def vector_types(self) -> dict[str, set[str]]:
        """Kernel name -> the vector types in its optimized loop."""
        bodies = re.findall(r"define [^\n]*@kernel_(\w+)\((.*?)\n}", optimized(self.text), re.DOTALL)
        return {name: set(re.findall(r"<\d+ x \w+>", body)) for name, body in bodies}
