"""Counts the moments at which a process may be killed: around each commit and driver call, and in pauses.

Here every save of the engine is committed alone, so that each state that can be on disk is met,
even if saves are usually committed together. At each moment it is known what is in progress
(executed, undone or waited for), and whether the flow was started by this process or taken over.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from queue import Empty
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.orm import Session
from taskflow import states
from taskflow.atom import Atom

from cgflow.db.database import Database
from cgflow.db.repositories import flow
from cgflow.drivers.fault_injection.drill_file import When
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from cgflow.engine import writer
from cgflow.engine.flow_run import FlowRun
from cgflow.engine.parallel_engine import FutureWaiter
from cgflow.engine.task import Task
from cgflow.engine.writer import Save, Writer

Answer = TypeVar("Answer")

EXECUTE, REVERT, PAUSE, TURN = "execute", "revert", "retry pause", "turn of a flow"
START, TAKE_UP, OTHER = "start or acceptance", "take-up", "other"
POINT_OF_NO_RETURN = "of the point of no return"
"""In the name of a moment: the transaction that commits the operation."""
PHASES = (EXECUTE, REVERT, PAUSE, TURN, START, TAKE_UP, OTHER)
_PHASE_OF = {
    **dict.fromkeys((states.RUNNING, states.SUCCESS, states.FAILURE), EXECUTE),
    **dict.fromkeys((states.REVERTING, states.REVERTED, states.REVERT_FAILURE), REVERT),
    **dict.fromkeys((states.RETRYING, states.PENDING), PAUSE),
}
_BY_THREAD = {"MainThread": START, "flow": TAKE_UP}


@dataclass(frozen=True)
class Activity:
    """What a thread is doing. ``resumed``: in a flow that an earlier process had started."""

    phase: str
    resumed: bool = False


@dataclass(frozen=True)
class KillRecord:
    """The moment at which a process was killed."""

    what: str
    phase: str
    resumed: bool

    def __str__(self) -> str:
        return f"{self.what} ({self.phase}{', resumed' * self.resumed})"

    @classmethod
    def taken(cls, file: Path) -> KillRecord:
        """Return the death that a killed process has recorded in a file, and remove the file."""
        death = cls(**json.loads(file.read_text()))
        file.unlink()
        return death


class KillPoints:
    """Counts the moments since ``arm``, and kills the process at the n-th, which it records in ``file``.

    With ``kill_in`` only the moments of that phase count, with ``kill_on`` those of that kind.
    """

    def __init__(
        self, file: Path, kill_at: int | None, kill_in: str | None = None, kill_on: str | None = None
    ) -> None:
        self._file = file
        self._kill_at = kill_at
        self._kill_in = kill_in
        self._kill_on = kill_on
        self._lock = threading.Lock()
        self._armed = False
        self._counted = 0
        self.met: list[str] = []

    def arm(self) -> None:
        """Start to count."""
        self._armed = True

    def disarm(self) -> None:
        """Stop to count, so that nothing is killed."""
        self._armed = False

    def meet(self, what: str) -> None:
        """Count a moment; the last one does not return."""
        if not self._armed:
            return
        place = _current_activity()
        with self._lock:
            self.met.append(what)
            self._counted += self._kill_in in (None, place.phase) and self._kill_on in (None, what)
            if self._counted == self._kill_at:
                self._file.write_text(json.dumps(asdict(KillRecord(what, place.phase, place.resumed))))
                os.kill(os.getpid(), signal.SIGKILL)


class CrashingDatabase(Database):
    """A database with a moment before and after each commit."""

    def __init__(self, url: str, moments: KillPoints) -> None:
        super().__init__(url)
        self._moments = moments

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction that commits at the end, with a moment before and after the commit."""
        with super().write() as session:
            yield session
            session.flush()
            what = session.info.get(_COMMITTED, self._writer())
            self._moments.meet(f"before commit {what}")
        self._moments.meet(f"after commit {what}")

    @contextmanager
    def write_rows(self) -> Iterator[Connection]:
        """Open a transaction without the ORM, with a moment before and after the commit."""
        with super().write_rows() as connection:
            yield connection
            self._moments.meet(f"before commit {self._writer()}")
        self._moments.meet(f"after commit {self._writer()}")

    def _writer(self) -> str:
        return getattr(_HERE, "saving", None) or f"by {_thread_kind()}"


class CrashingCalls(FaultSchedule):
    """Has a moment before and after every driver call."""

    def __init__(self, moments: KillPoints) -> None:
        super().__init__()
        self._moments = moments

    def apply_due_fault(self, call: str, when: When, ids: tuple[str, ...]) -> Fault | None:
        """Count the moment; inject no fault."""
        self._moments.meet(f"{when} call {call}")
        return None


def install_kill_points(moments: KillPoints) -> None:
    """Patch this process to track what each thread does, and to have a moment in each pause.

    The process is used for nothing else.
    """

    def commit_each(self: Writer, batch: list[Save]) -> None:
        for save in batch:
            with _during(_activity_of_save(save), _describe_save(save)):
                _COMMIT(self, [save])

    def retry_while_unavailable(self: FlowRun, work: Callable[[], Answer], what: str) -> Answer:
        state = self._recorder.state_of(what.removeprefix("step "))
        with _during(Activity(_PHASE_OF.get(state or "", TURN), self.owner.epoch > 1)):
            return _RETRY_WHILE_UNAVAILABLE(self, work, what)

    def record_commit(session: Session, *args: Any, **options: Any) -> None:
        _RECORD_COMMIT(session, *args, **options)
        session.info[_COMMITTED] = POINT_OF_NO_RETURN

    def pause(self: FlowRun, seconds: float) -> None:
        with _during(Activity(PAUSE, self.owner.epoch > 1)):
            moments.meet("in a pause before another attempt")
        _PAUSE(self, seconds)

    Writer._commit_batch = commit_each  # type: ignore[method-assign]
    flow.record_commit = record_commit
    FlowRun.retry_while_unavailable = retry_while_unavailable  # type: ignore[assignment,method-assign]
    FlowRun.pause_before_retry = pause  # type: ignore[method-assign]


def make_order_deterministic() -> None:
    """Make moments come in the same order each time, if one flow and one step run at a time."""

    def put(self: Writer, save: Save) -> int:
        # Wait for every save that the next step's transaction does not store: otherwise it may be committed
        # before or after the next step's call.
        position = _PUT(self, save)
        if not _is_start_in_database(save):
            self.wait_durable(save.owner, position)
        return position

    def reported(self: FutureWaiter, timeout: float | None) -> Iterator[Future[Any]]:
        # If several steps have ended, report only the first.
        with suppress(Empty):
            yield self._reports.get(timeout=timeout)

    Writer.put = put  # type: ignore[method-assign]
    writer.LINGER_S = 3600.0
    FutureWaiter._take_done_futures = reported  # type: ignore[method-assign]
    # TaskFlow keeps the next atoms in sets, whose order depends on memory addresses without this.
    Atom.__hash__ = lambda self: zlib.crc32(self.name.encode())  # type: ignore[method-assign]


_COMMIT, _RECORD_COMMIT, _PUT, _RETRY_WHILE_UNAVAILABLE, _PAUSE = (
    Writer._commit_batch,
    flow.record_commit,
    Writer.put,
    FlowRun.retry_while_unavailable,
    FlowRun.pause_before_retry,
)
_HERE = threading.local()
_COMMITTED = "committed"


@contextmanager
def _during(place: Activity, saving: str | None = None) -> Iterator[None]:
    before = getattr(_HERE, "place", None)
    _HERE.place, _HERE.saving = place, saving
    try:
        yield
    finally:
        _HERE.place, _HERE.saving = before, None


def _current_activity() -> Activity:
    known: Activity | None = getattr(_HERE, "place", None)
    return known or Activity(_BY_THREAD.get(_thread_kind(), OTHER))


def _thread_kind() -> str:
    return threading.current_thread().name.partition("_")[0]


def _is_start_in_database(save: Save) -> bool:
    """Return whether a save is the start of a step that changes nothing at a backend."""
    if [event["to_state"] for event in save.events] not in ([states.RUNNING], [states.REVERTING]):
        return False
    return str(save.events[0]["atom"]).partition("[")[0] in database_only_atoms()


@cache
def database_only_atoms() -> frozenset[str]:
    """Return the steps that change nothing at a backend, so that their start is not awaited."""
    return frozenset(step.atom for step in _steps(Task) if step.is_database_only and hasattr(step, "atom"))


def _steps(base: type[Task]) -> Iterator[type[Task]]:
    for step in base.__subclasses__():
        yield step
        yield from _steps(step)


def _activity_of_save(save: Save) -> Activity:
    """Return the place of a save: the phase of its atom's new state, or a transition of the flow itself."""
    moved = [event["to_state"] for event in save.events if event["atom"] is not None]
    return Activity(_PHASE_OF.get(moved[-1], OTHER) if moved else TURN, save.owner.epoch > 1)


def _describe_save(save: Save) -> str:
    moved = [f"{event['atom'] or 'flow'} {event['to_state']}" for event in save.events]
    rows = [
        f"{row['name']} {row.get('state')} {row.get('intention', '')}".strip() for _, row in save.upserts[:1]
    ]
    return f"of {' and '.join(moved or rows or ['nothing'])}"
