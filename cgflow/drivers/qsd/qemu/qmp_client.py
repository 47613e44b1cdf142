"""A blocking client for QMP, the control protocol of QEMU's programs.

There is one connection per daemon, because a monitor serves one client at a time. Any thread may
send. A reader thread matches replies to commands by their id, passes events to the listeners, and
is the first to notice that a daemon has died. The daemon runs commands in the order in which they
were sent.
"""

from __future__ import annotations

import json
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from cgflow.drivers.contract import JSON
from cgflow.errors import AmbiguousDriverError

COMMAND_DEADLINE = 60.0
"""Seconds within which a daemon must answer a command; a cut of 200 volumes took under 2."""

Command = tuple[str, JSON]


class CommandRefused(AmbiguousDriverError):
    """The daemon answered with an error: this command did nothing, but those before it may have.

    ``reason`` is QEMU's own message. A caller that sent nothing before raises a final error instead.
    """

    def __init__(self, command: str, reason: str) -> None:
        super().__init__(f"qemu-storage-daemon refused {command}: {reason}")
        self.command = command
        self.reason = reason


class DaemonLost(AmbiguousDriverError):
    """The connection ended or no answer came in time, so the effect is unknown."""


class DaemonSilent(DaemonLost):
    """The socket accepts connections and nothing answers: the daemon is stopped or stuck."""


class EventQueue:
    """The events that a daemon has sent since the listening began, in order."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[JSON | None] = queue.SimpleQueue()

    def put(self, event: JSON | None) -> None:
        """Add an event; None says that no more will come."""
        self._queue.put(event)

    def wait(self, matches: Callable[[JSON], bool], deadline: float) -> JSON | None:
        """Return the next event that matches, or None at the deadline (``time.monotonic`` seconds).

        Raises: DaemonLost, if the connection ends first.
        """
        while True:
            try:
                event = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return None
            if event is None:
                self._queue.put(None)
                raise DaemonLost("qemu-storage-daemon ended while an event was awaited")
            if matches(event):
                return event

    def drain(self, matches: Callable[[JSON], bool]) -> list[JSON]:
        """Return the matching events received so far, and discard the others."""
        matching: list[JSON] = []
        while not self._queue.empty():
            event = self._queue.get()
            if event is None:
                self._queue.put(None)
                break
            if matches(event):
                matching.append(event)
        return matching


class QmpClient:
    """One connection to a daemon. The reader thread calls ``on_lost`` once, if it ends unexpectedly."""

    def __init__(self, path: Path, on_lost: Callable[[], None] | None = None, patience: float = 10.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(patience)
        try:
            self._socket.connect(str(path))
            self._stream = self._socket.makefile("rb")
            greeting = json.loads(self._stream.readline() or b"{}")
            self.version = str(_nested_value(greeting, "QMP", "version", "qemu") or "")
            self.pid = _peer_pid(self._socket)
        except TimeoutError as error:
            self._socket.close()
            raise DaemonSilent(f"no QMP answer at {path} within {patience:g} seconds") from error
        except (OSError, ValueError) as error:
            self._socket.close()
            raise DaemonLost(f"no QMP answer at {path}: {error}") from error
        self._socket.settimeout(None)
        self._path = path
        self._on_lost = on_lost
        self._ids = count(1)
        self._sending = threading.Lock()
        self._state = threading.Lock()
        self._waiting: dict[int, tuple[str, Future[object]]] = {}
        self._sent: dict[int, float] = {}
        self._heard_at = time.monotonic()
        self._listeners: list[EventQueue] = []
        self._closed = False
        self._reader = threading.Thread(target=self._read_messages, name=f"qmp-{path.stem}", daemon=True)
        self._reader.start()
        try:
            self.execute("qmp_capabilities", deadline=patience)
        except AmbiguousDriverError as error:
            is_silent = self.is_alive and isinstance(error, DaemonLost)
            self.close()
            if is_silent:
                raise DaemonSilent(f"{path} did not answer within {patience:g} seconds") from error
            raise

    @property
    def is_alive(self) -> bool:
        """Whether the connection is open."""
        return not self._closed

    def execute(
        self, command: str, arguments: JSON | None = None, deadline: float = COMMAND_DEADLINE
    ) -> object:
        """Run one command and return its answer. Raises: CommandRefused, DaemonLost."""
        answer = self.pipeline([(command, arguments or {})], deadline)[0]
        if isinstance(answer, CommandRefused):
            raise answer
        return answer

    def pipeline(self, commands: Sequence[Command], deadline: float = COMMAND_DEADLINE) -> list[object]:
        """Send all commands at once and return the answers in order.

        A refused command does not stop those behind it; its answer is a CommandRefused. ``deadline`` is in
        seconds, for all commands together.

        Raises: DaemonLost.
        """
        lines: list[bytes] = []
        futures: list[tuple[str, Future[object]]] = []
        with self._sending:
            with self._state:
                if self._closed:
                    raise DaemonLost(f"the connection to qemu-storage-daemon at {self._path} is closed")
                for command, arguments in commands:
                    number, future = next(self._ids), Future[object]()
                    self._waiting[number] = (command, future)
                    self._sent[number] = time.monotonic()
                    futures.append((command, future))
                    request = {"execute": command, "arguments": arguments, "id": number}
                    lines.append(json.dumps(request).encode() + b"\n")
            try:
                self._socket.sendall(b"".join(lines))
            except OSError as error:
                # The reader thread may not have noticed yet.
                self._closed = True
                raise DaemonLost(f"qemu-storage-daemon at {self._path} went away: {error}") from error
        end = time.monotonic() + deadline
        return [self._wait_for_answer(command, future, end) for command, future in futures]

    def _wait_for_answer(self, command: str, future: Future[object], end: float) -> object:
        try:
            return future.result(max(0.0, end - time.monotonic()))
        except CommandRefused as refusal:
            return refusal
        except FutureTimeout as error:
            raise DaemonLost(f"qemu-storage-daemon did not answer {command} in time") from error

    def probe_silence_s(self, probe_every_s: float) -> float:
        """Return for how many seconds the oldest unanswered command has been waiting.

        If none is waiting and no answer came for ``probe_every_s``, this sends a version query without
        waiting.
        """
        now = time.monotonic()
        with self._state:
            oldest = min(self._sent.values(), default=None)
            is_due = oldest is None and now - self._heard_at >= probe_every_s and not self._closed
        # If another thread is sending, the command that it sends is probe enough.
        if is_due and self._sending.acquire(blocking=False):
            try:
                with self._state:
                    number = next(self._ids)
                    self._waiting[number], self._sent[number] = ("query-version", Future()), now
                request = {"execute": "query-version", "id": number}
                # The reader thread notices a connection that has ended.
                with suppress(OSError):
                    self._socket.sendall(json.dumps(request).encode() + b"\n")
            finally:
                self._sending.release()
        return 0.0 if oldest is None else now - oldest

    @contextmanager
    def listen(self) -> Iterator[EventQueue]:
        """Collect events for the length of a ``with``; begin before the command that causes them."""
        events = EventQueue()
        with self._state:
            self._listeners.append(events)
            if self._closed:
                events.put(None)
        try:
            yield events
        finally:
            with self._state:
                self._listeners.remove(events)

    def close(self) -> None:
        """Close the connection. The daemon continues, and ``on_lost`` is not called."""
        self._on_lost = None
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            # The other side has closed it already.
            self._closed = True
        if threading.current_thread() is not self._reader:
            self._reader.join()

    def _read_messages(self) -> None:
        try:
            for line in self._stream:
                self._dispatch_message(json.loads(line))
        except (OSError, ValueError):
            # A broken stream is handled like a closed one.
            pass
        finally:
            self._end_connection()

    def _dispatch_message(self, message: JSON) -> None:
        if "event" in message:
            with self._state:
                for events in self._listeners:
                    events.put(message)
            return
        with self._state:
            number = _parse_command_id(message.get("id"))
            command, future = self._waiting.pop(number, ("", None))
            self._sent.pop(number, None)
            self._heard_at = time.monotonic()
        if future is None:
            return
        if "error" in message:
            future.set_exception(CommandRefused(command, str(_nested_value(message, "error", "desc"))))
        else:
            future.set_result(message.get("return"))

    def _end_connection(self) -> None:
        with self._state:
            self._closed = True
            waiting, self._waiting = self._waiting, {}
            self._sent.clear()
            for events in self._listeners:
                events.put(None)
        self._stream.close()
        self._socket.close()
        for command, future in waiting.values():
            future.set_exception(DaemonLost(f"qemu-storage-daemon ended before it answered {command}"))
        on_lost = self._on_lost
        if on_lost is not None:
            on_lost()


def event_data(event: JSON, key: str) -> object:
    """Return a value of an event's data, or None."""
    return _nested_value(event, "data", key)


def _peer_pid(connection: socket.socket) -> int:
    """Return the pid of the process that listens at the other end."""
    pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(pid)


def _nested_value(value: object, *keys: str) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _parse_command_id(value: object) -> int:
    return value if isinstance(value, int) else -1
