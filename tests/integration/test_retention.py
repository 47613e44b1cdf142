"""Old history is deleted, but never that of existing resources or of unfinished flows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from cgflow import clock, config
from cgflow.db import retention
from cgflow.db.database import Database
from cgflow.db.models import (
    ATOMDETAILS,
    FLOWDETAILS,
    LOGBOOKS,
    ConsistencyGroup,
    Flow,
    FlowEvent,
    Reservation,
    Volume,
)
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.db.retention import Retention
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.status import FlowState, ReservationState
from flows.acceptance import Accepted
from flows.service import DELETE_INTERVAL_S, Service
from tests.support.bulk_history import BulkHistory, add_flows_in_bulk
from tests.support.database_schema import migrate
from tests.support.history_queries import query_plans
from tests.support.world import World, world


@pytest.fixture
def w(tmp_path: Path, database_url: str) -> Iterator[World]:
    with world(tmp_path, MemoryDriver(), url=database_url) as made:
        yield made


def age(w: World, flow_id: str, days: int) -> None:
    ended = clock.now() - timedelta(days=days)
    with w.database.write() as session:
        session.execute(update(Flow).where(Flow.id == flow_id).values(ended_at=ended))


def flow_ids(database: Database) -> set[str]:
    with database.read() as session:
        return set(session.scalars(select(Flow.id)))


def traces(w: World, flow_id: str) -> dict[str, int]:
    """Return the number of rows of a flow in each table."""
    wanted: list[tuple[Any, Any]] = [
        (Flow.__table__, Flow.id),
        (FlowEvent.__table__, FlowEvent.flow_id),
        (Reservation.__table__, Reservation.id),
        (LOGBOOKS, LOGBOOKS.c.uuid),
        (FLOWDETAILS, FLOWDETAILS.c.uuid),
        (ATOMDETAILS, ATOMDETAILS.c.parent_uuid),
    ]
    with w.database.read() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table).where(key == flow_id)) or 0
            for table, key in wanted
        }


def done(w: World, accepted: Accepted) -> str:
    assert w.finish(accepted).state is FlowState.SUCCESS
    return accepted.flow_id


def gone_volume(w: World) -> tuple[str, str, str]:
    """Create and delete a volume; return its id and the ids of both flows."""
    made = w.accept_volume(kind=None)
    made_by = done(w, made)
    return made.resource_id, made_by, done(w, w.delete_volume(made.resource_id))


def forget(w: World, **bounds: int) -> int:
    return Retention(w.database, **{"max_age_days": 0, "max_flows": 0, **bounds}).delete_old_flows()


def test_by_default_nothing_is_forgotten(w: World) -> None:
    _, made_by, deleted_by = gone_volume(w)
    age(w, made_by, 100_000)
    assert forget(w) == 0
    assert flow_ids(w.database) == {made_by, deleted_by}


def test_what_is_old_enough_goes_with_all_that_was_told_of_it(w: World) -> None:
    volume_id, made_by, deleted_by = gone_volume(w)
    assert min(traces(w, made_by).values()) > 0, "each table has something to forget"
    age(w, made_by, 31)
    age(w, deleted_by, 29)
    assert forget(w, max_age_days=30) == 1
    assert set(traces(w, made_by).values()) == {0}
    assert flow_ids(w.database) == {deleted_by}
    age(w, deleted_by, 31)
    with w.database.read() as session:
        kept = session.execute(select(Volume).where(Volume.id == volume_id)).unique().scalar_one()
    assert kept.flow_id == deleted_by
    assert forget(w, max_age_days=30) == 1
    with w.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Volume)) == 0
    assert w.faults() == []


def test_rows_of_deleted_things_go_with_their_history(w: World) -> None:
    """A group with a snapshot of each member is deleted while another group exists."""
    group_id = w.group_of(2)
    living = w.make(w.accept_group())
    cgsnapshot = w.accept_cgsnapshot(group_id)
    done(w, cgsnapshot)
    done(w, w.delete_cgsnapshot(cgsnapshot.resource_id))
    done(w, w.delete_group(group_id))
    for flow_id in flow_ids(w.database):
        age(w, flow_id, 31)
    forget(w, max_age_days=30)
    with w.database.read() as session:
        for rows in REPOSITORIES.values():
            assert session.scalar(select(func.count()).where(rows.model.deleted.is_(True))) == 0
        assert session.scalars(select(ConsistencyGroup.id)).all() == [living]
    assert w.faults() == []


def test_of_a_living_thing_the_newest_flows_and_its_making_are_kept(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "KEPT_PER_RESOURCE", 2)
    made = w.accept_volume(kind=None)
    made_by = done(w, made)
    grown = [done(w, w.extend(made.resource_id, size)) for size in (2, 3, 4, 5)]
    for days, flow_id in zip((40, 39, 38, 37, 36), (made_by, *grown), strict=True):
        age(w, flow_id, days)
    assert forget(w, max_age_days=30) == 2
    assert flow_ids(w.database) == {made_by, *grown[2:]}


def test_the_service_does_it_by_its_configuration(w: World, tmp_path: Path) -> None:
    _, made_by, deleted_by = gone_volume(w)
    age(w, made_by, 31)
    file = tmp_path / "cgflow.conf"
    file.write_text("[history]\nmax_age_days = 30\n")
    service = Service(config.load_config([file]), w.database, {})
    (forgetting,) = [work for work in service._periodic if work._name == "forget"]
    forgetting._work()
    assert flow_ids(w.database) == {deleted_by}


def test_what_made_a_living_thing_is_kept(w: World) -> None:
    group_id = w.group_of(2)
    accepted = w.accept_cgsnapshot(group_id)
    done(w, accepted)
    grown = w.all("volume")[0].id
    done(w, w.extend(grown, 2))
    there = flow_ids(w.database)
    for flow_id in there:
        age(w, flow_id, 1000)
    assert forget(w, max_age_days=1, max_flows=1) == 0
    assert flow_ids(w.database) == there, "group, members, an extension, and the cgsnapshot are all there"
    deleted_by = done(w, w.delete_cgsnapshot(accepted.resource_id))
    age(w, deleted_by, 1000)
    assert forget(w, max_age_days=1) == 1
    assert there - flow_ids(w.database) == {accepted.flow_id}
    assert deleted_by in flow_ids(w.database), "the group, which lives, still names it"
    assert w.faults() == []


def test_the_newest_are_kept(w: World) -> None:
    gone = [flow for _ in range(3) for flow in gone_volume(w)[1:]]
    for days, flow_id in enumerate(reversed(gone)):
        age(w, flow_id, days)
    assert forget(w, max_flows=4) == 2
    assert flow_ids(w.database) == set(gone[2:])
    assert forget(w, max_flows=4) == 0
    assert forget(w, max_flows=4, max_age_days=3) == 1, "either bound is enough"
    assert flow_ids(w.database) == set(gone[3:])


@pytest.mark.parametrize(
    "state", [state for state in FlowState if state not in ("success", "reverted", "abandoned")]
)
def test_what_is_not_over_is_kept(w: World, state: FlowState) -> None:
    _, made_by, deleted_by = gone_volume(w)
    for flow_id in (made_by, deleted_by):
        age(w, flow_id, 100)
    with w.database.write() as session:
        session.execute(update(Flow).where(Flow.id == made_by).values(state=state.value))
    assert forget(w, max_age_days=1, max_flows=1) == 1
    assert flow_ids(w.database) == {made_by}


def test_a_reservation_that_is_held_keeps_its_flow(w: World) -> None:
    _, made_by, deleted_by = gone_volume(w)
    for flow_id in (made_by, deleted_by):
        age(w, flow_id, 100)
    held = update(Reservation).where(Reservation.id == made_by)
    with w.database.write() as session:
        session.execute(held.values(state=ReservationState.RESERVED.value))
    assert forget(w, max_age_days=1) == 1
    assert flow_ids(w.database) == {made_by}


def test_a_failure_half_way_leaves_whole_flows(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = [flow for _ in range(3) for flow in gone_volume(w)[1:]]
    for flow_id in gone:
        age(w, flow_id, 100)
    monkeypatch.setattr(retention, "BATCH_SIZE", 2)
    forget_two: Callable[..., None] = retention.delete_flows
    calls = iter([forget_two])

    def once(session: Any, ids: list[str]) -> None:
        forget_two(session, ids)
        if next(calls, None) is None:
            raise RuntimeError("power cut")

    monkeypatch.setattr(retention, "delete_flows", once)
    with pytest.raises(RuntimeError, match="power cut"):
        forget(w, max_age_days=1)
    left = flow_ids(w.database)
    assert len(left) == len(gone) - 2
    assert all(traces(w, flow_id)["flow_events"] for flow_id in left)


def test_neither_looking_nor_deleting_scans_a_table(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'test.db'}"
    migrate(url)
    database = Database(url)
    filled = add_flows_in_bulk(database, 2000)

    def ask(session: Session, _: BulkHistory) -> None:
        retention.deletable_flows(session, before=clock.now(), keep=1, limit=10)

    seen = query_plans(database, filled, ask)
    with database.read() as session:
        for noun in ("volumes", "snapshots", "cgsnapshots", "consistencygroups"):
            # The database's own lookups of referring rows when a flow is deleted.
            for column in ("flow_id", "claimed_by"):
                look = f"EXPLAIN QUERY PLAN SELECT 1 FROM {noun} WHERE {column} = 'x'"
                seen += [row[-1] for row in session.execute(text(look))]
    database.close()
    assert len(seen) == 2 + 8
    assert [plan for plan in seen if "SCAN" in plan] == []


def test_more_is_forgotten_than_users_can_make() -> None:
    # A hundred operations a second are more than any database accepts.
    assert retention.MAX_PER_ROUND >= 100 * DELETE_INTERVAL_S
