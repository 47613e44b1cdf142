"""The optional abilities of the qsd driver: each call finds the homes concerned and acts on them."""

from __future__ import annotations

import time
from dataclasses import replace

from cgflow.drivers.contract import (
    JSON,
    Cloning,
    Connection,
    GroupSnapshots,
    Regrouping,
    Restoring,
    SnapshotSpec,
    SupportsCompaction,
    SupportsHostFiles,
    VolumeSpec,
)
from cgflow.drivers.qsd.home.home import GIB, Home, home_id_of
from cgflow.drivers.qsd.home.problem_log import ProblemKind
from cgflow.drivers.qsd.home_registry import HomeRegistry
from cgflow.drivers.qsd.model import layer_tree
from cgflow.drivers.qsd.model.records import VolumeRecord
from cgflow.drivers.qsd.operations import (
    clones,
    flatten,
    host_files,
    layer_access,
    merge,
    moves,
    restores,
    snapshots,
)
from cgflow.drivers.qsd.operations.recovery import lock_and_recover
from cgflow.drivers.qsd.operations.snapshots import cut as cut_members
from cgflow.drivers.qsd.qemu import block_jobs
from cgflow.errors import AmbiguousDriverError, BusyDriverError, FinalDriverError


class QsdGroupSnapshots(GroupSnapshots):
    """Prepares, cuts, verifies, exports and deletes snapshots."""

    _homes: HomeRegistry

    def prepare(self, snapshot: SnapshotSpec) -> None:
        """See the contract."""
        home = self._homes.get(home_id_of(snapshot))
        snapshots.prepare(home, snapshot.volume_id, snapshot.id, snapshot.cgsnapshot_id)

    def cut(self, cgsnapshot_id: str, group_id: str | None, snapshots: list[SnapshotSpec]) -> JSON:
        """See the contract."""
        members = {snapshot.volume_id: snapshot.id for snapshot in snapshots}
        if not members or len(members) != len(snapshots):
            raise FinalDriverError(
                f"{cgsnapshot_id} needs exactly one snapshot of each member, and at least one"
            )
        if {snapshot.group_id for snapshot in snapshots} != {group_id} or (
            group_id is None and len(members) > 1
        ):
            raise FinalDriverError(f"{cgsnapshot_id} names volumes that are not in group {group_id}")
        return cut_members(self._homes.get(home_id_of(snapshots[0])), cgsnapshot_id, members)

    def snapshot(self, snapshot: SnapshotSpec) -> JSON:
        """See the contract."""
        return snapshots.verify(self._homes.get(home_id_of(snapshot)), snapshot.volume_id, snapshot.id)

    def delete_snapshot(self, snapshot: SnapshotSpec) -> None:
        """See the contract. The snapshot's layer is merged at once if nothing else reads it."""
        home = self._homes.find(home_id_of(snapshot))
        if home is not None:
            snapshots.delete(home, snapshot.volume_id, snapshot.id)

    def has_snapshot(self, snapshot: SnapshotSpec) -> bool:
        """See the contract. Never waits for other operations."""
        home = self._homes.find(home_id_of(snapshot))
        volume = None if home is None else home.manifest.volumes.get(snapshot.volume_id)
        return volume is not None and (snapshot.id in volume.bound or snapshot.id in volume.pending)

    def export_snapshot(self, snapshot: SnapshotSpec) -> Connection:
        """See the contract."""
        home = self._homes.get(home_id_of(snapshot))
        snapshots.export(home, snapshot.volume_id, snapshot.id)
        facts = snapshots.verify(home, snapshot.volume_id, snapshot.id)
        return home.connection(snapshot.id, facts["size_bytes"], read_only=True)

    def unexport_snapshot(self, snapshot: SnapshotSpec) -> None:
        """See the contract."""
        home = self._homes.find(home_id_of(snapshot))
        if home is not None:
            snapshots.unexport(home, snapshot.volume_id, snapshot.id)


class QsdCloning(Cloning):
    """Makes volumes from snapshots, in the same home or another."""

    _homes: HomeRegistry

    def clone_volume(self, volume: VolumeSpec, source: SnapshotSpec) -> None:
        """See the contract. A clone is linked, or copied by ``qemu-img`` without blocking other calls."""
        known = self._homes.find(home_id_of(volume))
        if known is not None and volume.id in known.manifest.volumes:
            return
        origin = self._homes.get(home_id_of(source))
        target = _get_or_create_target_home(self._homes, volume.id, volume.group_id)
        try:
            clones.clone(target, volume.id, volume.size_gib * GIB, origin, (source.volume_id, source.id))
        except FinalDriverError:
            _remove_vacant_volume_home(self._homes, target)
            raise


class QsdRegrouping(Regrouping):
    """Moves volumes between homes."""

    _homes: HomeRegistry

    def move_volume(self, volume: VolumeSpec, group_id: str | None) -> None:
        """See the contract."""
        source = self._homes.find(home_id_of(volume))
        target = _get_or_create_target_home(self._homes, volume.id, group_id)
        try:
            if source is None or source is target:
                _refuse_missing_volume(target, volume.id)
            else:
                moves.move(source, target, volume.id)
        except (FinalDriverError, BusyDriverError):
            _remove_vacant_volume_home(self._homes, target)
            raise
        if source is not None:
            _remove_vacant_volume_home(self._homes, source)


class QsdRestoring(Restoring):
    """Restores the volumes of a home to their snapshots."""

    _homes: HomeRegistry

    def restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        """See the contract. A volume with a connected client is not restored."""
        members = {snapshot.volume_id: snapshot.id for snapshot in snapshots}
        places = {home_id_of(snapshot) for snapshot in snapshots}
        if len(places) != 1 or len(members) != len(snapshots):
            raise FinalDriverError(
                f"restore {restore_id} needs exactly one snapshot of each volume, all of one group"
            )
        restores.restore(self._homes.get(places.pop()), restore_id, members)

    def undo_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        """See the contract."""
        for home in self._homes_of(snapshots):
            restores.undo(home, restore_id)

    def finish_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        """See the contract. Layers that no snapshot needs any more are removed."""
        for home in self._homes_of(snapshots):
            restores.finish(home, restore_id, [snapshot.volume_id for snapshot in snapshots])

    def _homes_of(self, snapshots: list[SnapshotSpec]) -> list[Home]:
        found = [self._homes.find(key) for key in sorted({home_id_of(snapshot) for snapshot in snapshots})]
        return [home for home in found if home is not None]


class QsdCompaction(SupportsCompaction):
    """Finds and compacts the volumes whose chains are too long or contain layers that can be merged."""

    _homes: HomeRegistry

    def compactions_due(self, group_id: str | None = None) -> list[VolumeSpec]:
        """See the contract. The volume with the longest chain comes first."""
        found: list[tuple[int, VolumeSpec]] = []
        for home in self._homes.all():
            if group_id not in (None, home.id):
                continue
            group = home.id if home.manifest.is_group else None
            for volume in home.manifest.volumes.values():
                if _is_compaction_due(home, volume):
                    spec = VolumeSpec(volume.id, volume.size_bytes // GIB, group)
                    found.append((len(volume.chain), spec))
        return [spec for _, spec in sorted(found, key=lambda pair: -pair[0])]

    def compact_volume(self, volume: VolumeSpec, seconds: float) -> bool:
        """See the contract. The copying continues in the daemon after this call has returned."""
        home = self._homes.find(home_id_of(volume))
        return home is None or _compact_volume(home, volume.id, seconds)


class QsdHostFiles(SupportsHostFiles):
    """Serves exports of a home as files, and withdraws them."""

    _homes: HomeRegistry

    def serve_file(self, export: VolumeSpec | SnapshotSpec) -> Connection:
        """See the contract."""
        home = self._homes.get(home_id_of(export))
        volume_id = export.volume_id if isinstance(export, SnapshotSpec) else export.id
        with lock_and_recover(home):
            address, path = host_files.serve(home, volume_id, export.id)
        return replace(address, data={**address.data, "path": str(path)})

    def withdraw_file(self, export: VolumeSpec | SnapshotSpec) -> None:
        """See the contract."""
        home = self._homes.find(home_id_of(export))
        if home is not None:
            with home.lock:
                host_files.withdraw(home, export.id)


def _get_or_create_target_home(homes: HomeRegistry, volume_id: str, group_id: str | None) -> Home:
    """Return the home that a volume is to be in; create it if the volume is in no group.

    Raises: DriverError.
    """
    if group_id is None:
        return homes.get_or_create(volume_id, is_group=False)
    home = homes.get(group_id)
    if not home.manifest.is_group:
        raise FinalDriverError(f"{group_id} is not a group; nothing was made")
    return home


def _remove_vacant_volume_home(homes: HomeRegistry, home: Home) -> None:
    """Remove the home of a volume outside any group if the volume is not in it."""
    if not home.manifest.is_group and home.manifest.is_vacant:
        homes.remove(home.id)


def _refuse_missing_volume(home: Home, volume_id: str) -> None:
    """Raises: FinalDriverError, if a volume is not in a home."""
    if volume_id not in home.manifest.volumes:
        raise FinalDriverError(f"there is no volume {volume_id} in {home.id}")


def _is_compaction_due(home: Home, volume: VolumeRecord) -> bool:
    """Return whether a chain is too long, or has hidden layers that can be merged by now."""
    longest = home.config.longest_chain
    has_failed = home.problems.has(ProblemKind.MERGE_FAILED, volume.id)
    if volume.flattening is not None:
        return True
    if len(volume.chain) <= longest and not layer_tree.hidden_layers(volume) and not has_failed:
        return False
    try:
        shared = home.shared_layers(volume)
    except FileNotFoundError:
        # The volume is being deleted or moved at this moment, or it has lost a layer.
        return False
    if has_failed or layer_tree.layer_to_flatten(volume, longest, shared) is not None:
        return True
    return any(
        not found.active for found in layer_tree.allowed_merges(volume, home.layers_being_cloned, shared)
    )


def _compact_volume(home: Home, volume_id: str, seconds: float) -> bool:
    """Compact a volume until nothing is due, or for about ``seconds``; return whether nothing is due.

    Raises: FinalDriverError, if there is not enough free space; DriverError.
    """
    deadline = time.monotonic() + seconds
    with lock_and_recover(home) as graph:
        client = graph.client
    # Listen before the job starts, and without holding the home's lock.
    with client.listen() as outcomes, client.listen() as events:
        layer = _start_flattening(home, volume_id)
        if layer is None:
            return _merge_after_flattening(home, volume_id)
        job = block_jobs.flattening_job_id(layer)
        if graph.jobs.wait_for_status(job, (), events, deadline) is None:
            return False
        home.trace("flatten:after-job")
        reason = block_jobs.failure_reason(outcomes, job)
    with lock_and_recover(home):
        volume = home.manifest.volumes.get(volume_id)
        if volume is not None and volume.flattening == layer:
            flatten.record_outcome(home, volume_id)
    if reason is not None:
        raise FinalDriverError(
            f"the chain of volume {volume_id} was not shortened: {reason}; nothing is lost"
        )
    return _merge_after_flattening(home, volume_id)


def _start_flattening(home: Home, volume_id: str) -> int | None:
    """Do the possible merges, then start to flatten a chain that is too long.

    Returns the layer that is being flattened, or None.
    """
    with lock_and_recover(home):
        volume = home.manifest.volumes.get(volume_id)
        if volume is None:
            return None
        if volume.flattening is not None:
            return volume.flattening
        merge.merge_hidden_layers(home, volume_id)
        volume = home.manifest.volumes[volume_id]
        layer_access.refuse_damaged_layers(home, volume_id, volume.backing_of, "its chain was not shortened")
        layer = layer_tree.layer_to_flatten(volume, home.config.longest_chain, home.shared_layers(volume))
        if layer is not None:
            flatten.start(home, volume_id, layer)
        return layer


def _merge_after_flattening(home: Home, volume_id: str) -> bool:
    """Do the merges that a flattening had blocked, and return whether nothing is due any more.

    Raises: AmbiguousDriverError, if a merge fails; DriverError.
    """
    with lock_and_recover(home):
        if volume_id not in home.manifest.volumes:
            return True
        merge.merge_hidden_layers(home, volume_id)
        problem = home.problems.get(ProblemKind.MERGE_FAILED, volume_id)
        if problem is not None:
            raise AmbiguousDriverError(problem)
        return not _is_compaction_due(home, home.manifest.volumes[volume_id])
