"""Derivatives: `grad`, `value_and_grad`, `vjp`, `jvp`, `linearize`, `stop_gradient`.

Each records the function once, takes the derivative program of the recording, and evaluates it. Under an open outer
Trace the evaluation records equations there, which is how transformations nest.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import errors, tree
from ..core.avals import is_inexact
from ..core.program import Eqn, Program, Var, memoized
from ..core.tracing import Trace, Tracer, replay, run, state
from ..ops import elementwise
from ..transforms.linearize import linearize as linearize_program
from ..transforms.simplify import dead_code_elimination
from ..transforms.transpose import pullback
from . import recording as rec
from . import unused
from .arguments import COMPLEX, Choice, reverse_kinds


def value_and_grad(
    fun: Callable,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    *,
    argnames: str | Sequence[str] | None = None,
    allow_unused: bool = False,
) -> Callable:
    """A function that returns the value of `fun` and its gradient.

    Reverse mode: the cost is a small multiple of one evaluation, whatever the number of parameters.

    Args:
        fun: a function of arrays and pytrees of arrays to one real number.
        argnums: which positional argument, or arguments, to differentiate with respect to.
        has_aux: `fun` returns `(value, auxiliary data)`.
        holomorphic: `fun` is a holomorphic function of complex arguments to one complex number; the result is its
            complex derivative. Without it, the gradient in a complex argument x + iy is df/dx - i df/dy.
        allow_int: accept integers and booleans; their gradient is an array of the empty dtype `float0`.
        argnames: in place of argnums, the name or names of the arguments, whether they are passed by position, by
            keyword, or left to their default.
        allow_unused: do not warn (`errors.UnusedArgumentWarning`) of an argument on which the result does not depend
            at all, so that its gradient is zero. Warnings come outside other transformations only.

    Returns:
        A function with the arguments of `fun` that returns `(value, gradient)`, or `((value, aux), gradient)`; the
        gradient has the structure, shapes and dtypes of the argument, or is a tuple of such for several `argnums` or
        `argnames`.

    Raises:
        TypeError: if the result is no real scalar (no complex one, if `holomorphic`), an argument has an integer dtype
            (is not complex, if `holomorphic`), or there is no such argument.

    Example:
        >>> import funcgrad as fg
        >>> fg.value_and_grad(lambda x: x * x)(3.0)
        (np.float64(9.0), np.float64(6.0))
        >>> fg.value_and_grad(lambda x, scale=2.0: scale * x, argnames=("scale", "x"))(3.0)
        (np.float64(6.0), (np.float64(3.0), np.float64(2.0)))

    Reference: Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3.
    """
    return _value_and_grad("value_and_grad", fun, argnums, has_aux, holomorphic, allow_int, argnames, allow_unused)


def grad(
    fun: Callable,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    *,
    argnames: str | Sequence[str] | None = None,
    allow_unused: bool = False,
) -> Callable:
    """A function that returns the gradient of `fun`.

    Args:
        fun: a function of arrays and pytrees of arrays to one real number.
        argnums: which positional argument, or arguments, to differentiate with respect to.
        has_aux: `fun` returns `(value, auxiliary data)`.
        holomorphic: `fun` is a holomorphic function of complex arguments to one complex number; the result is its
            complex derivative. Without it, the gradient in a complex argument x + iy is df/dx - i df/dy.
        allow_int: accept integers and booleans; their gradient is an array of the empty dtype `float0`.
        argnames: in place of argnums, the name or names of the arguments, whether they are passed by position, by
            keyword, or left to their default.
        allow_unused: do not warn (`errors.UnusedArgumentWarning`) of an argument on which the result does not depend
            at all, so that its gradient is zero. Warnings come outside other transformations only.

    Returns:
        A function with the arguments of `fun` that returns the gradient, or `(gradient, aux)`.

    Raises:
        TypeError: if the result is no real scalar (no complex one, if `holomorphic`), an argument has an integer dtype
            (is not complex, if `holomorphic`), or there is no such argument.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.grad(lambda w: np.sum(w**2))(np.array([1.0, -2.0]))
        array([ 2., -4.])
        >>> fg.grad(fg.grad(lambda x: x**3))(2.0)
        np.float64(12.0)
        >>> fg.grad(lambda x, y: x * y**2, argnames="y")(2.0, y=3.0)
        np.float64(12.0)

    Reference: Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3.
    """
    return gradient_of("grad", fun, argnums, has_aux, holomorphic, allow_int, argnames, allow_unused)


def gradient_of(purpose: str, fun: Callable, argnums: Any, has_aux: bool, *options: Any) -> Callable:
    """`grad`, its errors in the name of `purpose`."""
    both = _value_and_grad(purpose, fun, argnums, has_aux, *options)

    @functools.wraps(fun, updated=())
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, result = both(*args, **kwargs)
        return (result, value[1]) if has_aux else result

    return gradient


def _value_and_grad(
    purpose: str,
    fun: Callable,
    argnums: Any,
    has_aux: bool,
    holomorphic: bool = False,
    allow_int: bool = False,
    argnames: Any = None,
    allow_unused: bool = False,
) -> Callable:
    choice = Choice(purpose, fun, argnums, argnames)
    kinds = reverse_kinds(holomorphic, allow_int)

    @functools.wraps(fun, updated=())
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        r, treedef = record_at(choice, args, kwargs, has_aux, kinds)
        _check_scalar(purpose, fun, r, holomorphic)
        if not allow_unused and state.trace is None:
            unused.report(choice, r, treedef)
        derivative = Derivative(r, 1)
        gradient = derivative.pull([_one(r.program.outputs[0].aval)])
        results = rec.owned([*derivative.outputs, *gradient], r.operands)
        count = len(derivative.outputs)
        gradients = tree.tree_unflatten(treedef, results[count:])
        value = tree.tree_unflatten(r.out_tree, results[:count])
        value = value if has_aux else value[0]
        return value, gradients[0] if choice.single else gradients

    return wrapper


def record_at(choice: Choice, args: tuple, kwargs: dict, has_aux: bool, kinds: str = "f") -> tuple[rec.Recording, Any]:
    """Record a function of its chosen arguments, whose dtypes must be of these kinds: the recording, whose result is a
    tuple (value,) or (value, aux), and the structure of the tuple of arguments.
    """
    values, replace = choice(args, kwargs)
    leaves, treedef = choice.flatten(values, kinds)
    purpose, fun = choice.purpose, choice.fun

    def call(*inputs: Any) -> Any:
        new_args, new_kwargs = replace(tree.tree_unflatten(treedef, inputs))
        return _split_aux(purpose, fun, fun(*new_args, **new_kwargs), has_aux)

    return rec.record(call, leaves, f"{purpose} of {rec.name_of(fun)}"), treedef


def _split_aux(purpose: str, fun: Callable, result: Any, has_aux: bool) -> tuple:
    if not has_aux:
        return (result,)
    if not (isinstance(result, (tuple, list)) and len(result) == 2):
        raise TypeError(
            f"{purpose} of {rec.name_of(fun)}: has_aux=True needs a function returning (value, aux), got {result!r}."
        )
    return tuple(result)


def value_tree(r: rec.Recording) -> Any:
    """The structure of the differentiated part of a recorded (value,) or (value, aux)."""
    result = tree.tree_unflatten(r.out_tree, range(r.out_tree.num_leaves))
    return tree.tree_structure(result[0])


def _check_scalar(purpose: str, fun: Callable, r: rec.Recording, holomorphic: bool) -> None:
    structure = value_tree(r)
    if structure.num_leaves != 1 or repr(structure) != "PyTreeDef(*)":
        raise TypeError(errors.not_scalar(purpose, rec.name_of(fun), f"a pytree {structure}"))
    aval = r.program.outputs[0].aval
    if aval.shape != () or aval.dtype.kind not in "fc":
        raise TypeError(errors.not_scalar(purpose, rec.name_of(fun), aval))
    if (aval.dtype.kind == COMPLEX) is not holomorphic:
        text = errors.complex_needed if holomorphic else errors.complex_result
        raise TypeError(text(purpose, rec.name_of(fun), "the result", aval))


@functools.lru_cache(maxsize=256)
def _one(aval: Any) -> Any:
    return np.ones((), aval.dtype)[()]


class Derivative:
    """The derivative of a recorded function at the point where it was recorded.

    Args:
        r: the recording; its intermediate values are let go here, except those that the derivative reads.
        count: how many leading outputs have a derivative; the others are auxiliary data.
        lasting: the derivative outlives the call or is applied more than once, so that what it remembers is computed
            now and shares no memory with the caller's arrays.

    `outputs` holds the values of all outputs. `pushforward` is a program of `given` and the tangents of the active
    arguments to the tangents of the active outputs, `pullback` its transpose; `active_outputs` says which outputs
    depend on the arguments at all, `active` which arguments have a derivative.
    """

    def __init__(self, r: rec.Recording, count: int | None = None, lasting: bool = False) -> None:
        self.arguments = r.program.inputs[r.captured :]
        self._mask = rec.active_mask(r)
        self.active = self._mask[r.captured :]
        self._program = _without_derivative(r.program, len(r.program.outputs) if count is None else count)
        parts = linearize_program(self._program, self._mask)
        self.active_outputs = parts.active_outputs
        self._known = r.values is not None
        if self._known:
            self.outputs, self.given = r.forward(), rec.known_values(r, parts.known)
            r.values = None  # a long chain of large arrays would otherwise stay in memory during the backward pass
            if lasting:
                self.given, self._known = run(_residuals(self._program, self._mask), self.given), False
        else:
            atoms = r.program.outputs
            stopped = tuple([i for i, (a, b) in enumerate(zip(atoms, self._program.outputs)) if a is not b])
            results = run(_with_derivative(parts.forward, stopped) if stopped else parts.forward, r.operands)
            self.outputs, self.given = results[: len(atoms)], results[len(atoms) :]
        if lasting:
            self.given = rec.snapshot(self.given, r.operands)

    @property
    def pushforward(self) -> Program:
        """(given, tangents of the active arguments) -> tangents of the active outputs."""
        return _pushforward(self._program, self._mask, self._known)

    @property
    def pullback(self) -> Program:
        """(given, cotangents of the active outputs) -> cotangents of the active arguments."""
        program, _ = pullback(self._program, self._mask, self._known)
        return rec.late(program, sum(self.active_outputs))

    def push(self, tangents: Sequence[Any]) -> list[Any]:
        """Tangents of all arguments to tangents of all outputs."""
        given = [t for t, on in zip(tangents, self.active) if on]
        results = iter(run(self.pushforward, [*self.given, *given]))
        atoms = self._program.outputs
        return [next(results) if on else _zero_tangent(a) for on, a in zip(self.active_outputs, atoms)]

    def pull(self, cts: Sequence[Any]) -> list[Any]:
        """Cotangents of the outputs to cotangents of all arguments; auxiliary outputs have none."""
        needed = [ct for ct, on in zip(cts, self.active_outputs) if on]
        results = iter(run(self.pullback, [*self.given, *needed]))
        return [next(results) if on else float0(v.aval.shape) for v, on in zip(self.arguments, self.active)]


@memoized
def _without_derivative(program: Program, count: int) -> Program:
    """The same program whose outputs after the first `count` are constant for derivatives: auxiliary data."""
    outputs, stops = list(program.outputs[:count]), []
    for atom in program.outputs[count:]:
        if type(atom) is Var and is_inexact(atom.aval):
            stops.append(Eqn(elementwise.stop, (atom,), {}, (Var(atom.aval),), None))
            atom = stops[-1].outs[0]
        outputs.append(atom)
    return Program(program.inputs, [*program.eqns, *stops], outputs) if stops else program


@memoized
def _with_derivative(forward: Program, stopped: tuple[int, ...]) -> Program:
    """Undo `_without_derivative` for some outputs of a forward program: an outer derivative wants theirs as well."""
    producer = {e.outs[0]: e for e in forward.eqns if e.prim is elementwise.stop}
    outputs = [producer[a].inputs[0] if i in stopped else a for i, a in enumerate(forward.outputs)]
    return dead_code_elimination(Program(forward.inputs, forward.eqns, outputs))


@memoized
def _residuals(program: Program, active: tuple[bool, ...]) -> Program:
    """Values of `Linearized.known` -> residuals, recorded anew so that no equation defines a variable that is given."""
    parts = linearize_program(program, active)
    t = Trace(purpose="residuals")
    try:
        t.open()
        known = [t.input(v.aval) for v in parts.residuals_of.inputs]
        result, _ = t.program(known, replay(parts.residuals_of, known))
    finally:
        state.trace = t.parent
    return dead_code_elimination(result)


@memoized
def _pushforward(program: Program, active: tuple[bool, ...], given: bool) -> Program:
    """Forward mode, as `transforms.transpose.pullback` is reverse mode: (known values or residuals, tangents) ->
    tangents.
    """
    parts = linearize_program(program, active)
    if not given:
        return parts.linear
    count = len(parts.forward.outputs) - len(program.outputs)
    t = Trace(purpose="pushforward")
    try:
        t.open()
        known = [t.input(v.aval) for v in parts.residuals_of.inputs]
        tangents = [t.input(v.aval) for v in parts.linear.inputs[count:]]
        residuals = replay(parts.residuals_of, known)
        joined, _ = t.program([*known, *tangents], replay(parts.linear, [*residuals, *tangents]))
    finally:
        state.trace = t.parent
    return rec.late(dead_code_elimination(joined), len(tangents))


def float0(shape: tuple[int, ...]) -> Any:
    """The derivative with respect to integers: an array of the empty type, as in JAX."""
    return np.zeros(shape, np.dtype([("float0", np.void, 0)]))


def _zero_tangent(atom: Any) -> Any:
    return np.zeros(atom.aval.shape, atom.aval.dtype)[()] if is_inexact(atom.aval) else float0(atom.aval.shape)


def vjp(fun: Callable, *primals: Any, has_aux: bool = False) -> Any:
    """The value of `fun` and its pullback, the map ct -> ct^T J from output to input cotangents.

    Complex numbers are not conjugated: <ct, t> = Re(ct * t), summed over all elements.

    Args:
        fun: a function of pytrees of arrays to a pytree of arrays.
        primals: the point.
        has_aux: `fun` returns `(outputs, auxiliary data)`.

    Returns:
        `(outputs, pullback)` or `(outputs, pullback, aux)`; `pullback(cotangents)` is a tuple with one entry for each
        primal.

    Raises:
        TypeError: when a cotangent does not match its output in structure, shape or dtype.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> out, pullback = fg.vjp(np.sin, 0.0)
        >>> pullback(2.0)
        (np.float64(2.0),)

    Reference: Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3.
    """
    leaves, treedef = rec.check_leaves("vjp", fun, primals)
    r = rec.record(
        lambda *inputs: _split_aux("vjp", fun, fun(*tree.tree_unflatten(treedef, inputs)), has_aux),
        leaves,
        f"vjp of {rec.name_of(fun)}",
    )
    derivative = Derivative(r, value_tree(r).num_leaves if has_aux else None, lasting=True)
    result = tree.tree_unflatten(r.out_tree, rec.owned(derivative.outputs, r.operands))
    out_leaves, out_tree = tree.tree_flatten(result[0])

    def pullback_function(cotangents: Any) -> Any:
        """Pull cotangents of the outputs back to cotangents of the arguments."""
        cts = matching("vjp", "cotangent", "output", cotangents, out_leaves, out_tree)
        return tree.tree_unflatten(treedef, rec.owned(derivative.pull(cts), [*r.operands, *cts]))

    return (result[0], pullback_function, result[1]) if has_aux else (result[0], pullback_function)


def matching(purpose: str, what: str, of: str, given: Any, expected: Sequence[Any], treedef: Any) -> list[Any]:
    """Flatten tangents or cotangents and check them against the values they belong to."""
    leaves, given_tree = tree.tree_flatten(given)
    if given_tree != treedef:
        raise TypeError(
            f"{purpose}: the {what}s have structure {given_tree}, the {of}s have {treedef}; they must be equal."
        )
    out = []
    for i, (g, e) in enumerate(zip(leaves, expected)):
        want, have = rec.abstract(e), rec.abstract(g)
        if want.shape != have.shape or (want is not have and not _fits(g, want) and is_inexact(want)):
            path = tree.keystr(tree.tree_leaves_with_path(given)[i][0]) or "the only leaf"
            raise TypeError(
                f"{purpose}: the {what} at {path} has type {have}, but its {of} has type {want}; they must be equal."
            )
        native = want is have and getattr(g, "dtype", want.dtype).isnative
        out.append(g if type(g) is Tracer or native else np.asarray(g, want.dtype)[()])
    return out


def _fits(value: Any, aval: Any) -> bool:
    """Whether a value is a Python number that stands for one of this type."""
    return type(value) in (bool, int, float) or type(value) is complex and aval.dtype.kind == "c"


def jvp(fun: Callable, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """The value of `fun` and its derivative along `tangents`, the Jacobian-vector product J t.

    Args:
        fun: a function of pytrees of arrays to a pytree of arrays.
        primals: the point, a tuple or list with one entry for each argument.
        tangents: the direction, of the same structure.
        has_aux: `fun` returns `(outputs, auxiliary data)`.

    Returns:
        `(outputs, output tangents)`, or `(outputs, output tangents, aux)`.

    Raises:
        TypeError: when a tangent does not match its primal.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jvp(np.sin, (0.0,), (2.0,))
        (np.float64(0.0), np.float64(2.0))

    Reference: Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3.
    """
    return jvp_of("jvp", fun, primals, tangents, has_aux)


def jvp_of(purpose: str, fun: Callable, primals: Any, tangents: Any, has_aux: bool) -> Any:
    """`jvp`, its errors in the name of `purpose`."""
    leaves, treedef, t_leaves = directions(purpose, fun, primals, tangents)
    r = rec.record(
        lambda *inputs: _split_aux(purpose, fun, fun(*tree.tree_unflatten(treedef, inputs)), has_aux),
        leaves,
        f"{purpose} of {rec.name_of(fun)}",
    )
    derivative = Derivative(r, value_tree(r).num_leaves if has_aux else None)
    results = [*derivative.outputs, *derivative.push(t_leaves)]
    results = rec.owned(results, [*r.operands, *t_leaves])
    count = len(r.program.outputs)
    outs, t_outs = (tree.tree_unflatten(r.out_tree, part) for part in (results[:count], results[count:]))
    return (outs[0], t_outs[0], outs[1]) if has_aux else (outs[0], t_outs[0])


def directions(purpose: str, fun: Callable, primals: Any, tangents: Any) -> tuple[list[Any], Any, list[Any]]:
    """The leaves of a point, their structure, and the leaves of a tangent vector at it, checked against each other."""
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeError(
            f"{purpose} of {rec.name_of(fun)}: primals and tangents must be tuples, one entry for each argument, got "
            f"{type(primals).__name__} and {type(tangents).__name__}.\n"
            f"Fix: for a function of one argument write {purpose}(f, (x,), (v,))."
        )
    leaves, treedef = rec.check_leaves(purpose, fun, tuple(primals))
    return leaves, treedef, matching(purpose, "tangent", "primal", tuple(tangents), leaves, treedef)


def linearize(fun: Callable, *primals: Any, has_aux: bool = False) -> Any:
    """The value of `fun` and its derivative at that point as a linear function, to be applied to many tangents.

    Args:
        fun: a function of pytrees of arrays to a pytree of arrays.
        primals: the point.

    Returns:
        `(outputs, f_jvp)` or `(outputs, f_jvp, aux)`; `f_jvp(*tangents)` costs about one evaluation of the linear part.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> out, f_jvp = fg.linearize(np.sin, 0.0)
        >>> f_jvp(1.0), f_jvp(-3.0)
        (np.float64(1.0), np.float64(-3.0))

    Reference: Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3.
    """
    leaves, treedef = rec.check_leaves("linearize", fun, primals)
    r = rec.record(
        lambda *inputs: _split_aux("linearize", fun, fun(*tree.tree_unflatten(treedef, inputs)), has_aux),
        leaves,
        f"linearize of {rec.name_of(fun)}",
    )
    derivative = Derivative(r, value_tree(r).num_leaves if has_aux else None, lasting=True)
    outs = tree.tree_unflatten(r.out_tree, rec.owned(derivative.outputs, r.operands))

    def f_jvp(*tangents: Any) -> Any:
        """Apply the derivative at the point of linearization."""
        t_leaves = matching("linearize", "tangent", "primal", tangents, leaves, treedef)
        t_outs = rec.owned(derivative.push(t_leaves), [*derivative.given, *t_leaves])
        return tree.tree_unflatten(r.out_tree, t_outs)[0]

    return (outs[0], f_jvp, outs[1]) if has_aux else (outs[0], f_jvp)


__all__ = ["grad", "jvp", "linearize", "value_and_grad", "vjp"]
