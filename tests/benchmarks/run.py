"""Benchmarks of funcgrad against other libraries: interleaved, each in its own process, results checked first.

    python tests/benchmarks/run.py                                   every workload but the slow ones
    python tests/benchmarks/run.py 1 3 23/300 --peer-python PATH     some; peers from another interpreter
    python tests/benchmarks/run.py 5 --cores 2 --rounds 9            on two cores
    python tests/benchmarks/run.py 1 --libraries jax jax             a peer against itself: the noise of the machine

The first library is compared with each of the others. In every round each library is timed once, the order rotating
(A B C, B C A, ...); a ratio is formed within a round, and the table gives its median and extremes over the rounds.
Processes are started anew a few times (`--lives`), as where a process happens to find its memory can change a
memory-bound time by half: jax against itself showed a steady ratio of 1.6 on workload 3 with one life.
"""

from __future__ import annotations

import argparse
import os
import pickle
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from case import Case, select
from report import Row, duration, table, worst_error

HERE = Path(__file__).resolve().parent
BATCHES = 5  # a turn is this many timed batches
STATISTICS = {"best": min, "median": statistics.median}


class Failure(Exception):
    """A library could not do a case; carries whether it is missing and the text of the error."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Runner:
    """Starts processes of one library; keeps one alive for warm cases."""

    def __init__(self, label: str, python: str, cores: int) -> None:
        self.label, self.python, self.cores = label, python, cores
        self.library = label.split(" ")[0]
        self.process: subprocess.Popen[bytes] | None = None

    def environment(self, cache: str) -> dict[str, str]:
        """One thread for each core everywhere; caches on disk under `cache`.

        Every library runs from bytecode, as an installer leaves it; otherwise a library run from its checkout would
        be compiled anew in every process.
        """
        threads = {
            f"{name}_NUM_THREADS": str(self.cores) for name in ("OPENBLAS", "MKL", "OMP", "NUMBA", "VECLIB_MAXIMUM")
        }
        xla = f"--xla_cpu_multi_thread_eigen={str(self.cores > 1).lower()} intra_op_parallelism_threads={self.cores}"
        caches = {"FUNCGRAD_CACHE_DIR": f"{cache}/funcgrad", "NUMBA_CACHE_DIR": f"{cache}/numba"}
        path = os.pathsep.join(filter(None, [str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]))
        ours = {"XLA_FLAGS": xla, "JAX_PLATFORMS": "cpu", "PYTHONPATH": path}
        folder = os.path.join(tempfile.gettempdir(), "funcgrad-benchmarks")
        bytecode = {"PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        return {**os.environ, **threads, **caches, **ours, **bytecode}

    def command(self, case: Case) -> list[str]:
        return [self.python, str(HERE / "worker.py"), self.library, case.name, str(self.cores)]

    def open(self, case: Case, cache: str) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(self.command(case), stdin=pipe, stdout=pipe, env=self.environment(cache))

    def ask(self, command: str, argument: Any = None) -> Any:
        """Send one command to the living process and wait for the answer."""
        assert self.process is not None and self.process.stdin is not None and self.process.stdout is not None
        try:
            pickle.dump((command, argument), self.process.stdin)
            self.process.stdin.flush()
            kind, answer = pickle.load(self.process.stdout)
        except (EOFError, BrokenPipeError):
            raise Failure("failed", f"{command}: the process ended with code {self.process.wait()}") from None
        if kind != "ok":
            raise Failure(kind, f"{answer[0]}: {answer[1]}")
        return answer

    def close(self) -> None:
        if self.process is not None:
            assert self.process.stdin is not None and self.process.stdout is not None
            self.process.stdin.close()
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def whole_process(self, case: Case, cache: str, seed: int) -> tuple[float, Any]:
        """Wall seconds from starting a process to its end, and its result."""
        start = time.perf_counter()
        done = subprocess.run([*self.command(case), str(seed)], capture_output=True, env=self.environment(cache))
        spent = time.perf_counter() - start
        if done.returncode:
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            missing = bool(last) and last[0].startswith("ModuleNotFoundError")
            raise Failure("missing" if missing else "failed", "".join(last) or f"ended with code {done.returncode}")
        return spent, pickle.loads(done.stdout)


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
        runner.ask("start")
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
            for runner in rotate(able, number):
                times = runner.ask("time", (counts[runner.label], BATCHES))
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
            runner.ask("start")
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


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", help="numbers or names of workloads; none means all but the slow ones")
    parser.add_argument("--libraries", nargs="+", default=["funcgrad", "jax", "autograd"], help="the first is judged")
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has the peers")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--lives", type=int, default=3, help="times the processes are started anew within the rounds")
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--statistic", choices=STATISTICS, default="best", help="of the timed batches of one turn")
    parser.add_argument("--turn", type=float, default=0.2, help="seconds of calls in one turn")
    return parser.parse_args()


def make_runners(options: argparse.Namespace) -> list[Runner]:
    """One runner for each library named; a repeated name gets a number."""
    runners: list[Runner] = []
    for library in options.libraries:
        again = sum(runner.library == library for runner in runners)
        python = sys.executable if library == "funcgrad" else options.peer_python
        runners.append(Runner(f"{library} ({again + 1})" if again else library, python, options.cores))
    return runners


def main() -> None:
    """Run the chosen workloads and print the table; the exit status is 1 where a result was wrong."""
    options, rows = arguments(), []
    runners = make_runners(options)
    print(f"{platform.machine()}, {os.cpu_count()} cores, {options.cores} used; {options.rounds} rounds", flush=True)
    with tempfile.TemporaryDirectory() as cache:
        for case in select(options.workloads):
            row = Row(case)
            rows.append(row)
            print(f"{case.name}: {case.title}", file=sys.stderr, flush=True)
            fit = [runner for runner in runners if runner.library in ("funcgrad", *case.peers)]
            if case.kind == "warm":
                run_warm(row, fit, options, cache)
            else:
                run_fresh(row, fit, options.rounds, cache)
            times = {label: duration(statistics.median(seconds)) for label, seconds in row.seconds.items()}
            print("  " + ", ".join(f"{label} {text}" for label, text in times.items()), file=sys.stderr, flush=True)
    labels = [runner.label for runner in runners]
    print("\n" + table(rows, labels[0], labels[1:]))
    sys.exit(any(row.wrong for row in rows))


if __name__ == "__main__":
    main()
