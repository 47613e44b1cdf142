"""Flow actions on a flow whose undo failed: retry, skip, abandon; and cancel for a running flow."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from cgflow.db.models import Flow as Row
from cgflow.db.repositories import flow as flows
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.engine import conductor
from cgflow.errors import InvalidState, NotFound
from cgflow.records import Flow
from cgflow.status import FlowState
from flows import flow_actions
from flows.acceptance import Accepted
from tests.support.failing_steps import StepFaults, StepPoint, inject_step_faults
from tests.support.small_flows import Gate
from tests.support.world import CALLER, World, world

COMMIT = StepPoint("record.commit", "execute", "before")


def stuck(w: World, sabotage: StepFaults, monkeypatch: pytest.MonkeyPatch) -> tuple[Accepted, Flow]:
    """A cgsnapshot whose last step failed, and then the undo of its cut; it is not retried automatically."""
    monkeypatch.setattr(conductor, "UNDO_ATTEMPTS", 0)
    group_id = w.group_of(2)
    sabotage.order(lambda point: point in (COMMIT, StepPoint("driver.cut", "revert", "before")))
    accepted = w.accept_cgsnapshot(group_id)
    flow = w.finish(accepted)
    assert flow.state is FlowState.ROLLBACK_FAILED
    return accepted, flow


def told(w: World, flow_id: str, action: str) -> list[str]:
    """Return the users of a flow action, as the events record them."""
    with w.database.read() as session:
        events = flows.all_events(session, flow_id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    results = [event.detail.get("result") for event in events if event.detail]
    return [result["by"] for result in results if isinstance(result, dict) and result.get("action") == action]


def test_only_what_may_be_there_is_called_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with inject_step_faults(monkeypatch) as sabotage, world(tmp_path, MemoryDriver()) as w:
        _, flow = stuck(w, sabotage, monkeypatch)
        left = [str(item["task"]).partition("[")[0] for item in flow.leftovers]
        assert left[0] == "driver.cut", "what failed comes first"
        assert sorted(left[1:]) == ["driver.prepare", "driver.prepare", "record.create_snapshots"]


def test_retry_finishes_the_undo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with inject_step_faults(monkeypatch) as sabotage, world(tmp_path, MemoryDriver()) as w:
        accepted, flow = stuck(w, sabotage, monkeypatch)
        assert [item["task"] for item in flow.leftovers if item["state"] == "REVERT_FAILURE"] == [
            "driver.cut"
        ]
        flow_actions.retry(w.runtime, CALLER, accepted.flow_id)
        again = w.finish(accepted)
        assert again.state is FlowState.REVERTED
        assert again.leftovers == ()
        assert w.faults() == []
        assert told(w, accepted.flow_id, "retry") == [CALLER.user_id]


def test_it_is_retried_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductor, "UNDO_PAUSE_S", 0.0)
    with inject_step_faults(monkeypatch) as sabotage, world(tmp_path, MemoryDriver()) as w:
        group_id = w.group_of(2)
        sabotage.order(lambda point: point in (COMMIT, StepPoint("driver.cut", "revert", "after")))
        accepted = w.accept_cgsnapshot(group_id)
        flow = w.finish(accepted)
        if flow.state is FlowState.ROLLBACK_FAILED:
            assert flow.undo_at is not None
            w.runtime.event_signal.wait(accepted.flow_id, _newest(w, accepted), 10)
            flow = w.finish(accepted)
        assert flow.state is FlowState.REVERTED
        assert w.faults() == []
        assert told(w, accepted.flow_id, "retry") == ["cgflow"]


def _newest(w: World, accepted: Accepted) -> int:
    with w.database.read() as session:
        return flows.all_events(session, accepted.flow_id)[-1].seq


def test_skip_takes_the_operator_at_his_word_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with inject_step_faults(monkeypatch) as sabotage, world(tmp_path, MemoryDriver()) as w:
        accepted, _ = stuck(w, sabotage, monkeypatch)
        with pytest.raises(InvalidState, match="is SUCCESS"):
            flow_actions.skip(w.runtime, CALLER, accepted.flow_id, task="quota.reserve", reason="why not")
        with pytest.raises(NotFound, match="no step"):
            flow_actions.skip(w.runtime, CALLER, accepted.flow_id, task="nothing", reason="why not")
        flow_actions.skip(w.runtime, CALLER, accepted.flow_id, task="driver.cut", reason="removed by hand")
        flow = w.finish(accepted)
        assert flow.state is FlowState.REVERTED
        assert [(item["task"], item["reason"]) for item in flow.skipped] == [
            ("driver.cut", "removed by hand")
        ]
        assert w.faults() == [], "what was skipped had been undone by the steps above it"
        assert told(w, accepted.flow_id, "skip")


def test_abandon_lets_everything_go_and_keeps_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with inject_step_faults(monkeypatch) as sabotage, world(tmp_path, MemoryDriver()) as w:
        accepted, stood = stuck(w, sabotage, monkeypatch)
        flow_actions.abandon(w.runtime, CALLER, accepted.flow_id, reason="the array is gone")
        with w.database.read() as session:
            flow = flows.get(session, accepted.flow_id, None)
        assert flow.state is FlowState.ABANDONED
        assert flow.leftovers == stood.leftovers
        thing = w.get("cgsnapshot", accepted.resource_id)
        assert "the array is gone" in str(thing.reason)
        held = [
            one.id
            for noun in ("consistencygroup", "cgsnapshot", "volume")
            for one in w.all(noun)
            if one.claimed_by
        ]
        assert held == []
        with pytest.raises(InvalidState, match="abandoned"):
            flow_actions.retry(w.runtime, CALLER, accepted.flow_id)


def test_cancel_undoes_a_running_flow_at_its_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    driver = MemoryDriver()
    real = driver.prepare

    def held_up(snapshot: object) -> None:
        gate()
        real(snapshot)  # type: ignore[arg-type]

    with world(tmp_path, driver) as w:
        group_id = w.group_of(1)
        before = w.state()
        monkeypatch.setattr(driver, "prepare", held_up)
        accepted = w.accept_cgsnapshot(group_id)
        assert gate.reached.wait(10)
        flow_actions.cancel(w.runtime, CALLER, accepted.flow_id, reason="wrong group")
        gate.open()
        flow = w.finish(accepted)
        assert flow.state is FlowState.REVERTED
        assert flow.reason == f"Cancelled by {CALLER.user_id}: wrong group"
        assert w.state() == before
        assert w.faults() == []
        with pytest.raises(InvalidState, match="reverted"):
            flow_actions.cancel(w.runtime, CALLER, accepted.flow_id, reason="again")


def test_a_cancel_that_the_owner_could_not_record_is_recorded_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(tmp_path, MemoryDriver()) as w:
        w.type()
        with monkeypatch.context() as patch:
            patch.setattr(w.runtime.conductor, "submit_accepted_flow", lambda *_: None)
            accepted = w.accept_group()
        with w.database.write() as session:
            session.execute(update(Row).where(Row.id == accepted.flow_id).values(conductor="lost:1", epoch=1))
        flow_actions.cancel(w.runtime, CALLER, accepted.flow_id, reason="wrong type")
        assert told(w, accepted.flow_id, "cancel") == [], "the events of a flow are numbered by its owner"
        w.runtime.conductor.submit_flow(accepted.flow_id)
        flow = w.finish(accepted)
        assert (flow.state, flow.reason) == (
            FlowState.REVERTED,
            f"Cancelled by {CALLER.user_id}: wrong type",
        )
        assert told(w, accepted.flow_id, "cancel") == [CALLER.user_id]


def test_what_runs_or_has_ended_is_not_resumed(tmp_path: Path) -> None:
    with world(tmp_path, MemoryDriver()) as w:
        w.type()
        accepted = w.accept_group()
        w.make(accepted)
        with pytest.raises(InvalidState, match="has ended"):
            flow_actions.resume(w.runtime, CALLER, accepted.flow_id)
        with pytest.raises(NotFound):
            flow_actions.retry(w.runtime, CALLER, "no-such-flow")
