"""The home that a volume or snapshot is in, and the NBD addresses of its exports."""

from __future__ import annotations

from urllib.parse import quote

from cgflow.drivers.contract import JSON, Connection, SnapshotSpec, VolumeSpec
from cgflow.drivers.qsd.home.home import Home
from cgflow.drivers.qsd.qemu.nbd_endpoint import TcpEndpoint
from cgflow.errors import FinalDriverError

GIB = 1024**3


def home_id_of(thing: VolumeSpec | SnapshotSpec) -> str:
    """Return the id of the home of a volume or snapshot: its group, or the volume itself."""
    volume_id = thing.volume_id if isinstance(thing, SnapshotSpec) else thing.id
    return thing.group_id or volume_id


def nbdfuse_source(home: Home, export: str) -> list[str]:
    """Return the arguments with which ``nbdfuse`` finds an export."""
    tcp, port = _tcp(home)
    return [_unix_uri(home, export)] if tcp is None else tcp.file_source(port, export)


def qemu_img_source(home: Home, export: str) -> list[str]:
    """Return the arguments with which ``qemu-img`` reads an export."""
    tcp, port = _tcp(home)
    return ["-f", "raw", _unix_uri(home, export)] if tcp is None else tcp.image(port, export)


def nbd(home: Home, export: str, size_bytes: object, *, read_only: bool) -> Connection:
    """Return the address of an export."""
    tcp, port = _tcp(home)
    where: JSON
    if tcp is None:
        where = {"uri": _unix_uri(home, export), "socket": str(home.sockets.nbd)}
    else:
        is_tls = tcp.tls_dir is not None
        where = {"uri": tcp.uri(port, export), "host": tcp.host, "port": port, "tls": is_tls}
    facts: JSON = {"export": export, "read_only": read_only, "size_bytes": size_bytes}
    return Connection(protocol="nbd", data={**where, **facts})


def _tcp(home: Home) -> tuple[TcpEndpoint | None, int]:
    """Return the TCP endpoint and the port of a home. Raises: FinalDriverError, if it has no port yet."""
    tcp, port = home.config.tcp, home.manifest.nbd_port
    if tcp is not None and port is None:
        raise FinalDriverError(f"{home.id} is not served yet")
    return tcp, port or 0


def _unix_uri(home: Home, export: str) -> str:
    return f"nbd+unix:///{export}?socket={quote(str(home.sockets.nbd))}"
