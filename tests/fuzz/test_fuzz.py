"""Random programs: five hundred with fixed seeds, and the fuzzer itself against planted faults.

For every program: plain NumPy against the library's eager values, the traced program evaluated, machine code, reverse
against forward mode, and both against difference quotients. The dearer checks (printed source, compiled gradients,
Hessians, wrappers, batches) take turns, one for each program. `run_fuzz.py` does all checks for any number of programs.
"""

from __future__ import annotations

import itertools

import pytest
from fuzz_generate import generate
from fuzz_guard import Void
from fuzz_meanings import short
from fuzz_shrink import fails, shrink
from fuzz_tree import program_text, script, statements
from fuzz_worker import Finding, run_seeds
from planted_bugs import FAULTS, Fault

COUNT, GROUP, SIZE = 500, 25, 3
WITHIN = 120  # programs in which a planted fault must show


@pytest.mark.parametrize("first", range(0, COUNT, GROUP))
def test_random_programs_have_one_meaning(first: int) -> None:
    report = run_seeds(range(first, first + GROUP), short, size=SIZE)
    assert not report.findings, _message(report.findings)
    assert report.void < 0.2 * report.programs


def _message(findings: list[Finding]) -> str:
    first = findings[0]
    again = f"python tests/fuzz/run_fuzz.py --seed {first.seed} --count 1 --size {SIZE} --check {first.check}"
    return (
        f"{len(findings)} findings; seed {first.seed}, {first.check}: {first.kind}\n{first.detail}\n{again} shrinks it"
    )


def test_the_same_seed_gives_the_same_program() -> None:
    assert program_text(generate(7)) == program_text(generate(7))
    assert script(generate(7)) == script(generate(7))


def first_finding(fault: Fault) -> tuple[int, Finding | None]:
    """The first program, counted from 1, that shows a planted fault."""
    with fault.planted():
        for start in itertools.count(0, 10):
            report = run_seeds(range(start, start + 10), lambda seed: fault.checks)
            if report.findings:
                return report.findings[0].seed + 1, report.findings[0]
            if start + 10 >= WITHIN:
                return start + 10, None
    raise AssertionError


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_found(fault: Fault) -> None:
    count, finding = first_finding(fault)
    assert finding is not None, f"{fault.name} was not found in {count} programs"


def test_a_failure_shrinks_to_a_few_lines() -> None:
    fault = FAULTS[7]
    with fault.planted():
        seed = next(s for s in itertools.count() if _shows(s))
        program = generate(seed)
        kind = "mismatch jit against eager"
        small = shrink(program, lambda p: fails(p, "jit", kind), 300.0)
    assert len(list(statements(small.block))) <= 3, program_text(small)
    assert "max" in program_text(small)


def _shows(seed: int) -> bool:
    try:
        return fails(generate(seed), "jit", "mismatch jit against eager")
    except Void:
        return False
