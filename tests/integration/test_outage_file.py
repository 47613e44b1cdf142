"""The embedded database cannot be written to: another process has locked it, or its disk is full."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.app import create_app
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.status import FlowState
from tests.functional.caller import Caller
from tests.support.database_outage import (
    OutageWitness,
    await_all_flows,
    check_each_step_ran_once,
    check_retry_later,
    hold_steps,
    shorten_retries,
)
from tests.support.disks import fill_file_system
from tests.support.failing_steps import StepPoint
from tests.support.requirements import mount_tmpfs
from tests.support.world import CALLER, world


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_retries(monkeypatch)


LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the database's lock in another process."""
    command = [sys.executable, "-c", LOCKER, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as locker:
        try:
            assert locker.stdout is not None
            assert locker.stdout.readline() == "locked\n"
            yield
        finally:
            assert locker.stdin is not None
            locker.stdin.close()
            locker.wait(30)


@pytest.mark.parametrize("step", ["placement.schedule", "driver.create_volume", "record.commit"])
def test_a_locked_file_is_waited_for(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noticed = OutageWitness(monkeypatch)
    with hold_steps(monkeypatch) as steps, world(tmp_path, MemoryDriver()) as w:
        caller = Caller(create_app(w.runtime).test_client(), CALLER.project_id)
        kind = caller.type("fast")
        gate = steps.at(StepPoint(step, "execute", "before"))
        accepted = w.accept_volume()
        assert gate.reached.wait(30)
        with locked(tmp_path / "cgflow.db"):
            gate.open()
            noticed.wait()
            check_retry_later(caller, "POST", "/volumes", {"volume": {"size": 1, "volume_type": kind}})
            assert caller.get("/volumes").status_code == 200, "who only reads is served"
        assert w.finish(accepted).state is FlowState.SUCCESS
        check_each_step_ran_once(w, accepted)
        caller.volume(volume_type=kind)
        assert await_all_flows(w) == []
        assert w.faults() == []


def test_a_full_disk_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noticed = OutageWitness(monkeypatch)
    with (
        mount_tmpfs(tmp_path / "small", "size=4m") as small,
        hold_steps(monkeypatch) as steps,
        world(small, MemoryDriver()) as w,
    ):
        caller = Caller(create_app(w.runtime).test_client(), CALLER.project_id)
        kind = caller.type("fast")
        gate = steps.at(StepPoint("driver.create_volume", "execute", "before"))
        accepted = w.accept_volume()
        assert gate.reached.wait(30)
        filler = fill_file_system(small, sizes=(2**16, 4096, 1))
        gate.open()
        noticed.wait()
        check_retry_later(caller, "POST", "/volumes", {"volume": {"size": 1, "volume_type": kind}})
        assert caller.get("/volumes").status_code == 200, "who only reads is served"
        filler.unlink()
        assert w.finish(accepted).state is FlowState.SUCCESS
        check_each_step_ran_once(w, accepted)
        caller.volume(volume_type=kind)
        assert await_all_flows(w) == []
        assert w.faults() == []


@pytest.mark.parametrize("replacement", [None, "copy"])
def test_a_file_that_was_removed_or_replaced_is_not_written_to(
    replacement: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    noticed = OutageWitness(monkeypatch)
    with hold_steps(monkeypatch) as steps, world(tmp_path, MemoryDriver()) as w:
        caller = Caller(create_app(w.runtime).test_client(), CALLER.project_id)
        kind = caller.type("fast")
        gate = steps.at(StepPoint("driver.create_volume", "execute", "before"))
        accepted = w.accept_volume()
        assert gate.reached.wait(30)
        file, away = tmp_path / "cgflow.db", tmp_path / "away.db"
        file.rename(away)
        if replacement:
            shutil.copy(away, file)
        gate.open()
        noticed.wait()
        check_retry_later(caller, "POST", "/volumes", {"volume": {"size": 1, "volume_type": kind}})
        check_retry_later(caller, "GET", "/volumes")
        assert f"{file} was removed or replaced while the service runs" in caplog.text
        assert file.exists() is bool(replacement), "no empty database was made in its place"
        away.rename(file)
        assert w.finish(accepted).state is FlowState.SUCCESS
        check_each_step_ran_once(w, accepted)
        caller.volume(volume_type=kind)
        assert await_all_flows(w) == []
        assert w.faults() == []
