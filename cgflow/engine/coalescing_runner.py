"""Work that runs at most once at a time for each key."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable


class CoalescingRunner:
    """Runs ``work`` for a key. A call for a key that is being worked on makes that work run once more."""

    def __init__(self, work: Callable[[str], None]) -> None:
        self._work = work
        self._lock = threading.Lock()
        # The active keys, and whether another run was requested for each.
        self._keys: dict[str, bool] = {}
        # Number of calls for each key that are announced or have not returned.
        self._expected: Counter[str] = Counter()

    def announce_call(self, key: str) -> None:
        """Announce a call for a key; the key is active until that call returns."""
        with self._lock:
            self._expected[key] += 1

    def withdraw_call(self, key: str) -> None:
        """Withdraw an announced call."""
        with self._lock:
            self._expected[key] -= 1
            self._expected += Counter()

    @property
    def active_keys(self) -> frozenset[str]:
        """The keys that are being worked on or have an announced call."""
        with self._lock:
            return frozenset({*self._keys, *self._expected})

    def __call__(self, key: str) -> None:
        """Run the work, repeatedly if requested meanwhile; return at once if another thread is running it."""
        try:
            self._run_or_request_rerun(key)
        finally:
            self.withdraw_call(key)

    def _run_or_request_rerun(self, key: str) -> None:
        with self._lock:
            is_at_it = key in self._keys
            self._keys[key] = True
        if is_at_it:
            return
        try:
            while self._take_rerun_request(key):
                self._work(key)
        except BaseException:
            with self._lock:
                del self._keys[key]
            raise

    def _take_rerun_request(self, key: str) -> bool:
        with self._lock:
            if not self._keys[key]:
                del self._keys[key]
                return False
            self._keys[key] = False
            return True
