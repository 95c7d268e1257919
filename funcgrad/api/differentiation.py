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
from ..core.tracing import Tracer, run
from ..transforms.linearize import jvp as jvp_program
from ..transforms.linearize import linearize as linearize_program
from ..transforms.transpose import pullback
from . import recording as rec


def value_and_grad(
    fun: Callable,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable:
    """A function that returns the value of `fun` and its gradient.

    Reverse mode: the cost is a small multiple of one evaluation, whatever the number of parameters.

    Args:
        fun: a function of arrays and pytrees of arrays to one real number.
        argnums: which positional argument, or arguments, to differentiate with respect to.
        has_aux: `fun` returns `(value, auxiliary data)`.

    Returns:
        A function with the arguments of `fun` that returns `(value, gradient)`, or `((value, aux), gradient)`; the
        gradient has
        the structure, shapes and dtypes of the argument, or is a tuple of such for several `argnums`.

    Raises:
        TypeError: if the result is no real scalar, or an argument has an integer dtype.

    Example:
        >>> import funcgrad as fg
        >>> fg.value_and_grad(lambda x: x * x)(3.0)
        (np.float64(9.0), np.float64(6.0))

    Reference: Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3.
    """
    _refuse_flags("value_and_grad", holomorphic, allow_int)
    return _value_and_grad("value_and_grad", fun, argnums, has_aux)


def grad(
    fun: Callable,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable:
    """A function that returns the gradient of `fun`.

    Args:
        fun: a function of arrays and pytrees of arrays to one real number.
        argnums: which positional argument, or arguments, to differentiate with respect to.
        has_aux: `fun` returns `(value, auxiliary data)`.

    Returns:
        A function with the arguments of `fun` that returns the gradient, or `(gradient, aux)`.

    Raises:
        TypeError: if the result is no real scalar, or an argument has an integer dtype.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.grad(lambda w: np.sum(w**2))(np.array([1.0, -2.0]))
        array([ 2., -4.])
        >>> fg.grad(fg.grad(lambda x: x**3))(2.0)
        np.float64(12.0)

    Reference: Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3.
    """
    _refuse_flags("grad", holomorphic, allow_int)
    both = _value_and_grad("grad", fun, argnums, has_aux)

    @functools.wraps(fun, updated=())
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, result = both(*args, **kwargs)
        return (result, value[1]) if has_aux else result

    return gradient


def _refuse_flags(name: str, holomorphic: bool, allow_int: bool) -> None:
    if holomorphic or allow_int:
        raise TypeError(f"{name}: holomorphic and allow_int are not supported; differentiate real inputs.")


def _value_and_grad(purpose: str, fun: Callable, argnums: int | Sequence[int], has_aux: bool) -> Callable:
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @functools.wraps(fun, updated=())
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        chosen = _normalize(purpose, fun, numbers, len(args))
        leaves, treedef = rec.check_leaves(purpose, fun, tuple(args[i] for i in chosen))
        rec.check_differentiable(purpose, fun, leaves, treedef, chosen)

        def call(*inputs: Any) -> Any:
            replaced = list(args)
            for i, value in zip(chosen, tree.tree_unflatten(treedef, inputs)):
                replaced[i] = value
            return _split_aux(purpose, fun, fun(*replaced, **kwargs), has_aux)

        r = rec.record(call, leaves, f"{purpose} of {rec.name_of(fun)}")
        _check_scalar(purpose, fun, r)
        outputs, backward = _pull(r)
        count = len(outputs)
        results = rec.owned([*outputs, *backward([_one(r.program.outputs[0].aval)])], r.operands)
        gradients = tree.tree_unflatten(treedef, results[count:])
        value = tree.tree_unflatten(r.out_tree, results[:count])
        value = value if has_aux else value[0]
        return value, gradients[0] if isinstance(argnums, int) else gradients

    return wrapper


def _normalize(purpose: str, fun: Callable, numbers: tuple[int, ...], count: int) -> tuple[int, ...]:
    chosen = tuple(i + count if i < 0 else i for i in numbers)
    for i, given in zip(chosen, numbers):
        if not 0 <= i < count:
            raise TypeError(
                f"{purpose} of {rec.name_of(fun)}: argnums={given}, but it was called with {count} positional arguments.\n"  # noqa: E501
                "Fix: pass the argument by position, or choose argnums within range."
            )
    return chosen


def _split_aux(purpose: str, fun: Callable, result: Any, has_aux: bool) -> tuple:
    if not has_aux:
        return (result,)
    if not (isinstance(result, (tuple, list)) and len(result) == 2):
        raise TypeError(
            f"{purpose} of {rec.name_of(fun)}: has_aux=True needs a function returning (value, aux), got {result!r}."
        )
    return tuple(result)


def _check_scalar(purpose: str, fun: Callable, r: rec.Recording) -> None:
    value_tree = tree.tree_structure(
        tree.tree_unflatten(r.out_tree, r.program.outputs)[0], is_leaf=lambda x: hasattr(x, "aval")
    )
    if value_tree.num_leaves != 1 or repr(value_tree) != "PyTreeDef(*)":
        raise TypeError(errors.not_scalar(purpose, rec.name_of(fun), f"a pytree {value_tree}"))
    aval = r.program.outputs[0].aval
    if aval.shape != () or aval.dtype.kind != "f":
        raise TypeError(errors.not_scalar(purpose, rec.name_of(fun), aval))


@functools.lru_cache(maxsize=256)
def _one(aval: Any) -> Any:
    return np.ones((), aval.dtype)[()]


def _pull(r: rec.Recording, lasting: bool = False) -> tuple[list[Any], Callable[[list[Any]], list[Any]]]:
    """The outputs and a function from cotangents (one for each output, in order) to cotangents of the arguments.

    Fewer cotangents than outputs mean that the remaining outputs are auxiliary. `lasting`: the function outlives the
    call, so what it remembers must not share memory with the caller's arrays.
    """
    active = rec.active_mask(r)
    inexact = [is_inexact(v.aval) for v in r.program.inputs[r.captured :]]

    def complete(cts: list[Any], parts: Any, evaluate: Callable) -> list[Any]:
        needed = [_ct(cts, k, a) for k, (a, on) in enumerate(zip(r.program.outputs, parts.active_outputs)) if on]
        results = iter(evaluate(needed))
        return [next(results) if on else _float0(v) for v, on in zip(r.program.inputs[r.captured :], inexact)]

    if r.values is not None:
        joined, parts = pullback(r.program, active, True)
        known = rec.known_values(r, parts.known)
        known = rec.snapshot(known, r.operands) if lasting else known
        return r.forward(), lambda cts: complete(cts, parts, lambda needed: run(joined, [*known, *needed]))
    backward, parts = pullback(r.program, active, False)
    count = len(r.program.outputs)
    results = run(parts.forward, r.operands)
    outputs, residuals = results[:count], results[count:]
    residuals = rec.snapshot(residuals, r.operands) if lasting else residuals
    return outputs, lambda cts: complete(cts, parts, lambda needed: run(backward, [*residuals, *needed]))


def _ct(cts: list[Any], k: int, atom: Any) -> Any:
    return cts[k] if k < len(cts) else np.zeros(atom.aval.shape, atom.aval.dtype)[()]


def _float0(v: Any) -> Any:
    """The derivative with respect to an integer: an array of the empty type, as in JAX."""
    return np.zeros(v.aval.shape, np.dtype([("float0", np.void, 0)]))


def vjp(fun: Callable, *primals: Any, has_aux: bool = False) -> Any:
    """The value of `fun` and its pullback, the map ct -> ct^T J from output to input cotangents.

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
    outputs, backward = _pull(r, lasting=True)
    result = tree.tree_unflatten(r.out_tree, rec.owned(outputs, r.operands))
    out_leaves, out_tree = tree.tree_flatten(result[0])

    def pullback_function(cotangents: Any) -> Any:
        """Pull cotangents of the outputs back to cotangents of the arguments."""
        cts = _matching("vjp", "cotangent", "output", cotangents, out_leaves, out_tree)
        return tree.tree_unflatten(treedef, rec.owned(backward(cts), [*r.operands, *cts]))

    return (result[0], pullback_function, result[1]) if has_aux else (result[0], pullback_function)


def _matching(purpose: str, what: str, of: str, given: Any, expected: Sequence[Any], treedef: Any) -> list[Any]:
    """Flatten tangents or cotangents and check them against the values they belong to."""
    leaves, given_tree = tree.tree_flatten(given)
    if given_tree != treedef:
        raise TypeError(
            f"{purpose}: the {what}s have structure {given_tree}, the {of}s have {treedef}; they must be equal."
        )
    out = []
    for i, (g, e) in enumerate(zip(leaves, expected)):
        want, have = rec.abstract(e), rec.abstract(g)
        if want.shape != have.shape or (want is not have and not _is_python_number(g) and is_inexact(want)):
            path = tree.keystr(tree.tree_leaves_with_path(given)[i][0]) or "the only leaf"
            raise TypeError(
                f"{purpose}: the {what} at {path} has type {have}, but its {of} has type {want}; they must be equal."
            )
        out.append(g if type(g) is Tracer or want is have else np.asarray(g, want.dtype)[()])
    return out


def _is_python_number(value: Any) -> bool:
    return type(value) in (bool, int, float)


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
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeError(
            f"jvp: primals and tangents must be tuples, one entry for each argument, got {type(primals).__name__} and {type(tangents).__name__}."  # noqa: E501
        )
    leaves, treedef = rec.check_leaves("jvp", fun, tuple(primals))
    t_leaves = _matching("jvp", "tangent", "primal", tuple(tangents), leaves, treedef)
    r = rec.record(
        lambda *inputs: _split_aux("jvp", fun, fun(*tree.tree_unflatten(treedef, inputs)), has_aux),
        leaves,
        f"jvp of {rec.name_of(fun)}",
    )
    active = rec.active_mask(r)
    program, active_outputs = jvp_program(r.program, active)
    t_in = [t for t, on in zip(t_leaves, active[r.captured :]) if on]
    results = rec.owned(run(program, [*r.operands, *t_in]), [*r.operands, *t_in])
    count = len(r.program.outputs)
    outs = tree.tree_unflatten(r.out_tree, results[:count])
    t_outs = tree.tree_unflatten(r.out_tree, _with_zeros(results[count:], active_outputs, r.program.outputs))
    return (outs[0], t_outs[0], outs[1]) if has_aux else (outs[0], t_outs[0])


def _with_zeros(tangents: Sequence[Any], active: Sequence[bool], atoms: Sequence[Any]) -> list[Any]:
    given = iter(tangents)
    return [next(given) if on else _zero_tangent(a) for on, a in zip(active, atoms)]


def _zero_tangent(atom: Any) -> Any:
    return np.zeros(atom.aval.shape, atom.aval.dtype)[()] if is_inexact(atom.aval) else _float0(atom)


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
    active = rec.active_mask(r)
    parts = linearize_program(r.program, active)
    count = len(r.program.outputs)
    results = run(parts.forward, r.operands)
    results = [*rec.owned(results[:count], r.operands), *rec.snapshot(results[count:], r.operands)]
    outs = tree.tree_unflatten(r.out_tree, results[:count])

    def f_jvp(*tangents: Any) -> Any:
        """Apply the derivative at the point of linearization."""
        t_leaves = _matching("linearize", "tangent", "primal", tangents, leaves, treedef)
        t_in = [t for t, on in zip(t_leaves, active[r.captured :]) if on]
        t_outs = rec.owned(run(parts.linear, [*results[count:], *t_in]), [*results[count:], *t_in])
        return tree.tree_unflatten(r.out_tree, _with_zeros(t_outs, parts.active_outputs, r.program.outputs))[0]

    return (outs[0], f_jvp, outs[1]) if has_aux else (outs[0], f_jvp)


__all__ = ["grad", "jvp", "linearize", "value_and_grad", "vjp"]
