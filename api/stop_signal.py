"""Stop requests of the operating system: SIGTERM, SIGINT, and SIGHUP of a closed terminal.

A signal handler runs between any two instructions of the main thread, also within callbacks that swallow
exceptions. The handler therefore raises nothing and takes no lock: it sets a flag, and the wakeup file
descriptor wakes the thread that waits.
"""

from __future__ import annotations

import os
import signal
from types import FrameType, TracebackType

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StopRequested(Exception):
    """A stop was requested while the service was starting."""


class StopSignal:
    """Records the first stop signal. A second one ends the process at once, as if there were no handler.

    A context manager for the main thread. On exit the previous handlers are restored.
    """

    def __init__(self) -> None:
        self.is_set = False

    def __enter__(self) -> StopSignal:
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._writer, False)
        # The wakeup descriptor wakes the waiting thread, whichever thread the signal interrupts.
        self._former_wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        # nohup ignores SIGHUP, so that a service survives its terminal.
        survives = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._numbers = [number for number in _SIGNALS if number != signal.SIGHUP or not survives]
        self._former = {number: signal.signal(number, self._handle) for number in self._numbers}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._former_wakeup)
        os.close(self._reader)
        os.close(self._writer)

    def set(self) -> None:
        """Request the stop from within the process."""
        self.is_set = True
        os.write(self._writer, b"\0")

    def wait(self) -> None:
        """Return when a stop is requested."""
        while not self.is_set:
            os.read(self._reader, 1)

    def check(self) -> None:
        """Raise StopRequested if a stop is requested."""
        if self.is_set:
            raise StopRequested

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.is_set = True
        for number in self._numbers:
            signal.signal(number, signal.SIG_DFL)
