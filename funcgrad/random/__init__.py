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
from .discrete import bernoulli, categorical, choice, permutation, randint
from .keys import PRNGKey, bits, fold_in, key, split

__all__ = [
    "PRNGKey",
    "bernoulli",
    "bits",
    "categorical",
    "choice",
    "exponential",
    "fold_in",
    "gumbel",
    "key",
    "laplace",
    "normal",
    "permutation",
    "randint",
    "split",
    "truncated_normal",
    "uniform",
]
