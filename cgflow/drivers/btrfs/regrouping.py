"""Moves of volumes between groups on btrfs.

Write leases detect whether a client has a file of the volume open, and keep others from opening it.
"""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

from cgflow.drivers.btrfs import intent_recovery, system_calls
from cgflow.drivers.btrfs.base import BtrfsBase
from cgflow.drivers.btrfs.state import Intent, Snapshot, Volume
from cgflow.drivers.btrfs.system_calls import SNAPSHOT_FLAGS, VOLUME_FLAGS, Leases, hold_exclusive_leases
from cgflow.drivers.contract import Regrouping, VolumeSpec
from cgflow.errors import FinalDriverError


class BtrfsRegrouping(BtrfsBase, Regrouping):
    """The ability to move volumes between groups."""

    def move_volume(self, volume: VolumeSpec, group_id: str | None) -> None:
        source, target = volume.group_id or volume.id, group_id or volume.id
        with self._lock_homes(source, target) as state:
            self._require_group(group_id)
            known = state.volumes.get(volume.id)
            if known is not None and known.group_id == group_id:
                return
            known = self._require_volume(volume.id, volume.group_id)
            self._require_no_restore(known)
            self._require_no_such_group(known, group_id)
            copies = [copy for copy in state.snapshots_of(volume.id) if copy.size_bytes is not None]
            files = {self._layout.volume_file(source, volume.id): VOLUME_FLAGS}
            files |= {self._snapshot_file(copy): SNAPSHOT_FLAGS for copy in copies}
            doing = f"volume {volume.id} cannot be moved"
            cuts = sorted({copy.spec.cgsnapshot_id for copy in copies})
            about = {"volume": volume.id, "source": source, "target": target, "cuts": cuts}
            intent = Intent(f"volume {volume.id}", intent_recovery.MOVE, (source, target), about)
            with hold_exclusive_leases(files, doing) as leases, self._undo_on_failure(intent):
                self._hide_and_copy_volume(known, target, copies, leases)
                # A client may have found the file by its old path before it was renamed.
                leases.raise_if_awaited(doing)
                tidy = {
                    "key": intent.key,
                    "what": intent_recovery.FINISH_MOVE,
                    "homes": [source, target],
                    "about": about,
                }
                self._record_event({"do": "move", "id": volume.id, "group_id": group_id, "begins": tidy})
            self._recover_intent(state.intents[intent.key])

    def _hide_and_copy_volume(
        self, volume: Volume, target: str, copies: list[Snapshot], leases: Leases
    ) -> None:
        """Hide a volume from its clients and recreate it in another home, sharing its blocks."""
        layout, file = self._layout, self._layout.volume_file(volume.home, volume.id)
        file.replace(layout.moving_out_file(volume.home, volume.id))
        layout.trace("move:after-hiding")
        if target not in self._state.groups:
            layout.create_home(target)
        layout.make_file(layout.volume_file(target, volume.id), volume.size_bytes, leases.files[file])
        layout.trace("move:after-volume")
        for copy in copies:
            layout.add_snapshot_to_cut(
                target, copy.spec.cgsnapshot_id, volume.id, leases.files[self._snapshot_file(copy)]
            )
        layout.trace("move:after-copies")
        # The fsync of a file does not make new or changed subvolumes durable.
        system_calls.sync_file_system(layout.homes)

    def _require_no_such_group(self, volume: Volume, group_id: str | None) -> None:
        if group_id is None and volume.id in self._state.groups:
            raise FinalDriverError(f"a group has the same id as volume {volume.id}: nothing was moved")
