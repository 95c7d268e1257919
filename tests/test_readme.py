"""The README keeps its promises: two commands of one line each, the second run by the CI, links that lead somewhere.

Its Python blocks run as doctests, as those of all documents do.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_first_two_shell_blocks_have_one_line_each() -> None:
    assert [block.count("\n") for block in COMMANDS[:2]] == [1, 1]


def test_the_first_command_trains_and_the_second_tests() -> None:
    first, second = (block.strip() for block in COMMANDS[:2])
    start = "python3 -m venv .venv && .venv/bin/pip install"
    assert first.startswith(start) and first.endswith("python examples/digits.py")
    assert second.startswith(start) and second.endswith("python -m pytest -q -n auto")


def test_the_commands_install_extras_that_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = [re.findall(r"'\.\[(\w+)\]'", block) for block in COMMANDS[:2]]
    assert named == [["examples"], ["test"]]
    assert {name for names in named for name in names} <= set(extras)
    assert set(extras["examples"]) <= set(extras["test"]), "the tests run the examples"


def test_the_continuous_integration_runs_the_second_command() -> None:
    """`.ci/run` must find, with its own pattern, the block that this file calls the second one."""
    script = (ROOT / ".ci" / "run").read_text()
    pattern, which = re.search(r're\.findall\(r"(.+?)", .*\)\[(\d)\]', script).groups()
    assert re.findall(pattern.replace("\\n", "\n"), README, re.M | re.S)[int(which)] == COMMANDS[1]
    assert '-c "$command"' in script
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100, ".ci/run must be executable"


def test_links_within_the_repository_lead_somewhere() -> None:
    targets = [t for t in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in t]
    assert targets
    assert [t for t in targets if not (ROOT / t).exists()] == []


def test_the_package_describes_itself_by_files_that_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (ROOT / project["readme"]).is_file()
    assert "Apache License" in (ROOT / project["license-files"][0]).read_text()
