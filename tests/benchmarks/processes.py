"""Processes that run one library each. With this module one can start them, ask them and read their answers."""

from __future__ import annotations

import os
import pickle
import resource
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from case import Case

HERE = Path(__file__).resolve().parent


class Failure(Exception):
    """A library could not do a case; carries whether it is missing and the text of the error."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def processor_time_of_children() -> float:
    """Seconds that all ended child processes have computed."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Runner:
    """Starts processes of one library; keeps one alive for warm cases."""

    def __init__(self, label: str, python: str, cores: int, clock: str) -> None:
        self.label, self.python, self.cores, self.clock = label, python, cores, clock
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
        return [self.python, str(HERE / "worker.py"), self.library, case.name, str(self.cores), self.clock]

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
        """Seconds from starting a process to its end, and its result."""
        clock = time.perf_counter if self.clock == "wall" else processor_time_of_children
        start = clock()
        done = subprocess.run([*self.command(case), str(seed)], capture_output=True, env=self.environment(cache))
        spent = clock() - start
        if done.returncode:
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            missing = bool(last) and last[0].startswith("ModuleNotFoundError")
            raise Failure("missing" if missing else "failed", "".join(last) or f"ended with code {done.returncode}")
        return spent, pickle.loads(done.stdout)
