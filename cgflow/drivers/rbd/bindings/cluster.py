"""The connection to a cluster, the keys of objects in the pool, and the sessions of clients.

cgflow stores its records as keys and values of one object (its omap). Several keys change in one operation,
or none. Another object has the addresses of the clients of each session, written before their first effect.

``session_open`` writes the address of the client and then checks whether the session is fenced.
``session_fence`` marks the session as fenced and then reads the addresses. Both use one object, so at least
one of the two always sees the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from math import ceil
from typing import Any
from urllib.parse import quote

import rados
import rbd

Progress = Callable[[], None]

_PAGE = 1000

BLOCKLIST_S = 10 * 365 * 86400.0
"""Seconds for which an address is blocklisted: longer than a process can be suspended and resume."""


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

    def connection_facts(self) -> dict[str, Any]:
        """Return the address of this client, the cluster's id, and the addresses of the monitors."""
        monitors = self.monitor_command("mon dump")["mons"]
        return {
            "address": self.rados.get_addrs(),
            "fsid": self.rados.get_fsid(),
            "monitors": [_monitor_address(monitor) for monitor in monitors],
        }

    def new_image_features(self) -> int:
        """Return the features of new images: the defaults of the cluster, and those that a cut needs."""
        default = self.rados.conf_get("rbd_default_features") or "layering"
        mask: int = int(default) if default.isdigit() else self.rbd.features_from_string(default)
        needed: int = rbd.RBD_FEATURE_LAYERING | rbd.RBD_FEATURE_EXCLUSIVE_LOCK
        return mask | needed

    def capacity(self) -> dict[str, int]:
        """Return the bytes stored in the pool, and those still available."""
        for pool in self.monitor_command("df")["pools"]:
            if pool["name"] == self.pool:
                return {"used": int(pool["stats"]["stored"]), "free": int(pool["stats"]["max_avail"])}
        return {"used": 0, "free": 0}

    def monitor_command(self, prefix: str, **args: Any) -> Any:
        """Return the answer of a monitor to a command. Raises: OSError, with the monitor's message."""
        command = json.dumps({"prefix": prefix, "format": "json", **args})
        code, answer, message = self.rados.mon_command(command, b"")
        if code != 0:
            raise OSError(abs(code), f"the monitors refused {prefix!r}: {message}")
        return json.loads(answer) if answer.strip() else None

    def blocklist(self, addresses: list[str], expire_s: float) -> None:
        """Blocklist clients by their addresses. They can no longer change what this client reads afterwards.

        This client waits for the OSD map with the blocklist. Its operations carry that map, and an OSD does
        not answer them under an older one.
        """
        for address in addresses:
            self.monitor_command("osd blocklist", blocklistop="add", addr=address, expire=expire_s)
        self.rados.wait_for_latest_osdmap()

    def notify_watchers(self, name: str, message: str) -> None:
        """Notify the watchers of an object and wait for them. Raises: rados.Error, if one does not answer."""
        try:
            # Shorter than the timeout of this call. A server whose host died is forgotten after half a
            # minute.
            self.io.notify(name, message, int(self.timeout_s * 1000 * 2 / 3))
        except rados.ObjectNotFound:
            # The object does not exist, so no process has ever watched it.
            return


def _monitor_address(monitor: dict[str, Any]) -> str:
    """Return the plainest address of a monitor. Clients of both protocols find the others themselves."""
    addresses = {entry["type"]: str(entry["addr"]) for entry in monitor["public_addrs"]["addrvec"]}
    return addresses.get("v1") or addresses.get("v2") or str(monitor["addr"]).split("/")[0]


def keys_read(cluster: Cluster, _: Progress, object: str, keys: list[str]) -> dict[str, str]:
    """Return the values of those keys that exist."""
    return _decode_values(read_omap_values(cluster, object, keys))


def keys_list(cluster: Cluster, _: Progress, object: str, prefix: str) -> dict[str, str]:
    """Return all keys with a prefix, and their values."""
    return _decode_values(read_omap_by_prefix(cluster, object, prefix))


def keys_write(cluster: Cluster, _: Progress, object: str, put: dict[str, str], drop: list[str]) -> None:
    """Set keys and remove others, in one atomic operation."""
    with rados.WriteOpCtx() as operation:
        if put:
            cluster.io.set_omap(operation, tuple(put), tuple(value.encode() for value in put.values()))
        if drop:
            cluster.io.remove_omap_keys(operation, tuple(drop))
        try:
            cluster.io.operate_write_op(operation, object)
        except rados.ObjectNotFound:
            if put:
                raise


def read_omap_values(cluster: Cluster, name: str, keys: Iterable[str]) -> dict[str, bytes]:
    """Return the values of those keys of an object that exist."""
    with rados.ReadOpCtx() as operation:
        pairs, _code = cluster.io.get_omap_vals_by_keys(operation, tuple(keys))
        return _execute_omap_read(cluster, operation, name, pairs)


def read_omap_by_prefix(cluster: Cluster, name: str, prefix: str) -> dict[str, bytes]:
    """Return all keys of an object with a prefix, and their values."""
    everything: dict[str, bytes] = {}
    after = ""
    while True:
        with rados.ReadOpCtx() as operation:
            pairs, _code = cluster.io.get_omap_vals(operation, after, prefix, _PAGE)
            page = _execute_omap_read(cluster, operation, name, pairs)
        everything.update(page)
        if len(page) < _PAGE:
            return everything
        after = max(page)


def _execute_omap_read(cluster: Cluster, operation: object, name: str, pairs: object) -> dict[str, bytes]:
    try:
        cluster.io.operate_read_op(operation, name)
    except rados.ObjectNotFound:
        return {}
    return {key: value or b"" for key, value in pairs}  # type: ignore[attr-defined]


def _decode_values(values: dict[str, bytes]) -> dict[str, str]:
    return {key: value.decode() for key, value in values.items()}


def session_open(cluster: Cluster, progress: Progress, object: str, session: str) -> bool:
    """Add this client to a session and blocklist its earlier ones. Returns: whether the session is fenced."""
    own = cluster.rados.get_addrs()
    prefix = f"address/{quote(session, safe='')}/"
    keys_write(cluster, progress, object, {prefix + own: ""}, [])
    mark = _fenced_key(session)
    if mark in keys_read(cluster, progress, object, [mark]):
        return True
    earlier = [key for key in keys_list(cluster, progress, object, prefix) if key != prefix + own]
    if earlier:
        # These clients are dead, but their operations may still be in flight.
        cluster.blocklist([key[len(prefix) :] for key in earlier], BLOCKLIST_S)
        keys_write(cluster, progress, object, {}, earlier)
    return False


def session_fence(cluster: Cluster, progress: Progress, object: str, session: str) -> None:
    """Shut out a session permanently, whether or not it was opened."""
    keys_write(cluster, progress, object, {_fenced_key(session): ""}, [])
    prefix = f"address/{quote(session, safe='')}/"
    addresses = keys_list(cluster, progress, object, prefix)
    cluster.blocklist([key[len(prefix) :] for key in addresses], BLOCKLIST_S)
    keys_write(cluster, progress, object, {}, list(addresses))


def _fenced_key(session: str) -> str:
    return f"fenced/{quote(session, safe='')}"
