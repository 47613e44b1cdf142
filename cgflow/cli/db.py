"""``cgflow db``: the schema of the service's database. The one command that talks to no service."""

from __future__ import annotations

from pathlib import Path

import click

from cgflow.cli.session import Session, with_session
from cgflow.errors import ConfigError

DATABASE = "cgflow.sqlite"
"""The embedded service's database, within its state directory."""


@click.group()
def db() -> None:
    """The database."""


@db.command()
@with_session
@click.option("--state-dir", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR")
@click.option("--database-url", metavar="URL", help="As SQLAlchemy writes it: postgresql+psycopg://...")
def upgrade(session: Session, state_dir: Path | None, database_url: str | None) -> None:
    """Bring the schema of a database up to this version of cgflow."""
    url = _url(state_dir, database_url)
    before, after = _upgraded(url)
    if before == after:
        session.out.line(f"The database is up to date, at revision {after}.")
    else:
        session.out.line(f"The database is upgraded from {before or 'nothing'} to revision {after}.")
    if session.out.as_json:
        session.out.json({"database": {"before": before, "after": after}})


def _url(state_dir: Path | None, database_url: str | None) -> str:
    if state_dir is not None and database_url is None:
        return f"sqlite:///{state_dir.absolute() / DATABASE}"
    if database_url is not None and state_dir is None:
        return database_url
    raise click.UsageError("Say which database: give either --state-dir or --database-url.")


def _upgraded(url: str) -> tuple[str | None, str | None]:
    # Here, because no other command should pay for loading the database's libraries.
    from sqlalchemy.exc import SQLAlchemyError

    from cgflow.db import upgrade as schema

    try:
        before = _revision(url)
        schema.upgrade(url)
        return before, _revision(url)
    except SQLAlchemyError as error:
        raise ConfigError(f"The database at {url} can not be upgraded: {error}") from error


def _revision(url: str) -> str | None:
    from alembic.migration import MigrationContext
    from sqlalchemy import create_engine

    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
