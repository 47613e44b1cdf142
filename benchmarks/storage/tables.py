"""Rows of figures, printed as they come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Row = dict[str, object]


def shown(title: str, columns: Mapping[str, str], rows: Iterable[Row]) -> list[Row]:
    """Print rows as lines of a Markdown table, each as soon as it is there, and return them.

    A column is a heading and what stands under it: figures of a row, by their names in braces.
    """
    print(f"\n{title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)
    found = []
    for row in rows:
        print(f"| {' | '.join(column.format_map(row) for column in columns.values())} |", flush=True)
        found.append(row)
    return found
