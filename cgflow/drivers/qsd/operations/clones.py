"""Clones of snapshots: linked to the files of the snapshot, or full copies.

A *linked clone* shares the layers of the snapshot. A frozen layer is a file that is no longer written
to. A clone gets hard links to that file and to all files that it reads through, as layers of its own
home, and an empty leaf on top. So it is available at once, whatever its size, and takes no space of
its own. Neither home knows of the other: source, snapshot and clone may be deleted, moved and restored
in any order. The file system keeps the link counts, durably and together with each change of a name.

A commit into a layer that another volume reads must never happen. QEMU allows it within a daemon,
and it silently changes the other volume. So a layer whose file has two names is never written to
(``Home.refuse_write_to_shared_layer``, which every merge and flattening calls first), and a layer
that is being written to gets no second name, because linking holds the source's lock and stops such
jobs. The daemons' own locks on the file would refuse such a write too.

A clone stays linked until its chain is too long and is flattened, or until the source has removed
the layers, which then belong to the clone alone.

A *full clone* is made if the file system does not link, or if the configuration says so. ``qemu-img``
reads the snapshot through its daemon and writes a new file, which is then adopted as the only layer.
The copying holds no home's lock. The source gets a read-only export for it (``Home.clone_exports``),
whose layer is not merged or removed meanwhile; an export of a process that has died is withdrawn
before its layers are changed. The target gets a file with a unique name, so a partial copy is never
taken for a complete one: the copying starts again.
"""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cgflow.drivers.common.fsync import fsync_folder
from cgflow.drivers.qsd.home.home import Home, oserror_as_final_error
from cgflow.drivers.qsd.model import layer_tree
from cgflow.drivers.qsd.model.records import VolumeRecord, file_name
from cgflow.drivers.qsd.operations import flatten, merge, volumes
from cgflow.drivers.qsd.operations.layer_access import open_needed_layers
from cgflow.drivers.qsd.operations.recovery import lock_and_recover, lock_and_recover_both
from cgflow.drivers.qsd.operations.snapshots import frozen_layer, refuse_smaller_than_snapshot
from cgflow.drivers.qsd.qemu import qcow2
from cgflow.errors import BusyDriverError, DriverError, FinalDriverError

UNLINKABLE = (errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP)
"""The errors of a file system that cannot link: two file systems, too many links, or no support."""

PROGRAM = "qemu-img"
STALL_DEADLINE_S = 60.0
"""Seconds without progress after which a copy is aborted."""

_POLL_INTERVAL_S = 1.0


def clone(target: Home, volume_id: str, size_bytes: int, source: Home, snapshot: tuple[str, str]) -> None:
    """Make a volume in ``target`` from a (volume id, snapshot id) in ``source``, and export it.

    Raises: FinalDriverError, if there is no such snapshot, it is larger, or the disk is full;
    BusyDriverError, if the copying was interrupted; DriverError.
    """
    is_linked = target.config.linked_clones and _create_linked_clone(
        target, volume_id, size_bytes, source, snapshot
    )
    if not is_linked:
        _create_full_clone(target, volume_id, size_bytes, source, snapshot)


def _create_linked_clone(
    target: Home, volume_id: str, size_bytes: int, source: Home, snapshot: tuple[str, str]
) -> bool:
    """Make a linked clone. Returns False, and leaves nothing, if the file system does not link the files.

    Raises: FinalDriverError, if there is no such snapshot, it is larger, or the disk is full; DriverError.
    """
    source_id, _ = snapshot
    with lock_and_recover_both(source, target) as (_, graph):
        if volume_id in target.manifest.volumes:
            return True
        refuse_smaller_than_snapshot(source, snapshot, volume_id, size_bytes)
        merge.interrupt(source, source_id)
        flatten.interrupt(source, source_id)
        volume, layer = frozen_layer(source, *snapshot)
        below = layer_tree.backing_chain(volume, layer)
        numbers = tuple(range(target.next_layer_number(), target.next_layer_number() + len(below) + 1))
        with oserror_as_final_error(f"volume {volume_id} could not be cloned"):
            try:
                for theirs, ours in zip(below, numbers, strict=False):
                    os.link(source.layer_path(theirs), target.layer_path(ours))
                target.trace("link:after-links")
                qcow2.create(target.layer_path(numbers[-1]), size_bytes, file_name(numbers[-2]))
                fsync_folder(target.folder)
                target.trace("link:after-files")
                record = VolumeRecord(id=volume_id, size_bytes=size_bytes, chain=numbers)
                target.save_manifest(replace(target.manifest, next_layer=numbers[-1] + 1).with_volume(record))
            except OSError as error:
                target.remove_layer_files(*numbers)
                if error.errno in UNLINKABLE:
                    return False
                raise
        target.trace("link:after-manifest")
        open_needed_layers(target, volume_id)
        target.trace("link:after-open")
        graph.add_export(volume_id, numbers[-1], writable=True)
        target.trace("link:after-attach")
        return True


def _create_full_clone(
    target: Home, volume_id: str, size_bytes: int, source: Home, snapshot: tuple[str, str]
) -> None:
    """Make a full clone. Raises: as ``clone``."""
    part = target.new_partial_clone_path()
    try:
        with _export_for_copy(source, part.stem, snapshot, volume_id, size_bytes) as export:
            with oserror_as_final_error(f"volume {volume_id} could not be cloned"):
                qcow2.create(part, size_bytes)
            _copy_content(target, export, part)
        target.trace("clone:after-copy")
        volumes.create_with_writer(target, volume_id, size_bytes, lambda file: _rename_into_place(part, file))
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _export_for_copy(
    home: Home, name: str, snapshot: tuple[str, str], clone_id: str, size_bytes: int
) -> Iterator[list[str]]:
    """Export a snapshot under a name of its own while it is copied; yield the arguments for ``qemu-img``."""
    volume_id, snapshot_id = snapshot
    with lock_and_recover(home) as graph:
        refuse_smaller_than_snapshot(home, snapshot, clone_id, size_bytes)
        merge.interrupt(home, volume_id)
        _, layer = frozen_layer(home, volume_id, snapshot_id)
        home.clone_exports[name] = layer
        try:
            open_needed_layers(home, volume_id)
            graph.add_export(name, layer, writable=False)
        except BaseException:
            del home.clone_exports[name]
            raise
    home.trace("clone:after-export")
    try:
        yield home.qemu_img_arguments(name)
    finally:
        _withdraw_copy_export(home, name, volume_id)


def _withdraw_copy_export(home: Home, name: str, volume_id: str) -> None:
    with home.lock:
        home.clone_exports.pop(name, None)
        try:
            with lock_and_recover(home) as graph:
                if name in graph.exports():
                    graph.remove_export(name)
                if volume_id in home.manifest.volumes:
                    merge.merge_hidden_layers(home, volume_id)
        except DriverError:
            # The copy does not depend on this; the next operation on the source recovers it.
            home.mark_recovery_needed()


def _rename_into_place(part: Path, file: Path) -> None:
    """Rename a complete copy to a layer's file, durably. Raises: OSError."""
    part.replace(file)
    fsync_folder(file.parent)


def _copy_content(target: Home, source: list[str], part: Path) -> None:
    """Fill an empty image with what ``qemu-img`` reads from ``source``, durably; holes stay holes.

    Raises: FinalDriverError, if the disk is full or the program is missing; BusyDriverError, if it
    fails for another reason.
    """
    command = [PROGRAM, "convert", "-n", "--target-is-zero", "-p", "-t", "writeback"]
    command += ["-O", "qcow2", *source, str(part)]
    with tempfile.TemporaryFile() as progress, tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=progress, stderr=errors)  # noqa: S603
        except OSError as error:
            raise FinalDriverError(
                f"{PROGRAM} cannot be run ({error}): install it with 'apt-get install qemu-utils'"
            ) from error
        try:
            _wait_for_copy(process, target, part, progress.fileno())
        finally:
            process.kill()
            process.wait()
        errors.seek(0)
        reason = errors.read().decode(errors="replace").strip()
    if process.returncode != 0:
        if os.strerror(errno.ENOSPC) in reason:
            raise FinalDriverError(
                f"the storage is full ({reason}): free space in the state directory, then retry"
            )
        raise BusyDriverError(f"the copying of the clone failed, and nothing was made: {reason}")
    with oserror_as_final_error(f"{part} could not be made durable"), part.open("rb") as image:
        os.fsync(image.fileno())


def _wait_for_copy(process: subprocess.Popen[bytes], target: Home, part: Path, output: int) -> None:
    """Wait for a copy to end. Raises: BusyDriverError, if it makes no progress or the driver is stopped."""
    seen, waited = (0, 0), 0.0
    while True:
        try:
            process.wait(_POLL_INTERVAL_S)
            return
        except subprocess.TimeoutExpired:
            waited += _POLL_INTERVAL_S
        now = (os.fstat(output).st_size, part.stat().st_blocks)
        if now != seen:
            seen, waited = now, 0.0
        if target.config.stopping.is_set():
            raise BusyDriverError("the qsd driver has been stopped; nothing was made")
        if waited >= STALL_DEADLINE_S:
            raise BusyDriverError(
                f"the copying of the clone made no progress for {STALL_DEADLINE_S:.0f} s; nothing was made"
            )
