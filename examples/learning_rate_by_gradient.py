"""The best learning rate by its own gradient: differentiate a whole training run with respect to how it was trained.

    python examples/learning_rate_by_gradient.py               find learning rate and weight decay, check, and draw
    python examples/learning_rate_by_gradient.py --steps 20    shorter training runs

A training run is a function: hyperparameters in, trained network out. What counts is the loss on data it has not seen.
`grad` of that composition goes back through every step of training (Bengio 2000; Maclaurin et al. 2015). So gradient
descent chooses the learning rate and the weight decay of gradient descent; a finite difference and a scan over many
rates say whether it is right. Both hyperparameters are learnt as logarithms, as they must be positive.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

import funcgrad as fg
from funcgrad import lax, losses, optim, tree

HIDDEN = 16
START = {"log_rate": np.log(0.003), "log_decay": np.log(0.001)}


# --- the inner problem: a small network, too large for its few data ---------------------------------------------------


def make_data(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points of the plane, and on which side of a wave they lie, a tenth of them with the wrong label."""
    points = rng.uniform(-2, 2, (count, 2))
    labels = (points[:, 1] > np.sin(2 * points[:, 0])).astype(float)
    return points, np.where(rng.uniform(size=count) < 0.1, 1 - labels, labels)


def initial_parameters(seed: int) -> dict[str, np.ndarray]:
    """Every training run begins with the same weights, so that only the hyperparameters differ."""
    rng = np.random.default_rng(seed)
    return {
        "w1": rng.normal(size=(2, HIDDEN)),
        "b1": rng.normal(size=HIDDEN),
        "w2": rng.normal(size=HIDDEN) / np.sqrt(HIDDEN),
        "b2": np.zeros(()),
    }


def loss(params: Any, points: Any, labels: Any) -> Any:
    """Binary cross-entropy."""
    score = np.tanh(points @ params["w1"] + params["b1"]) @ params["w2"] + params["b2"]
    return np.mean(losses.sigmoid_binary_cross_entropy(score, labels))


def train(hyper: Any, params: Any, data: Any, steps: int) -> Any:
    """Gradient descent with momentum; the decay pulls all weights towards zero."""
    rate, decay = np.exp(hyper["log_rate"]), np.exp(hyper["log_decay"])

    def step(carry: Any, _: Any) -> tuple[Any, None]:
        params, velocity = carry
        gradient = fg.grad(loss)(params, *data)
        velocity = tree.tree_map(lambda v, g, p: 0.9 * v + g + decay * p, velocity, gradient, params)
        return (tree.tree_map(lambda p, v: p - rate * v, params, velocity), velocity), None

    still = tree.tree_map(np.zeros_like, params)
    # The way back needs the weights of all steps; with checkpoint="sqrt" it keeps some and makes the others again.
    return lax.scan(step, (params, still), length=steps, checkpoint="sqrt")[0][0]


def outcome(hyper: Any, params: Any, data: Any, validation: Any, steps: int) -> Any:
    """The loss on the validation data after training with these hyperparameters."""
    return loss(train(hyper, params, data, steps), *validation)


# --- the outer problem ------------------------------------------------------------------------------------------------


def relative_error(f: Any, hyper: Any, gradient: Any) -> float:
    """How far the gradient is from central differences of whole training runs."""
    errors, nudge = [], 1e-5
    for name in hyper:
        up, down = ({**hyper, name: hyper[name] + s * nudge} for s in (1, -1))
        difference = (f(up) - f(down)) / (2 * nudge)
        errors.append(abs(gradient[name] - difference) / abs(difference))
    return float(max(errors))


def tune(f: Any, hyper: Any, updates: int) -> tuple[Any, np.ndarray]:
    """Descend by Adam, as the two slopes differ a hundredfold; rows of (learning rate, decay, validation loss)."""
    optimizer = optim.adam(optim.cosine_decay_schedule(0.4, updates))
    state, both, history = optimizer.init(hyper), fg.jit(fg.value_and_grad(f)), []
    for _ in range(updates):
        value, gradient = both(hyper)
        history.append((np.exp(hyper["log_rate"]), np.exp(hyper["log_decay"]), value))
        changes, state = optimizer.update(gradient, state, hyper)
        hyper = optim.apply_updates(hyper, changes)
    return hyper, np.array(history)


def draw(f: Any, history: np.ndarray, found: Any, path: Path) -> None:
    """The outcome over both hyperparameters with the way of the descent, and along the rate alone."""
    from matplotlib.figure import Figure  # only drawing needs it

    rates, decays = np.linspace(np.log(0.002), np.log(1.5), 40), np.linspace(np.log(1e-4), np.log(0.3), 25)
    every = fg.jit(fg.vmap(lambda r: fg.vmap(lambda d: f({"log_rate": r, "log_decay": d}))(decays)))
    values = every(rates)
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    levels = np.linspace(values.min(), values.min() + 0.1, 21)
    shown = left.contourf(np.exp(rates), np.exp(decays), values.T, levels=levels, cmap="viridis", extend="max")
    figure.colorbar(shown, ax=left, label="validation loss")
    left.plot(history[:, 0], history[:, 1], "o-", color="white", ms=3, lw=1)
    left.plot(np.exp(found["log_rate"]), np.exp(found["log_decay"]), "r*", ms=12)
    left.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="weight decay", title="Outcome of training")
    right.plot(history[:, 2], "o-", ms=3)
    right.axhline(values.min(), ls=":", color="gray", label="best of the 1000 runs on the left")
    right.set(xlabel="step of the descent in hyperparameters", ylabel="validation loss", title="Descent")
    right.legend()
    figure.savefig(path)


def main(argv: list[str] | None = None) -> float:
    """Check the gradient, descend, test and draw; the last validation loss is returned."""
    parser = argparse.ArgumentParser(description="hyperparameters by gradient descent")
    parser.add_argument("--steps", type=int, default=100, help="steps of each training run")
    parser.add_argument("--updates", type=int, default=40, help="steps of the descent in hyperparameters")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("learning-rate.png"), help="where to draw")
    options = parser.parse_args(argv)

    rng = np.random.default_rng(options.seed)
    data, validation, test = make_data(40, rng), make_data(400, rng), make_data(4000, rng)
    params = initial_parameters(options.seed)

    def f(hyper: Any) -> Any:
        return outcome(hyper, params, data, validation, options.steps)

    start = time.perf_counter()
    gradient = fg.jit(fg.grad(f))(START)
    print(f"gradient through {options.steps} steps of training: {gradient['log_rate']:+.6f} for the learning rate,")
    print(f"  {gradient['log_decay']:+.6f} for the decay (both as logarithms)")
    print(f"  relative difference from finite differences: {relative_error(fg.jit(f), START, gradient):.0e}")
    found, history = tune(f, START, options.updates)
    print(f"{options.updates} updates in {time.perf_counter() - start:.1f} s")
    draw(f, history, found, options.out)
    for text, hyper in (("before", START), ("after", found)):
        trained = train(hyper, params, data, options.steps)
        print(
            f"{text:6}  learning rate {np.exp(hyper['log_rate']):.4f}, decay {np.exp(hyper['log_decay']):.5f}: "
            f"validation loss {loss(trained, *validation):.4f}, test loss {loss(trained, *test):.4f}"
        )
    print(f"picture: {options.out}")
    return float(f(found))


if __name__ == "__main__":
    main()
