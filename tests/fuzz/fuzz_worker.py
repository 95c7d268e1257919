"""Running many programs: in a forked process, under a time limit, with a report.

A process that dies, or does not answer, costs one program; the next process goes on with the one after it.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from fuzz_generate import generate_with, kinds, nestings
from fuzz_guard import Void
from fuzz_meanings import CHECKS, Case, Mismatch
from fuzz_scope import Builder
from fuzz_tree import Program

from funcgrad.errors import UnusedArgumentWarning

LIMIT = 10.0  # seconds of processor time for one check
SILENCE = 120.0  # seconds without a word from a process, after which it is taken to be stuck
SIZE = 9  # statements of a program, outside of loops
CHUNK = 40  # programs of one process, so that what libraries keep in memory does not add up


class Hang(BaseException):
    """A check took too long."""


@dataclass
class Finding:
    """Something wrong with one program."""

    seed: int
    check: str
    kind: str
    detail: str = ""


@dataclass
class Report:
    """What a run found."""

    programs: int = 0
    void: int = 0
    void_checks: Counter = field(default_factory=Counter)
    done_checks: Counter = field(default_factory=Counter)
    statements: Counter = field(default_factory=Counter)
    nestings: Counter = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def add(self, record: dict[str, Any]) -> None:
        """Count the result of one program."""
        self.programs += 1
        self.void += bool(record.get("void"))
        self.void_checks.update(record.get("void_checks", []))
        self.done_checks.update(record.get("done", []))
        self.statements.update(record.get("kinds", {}))
        self.nestings.update(record.get("nestings", {}))
        self.findings += [Finding(**f) for f in record.get("findings", [])]

    def summary(self) -> str:
        """Counts as text."""
        wrong = Counter(f"{f.check}: {f.kind}" for f in self.findings)
        crashes, hangs = (sum(f.kind == kind for f in self.findings) for kind in ("crash", "hang"))
        wrong_programs = len({f.seed for f in self.findings})
        return "\n".join([
            f"programs {self.programs}, void {self.void}, wrong {wrong_programs}, findings {len(self.findings)}, "
            f"crashes {crashes}, hangs {hangs}",
            f"by kind: {dict(wrong)}",
            f"checks done: {dict(self.done_checks)}",
            f"checks void: {dict(self.void_checks)}",
            f"statements: {dict(self.statements.most_common())}",
            f"nestings: {len(self.nestings)} pairs; {dict(self.nestings.most_common(30))}",
        ])  # fmt: skip


# --- one program ------------------------------------------------------------------------------------------------------


def kind_of(error: BaseException) -> str:
    """Equal for errors that are the same, for the shrinker."""
    if isinstance(error, Hang):
        return "hang"
    text = str(error).split("\n")[0]
    if isinstance(error, Mismatch):
        return "mismatch " + re.sub(r"[:,].*", "", text)
    return f"{type(error).__name__} " + re.sub(r"[\d\[\](), ]+|v\d+\w*", " ", text)[:60]


def run_check(case: Case, name: str, limit: float = LIMIT) -> BaseException | None:
    """The error of one check, or None. `Void` is an error, too."""

    def stop(*_: Any) -> None:
        raise Hang

    previous = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, limit)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", UnusedArgumentWarning)  # many a random program leaves one unused
            CHECKS[name](case)
    except (Exception, Hang) as error:
        return error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, previous)
    return None


def run_seed(seed: int, size: int, checks: Sequence[str], tell: Callable[[dict], None]) -> dict[str, Any]:
    """Generate the program of a seed and check it; `tell` hears which check comes next."""
    try:
        program = generate_with(Builder(seed), seed, size)
        return run_program(program, checks, tell)
    except Void as e:
        return {"seed": seed, "void": str(e)}


def run_program(program: Program, checks: Sequence[str], tell: Callable[[dict], None]) -> dict[str, Any]:
    """Check a program."""
    case, seed = Case(program), program.seed
    record: dict[str, Any] = {"seed": seed, "kinds": dict(kinds(program)), "nestings": dict(nestings(program.block)),
                              "done": [], "void_checks": [], "findings": []}  # fmt: skip
    for name in checks:
        tell({"next": name, "seed": seed})
        error = run_check(case, name)
        record["void_checks" if isinstance(error, Void) else "done"].append(name)
        if error is not None and not isinstance(error, Void):
            detail = "".join(traceback.format_exception(error))[-3000:]
            record["findings"].append({"seed": seed, "check": name, "kind": kind_of(error), "detail": detail})
        if isinstance(error, Hang):
            break
    return record


# --- many programs ----------------------------------------------------------------------------------------------------


def run_seeds(
    seeds: Iterable[int],
    checks_of: Callable[[int], Sequence[str]],
    heard: Callable[[dict, Report], None] = lambda *_: None,
    size: int = SIZE,
    report: Report | None = None,
) -> Report:
    """Run programs in forked processes, one process at a time; results are added to `report`."""
    report, waiting = Report() if report is None else report, list(seeds)
    while waiting:
        chunk, finished = waiting[:CHUNK], 0
        for record in _forked(chunk, checks_of, size):
            finished += 1
            report.add(record)
            heard(record, report)
        waiting = waiting[max(finished, 1) :]
    return report


def fork() -> int:
    """`os.fork`, without the warning that there are threads: those of the BLAS library know how to be forked."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _forked(seeds: Sequence[int], checks_of: Callable[[int], Sequence[str]], size: int) -> Iterator[dict]:
    """Records of the programs a forked process ran, the last perhaps of a crash or a hang."""
    read, write = os.pipe()
    sys.stdout.flush()
    child = fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.close(read)
        _child(write, seeds, checks_of, size)
    os.close(write)
    last: dict = {"seed": seeds[0], "next": "generate"}
    try:
        for message in _messages(read):
            if "next" in message:
                last = message
            else:
                yield message
                last = {"seed": message["seed"], "next": "", "complete": True}
    except TimeoutError:
        os.kill(child, signal.SIGKILL)
        yield _lost(last, "hang")
        last = {"complete": True}
    finally:
        os.close(read)
        _, status = os.waitpid(child, 0)
    if status and not last.get("complete"):
        yield _lost(last, "crash", f"status {status}")


def _lost(last: dict, kind: str, detail: str = "") -> dict:
    return {
        "seed": last["seed"],
        "findings": [{"seed": last["seed"], "check": last["next"], "kind": kind, "detail": detail}],
    }


def _child(write: int, seeds: Sequence[int], checks_of: Callable[[int], Sequence[str]], size: int) -> None:
    """Run programs and report each as a line; never returns."""
    status = 1
    try:
        with os.fdopen(write, "w") as out:

            def tell(message: dict) -> None:
                out.write(json.dumps(message) + "\n")
                out.flush()

            for seed in seeds:
                tell({"next": "generate", "seed": seed})
                record = run_seed(seed, size, checks_of(seed), tell)
                tell(record)
                if any(f["kind"] == "hang" for f in record.get("findings", [])):
                    break  # what was interrupted may be in no state to go on
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _messages(read: int) -> Iterator[dict]:
    """Lines from the other process.

    Raises:
        TimeoutError: when it is silent for much longer than a check may take.
    """
    buffered, deadline = b"", time.monotonic() + SILENCE
    while True:
        ready, _, _ = select.select([read], [], [], max(deadline - time.monotonic(), 0.0))
        if not ready:
            raise TimeoutError
        data = os.read(read, 1 << 16)
        if not data:
            return
        *lines, buffered = (buffered + data).split(b"\n")
        yield from (json.loads(line) for line in lines)
        deadline = time.monotonic() + SILENCE
