"""A session of this process on the storage, and the child process that is its client.

Every child is a new client with a new address. Before its first effect, its address is recorded under the
name of the session, so that a process that fences the session finds it. The earlier children of the session
are blocklisted first, because their operations may still be in flight to an OSD that did not answer.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import uuid4

from cgflow.drivers.rbd.bindings_process import BindingsProcess, ChildDied, ChildSilent, Refusal, bindings
from cgflow.errors import AmbiguousDriverError, ConfigError, SessionFenced

SESSIONS = "cgflow.sessions"
"""The object in the pool that records the clients of each session, and the fenced sessions."""

Answer = TypeVar("Answer")
_SHUT_OUT = errno.ESHUTDOWN
_LONG = frozenset({"image_remove", "image_resize", "snap_rollback"})
"""Calls that may take long and cannot report progress."""


@dataclass(frozen=True)
class Access:
    """How to reach the pool. Times are in seconds."""

    conf: str
    user: str
    keyring: str | None
    pool: str
    python: str
    timeout_s: float
    long_timeout_s: float


class Session:
    """The calls of one process on the storage. Thread-safe."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.facts: Mapping[str, Any] = {}
        self._name = str(uuid4())
        self._lock = threading.Lock()
        self._child: BindingsProcess | None = None
        self._is_fenced = False

    def open(self, name: str) -> None:
        """Work under this name from now on. Raises: SessionFenced; DriverError; ConfigError."""
        with self._lock:
            self._name = name
        self._ready()

    def call(self, name: str, /, **args: object) -> Any:
        """Make a call of ``bindings``.

        Raises: SessionFenced; Refusal, with the errno of the storage; AmbiguousDriverError, if there was no
        answer.
        """
        child = self._ready()
        timeout_s = self.access.long_timeout_s if name in _LONG else self.access.timeout_s
        try:
            return child.call(name, args, timeout_s)
        except (ChildDied, ChildSilent) as error:
            self._replace(child)
            raise AmbiguousDriverError(f"Ceph's answer to {name} was lost: {error}.") from error
        except Refusal as error:
            if error.errno != _SHUT_OUT:
                raise
            # Caused by a fence, or by a client that broke this client's lock; a new child finds out which.
            self._replace(child)
            raise AmbiguousDriverError(f"The storage shut this client out during {name}.") from error

    def fence(self, name: str) -> None:
        """Shut out another session permanently. Raises: SessionFenced; DriverError."""
        self.call("session_fence", object=SESSIONS, session=name)

    def close(self) -> None:
        """Let the child finish its calls, and end it."""
        with self._lock:
            child, self._child = self._child, None
            if child is not None:
                child.leave()

    def child_pid(self) -> int | None:
        """Return the process id of the child, or None if none is alive."""
        child = self._child
        return None if child is None or child.is_dead else child.pid

    def _replace(self, child: BindingsProcess) -> None:
        """End a child and start another one, which blocklists the client of the first.

        Only then can the operations of the first child no longer take effect, and its locks are free. If the
        storage does not answer now, the next call does this. Raises: SessionFenced.
        """
        child.kill()
        try:
            self._ready()
        except (AmbiguousDriverError, ConfigError):
            return

    def _ready(self) -> BindingsProcess:
        with self._lock:
            if self._is_fenced:
                raise SessionFenced.of(self._name)
            if self._child is None or self._child.is_dead:
                if self._child is not None:
                    self._child.kill()
                self._child = None
                self._child = self._begin()
            return self._child

    def _begin(self) -> BindingsProcess:
        access = self.access
        child = start_child(access)
        try:
            self.facts = connect_child(child, access)
            args = {"object": SESSIONS, "session": self._name}
            is_fenced = _asked(lambda: child.call("session_open", args, access.timeout_s))
        except BaseException:
            child.kill()
            raise
        if is_fenced:
            child.kill()
            self._is_fenced = True
            raise SessionFenced.of(self._name)
        return child


def start_child(access: Access) -> BindingsProcess:
    """Start a child. Raises: ConfigError."""
    try:
        return BindingsProcess(bindings(access.python))
    except OSError as error:
        raise ConfigError(
            f"the interpreter {access.python} cannot be started: {error.strerror}; "
            "set python to one that has Ceph's bindings"
        ) from error


def connect_child(child: BindingsProcess, access: Access) -> Mapping[str, Any]:
    """Connect a child to the cluster; return its address, the cluster's id and the monitors.

    Raises: ConfigError, if it can never work; AmbiguousDriverError, if the cluster does not answer.
    """
    args = {
        "conf": access.conf,
        "user": access.user,
        "keyring": access.keyring,
        "pool": access.pool,
        "timeout_s": access.timeout_s,
    }
    try:
        # The libraries give up within the timeout; the longer one is for a child that hangs.
        facts: Mapping[str, Any] = _asked(lambda: child.call("connect", args, access.timeout_s * 2))
    except Refusal as error:
        if error.errno in (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EINVAL):
            raise ConfigError(
                f"pool {access.pool} of {access.conf} cannot be used as client.{access.user}: {error}"
            ) from error
        raise
    return facts


def _asked(call: Callable[[], Answer]) -> Answer:
    try:
        return call()
    except ChildDied as error:
        if "ModuleNotFoundError" in str(error) or "No module named" in str(error):
            raise ConfigError(
                f"Ceph's bindings are missing: {error}; 'apt-get install python3-rbd python3-rados', "
                "or set python to an interpreter that has them"
            ) from error
        raise AmbiguousDriverError(f"The cluster cannot be reached: {error}.") from error
    except ChildSilent as error:
        raise AmbiguousDriverError(f"The cluster cannot be reached: {error}.") from error
