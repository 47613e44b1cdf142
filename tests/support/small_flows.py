"""Small flows on a list instead of a backend, for tests of the engine itself."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from cgflow import records
from cgflow.db.database import Database
from cgflow.db.repositories import flow as flows
from cgflow.engine.conductor import Conductor
from cgflow.engine.definition import Definition
from cgflow.engine.takeover import ACCEPTED_EPOCH
from cgflow.engine.task import Task
from cgflow.status import UNFINISHED
from flows.subflows import for_each_member
from tests.support.database_schema import migrate


@dataclass
class StepLog:
    """Records what the steps did, in order, and runs a hook at a named point."""

    did: list[str] = field(default_factory=list)
    at: dict[str, Callable[[], None]] = field(default_factory=dict)

    def do(self, what: str) -> None:
        """Run the hook of this point, then record the point as done."""
        if what in self.at:
            self.at[what]()
        self.did.append(what)


class First(Task):
    atom = "test.first"

    def execute(self, world: StepLog) -> None:
        world.do("first")

    def revert(self, world: StepLog, **_: object) -> None:
        world.do("-first")


class Each(Task):
    atom = "test.each"

    def execute(self, world: StepLog, volume_id: str) -> None:
        world.do(volume_id)

    def revert(self, world: StepLog, volume_id: str, **_: object) -> None:
        world.do(f"-{volume_id}")


class Last(Task):
    atom = "test.last"
    default_provides = "answer"

    def execute(self, world: StepLog) -> dict[str, int]:
        world.do("last")
        return {"done": len(world.did)}


def build_flow(members: list[dict[str, str]]) -> Flow:
    """The usual graph: one step before, the members unordered, one step after."""
    return linear_flow.Flow("test").add(First(), for_each_member(members, Each), Last())


def create_database(url: str) -> Database:
    """Return a new database with all tables."""
    migrate(url)
    return Database(url)


@contextmanager
def running_conductor(
    db: Database,
    world: StepLog,
    graph: Callable[..., Flow] = build_flow,
    *,
    name: str = "here",
    version: int = 1,
) -> Iterator[Conductor]:
    """Run a conductor that knows one operation."""
    conductor = Conductor(name, db, lambda _: Definition(version, graph), {"world": world}, max_steps=4)
    conductor.start()
    try:
        yield conductor
    finally:
        conductor.stop()


def accept_flow(db: Database, *members: str, conductor: str | None = None) -> str:
    """Accept a flow over these members, for a conductor or for any; return its id."""
    flow_id = str(uuid.uuid4())
    with db.write() as session:
        flows.insert_accepted(
            session,
            id=flow_id,
            operation="test",
            version=1,
            project_id="p",
            user_id="u",
            request_id="r",
            resource_type="volume",
            resource_id="v",
            group_id=None,
            shape={"members": [{"volume_id": member} for member in members]},
            symbols={},
            epoch=0 if conductor is None else ACCEPTED_EPOCH,
            conductor=conductor,
        )
    return flow_id


def await_flow(db: Database, conductor: Conductor, flow_id: str) -> records.Flow:
    """Wait for the end of a flow and return its record."""
    seq = 0
    for _ in range(200):
        conductor.watch.wait(flow_id, seq, 5)
        with db.read() as session:
            flow = flows.get(session, flow_id, None)
            seq = flows.newest_event_number(session, flow_id)
        if flow.state not in UNFINISHED:
            return flow
    raise AssertionError(f"flow {flow_id} did not end: {flow}")


class Gate:
    """Blocks a step until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self._open.wait(30)

    def open(self) -> None:
        self._open.set()
