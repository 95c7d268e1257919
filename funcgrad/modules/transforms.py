"""Transformations of functions whose arguments and results hold more than arrays.

Each takes arguments apart into arrays and the rest, transforms with respect to the arrays, and puts them together again
inside.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .. import tree
from ..api.compilation import eval_shape, jit
from ..api.differentiation import value_and_grad
from ..api.vectorization import vmap
from .filters import combine, is_array, is_inexact_array, partition


class _Rest:
    """What is not an array in a tree, as part of its structure; hashable where everything in it is."""

    __slots__ = ("leaves", "treedef", "what")

    def __init__(self, tree_without_arrays: Any, what: str) -> None:
        leaves, self.treedef = tree.tree_flatten(tree_without_arrays)
        self.leaves, self.what = tuple(leaves), what

    def rebuilt(self) -> Any:
        return tree.tree_unflatten(self.treedef, self.leaves)

    def _key(self) -> tuple[Any, ...]:
        # Types are compared, too: 1, 1.0 and True lead to different programs.
        return self.treedef, tuple([(type(x), x) for x in self.leaves])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Rest) and self._key() == other._key()

    def __hash__(self) -> int:
        try:
            return hash(self._key())
        except TypeError:
            kinds = sorted({type(x).__name__ for x in self.leaves if getattr(x, "__hash__", None) is None})
            raise TypeError(
                f"{self.what}: leaves of type {', '.join(kinds)} are neither arrays nor hashable, so what was compiled "
                "for them could not be found again.\nFix: make them arrays, or hashable."
            ) from None


tree.register_static(_Rest)


def _split(value: Any, what: str) -> tuple[Any, _Rest]:
    arrays, rest = partition(value, is_array)
    return arrays, _Rest(rest, what)


def _join(pair: tuple[Any, _Rest]) -> Any:
    return combine(pair[0], pair[1].rebuilt())


def _unbound(fun: Callable[..., Any]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A function, and the object it was bound to when that is a tree."""
    owner = getattr(fun, "__self__", None)
    if owner is not None and hasattr(fun, "__func__") and not _is_leaf(owner):
        return fun.__func__, (owner,)
    if not isinstance(fun, type) and not _is_leaf(fun):
        return type(fun).__call__, (fun,)  # type: ignore[operator]
    return fun, ()


def _is_leaf(x: Any) -> bool:
    return tree.all_leaves([x])


def _wrapping(fun: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return functools.wraps(fun, updated=()) if hasattr(fun, "__name__") else lambda wrapped: wrapped


def _name(fun: Callable[..., Any]) -> str:
    return getattr(fun, "__name__", type(fun).__name__)


def filter_jit(fun: Callable[..., Any], *, donate: str = "none") -> Callable[..., Any]:
    """`jit`, with respect to all arrays in the arguments; everything else is static, also in the result.

    Python numbers are not arrays, so each value of one compiles anew.

    Args:
        fun: a function of any pytrees to any pytree; a module that is called, or a bound method of one, counts as an
            argument, too.
        donate: "none", or "all" to let results take over the memory of all arrays of the arguments.

    Raises:
        TypeError: when called with a leaf that is neither an array nor hashable.
        ValueError: for another `donate`.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> f = filter_jit(lambda name, activation, x: (name, activation(x)))
        >>> f("layer", fg.numpy.sin, np.zeros(2))
        ('layer', array([0., 0.]))

    Reference: https://docs.kidger.site/equinox/api/transformations/, whose interface this follows.
    """
    if donate not in ("none", "all"):
        raise ValueError(f"filter_jit: donate must be 'none' or 'all', got {donate!r}.")
    function, owner = _unbound(fun)
    what = f"filter_jit of {_name(fun)}"

    def inner(arrays: Any, rest: _Rest) -> tuple[Any, _Rest]:
        args, kwargs = _join((arrays, rest))
        return _split(function(*args, **kwargs), f"the result of {_name(fun)}")

    inner.__name__ = _name(fun)
    compiled = jit(inner, donate_argnums=(0,) if donate == "all" else ())

    @_wrapping(fun)
    def jitted(*args: Any, **kwargs: Any) -> Any:
        return _join(compiled(*_split(((*owner, *args), kwargs), what)))

    return jitted


def filter_value_and_grad(fun: Callable[..., Any], *, has_aux: bool = False) -> Callable[..., Any]:
    """`value_and_grad` with respect to all floating-point arrays in the first argument.

    Args:
        fun: a function of any pytrees to one real number, or with `has_aux` to a number and anything else.
        has_aux: whether `fun` returns `(value, auxiliary data)`.

    Returns:
        A function that returns the value and the gradient, a tree like the first argument with None in place of
        everything that is no floating-point array.

    Example:
        >>> import numpy as np
        >>> filter_value_and_grad(lambda p: np.sum(p["w"] ** p["power"]))({"w": np.array([3.0]), "power": 2})
        (np.float64(9.0), {'power': None, 'w': array([6.])})

    Reference: https://docs.kidger.site/equinox/api/transformations/, whose interface this follows.
    """

    @_wrapping(fun)
    def both(*args: Any, **kwargs: Any) -> Any:
        if not args:
            raise TypeError(f"filter_value_and_grad of {_name(fun)}: needs a first argument to differentiate by.")
        first, rest = partition(args[0], is_inexact_array)

        def of_arrays(arrays: Any) -> Any:
            out = fun(combine(arrays, rest), *args[1:], **kwargs)
            return (out[0], _split(out[1], "auxiliary data")) if has_aux else out

        of_arrays.__name__ = _name(fun)
        value, gradient = value_and_grad(of_arrays, has_aux=has_aux)(first)
        return ((value[0], _join(value[1])) if has_aux else value), gradient

    return both


def filter_grad(fun: Callable[..., Any], *, has_aux: bool = False) -> Callable[..., Any]:
    """`grad` with respect to all floating-point arrays in the first argument; see `filter_value_and_grad`.

    Example:
        >>> import numpy as np
        >>> filter_grad(lambda p: np.sum(p["w"] ** p["power"]))({"w": np.array([3.0]), "power": 2})
        {'power': None, 'w': array([6.])}
    """
    both = filter_value_and_grad(fun, has_aux=has_aux)

    @_wrapping(fun)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, result = both(*args, **kwargs)
        return (result, value[1]) if has_aux else result

    return gradient


def if_array(axis: int) -> Callable[[Any], int | None]:
    """For `filter_vmap`: this axis of arrays, and no axis of anything else.

    Example:
        >>> import numpy as np
        >>> if_array(0)(np.ones(3)), if_array(0)("text")
        (0, None)
    """
    return lambda x: axis if is_array(x) else None


def _is_none(x: Any) -> bool:
    return x is None


def _axes(spec: Any, arrays: Any, what: str) -> Any:
    """One axis or None for each array; functions in the specification are asked."""
    leaves, treedef = tree.tree_flatten(arrays)
    whole = tree.tree_unflatten(treedef, range(len(leaves)))
    specs = tree.broadcast_prefix(spec, whole, is_leaf=_is_none, what=what)
    return [s(x) if callable(s) else s for s, x in zip(specs, leaves)]


def filter_vmap(
    fun: Callable[..., Any],
    *,
    in_axes: Any = if_array(0),
    out_axes: Any = 0,
    axis_name: Any = None,
    axis_size: int | None = None,
) -> Callable[..., Any]:
    """`vmap` over the arrays in the arguments; everything else is the same for all, and may be in the result.

    Args:
        fun: a function of any pytrees to any pytree.
        in_axes: an axis, None, or a function of an array to one of these; or a tuple with a pytree prefix of such
            entries for each argument. By default axis 0 of every array.
        out_axes: the axis where the batch goes in the arrays of the result.
        axis_name, axis_size: as `vmap`.

    Example:
        >>> import numpy as np
        >>> filter_vmap(lambda name, x: (name, x.sum()))("rows", np.ones((2, 3)))
        ('rows', array([3., 3.]))

    Reference: https://docs.kidger.site/equinox/api/transformations/, whose interface this follows.
    """
    what = f"filter_vmap of {_name(fun)}"

    @_wrapping(fun)
    def batched(*args: Any, **kwargs: Any) -> Any:
        arrays, rest = _split((args, kwargs), what)
        spec = in_axes if isinstance(in_axes, (tuple, list)) else (in_axes,) * len(arrays[0])
        leaves, treedef = tree.tree_flatten(arrays)
        axes = _axes((tuple(spec), if_array(0)), arrays, f"{what}: in_axes")

        def of_leaves(leaves: list[Any]) -> Any:
            args, kwargs = _join((tree.tree_unflatten(treedef, leaves), rest))
            return _split(fun(*args, **kwargs), f"the result of {_name(fun)}")

        of_leaves.__name__ = _name(fun)
        return _join(vmap(of_leaves, (axes,), out_axes, axis_name=axis_name, axis_size=axis_size)(leaves))

    return batched


def filter_eval_shape(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Shapes and dtypes of the arrays in `fun(*args, **kwargs)`, without computing it; the rest as it is.

    Example:
        >>> import numpy as np
        >>> filter_eval_shape(lambda name, x: (name, x.T), "turned", np.ones((2, 3)))
        ('turned', ShapeDtypeStruct(shape=(3, 2), dtype=float64))
    """
    arrays, rest = _split((args, kwargs), f"filter_eval_shape of {_name(fun)}")

    def inner(arrays: Any) -> Any:
        args, kwargs = _join((arrays, rest))
        return _split(fun(*args, **kwargs), f"the result of {_name(fun)}")

    return _join(eval_shape(inner, arrays))
