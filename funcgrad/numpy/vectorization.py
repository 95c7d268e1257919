"""`vectorize`: a function of scalars, or of the core axes named by a signature, applied over all other axes with
broadcasting.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from ..core.avals import shaped
from ..core.tracing import run, trace
from ..ops import layout
from ..transforms.batch import batch
from .promotion import array_operand, has_tracer

__all__ = ["vectorize"]


def vectorize(pyfunc: Callable, *, excluded: Collection[int] = (), signature: str | None = None) -> Callable:
    """`numpy.vectorize` that also takes traced values: there, it is one batched program instead of a loop.

    Args:
        pyfunc: a function of scalars, or of arrays with the core axes of `signature`.
        excluded: positions of arguments handed on as they are.
        signature: such as `"(m,n),(n)->(m)"`; axes before the core axes are broadcast against each other.

    Returns:
        The vectorized function.

    Raises:
        ValueError: the signature cannot be read, or an argument has fewer axes than its core.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> relu = fg.numpy.vectorize(lambda x: fg.numpy.where(x > 0, x, 0.0))
        >>> fg.grad(lambda x: relu(x).sum())(np.array([-1.0, 2.0]))
        array([0., 1.])

    Reference: numpy.vectorize
    """
    cores = None if signature is None else [len(c) for c in _core_axes(signature)]

    @functools.wraps(pyfunc, updated=())
    def vectorized(*args: Any) -> Any:
        if not any(map(has_tracer, args)):
            return np.vectorize(pyfunc, excluded=set(excluded), signature=signature)(*args)
        positions = [i for i in range(len(args)) if i not in excluded]
        arrays = [array_operand(args[i], "vectorize") for i in positions]
        counts = cores if cores is not None else [0] * len(arrays)
        if len(counts) != len(arrays):
            raise ValueError(f"vectorize: signature {signature!r} has {len(counts)} arguments, but got {len(arrays)}")

        def of_core(*values: Any) -> Any:
            full = list(args)
            for i, v in zip(positions, values):
                full[i] = v
            return pyfunc(*full)

        return _apply(of_core, arrays, counts)

    return vectorized


def _core_axes(signature: str) -> list[list[str]]:
    """Names of the core axes of each argument."""
    found = re.fullmatch(r"\s*(\(.*?\)(?:\s*,\s*\(.*?\))*)\s*->.*", signature)
    if found is None:
        raise ValueError(f"vectorize: cannot read the signature {signature!r}; it should look like '(m,n),(n)->(m)'")
    return [[n for n in re.split(r"[\s,]+", group) if n] for group in re.findall(r"\((.*?)\)", found.group(1))]


def _apply(of_core: Callable, arrays: list[Any], counts: list[int]) -> Any:
    """Flatten the loop axes into one batch axis, batch the program of the core, and put the loop axes back."""
    for x, n in zip(arrays, counts):
        if len(x.shape) < n:
            raise ValueError(f"vectorize: an argument of shape {tuple(x.shape)} has fewer axes than its {n} core axes")
    loops = [tuple(x.shape[: len(x.shape) - n]) for x, n in zip(arrays, counts)]
    loop = np.broadcast_shapes(*loops)
    size = math.prod(loop)
    rows = [_rows(x, own, loop, size) for x, own in zip(arrays, loops)]
    single = []

    def flat(*values: Any) -> list[Any]:
        out = of_core(*values)
        single.append(not isinstance(out, tuple))
        return [out] if single[-1] else list(out)

    types = [shaped(tuple(r.shape[1:]), r.dtype) for r in rows]
    program, captures = trace(flat, types, hoist=True, purpose="vectorize")
    batched, axes = batch(program, size, (*[None] * len(captures), *[0] * len(rows)))
    outs = [layout.with_batch_axis(o, size, a, 0) for o, a in zip(run(batched, [*captures, *rows]), axes)]
    results = [layout.reshape(o, shape=(*loop, *o.shape[1:])) for o in outs]
    return results[0] if single[0] else tuple(results)


def _rows(x: Any, own: tuple[int, ...], loop: tuple[int, ...], size: int) -> Any:
    """x broadcast over all loop axes, which become one."""
    core = tuple(x.shape[len(own) :])
    kept = tuple(n for n in own if n != 1)
    dims = [len(loop) - len(own) + d for d, n in enumerate(own) if n != 1]
    x = layout.reshape(x, shape=(*kept, *core))
    dims += [len(loop) + k for k in range(len(core))]
    return layout.reshape(layout.broadcast(x, shape=(*loop, *core), dims=tuple(dims)), shape=(size, *core))
