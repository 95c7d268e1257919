"""Functions of scipy.special on traced values; public as `funcgrad.scipy.special`.

Imported when the first of them meets a traced value, because SciPy takes longer to load than funcgrad.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.special as special

from ..ops import (
    bessel,
    cylinder,
    distribution_functions,
    elliptic,
    error_functions,
    gamma_functions,
    incomplete,
    integrals,
    orthogonal,
    student,
    voigt,
)
from ..ops import elementwise as ew
from . import special_counts as counts
from . import special_formulas as formulas
from .special_formulas import xlog1py, xlogy
from .ufunc_builders import binary, several, unary

ELEMENTARY = {
    "expit": ew.sigmoid, "erf": ew.erf, "erfc": ew.erfc, "erfinv": ew.erfinv, "expm1": ew.expm1, "log1p": ew.log1p,
    "exp2": ew.exp2, "cbrt": ew.cbrt, "psi": gamma_functions.digamma, "digamma": gamma_functions.digamma,
    "gammaln": gamma_functions.lgamma, "jn": bessel.jv, "round": counts.round_,
}  # fmt: skip
OPS = {
    bessel: "i0 i0e i1 i1e iv ive j0 j1 jv k0 k0e k1 k1e kv kve y0 y1 yv",
    error_functions: "dawsn erfcinv erfcx erfi log_ndtr ndtri ndtri_exp owens_t",
    gamma_functions: "beta betaln binom gamma gammasgn poch rgamma",
    incomplete: "betainc betaincc betaincinv betainccinv fdtr fdtrc gammainc gammaincc gammaincinv "
    "gammainccinv gdtr gdtrc",
    cylinder: "bei beip ber berp hyperu kei keip ker kerp log_wright_bessel modstruve struve wright_bessel",
    distribution_functions: "btdtria btdtrib chdtriv gdtrib kolmogi kolmogorov",
    elliptic: "ellipeinc ellipkinc",
    orthogonal: "lpmv",
    voigt: "voigt_profile wofz",
    counts: "agm airy bdtr bdtrc bdtri ellipj eval_chebyc eval_chebys eval_chebyt eval_chebyu eval_gegenbauer "
    "eval_genlaguerre eval_hermite eval_hermitenorm eval_jacobi eval_laguerre eval_legendre eval_sh_chebyt "
    "eval_sh_chebyu eval_sh_jacobi eval_sh_legendre fdtri gdtria gdtrix jve nbdtr nbdtrc nbdtri nrdtrimn nrdtrisd "
    "pdtri radian yve zetac",
    integrals: "boxcox boxcox1p cosm1 ellipe ellipk ellipkm1 exp1 expi exprel hyp0f1 hyp1f1 hyp2f1 "
    "powm1 spence wrightomega",
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

_BY_OTHERS = {
    **dict.fromkeys(["hankel1", "hankel2"], "jv and yv, as real and imaginary part"),
    **dict.fromkeys(["hankel1e", "hankel2e"], "jv and yv, as real and imaginary part, times exp(-+ 1j x)"),
    **{f"{f}dg": f"{f} of numpy.deg2rad(x)" for f in ("sin", "cos", "tan")}, "cotdg": "1 / numpy.tan(numpy.deg2rad(x))",
    "kelvin": "ber, bei, ker and kei", "airye": "airy, times exp(+- 2/3 x sqrt(x))",
    **dict.fromkeys(["elliprc", "elliprd", "elliprf", "elliprg", "elliprj"], "ellipkinc and ellipeinc"),
    **dict.fromkeys(["itj0y0", "iti0k0", "it2j0y0", "it2i0k0", "itairy", "itstruve0", "it2struve0", "itmodstruve0"],
                    "funcgrad.scipy.integrate.quad of the integrand"),
    **dict.fromkeys(["pbdv", "pbvv", "pbwa"], "hyperu or hyp1f1"),
    **dict.fromkeys(["modfresnelm", "modfresnelp"], "fresnel"), "smirnov": "kolmogorov, for large samples",
    "smirnovi": "kolmogi, for large samples", **dict.fromkeys(["pdtrik", "bdtrik"], "pdtri or bdtri"),
}  # fmt: skip


def without_derivative(ufunc: np.ufunc) -> str | None:
    """The text for a ufunc of scipy.special that nobody has a derivative of here; None for other ufuncs."""
    name = ufunc.__name__
    if getattr(special, name, None) is not ufunc:
        return None
    other = f"build it from {_BY_OTHERS[name]};\n" if name in _BY_OTHERS else ""
    return (
        f"scipy.special.{name} has no derivative here, and does not work on traced values.\n"
        f"Fix: {other}{'or ' if other else ''}make its operands constants, compute it outside of the transformed\n"
        "function, or give it a derivative with funcgrad.extend.elementwise (docs/special.md lists what has one)."
    )


__all__ = ["UFUNCS", "without_derivative", "xlog1py", "xlogy"]
