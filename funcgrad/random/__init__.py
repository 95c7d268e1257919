"""Random numbers from explicit keys, by the names and signatures of `jax.random`.

With this package one can draw samples that are a pure function of a key: the same key gives the same numbers, with
and without `jit`, under `vmap`, in any order and on any machine. A key is an array of two uint32 words; make one from
a seed with `key`, and more from it with `split` or `fold_in`. Use every key once.

    first, second = random.split(random.key(0))
    x = random.normal(first, (3, 2))
    mask = random.bernoulli(second, 0.9, (3,))

Bits come from the threefry2x32 block cipher applied to counters, laid out as JAX does it (jax_threefry_partitionable):
keys, bits, integers, permutations and uniform numbers of the unit interval are JAX's, bit for bit; where JAX would give
float32 by default, this package gives float64, as JAX does with jax_enable_x64. Samplers of continuous distributions
are differentiable in their parameters.

Reference: J. Salmon, M. Moraes, R. Dror, D. Shaw, Parallel random numbers: as easy as 1, 2, 3, SC 2011.
"""

from .continuous import exponential, gumbel, laplace, normal, truncated_normal, uniform
from .counts import binomial, geometric, multinomial, poisson
from .discrete import bernoulli, categorical, choice, permutation, rademacher, randint
from .gamma_family import ball, beta, chisquare, dirichlet, f, gamma, generalized_normal, loggamma, t
from .keys import PRNGKey, bits, clone, fold_in, key, key_data, key_impl, split, wrap_key_data
from .multivariate import multivariate_normal, orthogonal
from .reuse import check_reuse
from .transformed import (
    cauchy,
    double_sided_maxwell,
    logistic,
    lognormal,
    maxwell,
    pareto,
    rayleigh,
    triangular,
    wald,
    weibull_min,
)

__all__ = [
    "PRNGKey",
    "ball",
    "bernoulli",
    "beta",
    "binomial",
    "bits",
    "categorical",
    "cauchy",
    "check_reuse",
    "chisquare",
    "choice",
    "clone",
    "dirichlet",
    "double_sided_maxwell",
    "exponential",
    "f",
    "fold_in",
    "gamma",
    "generalized_normal",
    "geometric",
    "gumbel",
    "key",
    "key_data",
    "key_impl",
    "laplace",
    "loggamma",
    "logistic",
    "lognormal",
    "maxwell",
    "multinomial",
    "multivariate_normal",
    "normal",
    "orthogonal",
    "pareto",
    "permutation",
    "poisson",
    "rademacher",
    "randint",
    "rayleigh",
    "split",
    "t",
    "triangular",
    "truncated_normal",
    "uniform",
    "wald",
    "weibull_min",
    "wrap_key_data",
]
