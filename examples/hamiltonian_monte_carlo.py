"""Draws from a distribution that is known up to a factor: Hamiltonian Monte Carlo, many chains in one compiled loop.

    python examples/hamiltonian_monte_carlo.py                 a banana: draw, judge the chains, and compare
    python examples/hamiltonian_monte_carlo.py --draws 200     fewer

A random walk in a curved valley gets nowhere: most steps leave it. Here the point is a ball with a random push, rolling
in the landscape -log p for some time; the gradient keeps it in the valley, and it ends far from where it began. Energy
is kept almost exactly, and what the steps of time spoil is repaired by rejecting a few ends (Duane et al. 1987).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import funcgrad as fg
from funcgrad import lax, random

CHAINS, WARM_UP = 8, 200
# A leap must be shorter than 2 / sqrt(the largest second derivative), or the ball flies off: in the ends of the banana,
# where the valley is steep, long leaps leave a chain where it is. So their length is drawn, from 0.02 to 0.1.
LEAPS, STEP_SIZE = 25, 0.1
MOMENTS = {"mean of x": 0.0, "variance of x": 1.0, "mean of y": 1.0, "variance of y": 2.25}  # of the banana, exactly


def log_density(point: Any) -> Any:
    """A banana, up to a constant: x is normal(0, 1), and y is normal(x^2, 0.5)."""
    x, y = point[0], point[1]
    return -(x**2) / 2 - (y - x**2) ** 2 / (2 * 0.5**2)


# --- two samplers -----------------------------------------------------------------------------------------------------


def leapfrog(point: Any, momentum: Any, leaps: int, step_size: Any) -> tuple[Any, Any]:
    """The ball after some steps of time; run with the momentum turned round, it comes back exactly."""
    gradient = fg.grad(log_density)

    def leap(state: Any, _: Any) -> tuple[Any, None]:
        point, momentum = state
        momentum = momentum + step_size / 2 * gradient(point)
        point = point + step_size * momentum
        return (point, momentum + step_size / 2 * gradient(point)), None

    return lax.scan(leap, (point, momentum), length=leaps)[0]


def energy(point: Any, momentum: Any) -> Any:
    """Height plus motion."""
    return np.sum(momentum**2) / 2 - log_density(point)


def hamiltonian_step(point: Any, key: Any) -> tuple[Any, Any]:
    """Push, let roll, and accept the end with probability exp(energy before - energy after)."""
    push, length, accept = random.split(key, 3)
    momentum = random.normal(push, point.shape)
    end, speed = leapfrog(point, momentum, LEAPS, STEP_SIZE * random.uniform(length, minval=0.2))
    log_chance = energy(point, momentum) - energy(end, speed)
    accepted = np.log(random.uniform(accept, minval=1e-300)) < log_chance
    return np.where(accepted, end, point), accepted


def random_walk_step(point: Any, key: Any) -> tuple[Any, Any]:
    """The method of Metropolis: a random step, accepted with probability p(end) / p(point)."""
    step, accept = random.split(key)
    end = point + 0.7 * random.normal(step, point.shape)
    accepted = np.log(random.uniform(accept, minval=1e-300)) < log_density(end) - log_density(point)
    return np.where(accepted, end, point), accepted


def run(step: Callable, draws: int, seed: int) -> tuple[np.ndarray, float]:
    """Points of all chains, (chains, draws, 2), after a warm-up, and the share of accepted ends."""

    def chain(key: Any) -> tuple[Any, Any]:
        start, keys = random.split(key)

        def once(point: Any, key: Any) -> tuple[Any, Any]:
            point, accepted = step(point, key)
            return point, (point, accepted)

        return lax.scan(once, random.normal(start, (2,)), random.split(keys, WARM_UP + draws))[1]

    points, accepted = fg.jit(fg.vmap(chain))(random.split(random.key(seed), CHAINS))
    return points[:, WARM_UP:], float(np.mean(accepted[:, WARM_UP:]))


# --- how good are the draws? ------------------------------------------------------------------------------------------


def variances(values: np.ndarray) -> tuple[float, float]:
    """Of one quantity, (chains, draws): the mean variance within chains, and the variance estimated from all."""
    draws = values.shape[1]
    within = values.var(axis=1, ddof=1).mean()
    return within, within * (draws - 1) / draws + values.mean(axis=1).var(ddof=1)


def r_hat(values: np.ndarray) -> float:
    """1 when half chains agree with each other; more when some are elsewhere (Gelman, Rubin 1992; split in halves)."""
    half = values.shape[1] // 2
    within, total = variances(np.concatenate([values[:, :half], values[:, half : 2 * half]]))
    return float(np.sqrt(total / within))


def effective_size(values: np.ndarray) -> float:
    """How many independent draws tell as much about the mean (Geyer 1992: correlations in pairs, while positive)."""
    chains, draws = values.shape
    within, total = variances(values)
    centered = values - values.mean(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(centered, 2 * draws)) ** 2
    covariance = np.fft.irfft(power)[:, :draws].mean(axis=0) / draws
    correlation = 1 - (within * (draws - 1) / draws - covariance) / total
    pairs = correlation[: draws // 2 * 2].reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs < 0)
    pairs = np.minimum.accumulate(pairs[: ends[0] if len(ends) else None])
    return float(chains * draws / max(2 * pairs.sum() - 1, 1 / np.log10(chains * draws)))


def report(name: str, points: np.ndarray, accepted: float, seconds: float) -> float:
    """Print what the chains found and how far to trust it; the smaller effective size is returned."""
    sizes = [effective_size(points[..., k]) for k in range(2)]
    worst = max(r_hat(points[..., k]) for k in range(2))
    print(f"{name}: {points.shape[0] * points.shape[1]} draws in {seconds:.2f} s, {accepted:.0%} accepted")
    found = [f(points[..., k]) for k in range(2) for f in (np.mean, np.var)]
    for (quantity, exact), value in zip(MOMENTS.items(), found):
        print(f"  {quantity:14} {value:6.3f}   exactly {exact:.2f}")
    print(f"  R-hat {worst:.3f}, effective size: {min(sizes):.0f}")
    return min(sizes)


def draw(results: dict[str, np.ndarray], path: Path) -> None:
    """The draws of each sampler over the true contours, and y of one chain."""
    from matplotlib.figure import Figure  # only drawing needs it

    figure = Figure(figsize=(11, 6), layout="constrained")
    x, y = np.meshgrid(np.linspace(-3.5, 3.5, 150), np.linspace(-2, 10, 150))
    density = np.exp(log_density(np.stack([x, y])))
    for (above, below), (name, points) in zip(figure.subplots(2, 2).T, results.items()):
        above.contour(x, y, density, levels=[0.01, 0.1, 0.5], colors="gray", linewidths=0.7)
        above.plot(*points[0, :60].T, lw=0.6, color="tab:orange", label="60 steps of one chain")
        above.scatter(*points[:, ::10].reshape(-1, 2).T, s=2, label="every tenth draw")
        above.set(title=name)
        above.legend(loc="upper center", fontsize=8)
        below.plot(points[0, :400, 1], lw=0.7)
        below.set(xlabel="draw", ylabel="y of one chain", ylim=(-2, 10))
    figure.savefig(path)


def main(argv: list[str] | None = None) -> float:
    """Run both samplers, judge and draw; the effective size of the Hamiltonian one is returned."""
    parser = argparse.ArgumentParser(description="Hamiltonian Monte Carlo beside a random walk")
    parser.add_argument("--draws", type=int, default=2000, help="draws of each chain")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("monte-carlo.png"), help="where to draw")
    options = parser.parse_args(argv)

    results, size = {}, 0.0
    for name, step in (("Random walk", random_walk_step), ("Hamiltonian Monte Carlo", hamiltonian_step)):
        start = time.perf_counter()
        points, accepted = run(step, options.draws, options.seed)
        results[name] = points
        size = report(name, points, accepted, time.perf_counter() - start)
    draw(results, options.out)
    print(f"picture: {options.out}")
    return size


if __name__ == "__main__":
    main()
