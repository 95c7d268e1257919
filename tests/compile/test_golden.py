"""Printed programs, schedules, kernels and sources against tests/golden; the diff of such a file explains a change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_programs as p
from conftest import compare_with_golden

import funcgrad as fg
from funcgrad.compile.stages import STAGES

PROGRAMS: dict[str, tuple[Callable, list[tuple[int, ...]]]] = {
    "softmax": (p.softmax, [(4, 3)]),
    "layer": (p.layer, [(16, 32), (32,), (8, 16)]),
    "layer_gradient": (p.layer_gradient, [(16, 32), (32,), (8, 16), (8, 32)]),
    "normalized_distance": (p.normalized_distance, [(5, 3), (5, 3)]),
    "scan": (p.recurrence, [(3,), (5, 3)]),
    "cond": (p.branch, [(3,)]),
    "while": (p.growth, [(3,), (3,)]),
    "while_gradient": (p.growth_gradient, [(3,), (3,)]),
}


@pytest.mark.parametrize("stage", ["program", "prepared", "schedule", "kernels", "source"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden(name: str, stage: str, golden: Callable[[str, str], None]) -> None:
    fun, shapes = PROGRAMS[name]
    golden(f"{name}.{stage}", p.text(fun, shapes, stage))


def test_a_missing_or_different_golden_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="--update-golden"):
        compare_with_golden(tmp_path / "a.txt", "text", update=False)
    compare_with_golden(tmp_path / "a.txt", "text", update=True)
    compare_with_golden(tmp_path / "a.txt", "text", update=False)
    with pytest.raises(AssertionError, match="differs"):
        compare_with_golden(tmp_path / "a.txt", "another text", update=False)


def test_no_golden_is_left_over() -> None:
    expected = {
        f"{name}.{stage}.txt" for name in PROGRAMS for stage in ("program", "prepared", "schedule", "kernels", "source")
    }
    found = {path.name for path in (Path(__file__).parents[1] / "golden").iterdir()}
    assert {name for name in found if not name.startswith("transform-")} == expected  # those belong to tests/transforms


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_a_text(stage: str) -> None:
    expected = {
        "llvm": "define void @entry",
        "optimized": "define void @entry",
        "asm": "entry:",
        "source": "def program",
    }
    text = fg.jit(p.softmax).lower(np.zeros((4, 3))).as_text(stage)
    assert (
        expected.get(stage, "reduce_max" if stage in ("prepared", "schedule") else "kernel_0(p0: float64[4,3] in")
        in text
    )


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"no stage 'tokens'.*prepared, schedule, kernels, source, llvm, optimized, asm"
    ):
        fg.jit(p.softmax).lower(np.zeros((4, 3))).as_text("tokens")


def test_show_prints_all_stages(capsys: pytest.CaptureFixture[str]) -> None:
    assert fg.debug.show(fg.grad(lambda x: np.sum(np.tanh(x))))(np.zeros(3)) is None
    shown = capsys.readouterr().out
    assert [line[4:-4] for line in shown.split("\n") if line.startswith("---")] == list(fg.debug.STAGES)
    fg.debug.show(fg.jit(p.softmax), ["schedule"])(np.zeros((4, 3)))
    assert "rows of 1 axis" in capsys.readouterr().out


def test_equal_programs_give_equal_texts_whatever_was_compiled_before() -> None:
    def text() -> Any:
        lowered = p.lowered(p.layer_gradient, *PROGRAMS["layer_gradient"][1])
        return [lowered.as_text(stage) for stage in STAGES if stage != "asm"]

    first = text()
    fg.jit(p.recurrence).lower(np.zeros(3), np.zeros((5, 3))).as_text("llvm")
    assert text() == first
