"""The connection to a cluster, and facts about the cluster."""

from __future__ import annotations

import json
from math import ceil
from typing import Any

import rados
import rbd


class Cluster:
    """A client of one pool. Raises: rados.Error, if the cluster does not answer within ``timeout_s``."""

    def __init__(self, conf: str, user: str, keyring: str | None, pool: str, timeout_s: float) -> None:
        options = {
            "client_mount_timeout": str(ceil(timeout_s)),
            "rados_mon_op_timeout": str(ceil(timeout_s)),
            # Data written for a clone or restore must be on the storage when the write returns.
            "rbd_cache": "false",
        }
        if keyring is not None:
            options["keyring"] = keyring
        self.timeout_s = timeout_s
        self.pool = pool
        self.rados = rados.Rados(conffile=conf, name=f"client.{user}", conf=options)
        self.rados.connect()
        self.io = self.rados.open_ioctx(pool)
        self.rbd = rbd.RBD()

    def facts(self) -> dict[str, Any]:
        """Return the address of this client, the cluster's id, and the addresses of the monitors."""
        monitors = self.ask("mon dump")["mons"]
        return {
            "address": self.rados.get_addrs(),
            "fsid": self.rados.get_fsid(),
            "monitors": [_address(monitor) for monitor in monitors],
        }

    def features(self) -> int:
        """Return the features of new images: the defaults of the cluster, and those that a cut needs."""
        default = self.rados.conf_get("rbd_default_features") or "layering"
        mask: int = int(default) if default.isdigit() else self.rbd.features_from_string(default)
        needed: int = rbd.RBD_FEATURE_LAYERING | rbd.RBD_FEATURE_EXCLUSIVE_LOCK
        return mask | needed

    def capacity(self) -> dict[str, int]:
        """Return the bytes stored in the pool, and those still available."""
        for pool in self.ask("df")["pools"]:
            if pool["name"] == self.pool:
                return {"used": int(pool["stats"]["stored"]), "free": int(pool["stats"]["max_avail"])}
        return {"used": 0, "free": 0}

    def ask(self, prefix: str, **args: Any) -> Any:
        """Return the answer of a monitor to a command. Raises: OSError, with the monitor's message."""
        command = json.dumps({"prefix": prefix, "format": "json", **args})
        code, answer, words = self.rados.mon_command(command, b"")
        if code != 0:
            raise OSError(abs(code), f"the monitors refused {prefix!r}: {words}")
        return json.loads(answer) if answer.strip() else None

    def shut_out(self, addresses: list[str], expire_s: float) -> None:
        """Blocklist clients by their addresses. They can no longer change what this client reads afterwards.

        This client waits for the OSD map with the blocklist. Its operations carry that map, and an OSD does
        not answer them under an older one.
        """
        for address in addresses:
            self.ask("osd blocklist", blocklistop="add", addr=address, expire=expire_s)
        self.rados.wait_for_latest_osdmap()

    def notify(self, name: str, message: str) -> None:
        """Notify the watchers of an object and wait for them. Raises: rados.Error, if one does not answer."""
        try:
            # Shorter than the timeout of this call. A server whose host died is forgotten after half a
            # minute.
            self.io.notify(name, message, int(self.timeout_s * 1000 * 2 / 3))
        except rados.ObjectNotFound:
            # The object does not exist, so no process has ever watched it.
            return


def _address(monitor: dict[str, Any]) -> str:
    """Return the plainest address of a monitor. Clients of both protocols find the others themselves."""
    known = {entry["type"]: str(entry["addr"]) for entry in monitor["public_addrs"]["addrvec"]}
    return known.get("v1") or known.get("v2") or str(monitor["addr"]).split("/")[0]
