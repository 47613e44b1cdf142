"""The loop of the child: a line asks for a call, a line answers it; calls run side by side.

Asked is ``{"id", "call", "args"}``. Answered is ``{"id", "value"}``,
``{"id", "errno", "text"}``, or, while a long call gets on, ``{"id", "progress"}``.
When nobody asks any more (the service ended, or was killed) the calls that run
are brought to their end, for as long as the first call says.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any, TextIO

from .calls import Calls

_LEAVE_S = 5.0


class Loop:
    """One child's work: the answers go to ``out``."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._calls = Calls()
        self._running: set[threading.Thread] = set()

    def run(self, lines: TextIO) -> None:
        """Answer until there are no more lines, and the calls that run have ended."""
        for line in lines:
            request = json.loads(line)
            thread = threading.Thread(target=self._answer, args=(request,), daemon=True)
            with self._lock:
                self._running.add(thread)
            thread.start()
        deadline = time.monotonic() + self._calls.linger_s
        with self._lock:
            left = list(self._running)
        for thread in left:
            thread.join(max(0.0, deadline - time.monotonic()))
        leaving = threading.Thread(target=self._calls.close, daemon=True)
        leaving.start()
        # A cluster that is away cannot be taken leave of.
        leaving.join(_LEAVE_S)

    def _answer(self, request: dict[str, Any]) -> None:
        id_ = request["id"]

        def progress() -> None:
            self._say({"id": id_, "progress": True})

        try:
            value = self._calls.make(request["call"], request["args"], progress)
            self._say({"id": id_, "value": value})
        except Exception as error:  # noqa: BLE001 - told to who asked
            code = getattr(error, "errno", None)
            self._say({"id": id_, "errno": abs(code) if isinstance(code, int) else 0, "text": str(error)})
        finally:
            with self._lock:
                self._running.discard(threading.current_thread())

    def _say(self, answer: dict[str, Any]) -> None:
        text = json.dumps(answer, separators=(",", ":")) + "\n"
        with self._lock:
            try:
                self._out.write(text)
                self._out.flush()
            except BrokenPipeError:
                # Who asked is gone; the call has ended all the same.
                return


def main() -> None:
    """Answer on the standard output of this process. What the libraries print goes to standard error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    Loop(out).run(sys.stdin)
    # librbd's own threads may hang in what nobody waits for any more.
    os._exit(0)
