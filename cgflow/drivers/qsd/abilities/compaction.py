"""Compaction for the qsd driver: finds volumes whose chains are too long or mergeable, and shortens them."""

from __future__ import annotations

import time

from cgflow.drivers.contract import SupportsCompaction, VolumeSpec
from cgflow.drivers.qsd.home.home import Home
from cgflow.drivers.qsd.home.nbd_address import GIB, home_id_of
from cgflow.drivers.qsd.home.problem_log import ProblemKind
from cgflow.drivers.qsd.home_registry import HomeRegistry
from cgflow.drivers.qsd.model import layer_tree
from cgflow.drivers.qsd.model.records import VolumeRecord
from cgflow.drivers.qsd.operations import flatten, merge, missing_layers
from cgflow.drivers.qsd.operations.recovery import hold_settled
from cgflow.drivers.qsd.qemu import block_jobs
from cgflow.errors import AmbiguousDriverError, FinalDriverError


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
                if _is_due(home, volume):
                    spec = VolumeSpec(volume.id, volume.size_bytes // GIB, group)
                    found.append((len(volume.chain), spec))
        return [spec for _, spec in sorted(found, key=lambda pair: -pair[0])]

    def compact_volume(self, volume: VolumeSpec, seconds: float) -> bool:
        """See the contract. The copying continues in the daemon after this call has returned."""
        home = self._homes.find(home_id_of(volume))
        return home is None or _compact(home, volume.id, seconds)


def _is_due(home: Home, volume: VolumeRecord) -> bool:
    """Return whether a chain is too long, or has hidden layers that can be merged by now."""
    longest = home.config.longest_chain
    has_failed = home.problems.has(ProblemKind.MERGE_FAILED, volume.id)
    if volume.flattening is not None:
        return True
    if len(volume.chain) <= longest and not layer_tree.hidden_layers(volume) and not has_failed:
        return False
    try:
        shared = home.shared(volume)
    except FileNotFoundError:
        # The volume is being deleted or moved at this moment, or it has lost a layer.
        return False
    if has_failed or layer_tree.layer_to_flatten(volume, longest, shared) is not None:
        return True
    return any(not found.active for found in layer_tree.allowed_merges(volume, home.cloned, shared))


def _compact(home: Home, volume_id: str, seconds: float) -> bool:
    """Compact a volume until nothing is due, or for about ``seconds``; return whether nothing is due.

    Raises: FinalDriverError, if there is not enough free space; DriverError.
    """
    deadline = time.monotonic() + seconds
    with hold_settled(home) as graph:
        client = graph.client
    # Listen before the job starts, and without holding the home's lock.
    with client.listen() as told, client.listen() as events:
        layer = _begin(home, volume_id)
        if layer is None:
            return _is_done(home, volume_id)
        job = block_jobs.flattening_job_id(layer)
        if graph.jobs.wait(job, (), events, deadline) is None:
            return False
        home.trace("flatten:after-job")
        reason = block_jobs.failure(told, job)
    with hold_settled(home):
        held = home.manifest.volumes.get(volume_id)
        if held is not None and held.flattening == layer:
            flatten.conclude(home, volume_id)
    if reason is not None:
        raise FinalDriverError(
            f"the chain of volume {volume_id} was not shortened: {reason}; nothing is lost"
        )
    return _is_done(home, volume_id)


def _begin(home: Home, volume_id: str) -> int | None:
    """Do the possible merges, then start to flatten a chain that is too long.

    Returns the layer that is being flattened, or None.
    """
    with hold_settled(home):
        volume = home.manifest.volumes.get(volume_id)
        if volume is None:
            return None
        if volume.flattening is not None:
            return volume.flattening
        merge.sweep(home, volume_id)
        volume = home.manifest.volumes[volume_id]
        missing_layers.refuse(home, volume_id, volume.backing_of, "its chain was not shortened")
        layer = layer_tree.layer_to_flatten(volume, home.config.longest_chain, home.shared(volume))
        if layer is not None:
            flatten.begin(home, volume_id, layer)
        return layer


def _is_done(home: Home, volume_id: str) -> bool:
    """Do the merges that a flattening had blocked, and return whether nothing is due any more.

    Raises: AmbiguousDriverError, if a merge fails; DriverError.
    """
    with hold_settled(home):
        if volume_id not in home.manifest.volumes:
            return True
        merge.sweep(home, volume_id)
        problem = home.problems.get(ProblemKind.MERGE_FAILED, volume_id)
        if problem is not None:
            raise AmbiguousDriverError(problem)
        return not _is_due(home, home.manifest.volumes[volume_id])
