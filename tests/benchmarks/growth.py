"""How time grows with size: three programs over several decades, and the first call over the depth of a program.

    python tests/benchmarks/growth.py --peer-python PATH --json growth.json --picture docs/images/growth.png
    python tests/benchmarks/growth.py --from growth.json --picture docs/images/growth.png      the picture again

Times are the least over interleaved rounds, funcgrad and JAX each in its own process on one core. Beside them stand
the limits: a copy of as many bytes as inputs and results have, and for pairs the arithmetic at the rate of a matrix
product. First calls are of fresh processes with empty caches on disk.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from case import Case, every_case
from processes import Failure, Runner
from report import duration, worst_error

SERIES = {
    "g-pairs": ("energy of all pairs and its gradient", "bodies"),
    "g-scan": ("gradient through a scan", "steps"),
    "g-chain": ("gradient of an elementwise chain", "elements"),
    "23": ("first call, elementwise chain", "depth"),
    "23m": ("first call, tanh network", "depth"),
}
LARGEST_CHECKED = 1_000_000
Point = dict[str, Any]


def warm_point(case: Case, runners: list[Runner], rounds: int, cache: str) -> Point:
    """Least seconds a call of each library, and the limits."""
    size = int(case.name.split("/")[1])
    results, counts, point = [], [], {"size": size}
    try:
        for runner in runners:
            runner.open(case, f"{cache}/{runner.label}")
            runner.ask("start")
            results += [runner.ask("check")] if size <= LARGEST_CHECKED else []
            counts.append(runner.ask("calibrate", 0.03))
        refuse_difference(case, results)
        times: dict[str, list[float]] = {runner.label: [] for runner in runners}
        for _ in range(rounds):
            for runner, count in zip(runners, counts):
                times[runner.label] += runner.ask("time", (count, 3, 1.0))
        point["limits"] = runners[0].ask("limits", case.flops)
        return point | {"seconds": {label: min(found) for label, found in times.items()}}
    finally:
        for runner in runners:
            runner.close()


def refuse_difference(case: Case, results: list[Any]) -> None:
    """Raise where two libraries disagree on either input."""
    for others in results[1:]:
        worst = max(worst_error(found, wanted) for found, wanted in zip(results[0], others))
        if worst > case.tolerance:
            raise Failure("failed", f"{case.name}: results differ by {worst:.1e}")


def first_point(case: Case, runners: list[Runner], rounds: int, cache: str) -> Point:
    """Seconds of the first call of each library that can, the least of at most two fresh processes."""
    seconds: dict[str, float] = {}
    for _ in range(min(rounds, 2)):
        for runner in runners:
            with tempfile.TemporaryDirectory(dir=cache) as directory:
                runner.open(case, directory)
                try:
                    runner.ask("start")
                    spent = runner.ask("first")
                    seconds[runner.label] = min(spent, seconds.get(runner.label, spent))
                finally:
                    runner.close()
    return {"size": int(case.name.split("/")[1]), "seconds": seconds}


def measure(options: argparse.Namespace) -> dict[str, list[Point]]:
    """All points of the chosen series."""
    runners = [
        Runner("funcgrad", sys.executable, 1, options.clock),
        Runner("jax", options.peer_python, 1, options.clock),
    ]
    series: dict[str, list[Point]] = {name: [] for name in options.series}
    with tempfile.TemporaryDirectory() as cache:
        for case in every_case().values():
            name = case.name.split("/")[0]
            if name not in series:
                continue
            able = [runner for runner in runners if case.runs_with(runner.library)]
            warm = case.kind == "warm"
            point = (warm_point if warm else first_point)(case, able, options.rounds, cache)
            series[name].append(point)
            text = ", ".join(f"{label} {duration(seconds)}" for label, seconds in point["seconds"].items())
            print(f"{case.name}: {text}", flush=True)
    return series


def draw(series: dict[str, list[Point]], path: Path) -> None:
    """One panel for each series, both axes logarithmic; limits dashed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(series), figsize=(3.4 * len(series), 3.2), squeeze=False)
    for panel, (name, points) in zip(panels[0], series.items()):
        for label, color in (("funcgrad", "tab:blue"), ("jax", "tab:orange")):
            known = [(point["size"], point["seconds"][label]) for point in points if label in point["seconds"]]
            panel.loglog(*zip(*known), "o-", color=color, label=label, markersize=3)
        for kind, style in (("memory", "--"), ("arithmetic", ":")):
            known = [(point["size"], point["limits"][kind]) for point in points if point.get("limits", {}).get(kind)]
            if known:
                panel.loglog(*zip(*known), style, color="gray", label=f"{kind} limit")
        panel.set_title(SERIES[name][0], fontsize=9)
        panel.set_xlabel(SERIES[name][1], fontsize=8)
        panel.set_ylabel("seconds", fontsize=8)
        panel.tick_params(labelsize=7, which="both")
        panel.legend(fontsize=7, frameon=False)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)


def main() -> None:
    """Measure or read, write, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has JAX")
    parser.add_argument("--series", nargs="+", choices=SERIES, default=list(SERIES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: where the machine is shared")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="read figures instead of measuring")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw them with matplotlib")
    options = parser.parse_args()
    series = json.loads(options.source.read_text()) if options.source else measure(options)
    if options.json:
        options.json.write_text(json.dumps(series, indent=1))
    if options.picture:
        draw(series, options.picture)


if __name__ == "__main__":
    main()
