"""Faults, and the drill file in which an operator schedules them for a running service.

A drill file is a JSON list. Each entry is one fault::

    [{"id": "lose-the-cut", "call": "cut", "when": "after", "kind": "kill"},
     {"call": "prepare", "target": "<volume id>", "kind": "final", "nth": 2, "times": 3}]

``call`` and ``kind`` are required. The other keys are the fields of ``Fault``, with its defaults. ``id``
identifies an entry: each firing is recorded under it, durably and before the fault acts, in a file next to
this one (``faults.json`` has ``faults.fired.jsonl``). A service that was killed by a drill is therefore not
killed by it again when it restarts. An entry without ``id`` is identified by its content. To schedule the
same fault again, give it a new ``id``.

The file is checked before every call and read if it has changed. Write a new version to another file and
rename it; otherwise a call may read a partly written file and be refused.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from cgflow import clock
from cgflow.drivers.common.fsync import fsync_folder
from cgflow.errors import CgflowError
from cgflow.private_files import open_file

When = Literal["before", "after"]
Kind = Literal["final", "ambiguous", "busy", "hang", "lie", "kill", "exit"]

CALLS = frozenset(
    {
        *("start", "stop", "report", "inventory", "detail", "connection", "open_session", "fence"),
        *("create_group", "delete_group", "create_volume", "delete_volume", "extend_volume"),
        *("prepare", "cut", "snapshot", "delete_snapshot", "has_snapshot"),
        *("export_snapshot", "unexport_snapshot", "serve_file", "withdraw_file"),
        *("clone_volume", "move_volume", "restore", "undo_restore", "finish_restore"),
        *("compactions_due", "compact_volume"),
    }
)
"""All calls of the contract for which a fault may be scheduled."""


@dataclass(frozen=True)
class Fault:
    """A fault to inject: in which call, when, how, and how often.

    ``target`` is any id in the arguments of the call (volume, snapshot, cgsnapshot, group); None matches
    every call. The first ``nth - 1`` matching calls pass, and the next ``times`` fail (None: all).
    ``deadline_s`` is the time in seconds after which a hang ends.

    The kinds ``final``, ``ambiguous`` and ``busy`` raise that driver error. ``hang`` blocks until it is
    released, or raises an ambiguous error at its deadline. ``lie`` reports success and does nothing. ``kill``
    ends this process with SIGKILL. ``exit`` raises SystemExit in the calling thread. A ``final`` or ``busy``
    fault *after* the effect also simulates a driver that reports falsely: it claims that nothing was made.
    Raises: ValueError, naming the field.
    """

    call: str
    kind: Kind
    target: str | None = None
    when: When = "before"
    nth: int = 1
    times: int | None = 1
    deadline_s: float = 30.0

    def __post_init__(self) -> None:
        _require(self.call in CALLS, f"call must be one of {', '.join(sorted(CALLS))}, not {self.call!r}")
        _require(
            self.kind in get_args(Kind), f"kind must be one of {', '.join(get_args(Kind))}, not {self.kind!r}"
        )
        _require(self.when in get_args(When), f"when must be before or after, not {self.when!r}")
        _require(
            self.target is None or isinstance(self.target, str), f"target must be an id, not {self.target!r}"
        )
        _require(_is_number(self.nth, int) and self.nth >= 1, f"nth must be 1 or more, not {self.nth!r}")
        _require(
            self.times is None or (_is_number(self.times, int) and self.times >= 1),
            f"times must be 1 or more, or null for always, not {self.times!r}",
        )
        _require(
            _is_number(self.deadline_s, int, float) and self.deadline_s > 0,
            f"deadline_s must be above zero, not {self.deadline_s!r}",
        )
        _require(self.kind != "lie" or self.when == "before", "a lie does nothing, so it cannot come after")
        _require(self.kind != "lie" or self.call != "report", "report cannot lie")


class DrillError(CgflowError):
    """A drill file, or the record of its firings, cannot be used. The message names the file."""

    slug = "drill_error"


class DrillFile:
    """A drill file, which need not exist, and the durable record of what has fired. The caller locks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = path.with_name(f"{path.stem}.fired.jsonl")
        self._seen: tuple[int, int, int] | None = None
        self._fired: Counter[str] | None = None

    def read_if_changed(self) -> dict[str, Fault] | None:
        """Return the faults by id, or None if the file has not changed since the last read.

        Raises: DrillError.
        """
        try:
            stat = self.path.stat()
            mark = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if mark == self._seen:
                return None
            faults = _parse_faults(self.path, self.path.read_bytes())
        except FileNotFoundError:
            if self._seen is None:
                return None
            self._seen = None
            return {}
        except OSError as error:
            raise DrillError(f"drill file {self.path} cannot be read: {error.strerror}") from error
        self._seen = mark
        return faults

    def firing_count(self, id: str) -> int:
        """Return how often a fault has fired, in this process and earlier ones. Raises: DrillError."""
        return self._load_firing_counts()[id]

    def record_firing(self, id: str, fault: Fault) -> None:
        """Record a firing durably. The fault must not act before this returns. Raises: DrillError."""
        fired = self._load_firing_counts()
        line = json.dumps(
            {"id": id, "at": clock.iso(clock.now()), "pid": os.getpid(), "fault": asdict(fault)}
        )
        try:
            is_new = not self.record.exists()
            with open(self.record, "ab", opener=open_file) as file:
                file.write(line.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                fsync_folder(self.record.parent)
        except OSError as error:
            raise DrillError(f"drill record {self.record} cannot be written: {error.strerror}") from error
        fired[id] += 1

    def _load_firing_counts(self) -> Counter[str]:
        if self._fired is not None:
            return self._fired
        fired: Counter[str] = Counter()
        try:
            blob = self.record.read_bytes() if self.record.exists() else b""
            whole, _, torn = blob.rpartition(b"\n")
            if torn:
                # The fault of an incomplete line has not acted, because the line was not yet durable.
                os.truncate(self.record, len(blob) - len(torn))
        except OSError as error:
            raise DrillError(f"drill record {self.record} cannot be used: {error.strerror}") from error
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                fired[str(json.loads(line)["id"])] += 1
            except (ValueError, KeyError, TypeError) as error:
                raise DrillError(
                    f"drill record {self.record}, line {number}, is not one of its lines"
                ) from error
        self._fired = fired
        return fired


def _parse_faults(path: Path, blob: bytes) -> dict[str, Fault]:
    try:
        entries = json.loads(blob)
    except ValueError as error:
        raise DrillError(f"drill file {path} is not JSON: {error}") from error
    if not isinstance(entries, list):
        raise DrillError(f"drill file {path} must hold a list of faults")
    faults: dict[str, Fault] = {}
    texts: Counter[str] = Counter()
    for number, entry in enumerate(entries, start=1):
        where = f"drill file {path}, fault {number}"
        if not isinstance(entry, dict):
            raise DrillError(f"{where}: must be an object")
        values = dict(entry)
        id = values.pop("id", None)
        unknown = sorted(set(values) - {field.name for field in fields(Fault)})
        if unknown:
            raise DrillError(f"{where}: knows no key {', '.join(unknown)}")
        try:
            fault = Fault(**values)
        except (TypeError, ValueError) as error:
            raise DrillError(f"{where}: {error}") from error
        if id is None:
            text = json.dumps(asdict(fault), sort_keys=True)
            texts[text] += 1
            id = f"{text} #{texts[text]}"
        if not isinstance(id, str) or id in faults:
            raise DrillError(f"{where}: id must be a text that no other fault has, not {id!r}")
        faults[id] = fault
    return faults


def _is_number(value: object, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def _require(is_met: bool, message: str) -> None:
    if not is_met:
        raise ValueError(message)
