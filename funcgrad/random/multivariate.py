"""Samplers of vectors and matrices: normal vectors with a covariance, and uniform rotations."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import numpy as fnp
from ..numpy import promotion
from .compiled import compiled
from .continuous import normal
from .keys import check_key
from .parameters import arguments, float_dtype, parameter, result_shape
from .reuse import consumes


@consumes
def multivariate_normal(
    key: Any, mean: Any, cov: Any, shape: Any = None, dtype: Any = None, method: str = "cholesky"
) -> Any:
    """Samples of the normal distribution with a mean vector and a covariance matrix: mean + A x, A A^T = cov.

    Args:
        key: a key.
        mean: an array [..., n].
        cov: symmetric positive semidefinite matrices [..., n, n].
        shape: shape of the result without its last axis; None for the common shape of mean and cov without theirs.
        dtype: float32 or float64; None for the promoted one of mean and cov.
        method: the factor A: "cholesky" (fastest; positive definite matrices), or "eigh" or "svd" (semidefinite ones;
            eigenvectors times roots of eigenvalues, for "svd" with the largest eigenvalue first).

    Returns:
        An array [*shape, n].

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another method, or shapes that do not fit.

    Example:
        >>> import numpy as np
        >>> from funcgrad import random
        >>> x = multivariate_normal(random.key(0), np.zeros(2), np.array([[2.0, 1.0], [1.0, 2.0]]), (10000,))
        >>> bool(abs(np.cov(x.T)[0, 1] - 1) < 0.1)
        True
    """
    where = "random.multivariate_normal"
    key, mean, cov = check_key(key, where), promotion.array_operand(mean, where), promotion.array_operand(cov, where)
    if method not in _FACTORS:
        raise ValueError(f"{where}: method must be one of {', '.join(map(repr, _FACTORS))}, got {method!r}.")
    if mean.ndim < 1 or tuple(cov.shape[-2:]) != (mean.shape[-1],) * 2:
        raise ValueError(
            f"{where}: mean must be [..., n] and cov [..., n, n], got {tuple(mean.shape)} and {tuple(cov.shape)}."
        )
    common = promotion.result_dtype(mean, cov)
    dtype = float_dtype(common if dtype is None and common.kind == "f" else dtype, where)
    lead = result_shape(shape, where, tuple(mean.shape[:-1]), tuple(cov.shape[:-2]))
    mean, cov = parameter(mean, dtype, tuple(mean.shape), where), parameter(cov, dtype, tuple(cov.shape), where)
    return _multivariate(key, mean, cov, lead=lead, method=method)


@compiled
def _multivariate(key: Any, mean: Any, cov: Any, lead: tuple[int, ...], method: str) -> Any:
    x = normal(key, (*lead, mean.shape[-1]), mean.dtype)
    return mean + fnp.matmul(_FACTORS[method](cov), x[..., None])[..., 0]


def _eigen_factor(cov: Any) -> Any:
    values, vectors = fnp.linalg.eigh(cov)
    return vectors * fnp.sqrt(fnp.maximum(values, 0))[..., None, :]


def _singular_factor(cov: Any) -> Any:
    """Eigenvectors again, but with the signs that LAPACK's singular vectors have."""
    vectors, values, _ = fnp.linalg.svd(0.5 * (cov + fnp.swapaxes(cov, -1, -2)))
    return vectors * fnp.sqrt(values)[..., None, :]


_FACTORS = {
    "cholesky": lambda cov: fnp.linalg.cholesky(cov),
    "eigh": _eigen_factor,
    "svd": _singular_factor,
}


@consumes
def orthogonal(key: Any, n: Any, shape: Any = (), dtype: Any = np.float64, m: Any = None) -> Any:
    """Uniform (Haar) orthogonal matrices: the columns of a normal matrix, orthogonalized one after the other.

    Args:
        key: a key.
        n: number of rows.
        shape: shape of the result without its last two axes.
        dtype: float32 or float64.
        m: number of columns; None for n. The shorter side is orthonormal.

    Returns:
        An array [*shape, n, m].

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype.

    Example:
        >>> import numpy as np
        >>> from funcgrad import random
        >>> q = orthogonal(random.key(0), 3)
        >>> bool(abs(q @ q.T - np.eye(3)).max() < 1e-14)
        True

    Reference: F. Mezzadri, How to generate random matrices from the classical compact groups, Notices of the AMS, 2007.
    """
    where = "random.orthogonal"
    key, shape, dtype = arguments(key, shape, dtype, where)
    n = promotion.static_int(n, where)
    m = n if m is None else promotion.static_int(m, where)
    q = _orthonormal(key, shape=(*shape, max(n, m), min(n, m)), dtype=dtype)
    return fnp.swapaxes(q, -1, -2) if n < m else q


@compiled
def _orthonormal(key: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """Of normal Z = Q R, Q with a positive diagonal of R: LAPACK's, columns turned round where it is negative."""
    z = normal(key, shape, dtype)
    q, r = fnp.linalg.qr(z)
    one = np.ones((), z.dtype)[()]
    return q * fnp.where(fnp.diagonal(r, axis1=-2, axis2=-1) < 0, -one, one)[..., None, :]
