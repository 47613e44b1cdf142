"""Where daemons serve NBD: on unix sockets, or over TCP, with TLS on any address that is not loopback.

A daemon has one NBD server (QEMU allows no second), so a backend uses either sockets or TCP. Over
TCP every home has a port of its own, recorded in its manifest, so that clients can reconnect after
any restart. With TLS both sides present a certificate; so does cgflow when it reads an export
itself.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oslo_config import cfg

from cgflow.errors import ConfigError, FinalDriverError

PORTS = "10809-11808"

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        "nbd_address",
        help="Numeric address on which volumes are served over TCP. Unset: volumes are served on unix "
        "sockets, to this host only. A change restarts the storage daemons, which disconnects clients.",
    ),
    cfg.StrOpt(
        "nbd_host",
        help="Name or address under which clients reach nbd_address. The server's certificate must contain "
        "it, and this host must resolve it. Unset: nbd_address.",
    ),
    cfg.StrOpt(
        "nbd_ports",
        default=PORTS,
        help="Range of TCP ports, as FIRST-LAST. Each consistency group, and each volume outside any group, "
        "takes one port. The ranges of the backends of one host must not overlap.",
    ),
    cfg.StrOpt(
        "nbd_tls_dir",
        help="Directory with ca-cert.pem, server-cert.pem and server-key.pem, and with client-cert.pem and "
        "client-key.pem, which cgflow presents when it reads an export. Clients must present a "
        "certificate of that CA. Required for an nbd_address that is not loopback. Read when a storage "
        "daemon starts.",
    ),
]
_FILES = ("ca-cert.pem", "server-cert.pem", "server-key.pem", "client-cert.pem", "client-key.pem")


class TcpEndpoint:
    """The TCP side of a backend: the port of each home, and the arguments for QEMU's programs."""

    def __init__(self, address: str, host: str, ports: range, tls_dir: Path | None) -> None:
        self._address = address
        self.host = host
        self._ports = ports
        self.tls_dir = tls_dir
        self._lock = threading.Lock()
        self._assigned_ports: dict[str, int] = {}

    def record_port(self, home_id: str, port: int) -> None:
        """Record that a home has a port."""
        with self._lock:
            self._assigned_ports[home_id] = port

    def release_port(self, home_id: str) -> None:
        """Release the port of a home."""
        with self._lock:
            self._assigned_ports.pop(home_id, None)

    def assign_port(self, home_id: str) -> int:
        """Assign a free port to a home. Raises: FinalDriverError, if none is left."""
        with self._lock:
            others = {port for key, port in self._assigned_ports.items() if key != home_id}
            for port in self._ports:
                if port not in others and self._is_port_free(port):
                    self._assigned_ports[home_id] = port
                    return port
        raise FinalDriverError(
            f"no port of nbd_ports ({self._ports.start}-{self._ports.stop - 1}) is free: extend the range"
        )

    def nbd_server_arguments(self, port: int) -> list[str]:
        """Return the arguments that make qemu-storage-daemon serve on a port."""
        serve = f"addr.type=inet,addr.host={self._address},addr.port={port},max-connections=0"
        if self.tls_dir is None:
            return ["--nbd-server", serve]
        credentials = (
            f"tls-creds-x509,id=tls,endpoint=server,verify-peer=on,dir={escape_commas(self.tls_dir)}"
        )
        return ["--object", credentials, "--nbd-server", f"{serve},tls-creds=tls"]

    def uri(self, port: int, export: str) -> str:
        """Return the NBD URI of an export for a client."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"nbd{'' if self.tls_dir is None else 's'}://{host}:{port}/{export}"

    def nbdfuse_arguments(self, port: int, export: str) -> list[str]:
        """Return the arguments with which ``nbdfuse`` finds an export."""
        if self.tls_dir is None:
            return [self.uri(port, export)]
        # nbdfuse takes no certificates, so it runs qemu-nbd as a subprocess, which speaks TLS and ends with
        # it.
        return ["[", "qemu-nbd", *self.image_options(port, export), "]"]

    def image_options(self, port: int, export: str) -> list[str]:
        """Return the arguments with which ``qemu-img`` reads an export."""
        where = f"file.server.type=inet,file.server.host={self.host},file.server.port={port}"
        image = f"driver=raw,file.driver=nbd,{where},file.export={export}"
        if self.tls_dir is None:
            return ["--image-opts", image]
        credentials = f"tls-creds-x509,id=tls,endpoint=client,dir={escape_commas(self.tls_dir)}"
        return ["--object", credentials, "--image-opts", f"{image},file.tls-creds=tls"]

    def _is_port_free(self, port: int) -> bool:
        family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        with socket.socket(family) as probe:
            # As the daemon does, so that lingering connections of an earlier daemon do not matter.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self._address, port))
            except OSError:
                return False
        return True


def from_options(options: Mapping[str, Any]) -> TcpEndpoint | None:
    """Return the configured TCP endpoint, or None for unix sockets.

    Raises: ConfigError, naming the option.
    """
    address, tls_dir = options.get("nbd_address"), options.get("nbd_tls_dir")
    if not address:
        without = [name for name in ("nbd_host", "nbd_tls_dir") if options.get(name)]
        if without:
            raise ConfigError(f"{without[0]} has an effect only with nbd_address: set nbd_address too")
        return None
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        raise ConfigError(f"nbd_address must be a numeric address, not {address!r}") from None
    if not found.is_loopback and not tls_dir:
        raise ConfigError(
            f"nbd_address {found} is refused without TLS, because anybody who reaches the port could read "
            "and write the volumes: set nbd_tls_dir, or a loopback nbd_address"
        )
    host = options.get("nbd_host") or str(found)
    if found.is_unspecified and not options.get("nbd_host"):
        raise ConfigError(
            f"nbd_address {found} means every address of this host: set nbd_host to the one that clients use"
        )
    if not re.fullmatch(r"[A-Za-z0-9.:_-]+", host):
        raise ConfigError(f"nbd_host must be a name or an address, not {host!r}")
    ports = _parse_port_range(options.get("nbd_ports", PORTS))
    return TcpEndpoint(str(found), host, ports, _verified_certificate_folder(tls_dir) if tls_dir else None)


def escape_commas(value: object) -> str:
    """Double the commas, which separate options on QEMU's command lines."""
    return str(value).replace(",", ",,")


def _parse_port_range(text: str) -> range:
    match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text)
    first, last = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= first <= last <= 65535:
        raise ConfigError(f"nbd_ports must be FIRST-LAST, such as 10809-11808, not {text!r}")
    return range(first, last + 1)


def _verified_certificate_folder(folder: str) -> Path:
    path = Path(folder).absolute()
    missing = [name for name in _FILES if not (path / name).is_file()]
    if missing:
        raise ConfigError(f"nbd_tls_dir {path} lacks {', '.join(missing)}: add these files")
    return path
