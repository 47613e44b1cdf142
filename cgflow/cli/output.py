"""The output of every command: tables and sentences for people, or one JSON value for programs.

Results go to stdout, errors to stderr. Text from the service is never interpreted as markup, and terminal
control characters in it are replaced.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

# Output that a program reads or a log stores is not cut to a width.
_UNBOUNDED = 10_000

_STYLES = {"✓": "green", "▸": "cyan", "↩": "yellow", "✗": "red", "!": "bold red", "·": "dim", "–": "dim"}


class Output:
    """The output of one command. ``as_json`` may still be set by an option after the command's name."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        for stream in (sys.stdout, sys.stderr):
            # A terminal that lacks these characters shows question marks instead of failing.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")

    @property
    def is_live(self) -> bool:
        """Whether lines may be redrawn: the output is for people at a terminal."""
        return not self.as_json and _is_terminal()

    def json(self, value: Any) -> None:
        """Print one JSON value."""
        click.echo(_dump_json(value, indent=2))

    def json_line(self, value: Any) -> None:
        """Print one JSON value of a stream on one line."""
        click.echo(_dump_json(value))

    def line(self, text: str = "") -> None:
        """Print one line for people; nothing with JSON."""
        if not self.as_json:
            click.echo(_replace_unprintable(text))

    def lines(self, lines: Iterable[str]) -> None:
        """Print the lines of a history, coloured by their marks on a terminal."""
        _make_console().print(_color_by_mark(lines), soft_wrap=True)

    def records(self, plural: str, records: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """Print a list as a table of columns (``field`` or ``field.part``), or as JSON as the API has it."""
        if self.as_json:
            self.json({plural: records})
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            # An id that is broken over two lines cannot be copied.
            table.add_column(_column_heading(column), overflow="fold", no_wrap=column == "id")
        for record in records:
            table.add_row(*(_cell_text(_field_value(record, column)) for column in columns))
        _print_table(table)

    def record(self, key: str, record: Mapping[str, Any], **beside: Any) -> None:
        """Print one resource, one line per field, or as JSON as the API has it.

        ``beside`` are further values for programs, such as the flow.
        """
        if self.as_json:
            self.json({key: record, **beside})
            return
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(style="bold")
        table.add_column(overflow="fold")
        # The API has some fields twice, once with a prefix; people need them once.
        for name, value in {_column_heading(name): value for name, value in record.items()}.items():
            if name != "links":
                table.add_row(name, _cell_text(value))
        _print_table(table)

    def live(self) -> AbstractContextManager[Live | None]:
        """Return a region of the terminal that can be redrawn, or None if there is no terminal."""
        if not self.is_live:
            return nullcontext()
        return Live(console=_make_console(), refresh_per_second=10, vertical_overflow="ellipsis")

    def redraw(self, live: Live, lines: Iterable[str]) -> None:
        """Replace the lines in the region."""
        live.update(_color_by_mark(lines))

    def note(self, text: str) -> None:
        """Print one additional line for people on stderr; nothing with JSON."""
        if not self.as_json:
            click.echo(_replace_unprintable(text), err=True)

    def error(self, message: str, as_json: Mapping[str, Any]) -> None:
        """Print why a command failed: the message for people, or JSON for programs."""
        text = _dump_json({"error": as_json}) if self.as_json else f"Error: {_replace_unprintable(message)}"
        click.echo(text, err=True)


def flush_output() -> None:
    """Flush the output buffers. Raises: OSError, if they cannot be written."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def is_output_error(error: OSError) -> bool:
    """Return whether an error was raised by code that writes output."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    module = "" if traceback is None else str(traceback.tb_frame.f_globals.get("__name__"))
    return module.partition(".")[0] in ("click", "rich") or module == __name__


def discard_stdout() -> None:
    """Redirect stdout to the null device, since Python writes its buffer at exit and would fail again."""
    if sys.stdout is not None:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _is_terminal() -> bool:
    # The stream is None if it was closed before the start.
    return sys.stdout is not None and sys.stdout.isatty()


def _make_console() -> Console:
    width = None if _is_terminal() else _UNBOUNDED
    return Console(width=width, markup=False, highlight=False, emoji=False)


def _print_table(table: Table) -> None:
    console = _make_console()
    with console.capture() as drawn:
        console.print(table)
    for line in drawn.get().splitlines():
        # The padding of the last column is for a terminal's background; in a file it is noise.
        click.echo(line if console.is_terminal else line.rstrip())


def _color_by_mark(lines: Iterable[str]) -> Text:
    text = Text()
    for number, line in enumerate(lines):
        style = _STYLES.get(line.strip()[:1], "") if line.startswith("  ") else ""
        text.append("\n" if number else "")
        text.append(_replace_unprintable(line), style)
    return text


def _column_heading(field: str) -> str:
    """Return the heading for a field of the API: ``cgflow:flow_id`` becomes ``flow_id``."""
    return field.rpartition(":")[2].rpartition(".")[2]


def _field_value(record: Mapping[str, Any], column: str) -> Any:
    """Return a field of a record, or, after a dot, a part of it."""
    field, _, part = column.partition(".")
    value = record.get(field)
    return value.get(part) if part and isinstance(value, dict) else None if part else value


def _cell_text(value: Any) -> Text:
    if value is None:
        return Text("")
    if isinstance(value, dict):
        return Text(_replace_unprintable(", ".join(f"{key}={each}" for key, each in value.items())))
    if isinstance(value, list | tuple):
        return Text(_replace_unprintable(", ".join(map(str, value))))
    return Text(_replace_unprintable(str(value)))


def _replace_unprintable(text: str) -> str:
    return "".join(each if each.isprintable() or each == "\n" else "�" for each in text)


def _dump_json(value: Any, indent: int | None = None) -> str:
    """Return JSON with terminal control characters escaped."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return "".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text)
