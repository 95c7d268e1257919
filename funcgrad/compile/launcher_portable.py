"""The portable launcher: what one can do with this module is call a compiled program from any Python, at about 10 us
per call.

Nothing but Python, NumPy's public interface and ctypes. It behaves as `launcher_native` does, leaf by leaf, and is
what runs where object layouts are unknown: other interpreters than CPython, and free-threaded builds.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from funcgrad.compile.launcher_spec import (
    PYTHON_TYPES,
    WORKSPACE_ALIGNMENT,
    InputSpec,
    Launcher,
    OutputSpec,
    check_specs,
)

__all__ = ["make_portable_launcher"]


def make_portable_launcher(
    entry_address: int,
    inputs: Sequence[InputSpec],
    outputs: Sequence[OutputSpec],
    constants: Sequence[np.ndarray],
    workspace_bytes: int,
    release_gil: bool,
    keep_alive: Any = None,
) -> Launcher:
    """The same as `make_launcher`, with nothing but Python, NumPy's public interface and ctypes.

    Args:
        entry_address, inputs, outputs, constants, workspace_bytes, release_gil, keep_alive: as for `make_launcher`.

    Returns:
        A callable.

    Raises:
        ValueError: the specifications contradict each other.

    Example:
        >>> from funcgrad.compile import native
        >>> library = native.compile_text("define void @entry(ptr %p) { ret void }")
        >>> make_portable_launcher(library.address("entry"), [], [], [], 0, False, library)()
        ()
    """
    check_specs(inputs, outputs, constants, workspace_bytes)
    return _PortableLauncher(
        entry_address, tuple(inputs), tuple(outputs), tuple(constants), workspace_bytes, release_gil, keep_alive
    ).launch


class _PortableLauncher:
    def __init__(
        self,
        entry_address: int,
        inputs: tuple[InputSpec, ...],
        outputs: tuple[OutputSpec, ...],
        constants: tuple[np.ndarray, ...],
        workspace_bytes: int,
        release_gil: bool,
        keep_alive: Any,
    ) -> None:
        prototype = ctypes.CFUNCTYPE if release_gil else ctypes.PYFUNCTYPE
        self._entry = prototype(None, ctypes.c_void_p)(entry_address)
        self._inputs, self._outputs, self._constants = inputs, outputs, constants
        self._constant_addresses = [_address(constant) for constant in constants]
        self._workspace_bytes = workspace_bytes
        self._slot: deque[np.ndarray] = deque(maxlen=1)  # its operations are atomic, and it never holds two
        self._donated = frozenset(o.donated_from for o in outputs if o.donated_from is not None)
        self._keep_alive = keep_alive

    def launch(self, *leaves: Any) -> tuple[Any, ...] | None:
        if len(leaves) != len(self._inputs):
            return None
        arrays = []
        for index, (leaf, spec) in enumerate(zip(leaves, self._inputs)):
            array = _as_array(leaf, spec, index in self._donated)
            if array is None:
                return None
            arrays.append(array)
        addresses = [_address(array) for array in arrays]
        if self._donated and self._overlapping(arrays, addresses):
            return None
        results = [
            np.empty(o.shape, o.dtype) if o.donated_from is None else leaves[o.donated_from] for o in self._outputs
        ]
        self._run([*addresses, *map(_address, results), *self._constant_addresses])
        return tuple(
            result[()] if output.shape == () and output.donated_from is None else result
            for output, result in zip(self._outputs, results)
        )

    def _run(self, addresses: list[int]) -> None:
        block = None
        if self._workspace_bytes:
            try:
                block = self._slot.pop()
            except IndexError:
                block = np.empty(self._workspace_bytes + WORKSPACE_ALIGNMENT, np.uint8)
            addresses.append(-(-_address(block) // WORKSPACE_ALIGNMENT) * WORKSPACE_ALIGNMENT)
        self._entry(ctypes.byref((ctypes.c_void_p * max(1, len(addresses)))(*addresses)))
        if block is not None:
            self._slot.append(block)

    def _overlapping(self, arrays: list[np.ndarray], addresses: list[int]) -> bool:
        spans = [(a, a + x.nbytes, i in self._donated) for i, (a, x) in enumerate(zip(addresses, arrays)) if x.nbytes]
        spans += [(a, a + c.nbytes, False) for a, c in zip(self._constant_addresses, self._constants) if c.nbytes]
        end_any = end_donated = 0
        for start, end, donated in sorted(spans):
            if start < (end_any if donated else end_donated):
                return True
            end_any = max(end_any, end)
            end_donated = max(end_donated, end) if donated else end_donated
        return False


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def _as_array(leaf: Any, spec: InputSpec, donated: bool) -> np.ndarray | None:
    if type(leaf) is np.ndarray and spec.kind == "array":
        flags = leaf.flags
        right = leaf.dtype is spec.dtype and leaf.shape == spec.shape and flags.c_contiguous and flags.aligned
        return leaf if right and (flags.writeable or not donated) else None
    scalar = spec.dtype.type if spec.kind in ("array", "npscalar") else PYTHON_TYPES[spec.kind][0]
    if type(leaf) is not scalar or spec.shape != () or donated:
        return None
    if spec.kind == "pyint" and not -(2**63) <= leaf < 2**63:
        return None
    return np.array(leaf, spec.dtype)
