"""Small programs that the tests of printed text and of schedules share. Golden texts show lines of this file."""

from __future__ import annotations

from typing import Any

import numpy as np

import funcgrad as fg
from funcgrad import lax


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def cross_entropy(logits: Any, labels: Any) -> Any:
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.mean(np.sum(labels * log_probabilities, axis=1))


def layer_norm(x: Any, gain: Any, bias: Any) -> Any:
    centered = x - np.mean(x, axis=-1, keepdims=True)
    variance = np.mean(centered * centered, axis=-1, keepdims=True)
    return gain * centered / np.sqrt(variance + 1e-5) + bias


def layer(w: Any, b: Any, x: Any) -> Any:
    return np.maximum(x @ w + b, 0.0)


def layer_loss(w: Any, b: Any, x: Any, y: Any) -> Any:
    return np.mean((layer(w, b, x) - y) ** 2)


def normalized_distance(x: Any, y: Any) -> Any:
    """A reduction with elementwise work before and after it."""
    return np.sqrt(np.sum((x - y) ** 2, axis=1)) / (1.0 + np.abs(y[:, 0]))


def recurrence(w: Any, xs: Any) -> Any:
    def step(state: Any, x: Any) -> Any:
        state = np.tanh(w * state + x)
        return state, np.sum(state)

    return lax.scan(step, np.zeros(3), xs)


def branch(x: Any) -> Any:
    return lax.cond(np.sum(x) > 0.0, lambda x: np.sin(x) * x, lambda x: -x, x)


def growth(w: Any, x: Any) -> Any:
    """As many steps as it takes to leave the ball."""
    return lax.while_loop(lambda c: np.sum(c * c) < 5.0, lambda c: c * w + np.sin(c), x)


def growth_loss(w: Any, x: Any) -> Any:
    return np.sum(growth(w, x))


growth_gradient = fg.grad(growth_loss, argnums=(0, 1))
layer_gradient = fg.value_and_grad(layer_loss, argnums=(0, 1))


def lowered(fun: Any, *shapes: tuple[int, ...]) -> Any:
    """A function lowered for float64 arrays; here, so that the lines of derivatives, those of the call, stay."""
    return fg.jit(fun).lower(*[np.zeros(shape) for shape in shapes])


def text(fun: Any, shapes: list[tuple[int, ...]], stage: str) -> str:
    """The text of a stage; here, since what is compiled in a loop may be derived only now."""
    return lowered(fun, *shapes).as_text(stage)
