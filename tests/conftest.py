"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

# Tests replace rules and passes in the running process; a program found on disk would not know.
os.environ.setdefault("FUNCGRAD_CACHE", "2")

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden/*.txt with the present texts")


def compare_with_golden(path: Path, text: str, update: bool) -> None:
    """Fail unless the file holds exactly this text; a missing file fails, too, unless it is to be written."""
    text = text.rstrip("\n") + "\n"
    if update:
        path.write_text(text)
    assert path.exists(), (
        f"there is no {path.name}: look at the text below, then run pytest with --update-golden\n{text}"
    )
    assert path.read_text() == text, f"{path.name} differs; if the change is meant, run pytest with --update-golden"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden(name, text)` compares a text with tests/golden/name.txt."""
    update = request.config.getoption("--update-golden")
    return lambda name, text: compare_with_golden(GOLDEN / f"{name}.txt", text, update)
