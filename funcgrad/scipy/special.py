"""scipy.special for arrays and traced values: values by SciPy outside transformations, compiled inside `jit`.

SciPy's ufuncs that are here may be called under their own name on traced values, too, as in
`scipy.special.gammainc(t, 1.0)`; functions of SciPy's that are written in Python (`logsumexp`, `polygamma`, ...) only
from here.

Example:
    >>> import funcgrad as fg
    >>> fg.grad(fg.scipy.special.erf)(0.0)
    np.float64(1.1283791670955126)
    >>> fg.grad(fg.scipy.special.gammainc)(2.0, 1.0)
    np.float64(-0.276196045702834...)
"""

from __future__ import annotations

from typing import Any

from ..numpy import special as _special
from . import special_functions as _functions
from .special_functions import *  # noqa: F403

__all__ = [*_special.UFUNCS, *_functions.__all__]


def __getattr__(name: str) -> Any:
    found = _special.UFUNCS.get(name)
    if found is None:
        raise AttributeError(f"funcgrad.scipy.special has no {name!r}; it has {', '.join(sorted(__all__))}")
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
