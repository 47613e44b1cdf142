"""An append-only event log in a file, from which a driver rebuilds its state after a crash.

Each line is one JSON object. A line is appended before its event takes effect. Appending has a constant cost,
whatever the number of objects. The file is rewritten with the fewest lines that produce the same state each
time it is opened, and grows in between.

The owner decides whether a line must also survive a power failure: ``sync`` makes all lines durable that were
appended before it, for any number of threads at once. A backend must be able to record a deletion on a full
disk: lines with ``releasing`` may use the space of a ballast file, which is kept for them.
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
    """A file of events, open in one process at a time. The caller locks, except for ``sync``.

    ``owner`` describes the owner (``memory backend``); it is written into the file and into messages.
    ``ballast_bytes`` is the space kept for releasing lines.
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
        """Apply every event in the file, then rewrite the file with the events that remain.

        An incomplete last line, left by a kill, is dropped: its event never took effect. Raises: ConfigError,
        if another process has the file open, the file cannot be written, or its content is not valid (the
        message names file and line).
        """
        self.close()
        try:
            make_folder(self.path.parent)
            self._acquire_process_lock()
            found = self._replay(apply) if self.path.exists() else None
            try:
                self._rewrite(remaining())
            except OSError as error:
                if found is None or error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                # A full disk must not prevent deletions: continue with the existing file instead.
                self._ballast.unlink(missing_ok=True)
                if self.path.stat().st_size != found:
                    os.truncate(self.path, found)
                self._length, self._synced = found, 0
            self._file = self._close_on_finalization(open_file(self.path, os.O_WRONLY | os.O_APPEND))
            self._reserve_ballast()
        except OSError as error:
            self.close()
            raise ConfigError(f"the {self._owner} cannot use {self.path}: {error.strerror}") from error
        except ConfigError:
            self.close()
            raise

    def append(self, event: JSON, *, releasing: bool = False) -> int:
        """Add an event; return the position to pass to ``sync`` if it has to survive a power failure.

        Raises: FinalDriverError, if the event is not in the file; AmbiguousDriverError.
        """
        if self._file is None:
            raise FinalDriverError(f"the {self._owner} on {self.path} has not been started")
        line = _encode_line(event)
        reason = self._write(self._file, line)
        if reason is not None and releasing and self._ballast.exists():
            self._ballast.unlink()
            reason = self._write(self._file, line)
        if reason is not None:
            raise FinalDriverError(f"the {self._owner} cannot write {self.path}: {reason}; nothing was made")
        self._length += len(line)
        return self._length

    def sync(self, position: int) -> None:
        """Make the file durable up to a position. Raises: AmbiguousDriverError; the file is then closed."""
        with self._syncing:
            file = self._file
            if file is None:
                raise AmbiguousDriverError(f"the {self._owner} on {self.path} has been stopped")
            if position <= self._synced:
                return
            # One fsync covers the lines of all threads that have appended by now.
            length = self._length
            try:
                os.fsync(file)
            except OSError as error:
                # What is on the disk is unknown now; the next process to open the file reads it.
                self.close()
                raise AmbiguousDriverError(
                    f"{self.path} could not be made durable: {error.strerror}"
                ) from error
            self._synced = length
            self._reserve_ballast()

    def close(self) -> None:
        """Release the file. Idempotency: a closed file stays closed."""
        self._file = None
        for closer in self._closers:
            closer()
        self._closers.clear()

    @property
    def _ballast(self) -> Path:
        return self.path.with_name(f"{self.path.name}.ballast")

    def _reserve_ballast(self) -> None:
        if not self._ballast_bytes or self._ballast.exists():
            return
        try:
            with open(self._ballast, "wb", opener=open_file) as stream:
                os.posix_fallocate(stream.fileno(), 0, self._ballast_bytes)
        except OSError:
            # The disk is full; the next sync tries again.
            self._ballast.unlink(missing_ok=True)

    def _write(self, file: int, line: bytes) -> str | None:
        """Write a whole line.

        Returns: None, or the reason why it failed, with nothing of the line left in the file. Raises:
        AmbiguousDriverError.
        """
        reason = "no space for a whole line"
        try:
            if os.write(file, line) == len(line):
                return None
        except OSError as error:
            reason = str(error.strerror)
        # Part of a line in the middle of the file would make all later lines unreadable.
        try:
            if os.fstat(file).st_size != self._length:
                os.ftruncate(file, self._length)
        except OSError as error:
            self.close()
            raise AmbiguousDriverError(f"{self.path} ends in an incomplete line: {error.strerror}") from error
        return reason

    def _acquire_process_lock(self) -> None:
        lock = self._close_on_finalization(open_file(f"{self.path}.lock", os.O_RDWR | os.O_CREAT))
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise ConfigError(f"another process is using the {self._owner} in {self.path}") from error

    def _replay(self, apply: Callable[[JSON], None]) -> int:
        """Apply the complete lines; return their length in bytes."""
        with open(self.path, "rb", opener=open_file) as file:
            lines = file.read().split(b"\n")
        # What follows the last line feed is an incomplete line, or empty.
        for number, line in enumerate(lines[:-1], start=1):
            try:
                event = json.loads(line)
                if number == 1:
                    if event != self._header:
                        raise ValueError("the first line is not the header of an event log of this version")  # noqa: TRY301
                else:
                    apply(event)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise ConfigError(f"{self.path}, line {number}: invalid event: {error}") from error
        return sum(len(line) + 1 for line in lines[:-1])

    def _rewrite(self, events: Iterable[JSON]) -> None:
        aside = self.path.with_name(f"{self.path.name}.new")
        try:
            with open(aside, "wb", opener=open_file) as file:
                file.write(_encode_line(self._header))
                file.writelines(_encode_line(event) for event in events)
                length = file.tell()
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self.path)
        except OSError:
            aside.unlink(missing_ok=True)
            raise
        self._length = self._synced = length
        fsync_folder(self.path.parent)

    def _close_on_finalization(self, descriptor: int) -> int:
        # An instance that is dropped without close, as after a crash, must not leak its descriptors.
        self._closers.append(weakref.finalize(self, os.close, descriptor))
        return descriptor


def _encode_line(event: JSON) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"
