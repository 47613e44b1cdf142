"""Work that is never done twice at once for the same thing."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Once:
    """Does ``work`` for a key. Called for a key that is being worked on, it has it done again afterwards."""

    def __init__(self, work: Callable[[str], None]) -> None:
        self._work = work
        self._lock = threading.Lock()
        # What is being worked on, and whether that is wanted again.
        self._keys: dict[str, bool] = {}

    def __call__(self, key: str) -> None:
        """Do it now, as often as it is wanted meanwhile, or leave it to the thread that is at it."""
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
