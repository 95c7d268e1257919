"""The registry checks find planted faults: a few written out here, hundreds by running run_mutations.py."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from faults import mutants
from planted import FAULTS, planted
from run_mutations import EXCLUDED, KILLED, OPS, SURVIVED, Outcome, declared_in, summary

HERE = Path(__file__).resolve().parent


def test_planted_faults_are_found() -> None:
    """In a process of its own, since every mutant runs in a fork that imports the package anew."""
    command = [sys.executable, str(HERE / "run_mutations.py"), "--planted"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"'killed': {len(FAULTS)}" in result.stdout and "'stillborn': 0" in result.stdout


def test_there_are_hundreds_of_faults_and_each_is_a_program() -> None:
    everything = [m for path in sorted(OPS.glob("*.py")) if path.name not in EXCLUDED for m in mutants(path)]
    assert len(everything) > 1000 and len({m.kind for m in everything}) > 12
    for mutant in everything[::50]:
        ast.parse(mutant.source)
        assert mutant.before != mutant.after


def test_the_op_of_a_fault_is_known() -> None:
    assert [declared_in(m)[0] for m in planted()[:2]] == ["cos", "sqrt"]


def test_the_rate_counts_survivors() -> None:
    mutant = planted()[0]
    outcomes = [Outcome(mutant, fate, "", 0.0) for fate in (KILLED, KILLED, SURVIVED, KILLED)]
    assert summary(outcomes)["rate"] == 0.75
