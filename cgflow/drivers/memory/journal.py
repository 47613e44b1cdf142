"""Events in a file, one JSON object a line, so that a killed process finds its objects again.

A line is appended before its event counts. Appending is a constant cost
however much exists; the file is rewritten with the fewest lines that say the
same each time it is opened, and grows in between. It outlives ``kill -9`` of
the process, not a power failure, for which a backend in memory has no use.
"""

from __future__ import annotations

import fcntl
import json
import os
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path

from cgflow.drivers.contract import JSON
from cgflow.errors import AmbiguousDriverError, ConfigError, FinalDriverError

_HEADER: JSON = {"journal": "cgflow memory backend", "version": 1}


class Journal:
    """One file of events, open in one process at a time. The caller locks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._length = 0
        self._closers: list[weakref.finalize[[int], Journal]] = []
        self._file: int | None = None

    def open(self, apply: Callable[[JSON], None], remaining: Callable[[], Iterable[JSON]]) -> None:
        """Apply every event in the file, then rewrite it with the events that remain.

        A last line that was torn off by a kill never counted and is dropped.
        Raises: ConfigError, if another process has the file open, it cannot be
        written, or it is not what this class wrote (names file and line).
        """
        self.close()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._claim()
            if self.path.exists():
                self._replay(apply)
            self._rewrite(remaining())
            self._file = self._keep(os.open(self.path, os.O_WRONLY | os.O_APPEND))
        except OSError as error:
            self.close()
            raise ConfigError(f"the memory backend cannot use {self.path}: {error.strerror}") from error
        except ConfigError:
            self.close()
            raise

    def append(self, event: JSON) -> None:
        """Add an event. Raises: FinalDriverError, if it is not in the file; AmbiguousDriverError."""
        if self._file is None:
            raise FinalDriverError(f"the memory backend on {self.path} has not been started")
        line = _line(event)
        reason = "no room for a whole line"
        try:
            is_whole = os.write(self._file, line) == len(line)
        except OSError as error:
            is_whole, reason = False, str(error.strerror)
        if not is_whole:
            self._take_back(self._file)
            raise FinalDriverError(f"the memory backend cannot write {self.path}: {reason}")
        self._length += len(line)

    def close(self) -> None:
        """Let go of the file. Idempotency: closed is left closed."""
        self._file = None
        for closer in self._closers:
            closer()
        self._closers.clear()

    def _take_back(self, file: int) -> None:
        # Half a line in the middle of the file would make all that follows unreadable.
        try:
            os.ftruncate(file, self._length)
        except OSError as error:
            self.close()
            raise AmbiguousDriverError(f"{self.path} is broken off in a line: {error.strerror}") from error

    def _claim(self) -> None:
        lock = self._keep(os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT, 0o600))
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise ConfigError(f"another process is using the memory backend in {self.path}") from error

    def _replay(self, apply: Callable[[JSON], None]) -> None:
        lines = self.path.read_bytes().split(b"\n")
        # What follows the last line feed was torn off, or is empty.
        for number, line in enumerate(lines[:-1], start=1):
            try:
                event = json.loads(line)
                if number == 1:
                    if event != _HEADER:
                        raise ValueError("the first line is not that of a journal of this version")  # noqa: TRY301
                else:
                    apply(event)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise ConfigError(f"{self.path}, line {number}, is not a journal's line: {error}") from error

    def _rewrite(self, events: Iterable[JSON]) -> None:
        aside = self.path.with_name(f"{self.path.name}.new")
        with aside.open("wb") as file:
            file.write(_line(_HEADER))
            file.writelines(_line(event) for event in events)
            self._length = file.tell()
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self.path)

    def _keep(self, descriptor: int) -> int:
        # An instance that is dropped without close, as by a crash, must not leak its descriptors.
        self._closers.append(weakref.finalize(self, os.close, descriptor))
        return descriptor


def _line(event: JSON) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"
