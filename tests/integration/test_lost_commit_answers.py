"""A commit succeeds and its confirmation is lost: accepted work runs, and no event is recorded twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from api.app import create_app
from cgflow.db.repositories import flow as flow_rows
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.engine import writer
from cgflow.status import FlowState
from flows.acceptance import Accepted
from tests.functional.caller import Caller
from tests.stories.scripts import SCRIPTS
from tests.support.database_outage import check_each_step_ran_once, check_retry_later, shorten_retries
from tests.support.world import CALLER, World, world


def test_a_commit_whose_answer_is_lost_counts(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller gets 503, but the request was accepted: its flow runs to its end."""
    with world(tmp_path, MemoryDriver(), url=database_url) as w:
        caller = Caller(create_app(w.runtime).test_client(), CALLER.project_id)
        kind = caller.type()
        with answers_lost(w, monkeypatch):
            check_retry_later(caller, "POST", "/volumes", {"volume": {"size": 1, "volume_type": kind}})
        (volume,) = w.all("volume")
        assert w.finish(Accepted(volume.flow_id, volume.id)).state is FlowState.SUCCESS
        assert w.faults() == []
        (volume,) = w.all("volume")
        assert volume.status == "available"


@contextmanager
def answers_lost(w: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lose the confirmation of the next commit of an acceptance: it is made, and the caller gets an error."""
    real = w.database.write
    left = [True]

    @contextmanager
    def write() -> Iterator[object]:
        with real() as session:
            yield session
        if threading.current_thread() is threading.main_thread() and left and left.pop():
            raise broken()

    with monkeypatch.context() as patch:
        patch.setattr(w.database, "write", write)
        yield


@pytest.mark.parametrize("is_away", [True, False], ids=["away", "refused"])
@pytest.mark.parametrize("operation", ["volume.create", "volume.revert", "volume.delete"])
def test_the_commit_of_an_operation_whose_answer_is_lost_counts(
    operation: str, is_away: bool, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is not repeated, and the operation is not undone, whatever the error is."""
    shorten_retries(monkeypatch)
    commit = flow_rows.record_commit
    made: list[str] = []

    def record(session: Session, flow_id: str, epoch: int, *, heeds_cancel: bool = True) -> None:
        commit(session, flow_id, epoch, heeds_cancel=heeds_cancel)
        made.append(flow_id)

        def lose(_: Session) -> None:
            raise broken() if is_away else ProgrammingError("COMMIT", {}, ValueError("no answer"))

        event.listen(session, "after_commit", lose, once=True)

    with world(tmp_path, MemoryDriver(), url=database_url) as w:
        target = SCRIPTS[operation].arrange(w)
        monkeypatch.setattr(flow_rows, "record_commit", record)
        flow = w.finish(SCRIPTS[operation].act(w, target))
        assert (flow.state, made) == (FlowState.SUCCESS, [flow.id])
        assert flow.committed_at is not None
        assert w.faults() == []


def broken() -> Exception:
    lost = psycopg.OperationalError("server closed the connection unexpectedly")
    return OperationalError("COMMIT", {}, lost)


def test_a_batch_whose_answer_is_lost_is_not_told_twice(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each commit of the engine is made and its confirmation lost, the first time."""
    shorten_retries(monkeypatch)
    real = writer.Writer._write_with_retry

    def insist(self: writer.Writer, batch: list[writer.Save]) -> None:
        lose = [True]
        write_rows = self._database.write_rows

        @contextmanager
        def lossy() -> Iterator[object]:
            with write_rows() as connection:
                yield connection
            if lose and lose.pop():
                raise broken()

        with monkeypatch.context() as patch:
            patch.setattr(self, "_database", type("Lossy", (), {"write_rows": staticmethod(lossy)})())
            real(self, batch)

    monkeypatch.setattr(writer.Writer, "_write_with_retry", insist)
    with world(tmp_path, MemoryDriver(), url=database_url) as w:
        group_id = w.group_of(2)
        accepted = w.accept_cgsnapshot(group_id)
        assert w.finish(accepted).state is FlowState.SUCCESS
        check_each_step_ran_once(w, accepted)
        assert w.faults() == []
