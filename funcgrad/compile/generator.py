"""Object code from LLVM text: the target machine, the passes, and the threads that modules are compiled in.

"full" is LLVM's -O2 with loop vectorization and unrolling. (What -O3 has beyond it is mostly the copying of loops for
conditions that do not change in them: a third of the time, and nothing here is quicker for it.) "light" only promotes
stack slots and cleans up (mem2reg, instruction combining, control flow, dead code): it suits text that already uses
vector types or has no loops, and takes a tenth of the optimization time. Both are linear in the length of straight-line
code.

Text may hold several modules (`modules.py`), which become one object each. LLVM compiles modules of different contexts
in different threads beside each other; llvmlite would lock them out, so its two functions that take long are called
without its lock.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Literal, TypeVar

import llvmlite.binding as llvm
from llvmlite.binding import ffi
from llvmlite.binding.newpassmanagers import NewPassManager

from .. import config
from ..forks import at_fork

Pipeline = Literal["full", "light"]
T = TypeVar("T")

FOR_VECTORIZER = "weak_odr hidden"  # the linkage of functions that only the vectorizer makes calls of
NO_LOOPS = "; no loops\n"  # the first line of a module that the light pipeline suits
NEXT_MODULE = "; next module\n"  # between two modules


def objects(llvm_text: str, pipeline: Pipeline) -> list[bytes]:
    """The object code of each module of the text.

    Args:
        llvm_text: one module, or several with `NEXT_MODULE` in between.
        pipeline: "full" or "light"; a module that begins with `NO_LOOPS` is always compiled with the latter.

    Returns:
        Relocatable object files.

    Raises:
        RuntimeError: the text is not valid LLVM IR.
    """
    return each_module(llvm_text, pipeline, lambda machine, module: _emit(machine, module, binary=True))


def object_and_functions(machine: llvm.TargetMachine, module: llvm.ModuleRef) -> tuple[bytes, list[str]]:
    """The object code of an optimized module, and the names of its external functions."""
    names = [f.name for f in module.functions if not f.is_declaration and f.linkage == llvm.Linkage.external]
    return _emit(machine, module, binary=True), names


def assemblies(llvm_text: str, pipeline: Pipeline) -> list[str]:
    """The assembly text of each module, as for `objects`."""
    return each_module(llvm_text, pipeline, lambda machine, module: _emit(machine, module, binary=False).decode())


def each_module(llvm_text: str, pipeline: Pipeline, use: Callable[[llvm.TargetMachine, llvm.ModuleRef], T]) -> list[T]:
    """What a function makes of each module once it is optimized."""

    def one(text: str) -> T:
        chosen: Pipeline = "light" if text.startswith(NO_LOOPS) else pipeline
        with at_work(), _borrowed_machine() as machine, _optimized(text, chosen, machine) as module:
            return use(machine, module)

    texts = llvm_text.split(NEXT_MODULE)
    _mend_lock()
    return [one(texts[0])] if len(texts) == 1 else _in_threads([partial(one, text) for text in texts])


def _in_threads(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """The results of tasks that may run beside each other, in as many threads as kernels may use. The caller waits: an
    interrupt must not come between LLVM and those who work beside it.
    """
    results: dict[int, T] = {}
    errors: list[BaseException] = []
    waiting = list(enumerate(tasks))[::-1]

    def work() -> None:
        try:
            while waiting and not errors:
                number, task = waiting.pop()
                results[number] = task()
        except BaseException as error:
            errors.append(error)

    helpers = [threading.Thread(target=work) for _ in range(min(len(tasks), max(1, int(config.THREADS.value))))]
    for helper in helpers:
        helper.start()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors.pop()  # an error refers to the frames it went through, and so to this list
    return [results[number] for number in range(len(tasks))]


# --- at work ----------------------------------------------------------------------------------------------------------

_working: set[int] = set()  # threads that are inside LLVM
_gate = threading.RLock()


@contextlib.contextmanager
def at_work() -> Iterator[None]:
    """Keeps other threads from forking: the child would have LLVM's locks without those who hold them."""
    me = threading.get_ident()
    try:
        with _gate:
            _working.add(me)
        yield
    finally:
        _mend_lock()
        with _gate:
            _working.discard(me)


def _before_fork() -> None:
    _gate.acquire()
    while _working - {threading.get_ident()}:
        _gate.release()
        time.sleep(0.001)
        _gate.acquire()


# llvmlite's own lock, which every short call takes: the last of all, since those who are at work need it to end.
_llvmlite_lock = getattr(ffi.lib._lock, "_lock", threading.RLock())
at_fork(_llvmlite_lock.acquire, _llvmlite_lock.release)
at_fork(_before_fork, _gate.release)


def _mend_lock() -> None:
    """Let go of llvmlite's lock where an interrupt (Ctrl-C, a signal handler that raises) made a call of llvmlite's
    forget it: in this thread one can take it again, but the threads beside it would wait for ever.
    """
    while _llvmlite_lock._is_owned():  # type: ignore[attr-defined]
        _llvmlite_lock.release()


# --- the machine ------------------------------------------------------------------------------------------------------


@cache
def processor() -> str:
    """The name of the processor, as LLVM has it."""
    return llvm.get_host_cpu_name()


@cache
def features() -> str:
    """What the processor can do: `+avx2,-sse4a,...`."""
    return llvm.get_host_cpu_features().flatten()


def make_machine() -> llvm.TargetMachine:
    """A code generator for this processor, for one thread at a time."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    # The small model keeps constants and calls PC-relative; the large one spends a register and a 10-byte move on each
    # vector constant. It is safe because the linker places a module in one block and reaches outward through stubs.
    return llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=processor(), features=features(), opt=3, reloc="pic", codemodel="small", jit=True
    )


_machines: list[llvm.TargetMachine] = []  # at rest: one serves one thread at a time


@contextlib.contextmanager
def _borrowed_machine() -> Iterator[llvm.TargetMachine]:
    machine = _machines.pop() if _machines else make_machine()
    try:
        yield machine
    finally:
        _machines.append(machine)


@cache
def _function(name: str, result: type | None, *arguments: type) -> ctypes._NamedFuncPointer:
    """A function of llvmlite's library, without its lock."""
    function = ctypes.CDLL(ffi.lib._name)[name]
    function.restype, function.argtypes = result, arguments
    return function


def _emit(machine: llvm.TargetMachine, module: llvm.ModuleRef, binary: bool) -> bytes:
    """Object code or assembly text of an optimized module."""
    pointer = ctypes.c_void_p
    emit = _function(
        "LLVMPY_TargetMachineEmitToMemory", pointer, pointer, pointer, ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)
    )
    with ffi.OutputString() as message:
        buffer = emit(machine, module, int(binary), message)
        if not buffer:
            raise RuntimeError(str(message))
    try:
        start = _function("LLVMPY_GetBufferStart", pointer, pointer)(buffer)
        return ctypes.string_at(start, _function("LLVMPY_GetBufferSize", ctypes.c_size_t, pointer)(buffer))
    finally:
        _function("LLVMPY_DisposeMemoryBuffer", None, pointer)(buffer)


# --- passes -----------------------------------------------------------------------------------------------------------


def _passes(pipeline: Pipeline, machine: llvm.TargetMachine) -> tuple[llvm.ModulePassManager, llvm.PassBuilder]:
    # Both are built anew for each module: running a manager consumes it, and each run leaves callbacks in the builder,
    # which would make every compilation slower than the one before.
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = True
    # Of LLVM 22.1's, the vectorizer of straight-line code makes invalid code of some loops over small arrays and aborts
    # the process at others; none of the benchmarks is slower without it.
    options.slp_vectorization = False
    options.loop_interleaving = True
    options.loop_unrolling = True
    builder = llvm.create_pass_builder(machine, options)
    if pipeline == "full":
        return builder.getModulePassManager(), builder
    manager = llvm.create_new_module_pass_manager()
    manager.add_sroa_pass()
    manager.add_instruction_combine_pass()
    manager.add_simplify_cfg_pass()
    manager.add_global_dead_code_eliminate_pass()
    return manager, builder


@contextlib.contextmanager
def _optimized(llvm_text: str, pipeline: Pipeline, machine: llvm.TargetMachine) -> Iterator[llvm.ModuleRef]:
    # A context of its own: types and constants interned in the global context would never be freed. The module must go
    # before its context, which the garbage collector would not see to.
    context = llvm.create_context()
    with llvm.parse_assembly(llvm_text, context) as module:
        module.verify()
        manager, builder = _passes(pipeline, machine)
        late = FOR_VECTORIZER in llvm_text  # functions that nothing called before the loops were vectorized
        if late and pipeline == "light":
            _make_internal(module)
        _run(manager, module, builder)
        if late and pipeline == "full":
            _make_internal(module)
            _settle(module, machine)
        module.verify()
        yield module


def _run(manager: llvm.ModulePassManager, module: llvm.ModuleRef, builder: llvm.PassBuilder) -> None:
    pointer = ctypes.c_void_p
    try:
        _function("LLVMPY_RunNewModulePassManager", None, pointer, pointer, pointer)(manager, module, builder)
    finally:
        # llvmlite 0.50 never frees a pass manager, 85 kB for each module: its class takes `_dispose`, which does
        # nothing, from the first of its two bases.
        if type(manager)._dispose is ffi.ObjectRef._dispose:
            NewPassManager._dispose(manager)
            manager.detach()


def _make_internal(module: llvm.ModuleRef) -> None:
    """Let go of functions that were kept for the vectorizer only."""
    for function in module.functions:
        if function.linkage == llvm.Linkage.weak_odr and not function.is_declaration:
            function.linkage = "internal"


def _settle(module: llvm.ModuleRef, machine: llvm.TargetMachine) -> None:
    """Drop the vector functions that no loop calls, and put the test for the rare path into the loop: a call there
    would spill every register in every iteration.
    """
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    manager = llvm.create_new_module_pass_manager()
    manager.add_always_inliner_pass()
    manager.add_global_dead_code_eliminate_pass()
    manager.add_instruction_combine_pass()
    manager.add_simplify_cfg_pass()
    _run(manager, module, builder)
