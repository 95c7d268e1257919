# ruff: noqa: E501
"""einsum against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_modes import assert_same, eager, staged

import funcgrad.numpy as fnp

SIZES = dict(a=2, b=3, c=4, d=1, e=2)


@st.composite
def calls(draw: Any) -> tuple[str, list[np.ndarray]]:
    """Random subscripts with repeated labels, up to four operands, explicit or implicit output."""
    terms = draw(st.lists(st.text("abcde", min_size=0, max_size=3), min_size=1, max_size=4))
    labels = sorted(set("".join(terms)))
    subscripts = ",".join(terms)
    if draw(st.booleans()):
        subscripts += "->" + "".join(
            draw(st.permutations(draw(st.lists(st.sampled_from(labels), unique=True)) if labels else []))
        )
    rng = np.random.default_rng(draw(st.integers(0, 5)))
    return subscripts, [np.asarray(rng.uniform(-1, 1, [SIZES[c] for c in t])) for t in terms]


@settings(max_examples=80, deadline=None, derandomize=True)
@given(calls())
def test_random_subscripts(call: tuple[str, list[np.ndarray]]) -> None:
    subscripts, operands = call
    expected = np.asarray(np.einsum(subscripts, *operands))
    for run in (eager, staged):
        assert_same(
            run(lambda *xs: fnp.einsum(subscripts, *xs), operands), expected, f"{subscripts} {run.__name__}", rtol=1e-12
        )


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [("...ij,...jk->...ik", [(2, 1, 3, 4), (5, 4, 2)]), ("...i,...i", [(2, 3), (3,)]), ("i...->...", [(2, 3, 4)]), ("...", [(2, 3)]),
     ("ij...,jk...->ik...", [(2, 3, 4), (3, 5, 4)]), ("ba", [(2, 3)]), ("bhid,bhjd->bhij", [(2, 2, 3, 4), (2, 2, 5, 4)]), ("ab,ab", [(1, 3), (2, 3)])],
)  # fmt: skip
def test_ellipsis_and_broadcast(subscripts: str, shapes: list[tuple[int, ...]]) -> None:
    rng = np.random.default_rng(0)
    xs = [rng.standard_normal(s) for s in shapes]
    for run in (eager, staged):
        assert_same(run(lambda *a: np.einsum(subscripts, *a), xs), np.einsum(subscripts, *xs), subscripts, rtol=1e-12)


def test_interleaved_form_and_dtypes() -> None:
    x, y = np.arange(6).reshape(2, 3), np.ones(3, np.float32)
    assert_same(
        eager(lambda a, b: fnp.einsum(a, [0, 1], b, [1], [0]), [x, y]), np.einsum(x, [0, 1], y, [1], [0]), "lists"
    )
    assert_same(
        staged(lambda a: fnp.einsum("ij,kj->ik", a, a, optimize=False), [x]), np.einsum("ij,kj->ik", x, x), "ints"
    )


@pytest.mark.parametrize(
    ("subscripts", "text"),
    [
        ("ij,jk->ik", "1 operands|2 terms"),
        ("ijk", "does not fit an operand"),
        ("ij->ii", "must be different"),
        ("ij->k", "occur in the inputs"),
    ],
)
def test_bad_subscripts(subscripts: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        eager(lambda x: fnp.einsum(subscripts, x), [np.ones((2, 2))])


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="label 'j' has sizes 3 and 2"):
        eager(lambda x: fnp.einsum("ij,jk", x, x), [np.ones((2, 3))])
