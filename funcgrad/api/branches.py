"""Branches: `cond` and `switch` run one of several functions, chosen by data.

All branches are traced and must return the same types; only the chosen one runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..core.program import Program, Var
from ..core.tracing import Tracer, check_array, current_trace, replay, retrace, run
from ..numpy import promotion
from ..ops import branching, elementwise
from . import carry as carried
from . import recording as rec


def cond(pred: Any, true_fun: Callable, false_fun: Callable, *operands: Any) -> Any:
    """`true_fun(*operands)` where `pred` holds, else `false_fun(*operands)`; only the chosen one runs.

    Args:
        pred: a boolean scalar.
        true_fun, false_fun: functions of the operands that return the same structure of the same types.
        operands: pytrees of arrays.

    Returns:
        What the chosen function returns.

    Raises:
        TypeError: when pred is no scalar, or the functions return different structures or types, naming the place.

    Example:
        >>> import funcgrad as fg
        >>> f = lambda x: cond(x > 0, lambda x: x * x, lambda x: -x, x)
        >>> f(3.0), fg.grad(f)(3.0), fg.grad(f)(-2.0)
        (np.float64(9.0), np.float64(6.0), np.float64(-1.0))

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.cond.html, whose interface this follows.
    """
    where = f"cond of {rec.name_of(true_fun)} and {rec.name_of(false_fun)}"
    pred = check_array(pred, f"{where}: pred")
    if rec.abstract(pred).ndim:
        raise TypeError(
            f"{where}: pred must be a scalar, got {rec.abstract(pred)}.\n"
            "Fix: reduce it with np.any or np.all, or choose element by element with np.where."
        )
    index = int(bool(pred)) if type(pred) is not Tracer else _index_of(pred)
    return _choose(where, index, [false_fun, true_fun], ["false_fun", "true_fun"], operands)


def _index_of(pred: Tracer) -> Any:
    truth = pred if pred.dtype == np.bool_ else elementwise.ne(pred, promotion.convert(0, pred.dtype))
    return promotion.convert(truth, np.dtype(np.int64))


def switch(index: Any, branches: Sequence[Callable], *operands: Any) -> Any:
    """`branches[index](*operands)`, the index clamped to the range of the list; only the chosen one runs.

    Args:
        index: an integer scalar.
        branches: functions of the operands that return the same structure of the same types.
        operands: pytrees of arrays.

    Returns:
        What the chosen function returns.

    Raises:
        TypeError: when the index is no integer scalar, or the functions return different structures or types.
        ValueError: when there are no branches.

    Example:
        >>> switch(1, [lambda x: x + 1.0, lambda x: x * 10.0], 2.0)
        np.float64(20.0)

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.switch.html, whose interface this follows.
    """
    where = f"switch of {len(branches)} branches"
    if not branches:
        raise ValueError(f"{where}: there must be at least one branch.")
    names = [f"branches[{k}] ({rec.name_of(f)})" for k, f in enumerate(branches)]
    return _choose(where, carried.integer(where, "the index", index), list(branches), names, operands)


def _choose(where: str, index: Any, functions: list[Callable], names: list[str], operands: tuple) -> Any:
    """Trace all branches, bring them to one type, and run the chosen one."""
    leaves, treedef = carried.flatten(where, "operands", operands)
    traced = [_trace_branch(f"{where}: {name}", f, leaves, treedef) for name, f in zip(names, functions)]
    _check_structures(where, names, traced)
    programs = _same_types(where, names, traced)
    captures = [c for t in traced for c in t.captures]
    if type(index) is Tracer:
        branches = tuple(rec.canonical(_widened(p, traced, k)) for k, p in enumerate(programs))
        outs = branching.switch(index, *captures, *leaves, branches=branches)
    else:
        trace = current_trace()
        if trace is not None:
            trace.hosts = True  # what the other branches would have read, nobody knows
        chosen = min(max(index, 0), len(functions) - 1)
        outs = run(rec.canonical(programs[chosen]), [*traced[chosen].captures, *leaves])
        outs = rec.owned(outs, [*captures, *leaves])
    return tree.tree_unflatten(traced[0].out_tree, outs)


def _trace_branch(where: str, f: Callable, leaves: list[Any], treedef: Any) -> carried.Traced:
    def branch(*inputs: Any) -> tuple[list[Any], Any]:
        return carried.flatten(where, "result", f(*tree.tree_unflatten(treedef, inputs)))

    return carried.trace_flat(where, branch, [rec.abstract(x) for x in leaves], [rec._weak(x) for x in leaves])


def _check_structures(where: str, names: list[str], traced: list[carried.Traced]) -> None:
    for name, t in zip(names[1:], traced[1:]):
        if t.out_tree != traced[0].out_tree:
            raise TypeError(
                f"{where}: the branches return different structures: {names[0]} returns {traced[0].out_tree}, "
                f"{name} returns {t.out_tree}.\nFix: return the same containers with the same keys from every branch."
            )


def _same_types(where: str, names: list[str], traced: list[carried.Traced]) -> list[Program]:
    """The programs with outputs of common types: a Python number takes the type the others give it."""
    columns = list(zip(*[t.avals for t in traced]))
    weak = list(zip(*[t.weak for t in traced]))
    wanted = [_common(column, flags) for column, flags in zip(columns, weak)]
    wrong = [k for k, aval in enumerate(wanted) if aval is None]
    if wrong:
        paths = tree.tree_leaves_with_path(tree.tree_unflatten(traced[0].out_tree, range(len(columns))))
        lines = [
            f"  result{tree.keystr(paths[k][0])}: " + ", ".join(f"{a} from {n}" for a, n in zip(columns[k], names))
            for k in wrong
        ]
        raise TypeError(
            f"{where}: the branches return different types:\n" + "\n".join(lines) + "\n"
            "Fix: convert or broadcast in the branches, so that all return the same shapes and dtypes."
        )
    return [_converted(t.program, wanted) for t in traced]


def _common(avals: Sequence[Any], weak: Sequence[bool]) -> Any:
    """The type all branches can take, or None; only Python numbers give way."""
    dtype = np.result_type(*[promotion.WEAK_KIND[a.dtype.kind](1) if w else a.dtype for a, w in zip(avals, weak)])
    same = all(a.shape == avals[0].shape and (w or a.dtype == dtype) for a, w in zip(avals, weak))
    return avals[0].update(dtype=dtype) if same else None


def _converted(program: Program, wanted: Sequence[Any]) -> Program:
    if all(a is w for a, w in zip(program.out_avals, wanted)):
        return program

    def converted(*values: Any) -> list[Any]:
        return [promotion.convert(o, w.dtype) for o, w in zip(replay(program, values), wanted)]

    return retrace(converted, program.in_avals)


def _widened(program: Program, traced: list[carried.Traced], position: int) -> Program:
    """The program of one branch as a function of the captures of all."""
    own = len(traced[position].captures)
    before = [Var(v.aval) for t in traced[:position] for v in t.program.inputs[: len(t.captures)]]
    after = [Var(v.aval) for t in traced[position + 1 :] for v in t.program.inputs[: len(t.captures)]]
    inputs = [*before, *program.inputs[:own], *after, *program.inputs[own:]]
    return Program(inputs, program.eqns, program.outputs)


__all__ = ["cond", "switch"]
