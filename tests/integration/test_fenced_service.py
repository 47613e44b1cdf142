"""Two services over one storage: the later one fences the earlier one before it takes the flows over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.app import create_app
from cgflow import records
from cgflow.db.repositories import backend as backends
from cgflow.db.repositories import flow as flows
from cgflow.drivers.contract import StorageDriver, SupportsFencing
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule, wrap_with_faults
from cgflow.engine import conductor as conductors
from cgflow.engine import takeover
from cgflow.errors import SessionFenced
from cgflow.status import UNFINISHED, FlowState
from flows import flow_actions
from flows.acceptance import Accepted
from tests.functional.caller import Caller, check_fault
from tests.support.database_outage import HoldingStepFaults, hold_steps
from tests.support.failing_steps import StepPoint
from tests.support.folder_driver import FolderDriver
from tests.support.small_flows import Gate
from tests.support.world import CALLER, HOST, World, world


class Two:
    """One storage and one database, for a service that starts while an earlier one still runs."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder, self._url = folder, url
        self.faults = FaultSchedule()

    def driver(self) -> StorageDriver:
        return wrap_with_faults(FolderDriver(self._folder / "backend"), self.faults)

    @contextmanager
    def service(self) -> Iterator[World]:
        with world(self._folder, self.driver(), url=self._url) as w:
            yield w


@dataclass
class Stuck:
    """A service in the middle of a flow; ``gate`` lets it continue, ``steps`` may hold other steps."""

    world: World
    accepted: Accepted
    gate: Gate
    steps: HoldingStepFaults

    @property
    def name(self) -> str:
        return self.world.service.conductor.name


@pytest.fixture
def two(tmp_path: Path, database_url: str) -> Two:
    return Two(tmp_path, database_url)


@contextmanager
def stuck(two: Two, monkeypatch: pytest.MonkeyPatch, point: StepPoint) -> Iterator[Stuck]:
    """Yield a service that is held in a step of a volume's creation; services started later are not held."""
    with hold_steps(monkeypatch) as steps, two.service() as old:
        old.type()
        gate = steps.at(point)
        accepted = old.accept_volume()
        assert gate.reached.wait(30)
        try:
            yield Stuck(old, accepted, gate, steps)
        finally:
            gate.open()


BEFORE_THE_CALL = StepPoint("driver.create_volume", "execute", "before")


def flow_of(w: World, accepted: Accepted) -> records.Flow:
    with w.database.read() as session:
        return flows.get(session, accepted.flow_id, None)


def wait_for_a_note(w: World, accepted: Accepted) -> records.Flow:
    for _ in range(600):
        flow = flow_of(w, accepted)
        if flow.reason is not None or flow.state not in UNFINISHED:
            return flow
        w.runtime.event_signal.wait(accepted.flow_id, 10_000, 0.05)
    raise AssertionError("nothing was noted on the flow")


def test_the_session_is_fenced_while_the_flow_still_names_its_owner(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the new process dies after the fence, the next one finds which session to fence."""
    seen: list[tuple[str | None, int, str]] = []

    def looking(self: FolderDriver, session: str, real=FolderDriver.fence) -> None:
        flow = flow_of(old.world, old.accepted)
        seen.append((flow.conductor, flow.epoch, session))
        real(self, session)

    with stuck(two, monkeypatch, BEFORE_THE_CALL) as old:
        monkeypatch.setattr(FolderDriver, "fence", looking)
        with two.service() as new:
            assert new.finish(old.accepted).state is FlowState.SUCCESS
        assert seen == [(old.name, 1, old.name)]


def test_a_death_between_fence_and_taking_leaves_nobody_unfenced(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    fenced: list[str] = []

    def noting(self: FolderDriver, session: str, real=FolderDriver.fence) -> None:
        fenced.append(session)
        real(self, session)

    with stuck(two, monkeypatch, BEFORE_THE_CALL) as old:
        monkeypatch.setattr(FolderDriver, "fence", noting)
        with monkeypatch.context() as patch:
            patch.setattr(takeover.flows, "take_ownership", lambda *_: None)
            with two.service() as dying:
                dying.service.conductor.stop()
            assert flow_of(old.world, old.accepted).conductor == old.name
        with two.service() as new:
            assert new.finish(old.accepted).state is FlowState.SUCCESS
        assert fenced == [old.name, old.name]


@pytest.mark.parametrize("kind", ["busy", "final", "ambiguous"])
def test_a_flow_is_left_until_its_owner_is_shut_out(
    two: Two, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with stuck(two, monkeypatch, BEFORE_THE_CALL) as old:
        two.faults.add_fault(Fault("fence", kind, times=None))  # type: ignore[arg-type]
        with two.service() as new:
            flow = wait_for_a_note(new, old.accepted)
            assert (flow.state, flow.epoch, flow.conductor) == (FlowState.RUNNING, 1, old.name)
            assert f"conductor {old.name}" in str(flow.reason)
            assert "fence failed by order" in str(flow.reason)
            two.faults.clear()
            new.service.conductor.retry_takeovers()
            ended = new.finish(old.accepted)
            assert (ended.state, ended.epoch, ended.reason) == (FlowState.SUCCESS, 2, None)
            assert new.faults() == []


def test_who_finds_it_taken_by_another_leaves_it(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two services that take over a flow, the later must not take it from the first, which is unfenced."""
    at_fence = Gate()

    def slow(self: FolderDriver, session: str, real=FolderDriver.fence) -> None:
        at_fence()
        real(self, session)

    with stuck(two, monkeypatch, BEFORE_THE_CALL) as old, monkeypatch.context() as patch:
        patch.setattr(FolderDriver, "fence", slow)
        with two.service() as late:
            assert at_fence.reached.wait(30)
            patch.undo()
            gate = old.steps.at(StepPoint("driver.create_volume", "execute", "after"))
            with two.service() as first:
                assert gate.reached.wait(30)
                at_fence.open()
                late.service.conductor.stop()
                flow = flow_of(first, old.accepted)
                assert (flow.conductor, flow.epoch) == (first.service.conductor.name, 2)
                gate.open()
                assert first.finish(old.accepted).state is FlowState.SUCCESS


def test_a_service_that_was_shut_out_does_no_harm_and_says_so(
    two: Two, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with stuck(two, monkeypatch, BEFORE_THE_CALL) as old, two.service() as new:
        volume = new.make(old.accepted)
        before = flow_of(new, old.accepted), new.state()
        old.gate.open()
        let_go(old)
        assert (flow_of(new, old.accepted), new.state()) == before
        # It makes no report, which would mark the backend as down for all.
        old.world.service.record_reports()
        with new.database.read() as session:
            assert backends.get(session, HOST).is_up
        assert f"Session {old.name} was shut out" in caplog.text
        # It accepts no work that it could not run; reading continues.
        caller = Caller(create_app(old.world.runtime).test_client(), CALLER.project_id)
        answers = [
            caller.call("POST", "/volumes", {"volume": {"size": 1, "volume_type": "fast"}}),
            caller.call("DELETE", f"/volumes/{volume}"),
            caller.call("POST", f"/volumes/{volume}/action", {"os-initialize_connection": {"connector": {}}}),
        ]
        for answer in answers:
            assert "Restart this service" in check_fault(answer, 503, "serviceUnavailable")
        assert caller.get(f"/volumes/{volume}").status_code == 200
        assert new.faults() == []


def let_go(old: Stuck) -> None:
    """Wait until the held service has noticed the fence and runs no flow."""
    conductor = old.world.service.conductor
    for _ in range(600):
        if not conductor.runs_flow(old.accepted.flow_id):
            break
        conductor.watch.wait(old.accepted.flow_id, 10_000, 0.05)
    with pytest.raises(SessionFenced):
        for _ in range(600):
            conductor.check_not_fenced()
            conductor.watch.wait(old.accepted.flow_id, 10_000, 0.05)


def test_a_retry_shuts_nobody_out(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flow with a failed undo had ended: none of its calls is running, so its conductor is not fenced."""
    monkeypatch.setattr(conductors, "UNDO_ATTEMPTS", 0)
    two.faults.add_fault(Fault("delete_volume", "final"))
    with hold_steps(monkeypatch) as steps, two.service() as old:
        old.type()
        steps.order(lambda point: point == StepPoint("record.commit", "execute", "before"))
        accepted = old.accept_volume()
        assert old.finish(accepted).state is FlowState.ROLLBACK_FAILED
        steps.stop()
        with two.service() as new:
            flow_actions.retry(new.runtime, CALLER, accepted.flow_id)
            assert new.finish(accepted).state is FlowState.REVERTED
        old.make(old.accept_volume())


def test_no_two_starts_have_the_same_session(two: Two) -> None:
    names = []
    for _ in range(3):
        with two.service() as w:
            names.append(w.service.conductor.name)
    assert len(set(names)) == 3, "the pid is the same, as in a container"


def test_the_ability_is_not_lost_under_faults(two: Two) -> None:
    assert isinstance(two.driver(), SupportsFencing)
