"""Kills a service with SIGKILL at a chosen moment: the code that runs in the process that dies.

A moment is before or after a commit or a driver call, or a pause between two attempts (see
``kill_points``). The n-th moment after the world is armed is the process's last; n is incremented
until a run meets no such moment.

By hand, in a folder made by ``crash_cases.prepare_operation`` (or left by a failed sweep)::

    python -m tests.support.crash_process FOLDER KILL_AT     acts, and dies at that moment
    python -m tests.support.crash_process FOLDER             acts or resumes, to the end
"""

from __future__ import annotations

import faulthandler
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import flows.service
from cgflow import config
from cgflow.db.database import Database
from cgflow.db.models import Flow
from cgflow.db.repositories import flow as rows
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.drivers.fault_injection.faulty_driver import wrap_with_faults
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.engine import backoff, conductor, outcome
from cgflow.engine import flow_actions as engine_actions
from cgflow.errors import InvalidState
from cgflow.status import UNFINISHED, FlowState
from flows import flow_actions, subflows
from flows.acceptance import Accepted
from tests.stories.scripts import SCRIPTS
from tests.support.failing_steps import InjectedFailure, StepFaults, StepPoint
from tests.support.history_checks import StoredHistory, history_problems, stored_histories
from tests.support.kill_points import (
    CrashingCalls,
    CrashingDatabase,
    KillPoints,
    install_kill_points,
    make_order_deterministic,
)
from tests.support.world import CALLER, HOST, World

DEADLINE_S = 120


@dataclass(frozen=True)
class Job:
    """The task of one process, in a folder that holds a state.

    ``kill_at`` is the moment at which it dies (None: it does not), counted among those of the phase
    ``kill_in`` or of the kind ``kill_on`` if that is set. ``failing`` are points of steps that fail
    each time. ``known`` are the flows that existed before. ``broken`` removes a safeguard of the
    engine: the sweep's own control. ``orderly`` runs one flow and one step at a time, so that moments
    come in the same order each time. ``url`` is that of an external database.
    """

    folder: str
    operation: str
    target: str
    known: tuple[str, ...]
    kill_at: int | None = None
    kill_in: str | None = None
    kill_on: str | None = None
    failing: tuple[tuple[str, str, str], ...] = ()
    broken: bool = False
    orderly: bool = False
    url: str | None = None


class RepeatedStepFaults(StepFaults):
    """Fails at its points each time they are met, in this process."""

    def __init__(self, failing: tuple[tuple[str, str, str], ...]) -> None:
        super().__init__()
        self._failing = [StepPoint(*point) for point in failing]

    def meet(self, point: StepPoint) -> None:
        """Fail if this is one of the points."""
        if point in self._failing:
            raise InjectedFailure(f"injected at {point}")


@contextmanager
def serve_job_state(job: Job, moments: KillPoints) -> Iterator[World]:
    """Serve the state in the job's folder; the process is used for nothing else."""
    folder = Path(job.folder)
    backoff.FIRST_PAUSE_S = 0
    conductor.UNDO_ATTEMPTS = 0
    subflows.PERSISTENCE_ATTEMPTS = 2
    install_kill_points(moments)
    if job.failing:
        flows.service.definition_of = RepeatedStepFaults(job.failing).define
    if job.broken:
        outcome.has_engine_finished = lambda _: False  # type: ignore[assignment]
    conf = config.load_config([])
    conf.set_override("report_interval", 3600, group="scheduler")
    conf.set_override("service_down_time", 7200, group="scheduler")
    if job.orderly:
        make_order_deterministic()
        conf.set_override("max_flows", 1, group="engine")
        conf.set_override("max_steps", 1, group="engine")
    database = CrashingDatabase(database_url(job), moments)
    driver = wrap_with_faults(MemoryDriver(state_file=folder / "memory.journal"), CrashingCalls(moments))
    service = flows.service.Service(conf, database, {HOST: driver})
    service.start()
    try:
        yield World(service, database, driver)
    finally:
        moments.disarm()
        service.stop()


def request_operation(job: Job) -> None:
    """Request the operation and wait for its end, unless the process dies before."""
    with job_process(job) as moments, serve_job_state(job, moments) as world:
        moments.arm()
        world.finish(SCRIPTS[job.operation].act(world, job.target))
        moments.disarm()
        write_report(job, world, [], moments.met)


def resume_flows(job: Job) -> None:
    """Resume the unfinished flows, wait for the end of every flow, and write a report."""
    with job_process(job) as moments:
        before = stored_histories_of_job(job)
        moments.arm()
        with serve_job_state(job, moments) as world:
            for flow_id, left in before.items():
                world.finish(Accepted(flow_id, left.resource_id))
            moments.disarm()
            write_report(job, world, history_problems(world, before, job.known), moments.met)


def retry_failed_undos(job: Job) -> None:
    """Resume the unfinished flows, then retry every failed undo, as an operator would."""
    with job_process(job) as moments:
        before = stored_histories_of_job(job)
        moments.arm()
        with serve_job_state(job, moments) as world:
            for flow_id, left in before.items():
                stuck = world.finish(Accepted(flow_id, left.resource_id))
                if stuck.state is FlowState.ROLLBACK_FAILED:
                    flow_actions.retry(world.runtime, CALLER, flow_id)
                    world.finish(Accepted(flow_id, left.resource_id))
            moments.disarm()
            write_report(job, world, history_problems(world, before, job.known), moments.met)


@contextmanager
def job_process(job: Job) -> Iterator[KillPoints]:
    """Set up a process for one job: its log, and its stacks should it hang, are written to the folder."""
    folder = Path(job.folder)
    logging.basicConfig(filename=folder / "log", level=logging.WARNING)
    with (folder / "stacks").open("w") as stacks:
        faulthandler.dump_traceback_later(DEADLINE_S - 10, file=stacks)
        yield KillPoints(folder / "killed", job.kill_at, job.kill_in, job.kill_on)
        faulthandler.cancel_dump_traceback_later()


def stored_histories_of_job(job: Job) -> dict[str, StoredHistory]:
    """Return the stored history of every flow except the known ones, without times."""
    with closing(Database(database_url(job))) as database:
        return stored_histories(database, job.known)


def cancel_unfinished_flows(job: Job) -> bool:
    """Cancel what the dead process has left unfinished; return whether that was accepted."""
    with _unfinished_flows(job) as (session, flow_ids):
        try:
            for flow_id in flow_ids:
                engine_actions.request_cancel(
                    session, flow_id, engine_actions.Actor("user", "req-1"), "a change of mind"
                )
        except InvalidState:
            return False
        return bool(flow_ids)


def is_committed(job: Job) -> bool:
    """Return whether the dead process has left a flow past its point of no return.

    That is either what the flow records, or what the rows show: the flow runs and holds no claim.
    """
    with _unfinished_flows(job) as (session, flow_ids):
        for flow_id in flow_ids:
            flow = rows.get(session, flow_id, None)
            claims: Any = flow.symbols["claims"]
            things = [
                one
                for noun, ids in claims.items()
                for one in REPOSITORIES[noun].get_with_deleted(session, ids)
            ]
            is_let_go = bool(things) and all(one.claimed_by != flow_id for one in things)
            if flow.committed_at is not None or (is_let_go and flow.state is FlowState.RUNNING):
                return True
    return False


@contextmanager
def _unfinished_flows(job: Job) -> Iterator[tuple[Session, list[str]]]:
    with closing(Database(database_url(job))) as database, database.write() as session:
        unfinished = (Flow.id.not_in(job.known), Flow.state.in_(UNFINISHED))
        yield session, list(session.scalars(select(Flow.id).where(*unfinished)))


def database_url(job: Job) -> str:
    return job.url or f"sqlite:///{Path(job.folder) / 'cgflow.db'}"


def write_report(job: Job, world: World, problems: list[str], met: list[str], **more: object) -> None:
    """Write a report of the state for the process that started this one."""
    with world.database.read() as session:
        ended = session.execute(select(Flow.id, Flow.state).where(Flow.id.not_in(job.known))).all()
    states = [str(state) for _, state in ended]
    # A failed undo leaves objects behind, which the flow's end reports; they are no faults.
    is_done = FlowState.SUCCESS in states
    faults = [] if FlowState.ROLLBACK_FAILED in states else _inconsistencies(world, job, is_done=is_done)
    found = {
        "problems": problems + faults,
        "portrait": state_as_json(world),
        "states": states,
        "moments": met,
        "steps": [step for flow_id, _ in ended for step in _step_names(world, flow_id)],
        **more,
    }
    (Path(job.folder) / "found.json").write_text(json.dumps(found))


def _inconsistencies(world: World, job: Job, *, is_done: bool) -> list[str]:
    """Return what is wrong, except what the operation was to repair and has not repaired."""
    mends = job.operation in SCRIPTS and SCRIPTS[job.operation].mends and not is_done
    return [fault for fault in world.faults() if not (mends and job.target in fault)]


def _step_names(world: World, flow_id: str) -> list[str]:
    with world.database.read() as session:
        return [
            atom.atom for atom in rows.list_atom_states(session, flow_id) if not atom.atom.endswith(".retry")
        ]


def state_as_json(world: World) -> dict[str, Any]:
    """Return the world's state as JSON."""
    state = world.state()
    inventory = {name: sorted(value) for name, value in asdict(state["inventory"]).items()}
    things = {name: list(values) for name, values in state["things"].items()}
    found: dict[str, Any] = json.loads(json.dumps({**state, "things": things, "inventory": inventory}))
    return found


def main(folder: str, kill_at: str | None = None) -> None:
    """Run a process of a sweep by hand."""
    values = json.loads((Path(folder) / "job.json").read_text())
    failing = tuple(tuple(point) for point in values["failing"])
    job = Job(**{**values, "folder": folder, "known": tuple(values["known"]), "failing": failing})
    if kill_at is not None:
        request_operation(Job(**{**asdict(job), "kill_at": int(kill_at)}))
    elif stored_histories_of_job(job):
        resume_flows(job)
    else:
        request_operation(job)
    sys.stdout.write((Path(folder) / "found.json").read_text() + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
