"""Two ways to a gradient, side by side: nudge every weight and look, or go backwards once.

    python examples/xor.py                     100,000 steps both ways, and a picture
    python examples/xor.py --steps 2000        a quick look

The network is the smallest one that needs a hidden layer: two inputs, two hidden neurons, one output, nine numbers to
learn. It shall answer whether exactly one of its inputs is 1.

    nudging   add a little to one weight, run forward, see how much the loss grew; n weights take n + 1 runs
    grad      one run forward, one backward, whatever n is
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import funcgrad as fg
from funcgrad import lax

INPUTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TARGETS = np.array([0.0, 1.0, 1.0, 0.0])
LEARNING_RATE = 4.0
EPSILON = 1e-6


def initial_parameters(hidden: int, seed: int) -> dict[str, np.ndarray]:
    """Random weights; without them all hidden neurons would learn the same."""
    rng = np.random.default_rng(seed)
    return {
        "w1": rng.normal(size=(2, hidden)),
        "b1": np.zeros(hidden),
        "w2": rng.normal(size=hidden) / np.sqrt(hidden),
        "b2": np.zeros(()),
    }


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def predict(params: Any, inputs: Any = INPUTS) -> Any:
    """What the network answers to each of the inputs."""
    hidden = sigmoid(inputs @ params["w1"] + params["b1"])
    return sigmoid(hidden @ params["w2"] + params["b2"])


def loss(params: Any) -> Any:
    """Mean squared error."""
    return np.mean((predict(params) - TARGETS) ** 2)


def nudged_gradient(loss: Callable, params: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The gradient by experiment: (loss(w + epsilon) - loss(w)) / epsilon for one weight after the other."""
    params = {name: np.array(value) for name, value in params.items()}
    start, gradient = loss(params), {name: np.empty_like(value) for name, value in params.items()}
    for name, value in params.items():
        for i in np.ndindex(value.shape):
            kept = value[i]
            value[i] = kept + EPSILON
            gradient[name][i] = (loss(params) - start) / EPSILON
            value[i] = kept
    return gradient


def descend(params: Any, gradient: Any) -> Any:
    """One step downhill."""
    return {name: params[name] - LEARNING_RATE * gradient[name] for name in params}


def train_by_nudging(params: Any, steps: int) -> Any:
    """The simple method. The loss is compiled here too, so that the comparison is one of methods."""
    compiled = fg.jit(loss)
    for _ in range(steps):
        params = descend(params, nudged_gradient(compiled, params))
    return params


def train_by_grad(params: Any, steps: int) -> Any:
    """The same steps with `grad`; `scan` and `jit` make one machine-code loop of them."""

    def step(params: Any, _: Any) -> tuple[Any, None]:
        return descend(params, fg.grad(loss)(params)), None

    return fg.jit(lambda params: lax.scan(step, params, length=steps)[0])(params)


def largest_difference(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> float:
    """The largest absolute difference of two sets of parameters."""
    return max(float(np.max(np.abs(a[name] - b[name]))) for name in a)


def seconds(run: Callable[[], Any], times: int = 1) -> tuple[float, Any]:
    """Seconds for one run, the best of a few, and its result."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        result = run()
        best = min(best, time.perf_counter() - start)
    return best, result


def compare_gradients(params: dict[str, np.ndarray]) -> None:
    """Print every component both ways."""
    nudged, exact = nudged_gradient(loss, params), fg.grad(loss)(params)
    print("weight       nudged          grad")
    for name, value in exact.items():
        for i in np.ndindex(value.shape):
            place = f"{name}[{', '.join(map(str, i))}]" if i else name
            print(f"{place:8} {nudged[name][i]:+.8f}   {value[i]:+.8f}")
    print(f"largest difference: {largest_difference(nudged, exact):.1e}\n")


def compare_cost(sizes: list[int]) -> None:
    """Print how the time of one gradient grows with the number of weights."""
    print(" weights     nudging        grad   grad / one forward run")
    for hidden in sizes:
        params = initial_parameters(hidden, 0)
        count = sum(value.size for value in params.values())
        forward, gradient = fg.jit(loss), fg.jit(fg.grad(loss))
        forward(params), gradient(params)  # compiled now, so that only running is timed
        slow, _ = seconds(lambda f=forward, p=params: nudged_gradient(f, p), 2)
        once, _ = seconds(lambda f=forward, p=params: f(p), 200)
        fast, _ = seconds(lambda g=gradient, p=params: g(p), 200)
        print(f"{count:8}  {slow * 1e3:7.2f} ms  {fast * 1e3:7.3f} ms   {fast / once:.1f}")
    print()


def compare_training(params: dict[str, np.ndarray], steps: int) -> dict[str, np.ndarray]:
    """Train both ways and print seconds against seconds."""
    slow, nudged = seconds(lambda: train_by_nudging(params, steps))
    fast, exact = seconds(lambda: train_by_grad(params, steps))
    print(f"{steps} steps by nudging: {slow:.2f} s, loss {loss(nudged):.2e}")
    print(f"{steps} steps by grad:    {fast:.2f} s, loss {loss(exact):.2e}   (compiled, or read from the cache)")
    print(f"the learned weights differ by at most {largest_difference(nudged, exact):.1e}\n")
    return exact


def draw(params: dict[str, np.ndarray], path: Path) -> None:
    """The answer over the plane of inputs, the lines where hidden neurons are at 1/2, and the four inputs."""
    from matplotlib.figure import Figure  # only drawing needs it

    x, y = np.meshgrid(np.linspace(-0.5, 1.5, 200), np.linspace(-0.5, 1.5, 200))
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    axes = (figure := Figure(figsize=(5, 4.5), layout="constrained")).add_subplot()
    levels = np.linspace(0, 1, 11)
    answers = axes.contourf(x, y, predict(params, points).reshape(x.shape), levels, cmap="RdBu", alpha=0.7)
    for score in (points @ params["w1"] + params["b1"]).T:
        axes.contour(x, y, score.reshape(x.shape), levels=[0], colors="gray", linestyles="dashed")
    axes.scatter(*INPUTS.T, c=TARGETS, cmap="RdBu", edgecolors="black", s=80)
    axes.set(title="Answer; where hidden neurons say 1/2", xlabel="a", ylabel="b", aspect="equal")
    figure.colorbar(answers)
    figure.savefig(path)


def main(argv: list[str] | None = None) -> np.ndarray:
    """Compare gradients, their cost, and training; the answers of the trained network are returned."""
    parser = argparse.ArgumentParser(description="learn XOR by nudging and by grad")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("xor.png"), help="where to draw")
    options = parser.parse_args(argv)

    params = initial_parameters(2, options.seed)
    compare_gradients(params)
    compare_cost([2, 16, 128, 1024])
    params = compare_training(params, options.steps)
    answers = predict(params)
    print("a b   a xor b   the network says")
    for (a, b), target, answer in zip(INPUTS, TARGETS, answers):
        print(f"{a:.0f} {b:.0f}   {target:7.0f}   {answer:.3f}")
    draw(params, options.out)
    print(f"picture: {options.out}")
    return answers


if __name__ == "__main__":
    main()
