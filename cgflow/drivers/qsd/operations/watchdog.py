"""Watches over daemons that live and do not answer: named as problems at once, and adopted when they do.

A daemon may be stopped, or stuck in the kernel with a disk that does not answer. Its clients wait, and
so would every call to it, for as long as a command may take. Nothing can be done for them here; what can
be done is to say so, and to keep the calls that come from waiting as well.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from cgflow.drivers.qsd.home.home import Home

INTERVAL_S = 2.0
PROBE_EVERY_S = 10.0
"""Seconds after which a daemon that nobody asks anything is asked something."""

SILENCE_S = 8.0
"""Seconds for which a command may be unanswered. A cut of hundreds of volumes takes two on a slow disk."""


class Watchdog:
    """Looks at every home now and then. ``serve`` has a home adopted or settled, in the background."""

    def __init__(
        self, homes: Callable[[], Iterable[Home]], serve: Callable[[Home], None], stopping: threading.Event
    ) -> None:
        self._homes = homes
        self._serve = serve
        self._stopping = stopping

    def run(self) -> None:
        """Look until the driver is stopped."""
        while not self._stopping.wait(INTERVAL_S):
            for home in self._homes():
                self.look(home)

    def look(self, home: Home) -> None:
        """Note whether the daemon of a home answers."""
        if home.is_removed:
            return
        silent_s = home.silence(PROBE_EVERY_S)
        if silent_s is None:
            # There is no connection: it did not answer when it was to be adopted.
            if home.is_silent:
                self._serve(home)
        elif silent_s > SILENCE_S:
            if not home.is_silent:
                home.note_silence()
        elif home.is_silent:
            home.problems.pop("answering", None)
            self._serve(home)
