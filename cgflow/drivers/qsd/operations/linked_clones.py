"""Linked clones: volumes whose lower layers are hard links to the files of a snapshot.

A frozen layer is a file that is no longer written to. A clone gets hard links to that file and to
all files that it reads through, as layers of its own home, and an empty leaf on top. So it is
available at once, whatever its size, and takes no space of its own. Neither home knows of the
other: source, snapshot and clone may be deleted, moved and restored in any order. The file system
keeps the link counts, durably and together with each change of a name.

A commit into a layer that another volume reads must never happen. QEMU allows it within a daemon,
and it silently changes the other volume. So a layer whose file has two names is never written to
(``Home.refuse_shared``, which every merge and flattening calls first), and a layer that is being
written to gets no second name, because linking holds the source's lock and stops such jobs. The
daemons' own locks on the file would refuse such a write too.

A clone stays linked until its chain is too long and is flattened, or until the source has removed
the layers, which then belong to the clone alone.
"""

from __future__ import annotations

import errno
import os
from dataclasses import replace

from cgflow.drivers.common.fsync import fsync_folder
from cgflow.drivers.qsd.home.home import Home, oserror_as_final_error
from cgflow.drivers.qsd.model import layer_tree
from cgflow.drivers.qsd.model.layer_names import file_name
from cgflow.drivers.qsd.model.records import VolumeRecord
from cgflow.drivers.qsd.operations import flatten, merge
from cgflow.drivers.qsd.operations.open_layers import open_served
from cgflow.drivers.qsd.operations.recovery import hold_both_settled
from cgflow.drivers.qsd.operations.snapshots import frozen_layer, refuse_smaller
from cgflow.drivers.qsd.qemu import qcow2

UNLINKABLE = (errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP)
"""The errors of a file system that cannot link: two file systems, too many links, or no support."""


def clone(target: Home, volume_id: str, size_bytes: int, source: Home, copied: tuple[str, str]) -> bool:
    """Make a volume in ``target`` from a (volume id, snapshot id) in ``source``, and export it.

    Returns False, and leaves nothing, if the file system does not link the files.

    Raises: FinalDriverError, if there is no such snapshot, it is larger, or the disk is full;
    DriverError.
    """
    with hold_both_settled(source, target) as (_, graph):
        if volume_id in target.manifest.volumes:
            return True
        refuse_smaller(source, copied, volume_id, size_bytes)
        merge.interrupt(source, copied[0])
        flatten.interrupt(source, copied[0])
        held, layer = frozen_layer(source, *copied)
        below = layer_tree.path(held, layer)
        numbers = tuple(range(target.new_layer(), target.new_layer() + len(below) + 1))
        with oserror_as_final_error(f"volume {volume_id} could not be cloned"):
            try:
                for theirs, ours in zip(below, numbers, strict=False):
                    os.link(source.path(theirs), target.path(ours))
                target.trace("link:after-links")
                qcow2.create(target.path(numbers[-1]), size_bytes, file_name(numbers[-2]))
                fsync_folder(target.folder)
                target.trace("link:after-files")
                fresh = VolumeRecord(id=volume_id, size_bytes=size_bytes, chain=numbers)
                target.save(replace(target.manifest, next_layer=numbers[-1] + 1).with_volume(fresh))
            except OSError as error:
                target.remove_files(*numbers)
                if error.errno in UNLINKABLE:
                    return False
                raise
        target.trace("link:after-manifest")
        open_served(target, volume_id)
        target.trace("link:after-open")
        graph.attach(volume_id, numbers[-1], writable=True)
        target.trace("link:after-attach")
        return True
