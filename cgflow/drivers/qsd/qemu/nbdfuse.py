"""Exports served as files of the host, each by a ``nbdfuse`` process of its own.

QEMU can mount its exports itself, but its FUSE server (as of 7.2) mixes parallel writes up: of 2400
that reached it through a loop device, 690 came back wrong. ``nbdfuse`` is an ordinary client of the
export. So the daemon does not know of files, a file in use prevents resizing and moving its volume
as any client does, and a file whose daemon has died fails for good: no user continues over writes
that the daemon had not made durable.

The mount point alone records that a file is wanted. It is an empty file that exists before and
after the mount, so that a later process finds it. The process is found by the pid that was written
to a file; the pid counts only if the command line of that process names the mount point.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from cgflow.drivers.qsd.qemu.daemon_process import reap, start_time
from cgflow.errors import BusyDriverError, FinalDriverError

PROGRAM = "nbdfuse"
UNMOUNT = "fusermount3"
DEVICE = Path("/dev/fuse")
DEADLINE = 15.0
"""Seconds for a file to appear, and to disappear."""

_MOUNTS = Path("/proc/self/mountinfo")
_CONFIG = Path("/etc/fuse.conf")
_WRITTEN = (("\\", r"\134"), (" ", r"\040"), ("\t", r"\011"), ("\n", r"\012"))
"""How special characters of a path are escaped in the kernel's list of mounts."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class NbdfuseMounts:
    """The host files of a driver: mount points in ``folder``, logs and pid files in ``run``."""

    def __init__(self, folder: Path, run: Path, trace: Callable[[str], None] = lambda _: None) -> None:
        """``trace`` is called at each point at which a test may inject a crash."""
        self._folder = folder
        self._run = run
        self._trace = trace
        self._lock = threading.RLock()

    def file_path(self, name: str) -> Path:
        """Return the path of the file of an export. Raises: FinalDriverError, for a bad name."""
        if not _NAME.fullmatch(name):
            raise FinalDriverError(f"{name!r} cannot be the name of a file")
        # The folder's real path, as in the kernel's list; the file itself is not accessed.
        return Path(os.path.realpath(self._folder)) / name

    def wanted_exports(self) -> set[str]:
        """Return the exports that are to be files, whether they are served now or not."""
        # Listing the folder does not access the files, so it does not wait for their processes.
        return set(os.listdir(self._folder)) if self._folder.exists() else set()

    def is_served(self, name: str) -> bool:
        """Return whether the file is mounted and its process is running."""
        return self.pid_of(name) is not None and self._is_mounted(name)

    def serve(self, name: str, source: Sequence[str], *, read_only: bool) -> Path:
        """Make an export a file unless it is one; return its path when it can be opened.

        ``source`` are the arguments with which nbdfuse finds the export.

        Raises: FinalDriverError, if this host does not support such files; BusyDriverError, if the export
        cannot become a file now: then it is wanted or not, as it was before.
        """
        path = self.file_path(name)
        with self._lock:
            if self.is_served(name):
                return path
            _verify_host_support()
            self._end_process_and_unmount(name)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            was_wanted = name in self.wanted_exports()
            path.touch(mode=0o600)
            self._trace("file:after-wanted")
            try:
                self._spawn(name, source, read_only=read_only)
            except BusyDriverError:
                if not was_wanted:
                    self.remove(name)
                raise
        return path

    def withdraw(self, name: str) -> None:
        """Remove a file that is not open; success if there is none. Raises: BusyDriverError."""
        with self._lock:
            if self.is_served(name):
                done = self._unmount(name)
                if done.returncode != 0:
                    raise BusyDriverError(
                        f"{self.file_path(name)} cannot be withdrawn while it is open "
                        f"(unmount it, detach its loop device): {done.stderr.strip()}"
                    )
                self._trace("file:after-unmount")
            self.remove(name)

    def remove(self, name: str) -> None:
        """Remove a file even if it is open; success if there is none. Raises: BusyDriverError."""
        with self._lock:
            if name in self.wanted_exports():
                self._end_process_and_unmount(name)
                self.file_path(name).unlink(missing_ok=True)
                self._trace("file:after-unlink")

    def end_process(self, name: str) -> None:
        """End the process of a file, which stays wanted; users that have it open get errors from now on.

        Raises: BusyDriverError, if it cannot be ended.
        """
        with self._lock:
            if name in self.wanted_exports():
                self._end_process_and_unmount(name)

    def _spawn(self, name: str, source: Sequence[str], *, read_only: bool) -> None:
        log = self._run_file(name, "log")
        command = [PROGRAM]
        command += ["-r"] if read_only else []
        command += ["-o", "allow_other"] if _may_allow_other_users() else []
        with _MOUNTS.open() as mounts:
            pid = os.posix_spawnp(
                PROGRAM,
                [*command, str(self.file_path(name)), *source],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
                setsid=True,
                setsigmask=(),
                setsigdef=(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE),
            )
            self._trace("file:after-spawn")
            handle = os.pidfd_open(pid)
            try:
                watch = select.poll()
                watch.register(handle, select.POLLIN)
                # The kernel signals each change of the mounts.
                watch.register(mounts, select.POLLPRI)
                end = time.monotonic() + DEADLINE
                while not self._is_mounted(name):
                    changed = watch.poll(max(0.0, end - time.monotonic()) * 1000)
                    if not changed or any(descriptor == handle for descriptor, _ in changed):
                        signal.pidfd_send_signal(handle, signal.SIGKILL)
                        os.waitpid(pid, 0)
                        output = log.read_text(errors="replace").strip() or "it left no message"
                        raise BusyDriverError(f"{PROGRAM} did not serve {name} as a file: {output}")
            finally:
                os.close(handle)
        self._trace("file:after-mount")
        self._run_file(name, "pid").write_text(f"{pid}\n")
        self._trace("file:after-pid")

    def _end_process_and_unmount(self, name: str) -> None:
        """End the process, and unmount what it leaves."""
        pid = self.pid_of(name)
        if pid is not None:
            self._kill(name, pid)
            self._trace("file:after-kill")
        for _ in range(self._count_mounts(name)):
            self._unmount(name, "-z")
        if self._is_mounted(name):
            raise BusyDriverError(f"{self.file_path(name)} cannot be unmounted")
        for note in ("pid", "log"):
            self._run_file(name, note).unlink(missing_ok=True)
        self._trace("file:after-end")

    def _kill(self, name: str, pid: int) -> None:
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            try:
                for number in (signal.SIGTERM, signal.SIGKILL):
                    # Check again after the pidfd was opened, so that a reused pid is not signalled.
                    if self.pid_of(name) != pid:
                        break
                    signal.pidfd_send_signal(handle, number)
                    if select.select([handle], [], [], DEADLINE)[0]:
                        break
                else:
                    raise BusyDriverError(f"{PROGRAM} of {self.file_path(name)} (pid {pid}) cannot be ended")
            finally:
                os.close(handle)
        reap(pid)

    def pid_of(self, name: str) -> int | None:
        """Return the pid of the process that serves a file, or None if there is none."""
        try:
            pid = int(self._run_file(name, "pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        is_ours = os.fsencode(self.file_path(name)) in command
        return pid if is_ours and start_time(pid) is not None else None

    def _is_mounted(self, name: str) -> bool:
        return self._count_mounts(name) > 0

    def _count_mounts(self, name: str) -> int:
        # Use the list of mounts: accessing the file itself would wait for the process that serves it.
        target = str(self.file_path(name))
        for special, written in _WRITTEN:
            target = target.replace(special, written)
        return sum(line.split()[4] == target for line in _MOUNTS.read_text().splitlines())

    def _unmount(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = [UNMOUNT, "-u", *options, str(self.file_path(name))]
        try:
            return subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE)  # noqa: S603
        except subprocess.TimeoutExpired as error:
            raise BusyDriverError(f"{self.file_path(name)} cannot be unmounted: {error}") from error

    def _run_file(self, name: str, kind: str) -> Path:
        return self._run / f"{self.file_path(name).name}.{kind}"


def _verify_host_support() -> None:
    """Raises: FinalDriverError with advice, if this host does not support such files."""
    for program, package in ((PROGRAM, "libnbd-bin"), (UNMOUNT, "fuse3")):
        if shutil.which(program) is None:
            raise FinalDriverError(
                f"this host cannot serve files, because {program} is missing: "
                f"install it with 'apt-get install {package}'"
            )
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        raise FinalDriverError(
            f"this host cannot serve files, because {DEVICE} cannot be used: try 'modprobe fuse'"
        )


def _may_allow_other_users() -> bool:
    """Return whether other users, such as root, may access what this user mounts."""
    if os.geteuid() == 0:
        return False
    lines = _CONFIG.read_text().splitlines() if _CONFIG.exists() else []
    return "user_allow_other" in (line.strip() for line in lines)
