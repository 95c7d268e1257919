"""Functions of scipy.special on traced values; public as `funcgrad.scipy.special`.

Imported when the first of them meets a traced value, because SciPy takes longer to load than funcgrad.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.special as special

from ..ops import bessel, error_functions, gamma_functions, incomplete, integrals, student
from ..ops import elementwise as ew
from . import special_formulas as formulas
from .special_formulas import xlog1py, xlogy
from .ufunc_builders import binary, several, unary

ELEMENTARY = {
    "expit": ew.sigmoid, "erf": ew.erf, "erfc": ew.erfc, "erfinv": ew.erfinv, "expm1": ew.expm1, "log1p": ew.log1p,
    "exp2": ew.exp2, "cbrt": ew.cbrt, "psi": gamma_functions.digamma, "digamma": gamma_functions.digamma,
    "gammaln": gamma_functions.lgamma, "jn": bessel.jv,
}  # fmt: skip
OPS = {
    bessel: "i0 i0e i1 i1e iv ive j0 j1 jv k0 k0e k1 k1e kv kve y0 y1 yv",
    error_functions: "dawsn erfcinv erfcx erfi log_ndtr ndtri ndtri_exp owens_t",
    gamma_functions: "beta betaln binom gamma gammasgn poch rgamma",
    incomplete: "betainc betaincc betaincinv betainccinv fdtr fdtrc gammainc gammaincc gammaincinv "
    "gammainccinv gdtr gdtrc",
    integrals: "boxcox boxcox1p cosm1 ellipe ellipk ellipkm1 exp1 expi exprel hyp0f1 hyp1f1 hyp2f1 spence wrightomega",
    student: "stdtr stdtrit",
    formulas: "xlogy xlog1py logit log_expit ndtr entr exp10 loggamma rel_entr kl_div huber pseudo_huber "
    "inv_boxcox inv_boxcox1p chdtr chdtrc chdtri pdtr pdtrc sici shichi fresnel "
    "expn kn yn",
}
BUILDERS: dict[int, Callable] = {1: unary, 2: binary}


def _public(name: str, apply: Callable) -> Callable | None:
    """The function of a name; None where this version of SciPy does not have it."""
    ufunc = getattr(special, name, None)
    if not isinstance(ufunc, np.ufunc):
        return None
    build = BUILDERS.get(ufunc.nin, several) if ufunc.nout == 1 else several
    return build(ufunc, apply, name=name)


_found = {name: _public(name, apply) for name, apply in ELEMENTARY.items()}
_found |= {name: _public(name, getattr(module, name)) for module, names in OPS.items() for name in names.split()}
UFUNCS: dict[str, Callable] = {name: f for name, f in _found.items() if f is not None}

# `special.zeta` is a function of Python around two ufuncs.
_hidden = getattr(special, "_ufuncs", None)
for _name, _apply in {"_zeta": gamma_functions.zeta, "_riemann_zeta": formulas.riemann_zeta}.items():
    if isinstance(_ufunc := getattr(_hidden, _name, None), np.ufunc):
        BUILDERS[_ufunc.nin](_ufunc, _apply, name="zeta")

__all__ = ["UFUNCS", "xlog1py", "xlogy"]
