"""The chain rule by hand, checked: a backward pass written out, compared with `grad` and with nudges of the weights.

    python examples/backward_by_hand.py                check, count the cost, and draw
    python examples/backward_by_hand.py --width 64     a wider network

How one finds the error in a backward pass, in the order in which it pays:

    1. a tiny network in float64, so that everything can be printed
    2. one operation after the other against differences, then the whole (`check_grads`)
    3. a good epsilon: too large bends, too small rounds; the picture shows the valley between them
    4. the same check on a pass with a typical mistake, which must fail

Two facts on the way: the gradients of single examples average to that of the batch, and all derivatives together cost
little more than the loss, however many weights there are.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import funcgrad as fg
from funcgrad import losses, nn, tree
from funcgrad.test_util import check_grads

INPUTS, CLASSES = 3, 4


def initial_parameters(width: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Two layers, with variance 2 / inputs."""
    return {
        "w1": rng.normal(0, np.sqrt(2 / INPUTS), (INPUTS, width)),
        "b1": rng.normal(0, 0.1, width),
        "w2": rng.normal(0, np.sqrt(2 / width), (width, CLASSES)),
        "b2": rng.normal(0, 0.1, CLASSES),
    }


def loss(params: Any, x: Any, labels: Any) -> Any:
    """Softmax cross-entropy of a ReLU network with two layers."""
    scores = nn.relu(x @ params["w1"] + params["b1"]) @ params["w2"] + params["b2"]
    return np.mean(losses.softmax_cross_entropy_with_integer_labels(scores, labels))


def by_hand(params: Any, x: np.ndarray, labels: np.ndarray, forget_relu: bool = False) -> dict[str, np.ndarray]:
    """The same network forward, and backward step by step; `forget_relu` is the mistake that many make."""
    before = x @ params["w1"] + params["b1"]
    hidden = np.maximum(before, 0)
    scores = hidden @ params["w2"] + params["b2"]
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)

    d_scores = chances.copy()  # d loss / d scores = (chances - 1 at the label) / examples
    d_scores[np.arange(len(x)), labels] -= 1
    d_scores /= len(x)
    d_hidden = d_scores @ params["w2"].T
    d_before = d_hidden if forget_relu else d_hidden * (before > 0)
    return {
        "w1": x.T @ d_before,
        "b1": d_before.sum(axis=0),
        "w2": hidden.T @ d_scores,
        "b2": d_scores.sum(axis=0),
    }


def largest_difference(a: Any, b: Any) -> float:
    """The largest difference of two trees, relative to the largest entry of the second."""
    scale = max(float(np.max(np.abs(y))) for y in tree.tree_leaves(b))
    return max(float(np.max(np.abs(x - y))) for x, y in zip(tree.tree_leaves(a), tree.tree_leaves(b))) / scale


def nudged(f: Callable, params: Any, epsilon: float, central: bool = True) -> Any:
    """The gradient by nudging one number after the other, up and down (central), or up only."""

    def one(name: str, place: tuple[int, ...]) -> float:
        up, down = ({k: v.copy() for k, v in params.items()} for _ in range(2))
        up[name][place] += epsilon
        if central:
            down[name][place] -= epsilon
        return (f(up) - f(down)) / (up[name][place] - down[name][place])

    return {
        name: np.array([one(name, i) for i in np.ndindex(value.shape)]).reshape(value.shape)
        for name, value in params.items()
    }


def check_each_operation(params: Any, x: np.ndarray, labels: np.ndarray) -> list[str]:
    """Steps 2: the parts in the order of the forward pass, each against differences in both modes, to order 2."""
    before = x @ params["w1"] + params["b1"]
    parts = {
        "x @ w1 + b1": (lambda w, b: x @ w + b, (params["w1"], params["b1"])),
        "relu": (nn.relu, (before,)),
        "cross-entropy": (
            lambda s: np.mean(losses.softmax_cross_entropy_with_integer_labels(s, labels)),
            (before[:, :CLASSES],),
        ),
        "all of it": (lambda p: loss(p, x, labels), (params,)),
    }
    for f, args in parts.values():
        check_grads(f, args, order=2, eps=1e-4, atol=1e-6, rtol=1e-6)  # a step that stays on one side of every bend
    return list(parts)


def errors_by_epsilon(params: Any, x: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Step 3: how far differences are from the gradient, for steps from 1 down to 1e-14."""
    exact, found = by_hand(params, x, labels), {}
    for name, dtype, central in (
        ("up only, float64", np.float64, False),
        ("up and down, float64", np.float64, True),
        ("up and down, float32", np.float32, True),
    ):
        given, data = tree.tree_map(lambda p, d=dtype: p.astype(d), params), x.astype(dtype)
        compiled = fg.jit(lambda p, data=data: loss(p, data, labels))
        gradients = [nudged(compiled, given, dtype(e), central) for e in EPSILONS if e >= np.finfo(dtype).eps]
        found[name] = np.array([largest_difference(g, exact) for g in gradients])
    return found


EPSILONS = 10.0 ** np.arange(0, -14.5, -0.5)


def costs(widths: list[int]) -> list[tuple[int, float, int]]:
    """Weights, time of loss and gradient over that of the loss, and bytes kept for the way back."""
    rows, rng = [], np.random.default_rng(1)
    x, labels = rng.normal(size=(256, INPUTS)), rng.integers(0, CLASSES, 256)
    for width in widths:
        params = initial_parameters(width, rng)
        forward, both = fg.jit(loss), fg.jit(fg.value_and_grad(loss))
        kept = both.lower(params, x, labels).memory_analysis().temp_size_in_bytes
        ratio = seconds(lambda b=both, p=params: b(p, x, labels)) / seconds(lambda f=forward, p=params: f(p, x, labels))
        rows.append((sum(p.size for p in params.values()), ratio, kept))
    return rows


def seconds(run: Callable[[], Any], times: int = 100) -> float:
    """The best of a few runs, the first of which compiles and does not count."""
    run()
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def draw(errors: dict[str, np.ndarray], params: Any, right: Any, wrong: Any, path: Path) -> None:
    """The valley of epsilon, and the entries of both passes against those of `grad`."""
    from matplotlib.figure import Figure  # only drawing needs it

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, middle = figure.subplots(1, 2)
    for name, values in errors.items():
        left.loglog(EPSILONS[: len(values)], np.maximum(values, 1e-16), "o-", ms=3, label=name)
    left.set(title="Differences against the gradient", xlabel="epsilon", ylabel="largest relative error")
    left.legend(fontsize=8)
    exact = np.concatenate([np.ravel(g) for g in tree.tree_leaves(right)])
    for name, gradient, mark in (("ReLU forgotten", wrong, "x"), ("by hand", right, ".")):
        middle.plot(exact, np.concatenate([np.ravel(g) for g in tree.tree_leaves(gradient)]), mark, label=name)
    middle.set(title="Every entry of the gradient", xlabel="grad", ylabel="by hand")
    middle.legend(fontsize=8)
    figure.savefig(path, dpi=75)


def main(argv: list[str] | None = None) -> dict[str, float]:
    """Check, count and draw; the differences found are returned."""
    parser = argparse.ArgumentParser(description="a backward pass by hand, and how to check it")
    parser.add_argument("--width", type=int, default=5, help="hidden neurons")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("backward.png"), help="where to draw")
    options = parser.parse_args(argv)

    rng = np.random.default_rng(options.seed)
    params = initial_parameters(options.width, rng)
    x, labels = rng.normal(size=(6, INPUTS)), rng.integers(0, CLASSES, 6)
    exact = fg.grad(loss)(params, x, labels)
    right, wrong = (by_hand(params, x, labels, forget_relu=forget) for forget in (False, True))
    found = {
        "by hand": largest_difference(right, exact),
        "ReLU forgotten": largest_difference(wrong, exact),
        "nudged": largest_difference(nudged(lambda p: loss(p, x, labels), params, 1e-5), exact),
    }
    for name, difference in found.items():
        print(f"{name:15} differs from grad by {difference:.0e}")
    print(f"against differences, to second order: {', '.join(check_each_operation(params, x, labels))}: right")
    each = fg.vmap(fg.grad(loss), in_axes=(None, 0, 0))(params, x[:, None], labels[:, None])
    found["average"] = largest_difference(tree.tree_map(lambda g: np.mean(g, axis=0), each), exact)
    print(f"the mean of the gradients of single examples differs by {found['average']:.0e}")
    errors = errors_by_epsilon(params, x, labels)
    for name, values in errors.items():
        print(f"{name:20} best epsilon {EPSILONS[values.argmin()]:.0e}, error there {values.min():.0e}")
    print("  weights   loss and gradient / loss   bytes kept")
    for count, ratio, kept in costs([16, 64, 256]):
        print(f"{count:9}   {ratio:24.1f}   {kept:10}")
        found[f"cost of {count}"] = ratio
    draw(errors, params, right, wrong, options.out)
    print(f"picture: {options.out}")
    return found


if __name__ == "__main__":
    main()
