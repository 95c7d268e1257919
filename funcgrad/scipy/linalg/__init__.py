"""Dense linear algebra with scipy.linalg's names and signatures, for traced values, stacks of matrices included.

Without traced values the functions are SciPy's own, except `eigh`, `eigvalsh` and those on triangular factors, which
give the same numbers traced or not. docs/linear_algebra.md has the conventions of derivatives.

Example:
    >>> import numpy as np, funcgrad as fg
    >>> a = np.array([[4.0, 2.0], [2.0, 3.0]])
    >>> fg.scipy.linalg.cho_solve(fg.scipy.linalg.cho_factor(a), np.array([8.0, 7.0]))
    array([1.25, 1.5 ])
"""

from .bands import solve_banded, solveh_banded
from .eigenvalues import eig, eigh, eigvals, eigvalsh, schur
from .factorizations import lu, lu_factor, lu_solve, null_space, orth, polar, qr, svd, svdvals
from .functions import (
    cosm,
    expm,
    expm_frechet,
    sinm,
    solve_continuous_lyapunov,
    solve_discrete_lyapunov,
    solve_sylvester,
    sqrtm,
)
from .patterns import (
    block_diag,
    circulant,
    companion,
    hadamard,
    hankel,
    hilbert,
    khatri_rao,
    solve_toeplitz,
    toeplitz,
)
from .systems import det, inv, lstsq, norm, pinv, solve
from .triangular import cho_factor, cho_solve, cholesky, solve_triangular

__all__ = [
    "block_diag", "cho_factor", "cho_solve", "cholesky", "circulant", "companion", "cosm", "det", "eig", "eigh",
    "eigvals", "eigvalsh", "expm", "expm_frechet", "hadamard", "hankel", "hilbert", "inv", "khatri_rao", "lstsq", "lu",
    "lu_factor", "lu_solve", "norm", "null_space", "orth", "pinv", "polar", "qr", "schur", "sinm", "solve",
    "solve_banded", "solve_continuous_lyapunov", "solve_discrete_lyapunov", "solve_sylvester", "solve_toeplitz",
    "solve_triangular", "solveh_banded", "sqrtm", "svd", "svdvals", "toeplitz",
]  # fmt: skip
