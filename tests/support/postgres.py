"""A PostgreSQL server for one test, or a skip that says which part is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cgflow.db.database import Database


@contextmanager
def postgres_database() -> Iterator[Database]:
    """Start a server on a socket of its own, give its database, and remove it."""
    pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
    initdb, pg_ctl = shutil.which("initdb"), shutil.which("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("no PostgreSQL server (initdb, pg_ctl) is installed")
    # A short path: the socket's name has to fit into about a hundred characters.
    home = Path(tempfile.mkdtemp(prefix="cgpg"))
    data, owner = home / "data", None
    if os.geteuid() == 0:  # the server refuses to run as root
        owner = "nobody"
        shutil.chown(home, owner)
    try:
        run = {"check": True, "capture_output": True, "user": owner, "cwd": home}
        subprocess.run([initdb, "-D", data, "-U", "cgflow", "-A", "trust", "-E", "UTF8"], **run)
        options = (
            f"-c listen_addresses= -c unix_socket_directories={home} -c max_connections=200 -c fsync=off"
        )
        subprocess.run([pg_ctl, "-D", data, "-w", "-l", home / "log", "-o", options, "start"], **run)
        try:
            database = Database(f"postgresql+psycopg://cgflow@/postgres?host={home}")
            yield database
            database.close()
        finally:
            subprocess.run([pg_ctl, "-D", data, "-m", "immediate", "stop"], **run)
    finally:
        shutil.rmtree(home, ignore_errors=True)
