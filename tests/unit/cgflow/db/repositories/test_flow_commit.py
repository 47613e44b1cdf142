"""A flow's row decides, irrevocably, between its commit, a cancel and a takeover."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from cgflow.db.database import Database
from cgflow.db.repositories import flow as flows
from cgflow.engine import flow_actions
from cgflow.errors import AlreadyCommitted, CancelRequested, FenceLost, InvalidState
from tests.support.small_flows import accept_flow, create_database

ROUNDS = 25


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    made = create_database(database_url)
    yield made
    made.close()


@pytest.fixture
def flow_id(db: Database) -> str:
    return taken(db, accept_flow(db))


def taken(db: Database, flow_id: str, epoch: int = 0) -> str:
    with db.write() as session:
        assert flows.take_ownership(session, flow_id, "here", epoch) is not None
    return flow_id


def committed(db: Database, flow_id: str, epoch: int = 1, *, heeds_cancel: bool = True) -> None:
    with db.write() as session:
        flows.record_commit(session, flow_id, epoch, heeds_cancel=heeds_cancel)


def cancelled(db: Database, flow_id: str) -> None:
    with db.write() as session:
        # Read the row before locking it, as a request does that looks the flow up first.
        flows.get(session, flow_id, None)
        flow_actions.request_cancel(session, flow_id, flow_actions.Actor("u", "req-1"), "no", "Delete it.")


def is_committed(db: Database, flow_id: str) -> bool:
    with db.read() as session:
        assert flows.is_committed(session, flow_id) is (
            flows.get(session, flow_id, None).committed_at is not None
        )
        return flows.is_committed(session, flow_id)


def test_a_flow_commits_once(db: Database, flow_id: str) -> None:
    assert not is_committed(db, flow_id)
    committed(db, flow_id)
    assert is_committed(db, flow_id)
    with pytest.raises(AlreadyCommitted):
        committed(db, flow_id)
    with pytest.raises(InvalidState, match=r"committed its change. Delete it\."):
        cancelled(db, flow_id)


def test_a_commit_that_is_rolled_back_is_not_recorded(db: Database, flow_id: str) -> None:
    def fail() -> None:
        with db.write() as session:
            flows.record_commit(session, flow_id, 1)
            raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - our own
        fail()
    assert not is_committed(db, flow_id)
    cancelled(db, flow_id)


def test_a_cancel_that_was_first_refuses_the_commit(db: Database, flow_id: str) -> None:
    cancelled(db, flow_id)
    with pytest.raises(CancelRequested, match="Cancelled by u: no"):
        committed(db, flow_id)
    assert not is_committed(db, flow_id)
    committed(db, flow_id, heeds_cancel=False)
    assert is_committed(db, flow_id)


def test_who_lost_the_flow_does_not_commit_it(db: Database, flow_id: str) -> None:
    taken(db, flow_id, epoch=1)
    with pytest.raises(FenceLost):
        committed(db, flow_id)
    assert not is_committed(db, flow_id)
    committed(db, flow_id, epoch=2)
    with pytest.raises(FenceLost):
        committed(db, flow_id)


def test_of_a_commit_and_a_cancel_at_once_one_is_done(db: Database) -> None:
    for _ in range(ROUNDS):
        flow_id = taken(db, accept_flow(db))
        together = threading.Barrier(2)
        done = []

        def meet(do: object, flow_id: str = flow_id, together: threading.Barrier = together) -> None:
            together.wait(30)
            try:
                do(db, flow_id)  # type: ignore[operator]
            except (CancelRequested, InvalidState):
                return
            done.append(do)  # noqa: B023 - of this round

        threads = [threading.Thread(target=meet, args=(do,)) for do in (committed, cancelled)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(done) == 1
        assert is_committed(db, flow_id) is (done == [committed])
