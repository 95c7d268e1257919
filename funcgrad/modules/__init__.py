"""Modules: classes whose instances are pytrees, so that a model with its methods is an argument like any other.

With this folder one can declare such a class (`module`, `field`), separate arrays from everything else in a tree
(`partition`, `combine`, `filter`), transform functions of trees that hold more than arrays (`filter_grad`,
`filter_jit`, ...), and change, compare and print trees (`tree_at`, `tree_equal`, `tree_pformat`). Names and meanings
are those of equinox.
"""

from .classes import field, module
from .edits import apply_updates, tree_at, tree_equal
from .filters import (
    combine,
    filter,
    is_array,
    is_array_like,
    is_inexact_array,
    is_inexact_array_like,
    partition,
)
from .text import tree_pformat
from .transforms import filter_eval_shape, filter_grad, filter_jit, filter_value_and_grad, filter_vmap, if_array

__all__ = [
    "apply_updates", "combine", "field", "filter", "filter_eval_shape", "filter_grad", "filter_jit",
    "filter_value_and_grad", "filter_vmap", "if_array", "is_array", "is_array_like", "is_inexact_array",
    "is_inexact_array_like", "module", "partition", "tree_at", "tree_equal", "tree_pformat",
]  # fmt: skip
