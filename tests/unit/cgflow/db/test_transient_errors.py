"""Transient errors of the database: recognised and logged once."""

from __future__ import annotations

import logging
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import event, exc, text

from cgflow.db import database as databases
from cgflow.db.database import Database
from cgflow.db.transient_errors import is_unavailable


def refusal(db: Database, statement: str) -> Exception:
    with pytest.raises(exc.DBAPIError) as caught, db.write() as session:
        session.execute(text(statement))
    return caught.value


def test_wrong_statements_stay_wrong(database_url: str) -> None:
    db = Database(database_url)
    for statement in (
        "SELECT * FROM nowhere",
        "SELEKT 1",
        "CREATE TABLE a (b INTEGER PRIMARY KEY, b INTEGER)",
    ):
        assert not is_unavailable(refusal(db, statement)), statement
    with db.write() as session:
        session.execute(text("CREATE TABLE once (id INTEGER PRIMARY KEY)"))
        session.execute(text("INSERT INTO once VALUES (1)"))
    assert not is_unavailable(refusal(db, "INSERT INTO once VALUES (1)"))
    assert not is_unavailable(ValueError("nothing of a database"))
    db.close()


def test_a_locked_file_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "_BUSY_TIMEOUT_S", 0)
    db = Database(f"sqlite:///{tmp_path / 'test.db'}")
    with db.write() as session:
        session.execute(text("CREATE TABLE once (id INTEGER PRIMARY KEY)"))
    other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert is_unavailable(refusal(db, "INSERT INTO once VALUES (1)"))
    other.close()
    db.close()


def test_a_turn_that_never_comes_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "_TURN_TIMEOUT_S", 0)
    db = Database(f"sqlite:///{tmp_path / 'test.db'}")
    with db.write(), pytest.raises(exc.TimeoutError) as caught, db.write():
        pass
    assert is_unavailable(caught.value)
    with db.write() as session:
        assert session.execute(text("SELECT 1")).scalar_one() == 1
    db.close()


def test_a_server_that_is_not_there_is_away(tmp_path: Path) -> None:
    db = Database(f"postgresql+psycopg://cgflow@/none?host={tmp_path}")
    assert is_unavailable(refusal(db, "SELECT 1"))
    db.close()


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
        "the database does not accept writes: database is locked"
    ]
    assert caplog.records[0].exc_info is None
    other.close()
    caplog.clear()
    for _ in range(20):
        write(db)
    assert [record.message for record in caplog.records] == ["the database accepts writes again"]
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
