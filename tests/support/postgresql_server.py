"""A PostgreSQL server for tests, or a skip that says which program is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from cgflow.db.database import Database

is_refused = False
"""Whether the running test lacks the marker ``postgresql``. Programs other than pytest may start a server."""
_OPTIONS = "-c listen_addresses= -c unix_socket_directories={home} -c max_connections=300"


def find_program(name: str) -> str:
    """Return the path of one of the server's programs. Debian does not put them in PATH."""
    found = shutil.which(name) or next(
        (str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)), None
    )
    if found is None:
        reason = f"no PostgreSQL server is installed: {name} is missing (apt-get install postgresql)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


class PostgresServer:
    """A server on a socket of its own. ``stop`` and ``start`` simulate an outage of the database."""

    def __init__(self, home: Path, *, is_durable: bool = False) -> None:
        self._home = home
        self._fsync = "on" if is_durable else "off"
        # The server refuses to run as root.
        self._owner = "nobody" if os.geteuid() == 0 else None
        if self._owner is not None:
            shutil.chown(home, self._owner)
        self._run(find_program("initdb"), "-D", home / "data", "-U", "cgflow", "-A", "trust", "-E", "UTF8")

    def start(self) -> None:
        """Start, and return when it accepts connections."""
        options = f"{_OPTIONS.format(home=self._home)} -c fsync={self._fsync}"
        log = self._home / "log"
        self._run(find_program("pg_ctl"), "-D", self._home / "data", "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        """Stop immediately, as in a crash; the next start runs crash recovery."""
        self._run(find_program("pg_ctl"), "-D", self._home / "data", "-m", "immediate", "stop")

    def new_url(self) -> str:
        """Create an empty database and return its URL."""
        name = f"t{uuid.uuid4().hex}"
        engine = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self._url(name)

    def _url(self, name: str) -> str:
        return f"postgresql+psycopg://cgflow@/{name}?host={self._home}"

    def _run(self, *command: object) -> None:
        words = [str(word) for word in command]
        subprocess.run(words, check=True, capture_output=True, user=self._owner, cwd=self._home)


@contextmanager
def postgres_server(*, is_durable: bool = False) -> Iterator[PostgresServer]:
    """Start a server in a new directory, and remove both. ``is_durable`` turns fsync on."""
    if is_refused:
        pytest.fail("A test that starts a PostgreSQL server needs the marker postgresql.")
    # A short path: the socket's path is limited to about a hundred characters.
    home = Path(tempfile.mkdtemp(prefix="cgpg", dir="/tmp"))
    try:
        server = PostgresServer(home, is_durable=is_durable)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def postgres_database() -> Iterator[Database]:
    """Yield an empty database of a new server."""
    with postgres_server() as server:
        database = Database(server.new_url())
        yield database
        database.close()
