"""A conductor is stopped in the middle of a step, loses its flow to another one, and then continues.

The conductor has lost the flow: it writes nothing more, neither in the flow's
history nor in a step's own transaction, and logs why. It begins no further step but one that only
writes to the database, whose transaction is refused. The backend refuses the call that the step was
in, at any point of the call.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import select

from cgflow.db.models import Backend, Base, FlowEvent, Service
from cgflow.drivers.contract import StorageDriver
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule, wrap_with_faults
from cgflow.engine import backoff
from cgflow.status import FlowState
from flows.acceptance import Accepted
from tests.stories.scripts import SCRIPTS
from tests.support.failing_steps import inject_step_faults
from tests.support.folder_driver import FolderDriver
from tests.support.kill_points import database_only_atoms
from tests.support.stalled_conductor import LAST, Job, job_argument
from tests.support.world import World, world

pytestmark = pytest.mark.real

PATIENCE_S = 120
TAKEN_OVER = "Flow {flow_id} was taken over: epoch 1 here, 2 stored."
SHUT_OUT = "flow {flow_id} is let go: Session "


@contextmanager
def stopped(job: Job) -> Iterator[subprocess.Popen[str]]:
    """Yield the process of a job, stopped in its step; the process is killed afterwards."""
    command = [sys.executable, "-m", "tests.support.stalled_conductor", job_argument(job)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    timer = threading.Timer(PATIENCE_S, process.kill)
    timer.start()
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), (Path(job.folder) / "log").read_text()[-3000:]
        yield process
    finally:
        timer.cancel()
        process.kill()
        process.communicate()


def go_on(process: subprocess.Popen[str]) -> None:
    """Continue the process until it has given up the flow, and wait for its ordinary end."""
    process.send_signal(signal.SIGCONT)
    assert process.stdout is not None
    assert process.stdout.readline() == "let go\n"
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0


def rows(w: World) -> dict[str, list[str]]:
    """Return all rows except the reports of services and backends, which all processes keep writing."""
    with w.database.read() as session:
        return {
            table.name: sorted(map(repr, session.execute(select(table)).all()))
            for table in Base.metadata.sorted_tables
            if table not in (Backend.__table__, Service.__table__)
        }


@dataclass(frozen=True)
class NewOwner:
    """The new owner, whose last step can fail, so that all is undone, or whose backend can remove nothing.

    ``fences``: False disables the fence of the storage; this is the control of the test itself.
    """

    undoes: bool = False
    keeps: bool = False
    fences: bool = True

    def driver(self, root: Path) -> StorageDriver:
        faults = FaultSchedule()
        if self.keeps:
            for call in ("delete_volume", "delete_snapshot", "delete_group"):
                faults.add_fault(Fault(call, "final", times=None))
        if not self.fences:
            faults.add_fault(Fault("fence", "lie", times=None))
        return wrap_with_faults(FolderDriver(root), faults)


def play(
    job: Job, monkeypatch: pytest.MonkeyPatch, new: NewOwner = NewOwner()
) -> tuple[list[str], FlowState]:
    """Run one takeover; return the problems found and the flow's final state."""
    folder, problems = Path(job.folder), []
    monkeypatch.setattr(backoff, "FIRST_PAUSE_S", 0)
    with world(folder, FolderDriver(folder / "backend"), url=job.url) as w:
        job = replace(job, target=SCRIPTS[job.operation].arrange(w))
        with w.database.read() as session:
            known = set(session.scalars(select(FlowEvent.flow_id)))
    with stopped(job) as process, inject_step_faults(monkeypatch) as sabotage:
        if new.undoes:
            sabotage.order(lambda point: point == LAST)
        with world(folder, new.driver(folder / "backend"), url=job.url) as w:
            with w.database.read() as session:
                (flow_id,) = set(session.scalars(select(FlowEvent.flow_id))) - known
            flow = w.finish(Accepted(flow_id, job.target))
            assert flow.epoch == 2
            problems += [f"before: {fault}" for fault in w.faults()]
            before, world_before = rows(w), seen(w, folder)
            go_on(process)
            after = rows(w)
            problems += [f"{name} was changed" for name in before if before[name] != after[name]]
            problems += [f"after: {fault}" for fault in w.faults()]
            if seen(w, folder) != world_before:
                problems.append("the world was changed")
    lines = (folder / "steps").read_text().splitlines()
    own = _step(lines[: lines.index("continued")][-1])
    later = [
        line
        for line in lines[lines.index("continued") + 1 :]
        if not _is_end_of(own, line) and not _is_start_in_database(line)
    ]
    problems += [f"it did {line}" for line in later]
    # Either the driver call that it was about to make fails first, or its next write.
    says = SHUT_OUT if own.startswith("driver.") and job.stop_at[2] != "after" else TAKEN_OVER
    if says.format(flow_id=flow_id) not in (folder / "log").read_text():
        problems.append("it does not say that it lost the flow")
    return problems, flow.state


def seen(w: World, folder: Path) -> dict[str, object]:
    return {**w.state(), "backend": FolderDriver(folder / "backend").contents()}


def _step(line: str) -> str:
    return line.removesuffix(" before").removesuffix(" after")


def _is_end_of(own: str, line: str) -> bool:
    """Whether a line ends the stopped step; other members' steps of that kind were running too."""
    if "[" in own:
        return line.partition("[")[0] == own.partition("[")[0]
    return line == f"{own} after"


def _is_start_in_database(line: str) -> bool:
    return line.endswith(" before") and line.partition(" ")[0].partition("[")[0] in database_only_atoms()


CASES = {
    "before-an-effect": ("volume.create", ("driver.create_volume", "execute", "before"), False),
    "after-an-effect": ("volume.create", ("driver.create_volume", "execute", "after"), False),
    "before-a-commit": ("volume.create", ("record.commit", "execute", "before"), False),
    "before-the-cut": ("cgsnapshot.create", ("driver.cut", "execute", "before"), False),
    "before-an-undo": ("cgsnapshot.create", ("record.create_snapshots", "revert", "before"), True),
    "before-the-last-undo": ("volume.create", ("claim.create", "revert", "before"), True),
    "in-a-delete": ("cgsnapshot.delete", ("record.destroy", "execute", "before"), False),
}


@pytest.mark.parametrize("case", CASES)
def test_a_stale_owner_does_nothing_more(
    case: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation, stop_at, failing = CASES[case]
    job = Job(str(tmp_path), database_url, operation, "", stop_at, failing)
    problems, state = play(job, monkeypatch)
    assert problems == []
    assert state is (FlowState.REVERTED if failing else FlowState.SUCCESS)


# The new owner has given up all claims when the stale one returns the quota of a finished undo.
LATE = ("cgsnapshot.create", ("quota.reserve", "revert", "before"))


def test_a_stale_step_cannot_write_by_itself(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation, stop_at = LATE
    job = Job(str(tmp_path), database_url, operation, "", stop_at, failing=True)
    assert play(job, monkeypatch) == ([], FlowState.REVERTED)


# The new owner has undone everything when the stale one executes its step.
UNDONE = ("quota.reserve", "record.create_snapshots")


@pytest.mark.parametrize("step", UNDONE)
def test_a_stale_step_cannot_bring_back_what_was_undone(
    step: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(str(tmp_path), database_url, "cgsnapshot.create", "", (step, "execute", "before"))
    assert play(job, monkeypatch, NewOwner(undoes=True)) == ([], FlowState.REVERTED)


# The point at which the stale owner is stopped, and what the new owner does meanwhile.
CALLS = {
    "before-a-call": ("volume.create", ("driver.create_volume", "execute", "before"), NewOwner(undoes=True)),
    "creating": ("volume.create", ("driver.create_volume", "execute", "in flight"), NewOwner(undoes=True)),
    "creating-a-group": (
        "consistencygroup.create",
        ("driver.create_group", "execute", "in flight"),
        NewOwner(undoes=True),
    ),
    "preparing": ("cgsnapshot.create", ("driver.prepare", "execute", "in flight"), NewOwner(undoes=True)),
    "cutting": ("cgsnapshot.create", ("driver.cut", "execute", "in flight"), NewOwner(undoes=True)),
    "extending": ("volume.extend", ("driver.extend", "execute", "in flight"), NewOwner(undoes=True)),
    "deleting": ("volume.delete", ("driver.delete_volume", "execute", "in flight"), NewOwner(keeps=True)),
    "deleting-a-copy": (
        "cgsnapshot.delete",
        ("driver.delete_snapshot", "execute", "in flight"),
        NewOwner(keeps=True),
    ),
    "undoing": ("volume.create", ("driver.create_volume", "revert", "in flight"), NewOwner()),
}


@pytest.mark.parametrize("case", CALLS)
def test_what_a_stale_call_would_do_is_refused_by_the_storage(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The id is the same, but the flow has ended: nothing would look for what the call creates or removes."""
    operation, stop_at, new = CALLS[case]
    job = Job(
        str(tmp_path), f"sqlite:///{tmp_path / 'test.db'}", operation, "", stop_at, failing=case == "undoing"
    )
    assert play(job, monkeypatch, new) == ([], FlowState.REVERTED)


@pytest.mark.parametrize("case", [case for case in CALLS if case != "undoing"])
def test_without_the_fence_of_the_storage_it_would_be_seen(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Undoing is left out: what a stale undo removes, the new owner has removed as well."""
    operation, stop_at, new = CALLS[case]
    job = Job(str(tmp_path), f"sqlite:///{tmp_path / 'test.db'}", operation, "", stop_at)
    problems, _ = play(job, monkeypatch, replace(new, fences=False))
    assert "the world was changed" in problems, problems


def test_without_the_fence_it_would_be_seen(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The later steps are refused because of the event numbers, which are unique within each flow."""
    stop_at = (UNDONE[0], "execute", "before")
    job = Job(str(tmp_path), database_url, "cgsnapshot.create", "", stop_at, unfenced=True)
    problems, _ = play(job, monkeypatch, NewOwner(undoes=True))
    assert {"flows was changed", "reservations was changed", "quota_usages was changed"} <= set(problems), (
        problems
    )
    assert any("reservation.left" in problem for problem in problems), problems
    assert "it does not say that it lost the flow" in problems, problems
