"""The btrfs driver: its start, capacity, inventory and options."""

from __future__ import annotations

import os
from pathlib import Path

from oslo_config import cfg

from cgflow import __version__
from cgflow.drivers.btrfs import consistency_check
from cgflow.drivers.btrfs.base import MAX_OVER_SUBSCRIPTION_RATIO
from cgflow.drivers.btrfs.connection import GIB, PROMISE
from cgflow.drivers.btrfs.group_snapshots import BtrfsGroupSnapshots
from cgflow.drivers.btrfs.rearranging import Rearranging
from cgflow.drivers.btrfs.state import State, Volume
from cgflow.drivers.btrfs.volumes import Volumes
from cgflow.drivers.contract import (
    DetailedInventory,
    DriverPlugin,
    Inventory,
    Report,
    SnapshotDetails,
    SupportsDetailedInventory,
    VolumeDetails,
)
from cgflow.drivers.contract.cut_evidence import CutLevel, capabilities
from cgflow.errors import ConfigError, DriverError, FinalDriverError

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        "path",
        required=True,
        help="Directory on a mounted btrfs, in which a folder with the name of the backend is made. It is "
        "required.",
    ),
    cfg.FloatOpt(
        "max_over_subscription_ratio",
        default=MAX_OVER_SUBSCRIPTION_RATIO,
        min=1,
        help="How many times the capacity of the file system may be promised to volumes, which are thin.",
    ),
]


class BtrfsDriver(Volumes, BtrfsGroupSnapshots, Rearranging, SupportsDetailedInventory):
    """Volumes as sparse files, in one subvolume for each group. One process at a time uses a backend."""

    def start(self) -> None:
        """See the contract. What cannot be settled now is left to the next call and reported as a problem."""
        self._mount.open()
        try:
            state = State()
            self._journal.open(state.apply, state.events)
        except ConfigError:
            self._mount.close()
            raise
        self._state = state
        for home in sorted(
            consistency_check.known_homes(state) | {h for i in state.intents.values() for h in i.homes}
        ):
            try:
                self._recover_home(home)
            except DriverError:
                # The inventory reports it.
                continue

    def stop(self) -> None:
        """See the contract."""
        self._journal.close()
        self._mount.close()

    def report(self) -> Report:
        """See the contract. The capacity is that of the whole btrfs, including what others use."""
        self._mount.check()
        try:
            room = os.statvfs(self._mount.folder)
        except OSError as error:
            raise FinalDriverError(f"the btrfs under {self._mount.path} does not answer: {error}") from error
        promised = sum(volume.size_bytes for volume in list(self._state.volumes.values()))
        return Report(
            total_gib=room.f_blocks * room.f_frsize / GIB,
            free_gib=room.f_bavail * room.f_frsize / GIB,
            provisioned_gib=promised / GIB,
            thin=True,
            max_over_subscription_ratio=self._ratio,
            capabilities={
                **capabilities(CutLevel.CRASH),
                "cut_promise": PROMISE,
                "thin_provisioning_support": True,
                "online_extend_support": True,
                "storage_protocol": "local",
                "vendor_name": "cgflow",
                "driver_version": __version__,
                "volume_backend_name": self.name,
            },
        )

    def inventory(self, group_id: str | None = None) -> Inventory:
        """See the contract. Every home is checked on the disk."""
        self._mount.check()
        problems: list[str] = []
        for home in sorted(consistency_check.known_homes(self._state) if group_id is None else {group_id}):
            problems += self._problems(home)
        if group_id is None:
            problems += consistency_check.orphans(self._tree, self._state)
        with self._lock:
            state = self._state
            volumes = [v for v in state.volumes.values() if group_id in (None, v.group_id)]
            copies = [c for c in state.copies.values() if group_id in (None, c.spec.group_id)]
            return Inventory(
                groups=frozenset(group for group in state.groups if group_id in (None, group)),
                volumes=frozenset(volume.id for volume in volumes),
                snapshots=frozenset(copy.spec.id for copy in copies),
                exports=frozenset(copy.spec.id for copy in copies if copy.is_exported),
                restores=frozenset(v.kept.restore_id for v in volumes if v.kept is not None),
                problems=tuple(problems),
            )

    def detail(self) -> DetailedInventory:
        """See the contract. The size of a volume is that of its file, which a client may have changed."""
        inventory = self.inventory()
        with self._lock:
            volumes, copies = list(self._state.volumes.values()), list(self._state.copies.values())
            cuts = dict(self._state.cuts)
        return DetailedInventory(
            inventory,
            {
                v.id: VolumeDetails(self._size_bytes(v), v.group_id)
                for v in volumes
                if v.id in inventory.volumes
            },
            {
                copy.spec.id: SnapshotDetails.of(copy.spec, cuts.get(copy.spec.cgsnapshot_id))
                for copy in copies
                if copy.spec.id in inventory.snapshots
            },
        )

    def _size_bytes(self, volume: Volume) -> int:
        try:
            return self._tree.volume(volume.home, volume.id).stat().st_size
        except FileNotFoundError:
            # The inventory reports the missing file as a problem.
            return volume.size_bytes

    def _problems(self, home: str) -> list[str]:
        try:
            with self._at(home) as state:
                return (
                    list(consistency_check.problems(self._tree, state, home)) if self._is_known(home) else []
                )
        except DriverError as error:
            return [error.message]

    def _is_known(self, home: str) -> bool:
        return home in consistency_check.known_homes(self._state)

    def _recover_home(self, home: str) -> None:
        """Settle the interrupted operations of a home, prune its cuts, and recreate its exports.

        After a power failure, a cut may again contain the file of a snapshot that was deleted. Raises:
        DriverError.
        """
        with self._at(home) as state:
            copies = [c for c in list(state.copies.values()) if c.home == home and c.size_bytes is not None]
            for cut in {copy.spec.cgsnapshot_id for copy in copies}:
                members = [copy.spec.volume_id for copy in copies if copy.spec.cgsnapshot_id == cut]
                self._tree.prune(home, cut, members)
            for copy in copies:
                if copy.is_exported:
                    self._tree.export(copy.spec.id, self._file(copy))


def make(name: str, state_dir: Path, path: str, max_over_subscription_ratio: float) -> BtrfsDriver:
    """Make a driver. It keeps all its state next to the volumes, and nothing in ``state_dir``."""
    del state_dir
    return BtrfsDriver(Path(path), name=name, max_over_subscription_ratio=max_over_subscription_ratio)


PLUGIN = DriverPlugin(OPTIONS, make)
