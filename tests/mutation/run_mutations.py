"""How many planted faults do the registry checks find? A test of the tests.

    python tests/mutation/run_mutations.py [--count 240] [--seed 1] [--only elementwise]

Each mutant is run in a forked process whose import of the faulty module is redirected. The quick stage checks the few
ops nearest to the fault, then the tests of the edge policy, of known values, of refusals and of derivative accuracy,
and those of callbacks if they are concerned; what survives it meets the checks of all other ops (not with --quick).
The fates:

    killed     a check failed; or the process died; or it hangs: the checks of one op took over a minute, those of an op
               without a fault take a few seconds, so every suite with a time limit notices it. Memory is limited,
               too, so that a loop which never stops storing ends in a MemoryError, which is a failed check.
    survived   every check passed: a gap in the checks, and a failure of this run.
    stuck      the time of the mutant was over though no single op hung; counts as not killed.
    stillborn  the faulty module cannot be imported; does not count at all.

The result is the share that some check killed. A sample of all mutants is drawn by --seed, so that a fresh seed tells
what a change of the checks is worth for faults it was not made for.
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.util
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
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
VERDICT = "verdict: "  # begins the last message of a child
POINTWISE = "pointwise tests"
# What no sample of an op could show: effects in their order, an axis with a name, more lanes than places in a pool.
OWN_TESTS = {
    "callback": ("ops/test_effects", "test_callbacks"),
    "collective": ("test_collectives",),
    "remat": ("test_rematerialization", "test_callbacks"),
    "while_lanes": ("compile/test_lane_pool",),
}
SECONDS = 400  # for a mutant in all
OP_SECONDS = 60  # for the checks of one op, or for the pointwise tests; without a fault none takes a third of it
MEMORY = 8 << 30  # bytes of address space of a child
NEAREST = 6  # how many ops the quick stage checks, the fault's own first


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
    """Names of the ops whose declaration is, or uses, the statement with the fault; those of its own module first."""
    own = [(mutant.path.stem, s) for s in ast.parse(mutant.path.read_text()).body]
    others = [p for p in sorted(OPS.glob("*.py")) if p != mutant.path]
    everything = [*own, *((p.stem, s) for p in others for s in ast.parse(p.read_text()).body)]
    statement = own[mutant.statement][1]
    found = list(_declarations(statement))
    wanted, used = _targets(statement), [_names(s) for _, s in everything]
    for _ in range(4):
        for (module, s), names in zip(everything, used):
            if isinstance(s, ast.Import | ast.ImportFrom) or not wanted & names:
                continue
            found += [name for name in _declarations(s) if name not in found]
            wanted = wanted | _targets(s) if isinstance(s, ast.FunctionDef) and module == mutant.path.stem else wanted
    return found


def _targets(statement: ast.stmt) -> set[str]:
    """The names that a statement defines, or changes an attribute of."""
    targets = [t.value if isinstance(t, ast.Attribute) else t for t in getattr(statement, "targets", [])]
    return {getattr(t, "id", "") for t in targets} - {""} | ({statement.name} if hasattr(statement, "name") else set())


def _names(statement: ast.stmt) -> set[str]:
    """Everything a statement mentions or defines."""
    mentioned = {
        n.id if isinstance(n, ast.Name) else n.attr
        for n in ast.walk(statement)
        if isinstance(n, ast.Name | ast.Attribute)
    }
    return mentioned | _targets(statement)


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
    from registry_cases import cases, complex_cases, integer_cases, single_cases

    rc.check_declaration(prim)
    every = [*cases(prim), *single_cases(prim), *complex_cases(prim)]
    for check in (rc.check_types, rc.check_jacobian, rc.check_derivatives, check_batching):
        for case in every:
            check(case)
    for case in integer_cases(prim):
        if compiled_checks.accepts(case):
            rc.check_types(case)
            check_batching(case, derivatives=False)
    compiled_checks.check_compiled(prim)


def ordered_ops(mutant: Mutant, registry: dict[str, Any]) -> list[Any]:
    """The ops of the faulty statement, then the others by name that the fault can reach."""
    first = [n for n in declared_in(mutant) if n in registry]
    users, elsewhere = users_of(mutant.path.stem), _declared_elsewhere()
    rest = [n for n in sorted(registry) if elsewhere.get(n, mutant.path.stem) in users]
    return [registry[n] for n in dict.fromkeys([*first, *rest])]


def users_of(module: str) -> set[str]:
    """The modules of ops that import a module, directly or not, and itself: no other one can know of a fault in it."""
    imports = {p.stem: _imported(ast.parse(p.read_text())) for p in OPS.glob("*.py")}
    if "elementwise" in (users := {module}):
        return set(imports)
    while True:
        grown = users | {m for m, names in imports.items() if names & users}
        if grown == users or "elementwise" in grown:  # all derivatives add and multiply
            return grown if grown == users else set(imports)
        users = grown


def _imported(tree: ast.Module) -> set[str]:
    froms = [s for s in ast.walk(tree) if isinstance(s, ast.ImportFrom) and s.level == 1]
    return {name for s in froms for name in ([s.module] if s.module else [a.name for a in s.names])}


def _declared_elsewhere() -> dict[str, str]:
    """The module in which each op is declared, as far as its name is written there."""
    paths = sorted(OPS.glob("*.py"))
    return {n: p.stem for p in paths for s in ast.parse(p.read_text()).body for n in _declarations(s)}


def run_checks(mutant: Mutant, announce: Callable[[str], None], quick: bool = False) -> tuple[str, str]:
    """The fate of a mutant, to be called in a process of its own; `announce` is told of every part of the checks."""
    sys.meta_path.insert(0, _Redirect(mutant))
    announce("import")
    try:
        from registry_cases import REGISTRY
    except Exception as e:
        return STILLBORN, f"{type(e).__name__}: {e}"
    ops = ordered_ops(mutant, REGISTRY)
    stages = [*ops[:NEAREST], None, *(() if quick else ops[NEAREST:])]
    for prim in stages:
        name = prim.name if prim else POINTWISE
        announce(name)
        try:
            check_op(prim) if prim else _pointwise_tests(mutant)
        except Exception as e:
            return KILLED, f"{name}: {type(e).__name__}: {str(e)[:100]}"
    return SURVIVED, ""


def _pointwise_tests(mutant: Mutant) -> None:
    import pytest

    names = ("test_edge_policy", "ops/test_known_values", "ops/test_refusals", "accuracy/test_accuracy")
    files = [str(HERE.parent / f"{name}.py") for name in (*names, *OWN_TESTS.get(mutant.path.stem, ()))]
    code = pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--no-header", "--tb=no", *files])
    assert code == 0, "a test fails"


@dataclass
class Outcome:
    """What became of a mutant, and how long it took."""

    mutant: Mutant
    fate: str
    detail: str
    seconds: float


def run_one(mutant: Mutant, seconds: int = SECONDS, quick: bool = False) -> Outcome:
    """Fork, run the checks in the child, and read its verdict; a child over its time is ended."""
    start = time.monotonic()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(mutant, reader, writer, start + seconds, quick)
    os.close(writer)
    with os.fdopen(reader) as f:
        announced, _, verdict = f.read().partition(VERDICT)
    _, status = os.waitpid(pid, 0)
    took = time.monotonic() - start
    fate, _, detail = verdict.partition("\n")
    if not fate:
        last = announced.strip().rpartition("\n")[2]
        if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM):
            fate, detail = KILLED, f"{last}: crash"
        elif took >= seconds:
            fate, detail = STUCK, f"over its time at {last}"
        else:
            fate, detail = KILLED, f"{last}: hangs"
    return Outcome(mutant, fate, detail, took)


def _child(mutant: Mutant, reader: int, writer: int, end: float, quick: bool) -> None:
    os.close(reader)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)

    def announce(name: str) -> None:
        os.write(writer, f"{name}\n".encode())
        signal.setitimer(signal.ITIMER_REAL, max(min(OP_SECONDS, end - time.monotonic()), 1e-3))

    fate, detail = STILLBORN, "the run failed"
    try:
        fate, detail = run_checks(mutant, announce, quick)
    finally:
        os.write(writer, f"{VERDICT}{fate}\n{detail}".encode())
        os._exit(0)


def choose(count: int, seed: int, only: str = "") -> list[Mutant]:
    """A random sample of all mutants that differ from the program, in proportion to the modules' sizes."""
    everything = [
        m for path in sorted(OPS.glob("*.py")) if path.name not in EXCLUDED and only in path.stem for m in mutants(path)
    ]
    kept = [m for m in everything if reason_for(m) is None]
    return sorted(random.Random(seed).sample(kept, min(count, len(kept))), key=lambda m: (m.path.name, m.line))


def preload() -> None:
    """Import what every child needs, but nothing of the package; LAPACK stays in one thread, to take its usual time."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ["FUNCGRAD_CACHE"] = "2"  # a faulty pass has the same source on disk as the right one
    os.environ["FUNCGRAD_CACHE_DIR"] = os.environ.get("FUNCGRAD_CACHE_DIR") or tempfile.mkdtemp(
        prefix="mutation-cache-"
    )
    for name in ("numpy", "scipy.special", "mpmath", "pytest", "llvmlite.binding"):
        importlib.import_module(name)


def unchanged() -> Mutant:
    """A mutant that is no mutant, to see that the checks pass at all."""
    path = OPS / "rules.py"
    return Mutant(path, 0, "none", "", "", 0, path.read_text)


def summary(outcomes: list[Outcome]) -> dict[str, float]:
    """Counts and the kill rate among mutants that could run; one over its whole time does not count as killed."""
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


def one_line(text: str) -> str:
    """The beginning of a message, without line breaks."""
    return " ".join(text.split())[:80]


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
    parser.add_argument("--quick", action="store_true", help="only the quick stage: fewer faults are found, never more")
    options = parser.parse_args()
    preload()
    if options.planted:
        return report([run_one(m, options.seconds) for m in planted()])
    baseline = run_one(unchanged(), quick=options.quick)
    if baseline.fate != SURVIVED:
        print(f"the checks fail without any fault: {baseline.detail}")
        return 2
    outcomes = []
    for i, mutant in enumerate(choose(options.count, options.seed, options.only)):
        outcome = run_one(mutant, options.seconds, options.quick)
        outcomes.append(outcome)
        print(f"{i:4d} {outcome.fate:9s} {outcome.seconds:5.1f} s  {mutant}  [{one_line(outcome.detail)}]", flush=True)
    return report(outcomes)


if __name__ == "__main__":
    sys.exit(main())
