"""A kind of storage of our own to measure on: a cluster, a mount or a folder, gone when it is left."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from benchmarks.storage.contender import ByDriver, Contender


class Place(Protocol):
    """Where both contenders are on the same storage."""

    kind: str
    """The name of the driver."""

    python: str
    """The interpreter that clients run under."""

    def bare(self, members: int) -> AbstractContextManager[Contender]:
        """Give a group on the bare mechanism, with nothing written down."""
        ...

    def ours(self, members: int) -> AbstractContextManager[ByDriver]:
        """Give a group of the driver."""
        ...

    def section(self) -> dict[str, str]:
        """Return the options of a backend for a served cgflow."""
        ...
