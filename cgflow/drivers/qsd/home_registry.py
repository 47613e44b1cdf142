"""The registry of a driver's homes: finds them at start, keeps them served, creates and removes them.

A daemon that dies while this process runs is noticed at once and restarted by a thread of its own.
After repeated deaths it is reported as a problem and restarted after a delay, or by the next call.
Operations on different homes run in parallel; ``_lock`` serialises only the creation and removal of
homes.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace

from cgflow.drivers.qsd.home.home import (
    Home,
    HomeConfig,
    create_home,
    error_message,
    is_incomplete_home,
    oserror_as_final_error,
    remove_home_folder,
)
from cgflow.drivers.qsd.home.manifest_file import ManifestUnreadable
from cgflow.drivers.qsd.home.problem_log import ProblemKind
from cgflow.drivers.qsd.home.state_dir import StateDir
from cgflow.drivers.qsd.operations import host_files, layer_access, merge, moves, stray_cleanup
from cgflow.drivers.qsd.operations.recovery import ensure_served, lock_and_recover
from cgflow.drivers.qsd.qemu.daemon_process import DaemonHung
from cgflow.drivers.qsd.qemu.qmp_client import DaemonLost
from cgflow.errors import AmbiguousDriverError, BusyDriverError, DriverError, FinalDriverError

LOG = logging.getLogger(__name__)

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_DEATHS_ALLOWED = 5
_DEATHS_WITHIN_S = 60.0
_OPENED_AT_ONCE = 32
_OPEN_DEADLINE_S = 30.0


class HomeRegistry:
    """The homes in a state directory."""

    def __init__(self, state: StateDir, config: HomeConfig) -> None:
        self._state = state
        self._config = config
        self._lock = threading.Lock()
        self._threads_lock = threading.Lock()
        self._homes: dict[str, Home] = {}
        self._unreadable: dict[str, str] = {}
        self._deaths: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_DEATHS_ALLOWED))
        self._threads: list[threading.Thread] = []
        self._startup_merges_done = threading.Event()
        self._is_started = False

    def start(self) -> None:
        """Find and serve every home; record a problem for each that cannot be read or served."""
        self._config = replace(self._config, stopping=threading.Event())
        self._startup_merges_done.clear()
        self._unreadable.clear()
        self._homes = {}
        folders = sorted(self._state.homes.iterdir())
        for folder in folders:
            self._load_home(folder.name)
        stray_cleanup.end_stray_daemons(
            self._state.run, {self._state.sockets(folder.name) for folder in folders}
        )
        self._is_started = True
        self._recover_moves_and_clones()
        self._open_all()
        self._remove_stray_host_files()
        self._start_thread(self._merge_hidden_layers_of_all, "qsd-sweep")
        watchdog = Watchdog(
            lambda: list(self._homes.values()), self._serve_unless_locked, self._config.stopping
        )
        self._start_thread(watchdog.run, "qsd-watchdog")

    def _open_all(self) -> None:
        """Open all homes in parallel, and continue in the background with those that take long.

        A home whose daemon does not answer has a problem from then on, and the watchdog retries it.
        """
        pool = ThreadPoolExecutor(max_workers=_OPENED_AT_ONCE, thread_name_prefix="qsd-start")
        opening = [pool.submit(self._serve_unless_stopped, home) for home in self._homes.values()]
        late = wait(opening, timeout=_OPEN_DEADLINE_S).not_done
        pool.shutdown(wait=False)
        if late:
            LOG.warning("%s of %s homes are opened in the background", len(late), len(opening))

    def stop(self) -> None:
        """Disconnect from all daemons; the daemons continue to serve."""
        self._is_started = False
        self._config.stopping.set()
        homes = list(self._homes.values())
        for home in homes:
            home.disconnect_from_daemon()
        # Running calls fail now, but one of them may just have connected to a new daemon: disconnect again.
        for home in homes:
            with home.lock:
                home.disconnect_from_daemon()
        with self._threads_lock:
            threads, self._threads = self._threads, []
        for thread in threads:
            thread.join()

    def await_startup_merges(self, seconds: float) -> bool:
        """Wait for the background work of ``start``; return False if it is not done within ``seconds``."""
        return self._startup_merges_done.wait(seconds)

    def all(self) -> list[Home]:
        """Return the homes that currently exist. Raises: FinalDriverError, before ``start``."""
        self._refuse_before_start()
        return list(self._homes.values())

    def find(self, home_id: str) -> Home | None:
        """Return a home, or None. Raises: FinalDriverError, if its manifest cannot be read."""
        self._refuse_before_start()
        if home_id in self._unreadable:
            raise FinalDriverError(self._unreadable[home_id])
        return self._homes.get(home_id)

    def get(self, home_id: str) -> Home:
        """Return a home. Raises: FinalDriverError, if there is none or its manifest cannot be read."""
        home = self.find(home_id)
        if home is None:
            raise FinalDriverError(f"there is no consistency group or volume {home_id} on this backend")
        return home

    def get_or_create(self, home_id: str, *, is_group: bool) -> Home:
        """Return a served home; create it if it does not exist. Raises: DriverError."""
        with self._lock:
            home = self.find(home_id)
            is_new = home is None
            if home is None:
                if not _ID.fullmatch(home_id):
                    raise FinalDriverError(f"{home_id!r} cannot be the name of a folder; nothing was made")
                with oserror_as_final_error(f"the folder of {home_id} could not be created"):
                    create_home(self._state.home_folder(home_id), is_group=is_group)
                self._config.trace("home:after-manifest")
                home = self._load_home(home_id)
        if home is None or home.manifest.is_group != is_group:
            raise FinalDriverError(f"{home_id} is in use by something else on this backend; nothing was made")
        try:
            with lock_and_recover(home):
                return home
        except FinalDriverError:
            if is_new:
                self.remove(home_id)
            raise

    def remove(self, home_id: str) -> None:
        """Remove a home without volumes; success if there is none.

        Raises: FinalDriverError, if it has volumes; DriverError.
        """
        home = self.find(home_id)
        if home is None:
            self._remove_incomplete_home(home_id)
            return
        with home.lock:
            if not home.manifest.is_vacant:
                present = home.manifest.volumes | home.manifest.leaving | home.manifest.arriving
                raise FinalDriverError(f"{home_id} has volumes: {', '.join(sorted(present))}")
            try:
                home.remove()
            except OSError as error:
                raise AmbiguousDriverError(
                    f"{home.folder} could not be removed: {error_message(error)}"
                ) from error
            with self._lock:
                self._homes.pop(home_id, None)

    def _remove_incomplete_home(self, home_id: str) -> None:
        """Remove the remains of a failed creation. Raises: AmbiguousDriverError."""
        folder = self._state.home_folder(home_id)
        if not _ID.fullmatch(home_id) or not folder.is_dir():
            return
        with self._lock:
            try:
                if home_id not in self._homes and is_incomplete_home(folder):
                    remove_home_folder(folder)
            except FileNotFoundError:
                return
            except OSError as error:
                raise AmbiguousDriverError(
                    f"{folder} could not be removed: {error_message(error)}"
                ) from error

    def problems(self, home_id: str | None) -> list[str]:
        """Return the problems of one home, or of all, as messages.

        Problems are unreadable manifests, volumes and files that are not served, and lost data.
        """
        found = [text for key, text in self._unreadable.items() if home_id in (None, key)]
        for home in self.all():
            if home_id in (None, home.id):
                found += [
                    *home.problems.messages(),
                    *host_files.unserved_file_problems(home),
                    *layer_access.lost_data_problems(home),
                ]
        if home_id is None:
            found += [
                f"the file {name} belongs to no export: unmount it" for name in self._stray_host_files()
            ]
        return sorted(found)

    def _load_home(self, home_id: str) -> Home | None:
        folder = self._state.home_folder(home_id)
        try:
            home = Home(
                folder,
                self._state.sockets(home_id),
                self._config,
                self._restart_daemon,
                self._recover_marked_home_in_background,
            )
        except FileNotFoundError:
            if is_incomplete_home(folder):
                remove_home_folder(folder)
            else:
                self._unreadable[home_id] = (
                    f"{folder} contains layers but no manifest: restore the manifest, or move the folder away"
                )
            return None
        except (ManifestUnreadable, NotADirectoryError) as error:
            self._unreadable[home_id] = str(error)
            return None
        self._homes[home_id] = home
        if self._config.tcp is not None and home.manifest.nbd_port is not None:
            self._config.tcp.record_port(home_id, home.manifest.nbd_port)
        return home

    def _recover_moves_and_clones(self) -> None:
        """Finish the moves and remove the partial clones of an earlier process, before any daemon starts."""
        for home in self._homes.values():
            try:
                home.remove_partial_clones()
                for volume_id, leaving in home.manifest.leaving.items():
                    moves.finish(home, self.get(leaving.to), volume_id)
            except (OSError, ValueError, DriverError) as error:
                message = f"a move out of {home.id} cannot be finished: {error_message(error)}"
                home.problems.set(ProblemKind.MOVE_UNFINISHED, message)
        coming = {key for home in self._homes.values() for key in home.manifest.leaving}
        for home in self._homes.values() if not self._unreadable else ():
            for volume_id in home.manifest.arriving.keys() - coming:
                try:
                    moves.release_reserved_layers(home, volume_id)
                except OSError as error:
                    home.problems.set(
                        ProblemKind.MOVE_UNFINISHED,
                        f"the layer numbers reserved for a move to {home.id} cannot be released: "
                        f"{error_message(error)}",
                    )

    def _remove_stray_host_files(self) -> None:
        for name in self._stray_host_files():
            # A file that cannot be removed is reported by ``problems``.
            with suppress(BusyDriverError):
                self._state.mounts.remove(name)

    def _stray_host_files(self) -> set[str]:
        """Return the host files whose export no longer exists; none while a manifest cannot be read."""
        if self._unreadable:
            return set()
        volumes = [volume for home in self.all() for volume in home.manifest.volumes_including_outgoing()]
        exports = {name for volume in volumes for name in (volume.id, *volume.exported)}
        return self._state.mounts.wanted_exports() - exports

    def _serve(self, home: Home) -> None:
        with home.lock:
            try:
                ensure_served(home)
            except DaemonHung:
                # ``ensure_served`` has recorded this problem as DAEMON_SILENT, and the watchdog retries.
                return
            except DriverError as error:
                home.problems.set(ProblemKind.NOT_SERVED, error.message)

    def _restart_daemon(self, home: Home) -> None:
        """Restart a daemon that ended unexpectedly. Called by the reader thread of its connection."""
        deaths = self._deaths[home.id]
        now = time.monotonic()
        if len(deaths) == _DEATHS_ALLOWED and now - deaths[0] < _DEATHS_WITHIN_S:
            home.problems.set(
                ProblemKind.NOT_SERVED,
                f"the qemu-storage-daemon of {home.id} died {_DEATHS_ALLOWED} times within a minute; "
                f"its log is in {home.folder}. It is restarted in {_DEATHS_WITHIN_S:.0f} s, or by a call",
            )
            self._start_thread(lambda: self._serve_after_delay(home), f"qsd-revive-{home.id}")
            return
        deaths.append(now)
        self._start_thread(lambda: self._serve_unless_stopped(home), f"qsd-revive-{home.id}")

    def _serve_after_delay(self, home: Home) -> None:
        if not self._config.stopping.wait(_DEATHS_WITHIN_S):
            self._serve_unless_stopped(home)

    def _recover_marked_home_in_background(self, home: Home) -> None:
        """Recover a home that an operation has marked, once the operation has released the lock."""
        self._start_thread(lambda: self._serve_unless_stopped(home), f"qsd-settle-{home.id}")

    def _serve_unless_locked(self, home: Home) -> None:
        """Serve a home in the background, unless its lock is held: every operation does so itself."""

        def serve_if_unlocked() -> None:
            if home.lock.acquire(blocking=False):
                try:
                    self._serve_unless_stopped(home)
                finally:
                    home.lock.release()

        self._start_thread(serve_if_unlocked, f"qsd-serve-{home.id}")

    def _serve_unless_stopped(self, home: Home) -> None:
        if not self._config.stopping.is_set() and not home.is_removed:
            self._serve(home)

    def _merge_hidden_layers_of_all(self) -> None:
        for home in self.all():
            for volume_id in list(home.manifest.volumes):
                if self._config.stopping.is_set():
                    return
                try:
                    self._merge_hidden_layers(home, volume_id)
                except DriverError as error:
                    # If the daemon does not answer, a later call on this home does the pending merges.
                    if not home.is_daemon_silent:
                        home.problems.set(ProblemKind.MERGE_FAILED, error.message, volume_id)
        self._startup_merges_done.set()

    def _merge_hidden_layers(self, home: Home, volume_id: str) -> None:
        for is_last in (False, True):
            try:
                with lock_and_recover(home):
                    if volume_id in home.manifest.volumes:
                        merge.merge_hidden_layers(home, volume_id)
            except DaemonLost:
                # The daemon died for another reason and has been restarted: try once more.
                if is_last or self._config.stopping.is_set():
                    raise
            else:
                return

    def _start_thread(self, work: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        with self._threads_lock:
            self._threads = [*(known for known in self._threads if known.is_alive()), thread]
            thread.start()

    def _refuse_before_start(self) -> None:
        if not self._is_started:
            raise FinalDriverError("the qsd driver has not been started")


INTERVAL_S = 2.0
PROBE_EVERY_S = 10.0
"""Seconds without traffic after which a daemon is sent a query."""

SILENCE_S = 8.0
"""Seconds for which a command may be unanswered. A cut of hundreds of volumes takes two on a slow disk."""


class Watchdog:
    """Checks every home at an interval. ``serve`` has a home adopted or recovered in the background."""

    def __init__(
        self, homes: Callable[[], Iterable[Home]], serve: Callable[[Home], None], stopping: threading.Event
    ) -> None:
        self._homes = homes
        self._serve = serve
        self._stopping = stopping

    def run(self) -> None:
        """Check all homes until the driver is stopped."""
        while not self._stopping.wait(INTERVAL_S):
            for home in self._homes():
                self.check_daemon(home)

    def check_daemon(self, home: Home) -> None:
        """Record or clear the problem that the daemon of a home does not answer."""
        if home.is_removed:
            return
        silent_s = home.probe_silence_s(PROBE_EVERY_S)
        if silent_s is None:
            # There is no connection, because the daemon did not answer when it was to be adopted.
            if home.is_daemon_silent:
                self._serve(home)
        elif silent_s > SILENCE_S:
            if not home.is_daemon_silent:
                home.record_silent_daemon()
        elif home.is_daemon_silent:
            home.problems.clear(ProblemKind.DAEMON_SILENT)
            self._serve(home)
