"""Small compiled programs for the tests of the launchers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from funcgrad.compile import native
from funcgrad.compile.launcher import InputSpec, OutputSpec


def program(copies: list[tuple[int, int, int]]) -> native.Library:
    """A program that copies, for each (target, source, bytes), one pointed-to block of memory to another."""
    lines = ["declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)", "define void @entry(ptr %p) {"]
    for index, (target, source, size) in enumerate(copies):
        for name, word in (("t", target), ("s", source)):
            lines.append(f"%{name}a{index} = getelementptr ptr, ptr %p, i64 {word}")
            lines.append(f"%{name}{index} = load ptr, ptr %{name}a{index}")
        lines.append(f"call void @llvm.memmove.p0.p0.i64(ptr %t{index}, ptr %s{index}, i64 {size}, i1 0)")
    return native.compile_text("\n".join([*lines, "ret void", "}"]), "light")


def identity(make: Callable[..., Any], spec: InputSpec) -> Callable[..., Any]:
    library = program([(1, 0, spec.nbytes)])
    output = OutputSpec(spec.shape, spec.dtype)
    return make(library.address("entry"), [spec], [output], [], 0, False, library)


def resident_kilobytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4
