"""Looks at the host files of the qsd driver: their paths, their processes, their mounts."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.drivers.qsd.home.state_dir import StateDir
from tests.support.qsd_fixture import QsdDriverFixture


def serve_file(bench: QsdDriverFixture, export: VolumeSpec | SnapshotSpec) -> Path:
    return Path(str(bench.driver.serve_file(export).data["path"]))


def find_server_pid(bench: QsdDriverFixture, name: str) -> int | None:
    found = StateDir(bench.state_dir).mounts
    return found.pid_of(name) if found.is_served(name) else None


def server_pid(bench: QsdDriverFixture, name: str) -> int:
    pid = find_server_pid(bench, name)
    assert pid is not None
    return pid


@contextmanager
def keep_open(path: Path, flags: int = os.O_RDONLY) -> Iterator[int]:
    """Hold a file open that may be removed meanwhile."""
    descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        # Closing fails if the file is gone.
        with suppress(OSError):
            os.close(descriptor)


def mount_lines(bench: QsdDriverFixture) -> list[str]:
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(bench.root) in line]
