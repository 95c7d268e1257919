"""A mixture of Gaussians fitted by gradients of its log likelihood.

    log p(x) = logsumexp_k ( log pi_k + log N(x | mu_k, L_k L_k^T) )

The parameters are free numbers: proportions through softmax, covariances through a lower triangle whose diagonal is
exp(..), so that any step is allowed.

Reference: Bishop, Pattern Recognition and Machine Learning, 2006, section 9.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize

from funcgrad import value_and_grad


def make_data(seed: int = 0, count: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """Points of three clusters in the plane, and the centres."""
    rng = np.random.default_rng(seed)
    centres = np.array([[-3.0, 0.0], [3.0, 1.0], [0.0, 4.0]])
    spread = np.array([[[0.7, 0.0], [0.4, 0.5]], [[0.5, 0.0], [-0.3, 0.8]], [[0.9, 0.0], [0.0, 0.4]]])
    label = rng.integers(0, 3, count)
    return centres[label] + np.einsum("nij,nj->ni", spread[label], rng.normal(size=(count, 2))), centres


def initial(points: np.ndarray, components: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Equal proportions, wide Gaussians around some of the points."""
    rng = np.random.default_rng(seed)
    size = points.shape[1]
    return {
        "weights": np.zeros(components),
        "means": points[rng.choice(len(points), components, replace=False)],
        "factors": np.zeros((components, size, size)),
    }


def logsumexp(x: Any, axis: int) -> Any:
    """log(sum(exp(x))) without overflow."""
    top = np.max(x, axis=axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.sum(np.exp(x - top), axis=axis))


def negative_log_likelihood(params: dict[str, Any], points: np.ndarray) -> Any:
    """Minus the mean log density of the points."""
    factors = np.tril(params["factors"], -1)
    diagonal = np.diagonal(params["factors"], axis1=1, axis2=2)
    size = points.shape[1]
    lower = factors + np.exp(diagonal)[:, :, None] * np.eye(size)
    centred = points[None, :, :] - params["means"][:, None, :]
    white = np.linalg.solve(lower, np.swapaxes(centred, 1, 2))
    density = -0.5 * np.sum(white**2, axis=1) - np.sum(diagonal, axis=1)[:, None] - 0.5 * size * np.log(2 * np.pi)
    proportions = params["weights"] - logsumexp(params["weights"], 0)
    return -np.mean(logsumexp(proportions[:, None] + density, 0))


def pack(params: dict[str, Any]) -> np.ndarray:
    """All parameters in one vector, as optimizers want them."""
    return np.concatenate([np.ravel(params[name]) for name in ("weights", "means", "factors")])


def unpack(vector: Any, components: int, size: int) -> dict[str, Any]:
    """The parameters in a vector."""
    weights, means, factors = np.split(vector, [components, components * (1 + size)])
    shape = (components, size, size)
    return {
        "weights": weights,
        "means": np.reshape(means, (components, size)),
        "factors": np.reshape(factors, shape),
    }


def fit(points: np.ndarray, components: int, steps: int = 200) -> tuple[dict[str, Any], float]:
    """The parameters that L-BFGS finds, and minus the mean log likelihood there."""
    size = points.shape[1]

    def objective(vector: Any) -> Any:
        return negative_log_likelihood(unpack(vector, components, size), points)

    result = minimize(
        value_and_grad(objective), pack(initial(points, components)), jac=True, method="L-BFGS-B",
        options={"maxiter": steps},
    )  # fmt: skip
    return unpack(result.x, components, size), float(result.fun)


if __name__ == "__main__":
    data, true_centres = make_data()
    found, value = fit(data, 3)
    print(f"minus log likelihood per point {value:.4f}")
    print(np.round(found["means"], 2), "centres were", true_centres, sep="\n")
