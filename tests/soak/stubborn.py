"""Clients of volumes and of the driver that retry when a storage daemon dies."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from cgflow.errors import AmbiguousDriverError, BusyDriverError
from tests.support.nbd_client import NbdClient

Answer = TypeVar("Answer")

PATIENCE_S = 60.0


class Volume:
    """A client of a volume that retries: each write is durable, and repeated until it is acknowledged."""

    def __init__(self, find: Callable[[], str]) -> None:
        self._find = find
        self._client: NbdClient | None = None

    def write(self, offset: int, data: bytes, *, fua: bool = False) -> None:
        del fua
        self._insist(lambda client: client.write(offset, data, fua=True))

    def read(self, offset: int, length: int) -> bytes:
        return self._insist(lambda client: client.read(offset, length)) or b""

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _insist(self, ask: Callable[[NbdClient], bytes | None]) -> bytes | None:
        until = time.monotonic() + PATIENCE_S
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


def insist(call: Callable[[], Answer]) -> Answer:
    """Retry a call while it is busy, and once if its result was lost.

    Raises: AmbiguousDriverError, if the retry's result is unknown too.
    """
    until, lost = time.monotonic() + PATIENCE_S, 0
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


def persist(call: Callable[[], Answer]) -> Answer:
    """Retry a call until it succeeds or ``PATIENCE_S`` is over. For every call but a cut."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return call()
        except (AmbiguousDriverError, BusyDriverError):
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
