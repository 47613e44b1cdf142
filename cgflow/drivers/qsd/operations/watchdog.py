"""Monitors the daemons: reports each that is running but does not answer, and adopts it when it answers.

A daemon may be stopped, or stuck in the kernel because its disk does not answer. Its clients wait,
and every call to it would wait for as long as a command may take. The watchdog cannot repair that.
It records the problem, so that calls are refused instead of waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from cgflow.drivers.qsd.home.home import Home
from cgflow.drivers.qsd.home.problem_log import ProblemKind

INTERVAL_S = 2.0
PROBE_EVERY_S = 10.0
"""Seconds without traffic after which a daemon is sent a query."""

SILENCE_S = 8.0
"""Seconds for which a command may be unanswered. A cut of hundreds of volumes takes two on a slow disk."""


class Watchdog:
    """Checks every home at an interval. ``serve`` has a home adopted or settled in the background."""

    def __init__(
        self, homes: Callable[[], Iterable[Home]], serve: Callable[[Home], None], stopping: threading.Event
    ) -> None:
        self._homes = homes
        self._serve = serve
        self._stopping = stopping

    def run(self) -> None:
        """Check all homes until the driver is stopped."""
        while not self._stopping.wait(INTERVAL_S):
            for home in self._homes():
                self.look(home)

    def look(self, home: Home) -> None:
        """Record or clear the problem that the daemon of a home does not answer."""
        if home.is_removed:
            return
        silent_s = home.silence(PROBE_EVERY_S)
        if silent_s is None:
            # There is no connection, because the daemon did not answer when it was to be adopted.
            if home.is_silent:
                self._serve(home)
        elif silent_s > SILENCE_S:
            if not home.is_silent:
                home.note_silence()
        elif home.is_silent:
            home.problems.clear(ProblemKind.DAEMON_SILENT)
            self._serve(home)
