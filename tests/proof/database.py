"""A PostgreSQL server with data and write-ahead log in two folders."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import psycopg

from tests.support.postgresql_server import find_program

OWNER = "nobody"
"""The user that runs the server, which refuses to run as root."""

_SETTINGS = """
listen_addresses = ''
max_connections = 30
shared_buffers = 32MB
max_wal_size = 64MB
min_wal_size = 32MB
checkpoint_timeout = 30s
logging_collector = off
"""


class DatabaseBroken(Exception):
    """The server does not start, or its content is wrong; the message says which."""


class Database:
    """A server on ``data`` and ``wal``, with its socket and its log in ``run``."""

    def __init__(self, data: Path, wal: Path, run: Path) -> None:
        self._data, self._wal, self._run = data / "db", wal / "wal", run
        run.mkdir(parents=True, exist_ok=True)
        for folder in (data, wal, run):
            shutil.chown(folder, OWNER)

    def make(self) -> None:
        """Create an empty cluster with checksums; its configuration is durable when this returns."""
        self._call("initdb", "-D", self._data, "-X", self._wal, "-A", "trust", "-U", "cg", "--data-checksums",
                   "--wal-segsize=4", "-E", "UTF8", "--locale=C")  # fmt: skip
        configuration = self._data / "postgresql.conf"
        with configuration.open("a") as stream:
            stream.write(_SETTINGS)
            stream.flush()
            # What is not durable may be missing after a crash, and a cut is like a crash.
            os.fsync(stream.fileno())

    def adopt(self) -> None:
        """Prepare a copy of another server's folders for a start, as after a power failure."""
        link = self._data / "pg_wal"
        link.unlink()
        link.symlink_to(self._wal)
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def start(self) -> None:
        """Start, and return when recovery is done. Raises: DatabaseBroken, with the end of the log."""
        options = f"-c unix_socket_directories={self._run}"
        try:
            self._call("pg_ctl", "-D", self._data, "-w", "-t", 120, "-l", self._log, "-o", options, "start")
        except DatabaseBroken:
            lines = [line for line in self.log().splitlines() if "PANIC" in line or "FATAL" in line]
            raise DatabaseBroken(lines[0] if lines else self.log()[-500:]) from None

    def stop(self) -> None:
        """Stop immediately, without a checkpoint; does nothing if it is not running."""
        if (self._data / "postmaster.pid").exists():
            self._call("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """Return a session in which every statement is a transaction."""
        return psycopg.connect(f"host={self._run} user=cg dbname=postgres", autocommit=True)

    def query_row(self, query: str) -> tuple[object, ...]:
        """Return the only row of a query. Raises: DatabaseBroken, if the server cannot answer it."""
        try:
            with self.connect() as session:
                row = session.execute(query.encode()).fetchone()
        except psycopg.Error as error:
            raise DatabaseBroken(str(error)) from error
        assert row is not None
        return row

    def execute(self, *statements: str) -> None:
        """Run statements, one transaction each."""
        with self.connect() as session:
            for statement in statements:
                session.execute(statement.encode())

    def client(self, name: str, *arguments: object) -> subprocess.Popen[bytes]:
        """Start one of PostgreSQL's client programs on this server."""
        words = [find_program(name), "-h", str(self._run), "-U", "cg", *map(str, arguments)]
        log = (self._run / f"{name}.log").open("ab")
        with log:
            return subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)

    def run(self, name: str, *arguments: object) -> None:
        """Run one of PostgreSQL's client programs to its end. Raises: DatabaseBroken, with its output."""
        if self.client(name, *arguments).wait() != 0:
            output = (self._run / f"{name}.log").read_text(errors="replace")
            raise DatabaseBroken(f"{name} failed: {output.strip()[-500:]}")

    def log(self) -> str:
        """Return the server's log."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def redo_s(self) -> str:
        """Return how many seconds the last recovery took to replay the log, according to the server's log."""
        lines = [line for line in self.log().splitlines() if "redo done" in line]
        return lines[-1].rpartition("elapsed: ")[2].removesuffix(" s") if lines else "0"

    @property
    def _log(self) -> Path:
        return self._run / "log"

    def _call(self, name: str, *arguments: object) -> None:
        words = [find_program(name), *map(str, arguments)]
        # Write to a file, because a started server would keep a pipe open.
        with (self._run / f"{name}.log").open("w+b") as log:
            done = subprocess.run(words, stdout=log, stderr=log, user=OWNER, cwd=self._run, check=False,
                                  start_new_session=True)  # fmt: skip
            if done.returncode != 0:
                log.seek(0)
                raise DatabaseBroken(f"{name}: {log.read().decode(errors='replace').strip()[-500:]}")
