"""Temporary storage to measure on: a cluster, a mount or a folder."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from benchmarks.storage.contender import Contender, DriverContender


class Place(Protocol):
    """A place that provides both contenders on the same storage."""

    kind: str
    """The name of the driver."""

    python: str
    """The interpreter that runs the clients."""

    def bare(self, members: int) -> AbstractContextManager[Contender]:
        """Yield a group that uses the bare mechanism and keeps no metadata."""
        ...

    def ours(self, members: int) -> AbstractContextManager[DriverContender]:
        """Yield a group that uses the driver."""
        ...

    def section(self) -> dict[str, str]:
        """Return the options of a backend section for a served cgflow."""
        ...
