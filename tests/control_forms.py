"""Control flow written once, and read twice: with `lax`, and with `Plain`, which says in Python what it means.

A program here takes the namespace to use as its first argument. A *form* wraps a smooth scalar function in one kind of
control flow, so that forms nest to any depth.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

import funcgrad as fg
from funcgrad import lax, tree

Function = Callable[[Any], Any]


def _slice(xs: Any, t: int) -> Any:
    return tree.tree_map(lambda x: x[t], xs)


def _stack(ys: list[Any]) -> Any:
    return tree.tree_map(lambda *leaves: np.stack(leaves), *ys)


class Plain:
    """Python's own loops and branches, under the names and signatures of `lax`."""

    @staticmethod
    def cond(pred: Any, true_fun: Callable, false_fun: Callable, *operands: Any) -> Any:
        return true_fun(*operands) if pred else false_fun(*operands)

    @staticmethod
    def switch(index: Any, branches: list[Callable], *operands: Any) -> Any:
        return branches[min(max(int(index), 0), len(branches) - 1)](*operands)

    @staticmethod
    def while_loop(cond_fun: Callable, body_fun: Callable, carry: Any, max_steps: int | None = None) -> Any:
        steps = 0
        while (max_steps is None or steps < max_steps) and cond_fun(carry):
            carry, steps = body_fun(carry), steps + 1
        return carry

    @staticmethod
    def fori_loop(lower: Any, upper: Any, body_fun: Callable, carry: Any) -> Any:
        for i in range(int(lower), int(upper)):
            carry = body_fun(i, carry)
        return carry

    @staticmethod
    def scan(f: Callable, carry: Any, xs: Any, reverse: bool = False, checkpoint: Any = None) -> Any:
        length = len(tree.tree_leaves(xs)[0])
        ys: list[Any] = [None] * length
        for t in reversed(range(length)) if reverse else range(length):
            carry, ys[t] = f(carry, _slice(xs, t))
        return carry, _stack(ys)

    @staticmethod
    def map(f: Callable, xs: Any, batch_size: int | None = None) -> Any:
        return _stack([f(_slice(xs, t)) for t in range(len(tree.tree_leaves(xs)[0]))])

    @staticmethod
    def associative_scan(fn: Callable, elems: Any, reverse: bool = False) -> Any:
        order = list(range(len(elems)))[:: -1 if reverse else 1]
        ys = {order[0]: elems[order[0]]}
        for before, t in itertools.pairwise(order):
            ys[t] = fn(ys[before], elems[t])
        return np.stack([ys[t] for t in range(len(elems))])

    @staticmethod
    def checkpoint(f: Callable, **_: Any) -> Callable:
        return f


class Lax:
    """`lax`, and `checkpoint` along with it."""

    cond, switch, while_loop, fori_loop, scan, map, associative_scan = (
        staticmethod(f)
        for f in (lax.cond, lax.switch, lax.while_loop, lax.fori_loop, lax.scan, lax.map, lax.associative_scan)
    )
    checkpoint = staticmethod(fg.checkpoint)


W = np.array([0.7, -0.4, 1.1])


def in_cond(c: Any, g: Function) -> Function:
    """The branch closes over the argument, which is traced."""
    return lambda x: c.cond(x > 0.6, lambda y: np.sin(g(y)) * x, lambda y: np.cos(y) - y, x * 1.1)


def in_switch(c: Any, g: Function) -> Function:
    branches = [lambda y: np.exp(-y), lambda y: np.sin(g(y)) + y * y, lambda y: y * 0.3]
    return lambda x: c.switch(np.floor(x * 1.6).astype(int), branches, x)


def in_while(c: Any, g: Function) -> Function:
    """The number of steps depends on the argument; an integer and None are carried along."""

    def f(x: Any) -> Any:
        def body(state: Any) -> Any:
            return {"n": state["n"] + 1, "y": state["y"] * 3.0 + 0.1 * np.sin(g(state["y"])) * x, "none": None}

        return c.while_loop(lambda s: abs(s["y"]) < 5.0, body, {"n": 0, "y": x, "none": None})["y"] / 8.0

    return f


def in_limited_while(c: Any, g: Function) -> Function:
    return lambda x: c.while_loop(lambda y: y > -9.0, lambda y: 0.3 * np.cos(g(y)) + 0.2 * y * x, x, max_steps=3)


def in_scan(c: Any, g: Function) -> Function:
    def f(x: Any) -> Any:
        last, ys = c.scan(lambda y, w: (0.5 * np.sin(g(y) * w) + 0.3 * x, y * w), x, W, reverse=True)
        return last + np.sum(ys)

    return f


def in_segments(c: Any, g: Function) -> Function:
    """A scan that remembers every second carry."""
    return lambda x: c.scan(lambda y, w: (0.5 * np.tanh(g(y) * w) + x, None), x, W, checkpoint=2)[0]


def in_fori(c: Any, g: Function) -> Function:
    return lambda x: c.fori_loop(1, 4, lambda i, y: 0.4 * np.sin(g(y)) + 0.1 * x * i, x)


def in_traced_fori(c: Any, g: Function) -> Function:
    """The bound is a traced value."""

    def f(x: Any) -> Any:
        steps = np.floor(x * 1.6).astype(int) + 1
        return c.fori_loop(0, steps, lambda i, y: 0.4 * np.cos(g(y)) + 0.1 * x * i, x)

    return f


def in_map(c: Any, g: Function) -> Function:
    return lambda x: np.sum(c.map(lambda w: np.tanh(g(w * x)) * x, W) * W)


def in_associative(c: Any, g: Function) -> Function:
    return lambda x: np.sum(c.associative_scan(lambda a, b: a * b, np.sin(g(x)) * W + 1.0) * W)


def in_checkpoint(c: Any, g: Function) -> Function:
    return lambda x: c.checkpoint(lambda y: np.sin(g(y)) * x)(0.7 * x)


FORMS: dict[str, Callable[[Any, Function], Function]] = {
    "cond": in_cond,
    "switch": in_switch,
    "while": in_while,
    "limited while": in_limited_while,
    "scan": in_scan,
    "segments": in_segments,
    "fori": in_fori,
    "traced fori": in_traced_fori,
    "map": in_map,
    "associative scan": in_associative,
    "checkpoint": in_checkpoint,
}


def innermost(x: Any) -> Any:
    return np.sin(x) * x + 0.2


def nested(c: Any, names: tuple[str, ...]) -> Function:
    """The forms around each other, the first outermost."""
    f: Function = innermost
    for name in reversed(names):
        f = FORMS[name](c, f)
    return f
