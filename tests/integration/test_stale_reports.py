"""A database outage longer than the silence allowed to a backend is not attributed to the backend.

No reports could be written meanwhile, so a step that depends on a backend's state queries it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from cgflow import clock
from cgflow.db.repositories import backend as backends
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule, FaultyDriver
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.status import FlowState
from flows import service
from tests.stories.scripts import SCRIPTS
from tests.support.database_outage import OutageWitness, hold_steps, shorten_retries
from tests.support.failing_steps import StepPoint
from tests.support.postgresql_server import PostgresServer, postgres_server
from tests.support.world import HOST, World, world

pytestmark = pytest.mark.real

# Periodic reports are off: all stored reports are written by steps.
SCHEDULER = {"service_down_time": 3, "report_interval": 3600}
PLACED = ["consistencygroup.create", "volume.create", "cgsnapshot.create", "volume.extend"]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A separate server, because the tests stop it."""
    with postgres_server() as made:
        yield made


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_retries(monkeypatch)


class Hands:
    """A clock that a test can advance."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._real, self._ahead = clock.now, timedelta()
        monkeypatch.setattr(clock, "now", lambda: self._real() + self._ahead)

    def move_on(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    return Hands(monkeypatch)


@contextmanager
def outage(server: PostgresServer, noticed: OutageWitness, hands: Hands) -> Iterator[None]:
    """Stop the server for ten times as long as a backend may be silent."""
    server.stop()
    try:
        yield
        noticed.wait(2)
        hands.move_on(10 * SCHEDULER["service_down_time"])
    finally:
        server.start()


def reported(w: World) -> tuple[bool, str | None]:
    with w.database.read() as session:
        found = backends.get(session, HOST)
    return found.is_up, found.reason


@pytest.mark.postgresql
@pytest.mark.parametrize("is_down", [False, True], ids=["up", "down"])
def test_a_long_outage_is_not_taken_for_a_backend_that_is_down(
    is_down: bool, server: PostgresServer, hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backend that is really down still refuses, with its own message."""
    noticed, faults = OutageWitness(monkeypatch), FaultSchedule()
    driver = FaultyDriver(MemoryDriver(), faults)
    with (
        hold_steps(monkeypatch) as steps,
        world(tmp_path, driver, url=server.new_url(), scheduler=SCHEDULER) as w,
    ):
        for operation in PLACED:
            target = SCRIPTS[operation].arrange(w)
            before = w.state()
            gate = steps.at(StepPoint("placement.schedule", "execute", "before"))
            accepted = SCRIPTS[operation].act(w, target)
            assert gate.reached.wait(30)
            with outage(server, noticed, hands):
                if is_down:
                    faults.add_fault(Fault("report", "final", times=None))
                gate.open()
            flow = w.finish(accepted)
            faults.clear()
            told = f"{operation}: {flow.state} ({flow.reason})"
            assert w.faults() == [], told
            if is_down:
                assert flow.state is FlowState.REVERTED, told
                assert "is down since" in str(flow.reason), told
                assert "report failed by order" in str(flow.reason), told
                assert w.state() == before, told
                assert reported(w)[0] is False
                w.service.record_reports()
            else:
                assert flow.state is FlowState.SUCCESS, told


def test_a_backend_that_is_up_again_is_asked_before_it_is_refused(tmp_path: Path, hands: Hands) -> None:
    faults = FaultSchedule()
    with world(tmp_path, FaultyDriver(MemoryDriver(), faults), scheduler=SCHEDULER) as w:
        w.type()
        faults.add_fault(Fault("report", "final"))
        w.service.record_reports()
        assert reported(w) == (False, "report failed by order (before its effect)")
        hands.move_on(60)
        w.make(w.accept_volume())
        assert reported(w) == (True, None)


def test_a_report_that_is_fresh_is_believed(tmp_path: Path, hands: Hands) -> None:
    faults = FaultSchedule()
    with world(tmp_path, FaultyDriver(MemoryDriver(), faults), scheduler=SCHEDULER) as w:
        w.type()
        w.service.record_reports()
        faults.add_fault(Fault("report", "final", times=None))
        hands.move_on(SCHEDULER["service_down_time"] - 1)
        w.make(w.accept_volume())
        assert faults.firings == ()


def test_a_silent_backend_of_another_process_is_refused(
    tmp_path: Path, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = MemoryDriver()
    with world(tmp_path, driver, host="there@memory", scheduler=SCHEDULER):
        pass
    monkeypatch.setattr(service.Service, "record_reports", lambda _: None)
    with world(tmp_path, driver, scheduler=SCHEDULER) as w:
        w.type()
        hands.move_on(60)
        flow = w.finish(w.accept_volume())
        assert flow.state is FlowState.REVERTED
        assert "there@memory: has not reported since" in str(flow.reason)
