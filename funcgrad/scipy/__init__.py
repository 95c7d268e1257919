"""Counterparts of SciPy's modules."""

from . import linalg, signal, sparse, special

__all__ = ["linalg", "signal", "sparse", "special"]
