"""Vectorization: a program over single examples becomes a program over batches.

    batch : Program(a -> b), size, axes -> Program([size, a] -> [size, b]), out axes

    { lambda a:float64[] . b = sin a in (b,) }, 3, (0,)
      -->  { lambda a:float64[3] . b:float64[3] = sin a in (b,) }, (0,)  # noqa: E501

Equations whose operands are all unbatched are kept as they are; the others ask their primitive's `batch` rule.
"""

from __future__ import annotations

from typing import Any

from ..core.check import maybe_check
from ..core.program import Program, Var, memoized
from ..core.tracing import Trace, bind

Axes = tuple[int | None, ...]


def batched_shape(shape: tuple[int, ...], size: int, axis: int | None) -> tuple[int, ...]:
    """The shape with a batch axis put in at `axis`."""
    return shape if axis is None else (*shape[:axis], size, *shape[axis:])


@memoized
def batch(program: Program, size: int, in_axes: Axes) -> tuple[Program, Axes]:
    """Batch a program over the axes of its inputs (None: the input has no batch axis)."""
    with Trace(purpose="vmap") as t:
        avals = [v.aval.update(shape=batched_shape(v.aval.shape, size, a)) for v, a in zip(program.inputs, in_axes)]
        inputs = [t.input(aval) for aval in avals]
        env: dict[Var, tuple[Any, int | None]] = dict(zip(program.inputs, zip(inputs, in_axes)))
        for eqn in program.eqns:
            t.source = eqn.source
            pairs = [env[a] if type(a) is Var else (a.value, None) for a in eqn.inputs]
            env.update(zip(eqn.outs, _batch_equation(eqn, size, [p[0] for p in pairs], [p[1] for p in pairs])))
        outs = [env[a] if type(a) is Var else (a.value, None) for a in program.outputs]
        result, _ = t.program(inputs, [value for value, _ in outs])
    return maybe_check(result, "vmap"), tuple(axis for _, axis in outs)


def _batch_equation(eqn: Any, size: int, args: list[Any], axes: list[int | None]) -> list[tuple[Any, int | None]]:
    multiple = eqn.prim.multiple_results
    if all(a is None for a in axes):
        out = bind(eqn.prim, args, eqn.params)
        return [(o, None) for o in (out if multiple else [out])]
    if eqn.prim.batch is None:
        raise TypeError(f"{eqn.prim.name} has no batching rule; it was called at {eqn.source}")
    out, axis = eqn.prim.batch(size, args, axes, **eqn.params)
    return list(zip(out, axis)) if multiple else [(out, axis)]
