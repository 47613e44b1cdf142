"""Ask before what cannot be taken back. Only a person at a terminal is asked: a script says what it means."""

from __future__ import annotations

import sys

import click

from cgflow.cli.context import CliContext

confirmation_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


def confirm(session: CliContext, question: str, *, is_given: bool) -> None:
    """Ask a person at a terminal. Raises: click.Abort, unless the answer is yes."""
    if not is_given and not session.out.as_json and sys.stdin.isatty():
        click.confirm(question, abort=True, err=True)
