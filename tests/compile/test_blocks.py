"""Steps in blocks of rows: which can be cut, that results stay the same, and that large arrays are not in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import lax
from funcgrad.compile import blocks
from funcgrad.compile.cuts import Cut, cut_of_kernel
from funcgrad.compile.kernel import Accumulate, Declare, For, Kernel, Param, Store, Update
from funcgrad.compile.source import run_source
from funcgrad.compile.steps import Loop
from funcgrad.core import scalar as sc

I, J = sc.sym("i0", np.int64), sc.sym("i1", np.int64)
F64 = np.dtype(np.float64)
IMAGES = ("NHWC", "HWIO", "NHWC")


@pytest.fixture
def everything_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of single rows wherever there can be blocks."""
    for name, value in (("LEAST_BYTES", 0), ("BLOCK_BYTES", 1), ("LEAST_ROWS", 1), ("READ_AGAIN", np.inf)):
        monkeypatch.setattr(blocks, name, value)


def random(*shapes: tuple) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.standard_normal(shape) for shape in shapes]


def loops(fun: Callable[..., Any], *args: Any) -> list[Loop]:
    """The loops over blocks of a compiled function."""
    return [s for s in compiled(fun, *args).plan.steps if isinstance(s, Loop)]


def compiled(fun: Callable[..., Any], *args: Any) -> Any:
    return fg.jit(fun).lower(*args)._lowered()


# --- which kernels can be cut -----------------------------------------------------------------------------------------


def kernel(*body: Any, shapes: tuple = ((6, 4), (6, 4)), out: int = 1) -> Kernel:
    return Kernel([Param(f"p{k}", shape, F64, k == out) for k, shape in enumerate(shapes)], list(body))


def load(name: str, *index: Any) -> sc.Expr:
    return sc.load(name, index, F64)


def rows(*body: Any, count: int = 6) -> For:
    return For("i0", count, [For("i1", 4, list(body))])


def test_a_kernel_whose_arrays_follow_the_loop_is_cut() -> None:
    found = cut_of_kernel(kernel(rows(Store("p1", (I, J), load("p0", I, J) * 2.0))))
    assert found == Cut(6, (True, True), (0, 0))


def test_an_operand_read_without_the_symbol_is_read_whole() -> None:
    body = rows(Store("p1", (I, J), load("p0", J)))
    assert cut_of_kernel(kernel(body, shapes=((4,), (6, 4)))) == Cut(6, (False, True), (0, 0))


def test_an_operand_read_further_on_is_read_in_overlapping_parts() -> None:
    body = rows(Store("p1", (I, J), load("p0", I * 2 + J, J)))
    assert cut_of_kernel(kernel(body, shapes=((14, 4), (6, 4)))) == Cut(6, (False, True), (8, 0))
    body = rows(Store("p1", (I, J), load("p0", I + 1, J)))
    assert cut_of_kernel(kernel(body, shapes=((7, 4), (6, 4)))) == Cut(6, (False, True), (4, 0))


def test_loops_of_one_iteration_do_not_count() -> None:
    zero = sc.sym("o", np.int64)
    body = For("o", 1, [rows(Store("p1", (zero, I, J), load("p0", zero, I * 3, J)))])
    assert cut_of_kernel(kernel(body, shapes=((1, 16, 4), (1, 6, 4)))) == Cut(6, (False, True), (12, 0))


def test_several_loops_are_cut_together() -> None:
    first, second = rows(Store("p1", (I, J), load("p0", I, J))), rows(Accumulate("p1", (I, J), "add", load("p0", I, J)))
    assert cut_of_kernel(kernel(first, second)) == Cut(6, (True, True), (0, 0))


@pytest.mark.parametrize(
    "body, shapes",
    [
        ([rows(Store("p1", (I, J), sc.convert(I, F64)))], ((6, 4), (6, 4))),  # the symbol is a number
        ([rows(Store("p1", (I, J), load("p0", I, J) + load("p0", I + 1, J)))], ((6, 4), (6, 4))),  # two rows
        ([rows(Store("p1", (I, J), load("p0", I, J) + load("p0", J, J)))], ((6, 4), (6, 4))),  # and so are others
        ([rows(Store("p1", (I, J), load("p0", 5 - I, J)))], ((6, 4), (6, 4))),  # backwards
        ([rows(Store("p1", (I, J), load("p0", sc.minimum(I, J), J)))], ((6, 4), (6, 4))),  # not evenly
        ([rows(Store("p1", (I + 1, J), load("p0", I, J)))], ((6, 4), (7, 4))),  # written elsewhere
        ([rows(Store("p1", (sc.convert(load("p0", I, J), np.int64), J), load("p0", I, J)))], ((6, 4), (6, 4))),
        ([rows(Store("p1", (I, J), load("p0", J, I)))], ((4, 6), (6, 4))),  # a transpose
        ([rows(Accumulate("p1", (J,), "add", load("p0", I, J)))], ((6, 4), (4,))),  # a sum over rows
        ([Declare("a0", sc.const(0, F64)), rows(Update("a0", "add", load("p0", I, J)))], ((6, 4), (6, 4))),
        ([rows(Store("p1", (J, I), load("p0", I, J)))], ((6, 4), (4, 6))),
    ],
)
def test_other_kernels_are_not_cut(body: list[Any], shapes: tuple) -> None:
    assert cut_of_kernel(kernel(*body, shapes=shapes)) is None


# --- results ----------------------------------------------------------------------------------------------------------


def convolution(x: Any, w: Any, ct: Any) -> Any:
    value, pullback = fg.vjp(
        lambda x, w: lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=IMAGES), x, w
    )
    return value, pullback(ct)


def network(x: Any, v: Any, w: Any) -> Any:
    """Products, row by row functions, a sum over rows, and a step between that needs all rows."""
    h = np.tanh(x @ v)
    centered = h - np.mean(h, axis=0)
    return np.sum((np.exp(centered) @ w) ** 2), np.cumsum(h, axis=0)


@pytest.mark.usefixtures("everything_in_blocks")
@pytest.mark.parametrize(
    "fun, shapes",
    [
        (convolution, [(6, 5, 4, 3), (3, 3, 3, 4), (6, 5, 4, 4)]),
        (network, [(12, 40), (40, 16), (16, 30)]),
        (
            lambda x, v, w: fg.grad(lambda *a: network(*a)[0], argnums=(0, 1, 2))(x, v, w),
            [(12, 40), (40, 16), (16, 30)],
        ),
        (lambda x, w: fg.vmap(lambda a: np.sin(a) @ w)(x), [(4, 32, 32), (32, 8)]),
    ],
)
def test_blocks_change_nothing(fun: Callable[..., Any], shapes: list[tuple]) -> None:
    args = random(*shapes)
    lowered = compiled(fun, *args)
    assert any(isinstance(s, Loop) for s in lowered.plan.steps), "nothing runs in blocks"
    expected = fg.tree.tree_leaves(fun(*args))
    for results in (fg.tree.tree_leaves(fg.jit(fun)(*args)), run_source(lowered.plan, args)):
        for a, b in zip(results, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("strides", [(1, 1), (2, 1)])
def test_one_large_image_is_cut_into_overlapping_parts(strides: tuple) -> None:
    x, w = random((1, 64, 60, 8), (3, 3, 8, 16))

    def fun(x: Any, w: Any) -> Any:
        conv = lambda w: lax.conv_general_dilated(x, w, strides, "SAME", dimension_numbers=IMAGES)  # noqa: E731
        value, pullback = fg.vjp(conv, w)
        return value, pullback(np.cos(value))

    lowered = compiled(fun, x, w)
    assert sum(isinstance(s, Loop) for s in lowered.plan.steps) == 2 and "t0*" in str(lowered.plan.steps)
    found, expected = fg.jit(fun)(x, w), fun(x, w)
    for a, b, c in zip(*map(fg.tree.tree_leaves, (found, expected, run_source(lowered.plan, [x, w]))), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(c, b, rtol=1e-11, atol=1e-11)


@pytest.mark.usefixtures("everything_in_blocks")
def test_blocks_inside_a_loop() -> None:
    x, v, w = random((3, 12, 40), (40, 16), (16, 16))

    def fun(x: Any, v: Any, w: Any) -> Any:
        return lax.scan(lambda c, x: (c + np.sum(np.tanh(x @ v) @ w), np.exp(x @ v) @ w), 0.0, x)

    (outer,) = loops(fun, x, v, w)
    assert any(isinstance(s, Loop) for s in outer.body)
    for a, b in zip(fg.tree.tree_leaves(fg.jit(fun)(x, v, w)), fg.tree.tree_leaves(fun(x, v, w)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.usefixtures("everything_in_blocks")
def test_a_step_that_needs_all_rows_keeps_them_in_memory() -> None:
    """The columns' sums are read by a later step of the same rows: what they are sums of is not handed on in blocks."""
    x, v = random((12, 40), (40, 16))

    def fun(x: Any, v: Any) -> Any:
        h = x @ v
        return np.tanh(h) / np.sum(h, axis=0)

    np.testing.assert_allclose(fg.jit(fun)(x, v), fun(x, v), rtol=1e-12)


# --- memory -----------------------------------------------------------------------------------------------------------


def test_windows_of_large_images_are_never_in_memory() -> None:
    x, w, ct = (a.astype(np.float32) for a in random((16, 28, 28, 8), (5, 5, 8, 8), (16, 28, 28, 8)))
    found = compiled(convolution, x, w, ct)
    windows = 16 * 28 * 28 * 25 * 8 * 4
    assert found.plan.workspace < windows / 4
    assert sum(isinstance(s, Loop) for s in found.plan.steps) == 3  # forward, and two gradients
    for a, b in zip(
        fg.tree.tree_leaves(fg.jit(convolution)(x, w, ct)), fg.tree.tree_leaves(convolution(x, w, ct)), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)


def test_small_programs_have_no_blocks() -> None:
    x, v, w = random((12, 40), (40, 16), (16, 30))
    assert not loops(network, x, v, w)


def test_the_same_bits_in_every_run() -> None:
    x, w, ct = (a.astype(np.float32) for a in random((16, 28, 28, 8), (5, 5, 8, 8), (16, 28, 28, 8)))
    f = fg.jit(convolution)
    first, second = fg.tree.tree_leaves(f(x, w, ct)), fg.tree.tree_leaves(f(x, w, ct))
    assert all(np.array_equal(a, b) for a, b in zip(first, second))
