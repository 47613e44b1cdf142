"""The qsd driver: finds the home that a call concerns and delegates the call to ``operations``.

Every consistency group, and every volume outside any group, is a home with its own
``qemu-storage-daemon``. The daemons serve I/O independently of this process: they survive its end,
and the next process adopts them.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from oslo_config import cfg

from cgflow import __version__
from cgflow.drivers.common.incidents import Incidents
from cgflow.drivers.contract import (
    Connection,
    DetailedInventory,
    DriverPlugin,
    Inventory,
    Report,
    SnapshotDetails,
    StorageDriver,
    SupportsDetailedInventory,
    VolumeDetails,
    VolumeSpec,
)
from cgflow.drivers.contract.cut_evidence import CutLevel, capabilities_of_level
from cgflow.drivers.qsd.abilities import (
    QsdCloning,
    QsdCompaction,
    QsdGroupSnapshots,
    QsdHostFiles,
    QsdRegrouping,
    QsdRestoring,
)
from cgflow.drivers.qsd.home.home import GIB, Home, HomeConfig, Trace, home_id_of, ignore_trace_point
from cgflow.drivers.qsd.home.problem_log import ProblemKind
from cgflow.drivers.qsd.home.state_dir import StateDir
from cgflow.drivers.qsd.home_registry import HomeRegistry
from cgflow.drivers.qsd.model.records import Manifest
from cgflow.drivers.qsd.operations import volumes
from cgflow.drivers.qsd.operations.recovery import lock_and_recover, match_daemon_to_manifest
from cgflow.drivers.qsd.qemu import nbd_endpoint
from cgflow.drivers.qsd.qemu.nbd_endpoint import TcpEndpoint
from cgflow.errors import ConfigError, FinalDriverError

PROGRAM = "qemu-storage-daemon"
MAX_OVER_SUBSCRIPTION_RATIO = 20.0
MAX_CHAIN_DEPTH = 16
LINKED_CLONES = True

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt("program", default=PROGRAM, help="Program that serves the volumes, by name or path."),
    cfg.FloatOpt(
        "max_over_subscription_ratio",
        default=MAX_OVER_SUBSCRIPTION_RATIO,
        min=1,
        help="How many times the capacity of the file system may be promised to volumes, which are thin.",
    ),
    cfg.IntOpt(
        "max_chain_depth",
        default=MAX_CHAIN_DEPTH,
        min=3,
        help="Number of layers of a volume (one for each snapshot) above which they are merged in the "
        "background, so that reads and cuts stay fast. Merging takes as much space as the volume's content.",
    ),
    cfg.BoolOpt(
        "linked_clones",
        default=LINKED_CLONES,
        help="Whether clones share the files of their source, so that they are available at once. "
        "Otherwise they are full copies.",
    ),
    *nbd_endpoint.OPTIONS,
]


class QsdDriver(
    QsdGroupSnapshots,
    QsdCloning,
    QsdRegrouping,
    QsdRestoring,
    QsdCompaction,
    QsdHostFiles,
    SupportsDetailedInventory,
    StorageDriver,
):
    """Volumes as chains of qcow2 files in ``state_dir``, served over NBD by QEMU's storage daemon."""

    def __init__(
        self,
        state_dir: Path,
        *,
        program: str = PROGRAM,
        backend_name: str = "qsd",
        max_over_subscription_ratio: float = MAX_OVER_SUBSCRIPTION_RATIO,
        max_chain_depth: int = MAX_CHAIN_DEPTH,
        linked_clones: bool = LINKED_CLONES,
        tcp: TcpEndpoint | None = None,
        trace: Trace = ignore_trace_point,
    ) -> None:
        self._state = StateDir(state_dir, trace)
        self._program = program
        self._backend_name = backend_name
        self._ratio = max_over_subscription_ratio
        self._incidents = Incidents()
        self._homes = HomeRegistry(
            self._state,
            HomeConfig(
                program=program,
                mounts=self._state.mounts,
                tcp=tcp,
                trace=trace,
                stopping=threading.Event(),
                longest_chain=max_chain_depth,
                linked_clones=linked_clones,
                incidents=self._incidents,
            ),
        )

    def start(self) -> None:
        """See the contract. Merges that a crash interrupted continue in the background."""
        if shutil.which(self._program) is None:
            raise ConfigError(
                f"the program {self._program} is missing: "
                "install it with 'apt-get install qemu-system-common'"
            )
        self._state.open()
        self._homes.start()

    def stop(self) -> None:
        """See the contract."""
        self._homes.stop()
        self._state.close()

    def report(self) -> Report:
        """See the contract. The capacity is that of the file system under the state directory.

        ``data_service_restarts`` counts the storage daemons that have ended unexpectedly since the start.
        """
        homes = self._homes.all()
        try:
            room = os.statvfs(self._state.homes)
        except OSError as error:
            raise FinalDriverError(f"the state directory {self._state.path} is not there: {error}") from error
        promised = sum(volume.size_bytes for home in homes for volume in home.manifest.volumes.values())
        return Report(
            total_gib=room.f_blocks * room.f_frsize / GIB,
            free_gib=room.f_bavail * room.f_frsize / GIB,
            provisioned_gib=promised / GIB,
            thin=True,
            max_over_subscription_ratio=self._ratio,
            capabilities={
                **capabilities_of_level(CutLevel.CRASH),
                "thin_provisioning_support": True,
                "online_extend_support": False,
                "storage_protocol": "nbd",
                "vendor_name": "cgflow",
                "driver_version": __version__,
                "volume_backend_name": self._backend_name,
                "data_service_restarts": self._incidents.count,
            },
            problems=tuple(self._homes.problems(None)),
            incidents=self._incidents.latest(),
        )

    def create_group(self, group_id: str) -> None:
        """See the contract."""
        self._homes.get_or_create(group_id, is_group=True)

    def delete_group(self, group_id: str) -> None:
        """See the contract."""
        self._homes.remove(group_id)

    def create_volume(self, volume: VolumeSpec) -> None:
        """See the contract."""
        if volume.group_id is None:
            home = self._homes.get_or_create(volume.id, is_group=False)
            try:
                volumes.create(home, volume.id, volume.size_gib * GIB)
            except FinalDriverError:
                self._homes.remove(volume.id)
                raise
        else:
            volumes.create(self._homes.get(volume.group_id), volume.id, volume.size_gib * GIB)

    def delete_volume(self, volume: VolumeSpec) -> None:
        """See the contract."""
        home = self._homes.find(home_id_of(volume))
        if home is None:
            return
        volumes.delete(home, volume.id)
        if not home.manifest.is_group:
            self._homes.remove(home.id)

    def extend_volume(self, volume: VolumeSpec, new_size_gib: int) -> None:
        """See the contract."""
        volumes.resize(self._home_of(volume), volume.id, new_size_gib * GIB)

    def connection(self, volume: VolumeSpec) -> Connection:
        """See the contract. Waits for other operations only if there is no daemon to connect to."""
        home = self._home_of(volume)
        if home.problems.has(ProblemKind.NOT_SERVED):
            # Do not return an address at which nothing listens: start the daemon, or raise why that fails.
            with lock_and_recover(home):
                pass
        if home.problems.has(ProblemKind.VOLUME_NOT_SERVED, volume.id):
            with lock_and_recover(home):
                match_daemon_to_manifest(home)
        broken = home.problems.get(ProblemKind.VOLUME_NOT_SERVED, volume.id)
        if broken is not None:
            raise FinalDriverError(broken)
        return home.connection(volume.id, home.manifest.volumes[volume.id].size_bytes, read_only=False)

    def inventory(self, group_id: str | None = None) -> Inventory:
        """See the contract. Never waits for other operations."""
        homes = [home for home in self._homes.all() if group_id is None or home.id == group_id]
        return self._inventory([home.manifest for home in homes], group_id)

    def detail(self) -> DetailedInventory:
        """See the contract. Never waits for other operations. A volume in transit is listed at its target."""
        manifests = [home.manifest for home in self._homes.all()]
        groups = frozenset(manifest.home_id for manifest in manifests if manifest.is_group)
        located = [
            (volume, manifest.home_id) for manifest in manifests for volume in manifest.volumes.values()
        ]
        located += [(move.volume, move.to) for manifest in manifests for move in manifest.leaving.values()]
        placed = [(volume, home_id if home_id in groups else None) for volume, home_id in located]
        made = [cut for manifest in manifests for cut in manifest.cuts.items()]
        made += [
            cut for manifest in manifests for one in manifest.leaving.values() for cut in one.cuts.items()
        ]
        cuts = {key: (id_, len(cut.members)) for id_, cut in made for key in cut.members}
        return DetailedInventory(
            self._inventory(manifests, None),
            {volume.id: VolumeDetails(volume.size_bytes, group_id) for volume, group_id in placed},
            {
                key: SnapshotDetails(volume.id, group_id, *cuts.get(key, (None, None)))
                for volume, group_id in placed
                for key in (*volume.bound, *volume.pending)
            },
        )

    def _inventory(self, manifests: Sequence[Manifest], group_id: str | None) -> Inventory:
        volumes = [volume for manifest in manifests for volume in manifest.volumes_including_outgoing()]
        return Inventory(
            groups=frozenset(manifest.home_id for manifest in manifests if manifest.is_group),
            volumes=frozenset(volume.id for volume in volumes),
            snapshots=frozenset(key for volume in volumes for key in (*volume.bound, *volume.pending)),
            exports=frozenset(key for volume in volumes for key in volume.exported),
            restores=frozenset(volume.kept.restore_id for volume in volumes if volume.kept is not None),
            problems=tuple(self._homes.problems(group_id)),
        )

    def await_startup_merges(self, seconds: float) -> bool:
        """Wait for the background work of ``start``; return False if it is not done within ``seconds``."""
        return self._homes.await_startup_merges(seconds)

    def _home_of(self, volume: VolumeSpec) -> Home:
        home = self._homes.find(home_id_of(volume))
        if home is None or volume.id not in home.manifest.volumes:
            raise FinalDriverError(f"there is no volume {volume.id}")
        return home


def make(name: str, state_dir: Path, **options: Any) -> QsdDriver:
    """Make a driver from the values of ``OPTIONS``.

    Volumes are stored in the folder ``<name>`` of ``state_dir``.

    Raises: ConfigError, naming the option that is invalid.
    """
    chosen = ("program", "max_over_subscription_ratio", "max_chain_depth", "linked_clones")
    return QsdDriver(
        state_dir / name,
        backend_name=name,
        tcp=nbd_endpoint.from_options(options),
        **{option: options[option] for option in chosen if option in options},
    )


PLUGIN = DriverPlugin(OPTIONS, make)
