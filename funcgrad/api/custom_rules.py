"""What `custom_jvp`, `custom_vjp` and `custom_vmap` share: arguments by position, tracing of rules, and the checks of
what rules return, which name the leaf and both types.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import errors, tree
from ..core.avals import PYTHON_SCALARS
from ..core.program import Literal, Program, Var
from ..core.tracing import Tracer, check_array, trace
from ..ops import elementwise
from . import recording as rec
from .symbolic_zeros import SymbolicZero, materialized


class CustomRule:
    """A function with a rule of its own, and the arguments that its rule takes as they are."""

    def __init__(self, fun: Callable, nondiff_argnums: Any = (), nondiff_argnames: Any = ()) -> None:
        functools.update_wrapper(self, fun)
        names = (nondiff_argnames,) if isinstance(nondiff_argnames, str) else tuple(nondiff_argnames)
        numbers = (nondiff_argnums,) if isinstance(nondiff_argnums, int) else tuple(nondiff_argnums)
        self.fun, self.signature = fun, _signature(fun)
        self.nondiff_argnums = tuple(sorted({*numbers, *(_position(fun, name) for name in names)}))

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"{type(self).__name__} {rec.name_of(self.fun)}"

    def positional(self, args: tuple, kwargs: dict) -> tuple:
        """Keyword arguments and defaults as positional ones, in the order of the signature."""
        if self.signature is None or not kwargs and len(args) == len(self.signature.parameters):
            return args
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        if bound.kwargs:
            raise TypeError(
                f"{self.name}: {sorted(bound.kwargs)} are keyword-only, but rules take arguments by position."
            )
        return bound.args


class Arguments:
    """The arguments of one call: the leaves of those that a rule sees as arrays, and how they are put back.

    treedef: their structure, a tuple without the other arguments. avals, weak: their types. fixed: the other
    arguments, in order. Their values are not kept beyond `take`: derivatives that are remembered refer to this object.
    """

    def __init__(self, owner: CustomRule, args: tuple) -> None:
        self.owner = owner
        self.kept = [i for i in range(len(args)) if i not in owner.nondiff_argnums]
        chosen = tuple([args[i] for i in self.kept])
        leaves, self.treedef = rec.check_leaves(type(owner).__name__, owner.fun, chosen)
        self._operands = [np.asarray(x)[()] if type(x) in PYTHON_SCALARS else x for x in leaves]
        self.avals = [rec.abstract(x) for x in leaves]
        self.weak = [rec._weak(x) for x in leaves]
        self.fixed = [args[i] for i in owner.nondiff_argnums if i < len(args)]

    def take(self) -> list[Any]:
        """The values of the leaves, as arrays; to be asked for once."""
        operands, self._operands = self._operands, []
        return operands

    def all(self, leaves: Sequence[Any]) -> list[Any]:
        """All arguments, with these leaves in place of the given ones."""
        given, fixed = dict(zip(self.kept, self.tree(leaves))), iter(self.fixed)
        return [given[i] if i in given else next(fixed) for i in range(len(self.kept) + len(self.fixed))]

    def tree(self, leaves: Sequence[Any]) -> tuple:
        """The arguments that a rule sees as arrays, with these leaves."""
        return tree.tree_unflatten(self.treedef, leaves)

    def path(self, position: int) -> str:
        """`argument 0['w']` for a leaf."""
        path = tree.tree_leaves_with_path(self.tree(range(len(self.avals))))[position][0]
        return f"argument {self.kept[path[0].idx]}{tree.keystr(path[1:])}"

    def key(self, rules: Any) -> Any:
        """Equal keys mean equal rules: derivatives found for one call serve the next."""
        key = (rules, self.treedef, tuple(self.avals), tuple(self.weak), exact(self.fixed))
        try:
            hash(key)
        except TypeError:
            return object()
        return key


def exact(value: Any) -> Any:
    """A key of a pytree of Python values by which 1, 1.0 and True, 0.0 and -0.0 are four different values."""
    leaves, treedef = tree.tree_flatten(value)
    return treedef, tuple([(type(x), x, repr(x) if type(x) is float else None) for x in leaves])


def _signature(fun: Callable) -> inspect.Signature | None:
    try:
        return inspect.signature(fun)
    except (TypeError, ValueError):  # built-in functions may have none
        return None


def _position(fun: Callable, name: str) -> int:
    names = list(inspect.signature(fun).parameters)
    if name not in names:
        raise ValueError(f"{rec.name_of(fun)} has no parameter {name!r} for nondiff_argnames; it has {names}.")
    return names.index(name)


# --- tracing --------------------------------------------------------------------------------------------------------


def trace_flat(
    fun: Callable, avals: Sequence[Any], name: str, weak: Sequence[bool] | None = None
) -> tuple[Program, list[Any], Any]:
    """Trace a function of leaves to a pytree; the captures become leading inputs."""
    out_tree: list[Any] = []

    def flat(*inputs: Any) -> list[Any]:
        outs, structure = tree.tree_flatten(fun(*inputs))
        out_tree.append(structure)
        return [rec.check_output(o, name, structure, i) for i, o in enumerate(outs)]

    program, captures = trace(flat, avals, weak=weak, hoist=True, purpose=name)
    return program, captures, out_tree[0]


def trace_rule(
    fun: Callable, avals: Sequence[Any], name: str, weak: Sequence[bool] | None = None
) -> tuple[Program, Any]:
    """Trace a rule; arrays it closes over become constants, traced values it closes over are refused."""
    try:
        program, captures, structure = trace_flat(fun, avals, name, weak)
    except errors.LeakedTracerError as e:  # rules are traced when they are needed, perhaps after that trace has closed
        raise TypeError(_captured(name, f"{str(e).splitlines()[0]}")) from e
    for c in captures:
        if type(c) is Tracer:
            raise TypeError(_captured(name, f"one of type {c.aval} belongs to {c._trace.purpose}."))
    constants = dict(zip(program.inputs, map(Literal, captures)))
    eqns = [
        e.replace(inputs=tuple([constants.get(a, a) if type(a) is Var else a for a in e.inputs])) for e in program.eqns
    ]
    outputs = [constants.get(a, a) if type(a) is Var else a for a in program.outputs]
    return Program(program.inputs[len(captures) :], eqns, outputs), structure


def _captured(name: str, which: str) -> str:
    return (
        f"{name} uses a traced value from outside: {which}\n"
        "Reason: a rule sees its arguments only; the derivative with respect to what it closes over would be lost.\n"
        "Fix: pass the value to the function as an argument (not one of nondiff_argnums), hand it from fwd to bwd as "
        "a residual, or turn it into an argument with closure_convert."
    )


# --- what a rule returned -------------------------------------------------------------------------------------------


def check_pair(name: str, what: str, result: Any) -> tuple[Any, Any]:
    """The two parts of what a rule returned."""
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise TypeError(f"{name} must return {what}, got {result!r}.")
    return tuple(result)  # type: ignore[return-value]


def check_structure(name: str, what: str, value: Any, expected: Any, of: str) -> list[Any]:
    """The leaves of a pytree that must have a structure; otherwise the error that shows both, and where they part."""
    leaves, found = tree.tree_flatten(value)
    if found != expected:
        raise TypeError(f"{name}: the {what} have structure {found}, {of} {expected}{_parting(found, expected)}.")
    return leaves


def _parting(found: Any, expected: Any) -> str:
    """Leaves that only one of two structures has."""
    ours, theirs = ([tree.keystr(p) for p, _ in _paths(t)] for t in (found, expected))
    missing, extra = [p for p in theirs if p not in ours], [p for p in ours if p not in theirs]
    texts = [
        f"{word} {', '.join(p or 'a leaf' for p in ps)}"
        for word, ps in (("missing", missing), ("unexpected", extra))
        if ps
    ]
    return f" ({'; '.join(texts)})" if texts else ""


def _paths(treedef: Any) -> list[tuple[Any, Any]]:
    return tree.tree_leaves_with_path(tree.tree_unflatten(treedef, range(treedef.num_leaves)))


def check_outputs(name: str, value: Any, out_tree: Any, avals: Sequence[Any]) -> list[Any]:
    """Outputs of a rule, which must have the types of the function's; Python numbers take them."""
    leaves = check_structure(name, "outputs", value, out_tree, "those of the function have structure")
    paths = [tree.keystr(path) for path, _ in _paths(out_tree)]
    return [_output(name, path, leaf, aval) for path, leaf, aval in zip(paths, leaves, avals)]


def _output(name: str, path: str, leaf: Any, aval: Any) -> Any:
    found = rec.abstract(check_array(leaf, f"{name}: output {path}".rstrip()))
    if found is not aval and (found.shape != aval.shape or not rec._weak(leaf)):
        raise TypeError(f"{name}: {f'output {path}'.rstrip()} has type {found}, that of the function has type {aval}.")
    return converted(leaf, aval)


def check_derivative(name: str, what: str, of: str, leaf: Any, aval: Any) -> Any:
    """A tangent or cotangent of a value of type `aval`: an array of its shape, which takes its dtype."""
    if type(leaf) is SymbolicZero:
        found = leaf.aval
    else:
        found = rec.abstract(check_array(leaf, f"{name}: {what}"))
    if found.shape != aval.shape or found.dtype.kind == "c" != aval.dtype.kind:
        raise TypeError(f"{name}: {what} has type {found}, but {of} has type {aval}.")
    return converted(materialized(leaf, aval), aval)


def converted(leaf: Any, aval: Any) -> Any:
    """A leaf in the dtype of `aval`."""
    return leaf if rec.abstract(leaf) is aval else elementwise.convert(leaf, dtype=aval.dtype)
