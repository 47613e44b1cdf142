"""Tables that are printed row by row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Row = dict[str, object]


def print_table(title: str, columns: Mapping[str, str], rows: Iterable[Row]) -> list[Row]:
    """Print rows as lines of a Markdown table, each as soon as it is available, and return them.

    ``columns`` maps a heading to a format string with the names of a row's figures in braces.
    """
    print(f"\n{title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)
    found = []
    for row in rows:
        print(f"| {' | '.join(column.format_map(row) for column in columns.values())} |", flush=True)
        found.append(row)
    return found
