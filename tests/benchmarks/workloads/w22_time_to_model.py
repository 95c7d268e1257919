"""22: from a cold process to a trained model: import, compile, 30 epochs of mini-batch SGD on the digits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from case import EAGER_PEERS, Case

EPOCHS, BATCH, RATE = 30, 64, 0.2
DATA = Path(__file__).resolve().parents[3] / "examples" / "data" / "digits.npz"


def digits(seed: int) -> tuple[Any, ...]:
    """Parameters of a 64-64-10 network, the images, the labels and the rows of every batch."""
    random = np.random.default_rng(seed)
    with np.load(DATA) as file:
        images, labels = file["images"].reshape(-1, 64).astype(np.float32) / 16, file["labels"].astype(np.int32)
    params = {
        "w1": random.standard_normal((64, 64), dtype=np.float32) / 8,
        "b1": np.zeros(64, np.float32),
        "w2": random.standard_normal((64, 10), dtype=np.float32) / 8,
        "b2": np.zeros(10, np.float32),
    }
    each = len(labels) // BATCH
    rows = np.concatenate([random.permutation(len(labels))[: each * BATCH] for _ in range(EPOCHS)])
    return params, images, labels, rows.reshape(-1, BATCH).astype(np.int32)


def gradient_step(lib: Any) -> Callable[..., Any]:
    """params, x, labels -> params after one step of gradient descent, and the loss before it."""
    xp = lib.np

    def loss(params: dict[str, Any], x: Any, labels: Any) -> Any:
        hidden = xp.tanh(xp.dot(x, params["w1"]) + params["b1"])
        logits = xp.dot(hidden, params["w2"]) + params["b2"]
        shifted = logits - xp.max(logits, axis=1, keepdims=True)
        return xp.mean(xp.log(xp.sum(xp.exp(shifted), axis=1)) - shifted[np.arange(BATCH), labels])

    gradient = lib.value_and_grad(loss)

    def step(params: dict[str, Any], x: Any, labels: Any) -> tuple[dict[str, Any], Any]:
        value, grads = gradient(params, x, labels)
        return lib.tree_map(lambda p, g: p - RATE * g, params, grads), value

    return step


def train_in_a_loop(lib: Any) -> Callable[..., Any]:
    """A Python loop of jitted steps, batches picked with NumPy."""
    step = lib.jit(gradient_step(lib))

    def train(params: Any, images: Any, labels: Any, rows: Any) -> Any:
        for batch in rows:
            params, value = step(params, images[batch], labels[batch])
        return {"last loss": value, "params": params}

    return train


def train_in_a_scan(lib: Any) -> Callable[..., Any]:
    """One scan over all batches, rows picked inside."""
    step = gradient_step(lib)

    def train(params: Any, images: Any, labels: Any, rows: Any) -> Any:
        def body(params: Any, batch: Any) -> tuple[Any, Any]:
            return step(params, images[batch], labels[batch])

        params, values = lib.lax.scan(body, params, rows)
        return {"losses": values, "params": params}

    return lib.jit(train)


def _case(name: str, target: float, stretch: float, warm_cache: bool) -> Case:
    loop = "loop" in name
    title = (
        f"time to trained model, {'loop of jitted steps' if loop else 'scan'}, {'warm' if warm_cache else 'cold'} cache"
    )
    build, peers = (train_in_a_loop, EAGER_PEERS) if loop else (train_in_a_scan, ("jax",))
    options = {"target": target, "stretch": stretch, "warm_cache": warm_cache, "peers": peers}
    return Case(name, title, build, digits, "process", tolerance=5e-3, **options)


CASES = [
    _case("22/loop", 0.75, 0.5, warm_cache=False),
    _case("22/scan", 0.5, 0.3, warm_cache=False),
    _case("22/loop-warm", 0.4, 0.3, warm_cache=True),
    _case("22/scan-warm", 0.25, 0.15, warm_cache=True),
]
