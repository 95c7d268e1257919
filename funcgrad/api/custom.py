"""User-supplied derivative rules: `custom_jvp`, `custom_vjp`, and `stop_gradient`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..core.avals import is_inexact
from ..core.program import Program, Var
from ..core.tracing import Tracer, current_trace, trace
from ..ops import elementwise
from ..ops.custom import custom_jvp_call, custom_vjp_call
from ..ops.layout import fill
from . import recording as rec


def stop_gradient(x: Any) -> Any:
    """The identity, whose derivative is zero.

    Args:
        x: a pytree of arrays.

    Returns:
        The same values, constant for every derivative.

    Example:
        >>> import funcgrad as fg
        >>> fg.grad(lambda x: x * fg.stop_gradient(x))(3.0)
        np.float64(3.0)
    """
    return tree.tree_map(lambda leaf: _stopped(leaf) if type(leaf) is Tracer else leaf, x)


class _CustomRule:
    """What `custom_jvp` and `custom_vjp` share: the wrapped function and its non-differentiable arguments."""

    def __init__(self, fun: Callable, nondiff_argnums: Sequence[int] = ()) -> None:
        functools.update_wrapper(self, fun)
        self.fun, self.nondiff_argnums = fun, tuple(nondiff_argnums)

    def _flatten(self, args: tuple) -> tuple[list[Any], Any, Callable]:
        """Differentiable leaves, their treedef, and a function that puts such leaves back among all arguments."""
        kept = [i for i in range(len(args)) if i not in self.nondiff_argnums]
        leaves, treedef = rec.check_leaves(type(self).__name__, self.fun, tuple(args[i] for i in kept))

        def rebuild(values: Sequence[Any]) -> list[Any]:
            full = list(args)
            for i, value in zip(kept, tree.tree_unflatten(treedef, values)):
                full[i] = value
            return full

        return leaves, treedef, rebuild

    def _nondiff(self, args: tuple) -> list[Any]:
        return [args[i] for i in self.nondiff_argnums]


def _trace_flat(fun: Callable, avals: Sequence[Any], purpose: str) -> tuple[Program, list[Any], Any]:
    """Trace a function of leaves to a pytree; the captures become leading inputs."""
    out_tree: list[Any] = []

    def flat(*inputs: Any) -> list[Any]:
        outs, structure = tree.tree_flatten(fun(*inputs))
        out_tree.append(structure)
        return outs

    program, captures = trace(flat, avals, hoist=True, purpose=purpose)
    return program, captures, out_tree[0]


def _widen(program: Program, position: int, captured: list[int], total: Sequence[Any]) -> Program:
    """Let a program with some captures take all captures of a group of programs, in the order of `total`."""
    extra = [Var(rec.abstract(v)) for v in total]
    for k, i in enumerate(captured):
        extra[i] = program.inputs[k]
    return Program([*extra, *program.inputs[len(captured) :]], program.eqns, program.outputs)


def _share_captures(parts: Sequence[tuple[Program, list[Any]]]) -> tuple[list[Program], list[Any]]:
    """Give several programs the same leading inputs: the union of their captures."""
    total: list[Any] = []
    for _, captures in parts:
        total += [c for c in captures if not any(c is t for t in total)]
    position = {id(v): i for i, v in enumerate(total)}
    return [_widen(p, k, [position[id(c)] for c in captures], total) for k, (p, captures) in enumerate(parts)], total


class custom_jvp(_CustomRule):  # noqa: N801, a decorator
    """A function with its own forward-mode derivative.

    Args:
        fun: the function.
        nondiff_argnums: positions of arguments that are not differentiated; the rule receives them first.

    The rule, given by `defjvp`, has the signature `rule(*nondiff_args, primals, tangents) -> (outputs, output tangents)` and
    must be linear in the tangents; reverse mode transposes it.

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

    def defjvp(self, rule: Callable) -> Callable:
        """Set the rule; returns it, so that this can be a decorator."""
        self.rule = rule
        return rule

    def defjvps(self, *rules: Callable | None) -> None:
        """Set one rule for each argument: `rule(tangent, output, *primals) -> output tangent`, or None for zero."""

        def combined(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
            out = self(*primals)
            terms = [r(t, out, *primals) for r, t in zip(rules, tangents) if r is not None]
            total = terms[0]
            for term in terms[1:]:
                total = tree.tree_map(lambda a, b: a + b, total, term)
            return out, total

        self.rule = combined

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = _bound(self.fun, args, kwargs)
        if self.rule is None:
            raise AttributeError(f"custom_jvp: {rec.name_of(self.fun)} has no rule; give it one with defjvp.")
        if current_trace() is None:
            return self.fun(*args)
        leaves, treedef, rebuild = self._flatten(args)
        avals = [rec.abstract(x) for x in leaves]
        primal, captures, out_tree = _trace_flat(lambda *x: self.fun(*rebuild(x)), avals, f"custom_jvp {rec.name_of(self.fun)}")
        tangent_avals = [a for a in avals if is_inexact(a)]
        rule, rule_captures, rule_tree = _trace_flat(self._rule(args, treedef, avals, out_tree), avals + tangent_avals, "custom_jvp rule")
        (primal, rule), total = _share_captures([(primal, captures), (rule, rule_captures)])
        outs = custom_jvp_call(*total, *leaves, program=primal, rule=rule, fixed=len(total))
        return tree.tree_unflatten(out_tree, outs)

    def _rule(self, args: tuple, treedef: Any, avals: Sequence[Any], out_tree: Any) -> Callable:
        def flat(*values: Any) -> Any:
            primals, given = values[: len(avals)], iter(values[len(avals) :])
            tangents = [next(given) if is_inexact(a) else fill(0, a.shape, a.dtype) for a in avals]
            result = self.rule(*self._nondiff(args), tree.tree_unflatten(treedef, primals), tree.tree_unflatten(treedef, tangents))
            if not isinstance(result, (tuple, list)) or len(result) != 2:
                raise TypeError(f"custom_jvp {rec.name_of(self.fun)}: the rule must return (outputs, output tangents), got {result!r}.")
            for what, part in zip(("outputs", "output tangents"), result):
                if tree.tree_structure(part) != out_tree:
                    raise TypeError(f"custom_jvp {rec.name_of(self.fun)}: the {what} of the rule have structure {tree.tree_structure(part)}, "
                                    f"the function returns {out_tree}.")  # fmt: skip
            return tuple(result)

        return flat


class custom_vjp(_CustomRule):  # noqa: N801, a decorator
    """A function with its own reverse-mode derivative.

    Args:
        fun: the function.
        nondiff_argnums: positions of arguments that are not differentiated; `bwd` receives them first.

    `defvjp(fwd, bwd)` sets the rule: `fwd(*args) -> (outputs, residuals)`, and `bwd(*nondiff_args, residuals, output cotangents)
    -> a tuple with one cotangent (or None for zero) for each differentiable argument`. Forward mode works as well: it
    transposes `bwd`, which is linear in the cotangents.

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

    def defvjp(self, fwd: Callable, bwd: Callable) -> None:
        """Set the forward and backward rules."""
        self.fwd, self.bwd = fwd, bwd

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = _bound(self.fun, args, kwargs)
        if self.fwd is None or self.bwd is None:
            raise AttributeError(f"custom_vjp: {rec.name_of(self.fun)} has no rules; give it some with defvjp.")
        if current_trace() is None:
            return self.fun(*args)
        leaves, treedef, rebuild = self._flatten(args)
        avals = [rec.abstract(x) for x in leaves]
        name = f"custom_vjp {rec.name_of(self.fun)}"
        primal, primal_captures, out_tree = _trace_flat(lambda *x: self.fun(*rebuild(x)), avals, name)
        forward, captures, forward_tree = _trace_flat(lambda *x: self._forward(rebuild(x), out_tree), avals, f"{name} fwd")
        (primal, forward), total = _share_captures([(primal, primal_captures), (forward, captures)])
        count = len(primal.outputs)
        residual_tree = tree.tree_structure(tree.tree_unflatten(forward_tree, [0] * forward_tree.num_leaves)[1])
        backward = self._backward(args, treedef, avals, primal, out_tree, residual_tree, forward.out_avals[count:])
        outs = custom_vjp_call(*total, *leaves, program=primal, forward=forward, backward=backward, fixed=len(total))
        return tree.tree_unflatten(out_tree, outs)

    def _forward(self, args: list[Any], out_tree: Any) -> tuple:
        result = self.fwd(*args)
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise TypeError(f"custom_vjp {rec.name_of(self.fun)}: fwd must return (outputs, residuals), got {result!r}.")
        if tree.tree_structure(result[0]) != out_tree:
            raise TypeError(f"custom_vjp {rec.name_of(self.fun)}: fwd returns outputs of structure {tree.tree_structure(result[0])}, "
                            f"the function returns {out_tree}.")  # fmt: skip
        return tuple(result)

    def _backward(self, args: tuple, treedef: Any, avals: Sequence[Any], primal: Program, out_tree: Any, residual_tree: Any, residual_avals: Any) -> Program:
        ct_avals = [a for a in primal.out_avals if is_inexact(a)]
        name = f"custom_vjp {rec.name_of(self.fun)}: bwd"

        def flat(*values: Any) -> list[Any]:
            residuals = tree.tree_unflatten(residual_tree, values[: len(residual_avals)])
            given = iter(values[len(residual_avals) :])
            cts = [next(given) if is_inexact(a) else fill(0, a.shape, a.dtype) for a in primal.out_avals]
            result = self.bwd(*self._nondiff(args), residuals, tree.tree_unflatten(out_tree, cts))
            return _argument_cotangents(name, result, treedef, avals)

        program, captures, _ = _trace_flat(flat, [*residual_avals, *ct_avals], name)
        if captures:
            raise TypeError(f"{name} uses a value of type {rec.abstract(captures[0])} from outside; return it from fwd as a residual instead.")
        return program


def _argument_cotangents(name: str, result: Any, treedef: Any, avals: Sequence[Any]) -> list[Any]:
    """Cotangents of the floating-point leaves, zeros for None."""
    arguments = tree.tree_unflatten(treedef, range(treedef.num_leaves))
    if not isinstance(result, (tuple, list)) or len(result) != len(arguments):
        raise TypeError(f"{name} must return a tuple with one cotangent for each of the {len(arguments)} differentiable arguments, got {result!r}.")
    leaves: list[Any] = []
    for argument, ct in zip(arguments, result):
        positions = tree.tree_leaves(argument)
        if ct is None:
            leaves += [fill(0, avals[i].shape, avals[i].dtype) for i in positions]
            continue
        found, structure = tree.tree_flatten(ct)
        if structure != tree.tree_structure(argument):
            raise TypeError(f"{name}: a cotangent has structure {structure}, its argument has {tree.tree_structure(argument)}.")
        leaves += found
    for i, (a, ct) in enumerate(zip(avals, leaves)):
        if is_inexact(a) and rec.abstract(ct).shape != a.shape:
            raise TypeError(f"{name}: the cotangent of leaf {i} has shape {rec.abstract(ct).shape}, the argument has type {a}.")
    return [_as_dtype(ct, a) for a, ct in zip(avals, leaves) if is_inexact(a)]


def _as_dtype(ct: Any, aval: Any) -> Any:
    return ct if rec.abstract(ct) is aval else elementwise.convert(ct, dtype=aval.dtype)


def _bound(fun: Callable, args: tuple, kwargs: dict) -> tuple:
    """Keyword arguments as positional ones, in the order of the signature."""
    if not kwargs:
        return args
    bound = inspect.signature(fun).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.args


def _stopped(leaf: Tracer) -> Tracer:
    return elementwise.stop(leaf)
