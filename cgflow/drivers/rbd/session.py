"""A session of this process on the storage, and the child process that is its client.

Every child is a new client with a new address. Before its first effect, its address is recorded under the
name of the session, so that a process that fences the session finds it. The earlier children of the session
are blocklisted first, because their operations may still be in flight to an OSD that did not answer.

The child runs Ceph's bindings and answers calls in lines of JSON. It may die at any time.
"""

from __future__ import annotations

import contextlib
import errno
import json
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar
from uuid import uuid4

from cgflow.errors import AmbiguousDriverError, ConfigError, SessionFenced

SESSIONS = "cgflow.sessions"
"""The object in the pool that records the clients of each session, and the fenced sessions."""

_BOOT = "import sys; sys.path.append(sys.argv[1]); from bindings.main import main; main()"
_STDERR_LINES = 5
_END_S = 10.0
_STDERR_END_S = 5.0
"""Seconds to wait for the end of stderr, which a process started by the child may keep open."""
Answer = TypeVar("Answer")
_SHUT_OUT = errno.ESHUTDOWN
_LONG_CALLS = frozenset({"image_remove", "image_resize", "snap_rollback"})
"""Calls that may take long and cannot report progress."""


class ChildDied(Exception):
    """The process ended before it answered; the call may have taken effect."""


class ChildSilent(Exception):
    """The process did not answer in time; the call may still take effect."""


class Refusal(AmbiguousDriverError):
    """The storage refused a call with an ``errno``; earlier calls of the operation took effect."""

    def __init__(self, call: str, errno: int, message: str) -> None:
        super().__init__(f"Ceph refused {call}: {message or 'without a reason'} (errno {errno}).")
        self.errno = errno


class BindingsProcess:
    """A process that answers calls. Thread-safe. Raises: OSError, if it cannot be started."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._lock = threading.Lock()
        # A separate lock, because the reader of answers needs the other one while the pipe is full.
        self._sending = threading.Lock()
        self._next = 0
        self._waiting: dict[int, SimpleQueue[Mapping[str, Any] | None]] = {}
        self._stderr_lines: deque[str] = deque(maxlen=_STDERR_LINES)
        self._is_dead = False
        self._stderr_reader = threading.Thread(target=self._read_stderr, name="rbd-child-stderr", daemon=True)
        self._stderr_reader.start()
        self._reader = threading.Thread(target=self._read_answers, name="rbd-child-answers", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_dead(self) -> bool:
        """Whether the process can no longer answer calls."""
        return self._is_dead

    def call(self, name: str, args: Mapping[str, object], timeout_s: float) -> Any:
        """Make a call and return its value.

        ``timeout_s`` is the longest time without an answer or a report of progress; a long call reports its
        progress. Raises: Refusal, ChildDied, ChildSilent.
        """
        answers: SimpleQueue[Mapping[str, Any] | None] = SimpleQueue()
        with self._lock:
            if self._is_dead:
                raise ChildDied(self._reason_of_death())
            self._next += 1
            number = self._next
            self._waiting[number] = answers
        self._send(json.dumps({"id": number, "call": name, "args": args}) + "\n")
        try:
            while True:
                answer = answers.get(timeout=timeout_s)
                if answer is None:
                    raise ChildDied(self._reason_of_death())
                if "value" in answer:
                    return answer["value"]
                if "errno" in answer:
                    raise Refusal(name, answer["errno"], answer["text"])
        except Empty:
            raise ChildSilent(f"no answer within {timeout_s:g} s") from None
        finally:
            with self._lock:
                self._waiting.pop(number, None)

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._reap()

    def finish(self) -> None:
        """Let the process finish its calls and end; kill it if it does not end."""
        with contextlib.suppress(OSError), self._sending:
            if self._process.stdin is not None:
                self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        self.kill()

    def _reap(self) -> None:
        self._process.wait()
        self._reader.join(_END_S + _STDERR_END_S)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it was opened as a pipe
        # If the pipe is broken, the reader of answers notices it and notifies all waiting callers.
        with contextlib.suppress(OSError, ValueError), self._sending:
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def _read_answers(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was opened as a pipe
        for line in self._process.stdout:
            try:
                answer = json.loads(line)
            except ValueError:
                # A killed process may have written half a line.
                break
            with self._lock:
                waiting = self._waiting.get(answer["id"])
            if waiting is not None:
                waiting.put(answer)
        # The last lines of stderr give the reason, and come over another pipe.
        self._stderr_reader.join(_STDERR_END_S)
        with self._lock:
            self._is_dead = True
            for waiting in self._waiting.values():
                waiting.put(None)

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it was opened as a pipe
        for line in self._process.stderr:
            self._stderr_lines.append(line.strip())

    def _reason_of_death(self) -> str:
        message = "; ".join(line for line in self._stderr_lines if line)
        return f"the process of Ceph's bindings has ended{': ' + message if message else ''}"


def bindings_command(python: str) -> list[str]:
    """Return the command that runs ``bindings`` with an interpreter and its own libraries."""
    return [python, "-I", "-c", _BOOT, str(Path(__file__).parent)]


@dataclass(frozen=True)
class ConnectionOptions:
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

    def __init__(self, access: ConnectionOptions) -> None:
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
        self._connected_child()

    def call(self, name: str, /, **args: object) -> Any:
        """Make a call of ``bindings``.

        Raises: SessionFenced; Refusal, with the errno of the storage; AmbiguousDriverError, if there was no
        answer.
        """
        child = self._connected_child()
        timeout_s = self.access.long_timeout_s if name in _LONG_CALLS else self.access.timeout_s
        try:
            return child.call(name, args, timeout_s)
        except (ChildDied, ChildSilent) as error:
            self._replace_child(child)
            raise AmbiguousDriverError(f"Ceph's answer to {name} was lost: {error}.") from error
        except Refusal as error:
            if error.errno != _SHUT_OUT:
                raise
            # Caused by a fence, or by a client that broke this client's lock; a new child finds out which.
            self._replace_child(child)
            raise AmbiguousDriverError(f"The storage shut this client out during {name}.") from error

    def fence(self, name: str) -> None:
        """Shut out another session permanently. Raises: SessionFenced; DriverError."""
        self.call("session_fence", object=SESSIONS, session=name)

    def close(self) -> None:
        """Let the child finish its calls, and end it."""
        with self._lock:
            child, self._child = self._child, None
            if child is not None:
                child.finish()

    def child_pid(self) -> int | None:
        """Return the process id of the child, or None if none is alive."""
        child = self._child
        return None if child is None or child.is_dead else child.pid

    def _replace_child(self, child: BindingsProcess) -> None:
        """End a child and start another one, which blocklists the client of the first.

        Only then can the operations of the first child no longer take effect, and its locks are free. If the
        storage does not answer now, the next call does this. Raises: SessionFenced.
        """
        child.kill()
        try:
            self._connected_child()
        except (AmbiguousDriverError, ConfigError):
            return

    def _connected_child(self) -> BindingsProcess:
        with self._lock:
            if self._is_fenced:
                raise SessionFenced.of(self._name)
            if self._child is None or self._child.is_dead:
                if self._child is not None:
                    self._child.kill()
                self._child = None
                self._child = self._start_session_child()
            return self._child

    def _start_session_child(self) -> BindingsProcess:
        access = self.access
        child = start_child(access)
        try:
            self.facts = connect_child(child, access)
            args = {"object": SESSIONS, "session": self._name}
            is_fenced = _translate_child_errors(lambda: child.call("session_open", args, access.timeout_s))
        except BaseException:
            child.kill()
            raise
        if is_fenced:
            child.kill()
            self._is_fenced = True
            raise SessionFenced.of(self._name)
        return child


def start_child(access: ConnectionOptions) -> BindingsProcess:
    """Start a child. Raises: ConfigError."""
    try:
        return BindingsProcess(bindings_command(access.python))
    except OSError as error:
        raise ConfigError(
            f"the interpreter {access.python} cannot be started: {error.strerror}. "
            "Set the option python to one that has Ceph's bindings"
        ) from error


def connect_child(child: BindingsProcess, access: ConnectionOptions) -> Mapping[str, Any]:
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
        facts: Mapping[str, Any] = _translate_child_errors(
            lambda: child.call("connect", args, access.timeout_s * 2)
        )
    except Refusal as error:
        if error.errno in (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EINVAL):
            raise ConfigError(
                f"pool {access.pool} of {access.conf} cannot be used as client.{access.user}: {error}"
            ) from error
        raise
    return facts


def _translate_child_errors(call: Callable[[], Answer]) -> Answer:
    try:
        return call()
    except ChildDied as error:
        if "ModuleNotFoundError" in str(error) or "No module named" in str(error):
            raise ConfigError(
                f"Ceph's bindings are missing: {error}. Install them ('apt-get install python3-rbd "
                "python3-rados'), or set the option python to an interpreter that has them"
            ) from error
        raise AmbiguousDriverError(f"The cluster cannot be reached: {error}.") from error
    except ChildSilent as error:
        raise AmbiguousDriverError(f"The cluster cannot be reached: {error}.") from error
