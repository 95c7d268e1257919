"""23, 23b, 23m and 23s: time of the first call of jit(value_and_grad) of ever longer functions, in fresh processes.

How long XLA compiles depends far more on the form of a program than on its length. At depth 100 an elementwise chain
takes it 0.4 s where steps use their argument once or twice (23), 6 s where they use it four times (23b); a network
takes it 0.6 s with a list of weights (23m), 3 to 6 s with one array of all weights (23s). Read them together.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from case import Case


def chain(lib: Any, depth: int) -> Callable[..., Any]:
    """A chain of `depth` elementwise steps on 1000 numbers, five kinds in turn, summed."""
    xp = lib.np

    def f(x: Any) -> Any:
        steps = [
            lambda x: xp.sin(x) + 0.5 * x,
            lambda x: xp.tanh(x) * 1.1,
            lambda x: x * xp.exp(-0.1 * x * x),
            lambda x: xp.log(1.0 + x * x) - 0.3,
            lambda x: xp.sqrt(1.0 + x * x) - 0.9,
        ]
        for number in range(depth):
            x = steps[number % len(steps)](x)
        return xp.sum(x)

    return lib.jit(lib.value_and_grad(f))


def branching_chain(lib: Any, depth: int) -> Callable[..., Any]:
    """A chain of `depth` steps sin(x) cos(x) + log(1 + x^2) on 1000 numbers, summed."""
    xp = lib.np

    def f(x: Any) -> Any:
        for _ in range(depth):
            x = xp.sin(x) * xp.cos(x) + xp.log(1.0 + x * x)
        return xp.sum(x)

    return lib.jit(lib.value_and_grad(f))


def deep_network(lib: Any, depth: int) -> Callable[..., Any]:
    """Mean square of the output of `depth` tanh layers."""
    xp = lib.np

    def f(params: list[tuple[Any, Any]], x: Any) -> Any:
        for w, b in params:
            x = xp.tanh(xp.dot(x, w) + b)
        return xp.mean(x * x)

    return lib.jit(lib.value_and_grad(f))


def stacked_network(lib: Any, depth: int) -> Callable[..., Any]:
    """The same without biases, its weights in one array of shape (depth, 64, 64)."""
    xp = lib.np

    def f(weights: Any, x: Any) -> Any:
        for layer in range(depth):
            x = xp.tanh(xp.dot(x, weights[layer]))
        return xp.mean(x * x)

    return lib.jit(lib.value_and_grad(f))


def stack(seed: int, depth: int) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    return random.standard_normal((depth, 64, 64)) / 8, random.standard_normal((32, 64))


def numbers(seed: int) -> tuple[Any]:
    return (np.random.default_rng(seed).uniform(-2, 2, 1000),)


def network(seed: int, depth: int) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    layers = [(random.standard_normal((64, 64)) / 8, 0.1 * random.standard_normal(64)) for _ in range(depth)]
    return layers, random.standard_normal((32, 64))


TARGETS = {10: (0.8, 0.8), 30: (0.5, 0.5), 100: (0.25, 0.2), 300: (0.1, 0.05), 1000: (None, None)}
STRETCH = {10: (0.4, 0.4), 30: (0.2, 0.2), 100: (0.1, 0.08), 300: (0.03, 0.01), 1000: (None, None)}
CASES = (
    [
        Case(
            name=f"{'23m' if deep else '23'}/{depth}",
            title=f"first call, {'MLP 64 wide, batch 32,' if deep else 'elementwise chain'} of depth {depth}",
            build=functools.partial(deep_network if deep else chain, depth=depth),
            inputs=functools.partial(network, depth=depth) if deep else numbers,
            kind="first",
            target=TARGETS[depth][deep],
            stretch=STRETCH[depth][deep],
            peers=("jax",) if depth <= 300 else (),
            slow=depth >= 300,
        )
        for deep in (0, 1)
        for depth in (10, 30, 100, 300, 1000)
    ]
    + [
        Case(
            name=f"23b/{depth}",
            title=f"first call, elementwise chain that uses each value four times, of depth {depth}",
            build=functools.partial(branching_chain, depth=depth),
            inputs=numbers,
            kind="first",
            target=TARGETS[depth][0],
            stretch=STRETCH[depth][0],
            peers=("jax",),
            slow=depth > 30,
        )
        for depth in (10, 30, 100)
    ]
    + [
        Case(
            name=f"23s/{depth}",
            title=f"first call, MLP whose weights are one array, of depth {depth}",
            build=functools.partial(stacked_network, depth=depth),
            inputs=functools.partial(stack, depth=depth),
            kind="first",
            target=TARGETS[depth][1],
            stretch=STRETCH[depth][1],
            peers=("jax",),
            slow=depth > 30,
        )
        for depth in (10, 30, 100)
    ]
)
