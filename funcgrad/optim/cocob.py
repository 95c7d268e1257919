"""COCOB: no learning rate; each parameter is the stake of a gambler who bets on the next gradient."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import numpy as fnp
from .. import tree
from .base import GradientTransformation, chain, required
from .conditional import arrays
from .masking import MaskOrFn
from .moments import full_like, number_like, refuse_complex
from .scaling import ScalarOrSchedule, scale_by_learning_rate
from .weight_decay import add_decayed_weights


class COCOBState(NamedTuple):
    """Pytrees like the parameters: these at the start, -sum of gradients, largest |g|, sum of |g|, and what was won."""

    init_particles: Any
    cumulative_gradients: Any
    scale: Any
    subgradients: Any
    reward: Any


def scale_by_cocob(alpha: Any = 100.0, eps: Any = 1e-8) -> GradientTransformation:
    """Moves to p0 + (won + scale) times the fraction that past gradients advise to bet. Needs the parameters.

        L = max(L, |g|)    G = G + |g|    R = max(R - g (p - p0), 0)    C = C - g
        u = p0 - p + C (L + R) / (L max(G + L, alpha L))

    Args:
        alpha: the first bets are at most 1 / alpha.
        eps: the scale L before the first gradient.

    Raises:
        TypeError: in `init`, for complex parameters.
        ValueError: in `update`, when it gets no parameters.

    Example:
        >>> import numpy as np
        >>> link = scale_by_cocob(alpha=2.0)
        >>> link.update(np.array([4.0]), link.init(np.zeros(1)), np.zeros(1))[0]
        array([-0.5])

    Reference: F. Orabona, T. Tommasi, Training deep networks without learning rates through coin betting, NeurIPS 2017.
    """

    def init_fn(params: Any) -> COCOBState:
        refuse_complex(params, "scale_by_cocob")
        zeros = full_like(params, 0)
        return COCOBState(arrays(params), zeros, full_like(params, eps), zeros, zeros)

    def update_fn(updates: Any, state: COCOBState, params: Any = None, **extra: Any) -> tuple[Any, COCOBState]:
        del extra
        params = required(params, "scale_by_cocob")
        scale = tree.tree_map(lambda s, g: fnp.maximum(s, fnp.absolute(g)), state.scale, updates)
        total = tree.tree_map(lambda t, g: t + fnp.absolute(g), state.subgradients, updates)
        reward = tree.tree_map(
            lambda r, g, p, p0: fnp.maximum(r - g * (p - p0), number_like(0.0, r)),
            state.reward,
            updates,
            params,
            state.init_particles,
        )
        advice = tree.tree_map(lambda c, g: c - g, state.cumulative_gradients, updates)

        def move(p: Any, p0: Any, c: Any, s: Any, t: Any, r: Any) -> Any:
            return p0 - p + c / (s * fnp.maximum(t + s, s * number_like(alpha, s))) * (s + r)

        new = tree.tree_map(move, params, state.init_particles, advice, scale, total, reward)
        return new, COCOBState(state.init_particles, advice, scale, total, reward)

    return GradientTransformation(init_fn, update_fn)


def cocob(
    learning_rate: ScalarOrSchedule = 1.0,
    alpha: Any = 100.0,
    eps: Any = 1e-8,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: MaskOrFn = None,
) -> GradientTransformation:
    """COCOB: continuous coin betting, which needs no learning rate. The update needs the parameters.

    Args:
        learning_rate: a factor of the gradients, for schedules.
        alpha, eps: see `scale_by_cocob`.
        weight_decay, mask: see `add_decayed_weights`; here the decay is part of the gradient.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> optimizer, x = cocob(), np.array([3.0])
        >>> state = optimizer.init(x)
        >>> for _ in range(200):
        ...     updates, state = optimizer.update(fg.grad(lambda x: np.sum(abs(x - 2.0)))(x), state, x)
        ...     x = x + updates
        >>> bool(abs(x[0] - 2) < 0.05)
        True

    Reference: F. Orabona, T. Tommasi, Training deep networks without learning rates through coin betting, NeurIPS 2017.
    """
    return chain(
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate, flip_sign=False),
        scale_by_cocob(alpha, eps),
    )
