"""Full clones: a snapshot's content is read through its daemon, written to a new file, then adopted.

The copying holds no home's lock. The source gets a read-only export for it (``Home.reading``),
whose layer is not merged or removed meanwhile; an export of a process that has died is withdrawn
before its layers are changed. The target gets a file with a unique name. So a partial copy is never
taken for a complete one: the copying starts again.
"""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cgflow.drivers.common.fsync import fsync_folder
from cgflow.drivers.qsd.home.home import Home, oserror_as_final_error
from cgflow.drivers.qsd.home.nbd_address import qemu_img_source
from cgflow.drivers.qsd.operations import merge, volumes
from cgflow.drivers.qsd.operations.open_layers import open_served
from cgflow.drivers.qsd.operations.recovery import hold_settled
from cgflow.drivers.qsd.operations.snapshots import frozen_layer, refuse_smaller
from cgflow.drivers.qsd.qemu import qcow2
from cgflow.errors import BusyDriverError, DriverError, FinalDriverError

PROGRAM = "qemu-img"
STALL_DEADLINE = 60.0
"""Seconds without progress after which a copy is aborted."""

_LOOK_EVERY = 1.0


def clone(target: Home, volume_id: str, size_bytes: int, source: Home, copied: tuple[str, str]) -> None:
    """Make a volume in ``target`` of a (volume id, snapshot id) in ``source``, and export it.

    Raises: FinalDriverError, if there is no such snapshot, it is larger, or the disk is full;
    BusyDriverError, if the copying was interrupted; DriverError.
    """
    part = target.new_part()
    try:
        with _reading(source, part.stem, copied, volume_id, size_bytes) as words:
            with oserror_as_final_error(f"volume {volume_id} could not be cloned"):
                qcow2.create(part, size_bytes)
            _copy(target, words, part)
        target.trace("clone:after-copy")
        volumes.begin(target, volume_id, size_bytes, lambda file: _adopt(part, file))
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _reading(
    home: Home, name: str, copied: tuple[str, str], clone_id: str, size_bytes: int
) -> Iterator[list[str]]:
    """Export a snapshot under a name of its own while it is copied; yield the arguments for ``qemu-img``."""
    volume_id, snapshot_id = copied
    with hold_settled(home) as graph:
        refuse_smaller(home, copied, clone_id, size_bytes)
        merge.interrupt(home, volume_id)
        _, layer = frozen_layer(home, volume_id, snapshot_id)
        home.clone_exports[name] = layer
        try:
            open_served(home, volume_id)
            graph.attach(name, layer, writable=False)
        except BaseException:
            del home.clone_exports[name]
            raise
    home.trace("clone:after-export")
    try:
        yield qemu_img_source(home, name)
    finally:
        _withdraw(home, name, volume_id)


def _withdraw(home: Home, name: str, volume_id: str) -> None:
    with home.lock:
        home.clone_exports.pop(name, None)
        try:
            with hold_settled(home) as graph:
                if name in graph.exports():
                    graph.detach(name)
                if volume_id in home.manifest.volumes:
                    merge.sweep(home, volume_id)
        except DriverError:
            # The copy does not depend on this; the next operation on the source settles it.
            home.mark_unsettled()


def _adopt(part: Path, file: Path) -> None:
    """Rename a complete copy to a layer's file, durably. Raises: OSError."""
    part.replace(file)
    fsync_folder(file.parent)


def _copy(target: Home, source: list[str], part: Path) -> None:
    """Fill an empty image with what ``qemu-img`` reads from ``source``, durably; holes stay holes.

    Raises: FinalDriverError, if the disk is full or the program is missing; BusyDriverError, if it
    fails for another reason.
    """
    command = [PROGRAM, "convert", "-n", "--target-is-zero", "-p", "-t", "writeback"]
    command += ["-O", "qcow2", *source, str(part)]
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as complaint:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=told, stderr=complaint)  # noqa: S603
        except OSError as error:
            raise FinalDriverError(
                f"{PROGRAM} cannot be run ({error}): install it with 'apt-get install qemu-utils'"
            ) from error
        try:
            _await(process, target, part, told.fileno())
        finally:
            process.kill()
            process.wait()
        complaint.seek(0)
        words = complaint.read().decode(errors="replace").strip()
    if process.returncode != 0:
        if os.strerror(errno.ENOSPC) in words:
            raise FinalDriverError(f"the storage is full: free space, then ask again ({words})")
        raise BusyDriverError(f"the copying broke off, and nothing was made: {words}")
    with oserror_as_final_error(f"{part} could not be made durable"), part.open("rb") as image:
        os.fsync(image.fileno())


def _await(process: subprocess.Popen[bytes], target: Home, part: Path, told: int) -> None:
    """Wait for a copy to end. Raises: BusyDriverError, if it makes no progress or the driver is stopped."""
    progress, waited = (0, 0), 0.0
    while True:
        try:
            process.wait(_LOOK_EVERY)
            return
        except subprocess.TimeoutExpired:
            waited += _LOOK_EVERY
        now = (os.fstat(told).st_size, part.stat().st_blocks)
        if now != progress:
            progress, waited = now, 0.0
        if target.config.stopping.is_set():
            raise BusyDriverError("the qsd driver has been stopped; nothing was made")
        if waited >= STALL_DEADLINE:
            raise BusyDriverError(
                f"the copying made no progress for {STALL_DEADLINE:.0f} seconds; nothing was made"
            )
