"""``cgflow db``: the service's database. This command does not use the service."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cgflow.cli.context import CliContext, with_context
from cgflow.errors import ConfigError
from cgflow.state_dir import StateDir

if TYPE_CHECKING:
    from sqlalchemy import URL


@click.group()
def db() -> None:
    """The service's database."""


@db.command()
@with_context
@click.option(
    "--state-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="State directory of an embedded service, which must not be running.",
)
@click.option("--database-url", metavar="URL", help="SQLAlchemy URL: postgresql+psycopg://...")
def upgrade(context: CliContext, state_dir: Path | None, database_url: str | None) -> None:
    """Upgrade the schema of a database to this version of cgflow."""
    if state_dir is not None and database_url is None:
        before, after = _upgrade_embedded(state_dir)
    elif database_url is not None and state_dir is None:
        before, after = _upgrade_database(database_url)
    else:
        raise click.UsageError("Give either --state-dir or --database-url.")
    if before == after:
        context.out.line(f"The database is up to date, at revision {after}.")
    else:
        context.out.line(f"The database is upgraded from {before or 'nothing'} to revision {after}.")
    if context.out.as_json:
        context.out.json({"database": {"before": before, "after": after}})


@db.command()
@with_context
@click.option(
    "--state-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="State directory of an embedded service.",
)
@click.option("--database-url", metavar="URL", help="SQLAlchemy URL: postgresql+psycopg://...")
def stats(context: CliContext, state_dir: Path | None, database_url: str | None) -> None:
    """Show the number of rows of each kind, and the bytes that they take."""
    if (state_dir is None) == (database_url is None):
        raise click.UsageError("Give either --state-dir or --database-url.")
    if state_dir is not None and not StateDir(state_dir).has_database:
        raise ConfigError(f"There is no database in {state_dir}: cgflow.db is missing.")
    # Imported here, so that no other command loads the database libraries.
    from sqlalchemy.exc import SQLAlchemyError

    from cgflow.db import statistics
    from cgflow.db.database import Database

    try:
        url: URL | str | None = database_url
        if state_dir is not None:
            url = StateDir(state_dir).database_url
        with closing(Database(url or "")) as database:
            rows = [asdict(one) for one in statistics.read_statistics(database)]
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        # The URL is not repeated, because it may hold a password.
        raise ConfigError(
            f"The database cannot be read: {getattr(error, 'orig', None) or error}. Check its address, and "
            "bring it up to date with 'cgflow db upgrade'."
        ) from error
    context.out.records("statistics", rows, ("name", "count", "bytes"))


def _upgrade_embedded(state_dir: Path) -> tuple[str | None, str | None]:
    """Upgrade the database of an embedded service, which must not run at the same time."""
    directory = StateDir(state_dir)
    directory.acquire()
    try:
        return _upgrade_database(directory.database_url)
    finally:
        directory.release()


def _upgrade_database(url: URL | str) -> tuple[str | None, str | None]:
    """Upgrade, and return the revisions before and after. Raises: ConfigError."""
    # Imported here, so that no other command loads the database libraries.
    from sqlalchemy.exc import SQLAlchemyError

    from cgflow.db import upgrade as schema

    try:
        before = schema.current_revision(url)
        schema.upgrade(url)
        return before, schema.current_revision(url)
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        # The URL is not repeated, because it may hold a password.
        raise ConfigError(
            f"The database cannot be upgraded: {error}. Check its address, and that no other process uses it."
        ) from error
