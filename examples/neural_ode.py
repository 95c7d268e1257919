"""A neural network as the law of motion: fit a spiral with gradients through a solver of differential equations.

    python examples/neural_ode.py                 fit, and draw the curve and the field that was learnt
    python examples/neural_ode.py --updates 100   a rough fit

Known are noisy places of a point at some times; unknown is the law dx/dt = f(x) by which it moves. A network takes the
place of f (Chen et al. 2018), the classical method of Runge and Kutta makes a curve of it, and the gradient of the
distance to the data goes back through every step of the method. `checkpoint` keeps the places at the times of the data
only and computes the steps between them again on the way back: the memory that this saves is printed.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import funcgrad as fg
from funcgrad import lax, optim
from funcgrad import numpy as fnp

START, TIMES, STEPS_BETWEEN, INTERVAL = np.array([2.0, 0.0]), 120, 3, 0.05
HIDDEN, PIECE = 32, 12


def true_law(x: Any) -> Any:
    """A cubic spiral: the cubes of the coordinates turn and shrink."""
    return x**3 @ np.array([[-0.1, 2.0], [-2.0, -0.1]])


def initial_parameters(seed: int) -> dict[str, np.ndarray]:
    """A network of one hidden layer, whose law is at first nearly to stand still."""
    rng = np.random.default_rng(seed)
    return {
        "w1": rng.normal(0, 0.3, (2, HIDDEN)),
        "b1": rng.normal(0, 0.5, HIDDEN),
        "w2": rng.normal(0, 0.05, (HIDDEN, 2)),
        "b2": np.zeros(2),
    }


def learnt_law(params: Any, x: Any) -> Any:
    """dx/dt at places x, (..., 2); the cubes are offered as the problem is known to need them."""
    return np.tanh(x**3 @ params["w1"] + params["b1"]) @ params["w2"] + params["b2"]


def runge_kutta(law: Any, x: Any, dt: float) -> Any:
    """One step of order 4: the error of a step falls with the fifth power of dt."""
    k1 = law(x)
    k2 = law(x + dt / 2 * k1)
    k3 = law(x + dt / 2 * k2)
    k4 = law(x + dt * k3)
    return x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def solve(law: Any, x: Any, times: int, keep_all: bool = False) -> Any:
    """The places at so many times, INTERVAL apart, beginning with x."""

    def between(x: Any) -> Any:
        return lax.fori_loop(0, STEPS_BETWEEN, lambda _, x: runge_kutta(law, x, INTERVAL / STEPS_BETWEEN), x)

    advance = between if keep_all else fg.checkpoint(between)
    return lax.scan(lambda x, _: (advance(x), x), x, length=times)[1]


def make_data(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The true places, and the same with noise."""
    places = fg.jit(lambda x: solve(true_law, x, TIMES))(START)
    return places, places + 0.02 * np.random.default_rng(seed).normal(size=places.shape)


def loss(params: Any, starts: Any, pieces: Any, keep_all: bool = False) -> Any:
    """Mean squared distance of the curves from their pieces of the data, (pieces, times, 2)."""
    curves = solve(partial(learnt_law, params), starts, pieces.shape[1], keep_all)  # all at once: (times, pieces, 2)
    return np.mean(np.sum((curves - fnp.swapaxes(pieces, 0, 1)) ** 2, axis=-1))


def cut(data: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """All pieces of so many times, and where they begin. On a whole curve early errors would hide all that follows."""
    pieces = np.stack([data[k : k + length] for k in range(len(data) - length + 1)])
    return pieces[:, 0], pieces


def train(data: np.ndarray, updates: int, seed: int) -> tuple[Any, list[float]]:
    """Trained parameters, and the loss of every update."""
    optimizer = optim.adam(optim.cosine_decay_schedule(2e-2, updates))

    @fg.jit
    def update(params: Any, state: Any, starts: Any, pieces: Any) -> tuple[Any, Any, Any]:
        value, gradient = fg.value_and_grad(loss)(params, starts, pieces)
        updates, state = optimizer.update(gradient, state, params)
        return optim.apply_updates(params, updates), state, value

    params, history = initial_parameters(seed), []
    state = optimizer.init(params)
    starts, pieces = cut(data, PIECE)
    for k in range(updates):
        params, state, value = update(params, state, starts, pieces)
        history.append(float(value))
        if (k + 1) % max(1, updates // 5) == 0:
            print(f"update {k + 1:4}   mean squared distance {value:.5f}")
    return params, history


def bytes_kept(data: np.ndarray, keep_all: bool) -> int:
    """Memory for intermediate arrays of the compiled gradient."""
    gradient = fg.jit(fg.grad(partial(loss, keep_all=keep_all)))
    return gradient.lower(initial_parameters(0), *cut(data, PIECE)).memory_analysis().temp_size_in_bytes


def draw(params: Any, places: np.ndarray, data: np.ndarray, curve: np.ndarray, path: Path) -> None:
    """Data, true and learnt curve; beside it the learnt field of velocities."""
    from matplotlib.figure import Figure  # only drawing needs it

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(*places.T, color="gray", ls=":", label="truth")
    left.scatter(*data.T, s=8, color="black", label="data")
    left.plot(*curve.T, color="tab:orange", label="learnt, from the first place on")
    left.set(title="A spiral, and the curve of the learnt law")
    left.legend(fontsize=8)
    line = np.linspace(-2.2, 2.2, 21)
    x, y = np.meshgrid(line, line)
    velocity = learnt_law(params, np.stack([x, y], axis=-1))
    right.streamplot(x, y, velocity[..., 0], velocity[..., 1], density=0.8, linewidth=0.6, arrowsize=0.7)
    right.set(title="The learnt law as a field", xlim=(-2.2, 2.2), ylim=(-2.2, 2.2))
    figure.savefig(path)


def main(argv: list[str] | None = None) -> float:
    """Fit, measure and draw; the mean distance of the learnt from the true curve is returned."""
    parser = argparse.ArgumentParser(description="fit a neural differential equation to a spiral")
    parser.add_argument("--updates", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("neural-ode.png"), help="where to draw")
    options = parser.parse_args(argv)

    places, data = make_data(options.seed)
    print(f"memory of the gradient: {bytes_kept(data, True)} bytes, with checkpoint {bytes_kept(data, False)}")
    start = time.perf_counter()
    params, _ = train(data, options.updates, options.seed)
    print(f"{options.updates} updates in {time.perf_counter() - start:.1f} s")
    curve = fg.jit(lambda params: solve(partial(learnt_law, params), START, TIMES))(params)
    draw(params, places, data, curve, options.out)
    distance = float(np.mean(np.linalg.norm(curve - places, axis=1)))
    noise = float(np.mean(np.linalg.norm(data - places, axis=1)))
    print(f"mean distance of the data from the truth: {noise:.3f}")
    print(f"mean distance of the learnt curve from the truth: {distance:.3f}")
    print(f"picture: {options.out}")
    return distance


if __name__ == "__main__":
    main()
