"""Unfinished flows of earlier releases are finished or undone by this one, or refused with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import pytest
from sqlalchemy import text

from cgflow.db.database import Database
from cgflow.db.upgrade import upgrade
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.status import UNFINISHED, FlowState
from flows.acceptance import Accepted
from flows.catalog import OPERATIONS
from tests.stories.record_histories import (
    FORWARD,
    HISTORIES,
    PHASES,
    History,
    exported,
    read_histories,
    record,
    write_histories,
)
from tests.stories.scripts import SCRIPTS
from tests.support.world import World, await_flow_reason, world

RELEASES = {file.name.removesuffix(".json.xz"): read_histories(file) for file in HISTORIES.glob("*.json.xz")}
RECORDED = [(release, name) for release in sorted(RELEASES) for name in sorted(RELEASES[release])]
# The columns that change when a flow is taken over and refused; all others stay.
NOTED = {"reason", "epoch", "conductor", "started_at"}


@contextmanager
def resumed(history: History, folder: Path) -> Iterator[World]:
    """Serve a database and a backend as they were left, after an upgrade of the schema."""
    url = f"sqlite:///{folder / 'cgflow.db'}"
    upgrade(url, history["schema"])
    database = Database(url)
    with database.write() as session:
        # Remove the rows that a new schema contains first, referring rows before the rows they refer to.
        for table in reversed(history["rows"]):
            session.execute(text(f"DELETE FROM {table}"))
        for table, rows in history["rows"].items():
            names = list(rows[0])
            marks = ", ".join(f":{name}" for name in names)
            session.execute(text(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"), rows)
    database.close()
    driver = MemoryDriver()
    for event in history["backend"]:
        driver._state.apply_event(event)
    with world(folder, driver, url=url) as made:
        yield made


def test_every_operation_is_recorded_half_way_there_and_half_way_back() -> None:
    assert RELEASES
    for release, histories in RELEASES.items():
        assert histories.keys() >= {f"{operation}.{phase}" for operation in OPERATIONS for phase in PHASES}, (
            release
        )


@pytest.mark.parametrize(("release", "name"), RECORDED)
def test_it_is_finished_or_undone(release: str, name: str, tmp_path: Path) -> None:
    history = RELEASES[release][name]
    (left,) = [row for row in history["rows"]["flows"] if row["id"] == history["flow_id"]]
    assert left["state"] in UNFINISHED, "it was recorded half-done"
    with resumed(history, tmp_path) as w:
        flow = w.finish(Accepted(history["flow_id"], history["resource_id"]))
        mends = SCRIPTS[history["operation"]].mends and flow.state is not FlowState.SUCCESS
        assert [fault for fault in w.faults() if not (mends and history["resource_id"] in fault)] == []
    assert flow.epoch > left["epoch"]
    if history["phase"] == FORWARD:
        assert flow.state is FlowState.SUCCESS, flow.reason
    elif SCRIPTS[history["operation"]].forward:
        assert flow.state in (FlowState.SUCCESS, FlowState.REVERTED)
    else:
        assert flow.state is FlowState.REVERTED
        assert "injected" in str(flow.reason), "the reason is that of the release that began it"


@pytest.mark.parametrize(
    ("column", "other", "words"), [("version", 99, "version 99"), ("fingerprint", "0", "graph")]
)
def test_one_that_does_not_fit_is_refused_and_left_untouched(
    column: str, other: object, words: str, tmp_path: Path
) -> None:
    """S134."""
    history = deepcopy(RELEASES["0.1"][f"cgsnapshot.create.{FORWARD}"])
    (left,) = [row for row in history["rows"]["flows"] if row["id"] == history["flow_id"]]
    left[column] = other
    with resumed(history, tmp_path) as w:
        inventory = w.driver.inventory()
        reason = await_flow_reason(w, history["flow_id"])
        assert words in reason
        after = exported(w.database)
        assert w.driver.inventory() == inventory
    before = history["rows"]
    for table in (
        "flow_events",
        "logbooks",
        "flowdetails",
        "atomdetails",
        "cgsnapshots",
        "snapshots",
        "volumes",
    ):
        # Ignore columns that were added since.
        was = before.get(table, [])
        assert (
            [{name: row[name] for name in was[0]} for row in after[table]] == was if was else not after[table]
        )
    (kept,) = [row for row in after["flows"] if row["id"] == history["flow_id"]]
    assert {key for key in left if kept[key] != left[key]} <= NOTED


def test_the_recorder_records_what_is_stored_here(tmp_path: Path) -> None:
    """The recorder still works, which the next release needs."""
    file = tmp_path / "made.json.xz"
    write_histories(file, {"volume.create": record("volume.create", FORWARD, tmp_path)})
    made = read_histories(file)["volume.create"]
    assert made.keys() == RELEASES["0.1"][f"volume.create.{FORWARD}"].keys()
    (tmp_path / "again").mkdir()
    with resumed(made, tmp_path / "again") as w:
        assert w.finish(Accepted(made["flow_id"], made["resource_id"])).state is FlowState.SUCCESS
        assert w.faults() == []
