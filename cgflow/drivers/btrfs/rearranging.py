"""Clones, moves and restores on btrfs.

If a client could interfere, write leases detect whether one has the file open, and block others from opening
it meanwhile.
"""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from cgflow.drivers.btrfs import btrfs_ioctl, intent_recovery
from cgflow.drivers.btrfs.base import BtrfsBase
from cgflow.drivers.btrfs.connection import GIB
from cgflow.drivers.btrfs.file_leases import COPY, LIVE, Leases, exclusive_leases
from cgflow.drivers.btrfs.layout import remove
from cgflow.drivers.btrfs.state import Copy, Intent, Volume
from cgflow.drivers.contract import Cloning, Regrouping, Restoring, SnapshotSpec, VolumeSpec
from cgflow.errors import FinalDriverError


class Rearranging(BtrfsBase, Cloning, Regrouping, Restoring):
    """The abilities to clone, move and restore volumes."""

    def clone_volume(self, volume: VolumeSpec, source: SnapshotSpec) -> None:
        home, origin = volume.group_id or volume.id, source.group_id or source.volume_id
        with self._at(home, origin) as state:
            if volume.id in state.volumes:
                return
            copy, file = self._cut_copy(source)
            if copy.size_bytes is None or copy.size_bytes > volume.size_gib * GIB:
                raise FinalDriverError(
                    f"volume {volume.id} of {volume.size_gib} GiB is too small for snapshot {source.id} "
                    f"of {copy.size_bytes} bytes"
                )
            with btrfs_ioctl.opened(file, os.O_RDONLY) as held:
                self._make_volume(volume, held)

    def move_volume(self, volume: VolumeSpec, group_id: str | None) -> None:
        source, target = volume.group_id or volume.id, group_id or volume.id
        with self._at(source, target) as state:
            self._need_group(group_id)
            known = state.volumes.get(volume.id)
            if known is not None and known.group_id == group_id:
                return
            known = self._volume(volume.id, volume.group_id)
            self._need_no_restore(known)
            self._need_place(known, group_id)
            copies = [copy for copy in state.copies_of(volume.id) if copy.size_bytes is not None]
            files = {self._tree.volume(source, volume.id): LIVE}
            files |= {self._file(copy): COPY for copy in copies}
            doing = f"volume {volume.id} cannot be moved"
            cuts = sorted({copy.spec.cgsnapshot_id for copy in copies})
            about = {"volume": volume.id, "source": source, "target": target, "cuts": cuts}
            intent = Intent(f"volume {volume.id}", intent_recovery.MOVE, (source, target), about)
            with exclusive_leases(files, doing) as held, self._undo_on_failure(intent):
                self._take_away(known, target, copies, held)
                # A client may have found the file by its old path before it was renamed.
                held.raise_if_awaited(doing)
                tidy = {
                    "key": intent.key,
                    "what": intent_recovery.TIDY,
                    "homes": [source, target],
                    "about": about,
                }
                self._note({"do": "move", "id": volume.id, "group_id": group_id, "begins": tidy})
            self._settle(state.intents[intent.key])

    def restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        members = {snapshot.volume_id: snapshot.id for snapshot in snapshots}
        homes = {snapshot.group_id or snapshot.volume_id for snapshot in snapshots}
        if len(homes) != 1 or len(members) != len(snapshots):
            raise FinalDriverError(f"restore {restore_id} needs one copy of each volume, all of one group")
        home = homes.pop()
        with self._at(home) as state:
            done = {v.id: v.kept.snapshot_id for v in state.kept_by(restore_id) if v.kept is not None}
            if done == members:
                return
            if done:
                raise FinalDriverError(
                    f"restore {restore_id} was made of other copies: {sorted(done.values())}"
                )
            for snapshot in snapshots:
                self._refuse_unfit(snapshot)
            files = {self._tree.volume(home, volume_id): LIVE for volume_id in members}
            doing = f"restore {restore_id} cannot be made"
            about = {"restore": restore_id, "volumes": sorted(members)}
            intent = Intent(f"restore {restore_id}", intent_recovery.RESTORE, (home,), about)
            with exclusive_leases(files, doing) as held, self._undo_on_failure(intent):
                live = {volume_id: held.files[self._tree.volume(home, volume_id)] for volume_id in members}
                self._keep(home, live)
                self._put_back(home, live, snapshots)
                self._note({"do": "restored", "id": restore_id, "members": members, "ends": intent.key})

    def undo_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        self._end_restore(intent_recovery.UNDO_RESTORE, restore_id, snapshots)

    def finish_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        self._end_restore(intent_recovery.FINISH_RESTORE, restore_id, snapshots)

    def _end_restore(self, what: str, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        for home in sorted({snapshot.group_id or snapshot.volume_id for snapshot in snapshots}):
            with self._at(home) as state:
                volumes = sorted(volume.id for volume in state.kept_by(restore_id) if volume.home == home)
                if volumes:
                    about = {"restore": restore_id, "volumes": volumes}
                    self._carry_out(Intent(f"restore {restore_id}", what, (home,), about))

    def _take_away(self, volume: Volume, target: str, copies: list[Copy], held: Leases) -> None:
        """Hide a volume from its clients and recreate it in another home, sharing its blocks."""
        tree, file = self._tree, self._tree.volume(volume.home, volume.id)
        file.replace(tree.away(volume.home, volume.id))
        tree.trace("move:after-hiding")
        if target not in self._state.groups:
            tree.create_home(target)
        tree.make_file(tree.volume(target, volume.id), volume.size_bytes, held.files[file])
        tree.trace("move:after-volume")
        for copy in copies:
            tree.add_copy(target, copy.spec.cgsnapshot_id, volume.id, held.files[self._file(copy)])
        tree.trace("move:after-copies")
        # The fsync of a file does not make new or changed subvolumes durable.
        btrfs_ioctl.sync(tree.homes)

    def _need_place(self, volume: Volume, group_id: str | None) -> None:
        if group_id is None and volume.id in self._state.groups:
            raise FinalDriverError(f"{volume.id} is the name of a group too: nothing was moved")

    def _keep(self, home: str, live: dict[str, int]) -> None:
        """Keep the content of all volumes, completely, before the first one is changed."""
        tree = self._tree
        for volume_id, file in live.items():
            tree.make_file(tree.live(home) / "new" / volume_id, os.fstat(file).st_size, file)
        tree.trace("restore:after-new")
        for volume_id in live:
            (tree.live(home) / "new" / volume_id).replace(tree.kept(home, volume_id))
        tree.sync_live(home)
        tree.trace("restore:after-kept")

    def _put_back(self, home: str, live: dict[str, int], snapshots: list[SnapshotSpec]) -> None:
        """Write the content of snapshots into the files of their volumes. The files stay the same inodes.

        A client that is waiting to open a file thus gets the file of the volume, also if this fails.
        """
        try:
            for snapshot in snapshots:
                _fill(live[snapshot.volume_id], self._cut_copy(snapshot)[1])
                self._tree.trace("restore:after-fill")
        except OSError:
            with suppress(OSError):
                for volume_id, file in live.items():
                    _fill(file, self._tree.kept(home, volume_id))
                remove(*(self._tree.kept(home, volume_id) for volume_id in live))
            raise

    def _refuse_unfit(self, snapshot: SnapshotSpec) -> None:
        copy, _ = self._cut_copy(snapshot)
        volume = self._volume(snapshot.volume_id, snapshot.group_id)
        self._need_no_restore(volume)
        self._need_whole(volume)
        if copy.size_bytes is None or copy.size_bytes > volume.size_bytes:
            raise FinalDriverError(
                f"snapshot {snapshot.id} of {copy.size_bytes} bytes is larger than volume {volume.id} "
                f"of {volume.size_bytes}: extend it first"
            )


def _fill(file: int, source: Path) -> None:
    """Give an open file the content of another; beyond it the file reads as zeros. Its size is kept."""
    size = os.fstat(file).st_size
    with btrfs_ioctl.opened(source, os.O_RDONLY) as shared:
        os.ftruncate(file, os.fstat(shared).st_size)
        btrfs_ioctl.share(shared, file)
    os.ftruncate(file, size)
    os.fsync(file)
