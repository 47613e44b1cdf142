"""Events in a file, one JSON object a line, so that the next process finds what a killed one had made.

A line is appended before its event counts. Appending is a constant cost
however much exists; the file is rewritten with the fewest lines that say the
same each time it is opened, and grows in between.

Whether a line also outlives a power failure is its owner's choice: ``sync``
makes all lines durable that were appended before it, for any number of threads
at once. A backend that gives space back has to be able to write that down on a
full disk: ``releasing`` lines may use up a ballast that is kept for them.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path

from cgflow.drivers.common.fsync import fsync_folder
from cgflow.drivers.contract import JSON
from cgflow.errors import AmbiguousDriverError, ConfigError, FinalDriverError
from cgflow.private_files import make_folder, open_file


class EventLog:
    """One file of events, open in one process at a time. The caller locks, but for ``sync``.

    ``owner`` is whose it is in words (``memory backend``), and stands in the
    file. ``ballast_bytes`` is the room kept for releasing lines.
    """

    def __init__(self, path: Path, owner: str, *, ballast_bytes: int = 0) -> None:
        self.path = path
        self._owner = owner
        self._header: JSON = {"journal": f"cgflow {owner}", "version": 1}
        self._ballast_bytes = ballast_bytes
        self._length = 0
        self._synced = 0
        self._syncing = threading.Lock()
        self._closers: list[weakref.finalize[[int], EventLog]] = []
        self._file: int | None = None

    def open(self, apply: Callable[[JSON], None], remaining: Callable[[], Iterable[JSON]]) -> None:
        """Apply every event in the file, then rewrite it with the events that remain.

        A last line that was torn off by a kill never counted and is dropped.
        Raises: ConfigError, if another process has the file open, it cannot be
        written, or it is not what this class wrote (names file and line).
        """
        self.close()
        try:
            make_folder(self.path.parent)
            self._claim()
            found = self._replay(apply) if self.path.exists() else None
            try:
                self._rewrite(remaining())
            except OSError as error:
                if found is None or error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                # A full disk keeps nobody from deleting: the file that is there goes on as it is.
                self._ballast.unlink(missing_ok=True)
                if self.path.stat().st_size != found:
                    os.truncate(self.path, found)
                self._length, self._synced = found, 0
            self._file = self._keep(open_file(self.path, os.O_WRONLY | os.O_APPEND))
            self._keep_ballast()
        except OSError as error:
            self.close()
            raise ConfigError(f"the {self._owner} cannot use {self.path}: {error.strerror}") from error
        except ConfigError:
            self.close()
            raise

    def append(self, event: JSON, *, releasing: bool = False) -> int:
        """Add an event; return the position to ``sync`` to, if it shall outlive a power failure.

        Raises: FinalDriverError, if it is not in the file; AmbiguousDriverError.
        """
        if self._file is None:
            raise FinalDriverError(f"the {self._owner} on {self.path} has not been started")
        line = _line(event)
        reason = self._write(self._file, line)
        if reason is not None and releasing and self._ballast.exists():
            self._ballast.unlink()
            reason = self._write(self._file, line)
        if reason is not None:
            raise FinalDriverError(f"the {self._owner} cannot write {self.path}: {reason}; nothing was made")
        self._length += len(line)
        return self._length

    def sync(self, position: int) -> None:
        """Make the file durable up to a position. Raises: AmbiguousDriverError; it is closed then."""
        with self._syncing:
            file = self._file
            if file is None:
                raise AmbiguousDriverError(f"the {self._owner} on {self.path} has been stopped")
            if position <= self._synced:
                return
            # What others have appended by now is made durable with it, and they need not wait for another.
            length = self._length
            try:
                os.fsync(file)
            except OSError as error:
                # What is on the disk is not known any more; whoever opens it next will read it.
                self.close()
                raise AmbiguousDriverError(
                    f"{self.path} could not be made durable: {error.strerror}"
                ) from error
            self._synced = length
            self._keep_ballast()

    def close(self) -> None:
        """Let go of the file. Idempotency: closed is left closed."""
        self._file = None
        for closer in self._closers:
            closer()
        self._closers.clear()

    @property
    def _ballast(self) -> Path:
        return self.path.with_name(f"{self.path.name}.ballast")

    def _keep_ballast(self) -> None:
        if not self._ballast_bytes or self._ballast.exists():
            return
        try:
            with open(self._ballast, "wb", opener=open_file) as stream:
                os.posix_fallocate(stream.fileno(), 0, self._ballast_bytes)
        except OSError:
            # The disk is full: the next line that is made durable tries again.
            self._ballast.unlink(missing_ok=True)

    def _write(self, file: int, line: bytes) -> str | None:
        """Write a whole line; return why not, with nothing of it left. Raises: AmbiguousDriverError."""
        reason = "no room for a whole line"
        try:
            if os.write(file, line) == len(line):
                return None
        except OSError as error:
            reason = str(error.strerror)
        # Half a line in the middle of the file would make all that follows unreadable.
        try:
            if os.fstat(file).st_size != self._length:
                os.ftruncate(file, self._length)
        except OSError as error:
            self.close()
            raise AmbiguousDriverError(f"{self.path} is broken off in a line: {error.strerror}") from error
        return reason

    def _claim(self) -> None:
        lock = self._keep(open_file(f"{self.path}.lock", os.O_RDWR | os.O_CREAT))
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise ConfigError(f"another process is using the {self._owner} in {self.path}") from error

    def _replay(self, apply: Callable[[JSON], None]) -> int:
        """Apply the lines that are whole; return their length in bytes."""
        with open(self.path, "rb", opener=open_file) as file:
            lines = file.read().split(b"\n")
        # What follows the last line feed was torn off, or is empty.
        for number, line in enumerate(lines[:-1], start=1):
            try:
                event = json.loads(line)
                if number == 1:
                    if event != self._header:
                        raise ValueError("the first line is not that of a journal of this version")  # noqa: TRY301
                else:
                    apply(event)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise ConfigError(f"{self.path}, line {number}, is not a journal's line: {error}") from error
        return sum(len(line) + 1 for line in lines[:-1])

    def _rewrite(self, events: Iterable[JSON]) -> None:
        aside = self.path.with_name(f"{self.path.name}.new")
        try:
            with open(aside, "wb", opener=open_file) as file:
                file.write(_line(self._header))
                file.writelines(_line(event) for event in events)
                length = file.tell()
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self.path)
        except OSError:
            aside.unlink(missing_ok=True)
            raise
        self._length = self._synced = length
        fsync_folder(self.path.parent)

    def _keep(self, descriptor: int) -> int:
        # An instance that is dropped without close, as by a crash, must not leak its descriptors.
        self._closers.append(weakref.finalize(self, os.close, descriptor))
        return descriptor


def _line(event: JSON) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"
