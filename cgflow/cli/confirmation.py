"""Confirmation of what cannot be undone. Only a person at a terminal is asked, never a script."""

from __future__ import annotations

import sys

import click

from cgflow.cli.context import CliContext

confirmation_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


def confirm(context: CliContext, question: str, *, is_given: bool) -> None:
    """Request confirmation at a terminal. Raises: click.Abort, unless the answer is yes."""
    if not is_given and not context.out.as_json and sys.stdin.isatty():
        click.confirm(question, abort=True, err=True)
