"""Requirements of tests on the host, and how to skip or fail without them."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest

from tests.support import disks

PACKAGES = {
    "qemu-storage-daemon": "qemu-system-common",
    "qemu-img": "qemu-utils",
    "qemu-io": "qemu-utils",
    "nbdcopy": "libnbd-bin",
    "nbdinfo": "libnbd-bin",
    "openssl": "openssl",
    "mkfs.btrfs": "btrfs-progs",
}
PATIENCE_S = 60
_PAUSE_S = 0.05

T = TypeVar("T")


def skip_or_fail(reason: str) -> NoReturn:
    """Skip because a requirement is missing, or fail where it must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def require(*programs: str) -> None:
    """Check that programs are installed."""
    for program in programs:
        if shutil.which(program) is None:
            skip_or_fail(f"{program} is missing (apt-get install {PACKAGES[program]})")


def require_disks() -> None:
    """Check that volumes can be files of this host, and that these can be mounted."""
    reason = disks.missing_requirement()
    if reason is not None:
        skip_or_fail(reason)


@contextmanager
def mount_tmpfs(folder: Path, *options: str) -> Iterator[Path]:
    """Mount a new file system in memory on a folder."""
    if os.geteuid() != 0:
        skip_or_fail("only root can mount a file system to fill or to lock")
    folder.mkdir(parents=True, exist_ok=True)
    # By default every user may write to it, which a state directory must not allow.
    asked = ["mount", "-t", "tmpfs", "-o", ",".join((*options, "mode=0700")), "tmpfs", str(folder)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        skip_or_fail(f"a file system cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        # A process that still has a file open there loses nothing of value.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def poll_until(found: Callable[[], T | None], what: str) -> T:
    """Poll until ``found`` returns something, and return it. Only for conditions without a notification."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        answer = found()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"never seen: {what}"
        time.sleep(_PAUSE_S)
