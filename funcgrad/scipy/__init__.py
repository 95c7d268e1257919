"""Counterparts of SciPy's modules."""

from . import integrate, interpolate, linalg, ndimage, optimize, signal, sparse, special, stats

__all__ = ["integrate", "interpolate", "linalg", "ndimage", "optimize", "signal", "sparse", "special", "stats"]
