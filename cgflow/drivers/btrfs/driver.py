"""The btrfs driver: its start, capacity and options."""

from __future__ import annotations

import os
from pathlib import Path

from oslo_config import cfg

from cgflow import __version__
from cgflow.drivers.btrfs.base import GIB, MAX_OVER_SUBSCRIPTION_RATIO, PROMISE
from cgflow.drivers.btrfs.cloning import BtrfsCloning
from cgflow.drivers.btrfs.group_snapshots import BtrfsGroupSnapshots
from cgflow.drivers.btrfs.inventory import BtrfsInventory, recorded_homes
from cgflow.drivers.btrfs.regrouping import BtrfsRegrouping
from cgflow.drivers.btrfs.restoring import BtrfsRestoring
from cgflow.drivers.btrfs.state import State
from cgflow.drivers.btrfs.volumes import BtrfsVolumes
from cgflow.drivers.contract import (
    DriverPlugin,
    Report,
    StorageDriver,
)
from cgflow.drivers.contract.cut_evidence import CutLevel, capabilities_of_level
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
        help="Ratio of the sizes of all volumes to the capacity of the file system, up to which volumes are "
        "created.",
    ),
]


class BtrfsDriver(
    BtrfsVolumes,
    BtrfsGroupSnapshots,
    BtrfsCloning,
    BtrfsRegrouping,
    BtrfsRestoring,
    BtrfsInventory,
    StorageDriver,
):
    """Volumes as sparse files, in one subvolume for each group. One process at a time uses a backend."""

    def start(self) -> None:
        """See the contract. What cannot be recovered now is reported, and left to the next call."""
        self._mount.open()
        try:
            state = State()
            self._event_log.open(state.apply_event, state.events_to_rebuild)
        except ConfigError:
            self._mount.close()
            raise
        self._state = state
        for home in sorted(recorded_homes(state) | {h for i in state.intents.values() for h in i.homes}):
            try:
                self._recover_home(home)
            except DriverError:
                # The inventory reports it.
                continue

    def stop(self) -> None:
        """See the contract."""
        self._event_log.close()
        self._mount.close()

    def report(self) -> Report:
        """See the contract. The capacity is that of the whole btrfs, including what others use."""
        self._mount.require_mounted()
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
                **capabilities_of_level(CutLevel.CRASH),
                "cut_promise": PROMISE,
                "thin_provisioning_support": True,
                "online_extend_support": True,
                "storage_protocol": "local",
                "vendor_name": "cgflow",
                "driver_version": __version__,
                "volume_backend_name": self.name,
            },
        )

    def _recover_home(self, home: str) -> None:
        """Recover the interrupted operations of a home, prune its cuts, and recreate its exports.

        After a power failure, a cut may again contain the file of a snapshot that was deleted. Raises:
        DriverError.
        """
        with self._lock_homes(home) as state:
            copies = [
                c for c in list(state.snapshots.values()) if c.home == home and c.size_bytes is not None
            ]
            for cut in {copy.spec.cgsnapshot_id for copy in copies}:
                members = [copy.spec.volume_id for copy in copies if copy.spec.cgsnapshot_id == cut]
                self._layout.prune_cut(home, cut, members)
            for copy in copies:
                if copy.is_exported:
                    self._layout.link_export(copy.spec.id, self._snapshot_file(copy))


def make(name: str, state_dir: Path, path: str, max_over_subscription_ratio: float) -> BtrfsDriver:
    """Make a driver. It keeps all its state next to the volumes, and nothing in ``state_dir``."""
    del state_dir
    return BtrfsDriver(Path(path), name=name, max_over_subscription_ratio=max_over_subscription_ratio)


PLUGIN = DriverPlugin(OPTIONS, make)
