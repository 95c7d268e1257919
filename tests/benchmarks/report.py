"""Comparison of results and printing of the table. With this module one can turn measured rounds into Markdown."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from case import Case


@dataclass
class Row:
    """What was measured of one case: seconds for each library and round, notes, and whether any result was wrong."""

    case: Case
    seconds: dict[str, list[float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    wrong: bool = False


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


def ratios(row: Row, subject: str, peer: str) -> list[float]:
    """Time of the subject over time of the peer, round by round."""
    return [mine / theirs for mine, theirs in zip(row.seconds.get(subject, []), row.seconds.get(peer, []))]


def _line(row: Row, subject: str, peer: str) -> str:
    mine, theirs, found = row.seconds.get(subject), row.seconds.get(peer), ratios(row, subject, peer)
    cells = [row.case.name, row.case.title, peer]
    cells += [duration(statistics.median(times)) if times else "-" for times in (mine, theirs)]
    figures = [statistics.median(found), min(found), max(found)] if found else []
    cells += [f"{figure:.3g}" for figure in figures] or ["-"] * 3
    wanted = row.case.target if peer == "jax" else None
    cells += [
        "-" if wanted is None else f"{wanted:g}" + ("" if row.case.stretch is None else f" ({row.case.stretch:g})")
    ]
    cells += ["-" if wanted is None or not figures else "yes" if figures[0] <= wanted else "no"]
    return "| " + " | ".join(cells) + " |"


def table(rows: list[Row], subject: str, peers: list[str]) -> str:
    """Markdown: one line for each case and peer, then the notes."""
    head = ["#", "workload", "peer", subject, "peer's time", "ratio (median)", "min", "max", "target (stretch)", "met"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        shown = [peer for peer in peers if peer in row.seconds] or (peers or ["-"])[:1]
        lines += [_line(row, subject, peer) for peer in shown]
    notes = [f"- {row.case.name}: {note}" for row in rows for note in row.notes]
    return "\n".join(lines + ([""] + notes if notes else []))
