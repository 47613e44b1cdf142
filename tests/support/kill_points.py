"""The moments at which a process may die, counted: either side of a commit or driver call, and in a pause.

Every save of the engine is committed alone here, so that each state that can be
on disk is met, whatever would have been committed together otherwise. What goes
on at a moment is known too: what is executed, undone or waited for, in a flow
that was begun here or in one that was found.
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
from pathlib import Path
from queue import Empty
from typing import Any, TypeVar

from sqlalchemy.orm import Session
from taskflow import states
from taskflow.atom import Atom

from cgflow.db.database import Database
from cgflow.drivers.fault_injection.drill_file import When
from cgflow.drivers.fault_injection.faulty_driver import Fault, Faults
from cgflow.engine.flow_run import FlowRun
from cgflow.engine.linear_scheduling import FutureWaiter
from cgflow.engine.writer import Save, Writer

Answer = TypeVar("Answer")

EXECUTE, REVERT, PAUSE, TURN = "execute", "revert", "retry pause", "turn of a flow"
START, TAKE_UP, OTHER = "start or acceptance", "take-up", "other"
PHASES = (EXECUTE, REVERT, PAUSE, TURN, START, TAKE_UP, OTHER)
_PHASE_OF = {
    **dict.fromkeys((states.RUNNING, states.SUCCESS, states.FAILURE), EXECUTE),
    **dict.fromkeys((states.REVERTING, states.REVERTED, states.REVERT_FAILURE), REVERT),
    **dict.fromkeys((states.RETRYING, states.PENDING), PAUSE),
}
_BY_THREAD = {"MainThread": START, "flow": TAKE_UP}


@dataclass(frozen=True)
class Place:
    """What goes on in a thread. ``resumed``: in a flow that an earlier process had begun."""

    phase: str
    resumed: bool = False


@dataclass(frozen=True)
class Death:
    """A process's last moment."""

    what: str
    phase: str
    resumed: bool

    def __str__(self) -> str:
        return f"{self.what} ({self.phase}{', resumed' * self.resumed})"

    @classmethod
    def taken(cls, file: Path) -> Death:
        """Return what a process that was killed left word of, and remove that."""
        death = cls(**json.loads(file.read_text()))
        file.unlink()
        return death


class Moments:
    """Counts the moments since ``arm``, and ends the process at the n-th. ``file`` tells which that was.

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
        """Count from now on."""
        self._armed = True

    def disarm(self) -> None:
        """Let everything live."""
        self._armed = False

    def meet(self, what: str) -> None:
        """Count a moment; do not return from the last one."""
        if not self._armed:
            return
        place = _place()
        with self._lock:
            self.met.append(what)
            self._counted += self._kill_in in (None, place.phase) and self._kill_on in (None, what)
            if self._counted == self._kill_at:
                self._file.write_text(json.dumps(asdict(Death(what, place.phase, place.resumed))))
                os.kill(os.getpid(), signal.SIGKILL)


class CrashingDatabase(Database):
    """A database with a moment before and after each commit."""

    def __init__(self, url: str, moments: Moments) -> None:
        super().__init__(url)
        self._moments = moments

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction that commits at the end, with a moment on both sides of the commit."""
        with super().write() as session:
            yield session
            session.flush()
            self._moments.meet(f"before commit {self._writing()}")
        self._moments.meet(f"after commit {self._writing()}")

    def _writing(self) -> str:
        return getattr(_HERE, "saving", None) or f"by {_thread()}"


class CrashingCalls(Faults):
    """Moments on both sides of every driver call."""

    def __init__(self, moments: Moments) -> None:
        super().__init__()
        self._moments = moments

    def meet(self, call: str, when: When, ids: tuple[str, ...]) -> Fault | None:
        """Count the moment; nothing fails."""
        self._moments.meet(f"{when} call {call}")
        return None


def install(moments: Moments) -> None:
    """Have this process, which is only good for this, know where it is, and pass a moment in each pause."""

    def commit_each(self: Writer, batch: list[Save]) -> None:
        for save in batch:
            with _at(_place_of(save), _called(save)):
                _COMMIT(self, [save])

    def retry_while_unavailable(self: FlowRun, work: Callable[[], Answer], what: str) -> Answer:
        state = self._recorder.state_of(what.removeprefix("step "))
        with _at(Place(_PHASE_OF.get(state or "", TURN), self.owner.epoch > 1)):
            return _RETRY_WHILE_UNAVAILABLE(self, work, what)

    def pause(self: FlowRun, seconds: float) -> None:
        with _at(Place(PAUSE, self.owner.epoch > 1)):
            moments.meet("in a pause before another attempt")
        _PAUSE(self, seconds)

    Writer._commit = commit_each  # type: ignore[method-assign]
    FlowRun.retry_while_unavailable = retry_while_unavailable  # type: ignore[assignment,method-assign]
    FlowRun.pause = pause  # type: ignore[method-assign]


def put_in_order() -> None:
    """Have moments come in the same order each time, where one flow and one step are at work at a time."""

    def put(self: Writer, save: Save) -> int:
        # What is not waited for is committed beside the next step, before or after its call.
        position = _PUT(self, save)
        self.wait_durable(save.owner, position)
        return position

    def reported(self: FutureWaiter, timeout: float | None) -> Iterator[Future[Any]]:
        # Of steps that end together the first to end comes first, and alone.
        with suppress(Empty):
            yield self._reports.get(timeout=timeout)

    Writer.put = put  # type: ignore[method-assign]
    FutureWaiter._reported = reported  # type: ignore[method-assign]
    # TaskFlow keeps what is next in sets; what it takes first depends on where things lie in memory.
    Atom.__hash__ = lambda self: zlib.crc32(self.name.encode())  # type: ignore[method-assign]


_COMMIT, _PUT, _RETRY_WHILE_UNAVAILABLE, _PAUSE = (
    Writer._commit,
    Writer.put,
    FlowRun.retry_while_unavailable,
    FlowRun.pause,
)
_HERE = threading.local()


@contextmanager
def _at(place: Place, saving: str | None = None) -> Iterator[None]:
    before = getattr(_HERE, "place", None)
    _HERE.place, _HERE.saving = place, saving
    try:
        yield
    finally:
        _HERE.place, _HERE.saving = before, None


def _place() -> Place:
    known: Place | None = getattr(_HERE, "place", None)
    return known or Place(_BY_THREAD.get(_thread(), OTHER))


def _thread() -> str:
    return threading.current_thread().name.partition("_")[0]


def _place_of(save: Save) -> Place:
    """What goes on in the flow of a save: what its atom moved to, or that the flow itself is turned."""
    moved = [event["to_state"] for event in save.events if event["atom"] is not None]
    return Place(_PHASE_OF.get(moved[-1], OTHER) if moved else TURN, save.owner.epoch > 1)


def _called(save: Save) -> str:
    moved = [f"{event['atom'] or 'flow'} {event['to_state']}" for event in save.events]
    rows = [
        f"{row['name']} {row.get('state')} {row.get('intention', '')}".strip() for _, row in save.upserts[:1]
    ]
    return f"of {' and '.join(moved or rows or ['nothing'])}"
