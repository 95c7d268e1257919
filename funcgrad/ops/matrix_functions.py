"""The exponential, the square root, the logarithm and the sign of square matrices, their derivatives of every order, and Sylvester's equation.

The derivative of a matrix function f at a in the direction e is a block of f of a larger matrix:

    f([a e; 0 a]) = [f(a) L(a, e); 0 f(a)]

L is an op of its own, `{name}_tangent`: linear in e, its transpose is L(a^T, .), and its derivative in a is a block of L of
larger matrices again, so that all orders follow. No eigenvalues are involved, hence no trouble when some are equal.

References: R. Mathias, A chain rule for matrix functions and applications, SIAM J. Matrix Anal. Appl. 17, 1996; N. Higham,
Functions of matrices, SIAM 2008; N. Higham, The scaling and squaring method for the matrix exponential revisited, 2005.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray, shaped
from ..core.primitive import Primitive, Zero
from ..core.tracing import retrace
from ..transforms import linear_ops
from . import elementwise, layout, linalg, reduction
from .matrix_rules import batch_one, identity_like, matmul, square, swap
from .rules import is_linear, library
from .samples import Sample, array
from .while_loop import while_loop

# --- functions and their derivatives --------------------------------------------------------------------------------------------


def _blocks(a: Any, e: Any) -> Any:
    """[a e; 0 a]"""
    last = len(a.shape) - 1
    zeros = layout.fill(0, tuple(a.shape), a.dtype)
    return layout.concatenate(layout.concatenate(a, e, axis=last), layout.concatenate(zeros, a, axis=last), axis=last - 1)


def _upper_right(x: Any) -> Any:
    n, last = x.shape[-1] // 2, len(x.shape) - 1
    return layout.slice_axis(layout.slice_axis(x, last - 1, 0, n), last, n, 2 * n)


def _one_size(e: Any) -> tuple[Any, Any]:
    """A direction divided by its largest element, and that element: the derivative is linear in it, the algorithm is not."""
    last = len(e.shape) - 1
    size = reduction.reduce_max(elementwise.abs_(e), axes=(last - 1, last))
    size = layout.broadcast(size, shape=tuple(e.shape), dims=tuple(range(last - 1)))
    zero = elementwise.eq(size, elementwise.like(size, 0))
    size = elementwise.select(zero, elementwise.like(size, 1), size)
    size = size if size.dtype == e.dtype else elementwise.convert(size, dtype=np.dtype(e.dtype))
    return elementwise.div(e, size), size


def _same_squares(name: str, *avals: ShapedArray) -> ShapedArray:
    first = square(name, avals[0], "fc")
    if any(a is not first for a in avals) or first.dtype == np.float16:
        raise TypeError(f"{name}: needs square matrices of one type, got {list(avals)}")
    return first


def _matrix_function(name: str, impl: Callable, compiled: Callable | None, samples: Callable) -> tuple[Primitive, Primitive]:
    """f and its derivative L from an implementation of f; `compiled` is f in terms of other ops."""

    def by_blocks(apply: Callable) -> Callable:
        def tangent(a: Any, e: Any) -> Any:
            if not a.size:
                return e
            direction, size = _one_size(e)
            return elementwise.mul(_upper_right(apply(_blocks(a, direction))), size)

        return tangent

    def linearize(a: Any) -> tuple[Any, Callable]:
        return f(a), lambda t: derivative(a, t)

    def derivative_linearize(a: Any, e: Any) -> tuple[Any, Callable]:
        def tangent_map(a_dot: Any, e_dot: Any) -> Any:
            if type(a_dot) is Zero:
                return derivative(a, e_dot)
            zeros = layout.fill(0, tuple(a.shape), a.dtype)
            change = _upper_right(derivative(_blocks(a, e), _blocks(a_dot, zeros)))
            return change if type(e_dot) is Zero else linear_ops.add_any(change, derivative(a, e_dot))

        return derivative(a, e), tangent_map

    def direction_samples() -> list[Sample]:
        return [Sample([s.args[0], array(*s.args[0].shape)]) for s in samples()]

    f = library(
        name, impl, aval=lambda a: _same_squares(name, a), batch=batch_one(lambda: f), linearize=linearize, samples=samples,
        lower=lowering.Callback() if compiled is None else lowering.Compose(compiled))
    derivative = library(
        f"{name}_tangent", by_blocks(impl), aval=lambda a, e: _same_squares(f"{name}_tangent", a, e), batch=batch_one(lambda: derivative),
        linearize=derivative_linearize, transpose=lambda ct, a, e: (None, derivative(swap(a), ct)), samples=direction_samples,
        lower=lowering.Callback() if compiled is None else lowering.Compose(by_blocks(compiled)))
    return f, derivative


# --- the exponential ------------------------------------------------------------------------------------------------------------

# Numerator of the diagonal Pade approximant of order 13, and the norm up to which it is exact to double precision.
_PADE = (64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0, 10559470521600.0,
         670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0)  # fmt: skip
_PADE_NORM = 5.371920351148152
_MOST_SQUARINGS = 1100.0  # beyond, the largest double has overflowed


def _expm_by_squaring(a: Any) -> Any:
    """exp(a / 2^s)^(2^s), where each matrix has the s that its norm asks for."""
    last = len(a.shape) - 1
    if not a.size:
        return a
    norm = reduction.reduce_max(reduction.reduce_sum(elementwise.abs_(a), axes=(last - 1,)), axes=(last - 1,))
    ratio = elementwise.div(norm, elementwise.like(norm, _PADE_NORM))
    squarings = elementwise.ceil(elementwise.log2(elementwise.maximum(ratio, elementwise.like(norm, 1))))
    squarings = elementwise.minimum(squarings, elementwise.like(norm, _MOST_SQUARINGS))
    factor = elementwise.exp2(elementwise.neg(squarings))
    x = elementwise.mul(a, _spread(factor, a))
    return _squared_repeatedly(_pade(x), _spread(squarings, a), reduction.reduce_max(squarings, axes=tuple(range(last - 1))))


def _spread(number: Any, like: Any) -> Any:
    return layout.broadcast(number, shape=tuple(like.shape), dims=tuple(range(len(like.shape) - 2)))


def _pade(x: Any) -> Any:
    """(v - u)^-1 (v + u), u odd and v even in x."""
    one, x2 = identity_like(x), matmul(x, x)
    x4 = matmul(x2, x2)
    x6 = matmul(x4, x2)

    def combination(*numbers: float) -> Any:
        terms = [elementwise.mul(p, elementwise.like(p, c)) for p, c in zip((x6, x4, x2, one), numbers)]
        return terms[0] + terms[1] + terms[2] + terms[3]

    b = _PADE
    u = matmul(x, matmul(x6, combination(b[13], b[11], b[9], 0.0)) + combination(b[7], b[5], b[3], b[1]))
    v = matmul(x6, combination(b[12], b[10], b[8], 0.0)) + combination(b[6], b[4], b[2], b[0])
    return linalg.solve(v - u, v + u, trans=False)


def _squared_repeatedly(x: Any, squarings: Any, most: Any) -> Any:
    count = shaped((), np.dtype(most.dtype))
    matrices = shaped(tuple(x.shape), x.dtype)

    def body(own: Any, k: Any, x: Any) -> list[Any]:
        more = elementwise.lt(layout.broadcast(k, shape=tuple(x.shape), dims=()), own)
        return [k + elementwise.like(k, 1), elementwise.select(more, matmul(x, x), x)]

    programs = dict(cond=retrace(lambda most, k, x: [elementwise.lt(k, most)], [count, count, matrices]),
                    body=retrace(body, [shaped(tuple(squarings.shape), squarings.dtype), count, matrices]))  # fmt: skip
    return while_loop(most, squarings, np.zeros((), most.dtype)[()], x, cond_consts=1, body_consts=1, **programs)[1]


def _expm_impl(a: Any) -> Any:
    import scipy.linalg

    return scipy.linalg.expm(np.asarray(a))


def _function_samples() -> list[Sample]:
    return [Sample([0.5 * array(3, 3)]), Sample([array(2, 2, 2)])]


expm, expm_tangent = _matrix_function("expm", _expm_impl, _expm_by_squaring, _function_samples)

# --- the square root and the logarithm -------------------------------------------------------------------------------------------------------------


def _of_each(name: str, compute: Callable) -> Callable:
    """A function for each matrix; a real matrix whose image is not real is refused, since its type says real."""

    def impl(a: Any) -> Any:
        a = np.asarray(a)
        out, wide = np.empty(a.shape, a.dtype), np.result_type(a.dtype, np.float64)
        for k in np.ndindex(a.shape[:-2]):
            if a[k].size:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # about singular matrices, whose result says so itself
                    value = np.asarray(compute(a[k].astype(wide, order="C")))
                if value.dtype.kind == "c" and a.dtype.kind == "f":
                    _check_real(name, value)
                    value = value.real
                out[k] = value
        return out

    return impl


def _sqrtm_one(a: Any) -> Any:
    import scipy.linalg

    return scipy.linalg.sqrtm(a)


_ROOT_NORM, _ROOT_COUNT = 0.26, 200  # how near to 1 eight points of Gauss's formula give all digits; beyond all exponents


def _logm_one(a: Any) -> Any:
    """2^k log(t^(1/2^k)) of the Schur form t, where log(1 + x) is the integral of x (1 + s x)^-1 over 0 < s < 1.

    SciPy's own function estimates norms by random vectors, and so gives other last digits from call to call.

    Reference: N. Higham, Functions of Matrices, SIAM 2008, 11.5 and 11.6.
    """
    import scipy.linalg

    t, z = scipy.linalg.schur(a, output="complex")
    one, root, k = np.eye(len(t)), t, 0
    if not np.diagonal(t).all():
        raise np.linalg.LinAlgError("logm: a singular matrix has no logarithm")
    while np.linalg.norm(root - one, 1) > _ROOT_NORM and k < _ROOT_COUNT:
        root, k = scipy.linalg.sqrtm(root), k + 1
    places, weights = np.polynomial.legendre.leggauss(8)
    x = root - one
    out = sum(0.5 * w * scipy.linalg.solve_triangular(one + 0.5 * (1 + s) * x, x) for s, w in zip(places, weights)) * 2.0**k
    np.fill_diagonal(out, np.log(np.diagonal(t)))
    return z @ out @ z.conj().T


def _check_real(name: str, value: Any) -> None:
    if np.any(np.abs(value.imag) > 1e-8 * np.max(np.abs(value), initial=1.0)):
        what = {"sqrtm": "root", "logm": "logarithm"}[name]
        raise np.linalg.LinAlgError(
            f"{name}: a real matrix with eigenvalues on the negative axis has no real {what}.\nFix: pass a complex matrix, a.astype(complex)"
        )


def _positive_samples() -> list[Sample]:
    return [Sample([array(n, n) / n + 3 * np.eye(n)]) for n in (3, 1)] + [Sample([array(2, 2, 2) / 2 + 3 * np.eye(2)])]


sqrtm, sqrtm_tangent = _matrix_function("sqrtm", _of_each("sqrtm", _sqrtm_one), None, _positive_samples)


def _log_samples() -> list[Sample]:
    """With derivatives of about one size, whose digits do not drown in those of larger ones."""
    matrix = np.array([[2.0, 0.9, -0.7], [-0.8, 1.5, 0.6], [0.5, -0.9, 1.8]])
    return [Sample([matrix]), Sample([matrix[:1, :1]]), Sample([np.stack([matrix[:2, :2], matrix[1:, 1:]])])]


logm, logm_tangent = _matrix_function("logm", _of_each("logm", _logm_one), None, _log_samples)

# --- the sign ---------------------------------------------------------------------------------------------------------------------

_SIGN_STEPS = 100  # of a method that doubles digits; more are needed only where an eigenvalue is on the imaginary axis


def _signm_impl(a: Any) -> Any:
    """Newton's method for x^2 = 1, scaled by determinants while it is far; defective matrices are no exception.

    Reference: N. Higham, Functions of Matrices, SIAM 2008, 5.5; R. Byers, Solving the algebraic Riccati equation with the
    matrix sign function, 1987.
    """
    x = np.asarray(a)
    n, eps = x.shape[-1], np.finfo(x.dtype).eps
    if not x.size:
        return x
    for _ in range(_SIGN_STEPS):
        inverse = np.linalg.inv(x)
        change = np.abs(inverse - x).max()
        if change > 1e-2:
            scale = np.exp(np.linalg.slogdet(inverse)[1] / n)[..., None, None].astype(x.real.dtype)
            x, inverse = x * scale, inverse / scale
        x = (x + inverse) / 2
        if change <= 10 * n * eps * np.abs(x).max():
            break
    return x


def _split_samples() -> list[Sample]:
    return [Sample([array(3, 3) / 3 + np.diag([3.0, -2.5, 2.0])]), Sample([array(2, 2, 2) / 2 + np.diag([3.0, -2.5])])]


signm, signm_tangent = _matrix_function("signm", _signm_impl, None, _split_samples)

# --- Sylvester's equation -------------------------------------------------------------------------------------------------------


def _sylvester_impl(a: Any, b: Any, q: Any) -> Any:
    import scipy.linalg

    a, b, q = np.asarray(a), np.asarray(b), np.asarray(q)
    out = np.empty(q.shape, q.dtype)
    for k in np.ndindex(q.shape[:-2]):
        if q[k].size:
            out[k] = scipy.linalg.solve_sylvester(a[k], b[k], q[k])
    return out


def _sylvester_aval(a: ShapedArray, b: ShapedArray, q: ShapedArray) -> ShapedArray:
    square("sylvester", a, "fc")
    square("sylvester", b, "fc")
    if not a.dtype == b.dtype == q.dtype or q.shape != (*a.shape[:-1], b.shape[-1]) or b.shape[:-2] != a.shape[:-2]:
        raise TypeError(f"sylvester: a right-hand side {q} does not fit matrices {a} and {b}")
    return q


def _sylvester_linearize(a: Any, b: Any, q: Any) -> tuple[Any, Callable]:
    """a x + x b = q: x_dot solves the same equation with q_dot - a_dot x - x b_dot."""
    x = sylvester(a, b, q)

    def tangent_map(a_dot: Any, b_dot: Any, q_dot: Any) -> Any:
        terms = [] if type(q_dot) is Zero else [q_dot]
        terms += [] if type(a_dot) is Zero else [elementwise.neg(matmul(a_dot, x))]
        terms += [] if type(b_dot) is Zero else [elementwise.neg(matmul(x, b_dot))]
        total = terms[0]
        for term in terms[1:]:
            total = linear_ops.add_any(total, term)
        return sylvester(a, b, total)

    return x, tangent_map


def _sylvester_transpose(ct: Any, a: Any, b: Any, q: Any) -> tuple[None, None, Any]:
    assert is_linear(q)
    return None, None, sylvester(swap(a), swap(b), ct)


def _sylvester_samples() -> list[Sample]:
    shifted = [array(n, n) / n + 3 * np.eye(n) for n in (3, 2)]
    stacks = [array(2, n, n) / n + 3 * np.eye(n) for n in (2, 1)]
    return [Sample([*shifted, array(3, 2)]), Sample([*stacks, array(2, 2, 1)])]


sylvester = library(
    "sylvester", _sylvester_impl, aval=_sylvester_aval, batch=batch_one(lambda: sylvester), linearize=_sylvester_linearize,
    transpose=_sylvester_transpose, lower=lowering.Matrices("sylvester"), samples=_sylvester_samples)

__all__ = ["expm", "expm_tangent", "logm", "logm_tangent", "signm", "signm_tangent", "sqrtm", "sqrtm_tangent", "sylvester"]
