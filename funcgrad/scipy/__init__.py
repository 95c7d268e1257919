"""Counterparts of SciPy's modules."""

from . import linalg, special

__all__ = ["linalg", "special"]
