"""Rows side by side and in blocks: the same numbers as one row after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import small_programs as p
from hypothesis import given, settings
from hypothesis import strategies as st

import funcgrad as fg
from funcgrad.compile import jam, lower
from funcgrad.compile.kernel import For, Kernel, statements
from funcgrad.compile.source import run_source


def logistic(x: Any, w: Any) -> Any:
    return np.sum(np.log1p(np.exp(-(x @ w))))


def distances(x: Any, w: Any) -> Any:
    return np.sum(np.sqrt(np.sum((x - w) ** 2, axis=1)))


def two_sums(x: Any, w: Any) -> Any:
    return (np.sum(x * w, axis=1) - np.max(x, axis=1)) @ x


FUNCTIONS: dict[str, Callable] = {
    "product": lambda x, w: x @ w,
    "transposed": lambda x, w: np.sum(x, axis=1) @ x + w,
    "logistic": fg.value_and_grad(logistic, (0, 1)),
    "distances": fg.value_and_grad(distances, 1),
    "two sums": two_sums,
}


def kernels(fun: Callable, *args: Any) -> list[Kernel]:
    return [k for k, _ in fg.jit(fun).lower(*args)._lowered().plan.kernels]


def loops(kernel: Kernel) -> list[tuple[str, int]]:
    return [(s.sym, s.count) for s in statements(kernel.body) if isinstance(s, For)]


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(sorted(FUNCTIONS)), st.integers(1, 70), st.integers(1, 20),
    st.sampled_from(["float32", "float64"]), st.integers(0, 99),
)  # fmt: skip
def test_any_size(name: str, rows: int, columns: int, dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal((rows, columns)).astype(dtype), rng.standard_normal(columns).astype(dtype)
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    fun = FUNCTIONS[name]
    for found, expected in zip(fg.tree.tree_leaves(fg.jit(fun)(x, w)), fg.tree.tree_leaves(fun(x, w))):
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_four_rows_share_a_pass_and_the_rest_follows() -> None:
    (kernel,) = kernels(FUNCTIONS["product"], np.zeros((30, 16)), np.zeros(16))
    assert loops(kernel) == [("i0", 7), ("i1", 16), ("i0", 2), ("i1", 16)]


def test_functions_of_a_row_are_computed_for_a_block_of_rows() -> None:
    (kernel,) = kernels(fg.grad(logistic, 1), np.zeros((200, 16)), np.zeros(16))
    assert ("u", 40) in loops(kernel) and loops(kernel).count(("u", 10)) == 2
    assert [q.shape for q in kernel.locals] == [(40,), (40,)]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_the_printed_source_means_the_same(name: str) -> None:
    rng = np.random.default_rng(1)
    args = rng.standard_normal((45, 9)), rng.standard_normal(9)
    lowered = fg.jit(FUNCTIONS[name]).lower(*args)
    for found, expected in zip(run_source(lowered._lowered().plan, args), fg.tree.tree_leaves(FUNCTIONS[name](*args))):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_rows_with_buffers_of_their_own_stay_as_they_are() -> None:
    """Softmax keeps the exponentials of a row; blocks of rows would need that many buffers."""
    (kernel,) = kernels(p.softmax, np.zeros((64, 16)))
    assert ("i0", 64) in loops(kernel) and [q.shape for q in kernel.locals] == [(16,)]


def test_expensive_inner_loops_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    fun, x = lambda x: np.sum(np.exp(x), axis=1), np.zeros((64, 16))
    before = loops(*kernels(fun, x))
    monkeypatch.setattr(lower, "jam", lambda kernel: kernel)
    assert before == loops(*kernels(fun, x)) and jam.ROWS == 4
