"""The scripts of examples/, run with any of two libraries, so that both are timed on the very same text.

With this module one can `load("digits", lib)` an example in which `funcgrad` and `numpy` are funcgrad and NumPy, or the
modules of JAX and optax that have the same names, and `capture` the function an example compiles with the inputs it
calls it with. Names that JAX lacks or spells differently are written here.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


class Captured(Exception):
    """Raised in place of the first call of a compiled function; carries both."""

    def __init__(self, function: Callable[..., Any], given: tuple[Any, ...]) -> None:
        super().__init__("captured")
        self.function, self.given = function, given


class _Instead:
    """Some names, and for all others the modules behind them, the first that has one."""

    def __init__(self, names: dict[str, Any], *modules: Any) -> None:
        self.__dict__.update(names)
        self._modules = modules

    def __getattr__(self, name: str) -> Any:
        for module in self._modules:
            if hasattr(module, name):
                return getattr(module, name)
        raise AttributeError(name)


def load(name: str, lib: Any) -> _Example:
    """The functions of one example; the first call of anything it compiles while `capture` runs raises."""
    path = EXAMPLES / f"{name}.py"
    modules = _modules_of_jax(lib) if lib.name == "jax" else _modules_of_funcgrad()

    def find(name: str, *rest: Any) -> Any:
        first, *others = name.split(".")
        if first not in modules:
            return builtins.__import__(name, *rest)
        found = modules[first]
        names = rest[2] if len(rest) > 2 else None
        for other in others if names else ():  # `from a.b import c` wants a.b, `import a.b` wants a
            found = getattr(found, other)
        return found

    known = {**vars(builtins), "__import__": find}
    names = {"__name__": f"example_{name}", "__file__": str(path), "__builtins__": known}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec", dont_inherit=True), names)
    return _Example(names)


class _Example:
    """Names of a module, to read and to set."""

    def __init__(self, names: dict[str, Any]) -> None:
        object.__setattr__(self, "_names", names)

    def __getattr__(self, name: str) -> Any:
        return self._names[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self._names[name] = value


_capturing = False


def capture(run: Callable[[], Any]) -> Captured:
    """The first compiled function that `run` calls, with the inputs it would have been called with."""
    global _capturing
    _capturing = True
    try:
        run()
    except Captured as captured:
        return captured
    finally:
        _capturing = False
    raise RuntimeError("nothing compiled was called")


def _catching(jit: Callable[..., Any]) -> Callable[..., Any]:
    """`jit` without donation, as the same inputs are used again and again, whose functions can be captured."""

    def compiled(fun: Callable[..., Any], static_argnums: Any = (), donate_argnums: Any = ()) -> Callable[..., Any]:
        function = jit(fun, static_argnums=static_argnums)

        def call(*given: Any) -> Any:
            if _capturing:
                raise Captured(function, given)
            return function(*given)

        return call

    return compiled


def _modules_of_funcgrad() -> dict[str, Any]:
    root = importlib.import_module("funcgrad")
    return {"funcgrad": _Instead({"jit": _catching(root.jit)}, root, _Folder("funcgrad"))}


class _Folder:
    """Modules of a package, imported when their names are read."""

    def __init__(self, package: str) -> None:
        self._package = package

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return importlib.import_module(f"{self._package}.{name}")


# --- JAX by the names of the examples ---------------------------------------------------------------------------------


def _modules_of_jax(lib: Any) -> dict[str, Any]:
    import jax
    import jax.numpy as jnp
    import optax

    root = {
        "jit": _catching(jax.jit),
        "lax": _Instead({"scan": _scan}, jax.lax),
        "losses": optax.losses,
        "nn": _Instead({"max_pool": _max_pool, "logsumexp": jax.scipy.special.logsumexp}, jax.nn),
        "numpy": jnp,
        "optim": optax,
        "random": _Instead({"key": jax.random.PRNGKey}, jax.random),
        "tree": jax.tree_util,
        "core": SimpleNamespace(
            printing=SimpleNamespace(format_atom=None, variable_names=None), program=SimpleNamespace(Literal=None)
        ),
    }
    return {"numpy": _ByArguments(numpy, jnp), "funcgrad": _Instead(root, jax)}


class _ByArguments:
    """NumPy for arguments that are NumPy's, `jax.numpy` where an array of JAX is among them.

    So a script does its preparations with NumPy, in place if it likes, and its compiled functions are JAX's.
    """

    def __init__(self, module: Any, other: Any) -> None:
        self._module, self._other = module, other

    def __getattr__(self, name: str) -> Any:
        plain, traced = getattr(self._module, name), getattr(self._other, name, None)
        if isinstance(plain, type) or name == "random" or traced is None:
            return plain
        if isinstance(plain, ModuleType):
            return _ByArguments(plain, traced)
        if not callable(plain):
            return plain

        @functools.wraps(plain, assigned=("__name__", "__doc__"), updated=())
        def call(*args: Any, **kwargs: Any) -> Any:
            return (traced if _has_jax((args, kwargs)) else plain)(*args, **kwargs)

        return call


def _has_jax(tree: Any) -> bool:
    import jax

    return any(isinstance(leaf, jax.Array) for leaf in jax.tree_util.tree_leaves(tree))


def _max_pool(x: Any, window: tuple[int, int], strides: tuple[int, int]) -> Any:
    from jax import lax

    return lax.reduce_window(x, -numpy.inf, lax.max, (1, *window, 1), (1, *strides, 1), "VALID")


def _scan(
    f: Any, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, checkpoint: Any = False
) -> Any:
    """`lax.scan`; with checkpoint="sqrt" a loop over checkpointed loops, as one writes it with JAX."""
    import jax

    if checkpoint != "sqrt":
        return jax.lax.scan(f, init, xs, length, reverse)
    assert xs is None and length is not None and math.isqrt(length) ** 2 == length
    inner = jax.checkpoint(lambda carry: jax.lax.scan(f, carry, length=math.isqrt(length))[0])
    return jax.lax.scan(lambda carry, _: (inner(carry), None), init, length=math.isqrt(length))
