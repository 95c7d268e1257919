"""Why deep networks would not learn, and what cured them: gradients layer by layer, sick networks and cures.

    python examples/vanishing_gradients.py               30 layers; gradients at the start, then training
    python examples/vanishing_gradients.py --depth 8     not deep enough to be ill

On its way back through a layer a gradient is multiplied by the weights and by the slope of the activation. The slope of
the sigmoid is at most 1/4: after thirty layers nothing is left, and the first layers never hear of the error. Weights
that are too small do the same to any activation, and with weights too large the opposite happens. Three sick networks
follow, and what cured them: another activation, weights of the right size, normalization, residual connections, and
clipping.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import funcgrad as fg
from funcgrad import lax, losses, nn, optim

WIDTH, COUNT = 32, 256


class Network(NamedTuple):
    """What kind of deep network; `spread` times 1 / sqrt(inputs) is the standard deviation of weights at the start."""

    name: str
    activation: Callable = nn.sigmoid
    spread: float = 1.0
    normalized: bool = False
    residual: bool = False
    clip: float | None = None


NETWORKS = (
    Network("sigmoid"),
    Network("tanh: slope 1 at 0", np.tanh),
    Network("sigmoid, normalized layers", normalized=True),
    Network("ReLU, small weights", nn.relu, 0.5),
    Network("ReLU, small weights, residual", nn.relu, 0.5, residual=True),
    Network("ReLU, variance 2 / inputs", nn.relu, np.sqrt(2)),
    Network("ReLU, large weights", nn.relu, 2.0),
    Network("ReLU, large weights, clipped", nn.relu, 2.0, clip=1.0),
)


def make_data(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points of the plane; the label says on which side of a circle they lie."""
    points = rng.uniform(-1, 1, (COUNT, 2))
    return points, (np.sum(points**2, axis=1) < 0.6).astype(float)


def initial_parameters(network: Network, depth: int, seed: int) -> dict[str, np.ndarray]:
    """The hidden layers lie in one array, so that a loop can walk through them."""
    rng = np.random.default_rng(seed)
    return {
        "first": rng.normal(size=(2, WIDTH)),
        "hidden": rng.normal(0, network.spread / np.sqrt(WIDTH), (depth, WIDTH, WIDTH)),
        "biases": np.zeros((depth, WIDTH)),
        "last": rng.normal(0, 1 / np.sqrt(WIDTH), WIDTH),
    }


def predict(network: Network, params: Any, points: Any) -> Any:
    """The score of each point, positive for inside."""

    def layer(x: Any, weights_and_bias: Any) -> tuple[Any, None]:
        weights, bias = weights_and_bias
        new = x @ weights + bias
        if network.normalized:
            new = nn.standardize(new, axis=0)  # over the batch: every neuron has mean 0 and variance 1
        new = network.activation(new)
        return (x + new if network.residual else new), None

    x = points @ params["first"]
    x, _ = lax.scan(layer, x, (params["hidden"], params["biases"]))
    return x @ params["last"]


def loss(network: Network, params: Any, points: Any, labels: Any) -> Any:
    """Binary cross-entropy."""
    return np.mean(losses.sigmoid_binary_cross_entropy(predict(network, params, points), labels))


def norms(network: Network, depth: int, points: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """The norm of the gradient of each hidden layer's weights, at the start of training."""
    params = initial_parameters(network, depth, seed)
    gradient = fg.jit(fg.grad(loss, argnums=1), static_argnums=0)(network, params, points, labels)
    return np.linalg.norm(gradient["hidden"], axis=(1, 2))


def diagnosis(values: np.ndarray) -> str:
    """In words: how the gradient changes per layer on its way back."""
    factor = (values[0] / values[-1]) ** (1 / (len(values) - 1))
    text = f"{values[0]:.0e} at the first layer, {values[-1]:.0e} at the last"
    if factor < 0.75 or values.max() < 1e-6:
        return f"vanishes: {text}"
    return f"explodes: {text}" if factor > 1.3 or values.max() > 1e3 else f"healthy:  {text}"


def train(network: Network, depth: int, points: np.ndarray, labels: np.ndarray, steps: int, seed: int) -> np.ndarray:
    """The loss of every step of gradient descent with momentum."""
    descent = optim.sgd(0.01, momentum=0.9)
    if network.clip is not None:
        descent = optim.chain(optim.clip_by_global_norm(network.clip), descent)

    def step(carry: Any, _: Any) -> tuple[Any, Any]:
        params, state = carry
        value, gradient = fg.value_and_grad(loss, argnums=1)(network, params, points, labels)
        updates, state = descent.update(gradient, state, params)
        return (optim.apply_updates(params, updates), state), value

    params = initial_parameters(network, depth, seed)
    return fg.jit(lambda carry: lax.scan(step, carry, length=steps)[1])((params, descent.init(params)))


def draw(found: dict[str, tuple[np.ndarray, np.ndarray]], path: Path) -> None:
    """Gradient norms per layer, and the losses."""
    from matplotlib.figure import Figure  # only drawing needs it

    figure = Figure(figsize=(12, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for k, (name, (values, history)) in enumerate(found.items()):
        style = ("-", "--")[k % 2]
        left.semilogy(np.arange(1, len(values) + 1), values, style, label=name)
        right.plot(np.where(history < 2, history, np.nan), style, label=name)
    left.set(xlabel="layer", ylabel="norm of the gradient of its weights", title="Before training")
    right.set(xlabel="step of gradient descent", ylabel="cross-entropy", ylim=(0, 1.5), title="Training")
    left.legend(fontsize=7)
    figure.savefig(path)


def main(argv: list[str] | None = None) -> dict[str, float]:
    """Measure and train all networks, and draw; the last loss of each is returned."""
    parser = argparse.ArgumentParser(description="a laboratory of vanishing and exploding gradients")
    parser.add_argument("--depth", type=int, default=30)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("vanishing-gradients.png"), help="where to draw")
    options = parser.parse_args(argv)

    points, labels = make_data(np.random.default_rng(options.seed))
    found, start = {}, time.perf_counter()
    for network in NETWORKS:
        values = norms(network, options.depth, points, labels, options.seed)
        history = train(network, options.depth, points, labels, options.steps, options.seed)
        found[network.name] = values, history
        print(f"{network.name:29} {diagnosis(values)}; loss {history[0]:.3g} -> {history[-1]:.3f}")
    print(f"{len(NETWORKS)} networks in {time.perf_counter() - start:.1f} s")
    draw(found, options.out)
    share = labels.mean()
    print(f"loss without looking at the points: {-share * np.log(share) - (1 - share) * np.log(1 - share):.3f}")
    print(f"picture: {options.out}")
    return {name: float(history[-1]) for name, (_, history) in found.items()}


if __name__ == "__main__":
    main()
