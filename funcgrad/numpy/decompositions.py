"""`numpy.linalg` on matrices of any shape: QR, singular values, eigenvectors, pseudoinverses, least squares."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from ..ops import decompositions as ops
from ..ops import least_squares
from ..ops import linalg as square_ops
from ..ops.matrix_rules import conjugate
from . import norms, promotion, reductions, selection, ufuncs
from .choice import where
from .linalg_pieces import any_matrices, epsilon, linalg_function, square_matrices, symmetric
from .manipulation import reshape, swapaxes, transpose
from .promotion import array_operand
from .rearrange import flip

_QRResult = type(np.linalg.qr(np.eye(1)))
_SVDResult = type(np.linalg.svd(np.eye(1)))
_EigResult = type(np.linalg.eig(np.eye(1)))


@linalg_function
def qr(a: Any, mode: str = "reduced") -> Any:
    """Orthonormal columns and an upper triangle: a = q r.

    Reference: numpy.linalg.qr
    """
    if mode == "raw":
        raise TypeError(
            "linalg.qr: mode='raw' gives LAPACK's reflections, which are not traced.\n"
            "Fix: use 'reduced', 'complete' or 'r'."
        )
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"linalg.qr: mode must be 'reduced', 'complete' or 'r', got {mode!r}")
    q, r = ops.qr(any_matrices(a, "qr"), complete=mode == "complete")
    return r if mode == "r" else _QRResult(q, r)


# --- singular values --------------------------------------------------------------------------------------------------


@linalg_function
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """Singular values in descending order, between matrices with orthonormal columns and rows: a = u diag(s) vh.

    Reference: numpy.linalg.svd
    """
    x = square_matrices(a, "svd", "fc") if hermitian else any_matrices(a, "svd")
    if hermitian:
        return _svd_by_eigenvectors(x) if compute_uv else _absolute_eigenvalues(x)
    if not compute_uv:
        return ops.singular_values(x)
    return _SVDResult(*ops.svd(x, full=bool(full_matrices)))


def _absolute_eigenvalues(x: Any) -> Any:
    values, _ = square_ops.eigh(symmetric(x))
    return flip(selection.sort(ufuncs.absolute(values), axis=-1), axis=-1)


def _svd_by_eigenvectors(x: Any) -> Any:
    """A negative eigenvalue gives its sign to the row of vh."""
    values, vectors = square_ops.eigh(symmetric(x))
    s, signs = ufuncs.absolute(values), ufuncs.sign(values)
    order = flip(selection.argsort(s, axis=-1), axis=-1)
    s, signs = (selection.take_along_axis(v, order, axis=-1) for v in (s, signs))
    u = selection.take_along_axis(vectors, promotion.broadcast(order[..., None, :], tuple(vectors.shape)), axis=-1)
    return _SVDResult(u, s, conjugate(swapaxes(u * signs[..., None, :], -1, -2)))


@linalg_function
def svdvals(x: Any, /) -> Any:
    """Singular values in descending order.

    Reference: numpy.linalg.svdvals
    """
    return ops.singular_values(any_matrices(x, "svdvals"))


@linalg_function
def cond(x: Any, p: Any = None) -> Any:
    """The condition number: the norm of a matrix times that of its inverse.

    Reference: numpy.linalg.cond
    """
    x = any_matrices(x, "cond")
    if 0 in x.shape:
        raise LinAlgError("linalg.cond: not defined on empty arrays")
    if p in (None, 2, -2):
        s = ops.singular_values(x)
        ratio = s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    else:
        square_matrices(x, "cond", "fc")
        sizes = [norms.norm(v, ord=p, axis=(-2, -1)) for v in (x, square_ops.inv(x))]
        ratio = sizes[0] * sizes[1]
    unknown = ufuncs.isnan(ratio) & ~reductions.any(ufuncs.isnan(x), axis=(-2, -1))
    return where(unknown, np.asarray(math.inf, ratio.dtype)[()], ratio)


@linalg_function
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """The number of singular values above a tolerance; a whole number, without derivative.

    Reference: numpy.linalg.matrix_rank
    """
    if tol is not None and rtol is not None:
        raise ValueError("linalg.matrix_rank: give tol or rtol, not both")
    x = array_operand(A, "linalg.matrix_rank")
    if x.ndim < 2:
        return promotion.convert(reductions.any(ufuncs.not_equal(x, 0)), np.dtype(np.int64))
    s = svd(x, compute_uv=False, hermitian=hermitian)
    if tol is None:
        rtol = max(x.shape[-2:]) * epsilon(s) if rtol is None else promotion.array_operand(rtol)[..., None]
        tol = reductions.max(s, axis=-1, keepdims=True) * rtol if s.shape[-1] else s
    else:
        tol = promotion.array_operand(tol, "linalg.matrix_rank")[..., None]
    return reductions.count_nonzero(s > tol, axis=-1)


# --- eigenvalues ------------------------------------------------------------------------------------------------------


@linalg_function
def eig(a: Any) -> Any:
    """Eigenvalues and eigenvectors of length 1; of traced values always complex numbers.

    Reference: numpy.linalg.eig
    """
    return _EigResult(*ops.eig(square_matrices(a, "eig", "fc")))


@linalg_function
def eigvals(a: Any) -> Any:
    """Eigenvalues in the order of `eig`; of traced values always complex numbers.

    Reference: numpy.linalg.eigvals
    """
    return ops.eig(square_matrices(a, "eigvals", "fc"))[0]


# --- pseudoinverse, equations -----------------------------------------------------------------------------------------


@linalg_function
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Any:
    """The Moore-Penrose inverse, with the derivative for matrices whose rank does not change.

    Reference: numpy.linalg.pinv
    """
    x = square_matrices(a, "pinv", "fc") if hermitian else any_matrices(a, "pinv")
    if rcond is None:
        rcond = 1e-15 if rtol is np._NoValue else max(x.shape[-2:]) * epsilon(x) if rtol is None else rtol
    elif rtol is not np._NoValue:
        raise ValueError("linalg.pinv: give rcond or rtol, not both")
    return least_squares.pinv(symmetric(x) if hermitian else x, rcond=_one_number(rcond, "pinv"))


def _one_number(rcond: Any, name: str) -> float:
    if np.ndim(rcond):
        raise TypeError(f"linalg.{name}: rcond must be one number for traced matrices, got shape {np.shape(rcond)}")
    return float(rcond)


@linalg_function
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """The shortest x that minimizes |b - a x|; also the sums of squares left, the rank and the singular values of a.

    The sums of squares are there if a has more rows than columns, whatever its rank.

    Reference: numpy.linalg.lstsq
    """
    x, y = array_operand(a, "linalg.lstsq"), array_operand(b, "linalg.lstsq")
    if x.ndim != 2 or y.ndim not in (1, 2):
        raise LinAlgError(
            f"linalg.lstsq: needs a matrix and a vector or matrix, got shapes {tuple(x.shape)}, {tuple(y.shape)}"
        )
    if x.shape[0] != y.shape[0]:
        raise LinAlgError(f"linalg.lstsq: {x.shape[0]} equations and {y.shape[0]} right-hand sides do not fit")
    dtype = promotion.result_dtype(any_matrices(x, "lstsq"), y)
    x, y = (promotion.convert(v, dtype) for v in (x, y))
    rcond = max(x.shape) * epsilon(x) if rcond is None else _one_number(rcond, "lstsq")
    rcond = epsilon(x) if rcond < 0 else rcond
    columns = reshape(y, (y.shape[0], -1)) if y.shape[0] else reshape(y, (0, 1 if y.ndim == 1 else y.shape[1]))
    solution, rank = least_squares.lstsq(x, columns, rcond=rcond)
    left = (
        ufuncs.squared_modulus(columns - x @ solution).sum(axis=0)
        if x.shape[0] > x.shape[1]
        else np.zeros(0, real_dtype(x))
    )
    return reshape(solution, (x.shape[1], *y.shape[1:])), left, rank, ops.singular_values(x)


def real_dtype(x: Any) -> np.dtype:
    """The dtype of absolute values of x."""
    return np.zeros((), x.dtype).real.dtype


@linalg_function
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """x with tensordot(a, x, x.ndim) = b.

    Reference: numpy.linalg.tensorsolve
    """
    x, y = array_operand(a, "linalg.tensorsolve"), array_operand(b, "linalg.tensorsolve")
    if axes is not None:
        last = [
            promotion.one_axis(k, x.ndim, "linalg.tensorsolve")
            for k in promotion.static_ints(axes, "linalg.tensorsolve")
        ]
        x = transpose(x, [*(k for k in range(x.ndim) if k not in last), *last])
    shape = tuple(x.shape[-(x.ndim - y.ndim) :]) if x.ndim > y.ndim else ()
    size = math.prod(shape)
    if x.size != size**2 or y.size != size:
        raise LinAlgError(
            f"linalg.tensorsolve: shapes {tuple(x.shape)} and {tuple(y.shape)} do not make a square system"
        )
    columns = promotion.promote_dtype(
        [square_matrices(reshape(x, (size, size)), "tensorsolve", "fc"), reshape(y, (size, 1))]
    )
    return reshape(square_ops.solve(*columns, trans=False), shape)


@linalg_function
def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse with respect to tensordot(a, b, ind).

    Reference: numpy.linalg.tensorinv
    """
    x, ind = array_operand(a, "linalg.tensorinv"), promotion.static_int(ind, "linalg.tensorinv")
    if ind <= 0:
        raise ValueError(f"linalg.tensorinv: ind must be positive, got {ind}")
    shape = (*x.shape[ind:], *x.shape[:ind])
    size = math.prod(x.shape[ind:])
    return reshape(square_ops.inv(square_matrices(reshape(x, (size, -1)), "tensorinv", "fc")), shape)


__all__ = ["cond", "eig", "eigvals", "lstsq", "matrix_rank", "pinv", "qr", "svd", "svdvals", "tensorinv", "tensorsolve"]
