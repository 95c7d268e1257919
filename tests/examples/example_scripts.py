"""An example as a script that a reader runs, and as a module whose functions are tested."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[2]
NUMBER = r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"


def run(name: str, directory: Path, *arguments: str) -> list[str]:
    """The lines an example prints when it is run as a script in another directory."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    result = subprocess.run(
        [sys.executable, ROOT / "examples" / f"{name}.py", *arguments],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.splitlines()


def load(name: str) -> ModuleType:
    """An example as a module, to test its functions."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    with patch.dict(os.environ):  # what a script sets for itself must not stay for other tests
        spec.loader.exec_module(module)
    return module


def number_after(text: str, lines: list[str]) -> float:
    """The first number after a text, on the one line that has the text."""
    (line,) = (line for line in lines if text in line)
    return float(re.search(NUMBER, line.split(text, 1)[1])[0])


def is_png(path: Path) -> bool:
    """Whether a file is a picture."""
    return path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
