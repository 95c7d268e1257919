"""funcgrad: JAX-style functional transformations of plain NumPy programs, compiled for the CPU."""

import importlib as _importlib
from typing import Any as _Any

from .garbage import without_collections as _without_collections

with _without_collections():
    from . import numpy
    from .api.callbacks import io_callback, pure_callback
    from .api.closures import closure_convert
    from .api.compilation import ShapeDtypeStruct, eval_shape, jit, make_program
    from .api.custom import custom_gradient, custom_jvp, custom_vjp, custom_vmap, stop_gradient
    from .api.differentiation import grad, jvp, linearize, value_and_grad, vjp
    from .api.jacobians import elementwise_grad, gauss_newton_vp, hessian, hvp, jacfwd, jacobian, jacrev
    from .api.kernels import njit_op
    from .api.recording import clear_caches
    from .api.rematerialization import checkpoint, checkpoint_name, checkpoint_policies, print_saved_residuals, remat
    from .api.transposition import linear_transpose
    from .api.vectorization import vmap

__version__ = "0.1.0"
# Loaded at first use, so that `import funcgrad` stays cheap.
_MODULES = (
    "cache", "checkpointing", "config", "custom_derivatives", "data", "debug", "errors", "extend", "flatten_util",
    "image", "lax", "losses", "modules", "nn", "optim", "random", "scipy", "stax", "test_util", "train", "tree",
    "tree_util",
)  # fmt: skip

__all__ = [
    "ShapeDtypeStruct", "checkpoint", "checkpoint_name", "checkpoint_policies", "clear_caches", "closure_convert",
    "custom_gradient", "custom_jvp", "custom_vjp", "custom_vmap", "elementwise_grad", "eval_shape",
    "gauss_newton_vp", "grad", "hessian", "hvp", "io_callback", "jacfwd", "jacobian", "jacrev", "jit", "jvp",
    "linear_transpose", "linearize", "make_program", "njit_op", "numpy", "print_saved_residuals", "pure_callback",
    "remat", "stop_gradient", "value_and_grad", "vjp", "vmap",
    *_MODULES,
]  # fmt: skip


def __getattr__(name: str) -> _Any:
    if name in _MODULES:
        return _importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'funcgrad' has no attribute {name!r}; it has {', '.join(sorted(__all__))}")


def __dir__() -> list[str]:
    return sorted(__all__)
