"""Files as block devices and file systems of this host, removed again on every exit."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGES = {
    "nbdfuse": "libnbd-bin",
    "fusermount3": "fuse3",
    "mkfs.ext4": "e2fsprogs",
    "losetup": "mount",
}


def missing_requirement() -> str | None:
    """Return why files of volumes cannot be mounted on this host, or None if they can."""
    if os.geteuid() != 0:
        return "only root can set up loop devices and mount them"
    absent = [name for name in PACKAGES if shutil.which(name) is None]
    if absent:
        packages = " ".join(sorted({PACKAGES[name] for name in absent}))
        return f"{', '.join(absent)} missing (apt-get install {packages})"
    if not Path("/dev/fuse").exists():
        return "this host has no FUSE: /dev/fuse is missing"
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(2**20)
        try:
            with attach_loop_device(Path(file.name)):
                return None
        except DiskError as error:
            return f"a loop device cannot be set up here: {error}"


class DiskError(Exception):
    """A disk program has failed; the message is its output."""


@contextmanager
def attach_loop_device(path: Path) -> Iterator[Path]:
    """Attach a file as a loop device for the length of a ``with``; its I/O bypasses the page cache."""
    device = Path(run_program("losetup", "--find", "--show", "--direct-io=on", path))
    try:
        yield device
    finally:
        run_program("losetup", "--detach", device)


@contextmanager
def mount_device(device: Path, folder: Path) -> Iterator[Path]:
    """Mount the file system of a device on a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    run_program("mount", device, folder)
    try:
        yield folder
    finally:
        run_program("umount", folder)


def run_program(*command: object) -> str:
    """Run a program to its end and return its output. Raises: DiskError."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DiskError(f"'{' '.join(words)}' ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()


def fill_file_system(folder: Path, *, sizes: tuple[int, ...] = (2**20, 4096)) -> Path:
    """Fill the file system of a folder by writes of these sizes; return the file that takes the space."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as stream:
        for size in sizes:
            try:
                while True:
                    stream.write(b"\xff" * size)
            except OSError:
                continue
    return filler
