"""A child process that runs Ceph's bindings and answers calls in lines of JSON. It may die at any time."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from cgflow.errors import AmbiguousDriverError

_BOOT = "import sys; sys.path.append(sys.argv[1]); from bindings.main import main; main()"
_WORDS_KEPT = 5
_END_S = 10.0
_LAST_WORDS_S = 5.0
"""Seconds to wait for the end of stderr, which a process started by the child may keep open."""


def bindings(python: str) -> list[str]:
    """Return the command that runs ``bindings`` with an interpreter and its own libraries."""
    return [python, "-I", "-c", _BOOT, str(Path(__file__).parent)]


class ChildDied(Exception):
    """The process ended before it answered; the call may have taken effect."""


class ChildSilent(Exception):
    """The process did not answer in time; the call may still take effect."""


class Refusal(AmbiguousDriverError):
    """The storage refused a call with an ``errno``; earlier calls of the operation took effect."""

    def __init__(self, call: str, errno: int, words: str) -> None:
        super().__init__(f"Ceph refused {call}: {words or 'without a reason'} (errno {errno}).")
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
        self._words: deque[str] = deque(maxlen=_WORDS_KEPT)
        self._is_dead = False
        self._words_reader = threading.Thread(target=self._read_stderr, name="rbd-child-words", daemon=True)
        self._words_reader.start()
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

    def leave(self) -> None:
        """Let the process finish its calls and end; kill it if it does not end."""
        with contextlib.suppress(OSError), self._sending:
            if self._process.stdin is not None:
                self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        self.kill()

    def _reap(self) -> None:
        self._process.wait()
        self._reader.join(_END_S + _LAST_WORDS_S)
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
        self._words_reader.join(_LAST_WORDS_S)
        with self._lock:
            self._is_dead = True
            for waiting in self._waiting.values():
                waiting.put(None)

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it was opened as a pipe
        for line in self._process.stderr:
            self._words.append(line.strip())

    def _reason_of_death(self) -> str:
        words = "; ".join(word for word in self._words if word)
        return f"the process of Ceph's bindings has ended{': ' + words if words else ''}"
