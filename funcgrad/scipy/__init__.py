"""Counterparts of SciPy's modules."""

from . import linalg, signal, special

__all__ = ["linalg", "signal", "special"]
