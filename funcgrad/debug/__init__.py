"""Looking inside: with this module one can print what funcgrad makes of a function.

show(f)(x)              the program, what the compiler prepared, its schedule, kernels and Python source
print("x = {}", x)      a line with the value x has when the program runs, from inside any transformed function
callback(g, x)          a call of g with that value
first_nonfinite(f)(x)   the operation and the line where the first NaN or infinity of a result arose
"""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..api.callbacks import debug_callback as callback
from ..api.callbacks import debug_print as print
from ..api.compilation import Jitted, jit
from .nonfinite import NonFinite, first_nonfinite

STAGES = ("program", "prepared", "schedule", "kernels", "source")

__all__ = ["STAGES", "NonFinite", "callback", "first_nonfinite", "print", "show"]


def show(fun: Callable, stages: Sequence[str] = STAGES, **options: Any) -> Callable[..., None]:
    """A function that prints the stages of compiling `fun` for the types of its arguments, without running it.

    Args:
        fun: a function of pytrees of arrays, or the result of `jit`.
        stages: which ones: program, prepared, schedule, kernels, source, llvm, optimized, asm.
        options: passed to `jit` when `fun` is not compiled yet, such as `static_argnums`.

    Returns:
        A function with the arguments of `fun` that prints and returns None.

    Raises:
        ValueError: when a stage does not exist, naming those that do.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.debug.show(lambda x: np.sum(np.exp(x)), ["prepared", "schedule"])(np.zeros(3))
        --- prepared ---
        { lambda a:float64[3] .
            b:float64[3] = exp a
            c:float64[] = reduce_sum[axes=(0,)] b
          in (c,) }
        --- schedule ---
        group 0 over (3,)
          stage 0: c:float64[] = reduce_sum[axes=(0,)] b
          inlined: b
    """
    jitted = fun if isinstance(fun, Jitted) else jit(fun, **options)

    @functools.wraps(jitted.fun, updated=())
    def shown(*args: Any, **kwargs: Any) -> None:
        lowered = jitted.lower(*args, **kwargs)
        for stage in stages:
            builtins.print(f"--- {stage} ---")
            builtins.print(lowered.as_text(stage))

    return shown
