"""What every transformation of the API does first: flatten the arguments, check them, run the function once, keep its
program.

With this module one can `record` a function at concrete arguments: the result holds the program, its captures and,
when the values are known (eager mode), the value of every variable, so that a derivative need not compute the forward
pass twice.
"""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..core.avals import aval_of, is_inexact, is_weak
from ..core.check import maybe_check
from ..core.program import Eqn, Program, Var, memoized
from ..core.tracing import Trace, Tracer, check_array, concrete_value, current_trace, run, state
from ..records import record

# Programs by structure: eager gradients of the same computation find the derivative that was built the first time.
_canonical: OrderedDict[Program, Program] = OrderedDict()
_CANONICAL_LIMIT = 1024


def canonical(program: Program) -> Program:
    """The remembered program of the same structure, with all that was derived from it."""
    found = _canonical.get(program)
    if found is None:
        found = _canonical[program] = maybe_check(program, "trace")
        while len(_canonical) > _CANONICAL_LIMIT:
            _canonical.popitem(last=False)
    return found


CLEARED: list[Callable[[], None]] = []  # what else is to be forgotten


def clear_caches() -> None:
    """Forget all derived programs and all compiled signatures, and hand their memory back to the system.

    What is on disk stays; see `funcgrad.cache.clear`.

    Example:
        >>> import funcgrad as fg
        >>> f = fg.jit(lambda x: x + 1.0)
        >>> f(1.0), f.cache_size()
        (np.float64(2.0), 1)
        >>> fg.clear_caches()
        >>> f.cache_size()
        0
    """
    from ..compile.memory import release_freed_blocks

    forget_all()
    gc.collect()
    release_freed_blocks()


def forget_all() -> None:
    """Forget all derived programs and all compiled signatures; whoever holds their memory still holds it."""
    _canonical.clear()
    for forget in CLEARED:
        forget()


@record
class Recording:
    """A function recorded at some arguments.

    program: captures and arguments -> flat outputs. operands: values of all inputs. values: one for each variable in
    order
    of appearance, or None when the recording is abstract. outputs: concrete outputs when known, else None. hosts:
    another function was recorded meanwhile, to be transformed.
    """

    program: Program
    operands: list[Any]
    captured: int
    values: list[Any] | None
    outputs: list[Any] | None
    out_tree: Any
    hosts: bool = False

    def forward(self) -> list[Any]:
        """The outputs: those already computed, or the program evaluated here."""
        if self.outputs is None:
            self.outputs = run(self.program, self.operands)
        return self.outputs


def abstract(value: Any) -> Any:
    """The aval of a number, array or Tracer."""
    return value.aval if type(value) is Tracer else aval_of(value)


def record(fun: Callable[..., Any], leaves: Sequence[Any], purpose: str) -> Recording:
    """Run `fun(*leaves)`, a function to any pytree, under an eager Trace."""
    trace = Trace(eager=True, hoist=True, purpose=purpose)
    try:
        trace.open()
        inputs = [trace.input(abstract(x), concrete_value(x), _weak(x)) for x in leaves]
        outs, out_tree = tree.tree_flatten(fun(*inputs))
        for i, o in enumerate(outs):
            check_output(o, purpose, out_tree, i)
        program, captures = trace.program(inputs, outs)
    finally:
        state.trace = trace.parent
    if trace.parent is not None:
        trace.parent.hosts = True
    operands = [*captures, *leaves]
    abstract_run = not trace.eager or (current_trace() is not None and any(type(x) is Tracer for x in operands))
    if abstract_run:
        return Recording(canonical(program), operands, len(captures), None, None, out_tree, trace.hosts)
    values, outputs = [concrete_value(x) for x in operands] + trace.values, [concrete_value(o) for o in outs]
    return Recording(canonical(program), operands, len(captures), values, outputs, out_tree, trace.hosts)


def _weak(value: Any) -> bool:
    return value.weak if type(value) is Tracer else is_weak(value)


def leaf_name(treedef: Any, position: int) -> str:
    """The path of a leaf, for errors."""
    paths = tree.tree_leaves_with_path(tree.tree_unflatten(treedef, range(treedef.num_leaves)))
    return tree.keystr(paths[position][0]) or "(the only one)"


def name_of(fun: Callable) -> str:
    """The name by which error messages call a function."""
    return getattr(fun, "__name__", type(fun).__name__)


def check_leaves(purpose: str, fun: Callable, values: Any, first: int = 0) -> tuple[list[Any], Any]:
    """Flatten positional arguments and refuse leaves that are not arrays, naming argument and path."""
    leaves, treedef = tree.tree_flatten(values)
    for i, leaf in enumerate(leaves):
        if type(leaf) is not Tracer:
            where = LazyText(lambda i=i: f"{purpose} of {name_of(fun)}: {argument_path(treedef, i, first)}")
            leaves[i] = check_array(leaf, where)
    return leaves, treedef


class LazyText:
    """Text that is built only when an error needs it."""

    def __init__(self, build: Callable[[], str]) -> None:
        self.build = build

    def __str__(self) -> str:
        return self.build()


def check_output(value: Any, purpose: str, out_tree: Any, position: int) -> Any:
    """Refuse an output that is no array, naming its place in the result."""
    return check_array(value, LazyText(lambda: f"{purpose}: output {leaf_name(out_tree, position)}"))


def argument_path(treedef: Any, position: int, first: int = 0) -> str:
    """`argument 0, at ['layers'][1]['w']` for the leaf at a position of a flattened tuple of arguments."""
    path = tree.tree_leaves_with_path(tree.tree_unflatten(treedef, range(treedef.num_leaves)))[position][0]
    rest = tree.keystr(path[1:])
    return f"argument {path[0].idx + first}" + (f", at {rest}" if rest else "")


def active_mask(recording: Recording) -> tuple[bool, ...]:
    """Captures have no tangent; arguments of floating type do."""
    n = recording.captured
    return tuple(i >= n and is_inexact(v.aval) for i, v in enumerate(recording.program.inputs))


def known_values(recording: Recording, known: Sequence[Any]) -> list[Any]:
    """Values of some variables of the recording's program."""
    number = recording.program.memo.get("numbering")
    if number is None:
        variables = [*recording.program.inputs, *(v for eqn in recording.program.eqns for v in eqn.outs)]
        number = recording.program.memo["numbering"] = {v: i for i, v in enumerate(variables)}
    values = recording.values
    return [values[number[v]] for v in known]  # type: ignore[index]


@memoized
def late(program: Program, count: int) -> Program:
    """The same program, with what does not depend on the last `count` inputs computed just before its first use.

    A derivative program reads tangents or cotangents one layer after the other. In this order it also computes the
    partial derivatives one layer after the other, and holds one of them at a time instead of all.

    { lambda a b ct . p = cos a; q = cos b; d = mul ct q; e = mul d p in (e,) }, 1
      -->  { lambda a b ct . q = cos b; d = mul ct q; p = cos a; e = mul d p in (e,) }
    """
    moving = set(program.inputs[len(program.inputs) - count :])
    waiting: dict[Any, Eqn] = {}
    order: dict[Eqn, None] = {}
    for eqn in program.eqns:
        if eqn.prim.effect or any(type(a) is Var and a in moving for a in eqn.inputs):
            moving.update(eqn.outs)  # effects keep their order
            _place(eqn, waiting, order)
        else:
            waiting.update(dict.fromkeys(eqn.outs, eqn))
    order.update(dict.fromkeys(program.eqns))  # what only the outputs read
    return Program(program.inputs, list(order), program.outputs)


def _place(eqn: Eqn, waiting: dict[Any, Eqn], order: dict[Eqn, None]) -> None:
    """Append an equation to the order, after those it waits for; without recursion, since programs are deep."""
    stack = [eqn]
    while stack:
        needed = [waiting[a] for a in stack[-1].inputs if type(a) is Var and a in waiting]
        if needed:
            stack.extend(reversed(needed))
            continue
        done = stack.pop()
        order[done] = None
        for v in done.outs:
            waiting.pop(v, None)


def owned(results: Sequence[Any], operands: Sequence[Any]) -> list[Any]:
    """Results as arrays of their own: a view, a read-only broadcast, an argument handed through, and a repetition are
    copied.
    """
    taken = {id(x) for x in operands}
    out = []
    for r in results:
        if isinstance(r, np.ndarray) and r.ndim == 0:
            r = r[()]
        elif isinstance(r, np.ndarray) and (r.base is not None or not r.flags.writeable or id(r) in taken):
            r = r.copy()
        taken.add(id(r))
        out.append(r)
    return out


def snapshot(values: Sequence[Any], operands: Sequence[Any]) -> list[Any]:
    """Values that stay what they are when the caller later writes to its arguments: for what outlives the call."""
    theirs = {id(x) for x in operands if isinstance(x, np.ndarray)}
    return [_copied(v) if isinstance(v, np.ndarray) and (v.base is not None or id(v) in theirs) else v for v in values]


def _copied(view: np.ndarray) -> np.ndarray:
    """A copy that takes no more memory than the view: what is repeated (stride 0) is copied once."""
    if 0 not in view.strides:
        return view.copy()
    once = view[tuple([slice(0, 1) if step == 0 else slice(None) for step in view.strides])]
    return np.broadcast_to(once.copy(), view.shape)
