"""`custom_vmap`: functions with their own rule for batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..core.program import Program
from ..core.tracing import current_trace
from ..ops.custom import Rule
from ..ops.custom_batching import custom_vmap_call
from . import recording as rec
from .custom_rules import Arguments, CustomRule, check_pair, check_structure, trace_flat, trace_rule


class custom_vmap(CustomRule):
    """A function with its own rule for `vmap`.

    Args:
        fun: the function.

    The rule, given by `def_vmap`, has the signature `rule(axis_size, in_batched, *args) -> (outputs, out_batched)`:
    batched arguments have the batch axis in front; `in_batched` is a list with, for each argument, a pytree of bools of
    its structure, and `out_batched` one of the structure of the outputs (or a prefix of it). Derivatives of a batch
    are those of the rule, in both modes; give the function a `custom_vjp` around it for another one.

    Raises:
        AttributeError: when it is called before it has a rule.
        TypeError: when the rule returns another structure or type than the function, naming the leaf and both types.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> @fg.custom_vmap
        ... def f(x, y):
        ...     return x + y
        >>> @f.def_vmap
        ... def f_batch(axis_size, in_batched, xs, ys):
        ...     return xs * ys, True
        >>> f(2.0, 5.0), fg.vmap(f)(np.array([1.0, 2.0]), np.array([5.0, 6.0]))
        (7.0, array([ 5., 12.]))

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.custom_batching.custom_vmap.html
    """

    rule: Callable | None = None

    def __init__(self, fun: Callable) -> None:
        super().__init__(fun)

    def def_vmap(self, rule: Callable) -> Callable:
        """Set the rule; returns it, so that this can be a decorator."""
        self.rule = rule
        return rule

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = self.positional(args, kwargs)
        if self.rule is None:
            raise AttributeError(f"custom_vmap: {rec.name_of(self.fun)} has no rule; give it one with def_vmap.")
        if current_trace() is None:
            return self.fun(*args)
        a = Arguments(self, args)
        primal, captures, out_tree = trace_flat(lambda *x: self.fun(*a.all(x)), a.avals, self.name, a.weak)
        if captures:
            return self._with_captures(a, primal, captures, out_tree)
        outs = custom_vmap_call(*a.take(), program=primal, rule=self._rule(a, primal, out_tree, 0))
        return tree.tree_unflatten(out_tree, outs)

    def _with_captures(self, a: Arguments, primal: Program, captures: list[Any], out_tree: Any) -> Any:
        """What the function closes over is an operand of which the rule knows nothing."""
        rule = self._rule(a, primal, out_tree, len(captures))
        return tree.tree_unflatten(out_tree, custom_vmap_call(*captures, *a.take(), program=primal, rule=rule))

    def _rule(self, a: Arguments, primal: Program, out_tree: Any, captured: int) -> Rule:
        key = a.key((self.fun, self.rule, captured))
        return Rule(key, lambda which: self._batched(a, primal, out_tree, captured, *which), masked=True)

    def _batched(
        self, a: Arguments, primal: Program, out_tree: Any, captured: int, size: int, mask: Sequence[bool]
    ) -> tuple[Program, tuple, tuple]:
        """The program of the rule for a batch, which outputs are batched, and which operands it wants batched."""
        name = f"{self.name}: the rule"
        own = mask[captured:]
        marks: list[bool] = []

        def flat(*values: Any) -> list[Any]:
            args, in_batched = a.tree(values[captured:]), list(a.tree(own))
            outs, batched = check_pair(name, "(outputs, out_batched)", self.rule(size, in_batched, *args))  # type: ignore[misc]
            leaves = check_structure(name, "outputs", outs, out_tree, "those of the function have structure")
            marks.extend(_marks(name, batched, outs))
            return [
                self._checked(name, k, leaf, aval, size, marks[k], out_tree)
                for k, (leaf, aval) in enumerate(zip(leaves, primal.out_avals))
            ]

        avals = [v.update(shape=(size, *v.shape)) if on else v for v, on in zip(primal.in_avals, mask)]
        program = trace_rule(flat, avals, name)[0]
        return program, tuple(marks), tuple(mask)

    def _checked(self, name: str, position: int, leaf: Any, aval: Any, size: int, batched: bool, out_tree: Any) -> Any:
        expected = aval.update(shape=(size, *aval.shape)) if batched else aval
        found = rec.abstract(leaf)
        if found is not expected:
            place = rec.leaf_name(out_tree, position)
            kind = "batched" if batched else "not batched"
            raise TypeError(
                f"{name}: output {place} has type {found}, but the function's has type {aval}, and the rule says that "
                f"it is {kind}, which makes it {expected}."
            )
        return leaf


def _marks(name: str, batched: Any, outs: Any) -> list[bool]:
    """Which outputs are batched, from a prefix of their structure."""
    try:
        marks = tree.broadcast_prefix(batched, outs)
    except (ValueError, TypeError) as e:
        raise TypeError(f"{name}: out_batched is no prefix of the outputs: {e}") from None
    wrong = [m for m in marks if not isinstance(m, bool)]
    if wrong:
        raise TypeError(f"{name}: out_batched must consist of bools, got {wrong[0]!r}.")
    return marks
