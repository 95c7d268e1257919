"""User-supplied derivative rules: `custom_jvp`, `custom_vjp`, and `stop_gradient`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..core.avals import is_inexact
from ..core.program import Literal, Program, Var
from ..core.tracing import Tracer, current_trace, trace
from ..ops import elementwise
from ..ops.custom import Rule, custom_jvp_call, custom_vjp_call
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

    def _key(self, rules: Any, args: tuple, treedef: Any, avals: Sequence[Any]) -> Any:
        """Equal keys mean equal rules: derivatives found for one call serve the next."""
        key = (rules, treedef, tuple(avals), tuple(self._nondiff(args)))
        try:
            hash(key)
        except TypeError:
            return object()
        return key

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


def _trace_rule(fun: Callable, avals: Sequence[Any], name: str) -> tuple[Program, Any]:
    """Trace a rule; arrays it closes over become constants, traced values it closes over are refused."""
    program, captures, structure = _trace_flat(fun, avals, name)
    if any(type(c) is Tracer for c in captures):
        traced = next(c for c in captures if type(c) is Tracer)
        raise TypeError(
            f"{name} uses a traced value of type {rec.abstract(traced)} from outside.\n"
            "Fix: pass it to the function as an argument, or hand it from fwd to bwd as a residual."
        )
    constants = dict(zip(program.inputs, map(Literal, captures)))
    eqns = [
        e.replace(inputs=tuple([constants.get(a, a) if type(a) is Var else a for a in e.inputs])) for e in program.eqns
    ]
    outputs = [constants.get(a, a) if type(a) is Var else a for a in program.outputs]
    return Program(program.inputs[len(captures) :], eqns, outputs), structure


class custom_jvp(_CustomRule):
    """A function with its own forward-mode derivative.

    Args:
        fun: the function.
        nondiff_argnums: positions of arguments that are not differentiated; the rule receives them first.

    The rule, given by `defjvp`, has the signature `rule(*nondiff_args, primals, tangents) -> (outputs, output
    tangents)` and must be linear in the tangents; reverse mode transposes it.

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
        primal, captures, out_tree = _trace_flat(
            lambda *x: self.fun(*rebuild(x)), avals, f"custom_jvp {rec.name_of(self.fun)}"
        )
        inputs = [*avals, *(a for a in avals if is_inexact(a))]
        name = f"custom_jvp {rec.name_of(self.fun)}: the rule"
        rule = Rule(
            self._key(self.rule, args, treedef, avals),
            lambda: _trace_rule(self._rule(args, treedef, avals, out_tree), inputs, name)[0],
        )
        outs = custom_jvp_call(*captures, *leaves, program=primal, rule=rule, fixed=len(captures))
        return tree.tree_unflatten(out_tree, outs)

    def _rule(self, args: tuple, treedef: Any, avals: Sequence[Any], out_tree: Any) -> Callable:
        def flat(*values: Any) -> Any:
            primals, given = values[: len(avals)], iter(values[len(avals) :])
            tangents = [next(given) if is_inexact(a) else fill(0, a.shape, a.dtype) for a in avals]
            result = self.rule(
                *self._nondiff(args), tree.tree_unflatten(treedef, primals), tree.tree_unflatten(treedef, tangents)
            )
            if not isinstance(result, (tuple, list)) or len(result) != 2:
                raise TypeError(
                    f"custom_jvp {rec.name_of(self.fun)}: the rule must return (outputs, output tangents), got {result!r}."  # noqa: E501
                )
            for what, part in zip(("outputs", "output tangents"), result):
                if tree.tree_structure(part) != out_tree:
                    raise TypeError(f"custom_jvp {rec.name_of(self.fun)}: the {what} of the rule have structure {tree.tree_structure(part)}, "  # noqa: E501
                                    f"the function returns {out_tree}.")  # fmt: skip
            return tuple(result)

        return flat


class custom_vjp(_CustomRule):
    """A function with its own reverse-mode derivative.

    Args:
        fun: the function.
        nondiff_argnums: positions of arguments that are not differentiated; `bwd` receives them first.

    `defvjp(fwd, bwd)` sets the rule: `fwd(*args) -> (outputs, residuals)`, and `bwd(*nondiff_args, residuals, output
    cotangents)
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
        primal, captures, out_tree = _trace_flat(lambda *x: self.fun(*rebuild(x)), avals, name)
        rule = Rule(
            self._key((self.fwd, self.bwd), args, treedef, avals),
            lambda: self._rules(args, treedef, rebuild, avals, primal, out_tree),
        )
        outs = custom_vjp_call(*captures, *leaves, program=primal, rule=rule, fixed=len(captures))
        return tree.tree_unflatten(out_tree, outs)

    def _rules(
        self, args: tuple, treedef: Any, rebuild: Callable, avals: Sequence[Any], primal: Program, out_tree: Any
    ) -> tuple:
        """The traced forward and backward rules."""
        name = f"custom_vjp {rec.name_of(self.fun)}: fwd"
        forward, structure = _trace_rule(lambda *x: self._forward(rebuild(x), out_tree), avals, name)
        residual_tree = tree.tree_structure(tree.tree_unflatten(structure, [0] * structure.num_leaves)[1])
        residual_avals = forward.out_avals[len(primal.outputs) :]
        return forward, self._backward(args, treedef, avals, primal, out_tree, residual_tree, residual_avals)

    def _forward(self, args: list[Any], out_tree: Any) -> tuple:
        result = self.fwd(*args)
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise TypeError(
                f"custom_vjp {rec.name_of(self.fun)}: fwd must return (outputs, residuals), got {result!r}."
            )
        if tree.tree_structure(result[0]) != out_tree:
            raise TypeError(f"custom_vjp {rec.name_of(self.fun)}: fwd returns outputs of structure {tree.tree_structure(result[0])}, "  # noqa: E501
                            f"the function returns {out_tree}.")  # fmt: skip
        return tuple(result)

    def _backward(
        self,
        args: tuple,
        treedef: Any,
        avals: Sequence[Any],
        primal: Program,
        out_tree: Any,
        residual_tree: Any,
        residual_avals: Any,
    ) -> Program:
        ct_avals = [a for a in primal.out_avals if is_inexact(a)]
        name = f"custom_vjp {rec.name_of(self.fun)}: bwd"

        def flat(*values: Any) -> list[Any]:
            residuals = tree.tree_unflatten(residual_tree, values[: len(residual_avals)])
            given = iter(values[len(residual_avals) :])
            cts = [next(given) if is_inexact(a) else fill(0, a.shape, a.dtype) for a in primal.out_avals]
            result = self.bwd(*self._nondiff(args), residuals, tree.tree_unflatten(out_tree, cts))
            return _argument_cotangents(name, result, treedef, avals)

        return _trace_rule(flat, [*residual_avals, *ct_avals], name)[0]


def _argument_cotangents(name: str, result: Any, treedef: Any, avals: Sequence[Any]) -> list[Any]:
    """Cotangents of the floating-point leaves, zeros for None."""
    arguments = tree.tree_unflatten(treedef, range(treedef.num_leaves))
    if not isinstance(result, (tuple, list)) or len(result) != len(arguments):
        raise TypeError(
            f"{name} must return a tuple with one cotangent for each of the {len(arguments)} differentiable arguments, got {result!r}."  # noqa: E501
        )
    leaves: list[Any] = []
    for argument, ct in zip(arguments, result):
        positions = tree.tree_leaves(argument)
        if ct is None:
            leaves += [fill(0, avals[i].shape, avals[i].dtype) for i in positions]
            continue
        found, structure = tree.tree_flatten(ct)
        if structure != tree.tree_structure(argument):
            raise TypeError(
                f"{name}: a cotangent has structure {structure}, its argument has {tree.tree_structure(argument)}."
            )
        leaves += found
    for i, (a, ct) in enumerate(zip(avals, leaves)):
        if is_inexact(a) and rec.abstract(ct).shape != a.shape:
            raise TypeError(
                f"{name}: the cotangent of leaf {i} has shape {rec.abstract(ct).shape}, the argument has type {a}."
            )
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
