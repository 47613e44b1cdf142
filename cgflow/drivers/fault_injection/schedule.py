"""The scheduled faults, and the choice of the fault that a call meets.

At most one fault acts before the effect of a call, and one after it. If two faults are due, the one scheduled
first acts and the other waits for the next call. A call that fails by itself, or by a fault before its
effect, does not count for faults after the effect.
"""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cgflow import clock
from cgflow.drivers.fault_injection.drill_file import DrillError, DrillFile, Fault, When
from cgflow.errors import AmbiguousDriverError, BusyDriverError, FinalDriverError


@dataclass(frozen=True)
class Firing:
    """A fault that has acted: the fault, the time in UTC, and the ids in the call that it met."""

    fault: Fault
    at: datetime
    ids: tuple[str, ...]


@dataclass
class _ScheduledFault:
    fault: Fault
    id: str | None = None
    seen: int = 0
    fired: int = 0

    def matches(self, call: str, when: When, ids: tuple[str, ...]) -> bool:
        fault = self.fault
        return fault.call == call and fault.when == when and (fault.target is None or fault.target in ids)

    def is_due(self) -> bool:
        times = self.fault.times
        return self.seen + 1 >= self.fault.nth and (times is None or self.fired < times)


class FaultSchedule:
    """The scheduled faults and what has fired. Thread-safe."""

    def __init__(self, file: DrillFile | None = None) -> None:
        self._file = file
        self._ordered: list[_ScheduledFault] = []
        self._drilled: dict[str, _ScheduledFault] = {}
        self._log: list[Firing] = []
        self._changed = threading.Condition()
        self._gate = threading.Event()

    @classmethod
    def from_file(cls, path: Path) -> FaultSchedule:
        """Return faults that are also read from a drill file, which may come, change and go at any time."""
        return cls(DrillFile(path))

    @property
    def firings(self) -> tuple[Firing, ...]:
        """What has fired in this process, in order."""
        with self._changed:
            return tuple(self._log)

    def add_fault(self, fault: Fault) -> None:
        """Schedule a fault. It counts calls from now on."""
        with self._changed:
            self._ordered.append(_ScheduledFault(fault))

    def clear(self) -> None:
        """Remove every fault scheduled by ``order``, and clear the log. Hanging calls keep hanging."""
        with self._changed:
            self._ordered.clear()
            self._log.clear()

    def release_hanging_calls(self) -> None:
        """Let every call that hangs now continue as if it had not hung."""
        with self._changed:
            self._gate.set()
            self._gate = threading.Event()

    def await_firings(self, count: int, timeout_s: float) -> bool:
        """Wait until ``count`` faults have fired since the start or ``clear``; return False on timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._log) >= count, timeout_s)

    def apply_due_fault(self, call: str, when: When, ids: tuple[str, ...]) -> Fault | None:
        """Apply the fault that is due at one of the two points of a call, if there is one.

        Returns: a fault of the kind ``lie``, which the caller must carry out; None, to continue. Raises: the
        driver error of the fault; FinalDriverError, if the drill file is invalid.
        """
        with self._changed:
            try:
                scheduled = self._choose_due_fault(call, when, ids)
            except DrillError as error:
                if call in ("start", "stop"):
                    # The service must be able to start and stop; the next call reports the invalid drill
                    # file.
                    return None
                raise FinalDriverError(f"{call} was refused: {error}") from error
            if scheduled is None:
                return None
            self._log.append(Firing(scheduled.fault, clock.now(), ids))
            self._changed.notify_all()
            gate = self._gate
        return _perform_fault(scheduled.fault, f"{call} failed by order ({when} its effect)", gate)

    def _choose_due_fault(self, call: str, when: When, ids: tuple[str, ...]) -> _ScheduledFault | None:
        self._reload_drill_file()
        chosen: _ScheduledFault | None = None
        for scheduled in (*self._ordered, *self._drilled.values()):
            if not scheduled.matches(call, when, ids):
                continue
            if not scheduled.is_due():
                scheduled.seen += 1
            elif chosen is None:
                chosen = scheduled
        if chosen is None:
            return None
        if self._file is not None and chosen.id is not None:
            self._file.record_firing(chosen.id, chosen.fault)
        chosen.seen += 1
        chosen.fired += 1
        return chosen

    def _reload_drill_file(self) -> None:
        changed = None if self._file is None else self._file.read_if_changed()
        if self._file is None or changed is None:
            return
        drilled: dict[str, _ScheduledFault] = {}
        for id, fault in changed.items():
            known = self._drilled.get(id)
            if known is None or known.fault != fault:
                fired = self._file.firing_count(id)
                # A fault that has fired has let its first calls pass, possibly in an earlier process.
                known = _ScheduledFault(fault, id, seen=fault.nth - 1 if fired else 0, fired=fired)
            drilled[id] = known
        self._drilled = drilled


def _perform_fault(fault: Fault, message: str, gate: threading.Event) -> Fault | None:
    match fault.kind:
        case "final":
            raise FinalDriverError(message)
        case "ambiguous":
            raise AmbiguousDriverError(message)
        case "busy":
            raise BusyDriverError(message)
        case "hang":
            if not gate.wait(fault.deadline_s):
                raise AmbiguousDriverError(f"{message}: no answer within {fault.deadline_s:g} s")
            return None
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
            return None
        case "exit":
            raise SystemExit(message)
        case "lie":
            return fault
