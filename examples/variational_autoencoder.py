"""A variational autoencoder of handwritten digits: every image becomes a small cloud in a plane, every point an image.

    python examples/variational_autoencoder.py                 train, measure, and draw
    python examples/variational_autoencoder.py --epochs 20     sooner done, less sharp

The model says how images come about: draw z from a normal distribution in the plane, then paint with the probabilities
that `decode(z)` gives. How probable an image is under that story is an integral over z, too hard to compute. `encode`
guesses which z could have painted it, as a normal distribution again, which gives a lower bound (Kingma, Welling 2013):

    log p(image)  >=  mean of log p(image | z) over z from the guess  -  KL(guess || normal distribution)

The mean is estimated with one z for each image. Written as z = center + spread * noise, z is a differentiable function
of what the encoder says (the reparameterization), and `grad` passes the random draw. No label is ever looked at.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import funcgrad as fg
from funcgrad import losses, nn, optim, random

DATA = Path(__file__).parent / "data" / "digits.npz"
ENCODER = (64, 256, 128, 4)  # two numbers for the center of the guess, two for the logarithm of its spread
DECODER = (2, 128, 256, 64)
BATCH = 64


def load(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training images and labels, test images and labels; images are rows of 64 numbers from 0 to 1."""
    with np.load(DATA) as data:
        images, labels = data["images"].reshape(-1, 64).astype(np.float32) / 16, data["labels"].astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(labels))
    test, rest = order[: len(order) // 5], order[len(order) // 5 :]
    return images[rest], labels[rest], images[test], labels[test]


def initial_parameters(seed: int) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """Weights and biases of both networks."""
    rng = np.random.default_rng(seed)

    def network(sizes: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
        return [
            (rng.normal(0, np.sqrt(1 / m), (m, n)).astype(np.float32), np.zeros(n, np.float32))
            for m, n in pairwise(sizes)
        ]

    return {"encoder": network(ENCODER), "decoder": network(DECODER)}


def apply(network: Any, x: Any) -> Any:
    """Matrices with tanh between them."""
    for weights, bias in network[:-1]:
        x = np.tanh(x @ weights + bias)
    weights, bias = network[-1]
    return x @ weights + bias


def encode(params: Any, images: Any) -> tuple[Any, Any]:
    """Center and logarithm of the spread of the guess, each (images, 2)."""
    out = apply(params["encoder"], images)
    return out[:, :2], out[:, 2:]


def decode(params: Any, z: Any) -> Any:
    """Logits of the 64 pixels for each point of the plane."""
    return apply(params["decoder"], z)


def log_likelihood(params: Any, images: Any, z: Any) -> Any:
    """log p(image | z): a pixel of grey 0.3 counts as 0.3 of a black and 0.7 of a white one."""
    return -np.sum(losses.sigmoid_binary_cross_entropy(decode(params, z), images), axis=-1)


def divergence(center: Any, log_spread: Any) -> Any:
    """KL(normal(center, spread) || normal(0, 1)), exactly, for each image."""
    return np.sum((center**2 + np.exp(2 * log_spread) - 1) / 2 - log_spread, axis=-1)


def bound(params: Any, images: Any, key: Any) -> Any:
    """The bound of log p(image) for each image, with one z each."""
    center, log_spread = encode(params, images)
    z = center + np.exp(log_spread) * random.normal(key, center.shape, np.float32)
    return log_likelihood(params, images, z) - divergence(center, log_spread)


def better_estimate(params: Any, images: Any, key: Any, draws: int) -> Any:
    """log p(image) by importance sampling: the mean over many z of p(image, z) / guess(z) (Burda et al. 2015)."""
    center, log_spread = encode(params, images)
    noise = random.normal(key, (draws, *center.shape), np.float32)
    z = center + np.exp(log_spread) * noise
    log_prior_by_guess = np.sum(noise**2 / 2 - z**2 / 2 + log_spread, axis=-1)
    log_ratio = fg.vmap(log_likelihood, in_axes=(None, None, 0))(params, images, z) + log_prior_by_guess
    return nn.logsumexp(log_ratio, axis=0) - np.log(draws)


def train(images: np.ndarray, epochs: int, seed: int) -> tuple[Any, list[float]]:
    """Trained parameters, and the mean bound of every epoch."""
    batches, history = len(images) // BATCH, []
    optimizer = optim.adam(optim.cosine_decay_schedule(2e-3, epochs * batches))

    def loss(params: Any, images: Any, key: Any) -> Any:
        return -np.mean(bound(params, images, key))

    def step(params: Any, state: Any, images: Any, key: Any) -> tuple[Any, Any, Any]:
        value, gradient = fg.value_and_grad(loss)(params, images, key)
        updates, state = optimizer.update(gradient, state, params)
        return optim.apply_updates(params, updates), state, value

    fast, rng, key = fg.jit(step, donate_argnums=(0, 1)), np.random.default_rng(seed), random.key(seed)
    params = initial_parameters(seed)
    state = optimizer.init(params)
    for epoch in range(epochs):
        total, now = 0.0, random.split(random.fold_in(key, epoch), batches)
        for k, batch in enumerate(rng.permutation(len(images))[: batches * BATCH].reshape(batches, BATCH)):
            params, state, value = fast(params, state, images[batch], now[k])
            total += float(value)
        history.append(-total / batches)
        if (epoch + 1) % max(1, epochs // 8) == 0:
            print(f"epoch {epoch + 1:3}/{epochs}   bound {history[-1]:.2f} nats per image")
    return params, history


def neighbours_agree(centers: np.ndarray, labels: np.ndarray, others: np.ndarray, their_labels: np.ndarray) -> float:
    """The share of points whose nearest point among the others has the same label."""
    distances = np.sum((centers[:, None] - others) ** 2, axis=-1)
    return float(np.mean(their_labels[distances.argmin(axis=1)] == labels))


def draw(params: Any, images: np.ndarray, labels: np.ndarray, history: list[float], path: Path) -> None:
    """The images as points, the images that belong to a grid of points, and the bound."""
    from matplotlib.figure import Figure  # only drawing needs it

    figure = Figure(figsize=(13, 4.3), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    centers, _ = encode(params, images)
    points = left.scatter(*centers.T, c=labels, cmap="tab10", s=12)
    figure.colorbar(points, ax=left, ticks=range(10), label="label, unknown to the model")
    left.set(title="Test images in the plane", aspect="equal")
    line = np.linspace(2.2, -2.2, 14, dtype=np.float32)
    grid = np.stack(np.meshgrid(-line, line), axis=-1).reshape(-1, 2)
    painted = nn.sigmoid(decode(params, grid)).reshape(14, 14, 8, 8)
    middle.imshow(painted.transpose(0, 2, 1, 3).reshape(112, 112), cmap="gray_r", extent=(-2.2, 2.2, -2.2, 2.2))
    middle.set(title="What the decoder paints there")
    right.plot(history)
    right.set(title="Bound while training", xlabel="epoch", ylabel="nats per image")
    figure.savefig(path)


def main(argv: list[str] | None = None) -> float:
    """Train, measure and draw; the bound on test images is returned."""
    parser = argparse.ArgumentParser(description="train a variational autoencoder of handwritten digits")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("autoencoder.png"), help="where to draw the plane")
    options = parser.parse_args(argv)

    images, labels, test_images, test_labels = load(options.seed)
    start = time.perf_counter()
    params, history = train(images, options.epochs, options.seed)
    print(f"trained on {len(images)} images in {time.perf_counter() - start:.1f} s")
    draw(params, test_images, test_labels, history, options.out)
    result = float(np.mean(fg.jit(bound)(params, test_images, random.key(options.seed))))
    estimate = fg.jit(better_estimate, static_argnums=3)(params, test_images, random.key(options.seed), 500)
    agree = neighbours_agree(encode(params, test_images)[0], test_labels, encode(params, images)[0], labels)
    print(f"nearest neighbours in the plane with the same label: {agree:.1%}")
    print(f"log p of a test image: {np.mean(estimate):.2f} nats, by importance sampling")
    print(f"bound on test images: {result:.2f} nats")
    print(f"picture: {options.out}")
    return result


if __name__ == "__main__":
    main()
