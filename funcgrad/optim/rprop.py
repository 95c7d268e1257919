"""Rprop: step sizes that grow while the sign of the gradient stays, and shrink when it changes."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import numpy as fnp
from .. import tree
from ..numpy.promotion import array_operand
from .base import GradientTransformation, chain
from .moments import (
    full_like,
    number_like,
    refuse_complex,
)
from .scaling import scale


class ScaleByRpropState(NamedTuple):
    """Step sizes, and the last updates (0 after a change of sign), pytrees like the parameters."""

    step_sizes: Any
    prev_updates: Any


def scale_by_rprop(
    learning_rate: Any,
    eta_minus: Any = 0.5,
    eta_plus: Any = 1.2,
    min_step_size: Any = 1e-6,
    max_step_size: Any = 50.0,
) -> GradientTransformation:
    """size * sign(g) for every element, with a size of its own; for gradients of whole data sets.

    Args:
        learning_rate: size of the first steps.
        eta_minus: factor of the size when the sign changes; that step is left out.
        eta_plus: factor of the size when the sign stays.
        min_step_size, max_step_size: bounds of the sizes.

    Example:
        >>> import numpy as np
        >>> link = scale_by_rprop(0.5)
        >>> first, state = link.update(np.array([4.0]), link.init(np.zeros(1)))
        >>> first, link.update(np.array([3.0]), state)[0]
        (array([0.5]), array([0.6]))

    Reference: M. Riedmiller, H. Braun, A direct adaptive method for faster backpropagation learning: the RPROP
    algorithm, ICNN 1993; C. Igel, M. Huesken, Improving the Rprop learning algorithm, 2000 (iRprop-).
    """

    def init_fn(params: Any) -> ScaleByRpropState:
        refuse_complex(params, "scale_by_rprop")
        sizes = tree.tree_map(lambda p: fnp.zeros_like(p) + number_like(learning_rate, p), full_like(params, 0))
        return ScaleByRpropState(sizes, full_like(params, 0))

    def next_size(agree: Any, size: Any) -> Any:
        factor = fnp.where(agree > 0, number_like(eta_plus, size), number_like(eta_minus, size))
        factor = number_like(array_operand(factor), size)
        moved = fnp.clip(size * factor, number_like(min_step_size, size), number_like(max_step_size, size))
        return fnp.where(fnp.equal(agree, 0), size, moved)

    def update_fn(updates: Any, state: ScaleByRpropState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        agree = tree.tree_map(lambda g, last: g * last, updates, state.prev_updates)
        sizes = tree.tree_map(next_size, agree, state.step_sizes)
        new = tree.tree_map(
            lambda a, g, size: fnp.where(a < 0, fnp.zeros_like(size), size * fnp.sign(g)), agree, updates, sizes
        )
        return new, ScaleByRpropState(sizes, new)

    return GradientTransformation(init_fn, update_fn)


def rprop(
    learning_rate: Any,
    eta_minus: Any = 0.5,
    eta_plus: Any = 1.2,
    min_step_size: Any = 1e-6,
    max_step_size: Any = 50.0,
) -> GradientTransformation:
    """Rprop: minus the updates of `scale_by_rprop`.

    Args:
        learning_rate, eta_minus, eta_plus, min_step_size, max_step_size: see `scale_by_rprop`.

    Example:
        >>> import numpy as np
        >>> optimizer = rprop(0.5)
        >>> optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)))[0]
        array([-0.5])

    Reference: M. Riedmiller, H. Braun, A direct adaptive method for faster backpropagation learning: the RPROP
    algorithm, ICNN 1993.
    """
    return chain(scale_by_rprop(learning_rate, eta_minus, eta_plus, min_step_size, max_step_size), scale(-1.0))
