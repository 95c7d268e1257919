"""What gradients say about a network: where they vanish or explode, and what the loss depends on most.

With this module one can read a gradient (`gradient_flow`) and ask what carries it (`sensitivity`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import tree
from ..api.differentiation import value_and_grad

# A leaf whose entries are this much smaller than those of another one does not learn beside it.
VANISHED = 1e-4
# Where no gradient reaches this part of its parameters, a step of a usual learning rate changes nothing.
LOST = 1e-6
# A gradient this much larger than its parameters throws them away in one step of a usual learning rate.
EXPLODED = 1e3
REMEDIES = {
    "healthy": "",
    "not finite": "a lower learning rate, clipping (optim.clip_by_global_norm); no log, root or division of 0",
    "explodes": "clipping (optim.clip_by_global_norm), weights of variance 2 / inputs (nn.initializers.he_normal), "
    "normalization, a lower learning rate",
    "vanishes": "relu or tanh in place of sigmoid, weights of variance 2 / inputs (nn.initializers.he_normal), "
    "normalization, residual connections",
    "dead": "leaky_relu, a lower learning rate, biases that start at 0 or above; or the parameter is not used",
}


class LeafFlow(NamedTuple):
    """The gradient of one array of parameters.

    Args:
        name: where it is in the tree.
        norm: root of the sum of squares.
        size: root of the mean square: what one entry is like.
        relative: norm over the norm of the parameters; NaN where they are not known or zero.
        dead: the share of units (places of the last axis) whose gradient is exactly zero.
    """

    name: str
    norm: float
    size: float
    relative: float
    dead: float


class GradientFlow(NamedTuple):
    """What `gradient_flow` found; `print` shows it as a table.

    Args:
        leaves: one for each array of parameters, in the order of the tree.
        verdict: "healthy", "not finite", "explodes", "vanishes" or "dead", the first of these that holds after healthy.
        where: the name of the leaf that is worst in this respect; empty where all is well.
        remedy: what usually helps.
    """

    leaves: tuple[LeafFlow, ...]
    verdict: str
    where: str
    remedy: str

    def __str__(self) -> str:
        width = max([len("parameter"), *(len(leaf.name) for leaf in self.leaves)])
        lines = [f"{'parameter':{width}}      norm  an entry  of param   dead"]
        for leaf in self.leaves:
            relative = "       -" if np.isnan(leaf.relative) else f"{leaf.relative:8.1e}"
            lines.append(f"{leaf.name:{width}}  {leaf.norm:8.1e}  {leaf.size:8.1e}  {relative}  {leaf.dead:5.0%}")
        last = self.verdict if self.verdict == "healthy" else f"{self.verdict} at {self.where}; try {self.remedy}"
        return "\n".join([*lines, last])


def gradient_flow(gradients: Any, params: Any = None) -> GradientFlow:
    """Read a gradient layer by layer: name the problem, the layer and the usual remedies.

    Read it at the start of training: near a minimum gradients are small because all is well. The gradient of a leaf
    vanishes where its entries are 10,000 times smaller than those of the leaf with the largest, or where no leaf has a
    norm of a millionth of its parameters (or 1e-6); it explodes where its norm is 1000 times that of the parameters
    (or 1000, where these are not given or zero). A unit is dead when its gradient is exactly zero; half of the units
    of a leaf are reported.

    Args:
        gradients: a pytree of gradients.
        params: the parameters, of the same structure.

    Returns:
        A `GradientFlow`.

    Raises:
        ValueError: when there is no gradient, or structures or shapes differ.

    Example:
        >>> import numpy as np
        >>> from funcgrad import train
        >>> print(train.gradient_flow({"first": np.full((2, 3), 1e-9), "last": np.ones(3)}))
        parameter      norm  an entry  of param   dead
        ['first']   2.4e-09   1.0e-09         -     0%
        ['last']    1.7e+00   1.0e+00         -     0%
        vanishes at ['first']; try relu or tanh in place of sigmoid, weights of variance 2 / inputs \
(nn.initializers.he_normal), normalization, residual connections

    Reference: X. Glorot, Y. Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010.
    """
    paths = tree.tree_leaves_with_path(gradients)
    if not paths:
        raise ValueError("gradient_flow: there is no gradient in the tree.")
    if params is not None and tree.tree_structure(params) != tree.tree_structure(gradients):
        raise ValueError("gradient_flow: the parameters have another structure than the gradients.")
    beside = [None] * len(paths) if params is None else tree.tree_leaves(params)
    for (path, g), p in zip(paths, beside):
        if p is not None and np.shape(g) != np.shape(p):
            place = tree.keystr(path) or "the gradient"
            raise ValueError(f"gradient_flow: {place} has shape {np.shape(g)}, and its parameters {np.shape(p)}.")
    leaves = tuple(_leaf(tree.keystr(path) or "parameter", g, p) for (path, g), p in zip(paths, beside))
    verdict, where = _verdict(leaves, params is not None)
    return GradientFlow(leaves, verdict, where, REMEDIES[verdict])


def _leaf(name: str, gradient: Any, param: Any) -> LeafFlow:
    values = np.abs(np.asarray(gradient)).astype(np.float64)
    largest = float(np.max(values, initial=0.0))
    scale = largest if 0 < largest < np.inf else 1.0  # squares of very small and very large entries leave the range
    norm = scale * float(np.sqrt(np.sum((values / scale) ** 2)))
    beside = 0.0 if param is None else float(np.linalg.norm(np.ravel(param)))
    units = values.reshape(-1, values.shape[-1]) if values.ndim else values.reshape(1, 1)
    dead = float(np.mean(np.all(units == 0, axis=0))) if values.size else 0.0
    return LeafFlow(name, norm, norm / np.sqrt(max(values.size, 1)), norm / beside if beside else np.nan, dead)


def _verdict(leaves: tuple[LeafFlow, ...], known: bool) -> tuple[str, str]:
    """The first problem that holds, and the leaf where it is worst."""
    for leaf in leaves:
        if not np.isfinite(leaf.norm):
            return "not finite", leaf.name

    def growth(leaf: LeafFlow) -> float:
        # Without parameters to compare with, or with some that start at 0, the norm itself counts.
        return leaf.relative if known and not np.isnan(leaf.relative) else leaf.norm

    worst, least = max(leaves, key=growth), min(leaves, key=lambda leaf: leaf.size or np.inf)
    if growth(worst) > EXPLODED:
        return "explodes", worst.name
    if least.size and least.size < VANISHED * max(leaf.size for leaf in leaves):
        return "vanishes", least.name
    if 0 < growth(worst) < LOST:
        return "vanishes", min(leaves, key=lambda leaf: growth(leaf) or np.inf).name
    emptiest = max(leaves, key=lambda leaf: leaf.dead)
    return ("dead", emptiest.name) if emptiest.dead >= 0.5 else ("healthy", "")


class LeafSensitivity(NamedTuple):
    """How a loss depends on one array.

    Args:
        name: where it is in the tree.
        share: its part of the squared gradient, which is its part of what a small step downhill gains.
        elasticity: sum of x * d loss / d x: the change of the loss per growth of all of it by a factor, to first order.
        index: of the entry with the steepest slope.
        slope: d loss / d x there.
    """

    name: str
    share: float
    elasticity: float
    index: tuple[int, ...]
    slope: float


class Sensitivity(NamedTuple):
    """What `sensitivity` found: the value of the function, and its leaves, the one that matters most first."""

    value: float
    leaves: tuple[LeafSensitivity, ...]

    def __str__(self) -> str:
        width = max([len("input"), *(len(leaf.name) for leaf in self.leaves)])
        lines = [f"{'input':{width}}  share  elasticity  steepest"]
        for leaf in self.leaves:
            place = f" at {list(leaf.index)}" if leaf.index else ""
            lines.append(f"{leaf.name:{width}}  {leaf.share:5.1%}  {leaf.elasticity:+10.3g}  {leaf.slope:+.3g}{place}")
        return "\n".join(lines)


def sensitivity(fun: Callable[..., Any], x: Any, *args: Any) -> Sensitivity:
    """What a loss depends on most: which parameters, or, of a whole training run, which hyperparameters.

    Where inputs have different units, as hyperparameters do, compare elasticities: the derivative in the logarithm.

    Args:
        fun: function (x, *args) to a number.
        x: a pytree of floating-point arrays and numbers.
        args: what else the function takes.

    Returns:
        A `Sensitivity`, one row for each leaf of x.

    Raises:
        TypeError: as `grad`, when the result is not a number, or x not floating-point.

    Example:
        >>> import numpy as np
        >>> from funcgrad import lax, train
        >>> def trained(hyper):  # the loss after ten steps downhill
        ...     step = lambda w, _: (w - hyper["rate"] * (w - 3.0 + hyper["decay"] * w), None)
        ...     return (lax.scan(step, 0.0, length=10)[0] - 3.0) ** 2
        >>> print(train.sensitivity(trained, {"rate": 0.1, "decay": 0.01}))
        input      share  elasticity  steepest
        ['rate']   99.5%       -2.43  -24.3
        ['decay']   0.5%     +0.0166  +1.66
    """
    value, gradients = value_and_grad(fun)(x, *args)
    rows = []
    leaves = tree.tree_leaves(x)
    total = sum(float(np.sum(np.abs(g) ** 2)) for g in tree.tree_leaves(gradients))
    for (path, gradient), leaf in zip(tree.tree_leaves_with_path(gradients), leaves):
        g = np.asarray(gradient)
        if not g.size:
            continue
        place = tuple(int(i) for i in np.unravel_index(np.argmax(np.abs(g)), g.shape))
        share = float(np.sum(np.abs(g) ** 2)) / total if total else 0.0
        change = float(np.real(np.sum(g * leaf)))
        rows.append(LeafSensitivity(tree.keystr(path) or "x", share, change, place, float(np.real(g[place]))))
    return Sensitivity(float(value), tuple(sorted(rows, key=lambda row: -row.share)))
