"""How many planted faults do the registry checks find? A test of the tests.

    python tests/mutation/run_mutations.py [--count 240] [--seed 1] [--only elementwise]

Each mutant is run in a forked process whose import of the faulty module is redirected: the op it belongs to is
checked first, then the rest of its module, then all other ops, then the tests of the edge policy and of derivative
accuracy. A mutant that cannot even be imported does not count. The result is the share that some check killed.
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.util
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OPS = ROOT / "funcgrad" / "ops"
sys.path[:0] = [str(ROOT), str(HERE.parent / "ops"), str(HERE)]

from equivalent import reason_for  # noqa: E402
from faults import Mutant, mutants  # noqa: E402
from planted import planted  # noqa: E402

EXCLUDED = {"__init__.py", "samples.py", "identities.py"}  # no rules in them
SURVIVED, KILLED, STILLBORN, STUCK = "survived", "killed", "stillborn", "stuck"
SECONDS = 240
QUICK = 0  # with --quick: how many ops are checked, the fault's own first; then fewer faults are found, never more


class _Redirect(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from the text of a mutant."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant
        self.name = f"funcgrad.ops.{mutant.path.stem}"

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        return importlib.util.spec_from_loader(name, self, origin=str(self.mutant.path)) if name == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.mutant.source, str(self.mutant.path), "exec"), module.__dict__)


def declared_in(mutant: Mutant) -> list[str]:
    """Names of the ops whose declaration is, or uses, the statement with the fault."""
    tree = ast.parse(mutant.path.read_text())
    wanted = {getattr(t, "id", "") for t in getattr(tree.body[mutant.statement], "targets", [])}
    wanted |= {getattr(tree.body[mutant.statement], "name", "")}
    wanted.discard("")
    found: list[str] = list(_declarations(tree.body[mutant.statement]))
    for _ in range(4):
        for statement in tree.body:
            names = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
            targets = {getattr(t, "id", "") for t in getattr(statement, "targets", [])} | {
                getattr(statement, "name", "")
            }
            if wanted & (names | targets):
                found += [s for s in _declarations(statement) if s not in found]
                wanted |= targets - {""} if isinstance(statement, ast.FunctionDef) else set()
    return found


def _declarations(statement: ast.stmt) -> Iterator[str]:
    for node in ast.walk(statement):
        if (
            isinstance(node, ast.Call)
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, str)
        ):
            yield node.args[0].value


def check_op(prim: Any) -> None:
    """All registry checks of one op, the quick ones first."""
    import compiled_checks
    import registry_checks as rc
    from batching_checks import check_batching
    from registry_cases import cases, integer_cases, single_cases

    rc.check_declaration(prim)
    every = [*cases(prim), *single_cases(prim)]
    for check in (rc.check_types, rc.check_jacobian, rc.check_derivatives, check_batching):
        for case in every:
            check(case)
    for case in integer_cases(prim):
        if compiled_checks.accepts(case):
            rc.check_types(case)
            check_batching(case, derivatives=False)
    compiled_checks.check_compiled(prim)


def ordered_ops(mutant: Mutant, registry: dict[str, Any]) -> list[Any]:
    """The ops of the faulty statement, then the others of its family by name, then the rest."""
    first = [n for n in declared_in(mutant) if n in registry]
    return [registry[n] for n in dict.fromkeys([*first, *sorted(registry)])]


def run_checks(mutant: Mutant) -> tuple[str, str]:
    """The fate of a mutant, to be called in a process of its own."""
    sys.meta_path.insert(0, _Redirect(mutant))
    try:
        from registry_cases import REGISTRY
    except Exception as e:
        return STILLBORN, f"{type(e).__name__}: {e}"
    for prim in ordered_ops(mutant, REGISTRY)[: QUICK or None]:
        try:
            check_op(prim)
        except Exception as e:
            return KILLED, f"{prim.name}: {type(e).__name__}: {str(e)[:100]}"
    return _pointwise_tests()


def _pointwise_tests() -> tuple[str, str]:
    import pytest

    files = [str(HERE.parent / "test_edge_policy.py"), str(HERE.parent / "ops" / "test_derivative_accuracy.py")]
    code = pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--no-header", "--tb=no", *files])
    return (SURVIVED, "") if code == 0 else (KILLED, "a pointwise test")


@dataclass
class Outcome:
    """What became of a mutant, and how long it took."""

    mutant: Mutant
    fate: str
    detail: str
    seconds: float


def run_one(mutant: Mutant, seconds: int = SECONDS) -> Outcome:
    """Fork, run the checks in the child, and read its verdict; a child over its time is ended."""
    start = time.monotonic()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(mutant, reader, writer, seconds)
    os.close(writer)
    with os.fdopen(reader) as f:
        text = f.read()
    _, status = os.waitpid(pid, 0)
    fate, _, detail = text.partition("\n")
    if not fate:
        fate, detail = (
            (STUCK, "over its time")
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM
            else (KILLED, "crash")
        )
    return Outcome(mutant, fate, detail, time.monotonic() - start)


def _child(mutant: Mutant, reader: int, writer: int, seconds: int) -> None:
    os.close(reader)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    fate, detail = STILLBORN, "the run failed"
    try:
        fate, detail = run_checks(mutant)
    finally:
        os.write(writer, f"{fate}\n{detail}".encode())
        os._exit(0)


def choose(count: int, seed: int, only: str = "") -> list[Mutant]:
    """A random sample of all mutants that differ from the program, in proportion to the modules' sizes."""
    everything = [
        m for path in sorted(OPS.glob("*.py")) if path.name not in EXCLUDED and only in path.stem for m in mutants(path)
    ]
    kept = [m for m in everything if reason_for(m) is None and not is_sample_data(m)]
    return sorted(random.Random(seed).sample(kept, min(count, len(kept))), key=lambda m: (m.path.name, m.line))


def is_sample_data(mutant: Mutant) -> bool:
    """Whether the fault is in operands that feed the checks, not in a rule: other operands are as good."""
    statement = ast.parse(mutant.path.read_text()).body[mutant.statement]
    text = ast.unparse(statement)
    makes_samples = isinstance(statement, ast.FunctionDef) and "list[Sample]" in text.split(":\n")[0]
    return makes_samples or (isinstance(statement, ast.Assign) and text.startswith(("_int_pairs", "_shifts")))


def preload() -> None:
    """Import what every child needs, but nothing of the package."""
    os.environ["FUNCGRAD_CACHE_DIR"] = os.environ.get("FUNCGRAD_CACHE_DIR") or tempfile.mkdtemp(
        prefix="mutation-cache-"
    )
    for name in ("numpy", "scipy.special", "mpmath", "pytest", "llvmlite.binding"):
        importlib.import_module(name)


def unchanged() -> Mutant:
    """A mutant that is no mutant, to see that the checks pass at all."""
    path = OPS / "rules.py"
    return Mutant(path, 0, "none", "", "", 0, path.read_text())


def summary(outcomes: list[Outcome]) -> dict[str, float]:
    """Counts and the kill rate among mutants that could run; one ended for its time does not count as killed."""
    fates = [o.fate for o in outcomes]
    alive = sum(f != STILLBORN for f in fates)
    killed = sum(f == KILLED for f in fates)
    return {
        "mutants": alive,
        "killed": killed,
        "survived": fates.count(SURVIVED),
        "stuck": fates.count(STUCK),
        "stillborn": len(fates) - alive,
        "rate": killed / max(alive, 1),
    }


def report(outcomes: list[Outcome]) -> int:
    """Print the survivors and the figures; 0 when enough faults were found."""
    for o in outcomes:
        if o.fate in (SURVIVED, STILLBORN, STUCK):
            print(f"{o.fate}: {o.mutant} {o.detail}")
    figures = summary(outcomes)
    print(figures)
    return 0 if figures["rate"] >= 0.98 and figures["mutants"] else 1


def main() -> int:
    """Run a sample of mutants and print the survivors and the kill rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=240)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="modules whose name contains this")
    parser.add_argument("--planted", action="store_true", help="only the few faults of planted.py")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="time of each mutant")
    parser.add_argument("--quick", action="store_true", help="check the six ops nearest to the fault only")
    options = parser.parse_args()
    globals().update(QUICK=6 if options.quick else 0)
    preload()
    if options.planted:
        return report([run_one(m, options.seconds) for m in planted()])
    baseline = run_one(unchanged())
    if baseline.fate != SURVIVED:
        print(f"the checks fail without any fault: {baseline.detail}")
        return 2
    outcomes = []
    for i, mutant in enumerate(choose(options.count, options.seed, options.only)):
        outcome = run_one(mutant, options.seconds)
        outcomes.append(outcome)
        print(f"{i:4d} {outcome.fate:9s} {outcome.seconds:5.1f} s  {mutant}  [{outcome.detail[:80]}]", flush=True)
    return report(outcomes)


if __name__ == "__main__":
    sys.exit(main())
