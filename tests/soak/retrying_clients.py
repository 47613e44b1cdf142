"""Clients of volumes and of the driver that retry when a storage daemon dies."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from cgflow.errors import AmbiguousDriverError, BusyDriverError
from tests.support.nbd_client import NbdClient

Result = TypeVar("Result")

RETRY_S = 60.0


class RetryingVolume:
    """A client of a volume that retries: each write is durable, and repeated until it is acknowledged."""

    def __init__(self, find: Callable[[], str]) -> None:
        self._find = find
        self._client: NbdClient | None = None

    def write(self, offset: int, data: bytes, *, fua: bool = False) -> None:
        del fua
        self._retry(lambda client: client.write(offset, data, fua=True))

    def read(self, offset: int, length: int) -> bytes:
        return self._retry(lambda client: client.read(offset, length)) or b""

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _retry(self, ask: Callable[[NbdClient], bytes | None]) -> bytes | None:
        until = time.monotonic() + RETRY_S
        while True:
            try:
                if self._client is None:
                    self._client = NbdClient.from_uri(self._find())
                return ask(self._client)
            except (OSError, BusyDriverError):
                self.close()
                if time.monotonic() > until:
                    raise
                time.sleep(0.002)


def retry_cut(call: Callable[[], Result]) -> Result:
    """Retry a call while it is busy, and once if its result was lost.

    Raises: AmbiguousDriverError, if the retry's result is unknown too.
    """
    until, lost = time.monotonic() + RETRY_S, 0
    while True:
        try:
            return call()
        except AmbiguousDriverError:
            lost += 1
            if lost > 1:
                raise
        except BusyDriverError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


def retry_call(call: Callable[[], Result]) -> Result:
    """Retry a call until it succeeds or ``PATIENCE_S`` is over. For every call but a cut."""
    until = time.monotonic() + RETRY_S
    while True:
        try:
            return call()
        except (AmbiguousDriverError, BusyDriverError):
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
