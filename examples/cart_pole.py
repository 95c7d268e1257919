"""A cart learns to balance a pole by trying: policy gradients; world, episodes and training in one compiled step.

    python examples/cart_pole.py                 train, test, and draw the learning curve
    python examples/cart_pole.py --updates 20    watch it begin

The physics is a pure function of state and push, so `scan` makes an episode of it, `vmap` many episodes, and no
derivative of it is needed at all. Improved is the mean return J of a policy that draws its pushes (Williams 1992):

    grad J  =  mean of  sum over t of  grad log p(push_t | state_t) * (return from t on - what is usual at t)

The right side is the gradient of an ordinary loss in which returns count as constants. A push that was followed by more
than the usual return becomes more probable. Cart and pole are those of Barto, Sutton and Anderson (1983).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import funcgrad as fg
from funcgrad import lax, losses, optim, random
from funcgrad import numpy as fnp

GRAVITY, CART, POLE, HALF_LENGTH, FORCE, SECONDS = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
LARGEST_ANGLE, LARGEST_PLACE = 12 * np.pi / 180, 2.4
STEPS, EPISODES, HIDDEN = 500, 32, 32


# --- the world --------------------------------------------------------------------------------------------------------


def physics(state: Any, right: Any) -> Any:
    """Place, speed, angle and angular speed 0.02 seconds later, after a push to the right or to the left."""
    place, speed, angle, spin = state[0], state[1], state[2], state[3]
    force = np.where(right, FORCE, -FORCE)
    total = CART + POLE
    common = (force + POLE * HALF_LENGTH * spin**2 * np.sin(angle)) / total
    turning = (GRAVITY * np.sin(angle) - np.cos(angle) * common) / (
        HALF_LENGTH * (4 / 3 - POLE * np.cos(angle) ** 2 / total)
    )
    pushing = common - POLE * HALF_LENGTH * turning * np.cos(angle) / total
    rates = fnp.stack([speed, pushing, spin, turning])
    return fnp.stack([place, speed, angle, spin]) + SECONDS * rates


def stands(state: Any) -> Any:
    """Whether the pole is nearly upright and the cart on its track."""
    return (np.abs(state[2]) < LARGEST_ANGLE) & (np.abs(state[0]) < LARGEST_PLACE)


# --- the policy -------------------------------------------------------------------------------------------------------


def initial_parameters(seed: int) -> dict[str, np.ndarray]:
    """A small network; at the start it pushes left and right alike."""
    rng = np.random.default_rng(seed)
    return {
        "w1": rng.normal(0, 0.5, (4, HIDDEN)),
        "b1": np.zeros(HIDDEN),
        "w2": rng.normal(0, 0.01, HIDDEN),
        "b2": np.zeros(()),
    }


def preference(params: Any, state: Any) -> Any:
    """The logarithm of the odds that it pushes to the right."""
    scaled = state / np.array([LARGEST_PLACE, 1.0, LARGEST_ANGLE, 1.0])
    return np.tanh(scaled @ params["w1"] + params["b1"]) @ params["w2"] + params["b2"]


def episode(params: Any, key: Any) -> tuple[Any, Any, Any]:
    """States, pushes, and whether the pole still stood, of all steps; after a fall nothing counts."""
    begin, draws = random.split(key)

    def step(carry: Any, u: Any) -> tuple[Any, Any]:
        state, alive = carry
        right = np.log(u) - np.log1p(-u) < preference(params, state)  # true with probability sigmoid(preference)
        alive = alive & stands(state)
        new = np.where(alive, physics(state, right), state)
        return (new, alive), (state, right, alive)

    first = random.uniform(begin, (4,), minval=-0.05, maxval=0.05)
    return lax.scan(step, (first, np.bool_(True)), random.uniform(draws, (STEPS,), minval=1e-12))[1]


def episodes(params: Any, key: Any) -> tuple[Any, Any, Any]:
    """Many episodes, each with random numbers of its own."""
    return fg.vmap(episode, in_axes=(None, 0))(params, random.split(key, EPISODES))


def returns_to_go(alive: Any) -> Any:
    """What is still to come at each step: one point for every step that the pole stands, discounted by 0.99."""

    def step(later: Any, reward: Any) -> tuple[Any, Any]:
        now = reward + 0.99 * later
        return now, now

    rewards = np.where(alive, 1.0, 0.0).T
    return lax.scan(step, np.zeros(EPISODES), rewards, reverse=True)[1].T


def loss(params: Any, states: Any, right: Any, alive: Any) -> Any:
    """A loss whose gradient is -grad J. What is usual at t is the mean return of all episodes from t on."""
    returns = returns_to_go(alive)
    advantage = np.where(alive, returns - np.mean(returns, axis=0), 0.0)
    advantage = advantage / (np.sqrt(np.mean(advantage**2)) + 1e-6)  # the size of a step should not depend on returns
    push = np.where(right, 1.0, 0.0)
    log_probability = -losses.sigmoid_binary_cross_entropy(preference(params, states), push)
    return -np.mean(advantage * log_probability)


def make_update(optimizer: optim.GradientTransformation) -> Callable:
    """Play, look back, improve: one pure function."""

    def update(params: Any, state: Any, key: Any) -> tuple[Any, Any, Any]:
        states, right, alive = episodes(params, key)
        gradient = fg.grad(loss)(params, states, right, alive)
        updates, state = optimizer.update(gradient, state, params)
        return optim.apply_updates(params, updates), state, np.mean(np.sum(alive, axis=1))

    return update


def train(updates: int, seed: int) -> tuple[Any, list[float]]:
    """Trained parameters, and the mean number of steps that the pole stood, for every update."""
    optimizer = optim.adam(1e-2)
    params, history = initial_parameters(seed), []
    state, update = optimizer.init(params), fg.jit(make_update(optimizer))
    for k, key in enumerate(random.split(random.key(seed), updates)):
        params, state, stood = update(params, state, key)
        history.append(float(stood))
        if (k + 1) % max(1, updates // 8) == 0:
            print(f"update {k + 1:4}   the pole stands for {np.mean(history[-10:]):5.1f} of {STEPS} steps")
    return params, history


def draw(history: list[float], states: np.ndarray, alive: np.ndarray, path: Path) -> None:
    """The learning curve, and place and angle in test episodes."""
    from matplotlib.figure import Figure  # only drawing needs it

    figure = Figure(figsize=(11, 4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    left.plot(history)
    left.set(title="Learning", xlabel="update", ylabel="steps the pole stands", ylim=(0, STEPS * 1.02))
    seconds = np.arange(STEPS) * SECONDS
    for axes, column, limit, title in (
        (middle, 0, LARGEST_PLACE, "Place of the cart, m"),
        (right, 2, LARGEST_ANGLE, "Angle of the pole, rad"),
    ):
        axes.plot(seconds, np.where(alive, states[..., column], np.nan)[:12].T, lw=0.8)
        axes.set(title=title, xlabel="seconds", ylim=(-limit, limit))
    figure.savefig(path)


def main(argv: list[str] | None = None) -> float:
    """Train, test and draw; the mean return of the trained policy is returned."""
    parser = argparse.ArgumentParser(description="learn to balance a pole by policy gradients")
    parser.add_argument("--updates", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("cart-pole.png"), help="where to draw")
    options = parser.parse_args(argv)

    start = time.perf_counter()
    params, history = train(options.updates, options.seed)
    played = options.updates * EPISODES
    print(f"played {played} episodes and trained in {time.perf_counter() - start:.1f} s")
    states, _, alive = fg.jit(episodes)(params, random.key(options.seed + 1))
    draw(history, states, alive, options.out)
    stood = alive.sum(axis=1)
    print(f"{np.mean(stood == STEPS):.0%} of {EPISODES} new episodes without a fall")
    print(f"mean return of the trained policy: {stood.mean():.1f} of {STEPS}")
    print(f"picture: {options.out}")
    return float(stood.mean())


if __name__ == "__main__":
    main()
