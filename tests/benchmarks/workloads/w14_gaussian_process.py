"""14: negative log marginal likelihood of a Gaussian process on 500 points and its gradient in three parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from case import Case

POINTS, AXES = 500, 4


def marginal_likelihood(lib: Any) -> Callable[..., Any]:
    """y' K^-1 y / 2 + log det K / 2 + n log(2 pi) / 2 with the squared-exponential kernel, by one Cholesky factor."""
    xp, solve_triangular = lib.np, lib.solve_triangular

    def f(logarithms: Any, x: Any, y: Any) -> Any:
        width, signal, noise = xp.exp(logarithms[0]), xp.exp(logarithms[1]), xp.exp(logarithms[2])
        squares = xp.sum((x[:, None, :] - x[None, :, :]) ** 2, axis=-1)
        kernel = signal * xp.exp(-0.5 * squares / (width * width)) + noise * xp.eye(POINTS, dtype=x.dtype)
        factor = xp.linalg.cholesky(kernel)
        white = solve_triangular(factor, y)
        return 0.5 * xp.sum(white * white) + xp.sum(xp.log(xp.diag(factor))) + 0.5 * POINTS * math.log(2 * math.pi)

    return f


def observations(seed: int) -> tuple[Any, Any, Any]:
    random = np.random.default_rng(seed)
    x = random.uniform(-2, 2, (POINTS, AXES))
    y = np.sin(x.sum(axis=1)) + 0.1 * random.standard_normal(POINTS)
    return np.log([1.0, 1.5, 0.1]) + 0.1 * random.standard_normal(3), x, y


CASES = [
    Case(
        name="14",
        title="Gaussian process, 500 points, marginal likelihood and gradient, Cholesky",
        build=lambda lib: lib.jit(lib.value_and_grad(marginal_likelihood(lib))),
        inputs=observations,
        target=0.5,
        stretch=0.37,
        tolerance=1e-8,
        peers=("jax", "torch", "autograd"),
        hand="gaussian_process.value_and_grad",
        flops=POINTS**3,  # a third for the factor, two thirds for the inverse that the gradient needs
    )
]
