"""Errors of an unavailable database, as opposed to those of a wrong statement; both are provoked for real."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import exc, text

from cgflow.db import database as databases
from cgflow.db.database import Database
from cgflow.db.error_classes import is_unavailable


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
