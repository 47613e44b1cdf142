"""The rbd driver: sessions, capacity and options."""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

import logging
from pathlib import Path

from oslo_config import cfg

from cgflow import __version__
from cgflow.drivers.contract import (
    DriverPlugin,
    Report,
    StorageDriver,
    SupportsFencing,
)
from cgflow.drivers.contract.cut_evidence import CutLevel, capabilities_of_level
from cgflow.drivers.rbd.cloning import RbdCloning
from cgflow.drivers.rbd.exporter import Exporter
from cgflow.drivers.rbd.group_snapshots import RbdGroupSnapshots
from cgflow.drivers.rbd.inventory import RbdInventory
from cgflow.drivers.rbd.names import GIB
from cgflow.drivers.rbd.records import SnapshotRecord, VolumeRecord
from cgflow.drivers.rbd.regrouping import RbdRegrouping
from cgflow.drivers.rbd.restoring import RbdRestoring
from cgflow.drivers.rbd.session import ConnectionOptions, Session
from cgflow.errors import AmbiguousDriverError, FinalDriverError, SessionFenced

LOG = logging.getLogger(__name__)

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        "conf", default="/etc/ceph/ceph.conf", help="Ceph's configuration file, which names the monitors."
    ),
    cfg.StrOpt(
        "pool",
        default="volumes",
        help="Pool of the images, for one backend only. Objects of other programs in it are left unchanged.",
    ),
    cfg.StrOpt("user", default="cgflow", help="Ceph user without 'client.', with the caps 'profile rbd'."),
    cfg.StrOpt("keyring", help="File with the key of the user. Default: Ceph's default."),
    cfg.StrOpt(
        "python",
        default="/usr/bin/python3",
        help="Interpreter that has Ceph's bindings (Debian: python3-rbd and python3-rados).",
    ),
    cfg.FloatOpt(
        "timeout_s",
        default=30.0,
        min=1,
        help="Seconds without an answer of the cluster after which the answer counts as lost. A group "
        "snapshot takes about one second.",
    ),
    cfg.FloatOpt(
        "long_timeout_s",
        default=3600.0,
        min=1,
        help="The same for operations that take longer on larger volumes and report no progress: shrinking "
        "and removing an image, and undoing a restore.",
    ),
    cfg.FloatOpt(
        "max_over_subscription_ratio",
        default=20.0,
        min=1,
        help="Ratio of the sizes of all volumes to the capacity of the pool, up to which volumes are "
        "created.",
    ),
]


class RbdDriver(
    RbdGroupSnapshots, RbdCloning, RbdRegrouping, RbdRestoring, RbdInventory, SupportsFencing, StorageDriver
):
    """Volumes as images of one pool. The process keeps no state that has to survive it."""

    def __init__(
        self, name: str, access: ConnectionOptions, folder: Path, *, max_over_subscription_ratio: float
    ) -> None:
        super().__init__(name, Session(access), Exporter(access, folder))
        self._ratio = max_over_subscription_ratio

    @property
    def child_pid(self) -> int | None:
        """The id of the process with the bindings, or None. Tests use it to watch the process end."""
        return self._session.child_pid()

    def open_session(self, session: str) -> None:
        try:
            self._session.open(session)
        except AmbiguousDriverError as error:
            # An unreachable cluster must not stop the service. The session is registered before its first
            # effect.
            LOG.warning("backend %s: %s", self.name, error)

    def fence(self, session: str) -> None:
        self._session.fence(session)

    def start(self) -> None:
        self._exporter.check_socket_path()
        try:
            copies = self._records.all(SnapshotRecord, "copy/")
        except SessionFenced:
            # Every later call raises SessionFenced; ``start`` need not.
            return
        except AmbiguousDriverError as error:
            # The server of exported snapshots starts when an address is requested.
            LOG.warning("backend %s: %s", self.name, error)
            return
        if any(copy.exported for copy in copies.values()):
            self._exporter.ensure_running()

    def stop(self) -> None:
        self._exporter.stop()
        self._session.close()

    def report(self) -> Report:
        volumes = self._records.all(VolumeRecord, VolumeRecord.key(""))
        room = self._session.call("capacity")
        if room["free"] + room["used"] == 0:
            raise FinalDriverError(
                f"the cluster does not report the usage of pool {self._session.access.pool}: "
                "check that a manager runs"
            )
        return Report(
            total_gib=(room["used"] + room["free"]) / GIB,
            free_gib=room["free"] / GIB,
            provisioned_gib=float(sum(volume.size_gib for volume in volumes.values())),
            thin=True,
            max_over_subscription_ratio=self._ratio,
            capabilities={
                **capabilities_of_level(CutLevel.CRASH),
                "thin_provisioning_support": True,
                "online_extend_support": True,
                "storage_protocol": "ceph",
                "vendor_name": "cgflow",
                "driver_version": __version__,
                "volume_backend_name": self.name,
            },
        )


def make(
    name: str,
    state_dir: Path,
    conf: str,
    pool: str,
    user: str,
    keyring: str | None,
    python: str,
    timeout_s: float,
    long_timeout_s: float,
    max_over_subscription_ratio: float,
) -> RbdDriver:
    """Make a driver. The socket of its exported snapshots is in the folder ``<name>`` of ``state_dir``."""
    access = ConnectionOptions(conf, user, keyring, pool, python, timeout_s, long_timeout_s)
    return RbdDriver(name, access, state_dir / name, max_over_subscription_ratio=max_over_subscription_ratio)


PLUGIN = DriverPlugin(OPTIONS, make)
