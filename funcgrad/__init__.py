"""funcgrad: JAX-style functional transformations of plain NumPy programs, compiled for the CPU."""

from .api.compilation import ShapeDtypeStruct, eval_shape, jit, make_program
from .api.custom import custom_jvp, custom_vjp, stop_gradient
from .api.differentiation import grad, jvp, linearize, value_and_grad, vjp
from .api.recording import clear_caches
from .api.vectorization import vmap

__version__ = "0.1.0"
