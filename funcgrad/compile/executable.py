"""Executables: a program compiled to machine code, and the object that calls it.

With this module one can compile a program and call the result with NumPy leaves; take an executable apart into its
artifact and its machine code, and put it together again in another process.
"""

from __future__ import annotations

import pickle
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import config
from ..core.program import Program
from ..forks import fork_safe_lock, importing
from . import cache
from .artifact import Artifact
from .callback import raise_pending
from .launcher import InputSpec, OutputSpec, launcher_kind, make_launcher
from .launcher_native import direct_call
from .memory import keep_freed_blocks
from .program_key import artifact_name

BY_PROGRAM = 1  # the value of FUNCGRAD_CACHE with which programs are looked up before they are lowered


class Executable:
    """Machine code for one program at fixed shapes and dtypes. Thread-safe; releases the GIL unless it is tiny.

    `call(*leaves)` gives a tuple of outputs, or None when a leaf is not exactly as compiled for.
    """

    def __init__(self, artifact: Artifact, code: bytes, kinds: Sequence[str], constants: Sequence[np.ndarray]) -> None:
        """Link.

        Args:
            artifact: what the machine code needs.
            code: object code.
            kinds: what Python object each leaf is: array, pyfloat, pyint, pybool.
            constants: values of the captures, contiguous, never written to.

        Raises:
            LookupError: the machine code refers to something this process does not have.
        """
        keep_freed_blocks()
        _prepare_launcher()
        self.artifact, self.kinds, self.constants = artifact, tuple(kinds), tuple(constants)
        self.library, callbacks = artifact.link(code)
        self.call: Callable[..., Any] = make_launcher(
            self.library.address("entry"),
            [InputSpec(a.shape, a.dtype, kind) for a, kind in zip(artifact.inputs, kinds)],
            [OutputSpec(a.shape, a.dtype, artifact.targets.get(i)) for i, a in enumerate(artifact.outputs)],
            [*constants, *artifact.literals],
            artifact.workspace,
            artifact.releases,
            (self.library, callbacks),
        )
        if artifact.raises:
            self.call = _raising(self.call)

    def direct(self, holder: Any, attribute: str, otherwise: Callable[..., Any], single: bool) -> Callable | None:
        """A builtin for users to call, see `launcher_native.direct_call`; None where calls need Python code."""
        if self.artifact.raises or launcher_kind() != "native":
            return None
        return direct_call(self.call, holder, attribute, otherwise, single)

    @property
    def constant_addresses(self) -> list[int]:
        """Where the arrays lie that follow arguments and results in the table of pointers."""
        return [c.__array_interface__["data"][0] for c in (*self.constants, *self.artifact.literals)]


def build(
    program: Program, kinds: Sequence[str], constants: Sequence[Any] = (), donated: Sequence[int] = ()
) -> tuple[Executable, bytes]:
    """Compile a program, or find it on disk; gives its machine code, too.

    Args:
        program: the captures first, then one input for each leaf.
        kinds: as for `Executable`.
        constants: values of the captures.
        donated: positions of leaves whose memory outputs may take over.
    """
    # Captures are frozen at compile time: a later write to the user's array must not change a compiled function.
    frozen = [np.array(c, a.dtype, order="C", copy=True).reshape(a.shape) for c, a in zip(constants, program.in_avals)]
    name = artifact_name(program, len(frozen), tuple(donated)) if _by_program() else None
    return _stored(program, name, kinds, frozen) or _compiled(program, name, kinds, frozen, donated)


def _by_program() -> bool:
    """Whether a program may be found without lowering it; not where the stages in between are to be seen or checked."""
    return config.CACHE.value == BY_PROGRAM and not config.DUMP.value and not config.CHECK.value


def _stored(
    program: Program, name: str | None, kinds: Sequence[str], constants: list
) -> tuple[Executable, bytes] | None:
    start = time.perf_counter()
    found = cache.read(name) if name else None
    if found is None:
        return None
    artifact: Artifact = pickle.loads(found)
    code = cache.read_code(artifact.entry)
    if code is None:
        return None
    try:
        executable = Executable(artifact, code, kinds, constants)
    except LookupError:  # compiled where NumPy has another BLAS
        return None
    if "compile" in config.LOG.value:
        spent = (time.perf_counter() - start) * 1e3
        print(f"funcgrad: found {len(program.eqns)} equations on disk, loaded in {spent:.1f} ms", file=sys.stderr)
    return executable, code


def _compiled(
    program: Program, name: str | None, kinds: Sequence[str], constants: list, donated: Sequence[int]
) -> tuple[Executable, bytes]:
    with importing:
        from . import pipeline  # most of the compiler; what is found on disk does without

    compiled = pipeline.compile_program(program, len(constants))
    artifact = pipeline.artifact_of(compiled, len(constants), donated)
    if name:
        _keep(name, artifact)
    return Executable(artifact, compiled.code, kinds, constants), compiled.code


_begun = False
_launcher_lock = fork_safe_lock()


def begin() -> None:
    """Let a thread compile what every warm call goes through, unless it is on disk: beside the tracing of the first
    program of a process and the import of the compiler, 25 ms of LLVM's work beside 25 ms of Python's. Called when a
    program is to be compiled.
    """
    global _begun
    if not _begun:
        _begun = True
        if not cache.has_launcher():
            threading.Thread(target=_prepare_launcher, name="funcgrad launcher").start()


def _prepare_launcher() -> None:
    with _launcher_lock:  # who needs the launcher meanwhile, waits
        cache.preload_launcher()
        launcher_kind()


def _keep(name: str, artifact: Artifact) -> None:
    try:
        data = pickle.dumps(artifact)
    except (pickle.PicklingError, AttributeError, TypeError):  # an operation holds what only this process knows
        return
    cache.write(name, data)


def _raising(launch: Callable[..., Any]) -> Callable[..., Any]:
    """Pass on what a Python implementation inside the program raised."""

    def call(*leaves: Any) -> Any:
        outs = launch(*leaves)
        raise_pending()
        return outs

    return call


__all__ = ["Executable", "build"]
