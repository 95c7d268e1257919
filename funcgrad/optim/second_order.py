"""Second derivatives of losses in the form optax gives them: functions of (params, inputs, targets), flat vectors out.

For derivatives of any function see `funcgrad.hvp`, `funcgrad.hessian` and `funcgrad.gauss_newton_vp`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import numpy as fnp
from .. import tree
from ..api.differentiation import grad, jvp
from ..api.vectorization import vmap
from .flattening import cut, joined

Loss = Callable[[Any, Any, Any], Any]


def hvp(loss: Loss, v: Any, params: Any, inputs: Any, targets: Any) -> Any:
    """The Hessian of the loss with respect to the parameters times a vector, in the structure of the parameters.

    Args:
        loss: a function `(params, inputs, targets)` to a number.
        v: a vector as long as all parameters together.
        params: a pytree of arrays.
        inputs, targets: handed to the loss.

    Example:
        >>> import numpy as np
        >>> loss = lambda p, x, y: ((p * x - y) ** 2).sum()
        >>> hvp(loss, np.array([1.0, 0.0]), np.zeros(2), np.array([3.0, 1.0]), 0.0)
        array([18.,  0.])

    Reference: B. Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 6 (1994).
    """
    return jvp(grad(lambda p: loss(p, inputs, targets)), (params,), (cut(v, params),))[1]


def hessian_diag(loss: Loss, params: Any, inputs: Any, targets: Any) -> Any:
    """The diagonal of the Hessian of the loss, as one vector; one Hessian-vector product for each parameter.

    Args:
        loss, params, inputs, targets: see `hvp`.

    Example:
        >>> import numpy as np
        >>> loss = lambda p, x, y: ((p * x - y) ** 2).sum()
        >>> hessian_diag(loss, np.zeros(2), np.array([3.0, 1.0]), 0.0)
        array([18.,  2.])
    """
    size = sum(int(np.size(leaf)) for leaf in tree.tree_leaves(params))
    return vmap(lambda v: fnp.sum(v * joined(hvp(loss, v, params, inputs, targets))))(np.eye(size))


def fisher_diag(negative_log_likelihood: Loss, params: Any, inputs: Any, targets: Any) -> Any:
    """The square of the gradient, as one vector: the diagonal of the observed Fisher information.

    Args:
        negative_log_likelihood, params, inputs, targets: see `hvp`.

    Example:
        >>> import numpy as np
        >>> loss = lambda p, x, y: ((p * x - y) ** 2).sum()
        >>> fisher_diag(loss, np.ones(2), np.array([3.0, 1.0]), 0.0)
        array([324.,   4.])
    """
    return fnp.square(joined(grad(negative_log_likelihood)(params, inputs, targets)))
