"""LLVM text to machine code: what one can do with this module is compile a module of LLVM IR for this very processor,
call its functions by address, look at the optimized IR or assembly, and store and reload object code.

    library = compile_text(text)            # parse, verify, optimize, generate code, link into the process
    library.address("entry")                # an int; valid as long as `library` is alive
    data = compile_object(text)             # the same, but bytes for a persistent cache ...
    library = load_object(data)             # ... which any process with an equal target_key() may reload

LLVM is driven through `llvmlite.binding` directly: going through Numba's typing costs seven times as much for the same
code. Two pipelines exist. "full" is LLVM's -O3 (loop and SLP vectorization, unrolling). "light" only promotes stack
slots and cleans up (mem2reg, instruction combining, control flow, dead code): it suits text that already uses vector
types, and takes a twentieth of the optimization time. Both are linear in the length of straight-line code.

Code refers to functions outside the module (BLAS, the C API of Python) through named symbols given to `define_symbols`,
never through literal addresses, because the addresses differ from process to process and the object code outlives the
process.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Literal

import llvmlite
import llvmlite.binding as llvm
from llvmlite.binding.ffi import ObjectRef
from llvmlite.binding.newpassmanagers import NewPassManager

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

Pipeline = Literal["full", "light"]

# llvmlite locks single calls only; parse-optimize-emit is a sequence that shares pass managers and the linker.
_lock = threading.RLock()
if hasattr(os, "register_at_fork"):  # else the child of a fork would wait for a thread that it does not have
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
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
        pipeline: "full" (-O3 with vectorization) or "light" (for text that is vectorized already).
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
    with _lock:
        module = _optimize(llvm_text, pipeline)
        return _link(_generator().emit_object(module), _external_functions(module), symbols)


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
    with _lock:
        return _generator().emit_object(_optimize(llvm_text, pipeline))


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
    with _lock:
        return _link(data, names, symbols)


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
    with _lock:
        return _generator().emit_assembly(_optimize(llvm_text, pipeline))


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
    with _lock:
        return str(_optimize(llvm_text, pipeline))


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
    return f"{llvm.get_process_triple()} {_processor()} {_features()} llvm {version} llvmlite {llvmlite.__version__}"


@cache
def vector_bits() -> tuple[int, ...]:
    """The vector widths for which loops may be compiled here: LLVM prefers the narrower one on some processors.

    Returns:
        Widths in bits.

    Example:
        >>> 256 in vector_bits()
        True
    """
    return (256, 512) if "+avx512f" in _features() else (256,)


@cache
def _processor() -> str:
    return llvm.get_host_cpu_name()


@cache
def _features() -> str:
    return llvm.get_host_cpu_features().flatten()


def _machine() -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    # The small model keeps constants and calls PC-relative; the large one spends a register and a 10-byte move on each
    # vector constant. It is safe because the linker places a module in one block and reaches outward through stubs.
    return llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=_processor(), features=_features(), opt=3, reloc="pic", codemodel="small", jit=True
    )


@cache
def _generator() -> llvm.TargetMachine:
    return _machine()


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
            self._current = llvm.create_lljit_compiler(_machine(), use_jit_link=True, suppress_errors=True)
            self._count = 0
        self._count += 1
        return self._current, f"funcgrad.{self._count}"


_linkers = _Linkers()


def _passes(pipeline: Pipeline) -> tuple[llvm.ModulePassManager, llvm.PassBuilder]:
    # Both are built anew for each module: running a manager consumes it, and each run leaves callbacks in the builder,
    # which would make every compilation slower than the one before.
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    # Of LLVM 22.1's, the vectorizer of straight-line code makes invalid code of some loops over small arrays and aborts
    # the process at others; none of the benchmarks is slower without it.
    options.slp_vectorization = False
    options.loop_interleaving = True
    options.loop_unrolling = True
    builder = llvm.create_pass_builder(_generator(), options)
    if pipeline == "full":
        return builder.getModulePassManager(), builder
    manager = llvm.create_new_module_pass_manager()
    manager.add_sroa_pass()
    manager.add_instruction_combine_pass()
    manager.add_simplify_cfg_pass()
    manager.add_global_dead_code_eliminate_pass()
    return manager, builder


def _optimize(llvm_text: str, pipeline: Pipeline) -> llvm.ModuleRef:
    # A context of its own: types and constants interned in the global context would never be freed.
    module = llvm.parse_assembly(llvm_text, llvm.create_context())
    module.verify()
    manager, builder = _passes(pipeline)
    _run(manager, module, builder)
    if ".lanes(" in llvm_text:  # rare paths for vectors, which nothing called before the loops were vectorized
        _inline_rare_paths(module)
    module.verify()
    return module


def _run(manager: llvm.ModulePassManager, module: llvm.ModuleRef, builder: llvm.PassBuilder) -> None:
    # llvmlite 0.50 never frees a pass manager, 85 kB for each module: its class takes `_dispose`, which does nothing,
    # from the first of its two bases.
    try:
        manager.run(module, builder)
    finally:
        if type(manager)._dispose is ObjectRef._dispose:
            NewPassManager._dispose(manager)
            manager.detach()


def _inline_rare_paths(module: llvm.ModuleRef) -> None:
    """Put the test for the rare path into the loop: a call there would spill every register in every iteration."""
    builder = llvm.create_pass_builder(_generator(), llvm.create_pipeline_tuning_options(speed_level=3))
    manager = llvm.create_new_module_pass_manager()
    manager.add_always_inliner_pass()
    manager.add_instruction_combine_pass()
    manager.add_simplify_cfg_pass()
    _run(manager, module, builder)


def _external_functions(module: llvm.ModuleRef) -> list[str]:
    return [f.name for f in module.functions if not f.is_declaration and f.linkage == llvm.Linkage.external]


def _link(data: bytes, names: Sequence[str], symbols: Mapping[str, int]) -> Library:
    builder = llvm.JITLibraryBuilder().add_object_img(data).add_current_process()
    for name, address in {**_symbols, **symbols}.items():
        builder.import_symbol(name, address)
    for name in names:
        builder.export_symbol(name)
    linker, identity = _linkers.next()
    tracker = builder.link(linker, identity)
    # Python drops the attributes of an object after running its finalizer: the code is freed before its linker.
    tracker.linker = linker
    return Library(tracker, {name: tracker[name] for name in names})
