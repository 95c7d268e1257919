"""The benchmark suite runs: a row is measured from end to end, its figures are written and its table can be rendered.

No time is judged here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "benchmarks"
sys.path.insert(0, str(FOLDER))

import case  # noqa: E402
import render  # noqa: E402
import report  # noqa: E402

NUMBERS = ["1", "1e", "3", "3f", "4", "5", "8", "12", "14", "16", "20a", "20b", "20c", "22/loop", "22/scan"]


def script(name: str, *words: str) -> str:
    done = subprocess.run([sys.executable, str(FOLDER / name), *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_workload_is_declared() -> None:
    deep = [f"{name}/{depth}" for name in ("23", "23m") for depth in (10, 30, 100, 300)]
    assert set(NUMBERS + deep) <= set(case.every_case())


@pytest.mark.parametrize("how", [[], ["--first", "cold"], ["--first", "warm"], ["--memory"]], ids=" ".join)
def test_a_row_is_measured_and_rendered(how: list[str], tmp_path: Path) -> None:
    figures, page = tmp_path / "figures.json", tmp_path / "page.md"
    few = ["--rounds", "1", "--lives", "1", "--turn", "0.01", "--libraries", "funcgrad"]
    assert "| 1 |" in script("run.py", "1", *few, *how, "--json", str(figures))
    (row,) = json.loads(figures.read_text())["rows"]
    assert not row["wrong"]
    assert len((row["megabytes"] if "--memory" in how else row["seconds"])["funcgrad"]) == 1
    page.write_text("before\n<!-- table: one -->\nstale\n<!-- end of table -->\nafter\n")
    script("render.py", str(figures), "--title", "one", "--into", str(page))
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "stale" not in text and "| 1 | jit" in text


def test_steps_of_examples_are_rows(tmp_path: Path) -> None:
    """The functions the scripts compile, found in the scripts; `example_steps.py` compares them with JAX's."""
    import libraries

    rows = {name: row for name, row in case.every_case().items() if name.startswith("E/")}
    scripts = {path.stem for path in (FOLDER.parents[1] / "examples").glob("*.py")}
    without_steps = {"pendulum", "backward_by_hand", "descending_a_hill", "learning_representations"}
    assert {row.script for row in rows.values()} == scripts - without_steps
    lib = libraries.load("funcgrad")
    for name in ("E/logistic", "E/moons"):
        given = [rows[name].given(lib, seed) for seed in (0, 1)]
        first, second = (rows[name].outcome(rows[name].function(lib), values) for values in given)
        assert report.worst_error(_leaves(first), _leaves(second)) > rows[name].tolerance
    few = ["--rounds", "1", "--lives", "1", "--turn", "0.01", "--libraries", "funcgrad"]
    assert "| E/logistic |" in script("example_steps.py", "E/logistic", *few)


def test_code_written_by_hand_agrees() -> None:
    """On the rows that take no time; `run.py` compares all."""
    pytest.importorskip("numba")
    import libraries

    ours, hand = libraries.load("funcgrad"), libraries.load("hand")
    for name in ("1", "8", "12"):
        row = case.every_case()[name]
        results = [_leaves(row.function(lib)(*row.inputs(0))) for lib in (ours, hand)]
        assert report.worst_error(*results) <= row.tolerance


def _leaves(tree: Any) -> list[Any]:
    import worker

    return worker.leaves(tree)


def record(**seconds: list[float]) -> report.Record:
    row = report.Row(case.every_case()["1"], seconds=seconds, limits={"bytes": 1e6, "memory": 0.5, "arithmetic": 0.0})
    return row.record()


def test_ratios_are_formed_within_a_round() -> None:
    row = record(funcgrad=[1.0, 4.0, 9.0], jax=[2.0, 4.0, 3.0], hand=[0.5, 0.5, 0.5], torch=[1.0, 2.0, 3.0])
    labels = ["funcgrad", "jax", "torch", "hand"]
    assert report.ratios(row, "funcgrad", "jax") == [0.5, 1.0, 3.0]
    assert report.ratio(row, "funcgrad", "jax") == 1.0
    assert report.best_peer(row, labels) == ("torch", 2.0), "code written by hand is no peer"
    assert report.from_limit(row, "funcgrad") == (8.0, "memory")
    assert "| 4.00 s | 1 (3.00 s) | 2 (2.00 s) | 8 (500 ms) | 2 torch | 8 memory | 0.5 to 3 | 0.2 (0.1) | no |" in (
        report.table([row], labels)
    )


def test_a_page_without_the_place_is_refused() -> None:
    with pytest.raises(SystemExit, match="no place for a table 'two'"):
        render.place("<!-- table: one -->\n<!-- end of table -->\n", "two", "text")
