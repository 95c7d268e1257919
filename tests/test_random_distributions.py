"""The samplers of `funcgrad.random` with parameters: distributions, JAX's numbers, derivatives, transformations."""

from __future__ import annotations

import inspect
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import stats

import funcgrad as fg
from funcgrad import random
from funcgrad.errors import KeyReuseError
from funcgrad.random.gamma_slope import digamma, log_gamma_slope
from funcgrad.test_util import check_grads

A = np.array([0.3, 1.0, 4.5])
ROWS = np.array([[2.0, 3.0, 0.5], [1.0, 1.0, 8.0]])
COV = np.array([[2.0, 0.3], [0.3, 1.0]])

# What every sampler is called with, in the tests of equal numbers.
CASES: dict[str, Any] = {
    "ball": lambda r, k: r.ball(k, 3, 1.5, (2,)),
    "beta": lambda r, k: r.beta(k, A, 2.0),
    "binomial": lambda r, k: r.binomial(k, np.array([5.0, 60.0, 1000.0]), 0.3),
    "cauchy": lambda r, k: r.cauchy(k, (3,)),
    "chisquare": lambda r, k: r.chisquare(k, A),
    "dirichlet": lambda r, k: r.dirichlet(k, ROWS),
    "double_sided_maxwell": lambda r, k: r.double_sided_maxwell(k, 1.0, 2.0, (3,)),
    "f": lambda r, k: r.f(k, 3.0, A),
    "gamma": lambda r, k: r.gamma(k, A),
    "gamma32": lambda r, k: r.gamma(k, np.float32([0.5, 2.0]), (2,), np.float32),
    "generalized_normal": lambda r, k: r.generalized_normal(k, 1.5, (3,)),
    "geometric": lambda r, k: r.geometric(k, np.array([0.1, 0.5, 0.01])),
    "loggamma": lambda r, k: r.loggamma(k, np.array([1e-5, 0.7, 30.0])),
    "logistic": lambda r, k: r.logistic(k, (3,)),
    "lognormal": lambda r, k: r.lognormal(k, A),
    "maxwell": lambda r, k: r.maxwell(k, (3,)),
    "multinomial": lambda r, k: r.multinomial(k, np.array(50.0), np.array([0.2, 0.5, 0.3])),
    "multivariate_normal": lambda r, k: r.multivariate_normal(k, np.array([1.0, -1.0]), COV, (2,)),
    "multivariate_normal eigh": lambda r, k: abs(
        r.multivariate_normal(k, np.zeros(2), np.diag([1.0, 4.0]), (2,), method="eigh")
    ),
    "multivariate_normal svd": lambda r, k: r.multivariate_normal(k, np.array([1.0, -1.0]), COV, (2,), method="svd"),
    "orthogonal": lambda r, k: r.orthogonal(k, 3, m=2),
    "pareto": lambda r, k: r.pareto(k, A),
    "rademacher": lambda r, k: r.rademacher(k, (5,)),
    "rayleigh": lambda r, k: r.rayleigh(k, A),
    "t": lambda r, k: r.t(k, A),
    "triangular": lambda r, k: r.triangular(k, -1.0, A, 6.0),
    "wald": lambda r, k: r.wald(k, A),
    "weibull_min": lambda r, k: r.weibull_min(k, 2.0, 1.5, (3,)),
}

# jax 0.10.2 with jax_enable_x64, for the key PRNGKey(42).
EXPECTED: dict[str, Any] = {
    "ball": [
        [-0.0384274121719343, -0.23021707456341264, -0.4716361044985232],
        [0.3980138272266431, -0.3048052739796696, -0.14784497957050247],
    ],
    "beta": [0.01005157734925455, 0.254105057030554, 0.4195819045633921],
    "binomial": [1.0, 19.0, 271.0],
    "cauchy": [-0.23434604341667786, -21.19070234669309, 0.23723777098183235],
    "chisquare": [0.001972319411229448, 0.029018193809269035, 10.73218693430611],
    "dirichlet": [
        [0.48891264326446227, 0.5005873422921426, 0.010500014443395074],
        [0.19247759769646708, 0.010196478510305, 0.797325923793228],
    ],
    "double_sided_maxwell": [-2.6956351413757687, -3.6877952518604795, 4.7138077011187836],
    "f": [410.6998118469818, 10.338784919858412, 8.784701699903577],
    "gamma": [0.04064462722988022, 0.5161877343182824, 8.690605329978988],
    "gamma32": [0.9994542002677917, 1.0923854112625122],
    "generalized_normal": [-0.4028062414861481, -0.09948843483645729, 0.35442502223499145],
    "geometric": [9, 7, 56],
    "loggamma": [-107522.62689473541, -2.8609676148355643, 3.687015480874022],
    "logistic": [-0.29521526220084393, -4.183910141360207, 0.29878068416298553],
    "lognormal": [0.9460938349365136, 0.11419764994377499, 2.3191714379451467],
    "maxwell": [2.1856811186160847, 0.866467331447922, 0.8407561365101462],
    "multinomial": [10.0, 21.0, 19.0],
    "multivariate_normal": [[0.738778144692716, -3.159624832518837], [1.2643667926365265, -0.3620141625685833]],
    "multivariate_normal eigh": [[0.18471174528191162, 4.339649120795508], [0.18693555179382582, 1.2245307141021917]],
    "multivariate_normal svd": [[1.8115327397994005, -2.93116583936989], [0.583490364770518, -0.5070168909452915]],
    "orthogonal": [
        [-0.3323982541017758, -0.9177473674466865],
        [0.3364001079140078, 0.09995078745710319],
        [0.8811051969348128, -0.3843821140888083],
    ],
    "pareto": [6.38944502850559, 1.0152388050382692, 1.2088882202206883],
    "rademacher": [1, 1, -1, -1, -1],
    "rayleigh": [0.39152229513216535, 2.8979420291236666, 4.740507332005578],
    "t": [-2.113657255210138, -0.744660466338864, 2.026990572595862],
    "triangular": [1.2173678700250603, -0.5415886419225586, 3.70154869049892],
    "wald": [0.4439857940089453, 0.7711361736729381, 0.3070352665788785],
    "weibull_min": [1.3529603556444487, 0.12231276251644208, 1.7997751636072923],
}


@pytest.mark.parametrize("name", CASES)
def test_same_numbers_as_jax(name: str) -> None:
    """Equal up to rounding: logarithms and powers of different libraries differ in the last place."""
    actual, expected = CASES[name](random, random.key(42)), np.array(EXPECTED[name])
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=1e-5 if name == "gamma32" else 1e-13)


Q = np.array([0.1, 0.2, 0.3, 0.4])
LOGITS = np.log(np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]]))
# What JAX gives for options of samplers that tests/test_random.py covers without them.
OPTIONS: list[tuple[Any, Any]] = [
    (
        lambda k: random.gumbel(k, (4,), mode="high"),
        [0.5862781993145612, 4.191481602167405, 0.15822814885001754, -0.26900584689070045],
    ),
    (lambda k: random.bernoulli(k, 0.4, (8,), mode="high"), [False, True, False, False, False, False, False, False]),
    (lambda k: random.categorical(k, LOGITS, shape=(2, 2), replace=False), [[2, 0], [0, 1]]),
    (lambda k: random.categorical(k, LOGITS, 0, (2, 1, 3), replace=False), [[[1, 1, 0]], [[0, 0, 1]]]),
    (lambda k: random.choice(k, 4, (3,), replace=False, p=Q, mode="high"), [1, 2, 3]),
]


@pytest.mark.parametrize(("draw", "expected"), OPTIONS)
def test_options_give_the_numbers_of_jax(draw: Any, expected: Any) -> None:
    np.testing.assert_allclose(draw(random.key(42, impl="threefry2x32")), np.array(expected, float), rtol=1e-14)
    np.testing.assert_allclose(fg.jit(draw)(random.key(42)), np.array(expected, float), rtol=1e-14)


def test_high_precision_keeps_the_distribution() -> None:
    tails = random.gumbel(random.key(2), (20_000,), np.float32, mode="high")
    assert tails.dtype == np.float32 and stats.kstest(tails, stats.gumbel_r.cdf).pvalue > 1e-3
    assert abs(random.bernoulli(random.key(3), np.float32(0.3), (20_000,), mode="high").mean() - 0.3) < 0.015


N = 4000
DISTRIBUTIONS: dict[str, Any] = {
    "beta": (lambda k: random.beta(k, 0.5, 3.0, (N,)), stats.beta(0.5, 3)),
    "cauchy": (lambda k: random.cauchy(k, (N,)), stats.cauchy),
    "chisquare": (lambda k: random.chisquare(k, 3.0, (N,)), stats.chi2(3)),
    "dirichlet": (lambda k: random.dirichlet(k, np.array([0.5, 1.0, 2.0]), (N,))[:, 0], stats.beta(0.5, 3)),
    "exponential": (lambda k: random.exponential(k, (N,)), stats.expon),
    "f": (lambda k: random.f(k, 4.0, 7.0, (N,)), stats.f(4, 7)),
    "gamma": (lambda k: random.gamma(k, 2.5, (N,)), stats.gamma(2.5)),
    "gamma small": (lambda k: random.gamma(k, 0.2, (N,)), stats.gamma(0.2)),
    "gamma large": (lambda k: random.gamma(k, 1e6, (N,)), stats.gamma(1e6)),
    "generalized_normal": (lambda k: random.generalized_normal(k, 3.0, (N,)), stats.gennorm(3)),
    "gumbel": (lambda k: random.gumbel(k, (N,)), stats.gumbel_r),
    "laplace": (lambda k: random.laplace(k, (N,)), stats.laplace),
    "loggamma": (lambda k: np.exp(random.loggamma(k, 1.7, (N,))), stats.gamma(1.7)),
    "logistic": (lambda k: random.logistic(k, (N,)), stats.logistic),
    "lognormal": (lambda k: random.lognormal(k, 0.7, (N,)), stats.lognorm(0.7)),
    "maxwell": (lambda k: random.maxwell(k, (N,)), stats.maxwell),
    "normal": (lambda k: random.normal(k, (N,)), stats.norm),
    "normal32": (lambda k: random.normal(k, (N,), np.float32), stats.norm),
    "pareto": (lambda k: random.pareto(k, 2.5, (N,)), stats.pareto(2.5)),
    "rayleigh": (lambda k: random.rayleigh(k, 2.0, (N,)), stats.rayleigh(0, 2)),
    "t": (lambda k: random.t(k, 3.0, (N,)), stats.t(3)),
    "triangular": (lambda k: random.triangular(k, -1.0, 0.5, 3.0, (N,)), stats.triang(1.5 / 4, -1, 4)),
    "truncated_normal": (lambda k: random.truncated_normal(k, -1.0, 2.0, (N,)), stats.truncnorm(-1, 2)),
    "uniform": (lambda k: random.uniform(k, (N,), minval=-1.0, maxval=2.0), stats.uniform(-1, 3)),
    "wald": (lambda k: random.wald(k, 2.0, (N,)), stats.invgauss(2)),
    "wald large": (lambda k: random.wald(k, 1e6, (N,)), stats.invgauss(1e6)),
    "weibull_min": (lambda k: random.weibull_min(k, 2.0, 1.5, (N,)), stats.weibull_min(1.5, 0, 2)),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distribution_functions(name: str) -> None:
    """Kolmogorov-Smirnov; a correct sampler fails for one key in a thousand, and the key is fixed."""
    draw, distribution = DISTRIBUTIONS[name]
    assert stats.kstest(draw(random.key(7)), distribution.cdf).pvalue > 1e-3


COUNTS: dict[str, Any] = {
    "binomial few": (lambda k: random.binomial(k, 20, 0.3, (N,)), stats.binom(20, 0.3)),
    "binomial many": (lambda k: random.binomial(k, 1000, 0.97, (N,)), stats.binom(1000, 0.97)),
    "geometric": (lambda k: random.geometric(k, 0.2, (N,)), stats.geom(0.2)),
    "multinomial": (
        lambda k: random.multinomial(k, np.full(N, 30.0), ROWS[0] / 5.5, shape=(N, 3))[:, 1],
        stats.binom(30, 3 / 5.5),
    ),
    "poisson few": (lambda k: random.poisson(k, 4.0, (N,)), stats.poisson(4)),
    "poisson ten": (lambda k: random.poisson(k, 10.0, (N,)), stats.poisson(10)),
    "poisson many": (lambda k: random.poisson(k, 1e8, (N,)), stats.poisson(1e8)),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name: str) -> None:
    """Chi-squared over ten groups of about equal probability."""
    draw, distribution = COUNTS[name]
    edges = np.unique(distribution.ppf(np.linspace(0.1, 0.9, 9)))
    expected = np.diff(np.concatenate([[0], distribution.cdf(edges), [1]])) * N
    found = np.bincount(np.searchsorted(edges, draw(random.key(6))), minlength=len(edges) + 1)
    assert stats.chisquare(found, expected).pvalue > 1e-3


def test_vectors() -> None:
    keys = random.split(random.key(8), 4)
    for method in ("cholesky", "eigh", "svd"):
        x = random.multivariate_normal(keys[0], np.array([1.0, -1.0]), COV, (N,), method=method)
        np.testing.assert_allclose(np.cov(x.T), COV, atol=0.15)
        np.testing.assert_allclose(x.mean(axis=0), [1, -1], atol=0.1)
    singular = random.multivariate_normal(keys[0], np.zeros(2), np.ones((2, 2)), (5,), method="eigh")
    np.testing.assert_allclose(singular[:, 0], singular[:, 1], atol=1e-7)
    points = random.ball(keys[1], 3, 1.0, (N,))
    radius = np.abs(points).sum(axis=-1)
    assert stats.kstest(radius**3, stats.uniform.cdf).pvalue > 1e-3  # the share of the volume within a radius
    q = random.orthogonal(keys[2], 4, (2,), m=6)
    np.testing.assert_allclose(q @ np.swapaxes(q, -1, -2), np.broadcast_to(np.eye(4), (2, 4, 4)), atol=1e-14)
    corner = random.orthogonal(keys[3], 2, (N,))[:, 0, 0]  # the cosine of a uniform angle
    assert stats.kstest(np.arccos(corner) / np.pi, stats.uniform.cdf).pvalue > 1e-3


# --- derivatives ------------------------------------------------------------------------------------------------------

SLOPE_POINTS = [
    (a, float(stats.gamma(a).ppf(q))) for a in (0.05, 0.7, 1.0, 2.5, 30.0) for q in (0.02, 0.5, 0.98)
]  # fmt: skip


@pytest.mark.parametrize(("a", "z"), SLOPE_POINTS)
def test_gamma_slope_against_mpmath(a: float, z: float) -> None:
    """-(dP/da) / (z p(z)), with the derivative of the power series of P term by term at 40 digits."""
    with mpmath.workdps(40):
        log_z = mpmath.mpf(float(np.log(z)))
        ma, mz = mpmath.mpf(a), mpmath.exp(log_z)
        exact, term = mpmath.mpf(0), 1 / ma
        for n in range(400):
            exact += term * (mpmath.digamma(ma + n + 1) - log_z)
            term *= mz / (ma + n + 1)
    np.testing.assert_allclose(log_gamma_slope(np.array(a), np.log(np.array(z))), float(exact), rtol=1e-12)


def test_digamma_and_higher_derivatives() -> None:
    for x in (1e-8, 0.3, 1.0, 1.4616, 8.0, 1e5):
        np.testing.assert_allclose(digamma(np.array(x)), float(mpmath.digamma(x)), rtol=1e-14, atol=1e-15)
    a, log_z = np.array([0.4, 0.6, 3.0, 3.0]), np.array([-0.5, 0.7, 0.5, 1.6])
    check_grads(log_gamma_slope, (a, log_z), order=2)


def test_samples_move_with_their_shape_parameter() -> None:
    """The sample at another parameter with the same rank: an inverse distribution function by SciPy."""
    key, h = random.key(4), 1e-4
    for a in (0.4, 3.0, 50.0):
        z, dist = random.gamma(key, a), stats.gamma
        rank = dist(a).cdf(z)
        slope = (dist(a + h).ppf(rank) - dist(a - h).ppf(rank)) / (2 * h)
        np.testing.assert_allclose(fg.grad(lambda a: random.gamma(key, a))(a), slope, rtol=1e-6)
        np.testing.assert_allclose(fg.jit(fg.grad(lambda a: random.loggamma(key, a)))(a), slope / z, rtol=1e-6)
        np.testing.assert_allclose(fg.jvp(lambda a: random.gamma(key, a), (a,), (1.0,))[1], slope, rtol=1e-6)
        curve = (dist(a + h).ppf(rank) - 2 * z + dist(a - h).ppf(rank)) / h**2
        np.testing.assert_allclose(fg.grad(fg.grad(lambda a: random.gamma(key, a)))(a), curve, rtol=1e-3, atol=1e-5)


def test_slopes_average_to_the_slope_of_the_mean() -> None:
    key = random.key(21)

    def mean(f: Any) -> Any:
        return lambda *p: np.mean(f(*p))

    np.testing.assert_allclose(fg.grad(mean(lambda a: random.gamma(key, a, (N,))))(2.0), 1, atol=0.05)
    by_a, by_b = fg.grad(mean(lambda a, b: random.beta(key, a, b, (N,))), argnums=(0, 1))(2.0, 3.0)
    np.testing.assert_allclose([by_a, by_b], [3 / 25, -2 / 25], atol=0.01)
    alpha = np.array([1.0, 2.0, 3.0])
    rows = fg.jacobian(lambda p: np.mean(random.dirichlet(key, p, (N,)), axis=0))(alpha)
    np.testing.assert_allclose(rows, np.eye(3) / 6 - alpha[:, None] / 36, atol=0.01)
    np.testing.assert_allclose(fg.grad(mean(lambda d: random.chisquare(key, d, (N,))))(3.0), 1, atol=0.05)
    square = fg.grad(mean(lambda d: random.t(key, d, (N,)) ** 2))(9.0)
    np.testing.assert_allclose(square, -2 / 49, atol=0.02)
    for a in (1e-300, 1e-3):  # samples that underflow to 0 have derivative 0, not NaN
        assert fg.grad(lambda a: random.gamma(random.key(1), a))(a) >= 0


def test_derivatives_in_scales_and_ends() -> None:
    key = random.key(17)
    for f, args in (
        (lambda s: random.lognormal(key, s, (3,)), (0.5,)),
        (lambda b: random.pareto(key, b, (3,)), (2.0,)),
        (lambda s: random.rayleigh(key, s, (3,)), (2.0,)),
        (lambda a, b, c: random.triangular(key, a, b, c, (3,)), (0.1, 0.5, 2.0)),
        (lambda m: random.wald(key, m, (3,)), (2.0,)),
        (lambda s, c: random.weibull_min(key, s, c, (3,)), (2.0, 1.5)),
        (lambda m, s: random.double_sided_maxwell(key, m, s), (1.0, 2.0)),
        (lambda m, l: random.multivariate_normal(key, m, l @ l.T + np.eye(2)), (np.ones(2), COV)),
    ):
        check_grads(f, args, order=2)


# --- keys -------------------------------------------------------------------------------------------------------------


def test_reuse_is_found_and_both_lines_are_named() -> None:
    key = random.key(0)
    with random.check_reuse():
        random.normal(key, (3,))  # the first use
        with pytest.raises(KeyReuseError) as error:
            random.split(key)  # the second use
    text = str(error.value)
    assert text.startswith("random.split: this key was used before, by random.normal.\nfirst use:")
    assert "random.normal(key, (3,))  # the first use" in text and "random.split(key)  # the second use" in text
    assert "Fix: make a key for each use" in text
    random.normal(key)  # outside of the context nothing is checked


def test_what_counts_as_reuse() -> None:
    key = random.key(0)
    for uses in (
        lambda: (random.fold_in(key, 1), random.fold_in(key, np.int64(1))),
        lambda: (random.fold_in(key, 0), random.split(key)),
        lambda: (random.bernoulli(key=key), random.fold_in(key, 0)),
        lambda: (random.uniform(key), random.uniform(random.key(0))),
        lambda: fg.grad(lambda x: x * random.normal(key) * random.normal(key))(1.0),
        lambda: fg.make_program(lambda k: random.normal(k) * random.normal(k))(key),
    ):
        with random.check_reuse(), pytest.raises(KeyReuseError):
            uses()
    with random.check_reuse():
        keys = [random.fold_in(key, i) for i in range(3)]
        x, y = random.choice(keys[0], 5, (2,), replace=False), random.gamma(keys[1], 2.0)
        random.normal(random.clone(keys[0])), random.normal(keys[2])
        fg.jit(lambda k: [random.dirichlet(s, np.ones(2)) for s in random.split(k)])(random.key(1))
        fg.vmap(random.normal)(random.split(random.key(2), 3))
    assert x.shape == (2,) and y > 0


def test_the_check_can_be_on_everywhere() -> None:
    fg.config.update("check_key_reuse", 1)
    try:
        random.normal(random.key(987654321))
        with pytest.raises(KeyReuseError):
            random.uniform(random.key(987654321))
    finally:
        fg.config.update("check_key_reuse", 0)


def test_keys_as_data() -> None:
    key = random.key(5)
    assert random.key_impl(key) == "threefry2x32"
    np.testing.assert_array_equal(random.wrap_key_data(random.key_data(key)), key)
    assert random.normal(random.clone(key)) == random.normal(key)
    with pytest.raises(TypeError, match=r"keys are arrays uint32\[..., 2\], got 3"):
        random.key_data(3)
    with pytest.raises(ValueError, match="the only generator is 'threefry2x32', got 'rbg'"):
        random.wrap_key_data(key, impl="rbg")


# --- arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_and_empty_shapes(dtype: Any) -> None:
    others = {"PRNGKey", "check_reuse", "clone", "fold_in", "key", "key_data", "key_impl", "split", "wrap_key_data"}
    for name in set(random.__all__) - others:
        sampler = getattr(random, name)
        names = inspect.signature(sampler).parameters
        if "dtype" not in names or name in ("bits", "randint", "poisson", "geometric", "truncated_normal"):
            continue
        needed = [p for p in names.values() if p.default is p.empty and p.name != "key"]
        sizes = {
            "mean": np.ones(2) if name == "multivariate_normal" else 1.0,
            "cov": COV,
            "alpha": np.ones(2),
            "right": 2.0,
        }
        values = {p.name: sizes.get(p.name, 2 if p.name in ("n", "d") else 0.5) for p in needed}
        if name == "multinomial":
            values["p"] = np.full(2, 0.5)
        x = sampler(random.key(1), **values, dtype=dtype)
        assert x.dtype == dtype and np.all(np.isfinite(x)), name
        if name not in ("multinomial", "weibull_min", "double_sided_maxwell"):
            assert sampler(random.key(1), **values, shape=(0, 2), dtype=dtype).shape[:2] == (0, 2), name


def test_edge_parameters() -> None:
    key = random.key(0)
    np.testing.assert_array_equal(random.poisson(key, np.array([0.0, -1.0, np.nan])), [0, -1, -1])
    found = random.binomial(key, np.array([10, 10, 0, -1, 5]), np.array([0.0, 1.0, 0.5, 0.5, 1.5]))
    np.testing.assert_array_equal(found, [0, 10, 0, np.nan, np.nan])
    np.testing.assert_array_equal(random.geometric(key, 1.0, (3,)), 1)
    assert random.multinomial(key, np.array([3.0, 5.0]), ROWS).sum(axis=-1).tolist() == [3, 5]


def test_errors_name_the_fix() -> None:
    key = random.key(0)
    with pytest.raises(TypeError, match=r"random.gamma: the first argument must be one key"):
        random.gamma(0, 1.0)
    with pytest.raises(ValueError, match=r"random.gamma: shape \(2,\) is too small for parameters of shape \(3, 2\)"):
        random.gamma(key, np.ones((3, 2)), (2,))
    with pytest.raises(ValueError, match=r"random.beta: operands of shapes \(2,\), \(3,\) cannot be broadcast"):
        random.beta(key, np.ones(2), np.ones(3))
    with pytest.raises(ValueError, match=r"random.cauchy: dtype must be float32 or float64, got int64"):
        random.cauchy(key, (), int)
    with pytest.raises(TypeError, match=r"random.poisson: dtype must be an integer type, got float64"):
        random.poisson(key, 1.0, dtype=float)
    with pytest.raises(ValueError, match="method must be one of 'cholesky', 'eigh', 'svd', got 'qr'"):
        random.multivariate_normal(key, np.ones(2), COV, method="qr")
    with pytest.raises(ValueError, match=r"mean must be \[..., n\] and cov \[..., n, n\], got \(3,\) and \(2, 2\)"):
        random.multivariate_normal(key, np.ones(3), COV)
    with pytest.raises(ValueError, match="alpha must have at least one axis"):
        random.dirichlet(key, 1.0)
    with pytest.raises(ValueError, match="p must have at least one axis"):
        random.multinomial(key, 3, 0.5)
    with pytest.raises(ValueError, match=r"random.key: the only generator is 'threefry2x32', got 'rbg'"):
        random.key(0, impl="rbg")
    with pytest.raises(ValueError, match="mode must be 'low' or 'high', got 'highest'"):
        random.gumbel(key, mode="highest")
    with pytest.raises(ValueError, match="cannot draw 4 of 3 categories without replacement"):
        random.categorical(key, LOGITS, shape=(4, 2), replace=False)
    with pytest.raises(TypeError, match="must be a signed integer or floating type, got uint8"):
        random.rademacher(key, (), np.uint8)
