"""scipy.special for arrays and traced values: values by SciPy outside transformations, compiled inside `jit`.

Example:
    >>> import funcgrad as fg
    >>> fg.grad(fg.scipy.special.erf)(0.0)
    np.float64(1.1283791670955126)
"""

from __future__ import annotations

from typing import Any

from ..numpy import special as _special

__all__ = [*_special.UNARY, *_special.BINARY]


def __getattr__(name: str) -> Any:
    found = _special.UNARY.get(name) or _special.BINARY.get(name)
    if found is None:
        raise AttributeError(f"funcgrad.scipy.special has no {name!r}; it has {', '.join(sorted(__all__))}")
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
