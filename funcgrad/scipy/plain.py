"""How the functions here get at SciPy's own: without traced values, these run."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

from ..numpy.promotion import has_tracer


def scipy_function(module: str) -> Callable[[Callable], Callable]:
    """Make a function the meaning of the one of the same name in a module of SciPy on traced values.

    SciPy is imported when the first call needs it, since loading it takes longer than everything else here.
    """

    def decorate(f: Callable) -> Callable:
        @functools.wraps(f)
        def wrapper(*args: Any, **options: Any) -> Any:
            if any(map(has_tracer, args)) or any(map(has_tracer, options.values())):
                return f(*args, **options)
            return getattr(importlib.import_module(module), f.__name__)(*args, **options)

        return wrapper

    return decorate


__all__ = ["scipy_function"]
