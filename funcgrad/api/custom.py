"""Rules of the user's own: `custom_jvp`, `custom_vjp`, `custom_gradient`, `custom_vmap`, and `stop_gradient`."""

from __future__ import annotations

from typing import Any

from .. import tree
from ..core.tracing import Tracer
from ..ops import elementwise
from .custom_jvp import custom_jvp
from .custom_vjp import custom_gradient, custom_vjp
from .custom_vmap import custom_vmap


def stop_gradient(x: Any) -> Any:
    """The identity, whose derivative is zero.

    Args:
        x: a pytree of arrays.

    Returns:
        The same values, constant for every derivative.

    Example:
        >>> import funcgrad as fg
        >>> fg.grad(lambda x: x * fg.stop_gradient(x))(3.0)
        np.float64(3.0)
    """
    return tree.tree_map(lambda leaf: elementwise.stop(leaf) if type(leaf) is Tracer else leaf, x)


__all__ = ["custom_gradient", "custom_jvp", "custom_vjp", "custom_vmap", "stop_gradient"]
