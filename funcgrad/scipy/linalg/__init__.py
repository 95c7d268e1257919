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
from .eigenvalues import eig, eigh, eigvals, eigvalsh
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
from .logarithms import coshm, fractional_matrix_power, logm, signm, sinhm, tanhm, tanm
from .named_matrices import (
    convolution_matrix,
    dft,
    eigh_tridiagonal,
    fiedler,
    fiedler_companion,
    helmert,
    invhilbert,
    invpascal,
    leslie,
    orthogonal_procrustes,
    pascal,
    qr_multiply,
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
from .schur_forms import rsf2csf, schur
from .systems import det, inv, lstsq, norm, pinv, solve
from .triangular import cho_factor, cho_solve, cholesky, solve_triangular

__all__ = [
    "block_diag", "cho_factor", "cho_solve", "cholesky", "circulant", "companion", "convolution_matrix", "coshm",
    "cosm", "det", "dft", "eig", "eigh", "eigh_tridiagonal", "eigvals", "eigvalsh", "expm", "expm_frechet", "fiedler",
    "fiedler_companion", "fractional_matrix_power", "hadamard", "hankel", "helmert", "hilbert", "inv", "invhilbert",
    "invpascal", "khatri_rao", "leslie", "logm", "lstsq", "lu", "lu_factor", "lu_solve", "norm", "null_space", "orth",
    "orthogonal_procrustes", "pascal", "pinv", "polar", "qr", "qr_multiply", "rsf2csf", "schur", "signm", "sinhm",
    "sinm", "solve", "solve_banded", "solve_continuous_lyapunov", "solve_discrete_lyapunov", "solve_sylvester",
    "solve_toeplitz", "solve_triangular", "solveh_banded", "sqrtm", "svd", "svdvals", "tanhm", "tanm", "toeplitz",
]  # fmt: skip
