"""`custom_vjp` and `custom_gradient`: functions with their own reverse-mode derivative."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..core.avals import is_inexact
from ..core.program import Program
from ..core.tracing import current_trace, replay
from ..ops.custom import Rule, custom_vjp_call
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
from .symbolic_zeros import CustomVJPPrimal, zero_of


class custom_vjp(CustomRule):
    """A function with its own reverse-mode derivative.

    Args:
        fun: the function.
        nondiff_argnums, nondiff_argnames: arguments that are not differentiated, by position or name; `bwd` receives
            them first.

    `defvjp(fwd, bwd)` sets the rule: `fwd(*args) -> (outputs, residuals)`, and `bwd(*nondiff_args, residuals, output
    cotangents) -> a tuple with one cotangent (or None for zero) for each differentiable argument`. Forward mode works
    as well: it transposes `bwd`, which is linear in the cotangents.

    Raises:
        AttributeError: when it is called before it has rules.
        TypeError: when a rule returns another structure or type than it must, naming the leaf and both types.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> @fg.custom_vjp
        ... def clip_gradient(x):
        ...     return x
        >>> clip_gradient.defvjp(lambda x: (x, None), lambda _, ct: (np.clip(ct, -1.0, 1.0),))
        >>> fg.grad(lambda x: 5.0 * clip_gradient(x))(2.0)
        np.float64(1.0)

    Reference: https://docs.jax.dev/en/latest/notebooks/Custom_derivative_rules_for_Python_code.html
    """

    fwd: Callable | None = None
    bwd: Callable | None = None
    symbolic_zeros = False

    def defvjp(self, fwd: Callable, bwd: Callable, symbolic_zeros: bool = False, optimize_remat: bool = False) -> None:
        """Set the forward and backward rules.

        Args:
            fwd: `(*args) -> (outputs, residuals)`.
            bwd: `(*nondiff_args, residuals, output cotangents) -> cotangents`.
            symbolic_zeros: `fwd` gets its differentiable arguments with every leaf as a
                `custom_derivatives.CustomVJPPrimal`, with fields `value` and `perturbed`; cotangents that are known to
                be zero reach `bwd` as `custom_derivatives.SymbolicZero`, and may be returned as such.
            optimize_remat: accepted for compatibility with JAX; what rematerialization does not need is dropped
                anyway.
        """
        del optimize_remat
        self.fwd, self.bwd, self.symbolic_zeros = fwd, bwd, symbolic_zeros

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = self.positional(args, kwargs)
        if self.fwd is None or self.bwd is None:
            raise AttributeError(f"custom_vjp: {rec.name_of(self.fun)} has no rules; give it some with defvjp.")
        if current_trace() is None:
            return self.fun(*args)
        a = Arguments(self, args)
        primal, captures, out_tree = trace_flat(lambda *x: self.fun(*a.all(x)), a.avals, self.name, a.weak)
        rule = Rule(
            a.key((self.fwd, self.bwd, self.symbolic_zeros)),
            lambda *mask: self._programs(a, primal, out_tree, *mask),
            self.symbolic_zeros,
        )
        outs = custom_vjp_call(*captures, *a.take(), program=primal, rule=rule, fixed=len(captures))
        return tree.tree_unflatten(out_tree, outs)

    def _programs(self, a: Arguments, primal: Program, out_tree: Any, mask: Any = None) -> tuple:
        """The traced forward and backward rules; with symbolic zeros, the backward rule for every mask as well."""
        name, count = f"{self.name}: fwd", len(primal.outputs)

        def flat(*x: Any) -> tuple[list[Any], Any]:
            given = x if mask is None else [CustomVJPPrimal(v, on) for v, on in zip(x, mask)]
            outs, residuals = check_pair(name, "(outputs, residuals)", self.fwd(*a.all(given)))  # type: ignore[misc]
            return check_outputs(name, outs, out_tree, primal.out_avals), residuals

        forward, structure = trace_rule(flat, a.avals, name, a.weak)
        residual_tree = tree.tree_structure(tree.tree_unflatten(structure, [0] * structure.num_leaves)[1])
        backward = _Backward(self, a, primal.out_avals, out_tree, forward.out_avals[count:], residual_tree)
        if mask is None:
            return forward, backward.program()
        return forward, backward.program(), Rule((a.key((self.fwd, self.bwd)), mask), backward.program, masked=True)


class _Backward:
    """The backward rule of one call, to be traced."""

    def __init__(
        self, owner: custom_vjp, a: Arguments, out_avals: Sequence[Any], out_tree: Any, avals: list, residual_tree: Any
    ) -> None:
        self.owner, self.a, self.out_avals, self.out_tree = owner, a, out_avals, out_tree
        self.residual_avals, self.residual_tree = avals, residual_tree

    def program(self, mask: Sequence[bool] | None = None) -> Program:
        """(residuals, cotangents) -> cotangents of the arguments, for the cotangents of the mask (None: for all)."""
        marks = iter(mask or ())
        given = [is_inexact(v) and (mask is None or next(marks)) for v in self.out_avals]
        name = f"{self.owner.name}: bwd"

        def flat(*values: Any) -> list[Any]:
            split = len(self.residual_avals)
            residuals, rest = tree.tree_unflatten(self.residual_tree, values[:split]), iter(values[split:])
            cts = [next(rest) if on else self._no_cotangent(v) for v, on in zip(self.out_avals, given)]
            result = self.owner.bwd(*self.a.fixed, residuals, tree.tree_unflatten(self.out_tree, cts))  # type: ignore[misc]
            return _cotangents(name, result, self.a)

        return trace_rule(flat, [*self.residual_avals, *(v for v, on in zip(self.out_avals, given) if on)], name)[0]

    def _no_cotangent(self, aval: Any) -> Any:
        return zero_of(aval) if self.owner.symbolic_zeros else fill(0, aval.shape, aval.dtype)


def _cotangents(name: str, result: Any, a: Arguments) -> list[Any]:
    """Cotangents of the floating-point leaves, zeros for None."""
    arguments = a.tree(range(len(a.avals)))
    if not isinstance(result, (tuple, list)) or len(result) != len(arguments):
        found = f"{len(result)} of them" if isinstance(result, (tuple, list)) else repr(result)
        raise TypeError(
            f"{name} must return a tuple with one cotangent for each of the {len(arguments)} differentiable arguments, "
            f"got {found}."
        )
    leaves: list[Any] = []
    for number, argument, ct in zip(a.kept, arguments, result):
        positions = tree.tree_leaves(argument)
        if ct is None:
            leaves += [zero_of(a.avals[i]) for i in positions]
            continue
        what = f"cotangents of argument {number}"
        leaves += check_structure(name, what, ct, tree.tree_structure(argument), "the argument has structure")
    return [
        check_derivative(name, f"the cotangent of {a.path(i)}", "the argument", ct, aval)
        for i, (aval, ct) in enumerate(zip(a.avals, leaves))
        if is_inexact(aval)
    ]


def custom_gradient(fun: Callable) -> Callable:
    """A function that returns its value together with its vector-Jacobian product, as an ordinary function.

    Args:
        fun: `(*args) -> (value, vjp)`. `vjp(cotangent)` takes a cotangent of the value and returns a tuple with one
            cotangent for each argument, or just the cotangent where there is one argument; it may close over what
            `fun` computed.

    Returns:
        A function from the arguments to the value. Its reverse-mode derivative is `vjp`.

    Raises:
        TypeError: when `fun` does not return a pair, or `vjp` not a cotangent for each argument.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> @fg.custom_gradient
        ... def f(x):
        ...     return x ** 2, lambda g: (g * x,)
        >>> f(3.0), fg.grad(f)(3.0)
        (9.0, np.float64(3.0))

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.custom_gradient.html, whose interface this follows.
    """
    name = f"custom_gradient {rec.name_of(fun)}"

    @functools.wraps(fun)
    def value(*args: Any, **kwargs: Any) -> Any:
        return check_pair(name, "(value, vjp function)", fun(*args, **kwargs))[0]

    def fwd(*args: Any) -> tuple[Any, _Closure]:
        out, vjp = check_pair(name, "(value, vjp function)", fun(*args))
        if not callable(vjp):
            raise TypeError(f"{name} must return (value, vjp function), but its second result is {vjp!r}.")
        leaves, out_tree = tree.tree_flatten(out)
        avals = [rec.abstract(x) for x in leaves]
        flat = lambda *cts: vjp(tree.tree_unflatten(out_tree, cts))  # noqa: E731
        program, captures, in_tree = trace_flat(flat, avals, f"{name}: the vjp function")
        return out, _Closure(captures, program, in_tree)

    def bwd(closure: _Closure, ct: Any) -> Any:
        results = replay(closure.program, [*closure.captures, *tree.tree_leaves(ct)])
        cts = tree.tree_unflatten(closure.in_tree, results)
        return cts if isinstance(cts, (tuple, list)) else (cts,)

    wrapped = custom_vjp(value)
    wrapped.defvjp(fwd, bwd)
    return wrapped


@tree.register_pytree_node_class
class _Closure:
    """A traced function with the values it closes over, which are its leaves."""

    def __init__(self, captures: Sequence[Any], program: Program, in_tree: Any) -> None:
        self.captures, self.program, self.in_tree = captures, program, in_tree

    def tree_flatten(self) -> tuple[tuple, Any]:
        return tuple(self.captures), (self.program, self.in_tree)

    @classmethod
    def tree_unflatten(cls, aux: Any, children: Sequence[Any]) -> _Closure:
        return cls(children, *aux)
