"""The same bits of every sampler: eagerly, compiled, for many keys at once, in every precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import random
from funcgrad.test_util import check_grads

A = np.array([0.3, 1.0, 4.5, 40.0])
P = np.array([0.1, 0.5, 0.01, 1.0])
PROBABILITIES = np.full(10, 0.1)
ROWS = np.array([[2.0, 3.0, 0.5], [1.0, 1.0, 8.0]])
COV = np.array([[2.0, 0.3], [0.3, 1.0]])
SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)

# (key, floating dtype) -> samples.
OF_EVERY_DTYPE: dict[str, Any] = {
    "ball": lambda k, d: random.ball(k, 3, 1.5, (7,), d),
    "beta": lambda k, d: random.beta(k, A, 2.0, None, d),
    "cauchy": lambda k, d: random.cauchy(k, (37,), d),
    "chisquare": lambda k, d: random.chisquare(k, A, (3, 4), d),
    "dirichlet": lambda k, d: random.dirichlet(k, ROWS, None, d),
    "double_sided_maxwell": lambda k, d: random.double_sided_maxwell(k, A, 1.5, (9,), d),
    "exponential": lambda k, d: random.exponential(k, (3, 5), d),
    "f": lambda k, d: random.f(k, 3.0, A, (5, 4), d),
    "gamma": lambda k, d: random.gamma(k, A, (5, 4), d),
    "generalized_normal": lambda k, d: random.generalized_normal(k, 1.5, (13,), d),
    "gumbel": lambda k, d: random.gumbel(k, (37,), d),
    "gumbel high": lambda k, d: random.gumbel(k, (37,), d, mode="high"),
    "laplace": lambda k, d: random.laplace(k, (37,), d),
    "loggamma": lambda k, d: random.loggamma(k, A, (5, 4), d),
    "logistic": lambda k, d: random.logistic(k, (37,), d),
    "lognormal": lambda k, d: random.lognormal(k, A, (9, 4), d),
    "maxwell": lambda k, d: random.maxwell(k, (37,), d),
    "normal": lambda k, d: random.normal(k, (37,), d),
    "normal number": lambda k, d: random.normal(k, (), d),
    "normal long": lambda k, d: random.normal(k, (300,), d),
    "orthogonal": lambda k, d: random.orthogonal(k, 4, (2,), d, m=3),
    "pareto": lambda k, d: random.pareto(k, A, (9, 4), d),
    "rayleigh": lambda k, d: random.rayleigh(k, A, (9, 4), d),
    "t": lambda k, d: random.t(k, A, (5, 4), d),
    "triangular": lambda k, d: random.triangular(k, -1.0, A, 60.0, (9, 4), d),
    "truncated_normal": lambda k, d: random.truncated_normal(k, -A, 2.0, (9, 4), d),
    "uniform": lambda k, d: random.uniform(k, (37,), d),
    "uniform scaled": lambda k, d: random.uniform(k, (9, 4), d, -A, 3.7),
    "wald": lambda k, d: random.wald(k, A, (9, 4), d),
    "weibull_min": lambda k, d: random.weibull_min(k, A, 1.7, (9, 4), d),
    "multivariate_normal": lambda k, d: random.multivariate_normal(k, np.array([1.0, -1.0]), COV, (5,), d),
    "categorical": lambda k, d: random.categorical(k, np.log(ROWS).astype(d), shape=(9, 2)),
    "geometric": lambda k, d: random.geometric(k, P.astype(d), (9, 4)),
    "binomial": lambda k, d: random.binomial(k, np.array([5.0, 60.0, 1000.0]), 0.3, None, d),
    "multinomial": lambda k, d: random.multinomial(k, np.array(50.0), np.array([0.2, 0.5, 0.3]), dtype=d),
    "bernoulli": lambda k, d: random.bernoulli(k, P.astype(d), (9, 4)),
    "rademacher": lambda k, d: random.rademacher(k, (20,), d),
}
OTHERS: dict[str, Any] = {
    "bits": lambda k, d: random.bits(k, (9,)),
    "choice": lambda k, d: random.choice(k, 10, (5,), p=PROBABILITIES),
    "choice without": lambda k, d: random.choice(k, 10, (5,), replace=False, p=PROBABILITIES),
    "permutation": lambda k, d: random.permutation(k, 20),
    "poisson": lambda k, d: random.poisson(k, np.array([0.0, 0.5, 8.0, 30.0, 1e6])),
    "randint": lambda k, d: random.randint(k, (20,), -5, 99),
}
CASES = [(name, draw, d) for name, draw in OF_EVERY_DTYPE.items() for d in (SINGLE, DOUBLE)]
CASES += [(name, draw, DOUBLE) for name, draw in OTHERS.items()]
NOT_SAMPLERS = {
    "PRNGKey", "check_reuse", "clone", "fold_in", "key", "key_data", "key_impl", "split", "wrap_key_data",
}  # fmt: skip


def test_every_sampler_has_a_case() -> None:
    assert {name.split()[0] for name, _, _ in CASES} == set(random.__all__) - NOT_SAMPLERS


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE], ids=str)
def test_the_bits_are_the_same(dtype: np.dtype) -> None:
    """All samplers at once, so that little is compiled; an eager `vmap` still runs one after the other."""
    draws = {name: draw for name, draw, wanted in CASES if wanted == dtype}

    def all_draws(key: Any) -> dict[str, Any]:
        return {name: draw(key, dtype) for name, draw in draws.items()}

    keys = random.split(random.key(11), 3)
    single = [all_draws(key) for key in keys]
    vectorized, compiled, both = fg.vmap(all_draws)(keys), fg.jit(all_draws)(keys[0]), fg.jit(fg.vmap(all_draws))(keys)
    for name in draws:
        expected = np.stack([found[name] for found in single])
        assert vectorized[name].dtype == compiled[name].dtype == both[name].dtype == expected.dtype
        np.testing.assert_array_equal(vectorized[name], expected, err_msg=f"{name}: vmap")
        np.testing.assert_array_equal(compiled[name], expected[0], err_msg=f"{name}: jit")
        np.testing.assert_array_equal(both[name], expected, err_msg=f"{name}: jit of vmap")


@pytest.mark.parametrize("count", [0, 1, 127, 128, 129, 2048, 2049, 16384 + 5, 2 * 16384])
def test_blocks_of_every_length(count: int) -> None:
    """Eager samples are made in blocks of a few sizes; none is lost at their ends."""
    key = random.key(4)
    found = random.lognormal(key, np.linspace(0.1, 1.0, count).astype(SINGLE), dtype=SINGLE)
    whole = random.lognormal(key, np.linspace(0.1, 1.0, count).astype(SINGLE).reshape(1, count), dtype=SINGLE)
    assert found.shape == (count,) and found.dtype == SINGLE
    np.testing.assert_array_equal(found, whole[0])
    expected = np.exp(random.normal(key, (count,), SINGLE) * np.linspace(0.1, 1.0, count).astype(SINGLE))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_samples_inside_a_derivative_have_these_bits_too() -> None:
    key = random.key(5)

    def scaled(scale: Any) -> Any:
        return np.sum(scale * random.normal(key, (50,)))

    assert fg.grad(scaled)(2.0) == np.sum(random.normal(key, (50,)))
    check_grads(lambda low, high: random.truncated_normal(key, low, high, (4,)), (-1.0, 2.0), order=2)
    check_grads(lambda a: random.weibull_min(key, a, 1.5, (4,)), (2.0,), order=2)
