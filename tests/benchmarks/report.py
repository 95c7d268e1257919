"""Comparison of results and printing of tables. With this module one can turn measured rounds into Markdown.

Tables are made from records, which is what the JSON files hold, so that they can be made again from those.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from case import Case

Record = dict[str, Any]
SMALL = 1 << 16  # bytes; below, moving them is not what a call costs


@dataclass
class Row:
    """What was measured of one case: seconds for each library and round, notes, and whether any result was wrong.

    Args:
        megabytes: For each library and round the memory after import and at the highest.
        limits: Bytes of inputs and results; seconds of copying them and of the matrix products.
    """

    case: Case
    seconds: dict[str, list[float]] = field(default_factory=dict)
    megabytes: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    wrong: bool = False

    def record(self) -> Record:
        """All of it as JSON can hold it."""
        case = {name: getattr(self.case, name) for name in ("name", "title", "kind", "target", "stretch")}
        names = ("seconds", "megabytes", "limits", "versions", "notes", "wrong")
        return {**case, **{name: getattr(self, name) for name in names}}


def worst_error(found: list[Any], wanted: list[Any]) -> float:
    """Largest error of any array, relative to the largest magnitude in it; infinite where shapes or NaNs differ."""
    if len(found) != len(wanted):
        return float("inf")
    worst = 0.0
    for one, other in zip(found, wanted):
        if one.shape != other.shape or not np.array_equal(np.isfinite(one), np.isfinite(other)):
            return float("inf")
        finite = np.isfinite(other)
        if finite.any():
            gap = np.abs(one[finite].astype(np.float64) - other[finite].astype(np.float64)).max()
            worst = max(worst, float(gap / (np.abs(other[finite]).max() + 1e-300)))
    return worst


def duration(seconds: float) -> str:
    """Three digits and a unit: 5.81 us, 13.6 ms, 1.39 s."""
    units = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6))
    unit, size = next((pair for pair in units if seconds >= pair[1]), units[-1])
    digits = 2 if seconds < 10 * size else 1 if seconds < 100 * size else 0
    return f"{seconds / size:.{digits}f} {unit}"


def rounds(record: Record, label: str) -> list[float]:
    """Seconds of each round, or peak megabytes where memory was measured."""
    return [peak for _, peak in record["megabytes"].get(label, [])] or record["seconds"].get(label, [])


def ratios(record: Record, subject: str, peer: str) -> list[float]:
    """What the subject needed over what the peer did, round by round."""
    return [mine / theirs for mine, theirs in zip(rounds(record, subject), rounds(record, peer))]


def ratio(record: Record, subject: str, peer: str) -> float | None:
    """The median over the rounds, or None where one of them has no figures."""
    found = ratios(record, subject, peer)
    return statistics.median(found) if found else None


def best_peer(record: Record, labels: list[str]) -> tuple[str, float] | None:
    """The library that did best against the first, code written by hand aside, and the first's ratio to it."""
    found = [(peer, ratio(record, labels[0], peer)) for peer in labels[1:] if peer != "hand"]
    known = [(peer, figure) for peer, figure in found if figure is not None]
    return max(known, key=lambda pair: pair[1]) if known else None


def from_limit(record: Record, label: str) -> tuple[float, str] | None:
    """Time over the larger of the two limits, and which that is; None where none was measured."""
    limits, mine = record["limits"], rounds(record, label)
    if not limits or not mine or limits["bytes"] < SMALL and not limits["arithmetic"]:
        return None
    kind = max(("memory", "arithmetic"), key=lambda name: limits[name])
    return statistics.median(mine) / limits[kind], kind


def _amount(record: Record, label: str) -> str:
    pairs, figures = record["megabytes"].get(label), rounds(record, label)
    if pairs:
        own = statistics.median(peak - before for before, peak in pairs)
        return f"{statistics.median(figures):.0f} MB, {own:.0f} over import"
    return duration(statistics.median(figures)) if figures else "-"


def _peer_cell(record: Record, subject: str, peer: str) -> str:
    figure = ratio(record, subject, peer)
    return "-" if figure is None else f"{figure:.3g} ({_amount(record, peer)})"


def _verdict(record: Record, subject: str) -> list[str]:
    """Cells: spread of the ratio to JAX, target and stretch, whether the target is met."""
    found, target = ratios(record, subject, "jax"), record["target"]
    spread = f"{min(found):.3g} to {max(found):.3g}" if found else "-"
    if target is None:
        return [spread, "-", "-"]
    wanted = f"{target:g}" + ("" if record["stretch"] is None else f" ({record['stretch']:g})")
    return [spread, wanted, "-" if not found else "yes" if statistics.median(found) <= target else "no"]


def _line(record: Record, labels: list[str]) -> str:
    subject, best, limit = labels[0], best_peer(record, labels), from_limit(record, labels[0])
    cells = [record["name"], record["title"], _amount(record, subject)]
    cells += [_peer_cell(record, subject, peer) for peer in labels[1:]]
    cells += ["-" if best is None else f"{best[1]:.3g} {best[0]}"]
    cells += ["-" if limit is None else f"{limit[0]:.3g} {limit[1]}"]
    return "| " + " | ".join(cells + _verdict(record, subject)) + " |"


def summary(records: list[Record], labels: list[str]) -> list[str]:
    """Geometric mean of the ratios to each peer, and how often the best peer is reached."""
    lines = []
    for peer in labels[1:]:
        found = [figure for record in records if (figure := ratio(record, labels[0], peer)) is not None]
        if found:
            mean = math.exp(statistics.fmean(map(math.log, found)))
            lines.append(f"geometric mean of the ratio to {peer}, {len(found)} rows: {mean:.3g}")
    best = [pair[1] for record in records if (pair := best_peer(record, labels)) is not None]
    if best:
        lines.append(f"at or below the best peer: {sum(figure <= 1 for figure in best)} of {len(best)} rows")
    return lines


def table(records: list[Record], labels: list[str], notes: bool = True) -> str:
    """Markdown: one line for each case; each peer has the ratio and its own time or memory in brackets."""
    head = ["#", "workload", labels[0], *(f"{labels[0]}/{peer}" for peer in labels[1:])]
    head += ["best peer", "times the limit", "spread of ratio to jax", "target (stretch)", "met"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += [_line(record, labels) for record in records]
    lines += ["", *(f"- {text}" for text in summary(records, labels))]
    if notes:
        lines += [f"- {record['name']}: {note}" for record in records for note in record["notes"]]
    return "\n".join(lines)
