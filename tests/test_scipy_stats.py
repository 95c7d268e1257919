# ruff: noqa: E501
"""scipy.stats: every method of every distribution against SciPy, edges of supports included; derivatives against
differences, and against mpmath in the tails."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np
import pytest
from scipy import stats as real

import funcgrad as fg
from funcgrad.scipy import stats
from funcgrad.test_util import check_grads

LINE = np.array([-np.inf, -40.0, -3.3, -1.0, -0.2, 0.0, 0.4, 1.0, 2.7, 30.0, np.inf, np.nan])
WHOLE = np.array([-1.0, 0.0, 1.0, 2.0, 3.5, 4.0, 7.0, 60.0, np.nan])
Q = np.array([-0.1, 0.0, 1e-12, 0.03, 0.5, 0.8, 1.0, 1.1, np.nan])
SHAPES: dict[str, list[tuple[Any, ...]]] = {
    "norm": [()], "expon": [()], "laplace": [()], "logistic": [()], "cauchy": [()], "uniform": [()], "gumbel_r": [()],
    "lognorm": [(0.8,), (0.0,)], "weibull_min": [(1.7,), (1.0,), (0.6,)], "pareto": [(2.5,), (-1.0,)],
    "gamma": [(0.5,), (1.0,), (3.2,), (-1.0,)], "chi2": [(2.0,), (5.5,)], "beta": [(2.0, 3.5), (1.0, 1.0), (0.5, 0.5), (0.0, 1.0)],
    "t": [(1.0,), (4.5,), (np.inf,)], "truncnorm": [(-1.0, 2.5), (3.0, 5.0), (-6.0, -4.0), (0.5, np.inf), (2.0, 1.0)],
    "bernoulli": [(0.3,), (0.0,), (1.0,), (1.2,)], "binom": [(5, 0.3), (4, 0.0), (7, 1.0), (2.5, 0.5)], "geom": [(0.4,), (1.0,)],
    "nbinom": [(2.5, 0.4)], "poisson": [(2.3,), (0.0,), (-1.0,)],
    "gumbel_l": [()], "halfnorm": [()], "rayleigh": [()], "gennorm": [(1.3,), (2.0,), (-1.0,)], "invgamma": [(2.5,), (0.5,)], "f": [(3.0, 5.0), (1.5, 0.7)],
    "vonmises": [(2.0,), (0.0,)], "wrapcauchy": [(0.4,), (1.2,)], "randint": [(0, 5), (3, 3)], "betabinom": [(5, 1.2, 2.5), (0, 1.0, 1.0), (2.5, 1.0, 1.0)],
}  # fmt: skip
CONTINUOUS = ["logpdf", "pdf", "cdf", "sf", "logcdf", "logsf", "ppf", "isf"]
DISCRETE = ["logpmf", "pmf", "cdf", "sf", "logcdf", "logsf", "ppf", "isf"]
PARTIAL = {"vonmises": ["logpdf", "pdf"], "betabinom": ["logpmf", "pmf", "ppf", "isf"]}
METHODS = [
    (d, m)
    for d in SHAPES
    for m in PARTIAL.get(d)
    or (CONTINUOUS if isinstance(getattr(stats, d), stats.distribution.Continuous) else DISCRETE)
]


COARSE = {("truncnorm", "isf"), ("f", "isf"), ("halfnorm", "ppf")}  # SciPy's are quantiles of 1 - q, rounded


def differs_from_scipy(name: str, method: str, x: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Where SciPy underflows to log(0), or computes inf - inf at an infinite point."""
    underflow = np.isneginf(theirs) & np.isfinite(ours) if method in ("logcdf", "logsf") else np.zeros(len(x), bool)
    infinite = np.isinf(x) & np.isnan(theirs) & ~np.isnan(ours)
    not_allowed = (
        np.isnan(ours) & (theirs == 0) if method == "logcdf" else False
    )  # SciPy looks at the end of the support first
    return underflow | infinite | not_allowed


@pytest.mark.parametrize(("name", "method"), METHODS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_values(name: str, method: str) -> None:
    ours, theirs = getattr(getattr(stats, name), method), getattr(getattr(real, name), method)
    x = Q if method in ("ppf", "isf") else WHOLE if "logpmf" in dir(getattr(stats, name)) else LINE
    compiled = fg.jit(lambda x, shapes, *rest: ours(x, *shapes, *rest))
    for shapes in SHAPES[name]:
        for rest in (
            ((), (1.0,))
            if isinstance(getattr(stats, name), stats.distribution.Discrete)
            else ((), (0.7, 2.2), (0.0, -1.0))
        ):
            expected = theirs(x, *shapes, *rest)
            for got in (ours(x, *shapes, *rest), compiled(x, shapes, *rest)):
                skip = differs_from_scipy(name, method, x, got, expected)
                np.testing.assert_allclose(
                    got[~skip],
                    expected[~skip],
                    rtol=1e-4 if (name, method) in COARSE else 3e-12,
                    atol=1e-16 if method.startswith("logc") or method == "logsf" else 1e-300,
                    err_msg=f"{shapes} {rest}",
                )


def test_logarithms_where_scipy_underflows() -> None:
    np.testing.assert_allclose(stats.laplace.logcdf(-800.0), -800 - np.log(2))
    np.testing.assert_allclose(stats.gumbel_r.logsf(800.0), -800.0)
    np.testing.assert_allclose(stats.pareto.logsf(1e200, 3.0), -600 * np.log(10))


def test_a_quantile_in_the_tail_of_a_truncated_tail_against_mpmath() -> None:
    with mp.workdps(30):
        tail = mp.mpf(1e-12) * mp.ncdf(mp.mpf(-0.5))
        exact = float(mp.findroot(lambda z: mp.ncdf(-z) - tail, 7.2))
    np.testing.assert_allclose(stats.truncnorm.isf(1e-12, 0.5, np.inf), exact, rtol=1e-14)


SMOOTH: dict[str, tuple[Any, ...]] = {
    "norm": (), "expon": (), "laplace": (), "logistic": (), "cauchy": (), "uniform": (), "gumbel_r": (), "lognorm": (0.8,),
    "weibull_min": (1.7,), "pareto": (2.5,), "gamma": (3.2,), "chi2": (5.5,), "beta": (2.0, 3.5), "t": (4.5,), "truncnorm": (-1.0, 2.5),
    "gumbel_l": (), "halfnorm": (), "rayleigh": (), "gennorm": (1.3,), "invgamma": (2.5,), "f": (3.0, 5.0), "wrapcauchy": (0.4,),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(SMOOTH))
def test_derivatives_in_every_argument(name: str) -> None:
    d, shapes = getattr(stats, name), SMOOTH[name]
    x = np.array([1.13, 1.37]) + (1.2 if name == "pareto" else 0.0)
    for method in ("logpdf", "cdf", "logsf"):
        check_grads(getattr(d, method), (x, *shapes, 0.3, 2.6 if name != "pareto" else 1.1), order=2)
    check_grads(d.ppf, (np.array([0.2, 0.7]), *shapes, 0.3, 2.6), order=1)


@pytest.mark.parametrize(
    ("name", "shapes"), [("bernoulli", (0.3,)), ("geom", (0.3,)), ("nbinom", (2.5, 0.4)), ("poisson", (2.3,))]
)
def test_derivatives_of_discrete_distributions(name: str, shapes: tuple) -> None:
    d = getattr(stats, name)
    for method in ("logpmf", "cdf", "sf"):
        k = np.array({"bernoulli": [1.0, 0.0], "geom": [1.0, 4.0]}.get(name, [1.0, 0.0, 4.0]))
        check_grads(lambda *s, f=getattr(d, method), k=k: f(k, *s), shapes, order=2)


def test_quantiles_of_counts() -> None:
    q = np.array([0.1, 0.5, 0.9])
    assert fg.grad(lambda mu: np.sum(stats.poisson.ppf(q, mu)))(2.3) == 0.0
    assert fg.grad(lambda loc: np.sum(stats.geom.isf(q, 0.3, loc)))(2.0) == 3.0
    assert stats.binom.ppf(np.float32(0.5), 4, np.float32(0.3)).dtype == np.float32
    np.testing.assert_array_equal(fg.vmap(stats.nbinom.ppf, (0, None, None))(q, 2.5, 0.4), real.nbinom.ppf(q, 2.5, 0.4))


def test_infinite_degrees_of_freedom_are_a_normal_distribution() -> None:
    for method in ("logpdf", "cdf", "sf", "ppf"):
        f, normal = getattr(stats.t, method), getattr(stats.norm, method)
        for run in (lambda g: g, fg.jit):
            assert run(fg.grad(f))(0.3, np.inf) == pytest.approx(fg.grad(normal)(0.3), rel=1e-13)
        assert np.isfinite(fg.grad(f, argnums=1)(0.3, np.inf))


def test_circular_densities_and_ratios_of_beta_functions() -> None:
    check_grads(stats.vonmises.logpdf, (np.array([0.4, 4.0]), 1.7, 0.3, 1.2), order=2)
    check_grads(lambda a, b: stats.betabinom.logpmf(np.arange(6), 5, a, b), (1.2, 2.5), order=2)
    np.testing.assert_allclose(stats.vonmises.logpdf(1e-9, 1e8), real.vonmises.logpdf(1e-9, 1e8), rtol=1e-13)


def test_binomial_probabilities() -> None:
    k = np.arange(6)
    check_grads(lambda p: stats.binom.logpmf(k, 5, p), (0.3,), order=2)
    check_grads(lambda p: stats.binom.cdf(k, 5, p), (0.3,), order=2)
    assert fg.grad(lambda p: stats.binom.logpmf(0, 5, p))(0.0) == -5.0


def test_the_normal_tail_against_mpmath() -> None:
    def logcdf(x: Any) -> Any:
        return mp.log(mp.ncdf(x))

    x = np.array([-40.0, -20.0, -3.0, 0.0, 4.0, 9.0])
    with mp.workdps(80):
        slopes = [float(mp.npdf(mp.mpf(v)) / mp.ncdf(mp.mpf(v))) for v in x]
        curvatures = [
            float(-r * (r + mp.mpf(v))) for v, r in zip(x, [mp.npdf(mp.mpf(v)) / mp.ncdf(mp.mpf(v)) for v in x])
        ]
    for run in (lambda f: f, fg.jit):
        np.testing.assert_allclose(run(fg.vmap(fg.grad(stats.norm.logcdf)))(x), slopes, rtol=1e-13)
        np.testing.assert_allclose(run(fg.vmap(fg.grad(stats.norm.logsf)))(-x), -np.array(slopes), rtol=1e-13)
        np.testing.assert_allclose(run(fg.vmap(fg.grad(fg.grad(stats.norm.logcdf))))(x), curvatures, rtol=1e-9)


OUTSIDE = [("expon", (), -1.0), ("gamma", (2.5,), -0.5), ("beta", (2.0, 3.0), 1.5), ("uniform", (), 2.0), ("lognorm", (1.0,), -2.0),
           ("weibull_min", (1.5,), -1.0), ("pareto", (2.0,), 0.5), ("truncnorm", (-1.0, 1.0), 3.0), ("chi2", (3.0,), -1.0)]  # fmt: skip


@pytest.mark.parametrize(("name", "shapes", "x"), OUTSIDE)
def test_outside_of_the_support_the_derivative_is_zero(name: str, shapes: tuple, x: float) -> None:
    d = getattr(stats, name)
    for method in ("logpdf", "pdf", "cdf", "sf"):
        f = getattr(d, method)
        for run in (lambda g: g, fg.jit):
            value, slopes = run(fg.value_and_grad(f, argnums=tuple(range(len(shapes) + 3))))(x, *shapes, 0.0, 1.0)
            assert not np.any(slopes), (method, slopes)
            assert method != "logpdf" or value == -np.inf


def test_masked_sums_of_logarithms_have_finite_gradients() -> None:
    x = np.array([0.5, -1.0, 2.0])

    def loss(scale: Any) -> Any:
        return np.sum(np.where(x > 0, stats.gamma.logpdf(x, 2.0, scale=scale), 0.0))

    np.testing.assert_allclose(fg.grad(loss)(1.5), (2.5 / 1.5 - 2 * 2.0) / 1.5)


def test_edges() -> None:
    assert stats.norm.logpdf(np.float32(1.0)).dtype == np.float32 and stats.norm.cdf(1).dtype == np.float64
    assert fg.grad(stats.norm.ppf, argnums=(1, 2))(0.0, 1.0, 2.0) == (1.0, -np.inf)
    assert fg.vmap(stats.t.logpdf, (0, None))(np.zeros(3), 2.0).shape == (3,)
    assert stats.beta.cdf(np.array([[0.2], [0.4]]), np.array([1.0, 2.0, 3.0]), 2.0).shape == (2, 3)
    assert stats.gamma.logpdf(1.0, a=2.0, loc=0.5) == stats.gamma.logpdf(1.0, 2.0, 0.5)


# --- vectors ----------------------------------------------------------------------------------------------------------

COV = np.array([[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 0.7]])
MEAN = np.array([0.5, -1.0, 2.0])
POINTS = np.linspace(-2, 3, 24).reshape(4, 2, 3)


def test_multivariate_normal_values() -> None:
    ours, theirs = stats.multivariate_normal, real.multivariate_normal
    for args in ((POINTS, MEAN, COV), (POINTS[0, 0], MEAN, COV), (POINTS, None, COV), (POINTS, MEAN, 2.5), (POINTS, MEAN, np.array([1.0, 2.0, 0.5])),
                 (np.array([0.3, 1.0]), 0.5, 2.0), (0.3,), (np.array([0.3, 1.0]),), (POINTS[:1], MEAN, COV)):  # fmt: skip
        for method in ("logpdf", "pdf"):
            f, expected = getattr(ours, method), getattr(theirs, method)(*args)
            got = f(*args)
            assert np.shape(got) == np.shape(expected), args
            np.testing.assert_allclose(got, expected, rtol=1e-12)
    np.testing.assert_allclose(fg.jit(ours.logpdf)(POINTS, MEAN, COV), theirs.logpdf(POINTS, MEAN, COV), rtol=1e-12)
    loop = [theirs.logpdf(p, MEAN, COV) for p in POINTS]
    np.testing.assert_allclose(fg.vmap(ours.logpdf, (0, None, None))(POINTS, MEAN, COV), loop, rtol=1e-12)


def test_multivariate_normal_derivatives() -> None:
    root = np.linalg.cholesky(COV)
    check_grads(lambda x, m, a: stats.multivariate_normal.logpdf(x, m, a @ a.T), (POINTS[0], MEAN, root), order=2)


def test_shares_and_counts() -> None:
    x, alpha = np.array([0.2, 0.3, 0.5]), np.array([1.3, 2.0, 0.6])
    points = np.stack([x, x[::-1]], axis=1)
    for args in ((x, alpha), (x[:2], alpha), (points, alpha)):
        for method in ("logpdf", "pdf"):
            ours, expected = getattr(stats.dirichlet, method), getattr(real.dirichlet, method)(*args)
            for got in (ours(*args), fg.jit(ours)(*args)):
                np.testing.assert_allclose(got, expected, rtol=1e-13)
    assert fg.jit(stats.dirichlet.logpdf)(x + 0.1, alpha) == -np.inf
    check_grads(lambda x, a: stats.dirichlet.logpdf(x, a), (x[:2], alpha), order=2)
    p, counts = np.array([0.2, 0.3, 0.5]), np.array([[1, 2, 0], [3, 0, 0], [1, 1, 2], [-1, 2, 2]])
    for method in ("logpmf", "pmf"):
        ours, expected = getattr(stats.multinomial, method), getattr(real.multinomial, method)(counts, 3, p)
        for got in (ours(counts, 3, p), fg.jit(ours)(counts, 3, p)):
            np.testing.assert_allclose(got, expected, rtol=1e-13)
    assert np.isnan(stats.multinomial.logpmf(counts[0], 3, p + 0.1))
    check_grads(lambda z: stats.multinomial.logpmf(counts[:2], 3, z / np.sum(z)), (p,), order=2)


TIED = np.array([[1.0, 3.0, 3.0, 2.0], [5.0, 5.0, 1.0, 1.0]])


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_ranks_modes_and_standard_errors(axis: int | None) -> None:
    for a in (TIED, TIED.astype(int), TIED.astype(np.float32)):
        for method in ("average", "min", "max", "dense", "ordinal"):
            got = fg.jit(lambda a, m=method: stats.rankdata(a, m, axis=axis))(a)
            np.testing.assert_array_equal(got, real.rankdata(a, method, axis=axis))
        for keepdims in (False, True):
            got, expected = (
                fg.jit(lambda a, k=keepdims: stats.mode(a, axis, keepdims=k))(a),
                real.mode(a, axis, keepdims=keepdims),
            )
            for ours, theirs in zip(got, expected, strict=True):
                np.testing.assert_array_equal(ours, theirs)
                assert ours.dtype == theirs.dtype and np.shape(ours) == np.shape(theirs)
            got, expected = (
                fg.jit(lambda a, k=keepdims: stats.sem(a, axis, keepdims=k))(a),
                real.sem(a, axis, keepdims=keepdims),
            )
            np.testing.assert_allclose(got, expected, rtol=1e-6)
            assert np.shape(got) == np.shape(expected) and np.asarray(got).dtype == np.asarray(expected).dtype
    check_grads(lambda a: stats.sem(a, axis), (TIED + np.arange(4) * np.array([[0.1], [0.3]]),), order=2)
    missing = np.array([1.0, np.nan, 2.0, np.nan])
    np.testing.assert_array_equal(fg.jit(stats.mode)(missing), real.mode(missing))
    np.testing.assert_array_equal(fg.jit(stats.rankdata)(missing), real.rankdata(missing))


# --- density estimates ------------------------------------------------------------------------------------------------

SAMPLES = np.array([[0.1, 0.7, 1.5, 2.2, -0.4], [1.0, -0.3, 0.4, 2.0, 0.2]])
WEIGHTS = np.array([1.0, 2.0, 0.5, 1.0, 3.0])


@pytest.mark.parametrize("method", [None, "scott", "silverman", 0.4, lambda kde: 0.5 * kde.n**-0.2])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("data", [SAMPLES, SAMPLES[0]], ids=["plane", "line"])
def test_density_estimates(data: np.ndarray, weights: Any, method: Any) -> None:
    ours, theirs = (f(data, bw_method=method, weights=weights) for f in (stats.gaussian_kde, real.gaussian_kde))
    points = np.linspace(-1, 2, 8).reshape(data.ndim, -1)
    np.testing.assert_allclose(ours.logpdf(points), theirs.logpdf(points), rtol=1e-12)
    np.testing.assert_allclose(ours(points), theirs(points), rtol=1e-12)
    np.testing.assert_allclose(ours.covariance, theirs.covariance, rtol=1e-13)
    np.testing.assert_allclose([ours.factor, ours.neff], [theirs.factor, theirs.neff], rtol=1e-14)


def test_density_estimates_have_derivatives() -> None:
    def f(points: Any, data: Any, weights: Any) -> Any:
        return stats.gaussian_kde(data, weights=weights).logpdf(points)

    points = np.array([[0.3, 1.1], [0.2, 0.9]])
    check_grads(f, (points, SAMPLES, WEIGHTS), order=1)
    np.testing.assert_allclose(fg.jit(f)(points, SAMPLES, WEIGHTS), f(points, SAMPLES, WEIGHTS), rtol=1e-12)


ERRORS = {
    "one sample": (lambda: stats.gaussian_kde([1.0]), ValueError, "gaussian_kde: the dataset must have more than one sample"),
    "weights": (lambda: stats.gaussian_kde(SAMPLES, weights=[1.0]), ValueError, r"weights of shape \(1,\) do not fit 5 samples"),
    "bandwidth": (lambda: stats.gaussian_kde(SAMPLES, "best"), ValueError, "bw_method must be 'scott', 'silverman', a number or a function, got 'best'"),
    "kde points": (lambda: stats.gaussian_kde(SAMPLES)(np.ones((3, 2))), ValueError, "points have dimension 3, the samples have 2"),
    "missing shape": (lambda: stats.gamma.logpdf(1.0), TypeError, "gamma.logpdf: the shape parameter 'a' is missing"),
    "unknown": (lambda: stats.norm.logpdf(1.0, sigma=2.0), TypeError, "norm.logpdf: the parameter 'sigma' is unknown; there are loc, scale"),
    "twice": (lambda: stats.norm.logpdf(1.0, 0.0, loc=2.0), TypeError, "norm.logpdf: the parameter 'loc' is given twice"),
    "too many": (lambda: stats.norm.cdf(1.0, 0.0, 1.0, 2.0), TypeError, "norm.cdf: takes at most x, loc, scale, got 3 parameters"),
    "complex": (lambda: stats.norm.cdf(1.0j), TypeError, "norm.cdf: takes real numbers, got complex128"),
    "no formula": (lambda: stats.vonmises.cdf(1.0, 2.0), NotImplementedError, "vonmises.cdf is not there; vonmises has logpdf.\nFix: on plain arrays use scipy.stats.vonmises.cdf"),
    "shares": (lambda: fg.jit(stats.dirichlet.logpdf)(np.ones(4), np.ones(3)), ValueError, r"dirichlet: points \(4,\) do not fit parameters \(3,\)"),
    "policy": (lambda: fg.jit(lambda a: stats.sem(a, nan_policy="omit"))(np.ones(3)), ValueError, "sem: nan_policy must be 'propagate'"),
    "ranks": (lambda: fg.jit(lambda a: stats.rankdata(a, "best"))(np.ones(3)), ValueError, 'rankdata: unknown method "best"'),
    "mean": (lambda: stats.multivariate_normal.logpdf(POINTS, MEAN[:2], COV), ValueError, "a mean of shape .* does not fit dimension 3"),
    "points": (lambda: stats.multivariate_normal.logpdf(POINTS[..., :2], MEAN, COV), ValueError, "points of shape .* do not fit dimension 3"),
    "cov": (lambda: stats.multivariate_normal.logpdf(POINTS, MEAN, COV[:2]), ValueError, "a covariance of shape .* does not fit dimension 3"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_errors(name: str) -> None:
    call, kind, text = ERRORS[name]
    with pytest.raises(kind, match=text):
        call()
