"""The operations: one declaration each, in flat tables by family."""

from ..core.primitive import REGISTRY, Primitive
from . import (
    banded,
    branching,
    callback,
    calls,
    collective,
    contraction,
    control,
    convolution,
    cumulative,
    custom,
    custom_batching,
    decompositions,
    elementwise,
    fourier,
    indexing,
    layout,
    least_squares,
    linalg,
    linear_call,
    linear_solve,
    matrix_functions,
    pooling,
    random_bits,
    reduction,
    remat,
    sorting,
    while_lanes,
    while_loop,
)

__all__ = [
    "DECLARED", "banded", "branching", "callback", "calls", "collective", "contraction", "control", "convolution", "cumulative", "custom", "custom_batching", "decompositions", "elementwise", "fourier", "indexing", "layout", "least_squares", "linalg", "linear_call", "linear_solve", "matrix_functions",
    "pooling", "random_bits",
    "reduction", "remat", "sorting", "while_lanes", "while_loop",
]  # fmt: skip

# What the library itself declares: its meaning is that of these sources, whatever is added while a program runs.
DECLARED: frozenset[Primitive] = frozenset(REGISTRY.values())
