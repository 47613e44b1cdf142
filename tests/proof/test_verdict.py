"""The verdict reports each possible fault of a database started on a snapshot."""

from __future__ import annotations

from typing import cast

import pytest

from tests.proof.database import Database, DatabaseBroken
from tests.proof.load import Mark
from tests.proof.verdict import judge

BEFORE, AFTER = Mark(begun=91, committed=90), Mark(begun=111, committed=110)


class Told:
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

    def ask(self, query: str) -> tuple[object, ...]:
        return self._balances if "balance" in query else self._rows

    def run(self, name: str, *_: object) -> None:
        if not self._is_clean:
            raise DatabaseBroken(f"{name} objects")


def verdict(told: Told) -> int:
    return judge(cast(Database, told), BEFORE, AFTER)


def test_what_is_as_it_has_to_be_passes() -> None:
    assert verdict(Told()) == 100
    assert verdict(Told(rows=(90, 1, 90))) == 90
    assert verdict(Told(rows=(111, 1, 111))) == 111


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Told(log="database system was shut down"), "not copied at work"),
        (Told(rows=(99, 1, 100)), "1 are missing"),
        (Told(rows=(99, 2, 100)), "are missing"),
        (Told(rows=(0, None, None)), "no rows at all"),
        (Told(rows=(89, 1, 89)), "1 rows are lost"),
        (Told(rows=(112, 1, 112)), "1 rows are there that were begun after"),
        (Told(balances=(7, 7, 8, 7)), "balances differ"),
        (Told(is_clean=False), "pg_amcheck objects"),
    ],
)
def test_whatever_is_wrong_is_named(told: Told, words: str) -> None:
    with pytest.raises(DatabaseBroken, match=words):
        verdict(told)
