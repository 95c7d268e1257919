"""No example without a test, and none that the page of examples does not list."""

from __future__ import annotations

import re
from pathlib import Path

from example_scripts import ROOT

EXAMPLES = sorted(p.stem for p in (ROOT / "examples").glob("*.py"))


def test_every_example_is_run_and_loaded_by_its_test() -> None:
    for name in EXAMPLES:
        text = (Path(__file__).parent / f"test_{name}.py").read_text()
        called = set(re.findall(r"\b(run|load)\(\"(\w+)\"", text))
        assert called == {("run", name), ("load", name)}
    tests = {p.stem.removeprefix("test_") for p in Path(__file__).parent.glob("test_*.py")}
    assert tests == {*EXAMPLES, "every_example"}


def test_every_example_is_in_the_page_of_examples() -> None:
    listed = re.findall(r"\]\(\.\./examples/(\w+)\.py\)", (ROOT / "docs" / "examples.md").read_text())
    assert sorted(listed) == EXAMPLES


def test_pictures_of_the_page_exist_and_are_small() -> None:
    pictures = re.findall(r"\]\((images/[\w-]+\.png)\)", (ROOT / "docs" / "examples.md").read_text())
    for picture in pictures:
        assert (ROOT / "docs" / picture).stat().st_size < 60_000
