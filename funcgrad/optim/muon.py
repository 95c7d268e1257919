"""Muon: momentum whose singular values are all made about 1, for matrices; Adam for the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import tree
from ..numpy.promotion import array_operand
from .adam import adamw
from .base import GradientTransformation, chain, stateless
from .masking import MaskOrFn, partition
from .moments import (
    first_step,
    full_like,
    like,
    momentum_estimate,
    moving_average,
    next_step,
    number_like,
    refuse_complex,
)
from .scaling import ScalarOrSchedule, scale_by_learning_rate
from .weight_decay import add_decayed_weights

Coefficients = tuple[float, float, float]
_STANDARD: Coefficients = (3.4445, -4.7750, 2.0315)
_PRESETS: dict[str, Any] = {
    "standard": _STANDARD,
    "dion": (
        (4.0848, -6.8946, 2.9270),
        (3.9505, -6.3029, 2.6377),
        (3.7418, -5.5913, 2.3037),
        (2.8769, -3.1427, 1.2046),
        (2.8366, -3.0525, 1.2012),
    ),
}
_PRECONDITIONINGS = ("frobenius", "spectral", "aol", "schatten")


class MuonState(NamedTuple):
    """Number of updates (int32 scalar), momentum, a pytree like the parameters, coefficients of the iteration."""

    count: Any
    mu: Any
    ns_coeffs: Any


class MuonDimensionNumbers(NamedTuple):
    """Which axes of an array are the rows and which the columns of a matrix; the others are a batch."""

    reduction_axis: Sequence[int] | int = 0
    output_axis: Sequence[int] | int = 1


def _axes(axes: Sequence[int] | int, ndim: int) -> tuple[int, ...]:
    return tuple(a % ndim for a in ((axes,) if isinstance(axes, int) else axes))


def _rows_and_columns(x: Any, numbers: MuonDimensionNumbers) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if x.ndim < 2:
        raise ValueError(f"muon: a parameter needs two axes to be a matrix, got shape {tuple(x.shape)}.")
    rows, columns = _axes(numbers.reduction_axis, x.ndim), _axes(numbers.output_axis, x.ndim)
    if set(rows) & set(columns):
        raise ValueError(f"muon: rows {rows} and columns {columns} of shape {tuple(x.shape)} have axes in common.")
    return rows, columns


def _scaled_gram(x: Any, kind: str, eps: Any) -> Any:
    """The matrix scaled so that its singular values are at most 1, by a bound on the Gram matrix."""
    gram = fnp.matmul(x, fnp.matrix_transpose(x))
    if kind == "aol":
        size = fnp.sum(fnp.absolute(gram), axis=-1, keepdims=True)
    else:
        size = fnp.sqrt(fnp.sum(gram * gram, axis=(-2, -1), keepdims=True))
    return x / fnp.sqrt(fnp.maximum(size, number_like(eps, x)))


def _preconditioned(x: Any, kind: str, eps: Any) -> Any:
    if kind == "frobenius":
        return x / (fnp.sqrt(fnp.sum(x * x, axis=(-2, -1), keepdims=True)) + number_like(eps, x))
    if kind == "spectral":
        largest = fnp.linalg.norm(x, ord=2, axis=(-2, -1), keepdims=True)
        return x / (largest + number_like(eps, x))
    return _scaled_gram(x, kind, 1e-8)


def _newton_schulz(x: Any, rows: Sequence[Any]) -> Any:
    """x = a x + (b x x' + c (x x')^2) x for each (a, b, c): an odd polynomial of the singular values."""
    for a, b, c in rows:
        gram = fnp.matmul(x, fnp.matrix_transpose(x))
        x = a * x + fnp.matmul(b * gram + c * fnp.matmul(gram, gram), x)
    return x


def orthogonalize_via_newton_schulz(
    x: Any,
    ns_coeffs: Any,
    ns_steps: int = 5,
    preconditioning: str = "frobenius",
    eps: Any = 1e-8,
    dimension_numbers: MuonDimensionNumbers | None = None,
) -> Any:
    """A matrix with the same singular vectors and singular values near 1, by a Newton-Schulz iteration.

    Args:
        x: a matrix, or an array with `dimension_numbers`.
        ns_coeffs: three coefficients of the polynomial, or three for each step.
        ns_steps: number of steps, when there are three coefficients.
        preconditioning: by what the matrix is divided first: "frobenius" or "spectral" for its norm; "aol" or
            "schatten" for bounds by the Gram matrix.
        eps: added to the norm.
        dimension_numbers: which axes are rows and columns.

    Raises:
        ValueError: for another preconditioning, and for shapes that do not fit.

    Example:
        >>> import numpy as np
        >>> x = orthogonalize_via_newton_schulz(np.diag([3.0, 4.0]), np.array([2.0, -1.5, 0.5]), ns_steps=10)
        >>> np.round(x, 4) + 0.0
        array([[1., 0.],
               [0., 1.]])

    Reference: K. Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024; G. Cesista, Squeezing
    1-2% efficiency gains out of Muon by optimizing the Newton-Schulz coefficients, 2025.
    """
    x, ns_coeffs = array_operand(x), array_operand(ns_coeffs)
    if preconditioning not in _PRECONDITIONINGS:
        raise ValueError(f"muon: preconditioning must be one of {_PRECONDITIONINGS}, got {preconditioning!r}.")
    if ns_coeffs.ndim not in (1, 2) or ns_coeffs.shape[-1] != 3:
        raise ValueError(f"muon: ns_coeffs must have shape (3,) or (n, 3), got {tuple(ns_coeffs.shape)}.")
    rows, columns = _rows_and_columns(x, MuonDimensionNumbers() if x.ndim == 2 else dimension_numbers or _unknown(x))
    batch = tuple(sorted(set(range(x.ndim)) - set(rows) - set(columns)))
    order = batch + rows + columns
    shape = tuple(x.shape[d] for d in order)
    sizes = [math.prod(x.shape[d] for d in axes) for axes in (batch, rows, columns)]
    matrices = fnp.reshape(fnp.transpose(x, order), tuple(sizes))
    tall = sizes[1] > sizes[2]
    matrices = fnp.matrix_transpose(matrices) if tall else matrices
    polynomials = [ns_coeffs] * ns_steps if ns_coeffs.ndim == 1 else [ns_coeffs[i] for i in range(ns_coeffs.shape[0])]
    triples = [[number_like(p[i], matrices) for i in range(3)] for p in polynomials]
    matrices = _newton_schulz(_preconditioned(matrices, preconditioning, eps), triples)
    matrices = fnp.matrix_transpose(matrices) if tall else matrices
    return fnp.transpose(fnp.reshape(matrices, shape), tuple(int(i) for i in np.argsort(order)))


def _unknown(x: Any) -> MuonDimensionNumbers:
    raise ValueError(
        f"muon: which axes of shape {tuple(x.shape)} are the rows and columns of a matrix?\n"
        "Fix: give MuonDimensionNumbers for it."
    )


def _is_numbers(x: Any) -> bool:
    return x is None or isinstance(x, MuonDimensionNumbers)


def _numbers_for(values: Any, numbers: Any) -> list[Any]:
    """The dimension numbers of each leaf: one for all, a prefix of the pytree, or a function that gives one."""
    given = numbers(values) if callable(numbers) else numbers
    given = MuonDimensionNumbers() if given is None else given
    return tree.broadcast_prefix(given, values, is_leaf=_is_numbers, what="muon")


def _mapped(f: Callable[[Any, Any], Any], values: Any, numbers: Any) -> Any:
    leaves, structure = tree.tree_flatten(values)
    return tree.tree_unflatten(structure, [f(x, n) for x, n in zip(leaves, _numbers_for(values, numbers), strict=True)])


def scale_by_shape(weight_dimension_numbers: Any = None, consistent_rms: Any = None) -> GradientTransformation:
    """Multiply matrices by sqrt(max(1, columns / rows)), or by consistent_rms * sqrt(max(rows, columns)).

    Args:
        weight_dimension_numbers: see `scale_by_muon`.
        consistent_rms: root mean square of updates with singular values 1; about 0.2 is that of Adam.

    Example:
        >>> import numpy as np
        >>> scale_by_shape().update(np.ones((1, 4)), ())[0]
        array([[2., 2., 2., 2.]])
    """

    def one(x: Any, numbers: MuonDimensionNumbers) -> Any:
        rows, columns = (math.prod(x.shape[d] for d in axes) for axes in _rows_and_columns(x, numbers))
        if consistent_rms is None:
            return x * math.sqrt(max(1, columns / max(rows, 1)))
        return x * number_like(math.sqrt(max(rows, columns)) * consistent_rms, x)

    return stateless(lambda updates, params: _mapped(one, updates, weight_dimension_numbers))


def scale_by_muon(
    ns_coeffs: Any = _STANDARD,
    ns_steps: int = 5,
    beta: Any = 0.95,
    eps: Any = 1e-8,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
    adaptive: bool = False,
    preconditioning: str = "frobenius",
    weight_dimension_numbers: Any = None,
) -> GradientTransformation:
    """The momentum of each matrix, orthogonalized.

    Args:
        ns_coeffs, ns_steps, eps, preconditioning: see `orthogonalize_via_newton_schulz`.
        beta: decay of the momentum.
        mu_dtype: dtype of the momentum; None for that of the parameters.
        nesterov: look one step ahead, see `scale_by_adam`.
        adaptive: multiply by the inner product with the momentum.
        weight_dimension_numbers: `MuonDimensionNumbers` for all, a pytree of them that is a prefix of the updates, or a
            function from updates to one; None for matrices.

    Raises:
        ValueError: for coefficients or shapes that do not fit.

    Example:
        >>> import numpy as np
        >>> link = scale_by_muon(ns_coeffs=(2.0, -1.5, 0.5), ns_steps=12)
        >>> np.round(link.update(np.diag([3.0, 4.0]), link.init(np.zeros((2, 2))))[0], 4) + 0.0
        array([[1., 0.],
               [0., 1.]])

    Reference: K. Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024; J. Liu et al., Muon is
    scalable for LLM training, 2025.
    """
    coefficients = np.asarray(ns_coeffs)
    if coefficients.ndim == 2 and len(coefficients) > ns_steps:
        raise ValueError(f"scale_by_muon: {len(coefficients)} rows of ns_coeffs for {ns_steps} steps.")

    def init_fn(params: Any) -> MuonState:
        refuse_complex(params, "scale_by_muon")
        return MuonState(first_step(), full_like(params, 0, mu_dtype), coefficients)

    def update_fn(updates: Any, state: MuonState, params: Any = None, **extra: Any) -> tuple[Any, MuonState]:
        del params, extra
        count, mu = next_step(state.count), moving_average(updates, state.mu, beta)
        top = momentum_estimate(updates, mu, beta, count, nesterov)

        def one(x: Any, numbers: Any) -> Any:
            y = orthogonalize_via_newton_schulz(x, state.ns_coeffs, ns_steps, preconditioning, eps, numbers)
            return fnp.sum(x * y) * y if adaptive else y

        new = _mapped(one, top, weight_dimension_numbers)
        if mu_dtype is not None:
            new, mu = like(new, updates), like(mu, state.mu)
        return new, MuonState(count, mu, state.ns_coeffs)

    return GradientTransformation(init_fn, update_fn)


def muon(
    learning_rate: ScalarOrSchedule,
    ns_coeffs: Any = _STANDARD,
    ns_steps: int = 5,
    beta: Any = 0.95,
    eps: Any = 1e-8,
    weight_decay: ScalarOrSchedule = 0.0,
    weight_decay_mask: MaskOrFn = None,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
    adaptive: bool = False,
    preconditioning: str = "frobenius",
    adam_b1: Any = 0.9,
    adam_b2: Any = 0.999,
    adam_eps_root: Any = 0.0,
    adam_weight_decay: ScalarOrSchedule = 0.0,
    adam_learning_rate: ScalarOrSchedule | None = None,
    muon_weight_dimension_numbers: Any = None,
    consistent_rms: Any = None,
) -> GradientTransformation:
    """Muon for matrices, AdamW for all other parameters. The update needs the parameters.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        ns_coeffs: see `orthogonalize_via_newton_schulz`, or "standard" or "dion".
        ns_steps, beta, eps, mu_dtype, nesterov, adaptive, preconditioning: see `scale_by_muon`.
        weight_decay, weight_decay_mask: see `add_decayed_weights`; of the matrices.
        adam_b1, adam_b2, adam_eps_root, adam_weight_decay: see `adamw`.
        adam_learning_rate: that of `adamw`; None for the same one.
        muon_weight_dimension_numbers: a pytree that is a prefix of the parameters, or a function from parameters to
            one, with `MuonDimensionNumbers` for matrices and None for others; None for all arrays of two axes.
        consistent_rms: see `scale_by_shape`.

    Raises:
        ValueError: for another name of coefficients.

    Example:
        >>> import numpy as np
        >>> optimizer = muon(0.1, ns_coeffs=(2.0, -1.5, 0.5), ns_steps=12)
        >>> params = {"w": np.zeros((2, 2)), "b": np.zeros(2)}
        >>> grads = {"w": np.diag([3.0, 4.0]), "b": np.array([1.0, -5.0])}
        >>> updates, _ = optimizer.update(grads, optimizer.init(params), params)
        >>> np.round(updates["w"], 4) + 0.0
        array([[-0.1,  0. ],
               [ 0. , -0.1]])

    Reference: K. Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024.
    """
    if isinstance(ns_coeffs, str):
        if ns_coeffs not in _PRESETS:
            raise ValueError(f"muon: ns_coeffs must be one of {sorted(_PRESETS)} or numbers, got {ns_coeffs!r}.")
        ns_coeffs = _PRESETS[ns_coeffs]
    numbers = muon_weight_dimension_numbers

    def chosen(values: Any) -> list[Any]:
        """For every leaf its dimension numbers, or None for Adam."""
        if numbers is not None:
            return _numbers_for(values, numbers)
        two = [array_operand(x).ndim == 2 for x in tree.tree_leaves(values)]
        return [MuonDimensionNumbers() if yes else None for yes in two]

    def labels(values: Any) -> Any:
        names = ["adam" if n is None else "muon" for n in chosen(values)]
        return tree.tree_unflatten(tree.tree_structure(values), names)

    matrices = chain(
        scale_by_muon(
            ns_coeffs,
            ns_steps,
            beta,
            eps,
            mu_dtype,
            nesterov=nesterov,
            adaptive=adaptive,
            preconditioning=preconditioning,
            weight_dimension_numbers=numbers,
        ),
        scale_by_shape(numbers, consistent_rms),
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_learning_rate(learning_rate),
    )
    rest = adamw(
        learning_rate if adam_learning_rate is None else adam_learning_rate,
        adam_b1,
        adam_b2,
        eps,
        adam_eps_root,
        mu_dtype,
        adam_weight_decay,
        nesterov=nesterov,
    )
    return partition({"muon": matrices, "adam": rest}, labels)
