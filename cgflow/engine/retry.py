"""Retrying with back-off, for steps that go forward until they are done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from taskflow import retry

if TYPE_CHECKING:
    from cgflow.engine.run import Run

FIRST_PAUSE_S = 0.2


class Backoff(retry.Times):  # type: ignore[misc]  # TaskFlow ships no types
    """Run the steps below again when one fails, up to ``attempts`` times, with doubling pauses.

    When they are used up the whole flow is undone, not only the part below:
    with TaskFlow's default the steps outside would stay done under a flow that
    calls itself reverted.
    """

    def __init__(self, name: str, attempts: int) -> None:
        super().__init__(attempts=attempts, name=name, revert_all=True)
        self._run: Run | None = None

    def bind(self, run: Run) -> None:
        """Tie the retry to the run that owns its flow; its pauses end when the run is stopped."""
        self._run = run

    def execute(self, history: Sequence[object], *_: object, **__: object) -> int:
        """Wait before the second attempt and the later ones; return the attempt's number."""
        failed = len(history)
        if failed and self._run is not None:
            self._run.pause(FIRST_PAUSE_S * 2 ** (failed - 1))
        return failed + 1
