"""Counterparts of SciPy's modules."""

from . import integrate, interpolate, linalg, ndimage, optimize, special

__all__ = ["integrate", "interpolate", "linalg", "ndimage", "optimize", "special"]
