"""NAdam and NAdamW: Adam whose first moment looks one step ahead."""

from __future__ import annotations

from typing import Any

from .adam import adam, adamw
from .base import GradientTransformation
from .masking import MaskOrFn
from .scaling import ScalarOrSchedule


def nadam(
    learning_rate: ScalarOrSchedule,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
) -> GradientTransformation:
    """Adam with Nesterov's momentum: b1 mu / (1 - b1^(t+1)) + (1 - b1) g / (1 - b1^t) in the numerator.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        b1, b2, eps, eps_root, mu_dtype, nesterov: see `scale_by_adam`.

    Example:
        >>> import numpy as np
        >>> optimizer = nadam(0.1)
        >>> np.round(optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)))[0], 4)
        array([-0.1474])

    Reference: T. Dozat, Incorporating Nesterov momentum into Adam, ICLR workshop 2016.
    """
    return adam(learning_rate, b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov)


def nadamw(
    learning_rate: ScalarOrSchedule,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    mu_dtype: Any = None,
    weight_decay: ScalarOrSchedule = 1e-4,
    mask: MaskOrFn = None,
    *,
    nesterov: bool = True,
) -> GradientTransformation:
    """NAdam with decoupled weight decay. The update needs the parameters.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        b1, b2, eps, eps_root, mu_dtype, nesterov: see `scale_by_adam`.
        weight_decay, mask: see `add_decayed_weights`.

    Example:
        >>> import numpy as np
        >>> optimizer = nadamw(0.1, weight_decay=0.5)
        >>> params = np.array([2.0])
        >>> optimizer.update(np.array([0.0]), optimizer.init(params), params)[0]
        array([-0.1])

    Reference: I. Loshchilov, F. Hutter, Decoupled weight decay regularization, ICLR 2019; T. Dozat, Incorporating
    Nesterov momentum into Adam, ICLR workshop 2016.
    """
    return adamw(learning_rate, b1, b2, eps, eps_root, mu_dtype, weight_decay, mask, nesterov=nesterov)
