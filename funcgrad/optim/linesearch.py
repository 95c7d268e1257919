"""What line searches share: the function they evaluate, and the value and gradient that they leave in the state."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import numpy as fnp
from .. import tree
from ..api.branches import cond
from ..api.callbacks import io_callback
from ..api.differentiation import value_and_grad
from .conditional import arrays
from .moments import full_like, number
from .tree_state import tree_get


def bound_to(value_fn: Callable[..., Any], extra: dict[str, Any], where: str) -> Callable[[Any], Any]:
    """A function of the parameters alone: the keyword arguments that belong to `value_fn` are given to it."""
    parameters = inspect.signature(value_fn).parameters.values()
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        return lambda params: value_fn(params, **extra)
    unknown = sorted(set(extra) - {p.name for p in parameters})
    if unknown:
        raise TypeError(
            f"{where}: the update got the keyword arguments {unknown}, which value_fn does not take.\n"
            "Fix: leave them out, or let value_fn accept them."
        )
    return lambda params: value_fn(params, **extra)


def needed(given: dict[str, Any], where: str) -> None:
    """The error for keyword arguments that are missing."""
    missing = [name for name, value in given.items() if value is None]
    if missing:
        raise TypeError(
            f"{where}: the update needs the keyword arguments {missing}.\n"
            "Fix: call optimizer.update(grads, state, params, value=value, grad=grads, value_fn=f)."
        )


def value_and_grad_from_state(value_fn: Callable[..., Any]) -> Callable[..., tuple[Any, Any]]:
    """The value and gradient that a line search left in the state, or computed where there is none.

    Args:
        value_fn: the function that is minimized.

    Returns:
        A function `(params, *args, state, **kwargs) -> (value, grad)`, to be called in the place of
        `value_and_grad(value_fn)`; the function is evaluated at the first step only.

    Raises:
        ValueError: when it is called with a state that keeps no value or gradient.

    Example:
        >>> import numpy as np
        >>> from funcgrad import optim
        >>> f = lambda x: np.sum(x**2)
        >>> optimizer, x = optim.lbfgs(), np.array([3.0])
        >>> value_and_grad_from_state(f)(x, state=optimizer.init(x))
        (np.float64(9.0), array([6.]))
    """

    def stored_or_computed(params: Any, *args: Any, state: Any, **kwargs: Any) -> tuple[Any, Any]:
        value, grad = tree_get(state, "value"), tree_get(state, "grad")
        if value is None or grad is None:
            raise ValueError(
                "value_and_grad_from_state: the state has no value and gradient.\n"
                "Fix: use a line search that keeps them, such as scale_by_zoom_linesearch."
            )

        def computed(params: Any) -> tuple[Any, Any]:
            new_value, new_grad = value_and_grad(value_fn)(params, *args, **kwargs)
            return number(new_value, value.dtype), arrays(new_grad)

        return cond(fnp.isfinite(value), lambda p: (value, grad), computed, arrays(params))

    return stored_or_computed


def unknown_value(params: Any, dtype: Any) -> tuple[Any, Any]:
    """The value and gradient of a state before the first step."""
    return np.full((), np.inf, dtype), full_like(params, 0)


def along(params: Any, step: Any, direction: Any) -> Any:
    """params + step * direction, in the dtypes of the parameters."""
    return tree.tree_map(lambda p, d: p + d * number(step, d.dtype), params, direction)


def report(where: str, **numbers: Any) -> None:
    """Print numbers while the program runs."""

    def show(*values: Any) -> None:
        print(f"{where}: " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in zip(numbers, values)))

    io_callback(show, None, *numbers.values(), ordered=True)
