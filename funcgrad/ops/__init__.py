"""The operations: one declaration each, in flat tables by family."""

from . import (
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
    elementwise,
    indexing,
    layout,
    linalg,
    linear_call,
    linear_solve,
    pooling,
    random_bits,
    reduction,
    remat,
    sorting,
    while_lanes,
    while_loop,
)

__all__ = [
    "branching", "callback", "calls", "collective", "contraction", "control", "convolution", "cumulative", "custom", "custom_batching", "elementwise", "indexing", "layout", "linalg", "linear_call", "linear_solve",
    "pooling", "random_bits",
    "reduction", "remat", "sorting", "while_lanes", "while_loop",
]  # fmt: skip
