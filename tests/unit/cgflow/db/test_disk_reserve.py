"""Disk space reserved for the database: which transactions may use it, on a file system that is full."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import exc, text

from cgflow.db.database import Database
from cgflow.db.disk_reserve import DiskReserve, may_use_disk_reserve
from cgflow.db.transient_errors import is_unavailable
from tests.support.disks import fill_file_system
from tests.support.requirements import mount_tmpfs

ROW = "x" * 2000


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    with mount_tmpfs(tmp_path / "small", "size=24m") as folder:
        yield folder


@pytest.fixture
def db(small: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{small / 'x.db'}", DiskReserve(small / "x.db.reserve"))
    with made.write() as session:
        session.execute(text("CREATE TABLE t (v TEXT)"))
    yield made
    made.close()


def insert(db: Database, rows: int = 50) -> None:
    with db.write() as session:
        session.execute(text("INSERT INTO t VALUES (:v)"), [{"v": ROW}] * rows)


def test_the_room_is_kept_from_the_beginning(db: Database, small: Path) -> None:
    assert db.has_full_reserve
    assert (small / "x.db.reserve").stat().st_size == 2**20


def test_a_full_disk_takes_what_frees_space_alone(db: Database, small: Path) -> None:
    fill_file_system(small)
    with pytest.raises(exc.OperationalError, match="full"):
        insert(db)
    assert db.has_full_reserve, "what does not free space leaves the room alone"

    with may_use_disk_reserve():
        insert(db)
    assert not db.has_full_reserve
    with pytest.raises(exc.OperationalError, match="full") as refused:
        insert(db, 1)
    assert is_unavailable(refused.value), "who can wait waits"
    insert(db.with_disk_reserve())
    with db.read() as session:
        assert session.execute(text("SELECT count(*) FROM t")).scalar() == 100


def test_whoever_takes_what_was_given_does_not_get_all(db: Database, small: Path) -> None:
    fill_file_system(small)
    for _ in range(3):
        with may_use_disk_reserve():
            insert(db)
        fill_file_system(small)
    insert(db.with_disk_reserve())


def test_the_room_is_kept_again_when_there_is_enough(db: Database, small: Path) -> None:
    filler = fill_file_system(small)
    with may_use_disk_reserve():
        insert(db)
    filler.unlink()
    insert(db)
    assert db.has_full_reserve


def test_what_frees_space_leaves_the_room_alone_while_there_is_enough(db: Database) -> None:
    with may_use_disk_reserve():
        insert(db)
    assert db.has_full_reserve
