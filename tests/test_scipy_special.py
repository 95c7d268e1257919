# ruff: noqa: E501
"""scipy.special: values against SciPy, eager, compiled and batched; derivatives against mpmath, into the tails; what has
no derivative says so; machine code kept on disk links in another process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from scipy import special as real

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.numpy import special as table
from funcgrad.scipy import special
from funcgrad.test_util import check_grads

LINE = np.array([-5.3, -1.7, -0.4, 0.0, 0.3, 0.9, 1.0, 2.6, 7.5])
HALF = np.array([0.0, 1e-3, 0.2, 0.7, 1.0, 2.5, 9.0])
UNIT = np.array([1e-4, 0.2, 0.5, 0.77, 0.99])
SHAPES = np.array([0.3, 1.0, 2.5, 7.0, 0.6])
# Operands where they are not one number from anywhere.
OPERANDS: dict[str, tuple[np.ndarray, ...]] = {
    **dict.fromkeys(("erfinv",), (2 * UNIT - 1,)), "erfcinv": (2 * UNIT,), "ndtri_exp": (-10 * UNIT,), "logit": (UNIT,),
    **dict.fromkeys(["k0", "k0e", "k1", "k1e", "y0", "y1", "exp1", "expi"], (HALF[1:],)),
    **dict.fromkeys(("ndtri", "ellipk", "ellipkm1", "ellipe"), (UNIT,)), "spence": (HALF,), "shichi": (LINE[4:],),
    "sici": (LINE[4:],), "wrightomega": (LINE,), "loggamma": (HALF,), "gammaln": (LINE,),
    **dict.fromkeys(["jv", "jn", "iv", "ive"], (np.array([0.0, 1.0, 2.5, 3.0]), np.array([0.0, 1.9, 3.1, 6.0]))),
    **dict.fromkeys(["yv", "kv", "kve"], (np.array([0.0, 1.0, 2.5, 3.0]), np.array([0.2, 1.9, 3.1, 6.0]))),
    **dict.fromkeys(["kn", "yn", "expn"], (np.array([0, 1, 2, 3]), np.array([0.2, 1.9, 3.1, 6.0]))),
    **dict.fromkeys(["gammainc", "gammaincc", "chdtr", "chdtrc"], (SHAPES, np.array([0.0, 0.4, 2.5, 20.0, 1e-3]))),
    **dict.fromkeys(["gammaincinv", "gammainccinv", "chdtri", "stdtrit"], (SHAPES, UNIT)),
    **dict.fromkeys(["betainc", "betaincc", "betaincinv", "betainccinv"], (SHAPES, SHAPES[::-1].copy(), UNIT)),
    **dict.fromkeys(["beta", "betaln", "poch"], (SHAPES, SHAPES[::-1].copy())), "binom": (SHAPES + 3, SHAPES),
    **dict.fromkeys(["rel_entr", "kl_div"], (np.array([0.0, 0.5, 1.0, -1.0, 2.0, 0.0, np.nan]), np.array([0.0, 0.3, 1.0, 1.0, 0.0, 2.0, 1.0]))),
    **dict.fromkeys(["huber", "pseudo_huber"], (np.array([1.0, 0.5, 2.0, 0.0, -1.0]), np.array([0.3, -2.0, 2.0, 1.0, 1.0]))),
    **dict.fromkeys(["boxcox", "boxcox1p"], (np.array([0.0, 0.5, 3.0, 2.0, 0.7]), np.array([0.5, 0.0, 1e-9, -1.5, 2.0]))),
    **dict.fromkeys(["inv_boxcox", "inv_boxcox1p"], (np.array([0.3, 0.5, 3.0, 0.2, 0.7]), np.array([0.5, 0.0, 1e-9, -1.5, 2.0]))),
    **dict.fromkeys(["gdtr", "gdtrc", "fdtr", "fdtrc"], (SHAPES, SHAPES[::-1].copy(), np.array([0.0, 0.4, 2.5, 20.0, 1e-3]))),
    **dict.fromkeys(["pdtr", "pdtrc"], (np.array([0.0, 1.0, 4.5]), np.array([0.3, 2.0, 3.0]))),
    "stdtr": (SHAPES, np.array([-30.0, -0.4, 0.0, 1.3, 1e8])), "owens_t": (LINE, LINE[::-1].copy()),
    "hyp0f1": (SHAPES, LINE[:5]), "hyp1f1": (SHAPES, SHAPES + 1, LINE[:5]), "hyp2f1": (SHAPES, SHAPES[::-1].copy(), SHAPES + 1, UNIT - 0.6),
    **dict.fromkeys(["bdtr", "bdtrc", "bdtri"], (np.array([0.0, 1.0, 4.5, 5.0, 7.0]), np.full(5, 5), UNIT)),
    **dict.fromkeys(["nbdtr", "nbdtrc", "nbdtri"], (np.array([0, 1, 4, 5, 7, 2]), np.array([1, 2, 5, 5, 3, 0]), np.append(UNIT, 0.5))),
    "pdtri": (np.array([0, 1, 4, 5, 7]), UNIT), **dict.fromkeys(["fdtri", "gdtrix"], (SHAPES, SHAPES[::-1].copy(), 0.8 * UNIT + 0.1)),
    "gdtria": (UNIT, SHAPES, SHAPES[::-1].copy()), "btdtria": (UNIT, SHAPES, UNIT[::-1].copy()), "btdtrib": (SHAPES, UNIT, np.array([0.6, 0.5, 0.4, 0.3, 0.7])),
    "gdtrib": (SHAPES, UNIT, SHAPES[::-1].copy()), "chdtriv": (UNIT, SHAPES),
    "nrdtrimn": (UNIT, SHAPES, SHAPES - 2), "nrdtrisd": (SHAPES - 3, UNIT + 1e-3, SHAPES), "agm": (np.append(SHAPES, [0.0, 1e-9, -2.0]), np.append(SHAPES[::-1], [1.0, 5.0, -3.0])),
    "ellipj": (LINE, np.array([0.0, 0.1, 0.3, 0.5, 0.9, 1.0, 0.99, 1e-9, 0.6])), **dict.fromkeys(["ellipkinc", "ellipeinc"], (LINE, np.array([0.0, -3.0, 0.3, 0.5, 0.9, 0.2, 0.99, 1e-9, 0.6]))),
    "voigt_profile": (LINE, np.array([0.0, 1e-3, 0.2, 0.7, 1.0, 2.5, 9.0, 1.0, 1.0]), np.array([1.0, 1.0, 0.2, 0.7, 0.3, 2.5, 9.0, 0.0, 1.0])),
    "kolmogorov": (HALF,), "kolmogi": (UNIT,), "powm1": (HALF, HALF[::-1].copy()),
    **dict.fromkeys(["ber", "bei", "berp", "beip", "ker", "kei", "kerp", "keip"], (HALF[1:-1],)), "airy": (LINE,), "lpmv": (np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.5]), np.array([0.3, -0.4, 0.7])),
    **dict.fromkeys(["struve", "modstruve"], (np.array([0.0, 1.0, 2.5]), np.array([0.0, 1.9, 3.1]))), "hyperu": (SHAPES, SHAPES[::-1].copy(), SHAPES), "radian": (LINE[:5], HALF[:5], SHAPES),
    **dict.fromkeys(["wright_bessel", "log_wright_bessel"], (SHAPES, SHAPES[::-1].copy(), UNIT)), "wofz": (LINE + 1j * LINE[::-1],), "zetac": (np.array([-3.5, -0.7, 0.0, 0.9, 1.5, 4.0, 60.0]),),
    **dict.fromkeys(["jve"], (np.array([0.0, 1.0, 2.5, 3.0]), np.array([0.0, 1.9, 3.1, 6.0]))), "yve": (np.array([0.0, 1.0, 2.5, 3.0]), np.array([0.2, 1.9, 3.1, 6.0])),
    **dict.fromkeys([f"eval_{p}{q}" for p in ("", "sh_") for q in ("legendre", "chebyt", "chebyu")], (np.array([0, 1, 4, 30]), np.array([0.3, 0.9, 0.2, 0.7]))),
    **dict.fromkeys([f"eval_{q}" for q in ("chebyc", "chebys", "hermite", "hermitenorm", "laguerre")], (np.array([0, 1, 4, 30]), np.array([0.3, 0.9, -0.2, 1.7]))),
    **dict.fromkeys(["eval_genlaguerre", "eval_gegenbauer"], (np.array([0, 1, 4, 30]), np.full(4, 0.7), np.array([0.3, 0.9, -0.2, 0.7]))),
    **dict.fromkeys(["eval_jacobi", "eval_sh_jacobi"], (np.array([0, 1, 4, 12]), np.full(4, 1.7), np.full(4, 1.2), np.array([0.3, 0.9, 0.2, 0.7]))),
    "xlogy": (HALF, HALF[::-1].copy()), "xlog1py": (HALF, HALF[::-1].copy()),
}  # fmt: skip


SINGLE: dict[str, float] = {"fdtri": 1e-4}  # where SciPy computes in single precision, and has fewer digits


def operands(name: str) -> tuple[np.ndarray, ...]:
    return OPERANDS.get(name, (LINE,))


def assert_values(actual: Any, expected: Any, rtol: float, where: str) -> None:
    for got, want in zip(*[v if isinstance(v, tuple) else (v,) for v in (actual, expected)], strict=True):
        assert np.asarray(got).dtype == np.asarray(want).dtype and np.shape(got) == np.shape(want), where
        np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * 1e-3, err_msg=where)


@pytest.mark.parametrize("name", sorted(table.UFUNCS))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_values(name: str) -> None:
    ufunc, ours, args = getattr(real, name), getattr(special, name), operands(name)
    expected = ufunc(*args)
    assert_values(ours(*args), expected, 1e-15, "no traced values: SciPy itself")
    if any(a.dtype.kind == "c" for a in args):
        assert_values(fg.linearize(ufunc, *args)[0], expected, 2e-13, "traced")
        return
    assert_values(fg.jit(ufunc)(*args), expected, 2e-13, "SciPy's function, compiled")
    count = len(args)
    if len({len(a) for a in args}) == 1:
        assert_values(fg.vmap(ufunc, (0,) * count)(*args), expected, 2e-13, "batched")
    single = [a.astype(np.float32) if a.dtype == np.float64 else a for a in args]
    if all(a.dtype == np.float32 for a in single):  # SciPy widens float32 with integers
        assert_values(fg.jit(ours)(*single), ufunc(*single), SINGLE.get(name, 3e-5), "single precision")


def test_integers_count_as_float64_and_shapes_broadcast() -> None:
    assert fg.jit(special.gamma)(5) == 24.0 and fg.jit(special.gamma)(np.int32(5)).dtype == np.float64
    a, x = np.array([1.0, 2.0, 3.0]), np.array([[0.5], [4.0]])
    np.testing.assert_allclose(fg.jit(special.gammainc)(a, x), real.gammainc(a, x), rtol=1e-14)
    np.testing.assert_allclose(fg.jit(special.betainc)(a, 2, 0.3), real.betainc(a, 2, 0.3), rtol=1e-14)
    np.testing.assert_allclose(fg.jit(special.jv)(np.arange(3), x), real.jv(np.arange(3), x), rtol=1e-13)


# --- first derivatives against mpmath ---------------------------------------------------------------------------------


def exact_slope(f: Callable, k: int, args: tuple[float, ...], digits: int = 50) -> Any:
    with mp.workdps(digits):
        args = tuple(mp.mpf(float(a)) for a in args)
        g = lambda t: f(*args[:k], t, *args[k + 1 :])  # noqa: E731
        h = (
            mp.mpf(10) ** (-digits // 4) * max(1, abs(args[k]))
            if args[k] == 0
            else abs(args[k]) * mp.mpf(10) ** (-digits // 4)
        )
        return (g(args[k] + h) - g(args[k] - h)) / (2 * h)


GRID = np.geomspace(1e-5, 60, 13)
FIRST: dict[str, tuple[Callable, tuple[np.ndarray, ...], float]] = {
    "gammaln": (mp.loggamma, (GRID,), 1e-13), "digamma": (lambda x: mp.psi(0, x), (GRID,), 1e-13),
    "gamma": (mp.gamma, (np.append(GRID, [-0.5, -3.3]),), 1e-12), "rgamma": (mp.rgamma, (np.append(GRID, [0.0, -1.0, -2.0, -2.4]),), 1e-12),
    "erfcx": (lambda x: mp.exp(x * x) * mp.erfc(x), (np.array([-4.0, -0.3, 0.0, 0.9, 3.0, 7.9, 8.1, 30.0, 1e4, 1e9]),), 1e-12),
    "dawsn": (lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x), (np.array([0.0, 0.3, 1.5, 4.0, 7.9, 8.1, -25.0, 1e4]),), 1e-12),
    "log_ndtr": (lambda x: mp.log1p(-mp.ncdf(-x)) if x > 0 else mp.log(mp.ncdf(x)), (np.array([-30.0, -8.0, -1.0, 0.0, 2.0, 7.0, 20.0]),), 1e-12),
    "ndtri": (lambda p: mp.sqrt(2) * mp.erfinv(2 * p - 1), (np.array([0.01, 0.2, 0.5, 0.9]),), 1e-12),
    "i0": (lambda x: mp.besseli(0, x), (GRID,), 1e-13), "i1": (lambda x: mp.besseli(1, x), (GRID,), 1e-13),
    "i0e": (lambda x: mp.besseli(0, x) * mp.exp(-x), (GRID,), 1e-12), "i1e": (lambda x: mp.besseli(1, x) * mp.exp(-x), (GRID,), 1e-11),
    "k0": (lambda x: mp.besselk(0, x), (GRID,), 1e-13), "k1": (lambda x: mp.besselk(1, x), (GRID,), 1e-13),
    "exp1": (mp.e1, (GRID,), 1e-13), "expi": (mp.ei, (GRID,), 1e-13), "exprel": (lambda x: mp.expm1(x) / x, (np.append(GRID, -GRID),), 1e-11),
    "spence": (lambda z: mp.polylog(2, 1 - z).real, (np.array([0.01, 0.4, 0.999, 1.001, 1.6, 5.0]),), 1e-12),
    "ellipk": (mp.ellipk, (np.array([-20.0, -1.0, 1e-6, 0.3, 0.9, 0.999]),), 1e-12), "ellipe": (mp.ellipe, (np.array([-20.0, -1.0, 1e-6, 0.3, 0.9, 0.999]),), 1e-12),
    "ellipkm1": (lambda p: mp.ellipk(1 - p), (np.array([1e-12, 1e-4, 0.2, 0.6, 1.5]),), 1e-12),
    "expm1": (mp.expm1, (GRID,), 1e-14), "cosm1": (lambda x: mp.cos(x) - 1, (GRID,), 1e-12), "lambertw": (lambda z: mp.lambertw(z), (np.append(GRID, [-0.3, 0.0]),), 1e-12),
    "kolmogorov": (lambda x: 1 - mp.sqrt(2 * mp.pi) / x * sum(mp.exp(-(((2 * k - 1) * mp.pi / x) ** 2) / 8) for k in range(1, 40)), (np.array([0.2, 0.6, 0.99, 1.0, 1.4, 3.0]),), 1e-12),
    "zetac": (lambda s: mp.zeta(s) - 1, (np.array([-2.5, 0.0, 0.5, 1.3, 7.0, 60.0]),), 1e-12),
    "ber": (lambda x: mp.ber(0, x), (np.array([0.3, 2.0, 8.0]),), 1e-12), "kei": (lambda x: mp.kei(0, x), (np.array([0.3, 2.0, 8.0]),), 1e-10),
    "j0": (lambda x: mp.besselj(0, x), (GRID,), 1e-12), "y1": (lambda x: mp.bessely(1, x), (GRID,), 1e-12),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(FIRST))
def test_first_derivatives_against_mpmath(name: str) -> None:
    f, (x,), rtol = FIRST[name]
    expected = np.array([float(exact_slope(f, 0, (v,)).real) for v in x])
    slope = fg.vmap(fg.grad(getattr(special, name)))
    np.testing.assert_allclose(slope(x), expected, rtol=rtol)
    np.testing.assert_allclose(fg.jit(slope)(x), expected, rtol=rtol)


REFUSED = {("hyp0f1", 0), *(("hyp1f1", k) for k in (0, 1)), *(("hyp2f1", k) for k in (0, 1, 2)),
           *((name, 0) for name in ["expn", "iv", "ive", "jn", "jv", "jve", "kn", "kv", "kve", "yn", "yv", "yve"]),
           *((name, 0) for name in ["struve", "modstruve", "pdtri", *[n for n in table.UFUNCS if n.startswith("eval_")]]),
           *((name, 1) for name in ["bdtr", "bdtrc", "bdtri", "eval_gegenbauer", "eval_genlaguerre"]),
           *((name, k) for name in ["eval_jacobi", "eval_sh_jacobi"] for k in (1, 2)),
           *((name, k) for name in ["nbdtr", "nbdtrc", "nbdtri", "hyperu", "wright_bessel", "log_wright_bessel", "lpmv"] for k in (0, 1))}  # fmt: skip
RENAMED = {"jn": "jv", "jve": "jv", "yve": "yv", "eval_chebyc": "eval_chebyt", "eval_chebys": "eval_chebyu",
           **{f"eval_sh_{n}": f"eval_{n}" for n in ("legendre", "chebyt", "chebyu", "jacobi")}}  # fmt: skip
ONE_RESULT = [
    (name, k)
    for name in sorted(table.UFUNCS)
    if getattr(real, name).nout == 1 and name != "wofz"
    for k in range(getattr(real, name).nin)
]


@pytest.mark.parametrize(("name", "k"), ONE_RESULT)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_argument_against_differences_or_an_error(name: str, k: int) -> None:
    """Where differences converge; eager and compiled alike everywhere, poles and ends of domains included."""
    ufunc, refused = getattr(real, name), {i for of, i in REFUSED if of == name} - {k}
    args = [a if i in refused else a.astype(np.float64) for i, a in enumerate(operands(name))]
    slope = fg.vmap(fg.grad(getattr(special, name), k))
    if (name, k) in REFUSED:
        with pytest.raises(ValueError, match=f"{RENAMED.get(name, name)}: there is no derivative with respect to the"):
            slope(*args)
        return
    got = slope(*args)
    np.testing.assert_allclose(fg.jit(slope)(*args), got, rtol=1e-11, atol=1e-300)

    def five_point(h: np.ndarray) -> np.ndarray:
        at = lambda s: ufunc(*args[:k], args[k] + s * h, *args[k + 1 :])  # noqa: E731
        return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)

    step = 1e-3 * np.maximum(np.abs(args[k]), 0.1)
    coarse, fine = five_point(step), five_point(step / 2)
    smooth = np.abs(coarse - fine) < 1e-8 * np.maximum(1, np.abs(fine))
    smooth &= np.isfinite(got)  # differences across a pole
    assert np.any(smooth)
    np.testing.assert_allclose(got[smooth], fine[smooth], rtol=1e-7, atol=1e-7)


SHAPE_GRID = [(a, a * r) for a in (1e-3, 0.3, 1.0, 7.0, 90.0, 4e3) for r in (0.6, 0.97, 1.0, 1.05, 1.7)] + [
    (0.5, 1e-9), (30.0, 1e-6), (2.0, 40.0), (12.0, 90.0)]  # fmt: skip


@pytest.mark.parametrize("which", [0, 1], ids=["a", "x"])
def test_incomplete_gamma_slopes(which: int) -> None:
    a, x = map(np.array, zip(*[(a, x) for a, x in SHAPE_GRID if x < a + 600], strict=True))
    lower = lambda a, x: mp.gammainc(a, 0, x, regularized=True)  # noqa: E731
    upper = lambda a, x: -mp.gammainc(a, x, mp.inf, regularized=True)  # noqa: E731
    expected = np.array([float(exact_slope(lower if v < u else upper, which, (u, v), 60)) for u, v in zip(a, x)])
    slope = fg.vmap(fg.grad(special.gammainc, which))
    for sign, f in ((1, special.gammainc), (-1, special.gammaincc)):
        slope = fg.vmap(fg.grad(f, which))
        for run in (slope, fg.jit(slope)):
            np.testing.assert_allclose(run(a, x), sign * expected, rtol=3e-11)


BETA_GRID = [(a, b, x) for a in (0.01, 0.5, 3.0, 200.0) for b in (0.02, 1.0, 7.0) for x in (1e-6, 0.3, 0.8, 0.999)]


@pytest.mark.parametrize("which", [0, 1, 2], ids=["a", "b", "x"])
def test_incomplete_beta_slopes(which: int) -> None:
    def exact(a: float, b: float, x: float) -> float:
        if x > (a + 1) / (a + b + 2):
            return -float(
                exact_slope(lambda a, b, x: mp.betainc(b, a, 0, 1 - x, regularized=True), which, (a, b, x), 60)
            )
        return float(exact_slope(lambda a, b, x: mp.betainc(a, b, 0, x, regularized=True), which, (a, b, x), 60))

    a, b, x = map(np.array, zip(*BETA_GRID, strict=True))
    expected = np.array([exact(*p) for p in BETA_GRID])
    slope = fg.vmap(fg.grad(special.betainc, which))
    for run in (slope, fg.jit(slope)):
        np.testing.assert_allclose(run(a, b, x), expected, rtol=1e-10)


def test_student_slopes_in_the_degrees_of_freedom() -> None:
    def exact(df: Any, t: Any) -> Any:
        return mp.betainc(df / 2, mp.mpf(1) / 2, 0, df / (df + t * t), regularized=True) / 2

    points = [(0.7, -1e5), (2.0, -3.0), (5.0, -0.5), (80.0, -9.0), (3.0, -1e-3)]
    df, t = map(np.array, zip(*points, strict=True))
    slope = fg.vmap(fg.grad(special.stdtr))
    expected = np.array([float(exact_slope(exact, 0, p)) for p in points])
    for run in (slope, fg.jit(slope)):
        np.testing.assert_allclose(run(df, t), expected, rtol=1e-10)
        np.testing.assert_allclose(run(df, -t), -expected, rtol=1e-10)


def exact_voigt(x: Any, s: Any, g: Any) -> Any:
    z = (x + 1j * g) / (s * mp.sqrt(2))
    return mp.re(mp.exp(-z * z) * mp.erfc(-1j * z)) / (s * mp.sqrt(2 * mp.pi))


def test_voigt_slopes_into_the_wings() -> None:
    points = [
        (0.3, 1.0, 0.5),
        (-2.0, 0.3, 1.5),
        (11.0, 0.7, 1e-3),
        (30.0, 2.0, 5.0),
        (1e4, 1.0, 2.0),
        (2.0, 0.05, 1e-6),
    ]
    args = tuple(map(np.array, zip(*points, strict=True)))
    for k in range(3):
        expected = [float(exact_slope(exact_voigt, k, p, 40)) for p in points]
        slope = fg.vmap(fg.grad(special.voigt_profile, k))
        for run in (slope, fg.jit(slope)):
            np.testing.assert_allclose(run(*args), expected, rtol=1e-10)
    assert fg.grad(special.voigt_profile, 1)(2.0, 0.0, 1.0) == 0.0  # Cauchy's density
    assert fg.grad(special.voigt_profile)(2.0, 0.0, 1.0) == pytest.approx(-4 / (25 * np.pi))


@pytest.mark.parametrize("name", ["ellipkinc", "ellipeinc"])
def test_elliptic_slopes(name: str) -> None:
    points = [(0.4, 0.0), (1.2, 1e-12), (-0.9, 0.19), (2.7, 0.21), (1.5, 0.97), (0.8, -4.0), (7.0, -0.1)]
    exact = {"ellipkinc": mp.ellipf, "ellipeinc": mp.ellipe}[name]
    args = tuple(map(np.array, zip(*points, strict=True)))
    for k in (0, 1):
        expected = [float(exact_slope(exact, k, p, 40)) for p in points]
        slope = fg.vmap(fg.grad(getattr(special, name), k))
        np.testing.assert_allclose(slope(*args), expected, rtol=1e-12)
        np.testing.assert_allclose(fg.jit(slope)(*args), expected, rtol=1e-12)


def test_functions_with_several_results() -> None:
    for name, args in {"airy": (LINE[:6],), "ellipj": (LINE, np.linspace(0.05, 0.9, 9))}.items():
        f, direction = getattr(real, name), tuple(np.cos(a + 1) for a in args)
        values, slopes = fg.jvp(f, args, direction)
        h = 1e-5
        ahead, behind = (f(*[a + s * h * d for a, d in zip(args, direction)]) for s in (1, -1))
        for value, slope, expected, a, b in zip(values, slopes, f(*args), ahead, behind, strict=True):
            np.testing.assert_allclose(value, expected, rtol=1e-14, atol=1e-15)
            np.testing.assert_allclose(slope, (a - b) / (2 * h), rtol=1e-7, atol=1e-7, err_msg=name)
    z = np.array([0.3 + 0.5j, -2.0 + 0.1j, 1.0 - 0.4j, 30.0 + 2.0j, 1e5 + 1.0j])
    slope = fg.jvp(real.wofz, (z,), (np.ones_like(z),))[1]
    expected = [complex(mp.diff(lambda t: mp.exp(-t * t) * mp.erfc(-1j * t), mp.mpc(v))) for v in z[:3]]
    np.testing.assert_allclose(slope[:3], expected, rtol=1e-12)
    np.testing.assert_allclose(slope[3:], -1j / np.sqrt(np.pi) / z[3:] ** 2 * (1 + 1.5 / z[3:] ** 2), rtol=1e-5)


def test_zeta_and_polygamma_slopes() -> None:
    s, q = np.array([1.1, 1.5, 2.0, 6.0, 30.0]), np.array([0.3, 1.0, 4.0, 100.0, 2.0])
    exact = lambda k: [float(exact_slope(mp.zeta, k, (u, v), 30)) for u, v in zip(s, q)]  # noqa: E731
    for k in (0, 1):
        np.testing.assert_allclose(fg.vmap(fg.grad(special.zeta, k))(s, q), exact(k), rtol=1e-12)
    np.testing.assert_allclose(fg.jit(real.zeta)(s, q), real.zeta(s, q), rtol=1e-14)
    s = np.array([-7.5, -3.0, -0.4, 0.0, 0.5, 0.97, 1.2, 4.0, 60.0])
    np.testing.assert_allclose(fg.jit(real.zeta)(s), real.zeta(s), rtol=2e-13)
    exact_slopes = [float(exact_slope(lambda t: mp.zeta(t), 0, (v,), 60)) for v in s]
    np.testing.assert_allclose(fg.vmap(fg.grad(special.zeta))(s), exact_slopes, rtol=1e-12)
    x = np.array([1e-3, 0.4, 1.0, 5.5, 300.0, -0.3, -4.6])
    for n in (0, 1, 2, 5):
        expected = [float(mp.psi(n + 1, mp.mpf(float(v)))) for v in x]
        slope = fg.vmap(fg.grad(lambda v, n=n: special.polygamma(n, v)))
        np.testing.assert_allclose(slope(x), expected, rtol=1e-12)
        np.testing.assert_allclose(fg.jit(slope)(x), expected, rtol=1e-12)


HIGHER: dict[str, tuple[Callable, tuple[Any, ...]]] = {
    "multigammaln": (lambda a: special.multigammaln(a, 3), (np.array([1.7, 4.0]),)), "polygamma": (lambda x: special.polygamma(np.array([0, 1, 2]), x), (1.3,)),
    "kl_div": (special.kl_div, (np.array([0.5, 1.0]), np.array([0.3, 1.0]))), "pseudo_huber": (special.pseudo_huber, (1.5, np.array([-2.0, 0.0, 0.4]))),
    "boxcox at 0": (special.boxcox, (np.array([0.5, 3.0]), np.array([0.0, 0.5]))), "inv_boxcox at 0": (special.inv_boxcox, (np.array([0.5, -0.6]), np.array([0.0, 0.5]))),
    "boxcox1p": (special.boxcox1p, (0.7, 0.0)), "inv_boxcox1p": (special.inv_boxcox1p, (0.7, 0.3)), "chdtr": (special.chdtr, (2.3, 1.1)), "fdtr": (special.fdtr, (2.3, 1.1, 0.7)),
    "betaln at a == b": (special.betaln, (1.4, 1.4)), "comb": (special.comb, (5.3, 2.2)), "factorial": (special.factorial, (2.5,)), "pdtr": (lambda m: special.pdtr(3.0, m), (2.2,)),
    "logsumexp": (lambda a, b: special.logsumexp(a, b=b), (np.array([0.3, -1.0, 2.0]), np.array([1.0, 2.0, -0.2]))),
    "log_softmax": (special.log_softmax, (np.array([0.3, -1.0, 2.0]),)), "sici": (lambda x: fnp.stack(special.sici(x)), (np.array([0.4, 2.0]),)),
    "voigt_profile": (special.voigt_profile, (np.array([0.4, 20.0]), np.array([0.9, 1.1]), np.array([0.6, 2.0]))),
    "ellipkinc": (special.ellipkinc, (np.array([0.4, 1.2]), np.array([0.05, 0.6]))),
    "ellipj": (lambda u, m: special.ellipj(u, m)[0], (np.array([0.4, 1.2]), np.array([0.05, 0.6]))),
    "airy": (lambda x: special.airy(x)[2], (np.array([0.4, -1.2]),)), "agm": (special.agm, (np.array([0.4, 1.2]), np.array([2.0, 1.2]))),
    "eval_legendre": (lambda x: special.eval_legendre(np.array([0, 1, 4]), x), (np.array([0.4, 0.2, 0.7]),)),
    "kolmogorov": (special.kolmogorov, (np.array([0.7, 1.2]),)), "bdtri": (lambda y: special.bdtri(2, 5, y), (np.array([0.3, 0.8]),)),
    "chdtriv": (special.chdtriv, (np.array([0.3, 0.8]), np.array([2.0, 3.0]))),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(HIGHER))
def test_second_derivatives(name: str) -> None:
    f, args = HIGHER[name]
    check_grads(f, args, order=2)
    np.testing.assert_allclose(fg.jit(f)(*args), f(*args), rtol=1e-13)


# --- functions that are no ufuncs -------------------------------------------------------------------------------------


def test_sums_of_exponentials() -> None:
    a = np.array([[0.3, -1.0, 700.0], [2.0, -np.inf, -3.0]])
    b = np.array([[1.0, 0.0, 2.0], [-1.0, 3.0, 0.5]])
    for axis in (None, 0, 1, (0, 1)):
        for keepdims in (False, True):
            options = dict(axis=axis, keepdims=keepdims)
            np.testing.assert_allclose(special.logsumexp(a, **options), real.logsumexp(a, **options), rtol=1e-14)
            ours, theirs = (f(a, b=b, return_sign=True, **options) for f in (special.logsumexp, real.logsumexp))
            np.testing.assert_allclose(ours, theirs, rtol=1e-13)
        np.testing.assert_allclose(special.softmax(a, axis=axis), real.softmax(a, axis=axis), rtol=1e-13)
        np.testing.assert_allclose(special.log_softmax(a, axis=axis), real.log_softmax(a, axis=axis), rtol=1e-13)
    assert np.isnan(special.logsumexp(np.zeros(2), b=np.array([1.0, -2.0])))
    assert (
        special.logsumexp(np.array([1, 2])).dtype == np.float64
        and special.softmax(np.float32([1, 2])).dtype == np.float32
    )
    empty = np.full(3, -np.inf)
    assert special.logsumexp(empty) == -np.inf and not np.any(fg.grad(special.logsumexp)(empty))


def test_counting_and_zeta() -> None:
    n, k = np.array([5.0, 4.0, 2.0, -1.0, 6.5]), np.array([2.0, 0.0, 3.0, 1.0, 2.5])
    np.testing.assert_allclose(special.comb(n, k), real.comb(n, k), rtol=1e-14)
    np.testing.assert_allclose(special.comb(5, 2, repetition=True), real.comb(5, 2, repetition=True), rtol=1e-14)
    np.testing.assert_allclose(special.factorial(n), real.factorial(n), rtol=1e-14)
    np.testing.assert_allclose(special.zeta(np.array([2.0, 3.0])), real.zeta(np.array([2.0, 3.0])), rtol=1e-15)
    x = np.array([0.4, 2.0, 7.0])
    np.testing.assert_allclose(special.polygamma([[0], [1], [3]], x), real.polygamma([[0], [1], [3]], x), rtol=1e-14)
    np.testing.assert_allclose(special.multigammaln(x + 1, 3), [real.multigammaln(v, 3) for v in x + 1], rtol=1e-14)
    z = np.array([-0.3, -0.1])
    np.testing.assert_allclose(special.lambertw(z, -1), real.lambertw(z, -1).real, rtol=1e-14)
    assert np.isnan(special.lambertw(-1.0)) and np.isnan(special.lambertw(1.0, -1))


# --- edges ------------------------------------------------------------------------------------------------------------


def test_outside_of_the_domain_the_compiled_values_are_those_of_scipy() -> None:
    negative = np.array([-1.5, -1e-3, 0.4])
    for name, args in {
        "chdtr": (negative,), "chdtrc": (negative,), "pdtr": (), "pdtrc": (), "gdtr": (-negative, negative[::-1].copy()),
        "gdtrc": (-negative, negative[::-1].copy()), "fdtr": (np.array([0.0, -1.0, 2.0]), np.array([1.0, 1.0, 0.0])),
        "fdtrc": (np.array([0.0, -1.0, 2.0]), np.array([1.0, 1.0, 0.0]))}.items():  # fmt: skip
        for last in (negative, np.ones(3)):
            values = (negative, last) if not args else (*args, last)
            with np.errstate(all="ignore"):
                expected = getattr(real, name)(*values)
            assert_values(fg.jit(getattr(special, name))(*values), expected, 1e-12, name)


def test_edges_of_the_domain() -> None:
    grads = [fg.grad(f, k)(*args) for f, k, args in (
        (special.gammainc, 0, (2.0, 0.0)), (special.gammainc, 0, (2.0, np.inf)), (special.betainc, 0, (2.0, 3.0, 0.0)),
        (special.betainc, 1, (2.0, 3.0, 1.0)), (special.stdtr, 0, (3.0, 0.0)), (special.gammainc, 1, (2.0, 0.0)))]  # fmt: skip
    assert not np.any(grads)
    assert fg.grad(special.gammainc, 1)(1.0, 0.0) == 1.0
    assert fg.grad(special.boxcox)(0.0, 0.5) == np.inf and fg.grad(special.boxcox, 1)(0.0, 0.5) == 4.0
    assert fg.grad(special.pseudo_huber)(0.0, 3.0) == 3.0
    assert fg.grad(special.fdtr, (0, 1, 2))(0.3, 0.6, 0.0) == (0.0, 0.0, np.inf)
    assert fg.grad(fg.grad(special.gammainc, 1), 1)(2.0, 0.0) == 1.0
    assert fg.grad(special.xlogy)(0.0, 2.0) == np.log(2.0)
    assert fg.grad(lambda x: fnp.where(x > 0, special.gammaln(x), 0.0))(-1.0) == 0.0


ERRORS: dict[str, tuple[Callable, tuple[Any, ...], type, str]] = {
    "order of jv": (special.jv, (1.5, 2.0), ValueError, r"jv: there is no derivative with respect to the order v here.\nFix: make it a constant"),
    "parameter of hyp2f1": (special.hyp2f1, (1.5, 2.0, 3.0, 0.5), ValueError, "hyp2f1: there is no derivative with respect to the parameter a"),
    "traced order of polygamma": (special.polygamma, (1.0, 2.0), TypeError, "polygamma: the order n must be known when the function is traced"),
    "traced dimension": (lambda d: special.multigammaln(3.0, d), (2.0,), TypeError, "multigammaln: the dimension d must be an integer that is known"),
    "complex": (special.gamma, (1.0 + 2.0j,), TypeError, "gamma is not supported for traced values of dtype complex128"),
    "exact": (lambda n: special.factorial(n, exact=True), (3.0,), ValueError, "exact=True gives Python integers"),
    "no derivative": (lambda x: real.hankel1(1.0, x), (2.0,), TypeError, "scipy.special.hankel1 has no derivative here, .*\nFix: build it from jv and yv"),
    "degrees": (lambda x: real.sindg(x), (2.0,), TypeError, "build it from sin of numpy.deg2rad"),
    "no replacement": (lambda x: real.mathieu_a(1.0, x), (2.0,), TypeError, "scipy.special.mathieu_a has no .*\nFix: make its operands constants"),
    "count": (lambda n: real.bdtr(1.0, n, 0.5), (2.0,), ValueError, "bdtr: there is no derivative with respect to the order n"),
    "branch": (lambda z: special.lambertw(z, 2), (3.0,), ValueError, "only the branches 0 and -1 have real values, got k=2"),
    "too few operands": (special.betainc, (3.0,), TypeError, "betainc: takes 3 operands, got 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_errors(name: str) -> None:
    f, args, kind, text = ERRORS[name]
    with pytest.raises(kind, match=text):
        fg.jvp(f, args[:1] + args[1:], tuple(type(a)(1) for a in args))


def test_errors_of_concrete_values() -> None:
    with pytest.raises(ValueError, match=r"condition a > 0.5 \* \(d-1\) not met"):
        special.multigammaln(0.4, 2)
    with pytest.raises(ValueError, match="the order n must be a non-negative integer, got -1"):
        special.polygamma(-1, 2.0)
    with pytest.raises(AttributeError, match=r"funcgrad.scipy.special has no 'mathieu_a'; it has agm"):
        _ = special.mathieu_a
    assert fg.grad(special.jv, argnums=1)(1.5, 2.0) == pytest.approx(real.jvp(1.5, 2.0))


# --- machine code on disk ---------------------------------------------------------------------------------------------

SCRIPT = """
import numpy as np, funcgrad as fg
f = fg.jit(lambda a, x: fg.scipy.special.gammainc(a, x) * fg.scipy.special.zeta(a + 1.0, x))
print(f.lower(np.ones(2), np.ones(2)).as_text("llvm").count("@funcgrad_scipy2_gammainc(") if {cold} else "warm")
print(repr(f(np.array([0.7, 3.0]), np.array([1.1, 2.0])).tolist()))
import sys; print("funcgrad.compile.pipeline" in sys.modules)
if {cold}:
    import pickle
    pickle.dump(f.lower(np.ones(2), np.ones(2)).compile(), open(sys.argv[1], "wb"))
"""
PICKLED = """
import pickle, sys, numpy as np
print(repr(pickle.load(open(sys.argv[1], "rb"))(np.array([0.7, 3.0]), np.array([1.1, 2.0])).tolist()))
"""


def test_kept_machine_code_finds_scipys_functions(tmp_path: Path) -> None:
    environment = {**os.environ, "FUNCGRAD_CACHE": "1", "FUNCGRAD_CACHE_DIR": str(tmp_path / "cache")}
    environment["PYTHONPATH"] = str(Path(fg.__file__).parents[1])

    def run(script: str) -> list[str]:
        command = [sys.executable, "-c", script, str(tmp_path / "compiled")]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split("\n")

    cold, warm, pickled = run(SCRIPT.format(cold=True)), run(SCRIPT.format(cold=False)), run(PICKLED)
    a, x = np.array([0.7, 3.0]), np.array([1.1, 2.0])
    np.testing.assert_allclose(eval(warm[1]), real.gammainc(a, x) * real.zeta(a + 1, x), rtol=1e-14)
    assert cold[1] == warm[1] == pickled[0] and int(cold[0]) >= 2
    assert warm[2] == "False", "the program was compiled again"
