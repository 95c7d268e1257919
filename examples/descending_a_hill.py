"""Walks down a hill: what a learning rate does, when it should change, and how optimizers differ on one surface.

    python examples/descending_a_hill.py                 walk, print where each way led, and draw
    python examples/descending_a_hill.py --steps 100     shorter walks

Three pictures that texts on backpropagation describe:

    rates       in a valley 25 times steeper across than along: too low crawls, near 2 / steepness it swings from side
                to side, above it flies out
    schedules   with noisy gradients a high rate never settles and a low one never arrives; start high and decay
    optimizers  seven of them on the banana valley of Rosenbrock, each a pure function that `scan` runs
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import funcgrad as fg
from funcgrad import lax, optim, random

STEEPNESS = np.array([1.0, 25.0])
RATES = {"too low": 0.001, "good": 0.05, "swings": 0.0798, "too high": 0.082}


def valley(place: Any) -> Any:
    """A bowl, steeper across than along."""
    return np.sum(STEEPNESS * place**2) / 2


def banana(place: Any) -> Any:
    """A curved valley with its lowest point at (1, 1)."""
    x, y = place[0], place[1]
    return (1 - x) ** 2 + 10 * (y - x**2) ** 2


def walk(optimizer: optim.GradientTransformation, surface: Any, start: Any, steps: int, noise: float = 0.0) -> Any:
    """All places of a walk, (steps + 1, 2); noise is added to every gradient, as mini-batches do."""

    def step(carry: Any, key: Any) -> tuple[Any, Any]:
        place, state = carry
        gradient = fg.grad(surface)(place) + noise * random.normal(key, (2,))
        update, state = optimizer.update(gradient, state, place)
        return (optim.apply_updates(place, update), state), place

    (last, _), places = lax.scan(step, (start, optimizer.init(start)), random.split(random.key(0), steps))
    return np.concatenate([places, last[None]])


def by_rates(steps: int) -> dict[str, np.ndarray]:
    """Heights along the valley for each rate: a walk is a function of it, and `vmap` makes all of them at once."""
    start = np.array([10.0, 1.0])

    def heights(rate: Any) -> Any:
        return fg.vmap(valley)(walk(optim.sgd(rate), valley, start, steps))

    return dict(zip(RATES, fg.jit(fg.vmap(heights))(np.array(list(RATES.values())))))


def schedules(steps: int) -> dict[str, optim.Schedule]:
    """Learning rates as functions of the number of the step."""
    return {
        "high": optim.constant_schedule(0.06),
        "low": optim.constant_schedule(0.002),
        "stairs": optim.piecewise_constant_schedule(0.06, {steps // 2: 0.2, 3 * steps // 4: 0.2}),
        "exponential": optim.exponential_decay(0.06, steps, 0.02),
        "cosine": optim.cosine_decay_schedule(0.06, steps),
        "warm-up, cosine": optim.warmup_cosine_decay_schedule(0.0, 0.06, steps // 10, steps),
    }


def by_schedules(steps: int) -> dict[str, np.ndarray]:
    """Heights along the valley with noisy gradients."""
    start = np.array([10.0, 1.0])
    return {
        name: fg.jit(lambda start, s=schedule: fg.vmap(valley)(walk(optim.sgd(s), valley, start, steps, noise=3.0)))(
            start
        )
        for name, schedule in schedules(steps).items()
    }


def optimizers() -> dict[str, optim.GradientTransformation]:
    """Each with a rate that suits it here."""
    return {
        "gradient descent": optim.sgd(0.01),
        "momentum": optim.sgd(0.01, momentum=0.9),
        "Nesterov": optim.sgd(0.01, momentum=0.9, nesterov=True),
        "Adagrad": optim.adagrad(0.5),
        "RMSProp": optim.rmsprop(0.02),
        "Adam": optim.adam(0.1),
        "AdamW": optim.adamw(0.1, weight_decay=0.01),
    }


def by_optimizers(steps: int) -> dict[str, np.ndarray]:
    """The way of each on the banana."""
    start = np.array([-1.4, 1.2])
    return {
        name: fg.jit(lambda start, o=optimizer: walk(o, banana, start, steps))(start)
        for name, optimizer in optimizers().items()
    }


def draw(rates: dict, noisy: dict, ways: dict[str, np.ndarray], steps: int, path: Path) -> None:
    """Ways over the contours, heights by rate, the schedules, and what they lead to."""
    from matplotlib.figure import Figure  # only drawing needs it

    figure = Figure(figsize=(11, 7.5), layout="constrained")
    (hill, left), (middle, right) = figure.subplots(2, 2)
    x, y = np.meshgrid(np.linspace(-1.8, 1.8, 150), np.linspace(-0.8, 2.6, 150))
    hill.contour(x, y, np.log(banana(np.stack([x, y])) + 0.05), levels=10, cmap="Greys", linewidths=0.6)
    for name, way in ways.items():
        hill.plot(*way.T, lw=1.1, label=name)
    hill.plot(1, 1, "k*", ms=10)
    hill.set(title="Ways down a banana", xlim=(-1.8, 1.8), ylim=(-0.8, 2.6))
    hill.legend(fontsize=7, loc="lower center", ncol=3)
    for (name, heights), rate in zip(rates.items(), RATES.values()):
        left.semilogy(heights, label=f"{name}: {rate}")
    left.set(title="Heights by learning rate", xlabel="step", ylim=(1e-9, 1e4))
    left.legend(fontsize=8)
    for name, schedule in schedules(steps).items():
        middle.semilogy([float(schedule(k)) + 1e-6 for k in range(steps)], label=name)
    middle.set(title="Schedules", xlabel="step", ylabel="learning rate", ylim=(1e-4, 0.2))
    middle.legend(fontsize=7)
    width = max(1, steps // 20)
    for name, heights in noisy.items():
        right.semilogy(np.convolve(heights, np.ones(width) / width, "valid"), label=name)
    right.set(title="Heights with noisy gradients", xlabel="step")
    right.legend(fontsize=7)
    figure.savefig(path, dpi=70)


def main(argv: list[str] | None = None) -> dict[str, float]:
    """Walk, print and draw; the last heights of all walks are returned."""
    parser = argparse.ArgumentParser(description="learning rates, schedules and optimizers on a hill")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--out", type=Path, default=Path("descent.png"), help="where to draw")
    options = parser.parse_args(argv)

    last: dict[str, float] = {}
    rates, noisy, ways = by_rates(options.steps), by_schedules(options.steps), by_optimizers(options.steps)
    print(f"height after {options.steps} steps, from {valley(np.array([10.0, 1.0])):.1f}")
    for name, heights in rates.items():
        last[name] = float(heights[-1])
        print(f"  rate {RATES[name]:5} {name:10} {heights[-1]:.1e}")
    print("with noisy gradients, the mean of the last twentieth")
    for name, heights in noisy.items():
        last[name] = float(np.mean(heights[-max(1, options.steps // 20) :]))
        print(f"  {name:16} {last[name]:.3f}")
    print(f"on the banana, from {banana(np.array([-1.4, 1.2])):.1f}")
    for name, way in ways.items():
        last[name] = float(banana(way[-1]))
        print(f"  {name:16} {last[name]:.1e} at ({way[-1, 0]:+.3f}, {way[-1, 1]:+.3f})")
    draw(rates, noisy, ways, options.steps, options.out)
    print(f"picture: {options.out}")
    return last


if __name__ == "__main__":
    main()
