"""Artifacts: what a compiled program is besides its machine code. With this module one can link machine code in any
process, and say how much memory a call takes.

An artifact holds types, sizes and literals, and nothing that belongs to a process; pickled, it is an entry of the cache
and a part of pickled compiled functions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.avals import ShapedArray, shaped
from ..core.primitive import Primitive
from ..core.program import Eqn, Var
from ..forks import importing
from ..records import record
from . import callback, native

_SYMBOL = r"@(funcgrad_\w+)"


@record(frozen=True)
class MemoryAnalysis:
    """The bytes of a call of a compiled function, with JAX's names.

    Attributes:
        argument_size_in_bytes: its arguments.
        output_size_in_bytes: its results.
        alias_size_in_bytes: the part of the results that lies in donated arguments.
        temp_size_in_bytes: values in between. They share one block, kept until the function is gone.
        constant_size_in_bytes: closed-over arrays and literals.
        generated_code_size_in_bytes: machine code; None before it is made.

    Not in it, because only running tells: the states that the derivative of a `while_loop` keeps, what NumPy allocates
    inside operations without a compiled form, and what BLAS keeps for itself from its first large product on (up to 50
    MB).
    """

    argument_size_in_bytes: int
    output_size_in_bytes: int
    alias_size_in_bytes: int
    temp_size_in_bytes: int
    constant_size_in_bytes: int
    generated_code_size_in_bytes: int | None

    @property
    def peak_memory_in_bytes(self) -> int:
        """All data that is there at the same time: arguments, results, values in between, constants."""
        held = self.argument_size_in_bytes + self.constant_size_in_bytes + self.temp_size_in_bytes
        return held + self.output_size_in_bytes - self.alias_size_in_bytes


@record(frozen=True)
class Artifact:
    """How machine code is called.

    Attributes:
        entry: the name of the object code in the cache.
        constants, inputs, outputs: types; `targets` says which output takes over the memory of which input.
        literals: arrays that follow the constants.
        workspace: bytes.
        releases: whether it runs long enough to release the GIL.
        raises: whether it may report an exception.
        callbacks: operations evaluated by NumPy: (primitive, parameters, types of operands, types of results).
        symbols: what the machine code refers to, besides the callbacks.
        cost: floating operations and bytes.
    """

    entry: str
    constants: tuple[ShapedArray, ...]
    inputs: tuple[ShapedArray, ...]
    outputs: tuple[ShapedArray, ...]
    targets: dict[int, int]
    literals: tuple[np.ndarray, ...]
    workspace: int
    releases: bool
    raises: bool
    callbacks: tuple[tuple[Primitive, dict, tuple, tuple], ...]
    symbols: tuple[str, ...]
    cost: dict[str, float]

    def memory(self, code_bytes: int | None = None) -> MemoryAnalysis:
        """What a call takes."""
        return MemoryAnalysis(
            argument_size_in_bytes=sum(a.nbytes for a in self.inputs),
            output_size_in_bytes=sum(a.nbytes for a in self.outputs),
            alias_size_in_bytes=sum(self.outputs[o].nbytes for o in self.targets),
            temp_size_in_bytes=self.workspace,
            constant_size_in_bytes=sum(c.nbytes for c in (*self.constants, *self.literals)),
            generated_code_size_in_bytes=code_bytes,
        )

    def link(self, code: bytes) -> tuple[native.Library, list[callback.Callback]]:
        """The machine code in this process, and the callbacks that must live as long as it.

        Raises:
            LookupError: the code refers to something this process does not have.
        """
        missing = native.undefined(self.symbols)
        if missing:
            _define(missing)
            missing = native.undefined(self.symbols)
        if missing:
            raise LookupError(f"machine code refers to {', '.join(missing)}, which this process does not have")
        made = [_callback(k, *parts) for k, parts in enumerate(self.callbacks)]
        return native.load_object(code, symbols={c.symbol: c.address for c in made}), made


def _define(symbols: Sequence[str]) -> None:
    """Ask those who make known the functions that machine code calls; where it was compiled, they were asked before."""
    with importing:
        from . import blas_threads, lapack, library, scipy_library, thread_pool  # programs of plain loops do without

    scipy_library.define_scipy_symbols(symbols)
    if native.undefined(symbols):
        library.define_blas_symbols()
        blas_threads.prelude()
        callback.define_out_of_memory()
        thread_pool.prepare()
        lapack.define_lapack_symbols()


def _callback(number: int, prim: Primitive, params: dict, operands: tuple, results: tuple) -> callback.Callback:
    eqn = Eqn(prim, tuple(map(Var, operands)), params, tuple(map(Var, results)), None)
    return callback.Callback(eqn, number)


def symbols_of(llvm_text: str) -> tuple[str, ...]:
    """The functions of this process that a module refers to by name."""
    found = set(re.findall(_SYMBOL, llvm_text))
    return tuple(sorted(name for name in found - set(native.undefined(found)) if not name.startswith(callback.SYMBOL)))


def aval(buffer: Any) -> ShapedArray:
    """The type of a buffer of a plan."""
    return shaped(buffer.shape, buffer.dtype)


__all__ = ["Artifact", "MemoryAnalysis", "aval", "symbols_of"]
