"""Descriptions of a program's leaves: what one can do with this module is say exactly which Python objects a program
takes.

`InputSpec` and `OutputSpec` are what the two launchers (`launcher_native`, `launcher_portable`) are built from, and
what a cache of compiled programs may use as part of its key: both are hashable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..records import record

if TYPE_CHECKING:
    from numpy.typing import DTypeLike  # importing it takes half a millisecond

__all__ = ["InputSpec", "Kind", "Launcher", "OutputSpec", "check_specs"]

WORKSPACE_ALIGNMENT = 64

Kind = Literal["array", "npscalar", "pyfloat", "pyint", "pybool", "pycomplex"]
Launcher = Callable[..., "tuple[Any, ...] | None"]

PYTHON_TYPES: dict[str, tuple[type, np.dtype]] = {
    "pyfloat": (float, np.dtype(np.float64)),
    "pyint": (int, np.dtype(np.int64)),
    "pybool": (bool, np.dtype(np.bool_)),
    "pycomplex": (complex, np.dtype(np.complex128)),
}


def _builtin_dtype(dtype: DTypeLike) -> np.dtype:
    """The one native dtype object that NumPy's own arrays of this type carry."""
    given = np.dtype(dtype)
    if given.kind not in "biufc" or given.char in "gG" or not given.isnative:
        raise ValueError(f"compiled programs take native booleans, integers, floats and complex numbers, not {given}")
    return np.dtype(given.char)


@record(frozen=True)
class InputSpec:
    """What one leaf must be.

    Attributes:
        shape: the exact shape.
        dtype: the dtype of the data handed to the program.
        kind: "array": an np.ndarray (no subclass), C-contiguous and aligned; if the shape is (), also a NumPy scalar of
            the dtype. "npscalar": a NumPy scalar only. "pyfloat", "pyint", "pybool", "pycomplex": exactly that Python
            type, with dtype float64, int64 (the value must fit), bool, complex128.

    Example:
        >>> InputSpec((2, 3), np.float32)
        InputSpec(shape=(2, 3), dtype=dtype('float32'), kind='array')
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    kind: Kind = "array"

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", _builtin_dtype(self.dtype))
        if self.kind != "array" and self.shape != ():
            raise ValueError(f"an input of kind {self.kind} has shape (), not {self.shape}")
        expected = PYTHON_TYPES.get(self.kind, (None, self.dtype))[1]
        if self.dtype is not expected:
            raise ValueError(f"an input of kind {self.kind} has dtype {expected}, not {self.dtype}")

    @property
    def nbytes(self) -> int:
        """The bytes of the data."""
        return math.prod(self.shape) * self.dtype.itemsize


@record(frozen=True)
class OutputSpec:
    """What one output is.

    Attributes:
        shape: its shape. An output of shape () comes back as a NumPy scalar, as from NumPy's own functions.
        dtype: its dtype.
        donated_from: None for a new array; or the index of the input, of the same shape and dtype, that is overwritten
            and returned.

    Example:
        >>> OutputSpec((2,), np.int64)
        OutputSpec(shape=(2,), dtype=dtype('int64'), donated_from=None)
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    donated_from: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", _builtin_dtype(self.dtype))


def check_specs(
    inputs: Sequence[InputSpec], outputs: Sequence[OutputSpec], constants: Sequence[np.ndarray], workspace_bytes: int
) -> None:
    """Check that the parts of a program's description agree.

    Args:
        inputs, outputs, constants, workspace_bytes: as for `make_launcher`.

    Raises:
        ValueError: they do not.

    Example:
        >>> check_specs([InputSpec((2,), np.float64)], [OutputSpec((2,), np.float64, donated_from=0)], [], 0)
    """
    donated = [o.donated_from for o in outputs if o.donated_from is not None]
    if len(set(donated)) != len(donated):
        raise ValueError("an input is donated to two outputs")
    for output in outputs:
        if output.donated_from is None:
            continue
        source = inputs[output.donated_from]
        if (source.shape, source.dtype, source.kind) != (output.shape, output.dtype, "array"):
            raise ValueError(f"{output} cannot take the memory of {source}")
    for constant in constants:
        if not (constant.flags.c_contiguous and constant.flags.aligned):
            raise ValueError("a constant is not contiguous and aligned")
    if workspace_bytes < 0:
        raise ValueError(f"a workspace of {workspace_bytes} bytes")
