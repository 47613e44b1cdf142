"""What is read from a file, and read again when the file has changed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from cgflow.errors import ConfigError

LOG = logging.getLogger(__name__)

T = TypeVar("T")
Stamp = tuple[int, int, int]


class Fresh(Generic[T]):
    """The content of a file as it is now. Safe to ask from many threads.

    A file that cannot be used is refused at first. When it goes bad later, what
    held before goes on to hold and the log says so: a slip of the editor must
    neither open the service nor take it away.
    """

    def __init__(self, path: Path, read: Callable[[Path], T]) -> None:
        """Read the file with ``read``, which raises ConfigError. Raises: ConfigError."""
        self._path = path
        self._read = read
        self._lock = threading.Lock()
        # Looked at before it is read: a change between the two is found by the next who asks.
        self._stamp = _stamp(path)
        self._value = read(path)

    @property
    def value(self) -> T:
        """What the file says."""
        if _stamp(self._path) != self._stamp:
            with self._lock:
                self._read_again()
        return self._value

    def _read_again(self) -> None:
        now = _stamp(self._path)
        if now == self._stamp:
            return
        try:
            self._value = self._read(self._path)
        except ConfigError as error:
            LOG.error("what was read earlier stays in force: %s", error)  # noqa: TRY400 - it says it all
        else:
            LOG.info("read again: %s", self._path)
        self._stamp = now


def read_text(path: Path, what: str) -> str:
    """Return the text of a file. Raises: ConfigError, which calls the file by ``what``."""
    try:
        return path.read_text()
    except OSError as error:
        raise ConfigError(f"The {what} {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"The {what} {path} is not text: {error}.") from error


def _stamp(path: Path) -> Stamp | None:
    """Return what changes when a file does, or None while there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
