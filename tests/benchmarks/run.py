"""Benchmarks of funcgrad against other libraries: interleaved, each in its own process, results checked first.

    python tests/benchmarks/run.py                                   every workload but the slow ones
    python tests/benchmarks/run.py 1 3 23/300 --peer-python PATH     some; peers from another interpreter
    python tests/benchmarks/run.py 5 --cores 2 --rounds 9            on two cores
    python tests/benchmarks/run.py 1 --libraries jax jax             a peer against itself: the noise of the machine
    python tests/benchmarks/run.py --first cold --libraries funcgrad jax    first calls in fresh processes
    python tests/benchmarks/run.py --memory --libraries funcgrad jax        highest memory of whole processes

The first library is compared with each of the others; those that are not installed are named and left out. "hand" is
Numba code written by hand, "jax-cached" is JAX with its cache on disk. In every round each library is timed once, the
order rotating (A B C, B C A, ...); a ratio is formed within a round, and the table gives its median over the rounds.
Processes are started anew a few times (`--lives`), as where a process happens to find its memory can change a
memory-bound time by half: jax against itself showed a steady ratio of 1.6 on workload 3 with one life. Where other
programs share the machine, `--clock cpu` counts what a library computes on one core and not what it waits for them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import statistics
import sys
import tempfile
from typing import Any

from case import Case, select
from processes import Failure, Runner
from report import Row, duration, table, worst_error

BATCHES = 5  # a turn is this many timed batches
MEMORY_CALLS = 4
LIBRARIES = ["funcgrad", "jax", "torch", "torch.compile", "autograd", "hand"]
FIRST_TARGETS = {"cold": 0.8, "warm": 0.15}
STATISTICS = {"best": min, "median": statistics.median}


def note_failure(row: Row, runner: Runner, failure: Failure) -> None:
    """Say that a library is out, at once and in the notes."""
    where = f"not installed in {runner.python}: skipped" if failure.kind == "missing" else f"failed in {failure}"
    row.notes.append(f"{runner.label} {where}")
    print(f"  {runner.label} {where}", file=sys.stderr, flush=True)
    row.seconds.pop(runner.label, None)


def compare(row: Row, label: str, results: list[list[Any]], reference: list[list[Any]]) -> None:
    """Note the error of a library's results on each input, and a failure where it is too large."""
    worst = max(worst_error(found, wanted) for found, wanted in zip(results, reference))
    verdict = "" if worst <= row.case.tolerance else f", more than {row.case.tolerance:g}: WRONG RESULT"
    row.notes.append(f"{label}: largest relative error {worst:.1e}{verdict}")
    if verdict:
        row.wrong = True
        print(f"  {row.notes[-1]}", file=sys.stderr, flush=True)


def check_warm(row: Row, judge: Runner, results: dict[str, Any]) -> None:
    """Compare the results of each library on two inputs with the float64 results of one of them."""
    reference = judge.ask("reference")
    if worst_error(*reference) <= 10 * row.case.tolerance:
        row.notes.append("the two inputs give the same result, so the check says little")
    for label, found in results.items():
        compare(row, label, found, reference)


def keep_able(row: Row, runners: list[Runner], attempt: Any) -> list[Runner]:
    """The runners with which `attempt` succeeds; the others are noted and closed."""
    able = []
    for runner in runners:
        try:
            attempt(runner)
            able.append(runner)
        except Failure as failure:
            note_failure(row, runner, failure)
            runner.close()
    return able


def rotate(items: list[Any], by: int) -> list[Any]:
    """Rotated left: A B C, B C A, C A B, ..."""
    by %= max(len(items), 1)
    return items[by:] + items[:by]


def run_warm(row: Row, runners: list[Runner], options: argparse.Namespace, cache: str) -> None:
    """Time repeated calls in processes that stay alive for several rounds."""
    able, counts, results = runners, {}, {}

    def prepare(runner: Runner) -> None:
        runner.open(row.case, f"{cache}/{runner.label}")
        row.versions[runner.label] = runner.ask("start")
        results[runner.label] = runner.ask("check")
        counts[runner.label] = runner.ask("calibrate", options.turn / BATCHES)

    each = -(-options.rounds // options.lives)
    try:
        for number in range(options.rounds):
            if number % each == 0:
                for runner in able:
                    runner.close()
                able = keep_able(row, able, prepare)
                if number == 0 and able:
                    check_warm(row, able[min(1, len(able) - 1)], results)  # a peer judges, where there is one
                    row.limits = able[0].ask("limits", row.case.flops)
            for runner in rotate(able, number):
                times = runner.ask("time", (counts[runner.label], BATCHES, 3 * options.turn))
                row.seconds.setdefault(runner.label, []).append(STATISTICS[options.statistic](times))
    except Failure as failure:
        row.notes.append(f"stopped: {failure}")
    finally:
        for runner in able:
            runner.close()


def run_fresh(row: Row, runners: list[Runner], rounds: int, cache: str) -> None:
    """Time what only happens once, in a fresh process for each round; the caches on disk are fresh too."""
    able, results, memory = runners, {}, {}

    def once(runner: Runner, directory: str, seed: int) -> float:
        if row.case.kind == "process":
            spent, found = runner.whole_process(row.case, directory, seed)
            results.setdefault(runner.label, [[], []])[seed] = found
            return spent
        runner.open(row.case, directory)
        try:
            if row.case.kind == "import":
                spent, memory[runner.label] = runner.ask("import_library")
                return spent
            row.versions[runner.label] = runner.ask("start")
            spent = runner.ask("first")
            results[runner.label] = runner.ask("check")
            return spent
        finally:
            runner.close()

    def measure(runner: Runner) -> None:
        with tempfile.TemporaryDirectory(dir=cache) as directory:
            if row.case.warm_cache:
                once(runner, directory, 1)
            row.seconds.setdefault(runner.label, []).append(once(runner, directory, 0))

    def rehearse(runner: Runner) -> None:
        with tempfile.TemporaryDirectory(dir=cache) as directory:
            once(runner, directory, 1)

    able = keep_able(row, runners, rehearse)  # warms the file system and gives results on another input
    for number in range(rounds):
        able = keep_able(row, rotate(able, number and 1), measure)
    row.notes += [f"{label}: {size:.0f} MB after import" for label, size in memory.items()]
    judge = next((runner.label for runner in runners[1:] if runner.label in results), None)
    for label in results:
        if judge is not None and label != judge:
            compare(row, f"{label} against {judge}", results[label], results[judge])


def run_memory(row: Row, runners: list[Runner], rounds: int, cache: str) -> None:
    """The highest memory of fresh processes, and how much of it the import statements alone take."""

    def measure(runner: Runner) -> None:
        with tempfile.TemporaryDirectory(dir=cache) as directory:
            runner.open(row.case, directory)
            try:
                row.megabytes.setdefault(runner.label, []).append(runner.ask("memory", MEMORY_CALLS))
            finally:
                runner.close()

    for _ in range(rounds):
        runners = keep_able(row, runners, measure)


def at_first_call(case: Case, cache: str) -> Case:
    """The same row, of which the first call is timed, with a cold or a warm cache on disk."""
    return dataclasses.replace(
        case,
        title=f"{case.title}; first call, {cache} cache",
        kind="first",
        warm_cache=cache == "warm",
        target=FIRST_TARGETS[cache],
        stretch=None,
    )


def chosen_cases(options: argparse.Namespace) -> list[Case]:
    """The cases named, changed into what the options want to know of them."""
    cases = select(options.workloads)
    if options.first:
        return [at_first_call(case, options.first) for case in cases if case.kind in ("warm", "first")]
    if options.memory:
        return [dataclasses.replace(case, target=1.0, stretch=None) for case in cases if case.kind == "warm"]
    return cases


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", help="numbers or names of workloads; none means all but the slow ones")
    parser.add_argument("--libraries", nargs="+", default=LIBRARIES, help="the first is judged")
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has the peers")
    parser.add_argument("--hand-python", default=sys.executable, help="interpreter that has Numba and SciPy")
    parser.add_argument("--first", choices=FIRST_TARGETS, help="time the first call, with that cache on disk")
    parser.add_argument("--memory", action="store_true", help="measure memory instead of time")
    parser.add_argument("--json", metavar="FILE", help="write every single figure to this file")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--lives", type=int, default=3, help="times the processes are started anew within the rounds")
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: where the machine is shared")
    parser.add_argument("--statistic", choices=STATISTICS, default="best", help="of the timed batches of one turn")
    parser.add_argument("--turn", type=float, default=0.2, help="seconds of calls in one turn")
    return parser.parse_args()


def make_runners(options: argparse.Namespace) -> list[Runner]:
    """One runner for each library named; a repeated name gets a number."""
    runners: list[Runner] = []
    for library in options.libraries:
        again = sum(runner.library == library for runner in runners)
        python = {"funcgrad": sys.executable, "hand": options.hand_python}.get(library, options.peer_python)
        runners.append(Runner(f"{library} ({again + 1})" if again else library, python, options.cores, options.clock))
    return runners


def measure(case: Case, runners: list[Runner], options: argparse.Namespace, cache: str) -> Row:
    """All that the options want to know of one case."""
    row = Row(case)
    print(f"{case.name}: {case.title}", file=sys.stderr, flush=True)
    fit = [runner for runner in runners if case.runs_with(runner.library)]
    if options.memory:
        run_memory(row, fit, options.rounds, cache)
    elif case.kind == "warm":
        run_warm(row, fit, options, cache)
    else:
        run_fresh(row, fit, options.rounds, cache)
    times = [f"{label} {duration(statistics.median(seconds))}" for label, seconds in row.seconds.items()]
    sizes = [f"{label} {statistics.median(peak for _, peak in pairs):.0f} MB" for label, pairs in row.megabytes.items()]
    print("  " + ", ".join(times + sizes), file=sys.stderr, flush=True)
    return row


def main() -> None:
    """Run the chosen workloads and print the table; the exit status is 1 where a result was wrong."""
    options = arguments()
    runners = make_runners(options)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {options.cores} used; {options.rounds} rounds"
    print(machine, flush=True)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as cache:
        for case in chosen_cases(options):
            rows.append(measure(case, runners, options, cache))
            if options.json:
                record = {"machine": machine, "options": vars(options), "rows": [row.record() for row in rows]}
                with open(options.json, "w", encoding="utf-8") as file:
                    json.dump(record, file, indent=1)
    print("\n" + table([row.record() for row in rows], [runner.label for runner in runners]))
    sys.exit(any(row.wrong for row in rows))


if __name__ == "__main__":
    main()
