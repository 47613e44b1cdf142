"""An outage of the database is one line when it begins and one when it ends."""

from __future__ import annotations

import logging
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import event, exc, text

from cgflow.db import database as databases
from cgflow.db.database import Database


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setattr(databases, "_BUSY_TIMEOUT_S", 0.01)
    return Database(f"sqlite:///{tmp_path / 'x.db'}")


def write(db: Database) -> None:
    with db.write() as session:
        session.execute(text("CREATE TABLE IF NOT EXISTS t (v TEXT)"))


def read(db: Database) -> None:
    with db.read() as session:
        session.execute(text("SELECT 1"))


def test_one_line_each(db: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cgflow")
    write(db)
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(20):
        with pytest.raises(exc.OperationalError):
            write(db)
        read(db)
    assert [record.message for record in caplog.records] == [
        "the database takes no writes: database is locked"
    ]
    assert caplog.records[0].exc_info is None
    other.close()
    caplog.clear()
    for _ in range(20):
        write(db)
    assert [record.message for record in caplog.records] == ["the database takes writes again"]
    db.close()


def test_many_threads_say_it_once(db: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(db)
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    def fail() -> None:
        with pytest.raises(exc.OperationalError):
            write(db)

    threads = [threading.Thread(target=fail) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(caplog.records) == 1
    other.close()
    db.close()


def test_what_is_wrong_with_a_statement_is_no_outage(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(exc.OperationalError), db.write() as session:
        session.execute(text("SELECT * FROM nothing"))
    assert caplog.records == []
    db.close()


def test_a_connection_that_was_opened_while_nothing_could_be_written_is_given_up(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    first = Database(f"sqlite:///{file}")
    write(first)
    first.close()
    db = Database(f"sqlite:///file:{file}?mode=ro&uri=true")
    opened: list[object] = []
    event.listen(db.engine, "connect", lambda connection, _: opened.append(connection))
    # Simulates a read-only file system: the file exists, and cannot be written to.
    for _ in range(2):
        with pytest.raises(exc.OperationalError, match="readonly"), db.write() as session:
            session.execute(text("INSERT INTO t VALUES ('x')"))
    assert len(opened) == 2
    db.close()
