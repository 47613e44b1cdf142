"""Record unfinished flows of this release, for later releases to finish or to undo.

    make histories

adds every operation that this release has not recorded yet to ``histories/<release>.json.xz``, once for each
phase: the rows and the backend's objects as they are on disk directly after the effect of a step in the
middle, while executing or while reverting. What is recorded is never written again, because the stored flows
of a published release do not change either.
"""

from __future__ import annotations

import json
import lzma
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from sqlalchemy import text
from taskflow.flow import Flow

import flows.service
from cgflow import __version__, config
from cgflow.db.database import Database
from cgflow.db.models import Base
from cgflow.db.upgrade import head_revision, upgrade
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.engine import backoff
from cgflow.engine.definition import Definition
from tests.architecture.file_sizes import ROOT
from tests.stories.points_of_no_return import turning_step
from tests.stories.scripts import SCRIPTS
from tests.support.failing_steps import InjectedFailure, StepFaults, StepPoint
from tests.support.world import HOST, World

HISTORIES = Path(__file__).parent / "histories"
RELEASE = ".".join(__version__.split(".")[:2])
FORWARD, UNDONE = "forward", "undone"
PHASES = (FORWARD, UNDONE)
# Tables of which only the unfinished flow's rows are kept, with the columns that name the flow.
_OF_THE_FLOW = {
    "flow_events": "flow_id",
    "logbooks": "uuid",
    "flowdetails": "uuid",
    "atomdetails": "parent_uuid",
}

History = dict[str, Any]


def read_histories(file: Path) -> dict[str, History]:
    """Return the histories of one release, by ``<operation>.<phase>``; none if there is no file."""
    if not file.exists():
        return {}
    histories: dict[str, History] = json.loads(lzma.decompress(file.read_bytes()))
    return histories


def write_histories(file: Path, histories: dict[str, History]) -> None:
    """Write the histories of one release. The same histories result in the same bytes."""
    text = json.dumps(histories, separators=(",", ":"))
    file.write_bytes(lzma.compress(text.encode(), preset=9))


class Recording(StepFaults):
    """Records the state in the middle of a flow; to have the flow undone, its point of no return fails."""

    def __init__(self, phase: str, fails_at: str) -> None:
        super().__init__()
        self._phase = phase
        self._fails_at = fails_at
        self._steps = 0
        self._done = {"execute": 0, "revert": 0}
        self._world: World | None = None
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.backend: list[Any] = []
        self.at: str | None = None

    def arm(self, world: World) -> None:
        """Record the state in the next flow that starts."""
        self._world, self._steps = world, 0

    def define(self, operation: str) -> Definition:
        """Return the definition with wrapped steps, and count its steps when they are built."""
        real = super().define(operation)

        def build(**shape: object) -> Flow:
            graph = real.build(**shape)
            self._steps = sum(1 for _ in _tasks(graph))
            return graph

        return replace(real, build=build)

    def meet(self, point: StepPoint) -> None:
        """Count the points, and record the state on disk in the middle."""
        if self._world is None:
            return
        if self._phase == UNDONE and (point.atom, point.phase) == (self._fails_at, "execute"):
            raise InjectedFailure(f"injected at {point}")
        if point.when == "before" or (self._phase == UNDONE and point.phase == "execute"):
            return
        self._done[point.phase] += 1
        # Late enough that the backend has been changed while executing, or that something is left while
        # reverting.
        middle = (2 * self._steps + 2) // 3 if self._phase == FORWARD else max(1, self._steps // 2)
        if self.at is None and self._done[point.phase] == middle:
            self.at = str(point)
            # One thread runs all steps, so that nothing else happens except what the writer has yet to write.
            self.rows = exported(self._world.database)
            self.backend = list(self._world.driver._state.events_to_rebuild())  # type: ignore[attr-defined]


def _tasks(graph: Flow) -> Iterator[Any]:
    for node, _attributes in graph.iter_nodes():
        if isinstance(node, Flow):
            yield from _tasks(node)
        else:
            yield node


def exported(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Return every row as stored, tables before those that refer to them."""
    with database.read() as session:
        return {
            table.name: [dict(row) for row in session.execute(text(f"SELECT * FROM {table.name}")).mappings()]
            for table in Base.metadata.sorted_tables
        }


def record(operation: str, phase: str, folder: Path) -> History:
    """Run an operation in a new world and return the state on disk in the middle of it."""
    recording = Recording(phase, turning_step(operation))
    with _world(recording, folder) as world:
        target = SCRIPTS[operation].arrange(world)
        recording.arm(world)
        accepted = SCRIPTS[operation].act(world, target)
        world.finish(accepted)
    assert recording.at is not None, f"{operation} never was half way {phase}"
    for table, key in _OF_THE_FLOW.items():
        recording.rows[table] = [row for row in recording.rows[table] if row[key] == accepted.flow_id]
    return {
        "release": __version__,
        "schema": head_revision(),
        "operation": operation,
        "phase": phase,
        "at": recording.at,
        "flow_id": accepted.flow_id,
        "resource_id": accepted.resource_id,
        "rows": {table: rows for table, rows in recording.rows.items() if rows},
        "backend": recording.backend,
    }


@contextmanager
def _world(recording: Recording, folder: Path) -> Iterator[World]:
    url = f"sqlite:///{folder / 'cgflow.db'}"
    upgrade(url)
    conf = config.load_config([])
    conf.set_override("max_steps", 1, group="engine")
    database = Database(url)
    driver = MemoryDriver()
    define, pause = flows.service.definition_of, backoff.FIRST_PAUSE_S
    flows.service.definition_of, backoff.FIRST_PAUSE_S = recording.define, 0
    try:
        service = flows.service.Service(conf, database, {HOST: driver})
        service.start()
        try:
            yield World(service, database, driver)
        finally:
            service.stop()
    finally:
        flows.service.definition_of, backoff.FIRST_PAUSE_S = define, pause


def main() -> None:
    """Record what this release has not recorded yet."""
    file = HISTORIES / f"{RELEASE}.json.xz"
    histories = read_histories(file)
    missing = [each for each in product(SCRIPTS, PHASES) if ".".join(each) not in histories]
    for operation, phase in missing:
        with tempfile.TemporaryDirectory() as path:
            history = record(operation, phase, Path(path))
        # Tracebacks contain the paths of the recording machine, which must not be published.
        histories[f"{operation}.{phase}"] = json.loads(json.dumps(history).replace(f"{ROOT}/", ""))
        sys.stdout.write(f"{operation} {phase}: {history['at']}\n")
    if missing:
        write_histories(file, dict(sorted(histories.items())))


if __name__ == "__main__":
    main()
