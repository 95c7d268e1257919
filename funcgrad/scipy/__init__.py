"""Counterparts of SciPy's modules."""

from . import integrate, linalg, optimize, special

__all__ = ["integrate", "linalg", "optimize", "special"]
