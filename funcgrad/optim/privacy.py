"""Differential privacy: gradients of single examples are clipped, and noise is added to their sum."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import numpy as fnp
from .. import random, tree
from ..numpy.promotion import array_operand
from .base import GradientTransformation, GradientTransformationExtraArgs, chain, identity
from .clipping import safe_root
from .moments import number_like, squared
from .momentum import trace
from .noise import key_of, normal_like
from .scaling import ScalarOrSchedule, scale_by_learning_rate


class DifferentiallyPrivateAggregateState(NamedTuple):
    """The key of the next draw."""

    rng_key: Any


def _examples(grads: Any, where: str) -> list[Any]:
    """The leaves, which must have one first axis in common."""
    leaves = [array_operand(g, where) for g in tree.tree_leaves(grads)]
    if len({tuple(g.shape[:1]) for g in leaves}) != 1 or leaves[0].ndim == 0:
        shapes = [tuple(g.shape) for g in leaves]
        raise ValueError(
            f"{where}: the first axis of every gradient must be the examples of the batch, got shapes {shapes}.\n"
            "Fix: take gradients of single examples with vmap(grad(loss), (None, 0))(params, batch)."
        )
    return leaves


def per_example_global_norm_clip(grads: Any, l2_norm_clip: Any) -> tuple[Any, Any]:
    """The sum over examples of gradients, each shrunk to a global norm of at most `l2_norm_clip`.

    Args:
        grads: a pytree of arrays whose first axis is the example.
        l2_norm_clip: largest norm of one example's gradient.

    Returns:
        The sum, and how many gradients were shrunk.

    Raises:
        ValueError: when the leaves have no first axis in common.

    Example:
        >>> import numpy as np
        >>> per_example_global_norm_clip(np.array([[3.0, 4.0], [0.0, 0.5]]), 1.0)
        (array([0.6, 1.3]), np.int64(1))

    Reference: M. Abadi et al., Deep learning with differential privacy, CCS 2016.
    """
    leaves = _examples(grads, "per_example_global_norm_clip")
    square = sum(fnp.sum(squared(g), axis=tuple(range(1, g.ndim))) for g in leaves)
    norm = safe_root(square)
    bound = number_like(l2_norm_clip, norm)
    factor = bound / fnp.maximum(norm, bound)
    summed = [fnp.tensordot(number_like(factor, g), g, axes=1) for g in leaves]
    return tree.tree_unflatten(tree.tree_structure(grads), summed), fnp.sum(norm > bound)


def per_example_layer_norm_clip(grads: Any, global_l2_norm_clip: Any, uniform: bool = True) -> tuple[Any, Any]:
    """As `per_example_global_norm_clip`, leaf by leaf; the squares of the bounds add up to that of the global one.

    Args:
        grads: a pytree of arrays whose first axis is the example.
        global_l2_norm_clip: the global bound.
        uniform: the same bound for every leaf; else in proportion to the root of its size.

    Returns:
        The sums, and for every leaf how many gradients were shrunk.

    Example:
        >>> import numpy as np
        >>> per_example_layer_norm_clip({"w": np.ones((2, 4)), "b": np.ones((2, 1))}, 2.0 ** 0.5)[1]
        {'b': np.int64(0), 'w': np.int64(2)}

    Reference: B. McMahan et al., A general approach to adding differential privacy to iterative training
    procedures, 2018.
    """
    leaves = _examples(grads, "per_example_layer_norm_clip")
    sizes = [g.size // g.shape[0] for g in leaves]
    shares = [1 / len(leaves) if uniform else n / sum(sizes) for n in sizes]
    pairs = [per_example_global_norm_clip(g, global_l2_norm_clip * share**0.5) for g, share in zip(leaves, shares)]
    structure = tree.tree_structure(grads)
    sums, counts = zip(*pairs)
    return tree.tree_unflatten(structure, list(sums)), tree.tree_unflatten(structure, list(counts))


def differentially_private_aggregate(
    l2_norm_clip: Any, noise_multiplier: Any, key: Any = None, *, seed: Any = None
) -> GradientTransformation:
    """The mean over examples of clipped gradients plus normal noise. Updates have the example as their first axis.

    Args:
        l2_norm_clip: largest norm of one example's gradient.
        noise_multiplier: standard deviation of the noise in the sum, over `l2_norm_clip`.
        key: a key of `random`, or an integer to make one.
        seed: another name for an integer key.

    Raises:
        ValueError: without a key.

    Example:
        >>> import numpy as np
        >>> link = differentially_private_aggregate(1.0, noise_multiplier=0.0, key=0)
        >>> link.update(np.array([[3.0, 4.0], [0.0, 0.5]]), link.init(np.zeros(2)))[0]
        array([0.3 , 0.65])

    Reference: M. Abadi et al., Deep learning with differential privacy, CCS 2016.
    """
    start = key_of(key, seed, "differentially_private_aggregate")

    def init_fn(params: Any) -> DifferentiallyPrivateAggregateState:
        del params
        return DifferentiallyPrivateAggregateState(start)

    def update_fn(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        clipped, _ = per_example_global_norm_clip(updates, l2_norm_clip)
        size = tree.tree_leaves(updates)[0].shape[0]
        keys = random.split(state.rng_key)
        noise = normal_like(keys[1], clipped)
        spread = l2_norm_clip * noise_multiplier
        new = tree.tree_map(lambda g, n: (g + n * number_like(spread, n)) / size, clipped, noise)
        return new, DifferentiallyPrivateAggregateState(keys[0])

    return GradientTransformation(init_fn, update_fn)


def dpsgd(
    learning_rate: ScalarOrSchedule,
    l2_norm_clip: Any,
    noise_multiplier: Any,
    seed: Any,
    momentum: Any = None,
    nesterov: bool = False,
) -> GradientTransformationExtraArgs:
    """Gradient descent on differentially private gradients, see `differentially_private_aggregate`.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        l2_norm_clip, noise_multiplier, seed: see `differentially_private_aggregate`.
        momentum, nesterov: see `trace`.

    Example:
        >>> import numpy as np
        >>> optimizer = dpsgd(0.1, 1.0, noise_multiplier=0.0, seed=0)
        >>> np.round(optimizer.update(np.array([[3.0, 4.0], [0.0, 0.5]]), optimizer.init(np.zeros(2)))[0], 6)
        array([-0.03 , -0.065])

    Reference: M. Abadi et al., Deep learning with differential privacy, CCS 2016.
    """
    return chain(
        differentially_private_aggregate(l2_norm_clip, noise_multiplier, seed=seed),
        identity() if momentum is None else trace(momentum, nesterov),
        scale_by_learning_rate(learning_rate),
    )
