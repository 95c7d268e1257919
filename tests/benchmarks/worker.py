"""One process which runs one library on one case: answers the questions of `run.py` over its standard streams.

With `python worker.py LIBRARY CASE CORES CLOCK` it reads pickled (command, argument) pairs and writes pickled answers:
`check` gives results on two different inputs, `reference` the same in float64, `calibrate` a number of calls, `time`
seconds a call, `first` seconds of the very first call, `import_library` seconds and memory, `memory` the peak of the
whole process, `limits` what the machine allows at best. With a seed as fifth argument it does the whole case once on
NumPy inputs, as a user's script would, and ends. CLOCK is "wall" or "cpu".
"""

from __future__ import annotations

import gc
import os
import pickle
import sys
import time
from typing import Any

SEEDS = (0, 1)
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def pin(cores: int) -> None:
    """Stay on the first `cores` processors; before any import, as libraries count processors when loaded."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def map_arrays(f: Any, tree: Any) -> Any:
    """Apply `f` to the arrays in nested dicts, lists and (named) tuples, and leave Python numbers and None alone."""
    if isinstance(tree, dict):
        return {key: map_arrays(f, tree[key]) for key in tree}
    if isinstance(tree, (list, tuple)):
        items = [map_arrays(f, item) for item in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    return tree if tree is None or isinstance(tree, (int, float)) else f(tree)


def leaves(tree: Any) -> list[Any]:
    """NumPy arrays in nested dicts (in sorted order), lists and tuples."""
    import numpy

    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in leaves(tree[key])]
    if isinstance(tree, (list, tuple)):
        return [leaf for item in tree for leaf in leaves(item)]
    return [] if tree is None else [numpy.asarray(tree)]


class Worker:
    """State of the process: the library, the function under test and its inputs."""

    def __init__(self, library: str, case_name: str, clock: str) -> None:
        self.library, self.case_name, self.clock = library, case_name, CLOCKS[clock]
        self.function: Any = None
        self.arguments: Any = None

    def start(self, _: Any) -> str:
        """Import the library and build the function; the answer says which version runs."""
        import libraries
        from case import every_case

        self.case = every_case()[self.case_name]
        self.lib = libraries.load(self.library)
        self.function = self.case.function(self.lib)
        self.arguments = self.inputs(SEEDS[0])
        module = {"hand": "numba", "torch.compile": "torch"}.get(self.library, self.library.split("-")[0])
        return str(getattr(sys.modules[module], "__version__", "unknown version"))

    def inputs(self, seed: int) -> Any:
        return map_arrays(self.lib.array, self.case.given(self.lib, seed))

    def check(self, _: Any) -> list[list[Any]]:
        """Results for both seeds, read only after the second call: a reused output buffer would show."""
        inputs = [self.inputs(seed) for seed in SEEDS]
        results = [self.lib.wait(self.case.outcome(self.function, given)) for given in inputs]
        for seed, given in zip(SEEDS, inputs):
            self.refuse_changes(given, self.inputs(seed))
        return [leaves(result) for result in results]

    @staticmethod
    def refuse_changes(given: Any, fresh: Any) -> None:
        """Raise where a call wrote to its inputs."""
        import numpy

        if not all(numpy.array_equal(one, other) for one, other in zip(leaves(given), leaves(fresh))):
            raise RuntimeError("the call changed its inputs")

    def reference(self, _: Any) -> list[list[Any]]:
        """The same with every float32 input widened to float64."""
        import numpy

        def widen(array: Any) -> Any:
            return self.lib.array(array.astype(numpy.float64) if array.dtype == numpy.float32 else array)

        inputs = [map_arrays(widen, self.case.given(self.lib, seed)) for seed in SEEDS]
        results = [self.case.outcome(self.function, given) for given in inputs]
        return [leaves(result) for result in results]

    def calibrate(self, seconds: float) -> int:
        """Number of calls that take about `seconds`."""
        count = 1
        while (spent := self.batch(count)) < 0.2 * seconds:
            count = max(2 * count, int(count * 0.3 * seconds / max(spent, 1e-9)))
        return max(1, round(count * seconds / spent))

    def batch(self, count: int) -> float:
        function, arguments, wait, clock = self.function, self.arguments, self.lib.wait, self.clock
        gc.collect()
        gc.disable()
        start = clock()
        for _ in range(count):
            wait(function(*arguments))
        spent = clock() - start
        gc.enable()
        return spent

    def time(self, plan: tuple[int, int, float]) -> list[float]:
        """Seconds a call, for each of `repeats` batches of `count` calls; fewer once `limit` seconds are gone."""
        count, repeats, limit = plan
        times: list[float] = []
        while len(times) < repeats and sum(times) * count < limit:
            times.append(self.batch(count) / count)
        return times

    def first(self, _: Any) -> float:
        """Seconds of the first call, tracing and compiling included, imports and inputs not."""
        start = self.clock()
        self.lib.wait(self.function(*self.arguments))
        return self.clock() - start

    def import_library(self, _: Any) -> tuple[float, float]:
        """Seconds of the import statements and megabytes of memory held after them."""
        from libraries import import_modules

        start = self.clock()
        import_modules(self.library)
        return self.clock() - start, megabytes("VmRSS")

    def memory(self, calls: int) -> tuple[float, float]:
        """Megabytes after the import statements alone, and at the highest after several calls of the case."""
        from libraries import import_modules

        import_modules(self.library)
        before = megabytes("VmRSS")
        self.start(None)
        for _ in range(calls):
            self.lib.wait(self.function(*self.arguments))
        return before, megabytes("VmHWM")

    def limits(self, flops: float) -> dict[str, float]:
        """Seconds that moving the inputs and results once takes at least, and that the matrix products do.

        The first is a copy of half as many bytes, which reads and writes as many in all, in caches as far as they fit.
        """
        import limits

        result = self.lib.wait(self.function(*self.arguments))
        moved = sum(leaf.nbytes for leaf in leaves(self.arguments) + leaves(result))
        wide = max((leaf.dtype.itemsize for leaf in leaves(result) if leaf.dtype.kind == "f"), default=8)
        return {
            "bytes": moved,
            "memory": limits.copy_seconds(moved // 2, self.clock),
            "arithmetic": flops / limits.product_rate(f"float{8 * wide}", self.clock) if flops else 0.0,
        }


def megabytes(field: str) -> float:
    """VmRSS, the memory that the process holds, or VmHWM, the most it has held."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith(field))


def serve(library: str, case_name: str, clock: str) -> None:
    """Answer commands until the input ends; errors are answers too."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not mix with the answers
    worker = Worker(library, case_name, clock)
    while True:
        try:
            command, argument = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = ("ok", getattr(worker, command)(argument))
        except Exception as error:
            text = f"{type(error).__name__}: {error}".strip().splitlines()[0]
            answer = ("missing" if isinstance(error, ModuleNotFoundError) else "failed", (command, text))
        pickle.dump(answer, answers)
        answers.flush()


def run_once(library: str, case_name: str, seed: int) -> None:
    """Do the whole case as a script would and write the leaves of the result."""
    import libraries
    from case import every_case

    case = every_case()[case_name]
    lib = libraries.load(library)
    result = leaves(lib.wait(case.function(lib)(*map_arrays(lib.adopt, case.given(lib, seed)))))
    sys.stdout.buffer.write(pickle.dumps(result))


if __name__ == "__main__":
    pin(int(sys.argv[3]))
    if len(sys.argv) == 6:
        run_once(*sys.argv[1:3], int(sys.argv[5]))
    else:
        serve(*sys.argv[1:3], sys.argv[4])
