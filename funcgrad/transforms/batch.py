"""Vectorization: a program over single examples becomes a program over batches.

    batch : Program(a -> b), size, axes -> Program([size, a] -> [size, b]), out axes

    { lambda a:float64[] . b = sin a in (b,) }, 3, (0,)
      -->  { lambda a:float64[3] . b:float64[3] = sin a in (b,) }, (0,)  # noqa: E501

Equations whose operands are all unbatched are kept as they are; the others ask their primitive's `batch` rule. The axis
may have a name: then equations that speak of it (collectives, parameter `name`) ask their rules in any case.
"""

from __future__ import annotations

from typing import Any

from ..core.check import maybe_check
from ..core.program import Program, Var, context, memoized, subprograms
from ..core.tracing import Trace, bind, state

Axes = tuple[int | None, ...]


def current_axis() -> Any:
    """The name of the axis that is being batched, if it has one and the program speaks of it."""
    return context.axis


@memoized
def names_of_axes(program: Program) -> frozenset:
    """The axes that the collectives of a program speak of."""
    own = {e.params["name"] for e in program.eqns if e.prim.collective}
    return frozenset(own.union(*[names_of_axes(p) for e in program.eqns for p in subprograms(e.params)]))


def batch_axis(program: Program, size: int, in_axes: Axes, name: Any) -> tuple[Program, Axes]:
    """`batch` over an axis with a name."""
    outer = context.axis
    try:
        context.axis = name if name is not None and name in names_of_axes(program) else None
        return batch(program, size, in_axes)
    finally:
        context.axis = outer


def batched_shape(shape: tuple[int, ...], size: int, axis: int | None) -> tuple[int, ...]:
    """The shape with a batch axis put in at `axis`."""
    return shape if axis is None else (*shape[:axis], size, *shape[axis:])


@memoized
def batch(program: Program, size: int, in_axes: Axes) -> tuple[Program, Axes]:
    """Batch a program over the axes of its inputs (None: the input has no batch axis)."""
    t = Trace(purpose="vmap")
    try:
        t.open()
        avals = [v.aval.update(shape=batched_shape(v.aval.shape, size, a)) for v, a in zip(program.inputs, in_axes)]
        inputs = [t.input(aval) for aval in avals]
        env: dict[Var, tuple[Any, int | None]] = dict(zip(program.inputs, zip(inputs, in_axes)))
        for eqn in program.eqns:
            t.source = eqn.source
            pairs = [env[a] if type(a) is Var else (a.value, None) for a in eqn.inputs]
            env.update(zip(eqn.outs, _batch_equation(eqn, size, [p[0] for p in pairs], [p[1] for p in pairs])))
        outs = [env[a] if type(a) is Var else (a.value, None) for a in program.outputs]
        result, _ = t.program(inputs, [value for value, _ in outs])
    finally:
        state.trace = t.parent
    return maybe_check(result, "vmap"), tuple(axis for _, axis in outs)


def _speaks_of(eqn: Any, name: Any) -> bool:
    if eqn.prim.collective:
        return eqn.params["name"] == name
    return any(name in names_of_axes(p) for p in subprograms(eqn.params))


def _batch_equation(eqn: Any, size: int, args: list[Any], axes: list[int | None]) -> list[tuple[Any, int | None]]:
    multiple = eqn.prim.multiple_results
    speaks = context.axis is not None and _speaks_of(eqn, context.axis)
    if all(a is None for a in axes) and not speaks:
        out = bind(eqn.prim, args, eqn.params)
        return [(o, None) for o in (out if multiple else [out])]
    if eqn.prim.batch is None:
        raise TypeError(f"{eqn.prim.name} has no batching rule; it was called at {eqn.source}")
    out, axis = eqn.prim.batch(size, args, axes, **eqn.params)
    return list(zip(out, axis)) if multiple else [(out, axis)]
