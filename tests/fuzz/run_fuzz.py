"""The recorded run: many random programs under all meanings.

    python tests/fuzz/run_fuzz.py --count 20000 --seed 1

`--checks rotating` makes those checks that compile take turns, one for each program: the rest costs a fifth.
Prints progress, every finding with its traceback and its shrunk program, and counts at the end.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time

from fuzz_meanings import CHECKS, every, rotating, short
from fuzz_shrink import shrunk_text
from fuzz_worker import SIZE, Report, run_seeds


def main() -> int:
    """Run what the command line asks for; the exit status says whether something was found."""
    options = _options()
    seeds = range(options.seed, options.seed + options.count)
    checks = {"every": every, "short": short, "rotating": rotating}[options.checks]
    checks = checks if options.check is None else lambda seed: (options.check,)
    start = time.perf_counter()
    shrunk: set[str] = set()

    def heard(record: dict, report: Report) -> None:
        for finding in record.get("findings", []):
            print(f"\nseed {finding['seed']}, {finding['check']}: {finding['kind']}\n{finding['detail']}", flush=True)
        for finding in record.get("findings", [])[:1]:  # others of the same program have the same cause, mostly
            name = f"{finding['check']} {finding['kind']}"
            if name not in shrunk and not options.no_shrink:
                shrunk.add(name)
                print(shrunk_text(finding["seed"], finding["check"], finding["kind"], options.size), flush=True)
        if report.programs % options.every == 0:
            print(f"[{time.perf_counter() - start:.0f} s] {report.summary().splitlines()[0]}", flush=True)

    report = Report()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        run_seeds(seeds, checks, heard, options.size, report)
    except (KeyboardInterrupt, SystemExit):
        print("stopped")
    print(f"{time.perf_counter() - start:.0f} s\n{report.summary()}")
    return 1 if report.findings else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=int, default=100, help="programs between lines of progress")
    parser.add_argument("--checks", choices=("every", "rotating", "short"), default="every")
    parser.add_argument("--size", type=int, default=SIZE, help="statements of a program, outside of loops")
    parser.add_argument("--check", choices=sorted(CHECKS), help="one check only")
    parser.add_argument("--no-shrink", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
