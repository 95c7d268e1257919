"""The floors rule: a module imports its own folder and lower floors only, function bodies included.

base < core < transforms < ops < {numpy, compile} < api < the rest        (numpy and compile do not import each other)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import funcgrad

ROOT = Path(funcgrad.__file__).parent
BASE = {"tree", "pretty", "errors", "records", "forks", "garbage", "config"}
FLOOR = {"core": 1, "transforms": 2, "ops": 3, "numpy": 4, "compile": 4, "api": 5}
TOP = 6
# What an upward import would need to name a reason for. There is none.
MODULES = sorted(ROOT.rglob("*.py"))


def floor_of(name: str) -> int:
    """The floor of a top-level module or folder of the package."""
    return 0 if name in BASE else FLOOR.get(name, TOP)


def imports(source: str, module: tuple[str, ...], is_package: bool) -> Iterator[tuple[int, str]]:
    """(line, top-level part) for every import of the package's own modules; `module` is the path below funcgrad."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, a.name.split(".")[1]) for a in node.names if a.name.startswith("funcgrad."))
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, part) for part in _targets(node, module, is_package))
        elif isinstance(node, ast.Call) and _is_import_module(node):
            yield node.lineno, node.args[0].value.split(".")[1]  # type: ignore[attr-defined]


def _targets(node: ast.ImportFrom, module: tuple[str, ...], is_package: bool) -> list[str]:
    if node.level == 0:
        parts = (node.module or "").split(".")
        if parts[0] != "funcgrad":
            return []
        return [parts[1]] if len(parts) > 1 else [a.name for a in node.names]
    package = module if is_package else module[:-1]
    anchor = package[: len(package) - (node.level - 1)]
    path = [*anchor, *(node.module or "").split(".")] if node.module else list(anchor)
    return [path[0]] if path else [a.name for a in node.names]


def _is_import_module(node: ast.Call) -> bool:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    literal = bool(node.args) and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    return name in ("import_module", "__import__") and literal and node.args[0].value.startswith("funcgrad.")  # type: ignore[attr-defined]


def violations(source: str, module: tuple[str, ...], is_package: bool = False) -> list[str]:
    """Imports of a higher floor, or of a sibling on the same floor that is another folder."""
    own = module[0] if module else ""
    mine = floor_of(own) if module else TOP
    found = []
    for line, target in imports(source, module, is_package):
        theirs = floor_of(target)
        same_folder = target == own
        if theirs > mine or (theirs == mine and not same_folder and mine not in (0, TOP)):
            found.append(f"{'.'.join(module)}:{line} (floor {mine}) imports {target} (floor {theirs})")
    return found


def module_of(path: Path) -> tuple[tuple[str, ...], bool]:
    """The module path below funcgrad, and whether it is a package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return (parts[:-1], True) if parts[-1] == "__init__" else (parts, False)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_module_imports_a_higher_floor(path: Path) -> None:
    module, is_package = module_of(path)
    assert violations(path.read_text(), module, is_package) == []


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("from ..ops import layout", ("transforms", "jvp")),
        ("def f():\n    from ..api.recording import record", ("core", "tracing")),
        ("import funcgrad.lax", ("ops", "control")),
        ("from funcgrad import lax", ("ops", "control")),
        ("from funcgrad.numpy.ufuncs import sin", ("compile", "lower")),
        ("from ..compile import pipeline", ("numpy", "ufuncs")),
        ("class A:\n    def f(self):\n        from .. import api", ("numpy", "ufuncs")),
        ("from .core import program", ("tree",)),
        ("import importlib\nimportlib.import_module('funcgrad.api.custom')", ("core", "program")),
        ("from ..lax import scan", ("api", "loops")),
    ],
)
def test_a_planted_upward_import_is_caught(source: str, module: tuple[str, ...]) -> None:
    assert len(violations(source, module)) == 1


@pytest.mark.parametrize(
    ("source", "module"),
    [
        (
            "from ..core.program import Program\nfrom .linearize import jvp\nfrom .. import errors, tree",
            ("transforms", "transpose"),
        ),
        ("import numpy as np\nfrom numpy import linalg\nimport scipy.special", ("core", "scalar")),
        ("from ..ops.identities import identities", ("compile", "prepare")),
        ("from .api.custom import stop_gradient\nfrom . import tree", ("lax",)),
        ("from . import program", ("core", "printing")),
    ],
)
def test_downward_imports_are_allowed(source: str, module: tuple[str, ...]) -> None:
    assert violations(source, module) == []


def test_every_folder_has_a_floor() -> None:
    folders = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith("_")}
    assert set(FLOOR) <= folders
