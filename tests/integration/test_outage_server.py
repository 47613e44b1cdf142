"""The database server goes away as in a crash: callers get errors, flows wait, none is lost or repeated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.app import create_app
from cgflow.drivers.fault_injection.faulty_driver import FaultyDriver
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.status import FlowState
from tests.functional.caller import Caller
from tests.stories.scripts import SCRIPTS
from tests.support.database_outage import (
    OutageWitness,
    await_all_flows,
    check_each_step_ran_once,
    check_retry_later,
    hold_steps,
    shorten_retries,
)
from tests.support.driver_faults import CallRecorder
from tests.support.failing_steps import StepPoint
from tests.support.postgresql_server import PostgresServer, postgres_server
from tests.support.world import CALLER, World, world

pytestmark = [pytest.mark.postgresql, pytest.mark.real]

READS = ("/volumes", "/flows", "/consistencygroups/detail", "/limits", "/types")
MOMENTS = [
    ("volume.create", StepPoint("placement.schedule", "execute", "before")),
    ("volume.create", StepPoint("driver.create_volume", "execute", "after")),
    ("volume.create", StepPoint("record.commit", "execute", "before")),
    ("volume.create", StepPoint("record.commit", "execute", "after")),
    ("cgsnapshot.create", StepPoint("record.create_snapshots", "execute", "before")),
    ("cgsnapshot.create", StepPoint("driver.cut", "execute", "after")),
    ("cgsnapshot.create", StepPoint("record.commit", "execute", "before")),
    ("cgsnapshot.delete", StepPoint("driver.delete_snapshot", "execute", "before")),
    ("cgsnapshot.delete", StepPoint("record.destroy", "execute", "before")),
    ("volume.extend", StepPoint("claim.change", "execute", "before")),
]
UNDOING = [
    ("cgsnapshot.create", StepPoint("driver.prepare", "revert", "before")),
    ("cgsnapshot.create", StepPoint("record.create_snapshots", "revert", "before")),
    ("cgsnapshot.create", StepPoint("claim.create", "revert", "before")),
    ("volume.create", StepPoint("placement.schedule", "revert", "after")),
]
LAST = StepPoint("record.commit", "execute", "before")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A separate server, because the tests stop it."""
    with postgres_server() as made:
        yield made


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_retries(monkeypatch)


@contextmanager
def away(server: PostgresServer) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


def calls_of(w: World, calls: CallRecorder, operation: str) -> dict[str, int]:
    target = SCRIPTS[operation].arrange(w)
    calls.begin()
    assert w.finish(SCRIPTS[operation].act(w, target)).state is FlowState.SUCCESS
    return dict(calls.made)


def test_flows_wait_for_a_server_and_go_on(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outage comes in the middle of each of these steps and undos, also in the step's own transaction."""
    noticed = OutageWitness(monkeypatch)
    calls = CallRecorder()
    with (
        hold_steps(monkeypatch) as steps,
        world(tmp_path, FaultyDriver(MemoryDriver(), calls), url=server.new_url()) as w,
    ):
        w.quota(snapshots=-1, volumes=-1, consistencygroups=-1, gigabytes=-1)
        for operation, point in [*MOMENTS, *UNDOING]:
            is_undo = point.phase == "revert"
            steps.stop()
            undisturbed = calls_of(w, calls, operation)
            target = SCRIPTS[operation].arrange(w)
            before = w.state()
            calls.begin()
            gate = steps.at(point)
            if is_undo:
                steps.order(lambda reached: reached == LAST)
            accepted = SCRIPTS[operation].act(w, target)
            assert gate.reached.wait(30), f"{operation} never came to {point}"
            with away(server):
                gate.open()
                noticed.wait()
            flow = w.finish(accepted)
            made = dict(calls.made)
            told = f"{operation} at {point}: {flow.state} ({flow.reason})"
            assert flow.state is (FlowState.REVERTED if is_undo else FlowState.SUCCESS), told
            assert w.faults() == [], told
            check_each_step_ran_once(w, accepted)
            if is_undo:
                assert w.state() == before, told
            else:
                assert made == undisturbed, f"{told}: a driver call was made twice"
        assert await_all_flows(w) == []


def test_callers_are_told_and_served_again(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(tmp_path, MemoryDriver(capacity_gib=10_000), url=server.new_url()) as w:
        caller = Caller(create_app(w.runtime).test_client(), CALLER.project_id)
        kind = caller.type()
        volume_id = caller.volume(volume_type=kind)
        with away(server):
            for path in READS:
                check_retry_later(caller, "GET", path)
            check_retry_later(caller, "POST", "/volumes", {"volume": {"size": 1, "volume_type": kind}})
            check_retry_later(caller, "DELETE", f"/volumes/{volume_id}")
        # Old pooled connections do not interfere: the first response is correct.
        for path in READS:
            assert caller.get(path).status_code == 200, path
        assert volume_id in caller.get("/volumes").text
        caller.volume(volume_type=kind)
        assert w.faults() == []


def test_an_accepted_flow_is_taken_up_when_the_server_returns(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noticed = OutageWitness(monkeypatch)
    with world(tmp_path, MemoryDriver(), url=server.new_url()) as w:
        w.type()
        with monkeypatch.context() as patch:
            patch.setattr(w.runtime.conductor, "submit_flow", lambda _: None)
            accepted = w.accept_volume()
        with away(server):
            w.runtime.conductor.submit_flow(accepted.flow_id)
            noticed.wait(2)
        assert w.finish(accepted).state is FlowState.SUCCESS
        assert w.faults() == []


def test_a_stop_does_not_wait_and_the_next_start_finishes(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step's own transaction waits for the server when the service is stopped: the step does not fail."""
    noticed = OutageWitness(monkeypatch)
    url, driver = server.new_url(), MemoryDriver()
    with hold_steps(monkeypatch) as steps:
        with world(tmp_path, driver, url=url) as w:
            w.type()
            gate = steps.at(StepPoint("record.commit", "execute", "before"))
            accepted = w.accept_volume()
            assert gate.reached.wait(30)
            server.stop()
            try:
                gate.open()
                noticed.wait(2)
                w.service.stop()
            finally:
                server.start()
        with world(tmp_path, driver, url=url) as w:
            flow = w.finish(accepted)
            assert (flow.state, flow.epoch) == (FlowState.SUCCESS, 2), flow.reason
            assert w.faults() == []
