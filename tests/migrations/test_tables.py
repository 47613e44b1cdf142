"""The tables of the seed's patch (S110 to S113), as the migrations make them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Inspector, inspect, text
from sqlalchemy.exc import IntegrityError

from cgflow.db import upgrade as schema
from cgflow.db.database import Database

OWNED = {"id", "user_id", "project_id", "name", "description", "status"}
SOFT = {"created_at", "updated_at", "deleted_at", "deleted"}


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Inspector]:
    database = Database(f"sqlite:///{tmp_path}/cgflow.sqlite")
    schema.upgrade(database)
    yield inspect(database.engine)
    database.close()


def columns(tables: Inspector, table: str) -> dict[str, bool]:
    """Return the columns of a table, and whether each may be null."""
    return {column["name"]: bool(column["nullable"]) for column in tables.get_columns(table)}


def refers(tables: Inspector, table: str, column: str) -> set[str]:
    return {
        str(key["referred_table"])
        for key in tables.get_foreign_keys(table)
        if key["constrained_columns"] == [column]
    }


def test_groups_have_the_known_columns_s110(tables: Inspector) -> None:
    found = columns(tables, "consistencygroups")
    assert found.keys() >= OWNED | SOFT | {"host", "availability_zone", "cgsnapshot_id", "source_cgid"}
    assert (found["project_id"], found["host"], found["name"]) == (False, True, True)


def test_cgsnapshots_have_the_known_columns_s111(tables: Inspector) -> None:
    found = columns(tables, "cgsnapshots")
    assert found.keys() >= OWNED | SOFT | {"consistencygroup_id"}
    assert not found["consistencygroup_id"]
    assert refers(tables, "cgsnapshots", "consistencygroup_id") == {"consistencygroups"}


@pytest.mark.parametrize(
    ("table", "column", "of"),
    [
        ("volumes", "consistencygroup_id", "consistencygroups"),
        ("snapshots", "cgsnapshot_id", "cgsnapshots"),
    ],
)
def test_what_is_in_no_group_has_none_s112(tables: Inspector, table: str, column: str, of: str) -> None:
    assert columns(tables, table)[column], "may be null"
    assert refers(tables, table, column) == {of}


def test_types_of_a_group_are_rows_of_their_own_s113(tables: Inspector) -> None:
    assert "volume_type_id" not in columns(tables, "consistencygroups")
    assert refers(tables, "consistencygroup_volume_types", "consistencygroup_id") == {"consistencygroups"}
    assert refers(tables, "consistencygroup_volume_types", "volume_type_id") == {"volume_types"}


def test_of_each_volume_one_offer_stands_the_newest(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/offers.sqlite")
    schema.upgrade(database, "0012")
    told = (
        "INSERT INTO transfers (id, volume_id, project_id, salt, key_hash, no_snapshots, created_at, deleted)"
    )
    offer = text(f"{told} VALUES (:id, :volume, 'p', '', '', 0, :at, :gone)")
    offers = [("old", "v", 1, 0), ("new", "v", 2, 0), ("gone", "v", 3, 1), ("other", "w", 1, 0)]

    def add(id_: str, volume: str, at: int, gone: int) -> None:
        with database.write() as session:
            values = {"id": id_, "volume": volume, "at": f"2026-01-0{at} 00:00:00.000000", "gone": gone}
            session.execute(offer, values)

    add_volumes(database, "v", "w")
    for one in offers:
        add(*one)
    schema.upgrade(database)
    with database.read() as session:
        standing = session.execute(text("SELECT id FROM transfers WHERE NOT deleted ORDER BY id")).scalars()
        assert list(standing) == ["new", "other"]
    with pytest.raises(IntegrityError, match="transfers.volume_id"):
        add("second", "v", 4, 0)
    add("ended", "v", 5, 1)
    database.close()


def add_volumes(database: Database, *ids: str) -> None:
    """Insert volumes of which nothing is known but that they are there."""
    with database.write() as session:
        for id_ in ids:
            known = {
                "id": id_,
                "user_id": "u",
                "project_id": "p",
                "status": "awaiting-transfer",
                "size": 1,
                "availability_zone": "nova",
                "created_at": "2026-01-01 00:00:00.000000",
                "volume_metadata": "{}",
                "image_metadata": "{}",
            }
            names = [*known, *("consumes_quota", "deleted", "bootable")]
            values = [f":{name}" if name in known else "0" for name in names]
            told = f"INSERT INTO volumes ({', '.join(names)}) VALUES ({', '.join(values)})"
            session.execute(text(told), known)
