"""Iterative solvers of linear equations, A given by what it does to a vector: `cg`, `bicgstab`, `gmres`.

Vectors are arrays or pytrees of arrays. The solution is differentiated by the implicit function theorem, with the same
solver, never through its iterations: time and memory of a derivative are those of one more solution. Compiled, the
iterations are one native loop.

Example:
    >>> import numpy as np, funcgrad as fg
    >>> second = lambda x: 3 * x - np.concatenate([x[1:], [0.0]]) - np.concatenate([[0.0], x[:-1]])
    >>> def solution(b):
    ...     x, info = fg.scipy.sparse.linalg.cg(second, b, rtol=1e-10)
    ...     return x
    >>> fg.jit(fg.jacrev(solution))(np.ones(3)).round(6)
    array([[0.380952, 0.142857, 0.047619],
           [0.142857, 0.428571, 0.142857],
           [0.047619, 0.142857, 0.380952]])

References: M. Hestenes and E. Stiefel, J. Res. Nat. Bur. Stand. 49, 1952; H. van der Vorst, SIAM J. Sci. Stat. Comput.
13, 1992; Y. Saad and M. Schultz, SIAM J. Sci. Stat. Comput. 7, 1986.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import numpy as fnp
from ... import tree
from ...api.custom import stop_gradient
from ...api.implicit import custom_linear_solve
from ...api.loops import while_loop
from ...api.transposition import linear_transpose
from ...numpy import promotion
from ...numpy.promotion import array_operand

__all__ = ["bicgstab", "cg", "gmres"]

Map = Callable[[Any], Any]


def cg(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: Any = None,
    tol: float | None = None,
) -> tuple[Any, Any]:
    """x with A x = b by conjugate gradients, for symmetric or Hermitian positive definite A.

    Args:
        A: a linear function of something like b, or a matrix; what it closes over is differentiated.
        b: the right-hand side, an array or a pytree of arrays.
        x0: where to start; the solution does not depend on it.
        rtol, atol: the iteration ends when |b - A x| <= max(rtol |b|, atol). Solutions for derivatives keep the same
            accuracy relative to their own right-hand sides.
        maxiter: or after so many steps; by default ten times the number of unknowns.
        M: a preconditioner, an approximate inverse of A: a linear function or a matrix, positive definite.
        tol: another name of rtol.

    Returns:
        (x, info): info is 0 when the residual of x is at most twice what was asked for, else `maxiter`.

    Raises:
        TypeError: A is neither a function nor a matrix, or returns something unlike b.
        ValueError: a matrix does not fit b.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> x, info = fg.jit(fg.scipy.sparse.linalg.cg)(np.array([[4.0, 1.0], [1.0, 3.0]]), np.array([1.0, 2.0]))
        >>> x.round(6), info
        (array([0.090909, 0.636364]), np.int64(0))

    Reference: scipy.sparse.linalg.cg; M. Hestenes and E. Stiefel, 1952.
    """
    return _solved("cg", _cg, A, b, x0, rtol if tol is None else tol, atol, maxiter, M)


def bicgstab(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: Any = None,
    tol: float | None = None,
) -> tuple[Any, Any]:
    """x with A x = b by stabilized bi-conjugate gradients, for any A; two products with A in a step.

    Args:
        A, b, x0, rtol, atol, maxiter, M, tol: as for `cg`; neither A nor M need be symmetric.

    Returns:
        (x, info), as for `cg`.

    Raises:
        TypeError: A is neither a function nor a matrix, or returns something unlike b.
        ValueError: a matrix does not fit b.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> a = np.array([[4.0, 1.0], [0.0, 3.0]])
        >>> solve = lambda b: fg.scipy.sparse.linalg.bicgstab(a, b, rtol=1e-12)[0][0]
        >>> fg.grad(solve)(np.array([1.0, 2.0])).round(6)
        array([ 0.25    , -0.083333])

    Reference: scipy.sparse.linalg.bicgstab; H. van der Vorst, 1992.
    """
    return _solved("bicgstab", _bicgstab, A, b, x0, rtol if tol is None else tol, atol, maxiter, M)


def gmres(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    restart: int | None = None,
    maxiter: int | None = None,
    M: Any = None,
    tol: float | None = None,
) -> tuple[Any, Any]:
    """x with A x = b by least residuals in Krylov spaces, for any A.

    Args:
        A, b, x0, rtol, atol, M, tol: as for `cg`; neither A nor M need be symmetric.
        restart: the dimension of a Krylov space, by default 20, and never more than the number of unknowns. All of it
            is formed before the residual is looked at.
        maxiter: the greatest number of Krylov spaces, by default ten times the number of unknowns.

    Returns:
        (x, info), as for `cg`.

    Raises:
        TypeError: A is neither a function nor a matrix, or returns something unlike b.
        ValueError: a matrix does not fit b.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> a = np.array([[0.0, 2.0], [1.0, 0.0]])
        >>> fg.jit(lambda b: fg.scipy.sparse.linalg.gmres(a, b)[0])(np.array([2.0, 3.0])).round(6)
        array([3., 1.])

    Reference: scipy.sparse.linalg.gmres; Y. Saad and M. Schultz, 1986.
    """
    size = sum(np.size(v) for v in tree.tree_leaves(b))
    dimension = max(min(restart or 20, size), 1)

    def method(*args: Any) -> Any:
        return _gmres(*args, dimension=dimension)

    return _solved("gmres", method, A, b, x0, rtol if tol is None else tol, atol, maxiter, M)


# --- what the solvers share -------------------------------------------------------------------------------------------


def _solved(
    name: str, method: Callable, A: Any, b: Any, x0: Any, rtol: Any, atol: Any, maxiter: int | None, M: Any
) -> tuple[Any, Any]:
    """Flatten the problem to vectors; solve for the difference from x0, so that those for derivatives start at 0."""
    b = tree.tree_map(lambda v: _inexact(v, name), b)
    ravel, unravel = _vectors(b)
    matvec, precondition = _flat(name, "A", A, b), None if M is None else _flat(name, "M", M, b)
    right = ravel(b)
    steps = 10 * right.size if maxiter is None else promotion.static_int(maxiter, name)
    share = stop_gradient(_share(right, rtol, atol))
    start = None if x0 is None else stop_gradient(ravel(tree.tree_map(lambda v: _inexact(v, name), x0)))
    if start is not None and start.shape != right.shape:
        raise ValueError(f"{name}: x0 has {start.size} numbers and b has {right.size}")

    def solve(apply: Map, v: Any) -> Any:
        return method(apply, v, share, steps, precondition)

    def transpose_solve(apply: Map, v: Any) -> Any:
        turned = None if precondition is None else lambda w: linear_transpose(precondition, v)(w)[0]
        return method(apply, v, share, steps, turned)

    x = custom_linear_solve(matvec, right if start is None else right - matvec(start), solve, transpose_solve)
    x = x if start is None else start + x
    return unravel(x), stop_gradient(_info(matvec, right, x, share, steps))


def _inexact(v: Any, name: str) -> Any:
    v = array_operand(v, name)
    return v if v.dtype.kind in "fc" else promotion.convert(v, np.dtype(np.float64))


def _vectors(b: Any) -> tuple[Map, Map]:
    """Functions from pytrees like b to vectors, and back."""
    leaves, treedef = tree.tree_flatten(b)
    dtype = np.result_type(*[v.dtype for v in leaves])
    ends = np.cumsum([v.size for v in leaves])

    def ravel(value: Any) -> Any:
        parts = [fnp.reshape(promotion.convert(v, dtype), (-1,)) for v in tree.tree_leaves(value)]
        return parts[0] if len(parts) == 1 else fnp.concatenate(parts)

    def unravel(vector: Any) -> Any:
        parts = [vector[end - v.size : end] for v, end in zip(leaves, ends)]
        return tree.tree_unflatten(treedef, [fnp.reshape(p, v.shape).astype(v.dtype) for p, v in zip(parts, leaves)])

    return ravel, unravel


def _flat(name: str, role: str, operator: Any, b: Any) -> Map:
    """A linear function or a matrix as a function of vectors."""
    ravel, unravel = _vectors(b)
    if callable(operator) and not hasattr(operator, "shape"):
        function = operator
    elif hasattr(operator, "ndim") and isinstance(b, tuple | list | dict):
        raise TypeError(f"{name}: {role} is a matrix and b is not an array.\nFix: give {role} as a function")
    else:
        matrix = _inexact(operator, f"{name}: {role}")
        size = b.shape[0] if np.ndim(b) else 1
        if matrix.ndim != 2 or tuple(matrix.shape) != (size, size):
            raise ValueError(f"{name}: {role} of shape {tuple(matrix.shape)} does not fit b of shape {np.shape(b)}")
        function = lambda v: matrix @ v  # noqa: E731

    def apply(v: Any) -> Any:
        out = function(unravel(v))
        if tree.tree_structure(out) != tree.tree_structure(b):
            raise TypeError(f"{name}: {role} returns {tree.tree_structure(out)}, b is {tree.tree_structure(b)}")
        return ravel(out)

    return apply


def _norm(v: Any) -> Any:
    return fnp.linalg.norm(v)


def _share(b: Any, rtol: Any, atol: Any) -> Any:
    """max(rtol, atol / |b|), the accuracy relative to the right-hand side."""
    size = _norm(b)
    return fnp.asarray(fnp.maximum(rtol, atol / fnp.where(size == 0, 1.0, size))).astype(size.dtype)


def _info(matvec: Map, b: Any, x: Any, share: Any, steps: int) -> Any:
    bad = ~(_norm(b - matvec(x)) <= 2 * share * _norm(b))
    return fnp.where(bad, np.int64(max(steps, 1)), np.int64(0))


def _inner(x: Any, y: Any) -> Any:
    return fnp.vdot(x, y)


def _safe_ratio(x: Any, y: Any) -> Any:
    """x / y, and 0 where y is 0."""
    zero = y == 0
    return fnp.where(zero, x * 0, x / fnp.where(zero, y + 1, y))


def _identity(v: Any) -> Any:
    return v


# --- the solvers, on vectors, from 0 ----------------------------------------------------------------------------------


def _cg(apply: Map, b: Any, share: Any, steps: int, precondition: Map | None) -> Any:
    better = precondition or _identity
    limit = share * _norm(b)

    def going(state: Any) -> Any:
        k, _, r, _, _ = state
        return (k < steps) & (_norm(r) > limit)

    def step(state: Any) -> Any:
        k, x, r, p, gamma = state
        moved = apply(p)
        alpha = _safe_ratio(gamma, _inner(p, moved))
        x, r = x + alpha * p, r - alpha * moved
        z = better(r)
        following = _inner(r, z)
        return k + 1, x, r, z + _safe_ratio(following, gamma) * p, following

    z = better(b)
    return while_loop(going, step, (np.int64(0), 0 * b, b, z, _inner(b, z)))[1]


def _bicgstab(apply: Map, b: Any, share: Any, steps: int, precondition: Map | None) -> Any:
    better = precondition or _identity
    limit = share * _norm(b)
    one = np.ones((), b.dtype)[()]

    def going(state: Any) -> Any:
        k, _, r, _, _, rho, _, _ = state
        return (k < steps) & (_norm(r) > limit) & (rho != 0)

    def step(state: Any) -> Any:
        k, x, r, p, v, rho, alpha, omega = state
        following = _inner(b, r)
        beta = _safe_ratio(following, rho) * _safe_ratio(alpha, omega)
        p = r + beta * (p - omega * v)
        toward = better(p)
        v = apply(toward)
        alpha = _safe_ratio(following, _inner(b, v))
        s = r - alpha * v
        along = better(s)
        t = apply(along)
        omega = _safe_ratio(_inner(t, s), _inner(t, t))
        return k + 1, x + alpha * toward + omega * along, s - omega * t, p, v, following, alpha, omega

    return while_loop(going, step, (np.int64(0), 0 * b, b, 0 * b, 0 * b, one, one, one))[1]


def _gmres(apply: Map, b: Any, share: Any, steps: int, precondition: Map | None, *, dimension: int) -> Any:
    """Preconditioned from the right, so that the residual is that of A x = b."""
    better = precondition or _identity
    limit = share * _norm(b)

    def going(state: Any) -> Any:
        k, _, r = state
        return (k < steps) & (_norm(r) > limit)

    def step(state: Any) -> Any:
        k, x, r = state
        basis, projected = _arnoldi(lambda v: apply(better(v)), r, dimension)
        first = fnp.zeros(dimension + 1, b.dtype).at[0].set(_norm(r).astype(b.dtype))
        weights = fnp.linalg.lstsq(projected, first)[0]
        x = x + better(basis[:, :dimension] @ weights)
        return k + 1, x, b - apply(x)

    return while_loop(going, step, (np.int64(0), 0 * b, b))[1]


def _arnoldi(apply: Map, r: Any, dimension: int) -> tuple[Any, Any]:
    """Orthonormal columns q and h with A q[:, :-1] = q h, by Gram-Schmidt, twice; 0 when the space is whole."""
    size, n = _norm(r), r.size
    first = r / fnp.where(size == 0, 1.0, size).astype(r.dtype)
    columns = fnp.zeros((n, dimension + 1), r.dtype).at[:, 0].set(first)

    def going(state: Any) -> Any:
        return state[0] < dimension

    def step(state: Any) -> Any:
        k, q, h = state
        w = apply(q[:, k])
        before = _norm(w)
        once = q.conj().T @ w
        w = w - q @ once
        twice = q.conj().T @ w
        w = w - q @ twice
        left = _norm(w)
        whole = left <= 10 * np.finfo(left.dtype).eps * before
        left = fnp.where(whole, 0.0, left).astype(r.dtype)
        w = fnp.where(whole, 0.0, w / fnp.where(left == 0, 1.0, left)).astype(r.dtype)
        h = h.at[:, k].set(once + twice).at[k + 1, k].set(left)
        return k + 1, q.at[:, k + 1].set(w), h

    start = (np.int64(0), columns, fnp.zeros((dimension + 1, dimension), r.dtype))
    _, q, h = while_loop(going, step, start)
    return q, h
