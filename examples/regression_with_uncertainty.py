"""Regression that says how sure it is: the noise as a second output, and an ensemble of networks trained by one `vmap`.

    python examples/regression_with_uncertainty.py                  train, count what the bands cover, draw
    python examples/regression_with_uncertainty.py --members 5      a smaller ensemble

There are two reasons to be unsure. The data are noisy, here more so on the right: each network predicts a mean and a
spread and is trained by the likelihood of a normal distribution. And there are no data in some places: there, networks
that began with different weights and saw different samples disagree. Lakshminarayanan et al. (2017) join both.

`vmap` turns the training of one network into the training of all: the code below has no axis for the members.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import funcgrad as fg
from funcgrad import lax, nn, optim, random
from funcgrad import numpy as fnp

LAYERS = (1, 32, 32, 2)
GAP = (0.5, 1.5)  # where no data are


def truth(x: Any) -> tuple[Any, Any]:
    """The mean and the spread that the data have."""
    return np.sin(2 * x) + 0.3 * x, 0.05 + 0.25 / (1 + np.exp(-3 * x))


def make_data(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points of the interval from -2 to 3, none of them in the gap, and noisy values."""
    x = rng.uniform(-2, 3, 2 * count)
    x = x[(x < GAP[0]) | (x > GAP[1])][:count]
    mean, spread = truth(x)
    return x, mean + spread * rng.normal(size=len(x))


def initial_parameters(key: Any) -> list[dict[str, Any]]:
    """Weights of variance 2 / inputs, and biases spread out so that the bends lie everywhere."""
    params = []
    for k, (m, n) in enumerate(pairwise(LAYERS)):
        weights, bias = random.split(random.fold_in(key, k))
        params.append({"weights": random.normal(weights, (m, n)) * np.sqrt(2 / m), "bias": random.normal(bias, (n,))})
    return params


def predict(params: Any, x: Any) -> tuple[Any, Any]:
    """Mean and spread at each x."""
    h = x[:, None]
    for layer in params[:-1]:
        h = np.tanh(h @ layer["weights"] + layer["bias"])
    out = h @ params[-1]["weights"] + params[-1]["bias"]
    return out[:, 0], 0.01 + nn.softplus(out[:, 1])


def surprise(y: Any, mean: Any, spread: Any) -> Any:
    """Mean of -log density of normal(mean, spread) at y."""
    return np.mean(((y - mean) / spread) ** 2 / 2 + np.log(spread)) + np.log(2 * np.pi) / 2


def loss(params: Any, x: Any, y: Any) -> Any:
    """The surprise of a network at the values."""
    return surprise(y, *predict(params, x))


def train_one(key: Any, x: Any, y: Any, steps: int) -> tuple[Any, Any]:
    """One network: its parameters, and the loss of every step."""
    start, sample = random.split(key)
    chosen = random.randint(sample, (len(x),), 0, len(x))  # as many points again, drawn with replacement
    x, y = fnp.take(x, chosen), fnp.take(y, chosen)
    optimizer = optim.adam(optim.cosine_decay_schedule(1e-2, steps))

    def step(carry: Any, _: Any) -> tuple[Any, Any]:
        params, state = carry
        value, gradient = fg.value_and_grad(loss)(params, x, y)
        updates, state = optimizer.update(gradient, state, params)
        return (optim.apply_updates(params, updates), state), value

    params = initial_parameters(start)
    (params, _), history = lax.scan(step, (params, optimizer.init(params)), length=steps)
    return params, history


def train(x: np.ndarray, y: np.ndarray, members: int, steps: int, seed: int) -> tuple[Any, np.ndarray]:
    """All networks at once; every array of the parameters has an axis of members in front."""
    every = fg.vmap(lambda key: train_one(key, x, y, steps))
    return fg.jit(every)(random.split(random.key(seed), members))


def predict_together(params: Any, x: Any) -> tuple[Any, Any, Any]:
    """Mean, spread of the noise, and spread of the members about each other, at each x.

    The members are read as one mixture: its variance is the mean of theirs plus the variance of their means.
    """
    means, spreads = fg.vmap(predict, in_axes=(0, None))(params, x)
    return np.mean(means, axis=0), np.sqrt(np.mean(spreads**2, axis=0)), np.std(means, axis=0)


def coverage(y: np.ndarray, mean: np.ndarray, spread: np.ndarray, width: float) -> float:
    """The share of values within so many spreads of the mean."""
    return float(np.mean(np.abs(y - mean) < width * spread))


def draw(params: Any, x: np.ndarray, y: np.ndarray, path: Path) -> None:
    """The data, the band of the noise, and the wider band with the doubt of the ensemble."""
    from matplotlib.figure import Figure  # only drawing needs it

    line = np.linspace(-3, 4, 300)
    mean, noise, doubt = predict_together(params, line)
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.add_subplot()
    whole = np.sqrt(noise**2 + doubt**2)
    axes.fill_between(line, mean - 2 * whole, mean + 2 * whole, color="tab:orange", alpha=0.3, label="noise and doubt")
    axes.fill_between(line, mean - 2 * noise, mean + 2 * noise, color="tab:blue", alpha=0.35, label="noise")
    axes.plot(line, mean, color="tab:blue")
    axes.plot(line, truth(line)[0], color="black", ls=":", label="truth")
    axes.scatter(x, y, s=5, color="black", alpha=0.4)
    axes.set(ylim=(-3, 4), title="Mean of the ensemble, and bands of two spreads; no data from 0.5 to 1.5")
    axes.legend(loc="upper left")
    figure.savefig(path)


def main(argv: list[str] | None = None) -> float:
    """Train, test and draw; the share of new values inside the band is returned."""
    parser = argparse.ArgumentParser(description="regression with an ensemble of networks that predict their noise")
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--count", type=int, default=400, help="points of data")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("uncertainty.png"), help="where to draw")
    options = parser.parse_args(argv)

    rng = np.random.default_rng(options.seed)
    x, y = make_data(options.count, rng)
    start = time.perf_counter()
    params, _ = train(x, y, options.members, options.steps, options.seed)
    print(f"trained {options.members} networks of {options.steps} steps in {time.perf_counter() - start:.1f} s")
    draw(params, x, y, options.out)
    new_x, new_y = make_data(5000, rng)
    mean, noise, doubt = predict_together(params, new_x)
    in_gap = predict_together(params, np.linspace(*GAP, 50))[2].mean()
    print(f"the members disagree by {doubt.mean():.3f} where data are, by {in_gap:.3f} where none are")
    whole = np.sqrt(noise**2 + doubt**2)
    print(f"loss on new values: {surprise(new_y, mean, whole):.3f}; of the truth: {surprise(new_y, *truth(new_x)):.3f}")
    result = coverage(new_y, mean, whole, 1.96)
    print(f"within one spread: {coverage(new_y, mean, whole, 1.0):.1%} of new values (68.3% would be right)")
    print(f"within the band of 95%: {result:.1%} of new values")
    print(f"picture: {options.out}")
    return result


if __name__ == "__main__":
    main()
