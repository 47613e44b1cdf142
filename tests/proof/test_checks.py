"""The check reports each possible fault of a database started on a snapshot."""

from __future__ import annotations

from typing import cast

import pytest

from tests.proof.checks import check_recovered
from tests.proof.database import Database, DatabaseBroken
from tests.proof.load import Mark

BEFORE, AFTER = Mark(begun=91, committed=90), Mark(begun=111, committed=110)


class ScriptedDatabase:
    """A database that gives predefined answers."""

    def __init__(
        self,
        *,
        log: str = "automatic recovery in progress",
        rows: tuple[object, ...] = (100, 1, 100),
        balances: tuple[object, ...] = (7, 7, 7, 7),
        is_clean: bool = True,
    ) -> None:
        self._log, self._rows, self._balances, self._is_clean = log, rows, balances, is_clean

    def adopt(self) -> None:
        return

    def start(self) -> None:
        return

    def log(self) -> str:
        return self._log

    def query_row(self, query: str) -> tuple[object, ...]:
        return self._balances if "balance" in query else self._rows

    def run(self, name: str, *_: object) -> None:
        if not self._is_clean:
            raise DatabaseBroken(f"{name} failed")


def check(database: ScriptedDatabase) -> int:
    return check_recovered(cast(Database, database), BEFORE, AFTER)


def test_an_intact_database_passes() -> None:
    assert check(ScriptedDatabase()) == 100
    assert check(ScriptedDatabase(rows=(90, 1, 90))) == 90
    assert check(ScriptedDatabase(rows=(111, 1, 111))) == 111


@pytest.mark.parametrize(
    ("database", "fault"),
    [
        (ScriptedDatabase(log="database system was shut down"), "not copied while it ran"),
        (ScriptedDatabase(rows=(99, 1, 100)), "1 are missing"),
        (ScriptedDatabase(rows=(99, 2, 100)), "are missing"),
        (ScriptedDatabase(rows=(0, None, None)), "has no rows"),
        (ScriptedDatabase(rows=(89, 1, 89)), "1 rows are lost"),
        (ScriptedDatabase(rows=(112, 1, 112)), "1 rows were begun after"),
        (ScriptedDatabase(balances=(7, 7, 8, 7)), "balances differ"),
        (ScriptedDatabase(is_clean=False), "pg_amcheck failed"),
    ],
)
def test_every_fault_is_named(database: ScriptedDatabase, fault: str) -> None:
    with pytest.raises(DatabaseBroken, match=fault):
        check(database)
