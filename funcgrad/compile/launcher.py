"""The warm-call path: what one can do with this module is turn the address of a compiled program into a fast Python
callable.

    launch = make_launcher(address, [InputSpec((3,), np.float64)], [OutputSpec((3,), np.float64)], [], 0, False)
    launch(x)                       # -> (array,), or None when x is not a (3,) float64 array ready for native code

A compiled program is a C function `void entry(void **pointers)`; pointers = [inputs..., outputs..., constants...,
workspace]. A launcher takes one positional argument per input. It checks all of them (the guard), and answers None,
before anything is computed or written, when one is not exactly as specified; the caller then converts or recompiles.

There are two implementations with the same behaviour. The native one is a single function in machine code
(`launcher_text`) behind a builtin: about 0.1 us, plus about 5 ns per input and 60 ns per output array. It reads
NumPy's and CPython's object structures directly, so it is used only where their layout has been confirmed, field by
field and by calling it, in this process. Other interpreters, free-threaded builds (whose objects have another head
and need locks) and a failed test get the portable one, written with ctypes: about 10 us. `launcher_kind()` says which
one is in force.

Memory. Fresh outputs are ordinary arrays that own their data. The workspace of a launcher is allocated at its first
call and kept in one slot; a call takes it from the slot, a concurrent call that finds the slot empty allocates its own
for the duration. Donated leaves are written in place and returned as the same objects; the guard refuses them when they
are read-only or overlap another leaf or a constant, because the program would then read what it has already
overwritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from funcgrad.compile.launcher_native import make_native_launcher, native_refusal
from funcgrad.compile.launcher_portable import make_portable_launcher
from funcgrad.compile.launcher_spec import InputSpec, Kind, Launcher, OutputSpec

__all__ = ["InputSpec", "Kind", "Launcher", "OutputSpec", "launcher_kind", "make_launcher"]


def make_launcher(
    entry_address: int,
    inputs: Sequence[InputSpec],
    outputs: Sequence[OutputSpec],
    constants: Sequence[np.ndarray],
    workspace_bytes: int,
    release_gil: bool,
    keep_alive: Any = None,
) -> Launcher:
    """Make the callable for a compiled program.

    Args:
        entry_address: the address of `void entry(void **pointers)`.
        inputs: one per leaf.
        outputs: one per output.
        constants: C-contiguous aligned arrays, handed to the program after the outputs. They are kept alive.
        workspace_bytes: scratch memory, aligned to 64 bytes and uninitialized; 0 for none.
        release_gil: whether other threads may run Python meanwhile. Costs 50 ns, so not for tiny programs.
        keep_alive: any object that must live as long as the launcher, such as the `Library` of the entry.

    Returns:
        A callable of len(inputs) positional arguments that returns a tuple, or None when the arguments are not as
        specified.

    Raises:
        ValueError: the specifications contradict each other.

    Example:
        >>> from funcgrad.compile import native
        >>> text = '''define void @entry(ptr %p) {
        ...   %x.at = load ptr, ptr %p
        ...   %y.at.at = getelementptr ptr, ptr %p, i64 1
        ...   %y.at = load ptr, ptr %y.at.at
        ...   %x = load double, ptr %x.at
        ...   %y = fmul double %x, %x
        ...   store double %y, ptr %y.at
        ...   ret void
        ... }'''
        >>> library = native.compile_text(text)
        >>> x, y = InputSpec((), np.float64, "pyfloat"), OutputSpec((), np.float64)
        >>> square = make_launcher(library.address("entry"), [x], [y], [], 0, False, library)
        >>> square(3.0), square(3)
        ((np.float64(9.0),), None)
    """
    make = make_native_launcher if launcher_kind() == "native" else make_portable_launcher
    return make(entry_address, inputs, outputs, constants, workspace_bytes, release_gil, keep_alive)


def launcher_kind() -> Literal["native", "portable"]:
    """Which implementation `make_launcher` uses in this process; `launcher_native.native_refusal()` says why.

    Returns:
        "native" or "portable".

    Example:
        >>> launcher_kind() in ("native", "portable")
        True
    """
    return "native" if native_refusal() is None else "portable"
