# ruff: noqa: E501
"""Write docs/edge_policy.md from the table of the edge policy: `python tests/write_edge_policy.py`."""

from __future__ import annotations

from pathlib import Path

from edge_policy_table import ARRAYS, ROWS, SECOND, UNDEFINED, UNTAKEN

PAGE = Path(__file__).parents[1] / "docs" / "edge_policy.md"

_HEAD = """# Derivatives at kinks and singular points

This page is generated: `python tests/write_edge_policy.py` writes it from the rows that `tests/test_edge_policy.py` checks,
by `grad` and by `jvp`, eagerly, under `jit` and under `vmap`. `special` is `scipy.special`.

Three rules explain nearly all rows.

- **Ties are shared.** Of equal elements each has an equal share of the derivative of `max`, `min`, `maximum`, `minimum`, `clip`.
- **At a kink between two slopes the derivative is 0** where that is one of the slopes between them: `abs`, norms, `std`, `hypot`.
- **What is not chosen adds exactly nothing**, even where its derivative is infinite or NaN: an infinite partial derivative times a
  tangent or cotangent that is exactly 0 is 0, and `where`, `maximum`, `minimum` and `clip` choose tangents, they do not multiply them.

A derivative that is infinite, like that of `sqrt` at 0, is infinite.
"""
_UNTAKEN = """The recipe of two `where`, one around the argument and one around the result, is not needed; it works as well.
The derivative of each of these at the point is exactly 0.
"""
_UNDEFINED = """An infinite derivative times a derivative that happens to be 0 is NaN in reverse mode. Nothing marks that 0 as
meant, so it stays NaN, as in other libraries. Each has a form that is defined.
"""


def _table(titles: tuple[str, ...], rows: list[tuple[str, ...]], code: tuple[int, ...]) -> str:
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for row in rows:
        cells = [f"`{cell}`" if k in code else cell for k, cell in enumerate(row)]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def page() -> str:
    """The text of the page."""
    parts = [
        _HEAD,
        "## First derivatives\n", _table(("", "f(x)", "x", "f'(x)"), ROWS, (1, 2, 3)),
        "## Second derivatives\n", _table(("", "f(x)", "x", "f''(x)"), SECOND, (1, 2, 3)),
        "## Branches that are not taken\n", _UNTAKEN, _table(("", "f(x)", "x"), UNTAKEN, (1, 2)),
        "## Arrays with singular elements\n", _table(("", "f(x)", "x", "gradient"), ARRAYS, (1, 2, 3)),
        "## What stays undefined\n", _UNDEFINED, _table(("", "f(x)", "x", "write"), UNDEFINED, (1, 2, 3)),
    ]  # fmt: skip
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
