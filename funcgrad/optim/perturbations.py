"""Functions smoothed by noise, whose derivatives need no derivative of the function: argmax, ranks, solvers, games.

f_sigma(x) = mean of f(x + sigma z) over noise z,      d f_sigma / d x = mean of f(x + sigma z) score(z) / sigma
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import numpy as fnp
from .. import random
from .. import tree as trees
from ..api.custom import stop_gradient
from ..api.vectorization import vmap
from ..numpy.promotion import array_operand
from .moments import number_like, refuse_complex
from .tree_types import tree_split_key_like
from .tree_utils import tree_sum

__all__ = ["Gumbel", "Normal", "make_perturbed_fun"]


class Normal:
    """Noise of the standard normal distribution."""

    def sample(self, key: Any, sample_shape: Any = (), dtype: Any = np.float64) -> Any:
        """Independent samples.

        Example:
            >>> from funcgrad import random
            >>> Normal().sample(random.key(0), (2,)).shape
            (2,)
        """
        return random.normal(key, sample_shape, dtype)

    def log_prob(self, inputs: Any) -> Any:
        """The logarithm of the density, up to a constant: -z^2 / 2."""
        return -inputs * inputs / 2


class Gumbel:
    """Noise of the Gumbel distribution: the most probable of softmax(x) is the largest of x + noise."""

    def sample(self, key: Any, sample_shape: Any = (), dtype: Any = np.float64) -> Any:
        """Independent samples.

        Example:
            >>> from funcgrad import random
            >>> Gumbel().sample(random.key(0), (2,)).shape
            (2,)
        """
        return random.gumbel(key, sample_shape, dtype)

    def log_prob(self, inputs: Any) -> Any:
        """The logarithm of the density: -z - exp(-z)."""
        return -inputs - fnp.exp(-inputs)


def make_perturbed_fun(
    fun: Callable[[Any], Any], num_samples: int = 1000, sigma: Any = 0.1, noise: Any = None, use_baseline: bool = True
) -> Callable[[Any, Any], Any]:
    """A function (key, x) that estimates the mean of fun(x + sigma noise), and can be differentiated to any order.

    Values and derivatives are unbiased, and use only values of `fun`, which may have steps or no derivatives at all.

    Args:
        fun: from a pytree of floating-point arrays to a pytree of arrays.
        num_samples: the mean is taken over so many.
        sigma: size of the noise.
        noise: a distribution with `sample(key, sample_shape, dtype)` and `log_prob(z)`; None for `Gumbel()`.
        use_baseline: subtract fun(x) before derivatives are estimated, which makes them less noisy.

    Raises:
        TypeError: in the call, for complex leaves.
        ValueError: when `num_samples` is not positive.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> from funcgrad import random
        >>> step = lambda x: np.where(x > 0, 1.0, 0.0)
        >>> smooth = make_perturbed_fun(step, 20_000, 1.0, Normal())
        >>> slope = fg.grad(smooth, argnums=1)(random.key(0), 0.0)
        >>> bool(abs(slope - 0.3989) < 0.02)  # the density of the normal distribution at 0
        True

    Reference: Q. Berthet et al., Learning with differentiable perturbed optimizers, NeurIPS 2020; J. Foerster et al.,
    DiCE: the infinitely differentiable Monte Carlo estimator, ICML 2018.
    """
    if num_samples < 1:
        raise ValueError(f"make_perturbed_fun: num_samples must be positive, got {num_samples}.")
    noise = Gumbel() if noise is None else noise

    def one(key: Any, x: Any, baseline: Any) -> Any:
        shifted = trees.tree_map(lambda k, leaf: stop_gradient(_shift(noise, sigma, k, leaf)), _keys(key, x), x)
        # As a function of x the noise is what it takes to get to the same point, so that its density carries slopes.
        z = trees.tree_map(lambda y, leaf: (y - leaf) / number_like(sigma, y), shifted, x)
        log_density = tree_sum(trees.tree_map(noise.log_prob, z))
        box = fnp.exp(log_density - stop_gradient(log_density))  # 1, with the derivatives of the density over itself
        out = fun(shifted)
        if not use_baseline:
            return trees.tree_map(lambda f: f * number_like(box, f), out)
        return trees.tree_map(lambda f, b: b + (f - b) * number_like(box, f), out, baseline)

    def estimate(key: Any, x: Any) -> Any:
        refuse_complex(x, "make_perturbed_fun")
        x = trees.tree_map(array_operand, x)
        baseline = fun(trees.tree_map(stop_gradient, x)) if use_baseline else None
        every = vmap(lambda k: one(k, x, baseline))(random.split(key, num_samples))
        return trees.tree_map(lambda values: fnp.mean(values, axis=0), every)

    return estimate


def _keys(key: Any, x: Any) -> Any:
    return tree_split_key_like(key, x)


def _shift(noise: Any, sigma: Any, key: Any, x: Any) -> Any:
    return x + number_like(sigma, x) * noise.sample(key, tuple(x.shape), x.dtype)
