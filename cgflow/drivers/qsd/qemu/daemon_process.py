"""The lifecycle of one ``qemu-storage-daemon``: started, found again, ended, and known to be dead.

A daemon outlives the process that started it. It inherits a locked descriptor of a file in its home
and holds it until it ends, for whatever reason. So whether a daemon is running is known without any
record, and a reused pid cannot mislead. Its pid is read from the socket that it listens on. No
daemon is ever found or killed by name.
"""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cgflow.drivers.qsd.model.records import DaemonRecord
from cgflow.drivers.qsd.qemu.nbd_endpoint import escape_commas
from cgflow.drivers.qsd.qemu.qmp_client import DaemonLost, DaemonSilent, QmpClient
from cgflow.errors import BusyDriverError, ConfigError

START_DEADLINE = 60.0
"""Seconds for a daemon to start: on a loaded host that takes many. A daemon that ends is noticed at once."""

START_PATIENCE = 10.0
"""Seconds for which a new daemon may listen without an answer before the connection is tried again."""

ADOPT_PATIENCE = 10.0
"""Seconds for a daemon that is being adopted to answer."""

QUIT_DEADLINE = 15.0
_LOCK = "daemon.lock"
_LOG = "daemon.log"
_PID = "daemon.pid"
_SOCKET_PATH_LIMIT = 107
_INHERITED = 3
_CONTROL, _CONTROL_END = "socket,id=control,path=", ",server=on,wait=off"


FileId = tuple[int, int]
"""Device and inode: the identity of a file, whatever its name."""


@dataclass(frozen=True)
class Sockets:
    """The sockets that a daemon listens on. The paths survive restarts, so that clients can reconnect."""

    qmp: Path
    nbd: Path

    def nbd_server_arguments(self) -> list[str]:
        """Return the arguments that make qemu-storage-daemon serve NBD on the socket."""
        # With the default of max-connections, the 101st client hangs for ever.
        return ["--nbd-server", f"addr.type=unix,addr.path={escape_commas(self.nbd)},max-connections=0"]

    def verify_path_lengths(self) -> None:
        """Raises: ConfigError, if the paths are longer than the system allows."""
        longest = max(len(os.fsencode(self.qmp)), len(os.fsencode(self.nbd)))
        if longest > _SOCKET_PATH_LIMIT:
            raise ConfigError(
                f"the socket path {self.nbd} has {longest} bytes and the system allows {_SOCKET_PATH_LIMIT}; "
                f"use a state directory whose name is {longest - _SOCKET_PATH_LIMIT} bytes shorter"
            )


class DaemonHung(BusyDriverError):
    """There is a daemon that listens but does not answer: it is stopped or stuck."""


class Daemon:
    """A running daemon and the connection to it."""

    def __init__(self, folder: Path, client: QmpClient) -> None:
        self._folder = folder
        self.client = client
        self.record = DaemonRecord(client.pid, start_time(client.pid) or 0)

    @property
    def is_alive(self) -> bool:
        """Whether the connection is open."""
        return self.client.is_alive

    def disconnect(self) -> None:
        """Close the connection; the daemon continues."""
        self.client.close()

    def quit(self) -> None:
        """End the daemon and return when it has ended. Kills it if it does not end in time.

        Raises: BusyDriverError, if even that does not end it (stuck in the kernel).
        """
        # The daemon may have ended already, or be unresponsive: ``await_end_or_kill`` handles both.
        with suppress(DaemonLost):
            self.client.execute("quit", deadline=QUIT_DEADLINE)
        self.client.close()
        await_end_or_kill(self._folder, self.record)


def spawn(
    program: str, folder: Path, sockets: Sockets, server: Sequence[str], on_lost: Callable[[], None]
) -> Daemon:
    """Start a daemon that exports nothing yet, with the NBD server of these arguments. None may be running.

    Raises: BusyDriverError with the end of its log, if it does not start.
    """
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        arguments = [
            program,
            "--chardev", f"{_CONTROL}{escape_commas(sockets.qmp)}{_CONTROL_END}",
            "--monitor", "chardev=control",
            "--pidfile", str(folder / _PID),
            *server,
        ]  # fmt: skip
        log = str(folder / _LOG)
        pid = os.posix_spawnp(
            program,
            arguments,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, lock, _INHERITED),
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            # The daemon does not inherit this process's signal settings.
            setsigmask=(),
            setsigdef=(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE),
        )
    except BlockingIOError as error:
        raise BusyDriverError(f"another qemu-storage-daemon serves {folder} already") from error
    except OSError as error:
        raise BusyDriverError(f"{program} could not be started for {folder}: {error}") from error
    finally:
        os.close(lock)
    try:
        daemon = _connect_with_retry(folder, sockets, on_lost)
    except DaemonLost as error:
        reap(pid)
        raise BusyDriverError(
            f"{program} did not start for {folder}: {_last_log_lines(folder / _LOG)}"
        ) from error
    _raise_open_file_limit(daemon.record.pid)
    return daemon


def connect_if_running(folder: Path, sockets: Sockets, on_lost: Callable[[], None]) -> Daemon | None:
    """Return the daemon that serves a folder, whichever process started it, or None if there is none.

    Raises: DaemonHung, if it listens but does not answer; BusyDriverError, if it cannot be reached.
    """
    if not is_running(folder):
        return None
    try:
        return _connect_with_retry(folder, sockets, on_lost, ADOPT_PATIENCE)
    except DaemonSilent as error:
        raise DaemonHung(
            f"the qemu-storage-daemon of {folder} runs and does not answer: {error.message}"
        ) from error
    except DaemonLost as error:
        if not is_running(folder):
            return None
        raise BusyDriverError(
            f"the qemu-storage-daemon of {folder} runs but does not answer at {sockets.qmp}: {error.message}"
        ) from error


def is_running(folder: Path) -> bool:
    """Return whether a daemon of this folder is running, answering or not."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def terminate(record: DaemonRecord) -> None:
    """Send SIGTERM to a daemon to which there is no connection; ``await_end_or_kill`` waits for its end."""
    try:
        handle = os.pidfd_open(record.pid)
    except ProcessLookupError:
        return
    try:
        if start_time(record.pid) == record.start_time:
            signal.pidfd_send_signal(handle, signal.SIGTERM)
    finally:
        os.close(handle)


def command_line(pid: int) -> list[str]:
    """Return the command line of a process; empty if there is no such process."""
    try:
        return [os.fsdecode(word) for word in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]
    except (FileNotFoundError, ProcessLookupError):
        return []


def open_files(pid: int) -> frozenset[FileId] | None:
    """Return the files that a process has open, or None if the system does not say."""
    file_ids: set[FileId] = set()
    try:
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with suppress(FileNotFoundError):
                file = os.stat(f"/proc/{pid}/fd/{descriptor}")
                file_ids.add((file.st_dev, file.st_ino))
    except OSError:
        return None
    return frozenset(file_ids)


def await_end_or_kill(folder: Path, record: DaemonRecord, patience: float = QUIT_DEADLINE) -> None:
    """Wait until a daemon that was asked to end has ended; kill it if it has not in time.

    Raises: BusyDriverError, if it cannot be killed.
    """
    try:
        handle = os.pidfd_open(record.pid)
    except ProcessLookupError:
        return
    try:
        if start_time(record.pid) == record.start_time and not _wait_for_exit(handle, patience):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            if not _wait_for_exit(handle, patience):
                raise BusyDriverError(
                    f"the qemu-storage-daemon of {folder} (pid {record.pid}) cannot be ended"
                )
    finally:
        os.close(handle)
    reap(record.pid)


def start_time(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot, or None if there is none or it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(rest[18])


def parse_control_socket(word: str) -> Path | None:
    """Return the QMP socket that an argument of a daemon's command line names, or None."""
    if not (word.startswith(_CONTROL) and word.endswith(_CONTROL_END)):
        return None
    return Path(word.removeprefix(_CONTROL).removesuffix(_CONTROL_END).replace(",,", ","))


def is_daemon_file(name: str) -> bool:
    """Return whether a file of a home belongs to the daemon's lifecycle and holds no data."""
    return name in (_LOCK, _LOG, _PID)


def _connect_with_retry(
    folder: Path, sockets: Sockets, on_lost: Callable[[], None], patience: float | None = None
) -> Daemon:
    """Connect to a daemon that may still be starting: its socket is the only sign that it is ready.

    Raises: DaemonSilent, if ``patience`` is given and it listens for so many seconds without an answer;
    DaemonLost.
    """
    end = time.monotonic() + START_DEADLINE
    while True:
        try:
            return Daemon(folder, QmpClient(sockets.qmp, on_lost, patience or START_PATIENCE))
        except DaemonLost as error:
            if isinstance(error, DaemonSilent) and patience is not None:
                raise
            if time.monotonic() > end or not is_running(folder):
                raise
            time.sleep(0.003)


def _wait_for_exit(handle: int, patience: float) -> bool:
    """Wait for the end of the process of a pidfd; return whether it has ended in time."""
    return bool(select.select([handle], [], [], patience)[0])


def reap(pid: int) -> None:
    """Reap a daemon that this process started, if it has ended."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        # An earlier process started it, so it is not a child of this one.
        return


def _raise_open_file_limit(pid: int) -> None:
    """Raise the limit of open files: a daemon needs one for each layer and each client."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
    except ProcessLookupError as error:
        raise BusyDriverError(f"qemu-storage-daemon (pid {pid}) ended right after its start") from error


def _last_log_lines(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return "; ".join(lines[-3:]) or f"{log} is empty"
