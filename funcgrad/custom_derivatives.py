"""Rules of the user's own, under the name that JAX gives to this module.

With this module one can write `fg.custom_derivatives.SymbolicZero` and the like, which rules with `symbolic_zeros=True`
meet.
"""

from __future__ import annotations

from .api.custom import custom_gradient, custom_jvp, custom_vjp
from .api.symbolic_zeros import CustomVJPPrimal, SymbolicZero, custom_vjp_primal_tree_values

__all__ = [
    "CustomVJPPrimal",
    "SymbolicZero",
    "custom_gradient",
    "custom_jvp",
    "custom_vjp",
    "custom_vjp_primal_tree_values",
]
