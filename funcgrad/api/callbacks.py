"""Calling back into Python from functions that are transformed and compiled: `pure_callback`, `io_callback`, and what
`funcgrad.debug` offers to look at values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..core.avals import PYTHON_SCALARS, is_supported
from ..core.tracing import Tracer
from ..numpy import promotion
from ..ops import callback as ops


def pure_callback(
    callback: Callable, result_shape_dtypes: Any, *args: Any, vmap_method: str | None = None, **kwargs: Any
) -> Any:
    """Call a Python function on concrete arrays, from any transformed or compiled function.

    The function must be pure, since calls of it may be dropped, merged or repeated. It has no derivative: wrap it with
    `custom_jvp` or `custom_vjp` to give it one.

    Args:
        callback: a function of pytrees of NumPy arrays.
        result_shape_dtypes: a pytree of objects with `shape` and `dtype` (`ShapeDtypeStruct`, arrays) that says what
            `callback` returns.
        args, kwargs: pytrees of arrays, handed to `callback` as copies.
        vmap_method: what `vmap` does. "sequential" calls once for each example. "expand_dims" calls once, with a
            leading axis on every array, of length 1 where it is not batched; "broadcast_all" repeats those;
            "legacy_vectorized" leaves those as they are. None: `vmap` is an error.

    Returns:
        What `callback` returned, as a pytree of arrays.

    Raises:
        TypeError: when the callback returns another structure, shape or dtype than announced, naming both.
        ValueError: when it is differentiated, or `vmap_method` does not exist.
        NotImplementedError: under `vmap` without `vmap_method`.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> def host_sort(x):
        ...     return np.sort(x)[::-1]
        >>> f = fg.jit(lambda x: fg.pure_callback(host_sort, x, x) * 2.0)
        >>> f(np.array([1.0, 3.0, 2.0]))
        array([6., 4., 2.])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.pure_callback.html, whose interface this follows.
    """
    if vmap_method not in ops.METHODS:
        raise ValueError(f"pure_callback: vmap_method must be one of {ops.METHODS}, got {vmap_method!r}.")
    leaves, callee, results, out_tree = _prepare("pure_callback", callback, result_shape_dtypes, args, kwargs)
    outs = ops.pure_callback(*leaves, callback=callee, results=results, lanes=(), method=vmap_method)
    return tree.tree_unflatten(out_tree, outs)


def io_callback(callback: Callable, result_shape_dtypes: Any, *args: Any, ordered: bool = False, **kwargs: Any) -> Any:
    """Call a Python function with effects on concrete arrays: once for each execution, in the order of the program.

    Args:
        callback: a function of pytrees of NumPy arrays.
        result_shape_dtypes: as for `pure_callback`; None for a function that returns None.
        args, kwargs: pytrees of arrays, handed to `callback` as copies.
        ordered: refuse `vmap`, which would call once for each example. Calls are in order in any case.

    Returns:
        What `callback` returned, as a pytree of arrays.

    Raises:
        TypeError: when the callback returns another structure, shape or dtype than announced, naming both.
        ValueError: when it is differentiated, or ordered and batched.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> seen = []
        >>> f = fg.jit(lambda x: fg.io_callback(lambda v: seen.append(float(v)), None, x))
        >>> f(1.5), f(2.5), seen
        (None, None, [1.5, 2.5])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.experimental.io_callback.html
    """
    leaves, callee, results, out_tree = _prepare("io_callback", callback, result_shape_dtypes, args, kwargs)
    outs = ops.io_callback(*leaves, callback=callee, results=results, lanes=(), ordered=bool(ordered))
    return tree.tree_unflatten(out_tree, outs)


def debug_callback(callback: Callable[..., None], *args: Any, ordered: bool = False, **kwargs: Any) -> None:
    """Call a Python function for its effect, with the values arrays have when the program runs.

    Derivatives pass it by: under `grad` it is called in the forward pass, once. `vmap` calls it for each example.

    Args:
        callback: a function of the arguments; what it returns is ignored.
        args, kwargs: pytrees; arrays and numbers become NumPy arrays, everything else is handed on as it is.
        ordered: accepted for compatibility with JAX; calls are always in the order of the program.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> seen = []
        >>> def f(x):
        ...     fg.debug.callback(lambda v: seen.append(float(v)), x * 2.0)
        ...     return x * x
        >>> fg.jit(fg.grad(f))(3.0), seen
        (np.float64(6.0), [6.0])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.debug.callback.html
    """
    del ordered
    _debug("debug.callback", callback, callback, args, kwargs)


def debug_print(fmt: str, *args: Any, ordered: bool = False, **kwargs: Any) -> None:
    """Print `fmt.format(*args, **kwargs)` with the values arrays have when the program runs.

    Args:
        fmt: a format string, no f-string: that would show traced values.
        args, kwargs: what is formatted.
        ordered: accepted for compatibility with JAX; lines are always in the order of the program.

    Raises:
        ValueError: when an argument is not used by `fmt`.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> def f(x):
        ...     fg.debug.print("x = {x:.2f}, x^2 = {}", x * x, x=x)
        ...     return np.sin(x)
        >>> fg.jit(fg.grad(f))(0.0)
        x = 0.00, x^2 = 0.0
        np.float64(1.0)

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.debug.print.html
    """
    del ordered
    if not isinstance(fmt, str):
        raise TypeError(f"debug.print: the first argument must be a format string, got {fmt!r}.")
    from .formats import FormatCheck  # importing the formatter takes 6 ms

    FormatCheck().format(fmt, *args, **kwargs)
    _debug("debug.print", lambda *a, **k: print(fmt.format(*a, **k)), ("print", fmt), args, kwargs)


def _name(callback: Callable) -> str:
    return getattr(callback, "__name__", type(callback).__name__)


def _prepare(kind: str, callback: Callable, result_shape_dtypes: Any, args: tuple, kwargs: dict) -> tuple:
    """Operands, the callee on flat arrays, the types of its results and their structure."""
    where = f"{kind} of {_name(callback)}"
    paths, treedef = tree.tree_flatten_with_path((args, kwargs))
    leaves = [promotion.array_operand(x, f"{where}: argument {_argument(path)}") for path, x in paths]
    out_paths, out_tree = tree.tree_flatten_with_path(result_shape_dtypes)
    results = tuple([_type(where, path, x) for path, x in out_paths])

    def function(*arrays: np.ndarray) -> Sequence[Any]:
        a, k = tree.tree_unflatten(treedef, arrays)
        values, structure = tree.tree_flatten(callback(*a, **k))
        if structure != out_tree:
            callee.wrong(f"the callback returned {structure}, but result_shape_dtypes has the structure {out_tree}.")
        return values

    names = [tree.keystr(path) for path, _ in out_paths]
    callee = ops.Callee(kind, _name(callback), function, (callback, treedef, out_tree), names)
    return leaves, callee, results, out_tree


def _argument(path: Any) -> str:
    return tree.keystr(path[1:]) if path[0].idx == 0 else f"{path[1].key!r}{tree.keystr(path[2:])}"


def _type(where: str, path: Any, x: Any) -> tuple[tuple[int, ...], str]:
    if not hasattr(x, "shape") or not hasattr(x, "dtype"):
        raise TypeError(
            f"{where}: result_shape_dtypes{tree.keystr(path)} is {x!r}, which has no shape and dtype.\n"
            "Fix: pass funcgrad.ShapeDtypeStruct(shape, dtype) for each array that the callback returns."
        )
    return tuple(int(n) for n in x.shape), np.dtype(x.dtype).name


def _debug(kind: str, callback: Callable, key: Any, args: tuple, kwargs: dict) -> None:
    """Record the call; what is no array stays with the callee."""
    leaves, treedef = tree.tree_flatten((args, kwargs))
    dynamic = tuple([_is_array(x) for x in leaves])
    static = tuple([x for x, on in zip(leaves, dynamic) if not on])

    def function(*arrays: np.ndarray) -> Sequence[Any]:
        given, fixed = iter(arrays), iter(static)
        a, k = tree.tree_unflatten(treedef, [next(given) if on else next(fixed) for on in dynamic])
        callback(*a, **k)
        return ()

    callee = ops.Callee(kind, _name(callback), function, (key, treedef, dynamic, static))
    operands = [promotion.array_operand(x) for x, on in zip(leaves, dynamic) if on]
    ops.debug_callback(*operands, callback=callee, results=(), lanes=())


def _is_array(x: Any) -> bool:
    if isinstance(x, (np.ndarray, np.generic)):
        return is_supported(x.dtype)
    return type(x) is Tracer or isinstance(x, PYTHON_SCALARS)


__all__ = ["debug_callback", "debug_print", "io_callback", "pure_callback"]
