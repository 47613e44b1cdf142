"""Looks at the host files of the qsd driver: their paths, their processes, their mounts."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.drivers.qsd.home.state_dir import StateDir
from tests.support.qsd import Bench


def served(bench: Bench, export: VolumeSpec | SnapshotSpec) -> Path:
    return Path(str(bench.driver.serve_file(export).data["path"]))


def server_of(bench: Bench, name: str) -> int | None:
    found = StateDir(bench.state_dir).mounts
    return found.pid_of(name) if found.is_served(name) else None


def server(bench: Bench, name: str) -> int:
    pid = server_of(bench, name)
    assert pid is not None
    return pid


@contextmanager
def held_open(path: Path, flags: int = os.O_RDONLY) -> Iterator[int]:
    """Hold a file open that may be removed meanwhile."""
    descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        # Closing fails if the file is gone.
        with suppress(OSError):
            os.close(descriptor)


def mounts(bench: Bench) -> list[str]:
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(bench.root) in line]
