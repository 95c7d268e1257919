"""`custom_jvp`: functions with their own forward-mode derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..core.avals import is_inexact
from ..core.program import Program
from ..core.tracing import current_trace
from ..ops.custom import Rule, custom_jvp_call
from ..ops.layout import fill
from . import recording as rec
from .custom_rules import (
    Arguments,
    CustomRule,
    check_derivative,
    check_outputs,
    check_pair,
    check_structure,
    trace_flat,
    trace_rule,
)
from .symbolic_zeros import zero_of


class custom_jvp(CustomRule):
    """A function with its own forward-mode derivative.

    Args:
        fun: the function.
        nondiff_argnums, nondiff_argnames: arguments that are not differentiated, by position or name; the rule
            receives them first.

    The rule, given by `defjvp`, has the signature `rule(*nondiff_args, primals, tangents) -> (outputs, output
    tangents)` and must be linear in the tangents; reverse mode transposes it.

    Raises:
        AttributeError: when it is called before it has a rule.
        TypeError: when the rule returns another structure or type than the function, naming the leaf and both types.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> @fg.custom_jvp
        ... def log1pexp(x):
        ...     return np.log(1.0 + np.exp(x))
        >>> @log1pexp.defjvp
        ... def log1pexp_jvp(primals, tangents):
        ...     (x,), (t,) = primals, tangents
        ...     return log1pexp(x), (1.0 - 1.0 / (1.0 + np.exp(x))) * t
        >>> fg.grad(log1pexp)(0.0)
        np.float64(0.5)

    Reference: https://docs.jax.dev/en/latest/notebooks/Custom_derivative_rules_for_Python_code.html
    """

    rule: Callable | None = None
    symbolic_zeros = False

    def defjvp(self, rule: Callable, symbolic_zeros: bool = False) -> Callable:
        """Set the rule; returns it, so that this can be a decorator.

        Args:
            rule: `(*nondiff_args, primals, tangents) -> (outputs, output tangents)`.
            symbolic_zeros: tangents that are known to be zero come as `custom_derivatives.SymbolicZero`, and may be
                returned as such; otherwise they are arrays of zeros.
        """
        self.rule, self.symbolic_zeros = rule, symbolic_zeros
        return rule

    def defjvps(self, *rules: Callable | None) -> None:
        """Set one rule for each argument: `rule(tangent, output, *primals) -> output tangent`, or None for zero."""

        def combined(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
            out = self(*primals)
            terms = [r(t, out, *primals) for r, t in zip(rules, tangents) if r is not None]
            if not terms:
                return out, tree.tree_map(lambda o: zero_of(rec.abstract(o)), out)
            total = terms[0]
            for term in terms[1:]:
                total = tree.tree_map(lambda a, b: a + b, total, term)
            return out, total

        self.rule, self.symbolic_zeros = combined, False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = self.positional(args, kwargs)
        if self.rule is None:
            raise AttributeError(f"custom_jvp: {rec.name_of(self.fun)} has no rule; give it one with defjvp.")
        if current_trace() is None:
            return self.fun(*args)
        a = Arguments(self, args)
        primal, captures, out_tree = trace_flat(lambda *x: self.fun(*a.all(x)), a.avals, self.name, a.weak)
        rule = Rule(
            a.key((self.rule, self.symbolic_zeros)),
            lambda *mask: self._program(a, primal, out_tree, *mask),
            self.symbolic_zeros,
        )
        outs = custom_jvp_call(*captures, *a.take(), program=primal, rule=rule, fixed=len(captures))
        return tree.tree_unflatten(out_tree, outs)

    def _program(self, a: Arguments, primal: Program, out_tree: Any, mask: Any = None) -> Program:
        """The traced rule: (primals, tangents) -> (outputs, output tangents); tangents of those that have one."""
        given = [is_inexact(v) if mask is None else on for v, on in zip(a.avals, mask or a.avals)]
        name = f"{self.name}: the rule"

        def flat(*values: Any) -> list[Any]:
            primals, rest = values[: len(a.avals)], iter(values[len(a.avals) :])
            tangents = [next(rest) if on else self._no_tangent(v) for v, on in zip(a.avals, given)]
            result = self.rule(*a.fixed, a.tree(primals), a.tree(tangents))  # type: ignore[misc]
            outs, t_outs = check_pair(name, "(outputs, output tangents)", result)
            outs = check_outputs(name, outs, out_tree, primal.out_avals)
            return [*outs, *_tangents(name, t_outs, out_tree, primal.out_avals)]

        inputs = [*a.avals, *(v for v, on in zip(a.avals, given) if on)]
        return trace_rule(flat, inputs, name, [*a.weak, *[False] * sum(given)])[0]

    def _no_tangent(self, aval: Any) -> Any:
        return zero_of(aval) if self.symbolic_zeros else fill(0, aval.shape, aval.dtype)


def _tangents(name: str, value: Any, out_tree: Any, avals: Sequence[Any]) -> list[Any]:
    leaves = check_structure(name, "output tangents", value, out_tree, "the outputs have structure")
    paths = [p for p, _ in tree.tree_leaves_with_path(tree.tree_unflatten(out_tree, range(len(avals))))]
    texts = [tree.keystr(p) for p in paths]
    return [
        check_derivative(name, f"the tangent of output {text}".rstrip(), "the output", leaf, aval)
        for text, leaf, aval in zip(texts, leaves, avals)
    ]
