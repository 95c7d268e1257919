"""Counterparts of SciPy's modules."""

from . import linalg, optimize, special

__all__ = ["linalg", "optimize", "special"]
