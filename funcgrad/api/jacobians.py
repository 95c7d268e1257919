"""Derivatives beyond the gradient: Jacobians, Hessians, products with them, and elementwise derivatives.

A Jacobian is the linear program of a function (or its transpose) applied to all vectors of the standard basis at
once, by batching that program. The function itself is evaluated once, the basis is made by equations, and there is no
loop over its vectors.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import errors, tree
from .. import numpy as fnp
from ..core.program import Program
from ..core.tracing import run
from ..ops import layout
from ..transforms.batch import batch
from . import recording as rec
from .arguments import COMPLEX, Choice, reverse_kinds
from .differentiation import Derivative, directions, float0, gradient_of, jvp_of, record_at, value_tree


def jacfwd(
    fun: Callable,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    *,
    argnames: str | Sequence[str] | None = None,
) -> Callable:
    """The Jacobian of `fun` by forward mode, which suits functions with more outputs than inputs.

        J[i, j] = d f_i / d x_j, all columns J e_j in one batched evaluation

    Args:
        fun: a function of pytrees of arrays to a pytree of arrays.
        argnums: which positional argument, or arguments, to differentiate with respect to.
        has_aux: `fun` returns `(outputs, auxiliary data)`.
        holomorphic: `fun` is a holomorphic function of complex arguments; the derivatives are complex.
        argnames: in place of argnums, the name or names of the arguments.

    Returns:
        A function with the arguments of `fun` that returns the Jacobian, or `(Jacobian, aux)`. Every leaf of the
        outputs, of shape `out`, is replaced by a tree like the argument (a tuple of trees for several arguments),
        whose leaves have shape `out + in` and the dtype of the output.

    Raises:
        TypeError: if an argument or an output is not made of floating-point numbers, or there is no such argument.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jacfwd(lambda x: x**2)(np.array([1.0, 2.0]))
        array([[2., 0.],
               [0., 4.]])
        >>> fg.jacfwd(lambda x, y: {"sum": x + y, "product": x * y}, argnums=(0, 1))(2.0, 3.0)["product"]
        (np.float64(3.0), np.float64(2.0))

    Reference: Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3; the interface is that of
    https://docs.jax.dev/en/latest/_autosummary/jax.jacfwd.html
    """
    return _jacobian("jacfwd", _columns, fun, argnums, has_aux, holomorphic, False, argnames)


def jacrev(
    fun: Callable,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    *,
    argnames: str | Sequence[str] | None = None,
) -> Callable:
    """The Jacobian of `fun` by reverse mode, which suits functions with more inputs than outputs.

        J[i, j] = d f_i / d x_j, all rows e_i^T J in one batched evaluation

    Args:
        fun: a function of pytrees of arrays to a pytree of arrays.
        argnums: which positional argument, or arguments, to differentiate with respect to.
        has_aux: `fun` returns `(outputs, auxiliary data)`.
        holomorphic: `fun` is a holomorphic function of complex arguments; the derivatives are complex.
        allow_int: accept integers and booleans; their blocks are arrays of the empty dtype `float0`.
        argnames: in place of argnums, the name or names of the arguments.

    Returns:
        A function with the arguments of `fun` that returns the Jacobian, or `(Jacobian, aux)`. Every leaf of the
        outputs, of shape `out`, is replaced by a tree like the argument (a tuple of trees for several arguments),
        whose leaves have shape `out + in` and the dtype of the argument.

    Raises:
        TypeError: if an argument or an output is not made of floating-point numbers, or there is no such argument.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jacrev(lambda x: np.stack([x[0] * x[1], np.sum(x)]))(np.array([2.0, 3.0]))
        array([[3., 2.],
               [1., 1.]])

    Reference: Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3; the interface is that of
    https://docs.jax.dev/en/latest/_autosummary/jax.jacrev.html
    """
    return _jacobian("jacrev", _rows, fun, argnums, has_aux, holomorphic, allow_int, argnames)


jacobian = jacrev


def hessian(
    fun: Callable,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    *,
    argnames: str | Sequence[str] | None = None,
) -> Callable:
    """The Hessian of `fun`, forward over reverse: `jacfwd(jacrev(fun))`.

        H[i, j, k] = d^2 f_i / d x_j d x_k

    Args:
        fun: a function of pytrees of arrays to an array, or to a pytree of arrays.
        argnums: which positional argument, or arguments, to differentiate with respect to.
        has_aux: `fun` returns `(outputs, auxiliary data)`.
        holomorphic: `fun` is a holomorphic function of complex arguments; the derivatives are complex.
        argnames: in place of argnums, the name or names of the arguments.

    Returns:
        A function with the arguments of `fun` that returns the Hessian, or `(Hessian, aux)`: for every leaf of the
        outputs a tree of trees like the argument, whose leaves have shape `out + in + in`.

    Raises:
        TypeError: if an argument or an output is not made of floating-point numbers, or there is no such argument.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([2.0, 3.0]))
        array([[6., 4.],
               [4., 0.]])

    Reference: Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 5; the interface is that of
    https://docs.jax.dev/en/latest/_autosummary/jax.hessian.html
    """
    rows = _jacobian("hessian", _rows, fun, argnums, has_aux, holomorphic, False, argnames)
    return _jacobian("hessian", _columns, rows, argnums, has_aux, holomorphic, False, argnames)


def _jacobian(
    purpose: str,
    blocks_of: Callable,
    fun: Callable,
    argnums: Any,
    has_aux: bool,
    holomorphic: bool,
    allow_int: bool,
    argnames: Any,
) -> Callable:
    choice = Choice(purpose, fun, argnums, argnames)
    # Reverse mode pairs with a real result, forward mode moves along real directions; but for holomorphic functions.
    forward = blocks_of is _columns
    kinds = "f" if forward and not holomorphic else reverse_kinds(holomorphic, allow_int)
    out_kinds = COMPLEX if holomorphic else "fc" if forward else "f"

    @functools.wraps(fun, updated=())
    def jacobian_function(*args: Any, **kwargs: Any) -> Any:
        r, treedef = record_at(choice, args, kwargs, has_aux, kinds)
        out_tree = value_tree(r)
        count = out_tree.num_leaves
        _check_outputs(choice, r, out_tree, out_kinds)
        derivative = Derivative(r, count)
        aux = derivative.outputs[count:]
        blocks = blocks_of(derivative, [a.aval for a in r.program.outputs[:count]])
        flat = rec.owned([*aux, *(b for row in blocks for b in row)], r.operands)
        result = _assemble(flat[len(aux) :], out_tree, choice.tree(treedef))
        return (result, tree.tree_unflatten(r.out_tree, [*[0] * count, *flat[: len(aux)]])[1]) if has_aux else result

    return jacobian_function


def _check_outputs(choice: Choice, r: rec.Recording, out_tree: Any, kinds: str) -> None:
    for i, atom in enumerate(r.program.outputs[: out_tree.num_leaves]):
        kind, where = atom.aval.dtype.kind, f"output {rec.leaf_name(out_tree, i)}"
        if kind in "fc" and kind not in kinds:
            text = errors.complex_needed if kinds == COMPLEX else errors.complex_result
            raise TypeError(text(choice.purpose, rec.name_of(choice.fun), where, atom.aval))
        if kind not in kinds:
            raise TypeError(
                f"{choice.purpose} of {rec.name_of(choice.fun)}: {where} has type "
                f"{atom.aval}, and only floating-point numbers have derivatives.\n"
                "Fix: return floats (.astype(float)), or return this value as auxiliary data, with has_aux=True."
            )


def _assemble(blocks: Sequence[Any], out_tree: Any, in_tree: Any) -> Any:
    """The tree of outputs, with a tree of arguments at every leaf."""
    n = in_tree.num_leaves
    rows = [tree.tree_unflatten(in_tree, blocks[i * n : (i + 1) * n]) for i in range(out_tree.num_leaves)]
    return tree.tree_unflatten(out_tree, rows)


def _columns(derivative: Derivative, outputs: Sequence[Any]) -> list[list[Any]]:
    """Blocks [output][argument] by forward mode: tangents run over the basis of all arguments."""
    avals = [v.aval for v, on in zip(derivative.arguments, derivative.active) if on]
    results = iter(_apply_to_basis(derivative.pushforward, derivative.given, avals, last=True))
    blocks = []
    for aval, on in zip(outputs, derivative.active_outputs):
        value = next(results, None) if on else None
        blocks.append(_blocks(value, aval.ndim, avals, [(*aval.shape, *a.shape) for a in avals], aval.dtype))
    return blocks


def _rows(derivative: Derivative, outputs: Sequence[Any]) -> list[list[Any]]:
    """Blocks [output][argument] by reverse mode: cotangents run over the basis of all outputs."""
    active = [i for i, _ in enumerate(outputs) if derivative.active_outputs[i]]
    avals = [outputs[i] for i in active]
    results = iter(_apply_to_basis(derivative.pullback, derivative.given, avals, last=False))
    blocks: list[list[Any]] = [[] for _ in outputs]
    for v, on in zip(derivative.arguments, derivative.active):
        shapes = [(*a.shape, *v.aval.shape) for a in outputs]
        value = next(results, None) if on else None
        parts = dict(zip(active, _blocks(value, 0, avals, [shapes[i] for i in active], v.aval.dtype) if on else ()))
        for i, shape in enumerate(shapes):
            blocks[i].append(parts[i] if i in parts else _zeros(shape, v.aval.dtype) if on else float0(shape))
    return blocks


def _apply_to_basis(program: Program, given: Sequence[Any], avals: Sequence[Any], last: bool) -> list[Any]:
    """A linear program at every vector of the standard basis of the space that `avals` span.

    Returns:
        Results with one more axis, the last or the first one, as long as the basis; none for the empty space.
    """
    size = sum(a.size for a in avals)
    if size == 0:
        return []
    if size == 1:  # a derivative with respect to, or of, one number needs no batch
        ones = [layout.fill(1, a.shape, a.dtype) for a in avals]
        return [_with_unit_axis(r, last) for r in run(program, [*given, *ones])]
    # The basis runs along the axis where results want it: nothing is turned round, and inner loops run along it.
    batched, axes = batch(program, size, (*[None] * len(given), *[a.ndim if last else 0 for a in avals]))
    results = run(batched, [*given, *_basis(avals, size, last)])
    ends = [rec.abstract(r).ndim - (axis is not None) if last else 0 for r, axis in zip(results, axes)]
    return [layout.with_batch_axis(r, size, axis, end) for r, axis, end in zip(results, axes, ends)]


def _basis(avals: Sequence[Any], size: int, last: bool) -> list[Any]:
    """The standard basis of the space that `avals` span, an array for each; the axis along it is last or first."""
    basis, offset = [], 0
    for a in avals:
        block = fnp.eye(a.size, size, offset, a.dtype) if last else fnp.eye(size, a.size, -offset, a.dtype)
        basis.append(layout.reshape(block, shape=(*a.shape, size) if last else (size, *a.shape)))
        offset += a.size
    return basis


def _with_unit_axis(value: Any, last: bool) -> Any:
    shape = rec.abstract(value).shape
    return layout.reshape(value, shape=(*shape, 1) if last else (1, *shape))


def _blocks(value: Any, axis: int, avals: Sequence[Any], shapes: Sequence[tuple], dtype: Any) -> list[Any]:
    """Cut the axis that runs over the basis of `avals` into blocks of the given shapes; zeros for no value."""
    if value is None:
        return [_zeros(shape, dtype) for shape in shapes]
    blocks, offset = [], 0
    for a, shape in zip(avals, shapes):
        part = value if len(avals) == 1 else layout.slice_axis(value, axis, offset, offset + a.size)
        blocks.append(layout.reshape(part, shape=shape))
        offset += a.size
    return blocks


def _zeros(shape: tuple[int, ...], dtype: Any) -> Any:
    return np.zeros(shape, dtype)[()]


def hvp(fun: Callable, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """The product of the Hessian of a scalar function with a vector, forward over reverse, without the Hessian.

        H v = d/dt grad f(x + t v) at t = 0, at a small multiple of the cost of the gradient

    Args:
        fun: a function of pytrees of arrays to one real number.
        primals: the point x, a tuple or list with one entry for each argument.
        tangents: the vector v, of the same structure, shapes and dtypes.
        has_aux: `fun` returns `(value, auxiliary data)`.

    Returns:
        H v, a tuple with the structure, shapes and dtypes of `primals`; or `(H v, aux)`.

    Raises:
        TypeError: if the result is no real scalar, or a tangent does not match its primal.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
        (array([6., 0.]),)

    Reference: Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 6(1), 1994.
    """
    return _hessian_product("hvp", fun, primals, tangents, has_aux)


def _hessian_product(purpose: str, fun: Callable, primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    count = len(primals) if isinstance(primals, (tuple, list)) else 0
    gradient = gradient_of(purpose, fun, tuple(range(count)), has_aux)
    result = jvp_of(purpose, gradient, primals, tangents, has_aux)
    return result[1:] if has_aux else result[1]


def gauss_newton_vp(fun: Callable, loss: Callable, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The product of the Gauss-Newton matrix of `loss(fun(*primals))` with a vector.

        G v = J^T H J v, where J is the Jacobian of `fun` and H the Hessian of `loss` at the outputs of `fun`

    G is the Hessian of the composition without the second derivatives of `fun`: positive semidefinite when the loss
    is convex, and equal to the Fisher information when the loss is the negative log-likelihood of an exponential
    family in its natural parameters.

    Args:
        fun: the model, a function of pytrees of arrays to a pytree of arrays.
        loss: a function of one argument, the outputs of `fun`, to one real number.
        primals: the point x, a tuple or list with one entry for each argument of `fun`.
        tangents: the vector v, of the same structure, shapes and dtypes.

    Returns:
        G v, a tuple with the structure, shapes and dtypes of `primals`.

    Raises:
        TypeError: if the loss is no real scalar, or a tangent does not match its primal.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> model = lambda w: np.stack([w[0] * w[1], w[1]])
        >>> fg.gauss_newton_vp(model, lambda y: np.sum(y**2), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
        (array([8., 4.]),)

    Reference: Schraudolph, Fast curvature matrix-vector products, Neural Computation 14(7), 2002.
    """
    leaves, treedef, t_leaves = directions("gauss_newton_vp", fun, primals, tangents)
    purpose = f"gauss_newton_vp of {rec.name_of(fun)}"
    r = rec.record(lambda *inputs: fun(*tree.tree_unflatten(treedef, inputs)), leaves, purpose)
    derivative = Derivative(r, lasting=True)
    outputs = tree.tree_unflatten(r.out_tree, derivative.outputs)
    pushed = tree.tree_unflatten(r.out_tree, derivative.push(t_leaves))
    (curved,) = _hessian_product("gauss_newton_vp", loss, (outputs,), (pushed,))
    results = derivative.pull(tree.tree_leaves(curved))
    return tree.tree_unflatten(treedef, rec.owned(results, [*r.operands, *t_leaves]))


def elementwise_grad(fun: Callable, argnum: int = 0) -> Callable:
    """The derivative of an elementwise function at every element: each output element by its own input element.

        y[i] = f(x[i]),  result[i] = f'(x[i])

    `fun` must be elementwise in this argument: element i of its result may depend on element i of the argument and on
    no other. This is not checked beyond the shapes; for other functions the result is the sum of each column of the
    Jacobian.

    Args:
        fun: a function whose result is an array of the shape of the argument.
        argnum: which positional argument to differentiate with respect to: one array.

    Returns:
        A function with the arguments of `fun` that returns the derivatives, with the shape and dtype of the argument.

    Raises:
        TypeError: if the result has another shape than the argument.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.elementwise_grad(fg.elementwise_grad(lambda x: x**3))(np.array([1.0, 2.0, 3.0]))
        array([ 6., 12., 18.])

    Reference: https://github.com/HIPS/autograd, autograd.elementwise_grad
    """
    choice = Choice("elementwise_grad", fun, argnum)

    @functools.wraps(fun, updated=())
    def derivative_function(*args: Any, **kwargs: Any) -> Any:
        r, treedef = record_at(choice, args, kwargs, has_aux=False, kinds="fc")
        arguments, outputs = r.program.in_avals[r.captured :], r.program.out_avals
        single = len(arguments) == len(outputs) == 1
        if not (single and arguments[0].shape == outputs[0].shape and _is_real(arguments[0]) and _is_real(outputs[0])):
            raise TypeError(
                f"elementwise_grad of {rec.name_of(fun)}: the argument has type {_listed(arguments)}, the result "
                f"{_listed(outputs)}; they must be one floating-point array each, of equal shapes.\n"
                "Fix: broadcast the argument to the shape of the result first, or use jacfwd, jacrev or vjp."
            )
        ones = layout.fill(1, outputs[0].shape, outputs[0].dtype)
        (result,) = rec.owned(Derivative(r).pull([ones]), r.operands)
        return tree.tree_unflatten(choice.tree(treedef), [result])

    return derivative_function


def _is_real(aval: Any) -> bool:
    return aval.dtype.kind == "f"


def _listed(avals: Sequence[Any]) -> str:
    return ", ".join(map(str, avals)) or "nothing"


__all__ = ["elementwise_grad", "gauss_newton_vp", "hessian", "hvp", "jacfwd", "jacobian", "jacrev"]
