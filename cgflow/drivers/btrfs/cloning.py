"""Clones on btrfs: files that share blocks with the snapshot."""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

import os

from cgflow.drivers.btrfs import system_calls
from cgflow.drivers.btrfs.base import GIB, BtrfsBase
from cgflow.drivers.contract import Cloning, SnapshotSpec, VolumeSpec
from cgflow.errors import FinalDriverError


class BtrfsCloning(BtrfsBase, Cloning):
    """The ability to create volumes from snapshots."""

    def clone_volume(self, volume: VolumeSpec, source: SnapshotSpec) -> None:
        home, origin = volume.group_id or volume.id, source.group_id or source.volume_id
        with self._lock_homes(home, origin) as state:
            if volume.id in state.volumes:
                return
            copy, file = self._require_cut_snapshot(source)
            if copy.size_bytes is None or copy.size_bytes > volume.size_gib * GIB:
                raise FinalDriverError(
                    f"volume {volume.id} of {volume.size_gib} GiB is too small for snapshot {source.id} "
                    f"of {copy.size_bytes} bytes"
                )
            with system_calls.open_descriptor(file, os.O_RDONLY) as descriptor:
                self._make_volume(volume, descriptor)
