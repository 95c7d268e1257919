"""LLVM text to machine code: what one can do with this module is compile a module of LLVM IR for this very processor,
call its functions by address, look at the optimized IR or assembly, and store and reload object code.

    library = compile_text(text)            # parse, verify, optimize, generate code, link into the process
    library.address("entry")                # an int; valid as long as `library` is alive
    data = compile_object(text)             # the same, but bytes for a persistent cache ...
    library = load_object(data)             # ... which any process with an equal target_key() may reload

LLVM is driven through `llvmlite.binding` directly: going through Numba's typing costs seven times as much for the same
code. The pipelines are those of `generator.py`.

Code refers to functions outside the module (BLAS, the C API of Python) through named symbols given to `define_symbols`,
never through literal addresses, because the addresses differ from process to process and the object code outlives the
process.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import llvmlite
import llvmlite.binding as llvm

from ..forks import fork_safe_lock
from . import generator
from .generator import Pipeline

__all__ = [
    "Library",
    "assembly",
    "compile_object",
    "compile_text",
    "define_symbols",
    "load_object",
    "optimized",
    "target_key",
    "undefined",
    "vector_bits",
]

_lock = fork_safe_lock()  # of the linkers, which all threads share
_symbols: dict[str, int] = {}
_NONE: Mapping[str, int] = {}


class Library:
    """Machine code linked into the process; the code is unmapped when the last reference to the library goes.

    Args:
        tracker: what keeps the code mapped.
        addresses: the addresses known so far, by function name.
    """

    __slots__ = ("_addresses", "_tracker")

    def __init__(self, tracker: llvm.ResourceTracker, addresses: dict[str, int]) -> None:
        self._tracker = tracker
        self._addresses = addresses

    def address(self, name: str) -> int:
        """The address of the external function `name`.

        Args:
            name: the name after `@` in the LLVM text.

        Returns:
            A nonzero integer.

        Raises:
            KeyError: the library has no such external function.
        """
        found = self._addresses.get(name)
        if found is None:
            found = self._look_up(name)
            self._addresses[name] = found
        return found

    def _look_up(self, name: str) -> int:
        with _lock:
            try:
                tracker = self._tracker.linker.lookup(self._tracker.name, name)
            except RuntimeError as error:
                raise KeyError(f"no external function {name!r} in this library") from error
            return tracker[name]


def compile_text(llvm_text: str, pipeline: Pipeline = "full", symbols: Mapping[str, int] = _NONE) -> Library:
    """Compile a module of LLVM IR and link it into the process.

    Args:
        llvm_text: a module in LLVM's textual form. Functions to be called from outside have external linkage.
        pipeline: "full" (-O2 with vectorization) or "light" (for text that is vectorized already).
        symbols: addresses of functions for this library only, beside those of `define_symbols`.

    Returns:
        The library; ask it for addresses.

    Raises:
        RuntimeError: the text is not valid LLVM IR, or refers to a symbol that is not defined.

    Example:
        >>> import ctypes
        >>> text = "define double @twice(double %x) { %y = fadd double %x, %x ret double %y }"
        >>> library = compile_text(text)
        >>> ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(library.address("twice"))(21.0)
        42.0
    """
    made = generator.each_module(llvm_text, pipeline, generator.object_and_functions)
    return _link([code for code, _ in made], [name for _, names in made for name in names], symbols)


def compile_object(llvm_text: str, pipeline: Pipeline = "full") -> bytes:
    """Compile a module of LLVM IR to object code, for `load_object` now or in a later process.

    Args:
        llvm_text: a module in LLVM's textual form.
        pipeline: as for `compile_text`.

    Returns:
        A relocatable object file. It holds no addresses of this process.

    Raises:
        RuntimeError: the text is not valid LLVM IR.

    Example:
        >>> data = compile_object("define i64 @three() { ret i64 3 }")
        >>> load_object(data, ["three"]).address("three") != 0
        True
    """
    return _join(generator.objects(llvm_text, pipeline))


def load_object(data: bytes, names: Sequence[str] = ("entry",), symbols: Mapping[str, int] = _NONE) -> Library:
    """Link object code from `compile_object` into the process.

    Args:
        data: the object file; must come from a process with an equal `target_key()`.
        names: the functions to resolve at once. Others are found on demand.
        symbols: as for `compile_text`.

    Returns:
        The library.

    Raises:
        RuntimeError: the data is no object file, has no such functions, or needs a symbol that is not defined here.

    Example:
        >>> load_object(compile_object("define void @entry(ptr %table) { ret void }")).address("entry") != 0
        True
    """
    return _link(_taken_apart(data), names, symbols)


def assembly(llvm_text: str, pipeline: Pipeline = "full") -> str:
    """The assembly text of a module for this processor.

    Args:
        llvm_text: a module in LLVM's textual form.
        pipeline: as for `compile_text`.

    Returns:
        Assembly in the default syntax of the platform.

    Raises:
        RuntimeError: the text is not valid LLVM IR.

    Example:
        >>> "nine:" in assembly("define i64 @nine() { ret i64 9 }")
        True
    """
    return "\n".join(generator.assemblies(llvm_text, pipeline))


def optimized(llvm_text: str, pipeline: Pipeline = "full") -> str:
    """The LLVM IR of a module after optimization.

    Args:
        llvm_text: a module in LLVM's textual form.
        pipeline: as for `compile_text`.

    Returns:
        LLVM IR as text.

    Raises:
        RuntimeError: the text is not valid LLVM IR.

    Example:
        >>> "ret i64 5" in optimized("define i64 @five() { %x = add i64 2, 3 ret i64 %x }")
        True
    """
    return "\n".join(generator.each_module(llvm_text, pipeline, lambda machine, module: str(module)))


def define_symbols(addresses: Mapping[str, int]) -> None:
    """Give names to addresses; modules compiled or loaded afterwards may `declare` and call these names.

    Args:
        addresses: symbol name to address. Functions must stay mapped for the life of the process.

    Raises:
        ValueError: an address is zero.

    Example:
        >>> define_symbols({"funcgrad_doctest": 4096})
    """
    for name, address in addresses.items():
        if not address:
            raise ValueError(f"symbol {name!r} has the null address")
    with _lock:
        _symbols.update(addresses)


def undefined(names: Iterable[str]) -> list[str]:
    """Those of some symbols that `define_symbols` was not told.

    Args:
        names: symbols.

    Returns:
        A sorted list.

    Example:
        >>> define_symbols({"funcgrad_doctest": 4096})
        >>> undefined(["funcgrad_doctest", "funcgrad_nowhere"])
        ['funcgrad_nowhere']
    """
    with _lock:
        return sorted(set(names) - _symbols.keys())


@cache
def target_key() -> str:
    """What object code depends on besides its text: triple, processor, its features, and the versions of the compiler.

    Returns:
        One line of text; object code may be exchanged between processes where it is equal.

    Example:
        >>> target_key() == target_key()
        True
    """
    version = ".".join(map(str, llvm.llvm_version_info))
    machine = f"{llvm.get_process_triple()} {generator.processor()} {generator.features()}"
    return f"{machine} llvm {version} llvmlite {llvmlite.__version__}"


@cache
def vector_bits() -> tuple[int, ...]:
    """The vector widths for which loops may be compiled here: LLVM prefers the narrower one on some processors.

    Returns:
        Widths in bits.

    Example:
        >>> 256 in vector_bits()
        True
    """
    return (256, 512) if "+avx512f" in generator.features() else (256,)


class _Linkers:
    """Hands out the linker for the next library.

    A shared linker links in 0.2 ms where a fresh one takes over 1 ms, but it keeps 9 kB of tables for every library it
    ever linked. So a linker serves a fixed number of libraries and is freed with the last of them.
    """

    LIBRARIES = 64

    def __init__(self) -> None:
        self._current: llvm.LLJIT | None = None
        self._count = 0

    def next(self) -> tuple[llvm.LLJIT, str]:
        """A linker and a library name that is new to it."""
        if self._current is None or self._count == self.LIBRARIES:
            self._current = llvm.create_lljit_compiler(
                generator.make_machine(), use_jit_link=True, suppress_errors=True
            )
            self._count = 0
        self._count += 1
        return self._current, f"funcgrad.{self._count}"


_linkers = _Linkers()


_SEVERAL = b"funcgrad objects\n"


def _join(objects: Sequence[bytes]) -> bytes:
    """One object file as it is, several behind a table of their lengths."""
    if len(objects) == 1:
        return objects[0]
    return b"".join([_SEVERAL, struct.pack(f"<{len(objects) + 1}q", len(objects), *map(len, objects)), *objects])


def _taken_apart(data: bytes) -> list[bytes]:
    if not data.startswith(_SEVERAL):
        return [data]
    (count,) = struct.unpack_from("<q", data, len(_SEVERAL))
    lengths = struct.unpack_from(f"<{count}q", data, len(_SEVERAL) + 8)
    start = len(_SEVERAL) + 8 * (count + 1)
    return [data[start + sum(lengths[:k]) : start + sum(lengths[: k + 1])] for k in range(count)]


def _link(objects: Sequence[bytes], names: Sequence[str], symbols: Mapping[str, int]) -> Library:
    builder = llvm.JITLibraryBuilder().add_current_process()
    for data in objects:
        builder.add_object_img(data)
    # In this order, in which a fork takes them, too: it would else hold the lock that one at work waits for.
    with _lock, generator.at_work():
        for name, address in {**_symbols, **symbols}.items():
            builder.import_symbol(name, address)
        for name in names:
            builder.export_symbol(name)
        linker, identity = _linkers.next()
        tracker = builder.link(linker, identity)
    # Python drops the attributes of an object after running its finalizer: the code is freed before its linker.
    tracker.linker = linker
    return Library(tracker, {name: tracker[name] for name in names})
