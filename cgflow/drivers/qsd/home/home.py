"""One home: the folder of a consistency group or of a volume outside any, with its manifest and daemon.

This is the state that the operations act on, and the actions that they share. One thread at a time
changes a home, under ``lock``. The manifest is an immutable record that is replaced, so that
readers need no lock and never wait for a long merge.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from cgflow import clock
from cgflow.drivers.common.fsync import fsync_folder
from cgflow.drivers.common.incidents import Incidents
from cgflow.drivers.contract import JSON, Connection, SnapshotSpec, VolumeSpec
from cgflow.drivers.qsd.home import manifest_file
from cgflow.drivers.qsd.home.problem_log import ProblemKind, ProblemLog
from cgflow.drivers.qsd.model.records import Manifest, VolumeRecord, file_name, layer_number
from cgflow.drivers.qsd.qemu import daemon_process
from cgflow.drivers.qsd.qemu.block_graph import BlockGraph
from cgflow.drivers.qsd.qemu.daemon_process import Daemon, FileId, Sockets
from cgflow.drivers.qsd.qemu.nbd_endpoint import TcpEndpoint
from cgflow.drivers.qsd.qemu.nbdfuse import NbdfuseMounts
from cgflow.errors import BusyDriverError, DriverError, FinalDriverError
from cgflow.private_files import FOLDER_MODE

GIB = 1024**3
PARTIAL_CLONES = "clone-*.part"

Trace = Callable[[str], None]


def ignore_trace_point(point: str) -> None:
    """Trace function that does nothing."""
    del point


@dataclass(frozen=True)
class HomeConfig:
    """What all homes of a driver share.

    ``trace`` is called with the name of each point at which a test may inject a crash. A chain longer
    than ``longest_chain`` is shortened in the background.
    """

    program: str
    mounts: NbdfuseMounts
    tcp: TcpEndpoint | None
    trace: Trace
    stopping: threading.Event
    longest_chain: int
    linked_clones: bool
    incidents: Incidents


class Home:
    """A home whose manifest can be read.

    ``clone_exports`` maps the exports through which this process makes clones to their layers; such
    exports of an earlier process are withdrawn when the home is recovered. ``intact_states`` maps each
    layer whose file was found intact to the file's state at that time. ``has_died`` says that the daemon
    has ended unexpectedly and no other has been started yet. ``on_lost`` is called by a reader thread
    when the daemon dies, ``on_recovery_needed`` by an operation that ends without knowing its effect.
    """

    def __init__(
        self,
        folder: Path,
        sockets: Sockets,
        config: HomeConfig,
        on_lost: Callable[[Home], None],
        on_recovery_needed: Callable[[Home], None],
    ) -> None:
        self.folder = folder
        self.sockets = sockets
        self.config = config
        self.lock = threading.RLock()
        self.manifest = manifest_file.read(folder)
        self.problems = ProblemLog()
        self.clone_exports: dict[str, int] = {}
        self.intact_states: dict[int, tuple[int | None, ...]] = {}
        self.needs_recovery = False
        self.is_removed = False
        self.has_died = False
        self._on_lost = on_lost
        self._on_recovery_needed = on_recovery_needed
        self._daemon: Daemon | None = None
        self._graph: BlockGraph | None = None

    @property
    def id(self) -> str:
        """The id of the consistency group, or of the volume outside any."""
        return self.manifest.home_id

    @property
    def graph(self) -> BlockGraph:
        """The block graph of the running daemon. Raises: FinalDriverError, if there is no daemon."""
        if self._graph is None:
            raise FinalDriverError(f"no qemu-storage-daemon serves {self.folder}")
        return self._graph

    @property
    def layers_being_cloned(self) -> set[int]:
        """The layers of which clones are being made."""
        return set(self.clone_exports.values())

    @property
    def is_served(self) -> bool:
        """Whether there is a daemon with an open connection."""
        return self._daemon is not None and self._daemon.is_alive

    def shared_layers(self, volume: VolumeRecord) -> set[int]:
        """Return the layers whose files have several names, because linked clones read them. Raises: OSError.

        The file system keeps the link count durably and changes it together with each name. A file with a
        single name is read by its home alone.
        """
        return {layer for layer in volume.backing_of if self.layer_path(layer).stat().st_nlink > 1}

    def refuse_write_to_shared_layer(self, layer: int) -> None:
        """Raises: FinalDriverError, if a linked clone reads a layer that is about to be written to."""
        if self.layer_path(layer).stat().st_nlink > 1:
            raise FinalDriverError(
                f"{self.layer_path(layer)} is shared with a linked clone and must not be written to"
            )

    def mark_recovery_needed(self) -> None:
        """Note that daemon and manifest may differ, and have the home recovered in the background."""
        self.needs_recovery = True
        self._on_recovery_needed(self)

    @property
    def is_daemon_silent(self) -> bool:
        """Whether the daemon is running but does not answer."""
        return self.problems.has(ProblemKind.DAEMON_SILENT)

    def record_silent_daemon(self) -> None:
        """Record the problem that the daemon is running but does not answer, with advice for the operator."""
        if not self.is_daemon_silent:
            record = self.manifest.daemon
            pid = "" if record is None else f" (pid {record.pid})"
            self.problems.set(
                ProblemKind.DAEMON_SILENT,
                f"the qemu-storage-daemon of {self.id}{pid} does not answer: its clients wait, and calls "
                "are refused until it answers. Check whether its disk answers, or whether it is stopped "
                "(then send it SIGCONT). If you kill it, it is restarted, and its clients must connect again",
            )

    def refuse_while_daemon_silent(self) -> None:
        """Raises: BusyDriverError, while the daemon is running but does not answer."""
        problem = self.problems.get(ProblemKind.DAEMON_SILENT)
        if problem is not None:
            raise BusyDriverError(problem)

    def probe_silence_s(self, probe_every_s: float) -> float | None:
        """Return the age in seconds of the daemon's oldest unanswered command; None without a connection."""
        daemon = self._daemon
        return None if daemon is None or not daemon.is_alive else daemon.client.probe_silence_s(probe_every_s)

    def trace(self, point: str) -> None:
        """Report to the trace function (of a test) that this point was reached."""
        self.config.trace(point)

    def layer_path(self, layer: int) -> Path:
        """Return the file of a layer."""
        return self.folder / file_name(layer)

    def save_manifest(self, changed: Manifest, *, releasing: bool = False) -> None:
        """Replace the manifest, durably. Raises: OSError, and nothing has changed."""
        manifest_file.write(self.folder, changed, releasing=releasing)
        self.manifest = changed

    def next_layer_number(self) -> int:
        """Return the number of the next layer, which the next manifest has to record."""
        return self.manifest.next_layer

    def adopt_running_daemon(self) -> bool:
        """Connect to the daemon that an earlier process started; return False if there is none.

        Raises: BusyDriverError, if there is one that does not answer.
        """
        found = daemon_process.connect_if_running(self.folder, self.sockets, self._notify_daemon_lost)
        if found is not None:
            self._use_daemon(found)
            self.graph.record_open_files(daemon_process.open_files(found.record.pid))
        return found is not None

    def has_file_open(self, layer: int, file: FileId) -> bool | None:
        """Return whether this is the file that the daemon has open for a layer; None if that is not known."""
        graph = self._graph
        return None if graph is None or not self.is_served else graph.has_file_open(layer, file)

    def start_daemon(self) -> None:
        """Start a daemon and record it in the manifest. Raises: DriverError, OSError."""
        daemon = daemon_process.spawn(
            self.config.program,
            self.folder,
            self.sockets,
            self._nbd_server_arguments(),
            self._notify_daemon_lost,
        )
        self._use_daemon(daemon)
        self.trace("daemon:after-spawn")
        self.record_daemon()

    @property
    def serves_at_configured_address(self) -> bool:
        """Whether the adopted daemon serves at the address that a new daemon would serve at."""
        if self._daemon is None:
            return True
        words, tcp, port = (
            daemon_process.command_line(self._daemon.record.pid),
            self.config.tcp,
            self.manifest.nbd_port,
        )
        if tcp is None:
            return not words or set(self.sockets.nbd_server_arguments()) <= set(words)
        return port is not None and set(tcp.nbd_server_arguments(port)) <= set(words)

    def _nbd_server_arguments(self) -> list[str]:
        tcp = self.config.tcp
        if tcp is None:
            return self.sockets.nbd_server_arguments()
        port = self.manifest.nbd_port
        if port is None or self.manifest.is_vacant:
            # No client has an address yet, so the port can still be chosen.
            port = tcp.assign_port(self.id)
            self.save_manifest(replace(self.manifest, nbd_port=port))
        return tcp.nbd_server_arguments(port)

    def record_daemon(self) -> None:
        """Record the adopted daemon in the manifest if it is not recorded there. Raises: OSError."""
        if self._daemon is not None and self.manifest.daemon != self._daemon.record:
            self.save_manifest(replace(self.manifest, daemon=self._daemon.record), releasing=True)

    def end_daemon(self) -> None:
        """End the daemon, if there is one, and wait for its end. Raises: BusyDriverError."""
        if self._daemon is not None:
            self._daemon.quit()
            self._daemon = self._graph = None

    def forget_daemon(self) -> None:
        """Close the connection and forget the daemon, dead or alive; ``adopt`` finds out which."""
        if self._daemon is not None:
            self._daemon.disconnect()
            daemon_process.reap(self._daemon.record.pid)
            self._daemon = self._graph = None

    def disconnect_from_daemon(self) -> None:
        """Close the connection; the daemon continues to serve."""
        if self._daemon is not None:
            self._daemon.disconnect()

    def connection(self, export: str, size_bytes: object, *, read_only: bool) -> Connection:
        """Return the NBD address of an export for clients."""
        tcp, port = self._tcp_endpoint_and_port()
        address: JSON
        if tcp is None:
            address = {"uri": self._unix_uri(export), "socket": str(self.sockets.nbd)}
        else:
            is_tls = tcp.tls_dir is not None
            address = {"uri": tcp.uri(port, export), "host": tcp.host, "port": port, "tls": is_tls}
        facts: JSON = {"export": export, "read_only": read_only, "size_bytes": size_bytes}
        return Connection(protocol="nbd", data={**address, **facts})

    def nbdfuse_arguments(self, export: str) -> list[str]:
        """Return the arguments with which ``nbdfuse`` finds an export."""
        tcp, port = self._tcp_endpoint_and_port()
        return [self._unix_uri(export)] if tcp is None else tcp.nbdfuse_arguments(port, export)

    def qemu_img_arguments(self, export: str) -> list[str]:
        """Return the arguments with which ``qemu-img`` reads an export."""
        tcp, port = self._tcp_endpoint_and_port()
        return ["-f", "raw", self._unix_uri(export)] if tcp is None else tcp.image_options(port, export)

    def _tcp_endpoint_and_port(self) -> tuple[TcpEndpoint | None, int]:
        """Return the TCP endpoint and the port. Raises: FinalDriverError, if the home has no port yet."""
        tcp, port = self.config.tcp, self.manifest.nbd_port
        if tcp is not None and port is None:
            raise FinalDriverError(f"{self.id} is not served yet")
        return tcp, port or 0

    def _unix_uri(self, export: str) -> str:
        return f"nbd+unix:///{export}?socket={quote(str(self.sockets.nbd))}"

    def remove_layer_files(self, *layers: int) -> None:
        """Remove the files of layers that the manifest no longer names. Raises: OSError."""
        for layer in layers:
            self.layer_path(layer).unlink(missing_ok=True)
            self.intact_states.pop(layer, None)
        fsync_folder(self.folder)

    def remove_stray_layer_files(self) -> None:
        """Remove the layer files that the manifest does not name, which a crash has left.

        Raises: OSError.
        """
        owned = self.manifest.layers_with_files()
        found = {layer_number(path.name) for path in self.folder.iterdir()}
        strays = sorted(layer for layer in found if layer is not None and layer not in owned)
        if strays:
            self.remove_layer_files(*strays)

    def new_partial_clone_path(self) -> Path:
        """Return a unique path for the file of a new clone."""
        return self.folder / PARTIAL_CLONES.replace("*", uuid4().hex)

    def remove_partial_clones(self) -> None:
        """Remove the unfinished clones of an earlier process. Raises: OSError."""
        for part in self.folder.glob(PARTIAL_CLONES):
            part.unlink()

    def remove(self) -> None:
        """End the daemon and remove the folder; may be repeated. Raises: BusyDriverError, OSError."""
        if not self.is_served:
            self.forget_daemon()
            self.adopt_running_daemon()
        self.end_daemon()
        self.trace("home:after-quit")
        self.is_removed = True
        if self.folder.exists():
            remove_home_folder(self.folder)
        self.sockets.qmp.unlink(missing_ok=True)
        self.sockets.nbd.unlink(missing_ok=True)
        if self.config.tcp is not None:
            self.config.tcp.release_port(self.id)

    def _use_daemon(self, found: Daemon) -> None:
        self._daemon = found
        self._graph = BlockGraph(found.client, self.folder)

    def _notify_daemon_lost(self) -> None:
        self._on_lost(self)


def home_id_of(spec: VolumeSpec | SnapshotSpec) -> str:
    """Return the id of the home of a volume or snapshot: its group, or the volume itself."""
    volume_id = spec.volume_id if isinstance(spec, SnapshotSpec) else spec.id
    return spec.group_id or volume_id


def create_home(folder: Path, *, is_group: bool) -> None:
    """Create the folder and the first manifest of a home. Raises: OSError, and nothing is left."""
    folder.mkdir(mode=FOLDER_MODE)
    try:
        manifest = Manifest(home_id=folder.name, is_group=is_group, created_at=str(clock.iso(clock.now())))
        manifest_file.write(folder, manifest)
        fsync_folder(folder.parent)
    except OSError:
        # No listing of the folder here: the failure may be that no file descriptor is free.
        for name in manifest_file.MANIFEST_FILES:
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()
        raise


def is_incomplete_home(folder: Path) -> bool:
    """Return whether a folder without a manifest is the remains of creating or removing a home."""
    names = [path.name for path in folder.iterdir()]
    return all(
        manifest_file.is_manifest_file(name)
        or daemon_process.is_daemon_file(name)
        or fnmatch(name, PARTIAL_CLONES)
        for name in names
    )


def remove_home_folder(folder: Path) -> None:
    """Remove a home's folder, and the manifest first: a folder without one is recognised as waste.

    Raises: OSError.
    """
    (folder / manifest_file.FILE).unlink(missing_ok=True)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    fsync_folder(folder.parent)


@contextmanager
def oserror_as_final_error(doing: str) -> Iterator[None]:
    """Turn an OSError of a write that has left nothing behind into a FinalDriverError with advice."""
    try:
        yield
    except OSError as error:
        raise FinalDriverError(f"{doing}: {error_message(error)}; nothing was made") from error


def error_message(error: Exception) -> str:
    """Return the message of an error for an operator."""
    if isinstance(error, DriverError):
        return error.message
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the storage is full ({error.strerror}): free space in the state directory, then retry"
    return str(error)
