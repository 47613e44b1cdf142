"""A storage daemon that hangs or has died is reported, and delays nothing else."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import pytest

from cgflow.drivers.contract import VolumeSpec
from cgflow.drivers.qsd import home_registry
from cgflow.drivers.qsd.qemu import daemon_process
from cgflow.errors import BusyDriverError
from tests.support.qsd_fixture import (
    BLOCK,
    QsdDriverFixture,
    read_block,
    snapshot_specs,
    take_cgsnapshot,
    write_block,
)
from tests.support.requirements import poll_until

pytestmark = pytest.mark.real

HUNG = VolumeSpec("v0", 1, "g")
OTHER = VolumeSpec("other-v0", 1, "other")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watchdog that checks very often, and treats a daemon as silent soon."""
    monkeypatch.setattr(home_registry, "INTERVAL_S", 0.05)
    monkeypatch.setattr(home_registry, "PROBE_EVERY_S", 0.1)
    monkeypatch.setattr(home_registry, "SILENCE_S", 0.5)
    monkeypatch.setattr(daemon_process, "ADOPT_PATIENCE", 1.0)


@pytest.fixture
def stopped(bench: QsdDriverFixture, impatient: None) -> Iterator[int]:
    """Two groups under a driver that is not started; the daemon of the first is stopped. Yields its pid."""
    bench.make_group(1)
    bench.make_group(1, "other")
    for volume in (HUNG, OTHER):
        write_block(bench.driver, volume, 1)
    bench.driver.stop()
    pid = bench.pid("g")
    os.kill(pid, signal.SIGSTOP)
    yield pid
    os.kill(pid, signal.SIGCONT)


def answering(bench: QsdDriverFixture) -> list[str]:
    return [problem for problem in bench.driver.report().problems if "does not answer" in problem]


def refused(call: Callable[[], object]) -> None:
    with pytest.raises(BusyDriverError, match="storage-daemon of g .*does not answer"):
        call()


def test_a_start_does_not_wait_for_a_daemon_that_does_not_answer(
    bench: QsdDriverFixture, stopped: int
) -> None:
    driver = bench.start()
    assert read_block(driver, OTHER) == b"\1" * BLOCK
    (problem,) = driver.inventory().problems
    assert f"(pid {stopped})" in problem
    assert answering(bench) == [problem]
    refused(lambda: driver.prepare(snapshot_specs([HUNG], "c")[0]))
    refused(lambda: driver.extend_volume(HUNG, 2))
    assert driver.inventory().volumes == {"v0", "other-v0"}
    os.kill(stopped, signal.SIGCONT)
    poll_until(lambda: not answering(bench), "the daemon found to answer again")
    assert read_block(driver, HUNG) == b"\1" * BLOCK
    assert bench.pid("g") == stopped, "it is the same daemon"
    assert driver.report().incidents == ()
    take_cgsnapshot(driver, [HUNG], "c")


def test_a_daemon_that_stops_answering_is_told_and_calls_are_refused(
    bench: QsdDriverFixture, impatient: None
) -> None:
    bench.make_group(1)
    bench.make_group(1, "other")
    bench.start()
    pid = bench.pid("g")
    os.kill(pid, signal.SIGSTOP)
    try:
        poll_until(lambda: bool(answering(bench)), "the daemon found to be silent")
        refused(lambda: bench.driver.prepare(snapshot_specs([HUNG], "c")[0]))
        take_cgsnapshot(bench.driver, [OTHER], "d")
    finally:
        os.kill(pid, signal.SIGCONT)
    poll_until(lambda: not answering(bench), "the daemon found to answer again")
    take_cgsnapshot(bench.driver, [HUNG], "c")
    assert bench.driver.inventory().problems == ()


def test_a_silent_daemon_that_is_killed_is_started_again_and_told(
    bench: QsdDriverFixture, stopped: int
) -> None:
    driver = bench.start()
    os.kill(stopped, signal.SIGKILL)
    poll_until(lambda: not answering(bench), "another daemon")
    take_cgsnapshot(driver, [HUNG], "c")
    assert read_block(driver, HUNG) == b"\1" * BLOCK
    (incident,) = driver.report().incidents
    assert (incident.number, incident.subject) == (1, "g")
    write_block(driver, HUNG, 2)


def test_each_death_of_a_daemon_is_told_once(bench: QsdDriverFixture) -> None:
    bench.make_group(1)
    assert bench.driver.report().capabilities["data_service_restarts"] == 0
    for number in (1, 2):
        pid = bench.pid("g")
        os.kill(pid, signal.SIGKILL)
        poll_until(lambda pid=pid: bench.pid_recorded("g") not in (None, pid), "another daemon")
        take_cgsnapshot(bench.driver, [HUNG], f"c{number}")
        found = bench.driver.report()
        assert found.capabilities["data_service_restarts"] == number
        assert [incident.number for incident in found.incidents] == list(range(1, number + 1))
        assert "clients were disconnected" in found.incidents[-1].words
    bench.driver.stop()
    bench.kill_daemon("g")
    assert [incident.subject for incident in bench.start().report().incidents] == ["g"], "while nobody looked"
    assert bench.start().report().incidents == (), "it was adopted"


def test_a_daemon_that_is_ended_on_purpose_is_no_incident(bench: QsdDriverFixture) -> None:
    bench.make_group(1)
    bench.driver.delete_volume(HUNG)
    bench.driver.delete_group("g")
    bench.make_group(1)
    assert bench.driver.report().incidents == ()
