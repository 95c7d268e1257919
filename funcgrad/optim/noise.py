"""Add noise to updates: noisy SGD."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import numpy as fnp
from .. import random, tree
from ..numpy.promotion import array_operand
from .base import GradientTransformation, GradientTransformationExtraArgs, chain
from .moments import first_step, next_step, number_like
from .scaling import ScalarOrSchedule, scale_by_learning_rate


class AddNoiseState(NamedTuple):
    """Number of updates (int32 scalar), and the key of the next draw."""

    count: Any
    rng_key: Any


def key_of(key: Any, seed: Any, where: str) -> Any:
    """A key from a key or from a number; just one of the two must be given."""
    if (key is None) == (seed is None):
        raise ValueError(f"{where}: give a key (or a seed), one of the two, such as key=random.key(0).")
    key = seed if key is None else key
    return random.key(key) if array_operand(key).ndim == 0 else key


def normal_like(key: Any, values: Any) -> Any:
    """Standard normal numbers in the structure, shapes and dtypes of a pytree."""
    leaves = [array_operand(v) for v in tree.tree_leaves(values)]
    keys = random.split(key, len(leaves))
    drawn = [random.normal(keys[i], tuple(leaf.shape), leaf.dtype) for i, leaf in enumerate(leaves)]
    return tree.tree_unflatten(tree.tree_structure(values), drawn)


def add_noise(eta: Any, gamma: Any, key: Any = None, *, seed: Any = None) -> GradientTransformation:
    """Add normal noise of variance eta / t^gamma to the updates of step t.

    Args:
        eta: variance of the noise at the first step.
        gamma: how fast the variance falls.
        key: a key of `random`, or an integer to make one.
        seed: another name for an integer key.

    Raises:
        ValueError: without a key.

    Example:
        >>> import numpy as np
        >>> link = add_noise(eta=0.01, gamma=0.55, key=0)
        >>> noise, _ = link.update(np.zeros(1000), link.init(np.zeros(1000)))
        >>> bool(0.09 < noise.std() < 0.11)
        True

    Reference: A. Neelakantan et al., Adding gradient noise improves learning for very deep networks, 2015.
    """
    start = key_of(key, seed, "add_noise")

    def init_fn(params: Any) -> AddNoiseState:
        del params
        return AddNoiseState(first_step(), start)

    def update_fn(updates: Any, state: AddNoiseState, params: Any = None, **extra: Any) -> tuple[Any, AddNoiseState]:
        del params, extra
        count = next_step(state.count)
        keys = random.split(state.rng_key)
        spread = fnp.sqrt(eta / count**gamma)
        noise = normal_like(keys[1], updates)
        new = tree.tree_map(lambda g, n: g + n * number_like(spread, n), updates, noise)
        return new, AddNoiseState(count, keys[0])

    return GradientTransformation(init_fn, update_fn)


def noisy_sgd(
    learning_rate: ScalarOrSchedule, eta: Any = 0.01, gamma: Any = 0.55, key: Any = None, *, seed: Any = None
) -> GradientTransformationExtraArgs:
    """Gradient descent with noise: -learning_rate * (g + noise), see `add_noise`.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        eta, gamma, key, seed: see `add_noise`.

    Example:
        >>> import numpy as np
        >>> optimizer = noisy_sgd(0.1, eta=0.0, key=0)
        >>> optimizer.update(np.array([1.0]), optimizer.init(np.zeros(1)))[0]
        array([-0.1])

    Reference: A. Neelakantan et al., Adding gradient noise improves learning for very deep networks, 2015.
    """
    return chain(add_noise(eta, gamma, key, seed=seed), scale_by_learning_rate(learning_rate))
