"""Puts measured tables into a page of the documentation, and draws their ratios.

    python tests/benchmarks/render.py one.json --title "one core" --into docs/benchmarks.md
    python tests/benchmarks/render.py one.json two.json --picture docs/images/benchmarks.png

`run.py --json FILE` writes the files; of several, later rows replace earlier ones of the same name. In the page a table
stands between the comments `<!-- table: TITLE -->` and `<!-- end of table -->`; what stood there before goes.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from report import Record, best_peer, ratio, table


def read(paths: list[Path]) -> tuple[list[Record], list[str]]:
    """Rows of all files in order, and the libraries compared."""
    rows: dict[str, Record] = {}
    labels: list[str] = []
    for path in paths:
        content: dict[str, Any] = json.loads(path.read_text())
        rows |= {row["name"]: row for row in content["rows"]}
        labels += [label for label in content["options"]["libraries"] if label not in labels]
    return sorted(rows.values(), key=order), labels


def order(record: Record) -> tuple[int, str, int]:
    """Rows in the order of their numbers, those without one last."""
    name, _, depth = record["name"].partition("/")
    number = re.match(r"\d+", name)
    return int(number[0]) if number else 999, name, int(depth) if depth.isdigit() else 0


def place(page: str, title: str, text: str) -> str:
    """The page with the text between the comments of that title.

    Raises:
        SystemExit: The page has no such place.
    """
    pattern = re.compile(rf"(<!-- table: {re.escape(title)} -->\n).*?(<!-- end of table -->)", re.DOTALL)
    if not pattern.search(page):
        raise SystemExit(f"the page has no place for a table {title!r}")
    return pattern.sub(lambda found: f"{found[1]}\n{text}\n\n{found[2]}", page)


def draw(records: list[Record], labels: list[str], path: Path) -> None:
    """One line for each row: the ratio to JAX, to the best peer and to code written by hand, targets as bars."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panel = pyplot.subplots(figsize=(7, 1 + 0.24 * len(records)))
    marks = {"jax": ("o", "tab:orange"), "best peer": ("D", "tab:green"), "hand": ("x", "tab:purple")}
    for place, record in enumerate(records):
        best = best_peer(record, labels)
        figures = {"jax": ratio(record, labels[0], "jax"), "best peer": best and best[1]}
        figures["hand"] = ratio(record, labels[0], "hand")
        for name, (mark, color) in marks.items():
            if figures[name] is not None:
                panel.plot(figures[name], place, mark, color=color, markersize=5, alpha=0.8)
        if record["target"] is not None:
            panel.plot(record["target"], place, "|", color="gray", markersize=11)
    for name, (mark, color) in marks.items():
        panel.plot([], [], mark, color=color, label=f"to {name}")
    panel.plot([], [], "|", color="gray", label="target, to jax", markersize=11)
    panel.axvline(1.0, color="black", linewidth=0.7)
    panel.set_xscale("log")
    panel.set_yticks(range(len(records)), [record["name"] for record in records], fontsize=7)
    panel.invert_yaxis()
    panel.set_xlabel(f"time of {labels[0]} over that of the other", fontsize=8)
    panel.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)


def main() -> None:
    """Read the files, then write what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, help="written by run.py --json")
    parser.add_argument("--title", help="which table of the page")
    parser.add_argument("--into", type=Path, metavar="PAGE", help="Markdown file to change")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the ratios with matplotlib")
    options = parser.parse_args()
    records, labels = read(options.files)
    text = table(records, labels, notes=False)
    if options.into:
        options.into.write_text(place(options.into.read_text(encoding="utf-8"), options.title, text), encoding="utf-8")
    else:
        print(text)
    if options.picture:
        draw(records, labels, options.picture)


if __name__ == "__main__":
    main()
