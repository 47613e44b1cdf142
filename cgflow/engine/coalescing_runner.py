"""Work that is never done twice at once for the same thing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable


class CoalescingRunner:
    """Does ``work`` for a key. Called for a key that is being worked on, it has it done again afterwards."""

    def __init__(self, work: Callable[[str], None]) -> None:
        self._work = work
        self._lock = threading.Lock()
        # What is being worked on, and whether that is wanted again.
        self._keys: dict[str, bool] = {}
        # How often each is going to be called for, or has been and has not returned.
        self._expected: Counter[str] = Counter()

    def expect(self, key: str) -> None:
        """Say that it is going to be called for a key; until it returns, the key is in hand."""
        with self._lock:
            self._expected[key] += 1

    def unexpect(self, key: str) -> None:
        """Take that back."""
        with self._lock:
            self._expected[key] -= 1
            self._expected += Counter()

    @property
    def active_flow_ids(self) -> frozenset[str]:
        """The keys that are worked on or going to be."""
        with self._lock:
            return frozenset({*self._keys, *self._expected})

    def __call__(self, key: str) -> None:
        """Do it now, as often as it is wanted meanwhile, or leave it to the thread that is at it."""
        try:
            self._do(key)
        finally:
            self.unexpect(key)

    def _do(self, key: str) -> None:
        with self._lock:
            is_at_it = key in self._keys
            self._keys[key] = True
        if is_at_it:
            return
        try:
            while self._is_wanted(key):
                self._work(key)
        except BaseException:
            with self._lock:
                del self._keys[key]
            raise

    def _is_wanted(self, key: str) -> bool:
        with self._lock:
            if not self._keys[key]:
                del self._keys[key]
                return False
            self._keys[key] = False
            return True
