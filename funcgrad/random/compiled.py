"""Samplers run as compiled code also where nothing else is compiled, so that a sample has the same bits everywhere.

NumPy and compiled code round logarithms, powers and the like differently, and compiled code may fuse a product with a
sum. With this module one can declare the part of a sampler that passes through such operations: `pointwise` for a
function of each element alone, `compiled` for any other. The call is one equation with the part's program, which a
surrounding `jit` inlines and eager evaluation runs as machine code; the compiler is only loaded then.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..api.recording import CLEARED, canonical
from ..core.avals import aval_of
from ..core.program import Program
from ..core.tracing import Tracer, retrace, state
from ..numpy import promotion
from ..ops.calls import compiled_call

# Eager arguments of a pointwise part are cut into blocks of one of these sizes, not to compile it for every shape.
SIZES = (128, 2048, 16384)


@functools.lru_cache(maxsize=512)
def _program(body: Callable[..., Any], avals: tuple, static: tuple) -> Program:
    return canonical(retrace(lambda *arrays: [body(*arrays, **dict(static))], avals))


CLEARED.append(_program.cache_clear)


def _called(body: Callable[..., Any], arrays: tuple, static: dict[str, Any]) -> Any:
    avals = tuple(x.aval if type(x) is Tracer else aval_of(x) for x in arrays)
    return compiled_call(*arrays, program=_program(body, avals, tuple(static.items())))[0]


def compiled(body: Callable[..., Any]) -> Callable[..., Any]:
    """A function of arrays, and of hashable keyword arguments, to one array, that always runs compiled."""

    @functools.wraps(body)
    def call(*arrays: Any, **static: Any) -> Any:
        return _called(body, arrays, static)

    return call


def pointwise(body: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a function of each element alone; the arrays broadcast together, and have one dtype."""

    @functools.wraps(body)
    def call(*arrays: Any, **static: Any) -> Any:
        if state.trace is None and not any(type(x) is Tracer for x in arrays):
            return _in_blocks(body, arrays, static)
        shape = promotion.common_shape([tuple(x.shape) for x in arrays], body.__name__)
        return _called(body, tuple(promotion.broadcast(x, shape) for x in arrays), static)

    return call


def _in_blocks(body: Callable[..., Any], arrays: tuple, static: dict[str, Any]) -> Any:
    """Run it on blocks of one size; what is missing in the last one is filled up and dropped."""
    shape = np.broadcast_shapes(*(np.shape(x) for x in arrays))
    count = int(np.prod(shape))
    size = next((s for s in SIZES if count <= s), SIZES[-1])
    flat = [np.ravel(np.broadcast_to(x, shape)) for x in arrays]
    out = np.empty(count, arrays[0].dtype)
    for start in range(0, count, size):
        stop = min(start + size, count)
        pieces = tuple(_filled(x[start:stop], size) for x in flat)
        out[start:stop] = _called(body, pieces, static)[: stop - start]
    return np.reshape(out, shape)[()]


def _filled(piece: np.ndarray, size: int) -> np.ndarray:
    if piece.size == size:
        return piece
    whole = np.zeros(size, piece.dtype)
    whole[: piece.size] = piece
    return whole
