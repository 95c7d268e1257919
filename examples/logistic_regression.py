"""Logistic regression in plain NumPy: gradient descent beside Newton's method, whose matrix `hessian` delivers.

    python examples/logistic_regression.py               fit both ways, check the probabilities, draw
    python examples/logistic_regression.py --count 300   fewer points

The model below imports nothing but NumPy and knows nothing of derivatives. Gradient descent needs a learning rate and
many steps. Newton's method asks how the gradient itself changes, solves a system of as many equations as there are
weights, and near the end doubles the number of right digits at each step. The matrix also says how sure the weights
are.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

# --- the model: plain NumPy -------------------------------------------------------------------------------------------


def features(points: Any) -> Any:
    """What a point (x, y) is judged by: 1, x, y, x^2, x y, y^2. The boundary may be an ellipse or a hyperbola."""
    x, y = points[:, 0], points[:, 1]
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


def probability(weights: Any, points: Any) -> Any:
    """The probability that a point has label 1."""
    return 1 / (1 + np.exp(-features(points) @ weights))


def loss(weights: Any, points: Any, labels: Any, decay: float = 1e-3) -> Any:
    """Mean of -log probability of the labels, and a little for large weights; log(1 + exp(s)) cannot overflow here."""
    score = features(points) @ weights
    return np.mean(np.logaddexp(0.0, score) - labels * score) + decay * np.sum(weights**2) / 2


# --- its derivatives --------------------------------------------------------------------------------------------------

import funcgrad as fg  # noqa: E402  (after the model, to show that it does without)


def descend(points: np.ndarray, labels: np.ndarray, steps: int, rate: float) -> tuple[np.ndarray, list[float]]:
    """Weights after so many steps downhill, and the loss before each."""
    step, weights, history = fg.jit(fg.value_and_grad(loss)), np.zeros(6), []
    for _ in range(steps):
        value, gradient = step(weights, points, labels)
        history.append(float(value))
        weights = weights - rate * gradient
    return weights, history


def newton(points: np.ndarray, labels: np.ndarray, tolerance: float = 1e-10) -> tuple[np.ndarray, list[float]]:
    """Weights where the gradient is zero to rounding, and the loss before each step."""

    @fg.jit
    def step(weights: Any) -> tuple[Any, Any, Any]:
        value, gradient = fg.value_and_grad(loss)(weights, points, labels)
        matrix = fg.hessian(loss)(weights, points, labels)
        return value, np.linalg.norm(gradient), weights - np.linalg.solve(matrix, gradient)

    weights, history = np.zeros(6), []
    while len(history) < 50:
        value, size, new = step(weights)
        history.append(float(value))
        if size < tolerance:
            return weights, history
        weights = new
    raise ArithmeticError("Newton's method has not arrived after 50 steps.")


def standard_errors(weights: np.ndarray, points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How far each weight would vary with other points of the same kind: the inverse of the information matrix."""
    information = len(points) * fg.hessian(loss)(weights, points, labels)
    return np.sqrt(np.diag(np.linalg.inv(information)))


# --- data and picture -------------------------------------------------------------------------------------------------

TRUE_WEIGHTS = np.array([1.0, 1.0, -0.5, -1.5, 0.8, -1.0])


def make_data(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points of the plane, and labels drawn with the probabilities of TRUE_WEIGHTS."""
    points = rng.normal(size=(count, 2))
    return points, (rng.uniform(size=count) < probability(TRUE_WEIGHTS, points)).astype(float)


def calibration(chances: np.ndarray, labels: np.ndarray, bins: int = 10) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean predicted probability and share of label 1 in groups of equal size, and the mean difference of the two."""
    groups = np.array_split(np.argsort(chances), bins)
    predicted, found = (np.array([values[group].mean() for group in groups]) for values in (chances, labels))
    return predicted, found, float(np.mean(np.abs(predicted - found)))


def draw(weights: np.ndarray, data: tuple, histories: dict[str, list[float]], groups: tuple, path: Path) -> None:
    """The plane colored by probability, the loss above its least value, and promised against found shares."""
    from matplotlib.figure import Figure  # only drawing needs it

    figure = Figure(figsize=(13, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    x, y = np.meshgrid(np.linspace(-3, 3, 120), np.linspace(-3, 3, 120))
    grid = np.stack([x.ravel(), y.ravel()], axis=1)
    left.contourf(x, y, probability(weights, grid).reshape(x.shape), levels=10, cmap="RdBu", alpha=0.7)
    left.contour(x, y, probability(weights, grid).reshape(x.shape), levels=[0.5], colors="black")
    left.contour(x, y, probability(TRUE_WEIGHTS, grid).reshape(x.shape), levels=[0.5], colors="gray", linestyles=":")
    points, labels = data
    left.scatter(*points[:300].T, c=labels[:300], cmap="RdBu", s=9, edgecolors="black", linewidths=0.3)
    left.set(title="Probability, and where it is 1/2 (dotted: truth)", xlim=(-3, 3), ylim=(-3, 3))
    least = min(histories["Newton's method"])
    for name, history in histories.items():
        middle.loglog(np.arange(1, len(history) + 1), np.maximum(np.array(history) - least, 1e-16), label=name)
    middle.set(title="Loss above its least value", xlabel="step", ylim=(1e-16, 1))
    middle.legend()
    right.plot([0, 1], [0, 1], color="gray", ls=":")
    right.plot(groups[0], groups[1], "o-")
    right.set(title="Calibration on new points", xlabel="predicted probability", ylabel="share of label 1")
    figure.savefig(path)


def main(argv: list[str] | None = None) -> float:
    """Fit both ways, compare, test and draw; the mean error of calibration is returned."""
    parser = argparse.ArgumentParser(description="logistic regression with gradients and with Hessians")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=2000, help="steps of gradient descent")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("logistic-regression.png"), help="where to draw")
    options = parser.parse_args(argv)

    rng = np.random.default_rng(options.seed)
    points, labels = make_data(options.count, rng)
    slow, slow_history = descend(points, labels, options.steps, 0.2)
    fast, fast_history = newton(points, labels)
    print(f"gradient descent: loss {slow_history[-1]:.15f} after {options.steps} steps")
    print(f"Newton's method:  loss {fast_history[-1]:.15f} after {len(fast_history) - 1} steps")
    print(f"the weights differ by at most {np.max(np.abs(slow - fast)):.0e}\n")
    print("weight of    truth    found   standard error")
    for name, truth, weight, error in zip(
        ("1", "x", "y", "x^2", "x y", "y^2"), TRUE_WEIGHTS, fast, standard_errors(fast, points, labels)
    ):
        print(f"{name:8} {truth:9.3f} {weight:8.3f}   {error:.3f}")
    new_points, new_labels = make_data(20_000, rng)
    groups = calibration(probability(fast, new_points), new_labels)
    histories = {"gradient descent": slow_history, "Newton's method": fast_history}
    draw(fast, (points, labels), histories, groups, options.out)
    accuracy = np.mean((probability(fast, new_points) > 0.5) == new_labels)
    best = np.mean((probability(TRUE_WEIGHTS, new_points) > 0.5) == new_labels)
    print(f"\naccuracy on new points: {accuracy:.1%}, with the true weights {best:.1%}")
    print(f"mean error of predicted probabilities: {groups[2]:.3f}")
    print(f"picture: {options.out}")
    return groups[2]


if __name__ == "__main__":
    main()
