"""The libraries under test behind one set of names, so that the text of a workload runs unchanged with each.

With this module one can `load("funcgrad")`, `load("jax")`, `load("torch")`, ... and then write `lib.np.sin`,
`lib.jit(lib.grad(f))`, `lib.lax.scan`. Names and argument orders are those of JAX, which funcgrad shares; for autograd
the few that differ are adapted here, for torch in `torch_names.py`. "jax-cached" is JAX with its cache on disk, "hand"
is no library: it is NumPy and Numba for the code of the package by_hand.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


def import_modules(name: str) -> list[Any]:
    """Import what a user of the library imports; nothing more, as this is what the import benchmark times."""
    names = {
        "funcgrad": ["funcgrad", "funcgrad.numpy"],
        "jax": ["jax", "jax.numpy"],
        "jax-cached": ["jax", "jax.numpy"],
        "autograd": ["autograd", "autograd.numpy"],
        "torch": ["torch", "torch.func"],
        "torch.compile": ["torch", "torch.func"],
        "hand": ["numba", "numpy"],
    }[name]
    return [importlib.import_module(module) for module in names]


def load(name: str) -> SimpleNamespace:
    """Namespace of one library: np, grad, value_and_grad, jit, vmap, jvp, vjp, hessian, lax, random, erf,
    solve_triangular, stop_gradient, tree_map; `array` takes inputs in, `adopt` does where plain NumPy arrays will not
    do, `wait` waits for a result.

    Raises:
        ModuleNotFoundError: It is not installed in this interpreter.
    """
    root, array_module = import_modules(name)
    import numpy  # not at the top: the import benchmark must count NumPy

    if name == "hand":
        return SimpleNamespace(name=name, np=array_module, array=numpy.asarray, adopt=_nothing, wait=_nothing)
    if name == "autograd":
        return _autograd(root, array_module, numpy.asarray)
    if name.startswith("torch"):
        return importlib.import_module("torch_names").namespace(compiled=name == "torch.compile")
    if name.startswith("jax"):
        root.config.update("jax_enable_x64", True)
        name, cached = "jax", name == "jax-cached"
        if cached:
            root.config.update("jax_compilation_cache_dir", os.environ["FUNCGRAD_CACHE_DIR"])
            root.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
            root.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return _Library(
        name=name,
        np=array_module,
        grad=root.grad,
        value_and_grad=root.value_and_grad,
        jit=root.jit,
        vmap=root.vmap,
        jvp=root.jvp,
        vjp=root.vjp,
        hessian=root.hessian,
        stop_gradient=lambda x: root.lax.stop_gradient(x),
        tree_map=lambda f, *trees: root.tree.map(f, *trees),
        array=array_module.asarray if name == "jax" else numpy.asarray,
        adopt=_nothing,
        wait=_wait_for_first_leaf if name == "jax" else _nothing,
    )


class _Library(SimpleNamespace):
    """Imports what only some workloads use when its name is read, which they do before anything is timed."""

    def __getattr__(self, name: str) -> Any:
        if name in ("lax", "random"):
            found = importlib.import_module(f"{self.name}.{name}")
        elif name == "erf":
            found = importlib.import_module(f"{self.name}.scipy.special").erf
        elif name == "solve_triangular":
            found = self._solver_of_lower_triangles()
        else:
            raise AttributeError(name)
        setattr(self, name, found)
        return found

    def _solver_of_lower_triangles(self) -> Callable[[Any, Any], Any]:
        """(a, b) -> x with a x = b; the general solver where the library has no other."""
        try:
            linalg = importlib.import_module(f"{self.name}.scipy.linalg")
        except ModuleNotFoundError:
            return self.np.linalg.solve
        return lambda a, b: linalg.solve_triangular(a, b, lower=True)


def _nothing(result: Any) -> Any:
    return result


def _wait_for_first_leaf(result: Any) -> Any:
    """Wait until a result of JAX is there: the outputs of one executable become ready together.

    This costs JAX 0.1 to 0.3 us a call, where `jax.block_until_ready` on a tree costs several.
    """
    leaf = result
    while not hasattr(leaf, "block_until_ready"):
        leaf = next(iter(leaf.values())) if isinstance(leaf, dict) else leaf[0]
    leaf.block_until_ready()
    return result


def _autograd(root: Any, array_module: Any, to_array: Any) -> SimpleNamespace:
    def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], Any]]:
        pullback, value = root.make_vjp(lambda packed: f(*packed))(primals)
        return value, pullback

    def jvp(f: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        value, pullback = vjp(f, *primals)  # erf has no forward rule there: transpose the pullback, which is linear
        pushforward, _ = root.make_vjp(pullback)(array_module.zeros_like(value))
        return value, pushforward(tangents)

    return _Library(
        name="autograd",
        np=array_module,
        grad=root.grad,
        value_and_grad=root.value_and_grad,
        jit=_nothing,
        vjp=vjp,
        jvp=jvp,
        hessian=root.hessian,
        stop_gradient=lambda x: getattr(x, "_value", x),
        tree_map=map_nested,
        array=to_array,
        adopt=_nothing,
        wait=_nothing,
    )


def map_nested(f: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    if isinstance(tree, dict):
        return {key: map_nested(f, tree[key], *[other[key] for other in rest]) for key in tree}
    if isinstance(tree, (list, tuple)):
        return type(tree)([map_nested(f, *items) for items in zip(tree, *rest)])
    return f(tree, *rest)
