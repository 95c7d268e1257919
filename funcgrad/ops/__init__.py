"""The operations: one declaration each, in flat tables by family."""

from . import (
    calls,
    contraction,
    control,
    cumulative,
    custom,
    elementwise,
    indexing,
    layout,
    linalg,
    random_bits,
    reduction,
    sorting,
)

__all__ = [
    "calls", "contraction", "control", "cumulative", "custom", "elementwise", "indexing", "layout", "linalg", "random_bits",
    "reduction", "sorting",
]  # fmt: skip
