"""The parsed content of a file, reloaded when the file has changed."""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import yaml

from cgflow.errors import ConfigError

LOG = logging.getLogger(__name__)

T = TypeVar("T")
Stamp = tuple[int, int, int, int]

MAX_BYTES = 16 * 1024 * 1024


class ReloadingFile(Generic[T]):
    """The current content of a file. Thread-safe.

    An invalid file is refused at first. If it becomes invalid later, the last valid content stays
    in force and an error is logged: a mistake in an editor must neither open the service to
    everybody nor stop it. After any failure, the file is not read again until it changes again.
    """

    def __init__(self, path: Path, read: Callable[[Path], T], *, may_become_empty: bool = True) -> None:
        """Read the file with ``read``, which raises ConfigError. Raises: ConfigError.

        Editors and full disks leave empty files behind. ``may_become_empty`` is False if an empty
        file would permit more than the last content.
        """
        self._path = path
        self._read = read
        self._may_become_empty = may_become_empty
        self._lock = threading.Lock()
        # Taken before the file is read, so that a change in between is detected at the next access.
        self._stamp = _file_stamp(path)
        try:
            self._value = read(path)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{path} cannot be used: {error}.") from error

    @property
    def value(self) -> T:
        """The current content."""
        if _file_stamp(self._path) != self._stamp:
            with self._lock:
                self._reload_if_changed()
        return self._value

    def _reload_if_changed(self) -> None:
        now = _file_stamp(self._path)
        if now == self._stamp:
            return
        self._stamp = now
        try:
            self._value = self._read_content(now)
        except ConfigError as error:
            LOG.error("what was read earlier stays in force: %s", error)  # noqa: TRY400 - the message suffices
        except Exception:
            LOG.exception("what was read earlier stays in force: %s cannot be used", self._path)
        else:
            LOG.info("read again: %s", self._path)

    def _read_content(self, stamp: Stamp | None) -> T:
        if stamp is not None and stamp[-1] == 0 and not self._may_become_empty:
            raise ConfigError(
                f"{self._path} is empty. Write new content aside and rename it; a comment makes a file that "
                "states nothing."
            )
        return self._read(self._path)


def read_text(path: Path, what: str) -> str:
    """Return the text of a regular file. Raises: ConfigError, which names the file by ``what``."""
    try:
        # Opening a pipe would block until it has a writer.
        with open(path, "rb", opener=_open_without_waiting) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ConfigError(f"The {what} {path} is not a regular file.")
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ConfigError(f"The {what} {path} is larger than {MAX_BYTES} bytes.")
        return content.decode()
    except OSError as error:
        raise ConfigError(f"The {what} {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"The {what} {path} is not text: {error}.") from error


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


class _StrictLoader(yaml.SafeLoader):
    """Loads plain scalars as text or null, and refuses duplicate keys."""

    # An id such as 2026-02-30, 0x1 or yes is text, not a date, number or boolean.
    yaml_implicit_resolvers: ClassVar[dict[str | None, Any]] = {  # type: ignore[misc]
        first: [(tag, pattern) for tag, pattern in known if tag == "tag:yaml.org,2002:null"]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping. Raises: ConstructorError, for a duplicate key."""
        made = super().construct_mapping(node, deep=deep)
        if len(made) != len(node.value):
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            twice = next(key for number, key in enumerate(keys) if key in keys[:number])
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {str(twice)[:255]!r} is given twice", node.start_mark
            )
        return made


def read_yaml(path: Path, what: str) -> Any:
    """Return the content of a YAML file, with all scalars but null as text. Raises: ConfigError."""
    try:
        return yaml.load(read_text(path, what), _StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        words = " ".join(str(error).split())
        raise ConfigError(f"The {what} {path} is not YAML: {words}.") from error
    except RecursionError as error:
        raise ConfigError(f"The {what} {path} is nested too deeply.") from error
    except ValueError as error:
        raise ConfigError(f"The {what} {path} holds a value that cannot be read: {error}.") from error


def _file_stamp(path: Path) -> Stamp | None:
    """Return values that change when a file changes, or None if there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
