"""Reading, writing and printing arrays: NumPy's own functions, which need values and not traces.

They are here so that `import funcgrad.numpy as np` is enough. A traced value is printed as what it is; it cannot be
written to a file, since during tracing there may be no number to write.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import (
    from_dlpack,
    frombuffer,
    fromfile,
    fromiter,
    frompyfunc,
    fromstring,
    get_printoptions,
    iterable,
    load,
    printoptions,
    set_printoptions,
)  # fmt: skip

from ..core.tracing import Tracer
from . import promotion
from .registry import register


def _printed(name: str, text: Callable) -> Callable:
    real = getattr(np, name)

    def function(a: Any, *args: Any, **options: Any) -> str:
        return text(a) if type(a) is Tracer else real(a, *args, **options)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"numpy.{name}; of a traced value its name and type.\n\nReference: numpy.{name}"
    return register(real, function)


array_repr, array_str = _printed("array_repr", repr), _printed("array_str", str)
register(np.array2string, _printed("array2string", str))


def _written(name: str) -> Callable:
    real = getattr(np, name)

    def function(file: Any, *args: Any, **options: Any) -> None:
        if any(map(promotion.has_tracer, (*args, *options.values()))):
            raise TypeError(
                f"numpy.{name} needs concrete arrays.\nFix: return the value from the function and save it outside."
            )
        real(file, *args, **options)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"numpy.{name}; traced values are refused.\n\nReference: numpy.{name}"
    return register(real, function)


save, savez = _written("save"), _written("savez")

__all__ = [
    "array_repr", "array_str", "from_dlpack", "frombuffer", "fromfile", "fromiter", "frompyfunc", "fromstring",
    "get_printoptions", "iterable", "load", "printoptions", "save", "savez", "set_printoptions",
]  # fmt: skip
