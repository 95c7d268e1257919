"""Random bits: the threefry2x32 block cipher with 20 rounds, elementwise over keys and counters.

Reference: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import lowering
from ..core import scalar as sc
from ..core.avals import ShapedArray
from ..core.primitive import nondiff
from .rules import batch_elementwise, library
from .samples import Sample

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA  # the key schedule constant of Threefry


def _rounds(k0: Any, k1: Any, c0: Any, c1: Any, constant: Any) -> tuple[Any, Any]:
    """20 rounds of add, rotate, xor on 32-bit words; a key word is injected after every four."""
    keys = (k0, k1, k0 ^ k1 ^ constant(PARITY))
    x0, x1 = c0 + k0, c1 + k1
    for group in range(5):
        for r in ROTATIONS[group % 2]:
            x0 = x0 + x1
            x1 = ((x1 << constant(r)) | (x1 >> constant(32 - r))) ^ x0
        x0 = x0 + keys[(group + 1) % 3]
        x1 = x1 + keys[(group + 2) % 3] + constant(group + 1)
    return x0, x1


def _impl(*words: Any) -> tuple[Any, Any]:
    with np.errstate(over="ignore"):
        return _rounds(*[np.asarray(w)[()] for w in words], np.uint32)


def _scalar(*words: sc.Expr) -> tuple[sc.Expr, sc.Expr]:
    return _rounds(*words, lambda v: sc.const(v, np.uint32))


def _aval(*words: ShapedArray) -> list[ShapedArray]:
    if len(words) != 4 or any(w is not words[0] for w in words) or words[0].dtype != np.uint32:
        raise TypeError(f"threefry2x32: needs four uint32 arrays of one shape, got {list(words)}")
    return [words[0], words[0]]


threefry2x32 = library(
    "threefry2x32", _impl, aval=_aval, lower=lowering.Scalar(_scalar), linearize=nondiff, multiple_results=True, batch=None,
    samples=lambda: [Sample([np.arange(k, k + 4, dtype=np.uint32) for k in (0, 7, 2**31, 5)]), Sample([np.uint32(k) for k in (1, 2, 3, 4)])],
)  # fmt: skip
threefry2x32.batch = lambda size, args, axes: batch_elementwise(threefry2x32, size, args, axes, {})
