"""Memory for time: `checkpoint` (also called `remat`), its policies, and what a derivative would save.

With this module one can say that a function's intermediate values are not to be kept for the backward pass, name values
that are, and print what is kept.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..core import lowering
from ..core.program import Var
from ..core.tracing import current_trace
from ..ops import remat as op
from ..transforms.linearize import linearize as linearize_program
from . import carry as carried
from . import recording as rec

Policy = Callable[..., Any]


def checkpoint(
    fun: Callable, *, prevent_cse: bool = True, policy: Policy | None = None, static_argnums: int | Sequence[int] = ()
) -> Callable:
    """`fun`, whose derivative computes intermediate values again instead of keeping them from the forward pass.

    Reverse mode then holds the arguments of `fun` (and what the policy saves) rather than one array for each operation,
    and costs one more evaluation of `fun`.

    Args:
        fun: a function of pytrees of arrays.
        prevent_cse: accepted for compatibility with JAX; recomputation is never merged with the forward pass.
        policy: which intermediate values to keep after all, see `checkpoint_policies`; None keeps none.
        static_argnums: positions of arguments that are ordinary Python values.

    Returns:
        A function with the same arguments, results and derivatives.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.grad(fg.checkpoint(lambda x: np.sin(np.sin(x))))(1.0) == fg.grad(lambda x: np.sin(np.sin(x)))(1.0)
        np.True_

    Reference: Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 12; the interface is that of
    jax.checkpoint.
    """
    del prevent_cse
    numbers = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)

    @functools.wraps(fun, updated=())
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if current_trace() is None:
            return fun(*args, **kwargs)
        static = {i % len(args) for i in numbers}
        dynamic = tuple(None if i in static else a for i, a in enumerate(args))
        where = f"checkpoint of {rec.name_of(fun)}"
        leaves, treedef = carried.flatten(where, "arguments", (dynamic, kwargs))

        def flat(*inputs: Any) -> tuple[list[Any], Any]:
            given, named = tree.tree_unflatten(treedef, inputs)
            full = [args[i] if i in static else a for i, a in enumerate(given)]
            return carried.flatten(where, "result", fun(*full, **named))

        traced = carried.trace_flat(where, flat, [rec.abstract(x) for x in leaves], [rec._weak(x) for x in leaves])
        outs = op.remat(*traced.captures, *leaves, program=rec.canonical(traced.program), policy=policy)
        return tree.tree_unflatten(traced.out_tree, outs)

    return wrapper


remat = checkpoint


def checkpoint_name(x: Any, name: str) -> Any:
    """The identity on a pytree, with a name by which policies know its arrays.

    Example:
        >>> checkpoint_name(2.0, "hidden")
        2.0
    """
    if current_trace() is None:
        return x
    return tree.tree_map(lambda leaf: op.checkpoint_name(leaf, name=name), x)


class checkpoint_policies:
    """Which intermediate values `checkpoint` keeps. A policy is `(primitive, *types, **parameters) -> bool`.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> saving_products = fg.checkpoint(lambda w, x: np.tanh(x @ w), policy=fg.checkpoint_policies.dots_saveable)
        >>> saving_products(np.ones((2, 2)), np.zeros(2))
        array([0., 0.])
    """

    @staticmethod
    def everything_saveable(*_: Any, **__: Any) -> bool:
        """Keep every value: as without checkpoint."""
        return True

    @staticmethod
    def nothing_saveable(*_: Any, **__: Any) -> bool:
        """Keep no value; the default."""
        return False

    @staticmethod
    def dots_saveable(prim: Any, *_: Any, **__: Any) -> bool:
        """Keep the results of matrix products."""
        return isinstance(prim.lower, lowering.Contract)

    checkpoint_dots = dots_saveable

    @staticmethod
    def dots_with_no_batch_dims_saveable(prim: Any, *_: Any, **params: Any) -> bool:
        """Keep the results of matrix products without batch axes, such as those with weights."""
        return isinstance(prim.lower, lowering.Contract) and not params["batch"][0]

    checkpoint_dots_with_no_batch_dims = dots_with_no_batch_dims_saveable

    @staticmethod
    def save_only_these_names(*names: str) -> Policy:
        """Keep the values with these names, see `checkpoint_name`."""
        return _Named(frozenset(names), True, False)

    @staticmethod
    def save_any_names_but_these(*names: str) -> Policy:
        """Keep all values with other names."""
        return _Named(frozenset(names), False, False)

    @staticmethod
    def save_anything_except_these_names(*names: str) -> Policy:
        """Keep all values but those with these names."""
        return _Named(frozenset(names), False, True)

    @staticmethod
    def save_from_both_policies(first: Policy, second: Policy) -> Policy:
        """Keep what one of two policies keeps."""
        return _Both(first, second)


class _Named:
    """A policy by names; policies with the same names are equal, so that derivatives found once serve again."""

    def __init__(self, names: frozenset[str], inside: bool, unnamed: bool) -> None:
        self.key = (names, inside, unnamed)

    def __call__(self, prim: Any, *_: Any, **params: Any) -> bool:
        names, inside, unnamed = self.key
        return (params["name"] in names) == inside if prim is op.checkpoint_name else unnamed

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Named) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


class _Both:
    """The union of two policies."""

    def __init__(self, *policies: Policy) -> None:
        self.policies = policies

    def __call__(self, prim: Any, *avals: Any, **params: Any) -> bool:
        return any(policy(prim, *avals, **params) for policy in self.policies)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Both) and self.policies == other.policies

    def __hash__(self) -> int:
        return hash(self.policies)


def saved_residuals(fun: Callable, *args: Any, **kwargs: Any) -> list[tuple[Any, str]]:
    """What reverse mode keeps of an evaluation of `fun`: a list of (type, where it comes from).

    Args:
        fun: a function of pytrees of arrays.
        args, kwargs: its arguments.

    Returns:
        One pair for each array that the backward pass reads.

    Example:
        >>> import numpy as np
        >>> saved_residuals(np.sin, 1.0)
        [(float64[], 'argument 0')]
    """
    leaves, treedef = rec.check_leaves("saved_residuals", fun, args)
    flat = lambda *x: fun(*tree.tree_unflatten(treedef, x), **kwargs)  # noqa: E731
    r = rec.record(flat, leaves, f"saved_residuals of {rec.name_of(fun)}")
    parts = linearize_program(r.program, rec.active_mask(r))
    forward = parts.forward
    producer = {v: eqn for eqn in forward.eqns for v in eqn.outs}
    names = dict.fromkeys(forward.inputs[: r.captured], "a captured array")
    names |= {v: rec.argument_path(treedef, i) for i, v in enumerate(forward.inputs[r.captured :])}
    residuals = dict.fromkeys(forward.outputs[len(r.program.outputs) :])
    return [(a.aval, names.get(a) or _origin(producer[a], a)) for a in residuals if type(a) is Var]


def _origin(eqn: Any, v: Var) -> str:
    """Which operation made a value, and where; for one that `checkpoint` saves, the operation inside."""
    inner = eqn.params.get("program") if eqn.prim is op.remat else None
    result = inner.outputs[eqn.outs.index(v)] if inner is not None else None
    made = next((e for e in inner.eqns if result in e.outs), None) if inner is not None else None
    if made is not None:
        return _origin(made, result)
    place = f" at {eqn.source[0].rsplit('/', 1)[-1]}:{eqn.source[1]}" if eqn.source else ""
    if eqn.prim is op.checkpoint_name:
        return f"the value named {eqn.params['name']!r}{place}"
    return f"output of {eqn.prim.name}{place}"


def print_saved_residuals(fun: Callable, *args: Any, **kwargs: Any) -> None:
    """Print what reverse mode keeps of an evaluation of `fun`, a line for each array.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> print_saved_residuals(fg.checkpoint(lambda x: np.exp(np.sin(x))), 1.0)
        float64[] from argument 0
    """
    for aval, origin in saved_residuals(fun, *args, **kwargs):
        print(f"{aval} from {origin}")


__all__ = [
    "checkpoint", "checkpoint_name", "checkpoint_policies", "print_saved_residuals", "remat", "saved_residuals",
]  # fmt: skip
