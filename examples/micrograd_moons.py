"""The micrograd demo: one expression of scalars, looked at node by node, and a network that tells two moons apart.

    python examples/micrograd_moons.py                       writes moons.png
    python examples/micrograd_moons.py --steps 20 --out x.png

micrograd (A. Karpathy, https://github.com/karpathy/micrograd) builds a graph of numbers, each of which knows its value
and its local derivative, and walks it backwards. Here the same thing happens three times:

    1. a small expression, printed as the program that was recorded, with value and adjoint beside each node
    2. the network written number by number, as in micrograd, and written with arrays: equal gradients, unequal seconds
    3. the array version trained on the two moons, and a picture of what it learned
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import funcgrad as fg
from funcgrad import tree
from funcgrad.core.printing import format_atom, variable_names
from funcgrad.core.program import Literal

LAYERS = (2, 16, 16, 1)
DECAY = 1e-4


# --- 1. a small expression, node by node ------------------------------------------------------------------------------


def expression(a: Any, b: Any) -> Any:
    """A few operations in which a and c are used twice, so that their adjoints are sums."""
    c = a * b
    d = np.maximum(c + a, 0.0)
    return (d + c) ** 2


def values_of_nodes(program: Any, arguments: tuple, bumps: list[Any]) -> tuple[Any, list[Any]]:
    """Run a program one equation after the other; the result, and the value of every node, each with its bump added."""
    values = {v: x + bump for v, x, bump in zip(program.inputs, arguments, bumps)}
    for equation, bump in zip(program.eqns, bumps[len(arguments) :]):
        operands = [a.value if isinstance(a, Literal) else values[a] for a in equation.inputs]
        values[equation.outs[0]] = equation.prim(*operands, **equation.params) + bump
    return values[program.outputs[0]], list(values.values())


def explain(function: Callable, *arguments: float) -> str:
    """The program of a scalar function, with the value and the adjoint d result / d node beside each node.

    Every node gets a bump of zero; the adjoint of a node is then simply the derivative by its bump.
    """
    program = fg.make_program(function)(*arguments)
    bumps = [0.0] * (len(arguments) + len(program.eqns))
    adjoints, values = fg.grad(lambda b: values_of_nodes(program, arguments, b), has_aux=True)(bumps)
    names = variable_names(program)
    texts = [f"{names[v]}" for v in program.inputs]
    for e in program.eqns:
        texts.append(f"{names[e.outs[0]]} = {e.prim.name} {' '.join(format_atom(a, names) for a in e.inputs)}")
    rows = [f"{text:20} {value:9.4f} {adjoint:9.4f}" for text, value, adjoint in zip(texts, values, adjoints)]
    return "\n".join([f"{'node':20} {'value':>9} {'adjoint':>9}", *rows])


# --- 2. the network, by numbers and by arrays -------------------------------------------------------------------------


def score_by_numbers(layers: Any, x: list[Any]) -> Any:
    """The network as micrograd writes it: each neuron is a sum of products of single numbers."""
    for depth, (weights, biases) in enumerate(layers):
        x = [sum((w * v for w, v in zip(row, x)), bias) for row, bias in zip(weights, biases)]
        if depth < len(layers) - 1:
            x = [np.maximum(v, 0.0) for v in x]
    return x[0]


def score_by_arrays(layers: Any, x: Any) -> Any:
    """The same network for all points at once: each layer is one product of matrices."""
    for depth, (weights, biases) in enumerate(layers):
        x = x @ weights.T + biases
        if depth < len(layers) - 1:
            x = np.maximum(x, 0.0)
    return x[:, 0]


def loss_by_numbers(layers: Any, points: list[list[float]], labels: list[float]) -> Any:
    """The hinge loss, which asks for scores beyond +1 and -1, and a penalty on the squares of all parameters."""
    hinge = sum(np.maximum(1 - label * score_by_numbers(layers, point), 0.0) for point, label in zip(points, labels))
    return hinge / len(labels) + DECAY * sum(p * p for p in tree.tree_leaves(layers))


def loss_by_arrays(layers: Any, points: Any, labels: Any) -> Any:
    """The same loss with arrays."""
    hinge = np.maximum(1 - labels * score_by_arrays(layers, points), 0.0)
    return np.mean(hinge) + DECAY * sum(np.sum(p * p) for p in tree.tree_leaves(layers))


def timed_gradient(loss: Callable, *arguments: Any) -> tuple[np.ndarray, str]:
    """The gradient as one long vector, and how long it took to get it for the first and for the second time."""
    seconds = []
    for _ in range(2):  # the derivative program is made once and found again
        start = time.perf_counter()
        gradient = fg.grad(loss)(*arguments)
        seconds.append(time.perf_counter() - start)
    vector = np.concatenate([np.ravel(g) for g in tree.tree_leaves(gradient)])
    return vector, f"{seconds[0]:.3f} s, again {seconds[1]:.4f} s"


def compare_styles(layers: Any, points: np.ndarray, labels: np.ndarray) -> float:
    """Print how far the gradients of the two styles differ, and what each costs; the difference is returned."""
    numbers = tree.tree_map(np.ndarray.tolist, layers)
    slow, slow_text = timed_gradient(loss_by_numbers, numbers, points.tolist(), labels.tolist())
    fast, fast_text = timed_gradient(loss_by_arrays, layers, points, labels)
    difference = float(np.max(np.abs(slow - fast)))
    print(f"gradient of {slow.size} weights on {len(labels)} points; largest difference {difference:.1e}")
    print(f"  number by number: {slow_text}\n  by arrays:        {fast_text}\n")
    return difference


# --- 3. two moons -----------------------------------------------------------------------------------------------------


def moons(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points on two interleaved half circles, with some noise, and their labels +1 and -1."""
    angle, labels = rng.uniform(0, np.pi, count), np.where(np.arange(count) % 2 == 0, 1.0, -1.0)
    points = np.stack([labels * np.cos(angle), labels * np.sin(angle)], axis=1)
    points[labels < 0] += [1.0, 0.5]
    return points + rng.normal(0, 0.1, points.shape), labels


def initial_layers(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """A matrix with a row for each neuron, and biases, per layer."""
    return [(rng.normal(0, np.sqrt(2 / m), (n, m)), np.zeros(n)) for m, n in pairwise(LAYERS)]


def train(layers: Any, points: np.ndarray, labels: np.ndarray, steps: int) -> Any:
    """Gradient descent on all points, with a learning rate that falls from 1 to 0.1."""

    @fg.jit
    def step(layers: Any, rate: float) -> tuple[Any, Any]:
        value, gradient = fg.value_and_grad(loss_by_arrays)(layers, points, labels)
        return tree.tree_map(lambda p, g: p - rate * g, layers, gradient), value

    for k in range(steps):
        layers, value = step(layers, 1.0 - 0.9 * k / steps)
        if k % max(1, steps // 5) == 0:
            print(f"step {k:4}   loss {value:.4f}   accuracy {accuracy(layers, points, labels):.0%}")
    return layers


def accuracy(layers: Any, points: np.ndarray, labels: np.ndarray) -> float:
    """The share of points whose score has the right sign."""
    return float(np.mean(np.sign(score_by_arrays(layers, points)) == labels))


def draw(layers: Any, points: np.ndarray, labels: np.ndarray, path: Path) -> None:
    """The plane colored by score, the line where the score is 0, and the points."""
    from matplotlib.figure import Figure  # only drawing needs it

    x, y = np.meshgrid(np.linspace(-1.5, 2.5, 200), np.linspace(-1.0, 1.5, 200))
    scores = score_by_arrays(layers, np.stack([x.ravel(), y.ravel()], axis=1)).reshape(x.shape)
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.contourf(x, y, np.tanh(scores), levels=20, cmap="RdBu", alpha=0.7)
    axes.contour(x, y, scores, levels=[0], colors="black")
    axes.scatter(*points.T, c=labels, cmap="RdBu", edgecolors="black", s=25)
    axes.set(title="Two moons: score of the network, and where it is 0", aspect="equal")
    figure.savefig(path)


def main(argv: list[str] | None = None) -> float:
    """Explain an expression, compare the styles, train, and draw; the accuracy is returned."""
    parser = argparse.ArgumentParser(description="the moons demo of micrograd")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("moons.png"), help="where to draw the decision boundary")
    options = parser.parse_args(argv)

    print(fg.make_program(expression)(3.0, -0.25), "\n")
    print(explain(expression, 3.0, -0.25), "\n")
    rng = np.random.default_rng(options.seed)
    points, labels = moons(100, rng)
    layers = initial_layers(rng)
    compare_styles(layers, points[:10], labels[:10])
    layers = train(layers, points, labels, options.steps)
    draw(layers, points, labels, options.out)
    result = accuracy(layers, points, labels)
    print(f"accuracy: {result:.1%}")
    print(f"decision boundary: {options.out}")
    return result


if __name__ == "__main__":
    main()
