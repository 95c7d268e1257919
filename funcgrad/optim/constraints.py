"""Keep updates and parameters inside a set: no negative parameters, no NaNs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import tree
from .base import EmptyState, GradientTransformation, required, stateless
from .moments import refuse_complex

NonNegativeParamsState = EmptyState


class ZeroNansState(NamedTuple):
    """For every leaf, whether the last update had a NaN (bool scalars)."""

    found_nan: Any


def keep_params_nonnegative() -> GradientTransformation:
    """Change updates so that p + u is not negative: -p where it would be. The last link of a chain.

    Raises:
        ValueError: in `update`, when it gets no parameters.

    Example:
        >>> import numpy as np
        >>> keep_params_nonnegative().update(np.array([-3.0, -0.5]), (), np.array([1.0, 1.0]))[0]
        array([-1. , -0.5])
    """

    def kept(updates: Any, params: Any) -> Any:
        params = required(params, "keep_params_nonnegative")
        refuse_complex(params, "keep_params_nonnegative")
        return tree.tree_map(lambda p, u: fnp.where(p + u < 0, -p, u), params, updates)

    return stateless(kept)


def zero_nans() -> GradientTransformation:
    """Replace NaNs in the updates by 0; the state says in which leaves there were some.

    Example:
        >>> import numpy as np
        >>> link = zero_nans()
        >>> link.update(np.array([np.nan, 2.0]), link.init(np.zeros(2)))
        (array([0., 2.]), ZeroNansState(found_nan=np.True_))
    """

    def init_fn(params: Any) -> ZeroNansState:
        return ZeroNansState(tree.tree_map(lambda p: np.zeros((), np.bool_), params))

    def update_fn(updates: Any, state: ZeroNansState, params: Any = None, **extra: Any) -> tuple[Any, ZeroNansState]:
        del params, extra, state
        found = tree.tree_map(lambda g: fnp.any(fnp.isnan(g)), updates)
        return tree.tree_map(lambda g: fnp.where(fnp.isnan(g), fnp.zeros_like(g), g), updates), ZeroNansState(found)

    return GradientTransformation(init_fn, update_fn)
