"""Which NumPy function has which counterpart here, and the decorator that enters it.

`@numpy_function` gives a function three meanings in one: no Tracer among the arguments, the real NumPy function
runs; with a Tracer, the decorated one; called through NumPy's protocols (`np.sum(tracer)`), the table finds it
again.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.tracing import Tracer
from .promotion import has_tracer

SUPPORTED: dict[Any, Callable] = {}  # NumPy function or ufunc -> ours
BY_NAME: dict[str, Callable] = {}


def numpy_function(f: Callable | None = None, *, extra: tuple[str, ...] = ()) -> Callable:
    """Make `f` the meaning of the NumPy function of the same name on traced values.

    `extra` names options that NumPy's function lacks; where one of them is given, `f` runs on plain arrays as well.
    """
    if f is None:
        return functools.partial(numpy_function, extra=extra)
    name = f.__name__ if hasattr(np, f.__name__) else f.__name__.rstrip("_")
    real = getattr(np, name)
    names = list(inspect.signature(f).parameters)
    out = names.index("out") if "out" in names else None

    @functools.wraps(f)
    def wrapper(*args: Any, **options: Any) -> Any:
        for a in args:
            kind = type(a)
            if kind is Tracer or ((kind is list or kind is tuple) and has_tracer(a)):
                break
        else:
            if not options or not any(map(has_tracer, options.values())):
                if not extra or not any(options.get(key) is not None for key in extra):
                    return real(*args, **{k: v for k, v in options.items() if k not in extra} if extra else options)
        if options.get("out") is not None or (out is not None and len(args) > out and args[out] is not None):
            raise TypeError(out_refused(name))
        return f(*args, **options)

    wrapper.__name__ = wrapper.__qualname__ = name
    return register(real, wrapper)


def register(real: Any, function: Callable) -> Callable:
    """Enter a function into the tables of the protocols."""
    SUPPORTED[real] = function
    BY_NAME[function.__name__] = function
    return function


def out_refused(name: str) -> str:
    """The text for `out=`."""
    return (
        f"{name}: out= is not supported on traced values.\n"
        "Reason: a traced function describes values; it cannot write into an array that exists already.\n"
        f"Fix: use the result, as in `y = {name}(...)`; write into part of an array with `y = y.at[index].set(value)`."
    )


def nearest(name: str) -> str:
    """The supported functions whose names are closest to a missing one."""
    import difflib

    close = difflib.get_close_matches(name, BY_NAME, n=3, cutoff=0.55)
    return f"nearest supported: {', '.join(close)}" if close else "no supported function has a similar name"


def unsupported(name: str) -> str:
    """The text for a NumPy function without a counterpart."""
    return (
        f"numpy.{name} does not work on traced values: {nearest(name)}.\n"
        "Fix: build it from functions of funcgrad.numpy (docs/numpy.md lists them), compute it outside the\n"
        "transformed function, or give it a derivative with funcgrad.custom_vjp."
    )
