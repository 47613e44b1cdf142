"""Exports as files of the host, each by a ``nbdfuse`` of its own.

QEMU could mount its exports itself, but its FUSE server (as of 7.2) mixes
parallel writes up: of 2400 that reached it through a loop device, 690 came back
wrong. ``nbdfuse`` is an ordinary client of the export: the daemon knows nothing
of files, a file in use keeps its volume from being resized or moved as any
client does, and one that loses its daemon fails for good, so that nobody goes
on over writes that the daemon had not made durable.

That a file is wanted is told by its mount point alone, an empty file that is
there before the mount and after it. Whoever comes next finds it, and the
process by the pid that it wrote down, which counts only if the command line of
that process names the mount point.
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
"""Seconds for a file to appear, and to go."""

_MOUNTS = Path("/proc/self/mountinfo")
_CONFIG = Path("/etc/fuse.conf")
_WRITTEN = (("\\", r"\134"), (" ", r"\040"), ("\t", r"\011"), ("\n", r"\012"))
"""How the list of mounts has what would be taken for its own punctuation."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class NbdfuseMounts:
    """The files of a driver: their mount points in one folder, what their processes leave in another."""

    def __init__(self, folder: Path, run: Path, trace: Callable[[str], None] = lambda _: None) -> None:
        """``trace`` is told of each point at which a crash would leave something else behind."""
        self._folder = folder
        self._run = run
        self._trace = trace
        self._lock = threading.RLock()

    def path(self, name: str) -> Path:
        """Return where the file of an export is or would be. Raises: FinalDriverError, for a bad name."""
        if not _NAME.fullmatch(name):
            raise FinalDriverError(f"{name!r} cannot be the name of a file")
        # By its real name, as the kernel lists it; the file itself is not looked at.
        return Path(os.path.realpath(self._folder)) / name

    def wanted(self) -> set[str]:
        """Return the exports that are to be files, served now or not."""
        # A listing asks nothing of whoever serves the files.
        return set(os.listdir(self._folder)) if self._folder.exists() else set()

    def is_served(self, name: str) -> bool:
        """Whether the file is there and somebody answers for it."""
        return self.process(name) is not None and self._is_mounted(name)

    def serve(self, name: str, source: Sequence[str], *, read_only: bool) -> Path:
        """Make an export a file, unless it is; return when it can be opened.

        ``source`` are the words by which the program finds the export.

        Raises: FinalDriverError, if this host has no such files; BusyDriverError,
        if it does not become one now: then it is wanted as much as it was before.
        """
        path = self.path(name)
        with self._lock:
            if self.is_served(name):
                return path
            _require()
            self._end(name)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            was_wanted = name in self.wanted()
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
        """Take a file away that nobody holds open. None is success. Raises: BusyDriverError."""
        with self._lock:
            if self.is_served(name):
                done = self._unmount(name)
                if done.returncode != 0:
                    raise BusyDriverError(
                        f"{self.path(name)} cannot be taken away while it is open "
                        f"(unmount it, detach its loop device): {done.stderr.strip()}"
                    )
                self._trace("file:after-unmount")
            self.remove(name)

    def remove(self, name: str) -> None:
        """Take a file away, whoever holds it open; none is success. Raises: BusyDriverError."""
        with self._lock:
            if name in self.wanted():
                self._end(name)
                self.path(name).unlink(missing_ok=True)
                self._trace("file:after-unlink")

    def end(self, name: str) -> None:
        """End who serves a file, which stays wanted: whoever holds it open gets errors from now on.

        Raises: BusyDriverError, if it cannot be ended.
        """
        with self._lock:
            if name in self.wanted():
                self._end(name)

    def _spawn(self, name: str, source: Sequence[str], *, read_only: bool) -> None:
        log = self._note(name, "log")
        command = [PROGRAM]
        command += ["-r"] if read_only else []
        command += ["-o", "allow_other"] if _may_share() else []
        with _MOUNTS.open() as mounts:
            pid = os.posix_spawnp(
                PROGRAM,
                [*command, str(self.path(name)), *source],
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
                # The kernel tells of each change of the mounts.
                watch.register(mounts, select.POLLPRI)
                end = time.monotonic() + DEADLINE
                while not self._is_mounted(name):
                    changed = watch.poll(max(0.0, end - time.monotonic()) * 1000)
                    if not changed or any(descriptor == handle for descriptor, _ in changed):
                        signal.pidfd_send_signal(handle, signal.SIGKILL)
                        os.waitpid(pid, 0)
                        said = log.read_text(errors="replace").strip() or "it left no message"
                        raise BusyDriverError(f"{PROGRAM} made no file of {name}: {said}")
            finally:
                os.close(handle)
        self._trace("file:after-mount")
        self._note(name, "pid").write_text(f"{pid}\n")
        self._trace("file:after-pid")

    def _end(self, name: str) -> None:
        """End the process, and clear away a mount that nobody answers for."""
        pid = self.process(name)
        if pid is not None:
            self._kill(name, pid)
            self._trace("file:after-kill")
        for _ in range(self._count_mounts(name)):
            self._unmount(name, "-z")
        if self._is_mounted(name):
            raise BusyDriverError(f"{self.path(name)} cannot be unmounted")
        for note in ("pid", "log"):
            self._note(name, note).unlink(missing_ok=True)
        self._trace("file:after-end")

    def _kill(self, name: str, pid: int) -> None:
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            try:
                for number in (signal.SIGTERM, signal.SIGKILL):
                    # Only what was looked at before and after is surely meant.
                    if self.process(name) != pid:
                        break
                    signal.pidfd_send_signal(handle, number)
                    if select.select([handle], [], [], DEADLINE)[0]:
                        break
                else:
                    raise BusyDriverError(f"{PROGRAM} of {self.path(name)} (pid {pid}) cannot be ended")
            finally:
                os.close(handle)
        reap(pid)

    def process(self, name: str) -> int | None:
        """Return the pid of the process that serves a file, or None if there is none."""
        try:
            pid = int(self._note(name, "pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        is_ours = os.fsencode(self.path(name)) in command
        return pid if is_ours and start_time(pid) is not None else None

    def _is_mounted(self, name: str) -> bool:
        return self._count_mounts(name) > 0

    def _count_mounts(self, name: str) -> int:
        # Looked up in a list: to look at the file itself would wait for whoever serves it.
        target = str(self.path(name))
        for special, written in _WRITTEN:
            target = target.replace(special, written)
        return sum(line.split()[4] == target for line in _MOUNTS.read_text().splitlines())

    def _unmount(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = [UNMOUNT, "-u", *options, str(self.path(name))]
        try:
            return subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE)  # noqa: S603
        except subprocess.TimeoutExpired as error:
            raise BusyDriverError(f"{self.path(name)} does not let itself be unmounted: {error}") from error

    def _note(self, name: str, kind: str) -> Path:
        return self._run / f"{self.path(name).name}.{kind}"


def _require() -> None:
    """Raises: FinalDriverError, if this host cannot have such files, with what to do."""
    for program, package in ((PROGRAM, "libnbd-bin"), (UNMOUNT, "fuse3")):
        if shutil.which(program) is None:
            raise FinalDriverError(
                f"nothing can be a file on this host, for {program} is missing: "
                f"install it with 'apt-get install {package}'"
            )
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        raise FinalDriverError(
            f"nothing can be a file on this host, for {DEVICE} cannot be used: try 'modprobe fuse'"
        )


def _may_share() -> bool:
    """Whether others than our own user, root among them, may be let in to what we mount."""
    if os.geteuid() == 0:
        return False
    lines = _CONFIG.read_text().splitlines() if _CONFIG.exists() else []
    return "user_allow_other" in (line.strip() for line in lines)
