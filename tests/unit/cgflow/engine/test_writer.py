"""The writer: a flow's saves are stored once and in order, by its thread or by the transactions of steps."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from cgflow import clock
from cgflow.db.database import Database
from cgflow.db.repositories import flow as flows
from cgflow.engine import writer as writer_module
from cgflow.engine.writer import Owner, Save, Writer
from cgflow.errors import FenceLost, FinalDriverError
from tests.support.small_flows import accept_flow, create_database

PATIENCE_S = 30


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    made = create_database(database_url)
    yield made
    made.close()


@pytest.fixture
def writer(db: Database) -> Writer:
    """A writer whose thread is not started, so that the transactions of steps alone store something."""
    return Writer(db, lambda _flow_id, _seq: None)


@pytest.fixture
def running_writer(writer: Writer) -> Iterator[Writer]:
    writer.start()
    yield writer
    writer.stop()


@pytest.fixture
def owner(db: Database) -> Owner:
    return Owner(accept_flow(db), 0)


def save(owner: Owner, seq: int) -> Save:
    """Return a save with one event; the flow's reason is the number of the save that was stored last."""
    row = {"flow_id": owner.flow_id, "seq": seq, "at": clock.now(), "atom": "test.step"}
    columns = {"from_state": None, "to_state": "RUNNING", "attempt": 1, "duration_ms": None}
    stored = {**row, **columns, "conductor": "here", "detail": None}
    return Save(owner, events=[stored], flow={"reason": str(seq)})


def guarded(db: Database, writer: Writer, owner: Owner) -> Database:
    return db.with_guard(lambda: writer.guard_transaction(owner))


def stored(db: Database, owner: Owner) -> tuple[list[int], str | None]:
    """Return the numbers of the flow's events, and its reason."""
    with db.read() as session:
        events = [each.seq for each in flows.all_events(session, owner.flow_id)]
        return events, flows.get(session, owner.flow_id, None).reason


def test_saves_of_a_failed_transaction_are_stored_before_later_ones(
    db: Database, writer: Writer, owner: Owner
) -> None:
    writer.put(save(owner, 2))
    with pytest.raises(FinalDriverError), guarded(db, writer, owner).write():
        writer.put(save(owner, 3))
        raise FinalDriverError("broken")
    assert stored(db, owner) == ([1], None)
    assert owner.durable == 0
    with guarded(db, writer, owner).write():
        pass
    assert stored(db, owner) == ([1, 2, 3], "3")


def test_the_thread_stores_at_once_what_a_failed_transaction_put_back(
    db: Database, running_writer: Writer, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A save that nobody waits for is not stored.
    monkeypatch.setattr(writer_module, "LINGER_S", 3600.0)
    first = running_writer.put(save(owner, 2))
    with pytest.raises(FinalDriverError), guarded(db, running_writer, owner).write():
        running_writer.put(save(owner, 3))
        raise FinalDriverError("broken")
    running_writer.wait_durable(owner, first)
    assert stored(db, owner) == ([1, 2, 3], "3")


def test_a_commit_whose_answer_was_lost_stores_no_event_twice(
    db: Database, writer: Writer, owner: Owner
) -> None:
    def lose(_: Session) -> None:
        raise OperationalError("COMMIT", {}, sqlite3.OperationalError("no answer"))

    writer.put(save(owner, 2))
    with pytest.raises(OperationalError), guarded(db, writer, owner).write() as session:
        event.listen(session, "after_commit", lose, once=True)
    assert stored(db, owner) == ([1, 2], "2")
    writer.put(save(owner, 3))
    with guarded(db, writer, owner).write():
        pass
    assert stored(db, owner) == ([1, 2, 3], "3")


def test_two_transactions_of_a_flow_do_not_overlap(
    writer: Writer, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the second could be stored without the saves that the first has taken."""
    moments: SimpleQueue[str] = SimpleQueue()
    wait = writer._committed.wait

    def report_and_wait(timeout: float | None = None) -> bool:
        moments.put("waits")
        return wait(timeout)

    def enter() -> None:
        with writer.guard_transaction(owner):
            moments.put("entered")

    monkeypatch.setattr(writer._committed, "wait", report_and_wait)
    second = threading.Thread(target=enter)
    with writer.guard_transaction(owner):
        second.start()
        assert moments.get(timeout=PATIENCE_S) == "waits"
        assert moments.empty()
    second.join(PATIENCE_S)
    assert not second.is_alive()


def test_transactions_of_other_flows_do_not_wait(db: Database, writer: Writer, owner: Owner) -> None:
    other = Owner(accept_flow(db), 0)
    writer.put(save(owner, 2))
    writer.put(save(other, 2))
    with writer.guard_transaction(owner), guarded(db, writer, other).write():
        pass
    assert stored(db, other) == ([1, 2], "2")
    assert stored(db, owner) == ([1], None)


def test_the_thread_leaves_the_saves_of_a_flow_in_a_transaction(
    db: Database, running_writer: Writer, owner: Owner
) -> None:
    """Otherwise a later save could be stored without an earlier one."""
    other = Owner(accept_flow(db), 0)
    with running_writer.guard_transaction(owner):
        position = running_writer.put(save(owner, 2))
        running_writer.wait_durable(other, running_writer.put(save(other, 2)))
        assert stored(db, owner) == ([1], None)
    running_writer.wait_durable(owner, position)
    assert stored(db, owner) == ([1, 2], "2")


def test_a_stale_owner_stores_nothing_together_with_the_new_one(
    db: Database, writer: Writer, owner: Owner
) -> None:
    """One process has taken the flow over from itself, and both runs have saves in the queue."""
    stale = [owner, *(Owner(owner.flow_id, 0) for _ in range(3))]
    with db.write() as session:
        flows.take_ownership(session, owner.flow_id, "here", 0)
    new = Owner(owner.flow_id, 1)
    for seq, each in enumerate([*stale, new], start=2):
        writer.put(save(each, seq))
    writer.start()
    writer.wait_durable(new, writer.put(save(new, 7)))
    writer.stop()
    assert stored(db, owner) == ([1, 6, 7], "7")
    assert [type(each.lost) for each in stale] == [FenceLost] * len(stale)
