"""Cleanup of what belongs to no home: stray daemons, sockets and files, leaked clusters.

Runs at every start. What surely belongs to this driver is removed, with a warning in the log;
anything else is reported as a problem and left alone.
"""

from __future__ import annotations

import json
import logging
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from cgflow.drivers.qsd.home import manifest_file
from cgflow.drivers.qsd.home.home import PARTIAL_CLONES, Home
from cgflow.drivers.qsd.home.problem_log import ProblemKind
from cgflow.drivers.qsd.model.records import DaemonRecord, VolumeRecord, layer_number
from cgflow.drivers.qsd.operations import layer_access
from cgflow.drivers.qsd.qemu import daemon_process
from cgflow.drivers.qsd.qemu.daemon_process import Sockets

LOG = logging.getLogger(__name__)

PROGRAM = "qemu-img"
BUDGET_S = 0.5
"""Seconds that clients wait at most for the repair of images after their daemon has died."""


def end_stray_daemons(run: Path, known: set[Sockets]) -> None:
    """End the daemons that listen in ``run`` for no home, and remove the sockets of no home.

    They are left when the folder of a home is removed while its daemon runs.

    Raises: BusyDriverError, if one cannot be ended; OSError.
    """
    ours = {path for sockets in known for path in (sockets.qmp, sockets.nbd)}
    for pid, socket in _find_daemons(run):
        began = daemon_process.start_time(pid)
        if socket not in ours and began is not None:
            LOG.warning("Ending qemu-storage-daemon %s at %s, which serves no home", pid, socket)
            record = DaemonRecord(pid, began)
            daemon_process.terminate(record)
            daemon_process.await_end_or_kill(run, record)
    for path in sorted((*run.glob("*.qmp"), *run.glob("*.nbd"))):
        if path not in ours:
            LOG.warning("Removing %s, which belongs to no home", path)
            path.unlink(missing_ok=True)


def report_unknown_files(home: Home) -> None:
    """Report the files in a home's folder that do not belong to it as a problem."""
    found = sorted(path.name for path in home.folder.iterdir() if not _is_known_file(path.name))
    home.problems.clear(ProblemKind.UNKNOWN_FILES)
    if found:
        home.problems.set(
            ProblemKind.UNKNOWN_FILES,
            f"{home.folder} holds {', '.join(found[:3])}, which belongs to no volume: move it away",
        )


def free_leaked_clusters(home: Home) -> None:
    """Free the clusters that a dead daemon had allocated and not used; no process has the files open.

    What is not done within ``BUDGET_S`` stays recorded for the next time: it costs some space and no
    data.

    Raises: OSError.
    """
    until = time.monotonic() + BUDGET_S
    for volume in list(home.manifest.volumes.values()):
        left = tuple(layer for layer in volume.leaky if not _repair_image(home, volume, layer, until))
        if left != volume.leaky:
            home.save_manifest(home.manifest.with_volume(replace(volume, leaky=left)), releasing=True)


def _repair_image(home: Home, volume: VolumeRecord, layer: int, until: float) -> bool:
    """Repair one image, and return whether no repair is left to do."""
    path, left = home.layer_path(layer), until - time.monotonic()
    if layer not in volume.backing_of or not path.exists():
        return True
    if layer_access.layer_damage(home, volume, layer) is not None:
        # A layer that has lost data is not written to.
        return False
    if path.stat().st_nlink > 1 or left <= 0:
        # A shared file is not written to; the repair waits until the file has only one home.
        return False
    command = [PROGRAM, "check", "-r", "leaks", "-f", "qcow2", "--output", "json", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=left, check=False)  # noqa: S603
        found = json.loads(done.stdout or b"{}")
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        LOG.info("The check of %s for leaks was postponed: %s", path, error)
        return False
    if found.get("leaks-fixed"):
        LOG.info("Freed %s leaked clusters in %s", found["leaks-fixed"], path)
    home.problems.clear(ProblemKind.IMAGE_DAMAGED, layer)
    # If the image is too damaged to be counted, the only sign is an error on stderr.
    if found.get("corruptions") or found.get("check-errors") or b"ERROR" in done.stderr:
        home.problems.set(
            ProblemKind.IMAGE_DAMAGED,
            f"volume {volume.id}: {path} is damaged, see 'qemu-img check -f qcow2': "
            "restore it, or delete the volume",
            layer,
        )
        return False
    return done.returncode == 0


def _is_known_file(name: str) -> bool:
    return (
        layer_number(name) is not None
        or manifest_file.is_manifest_file(name)
        or daemon_process.is_daemon_file(name)
        or fnmatch(name, PARTIAL_CLONES)
    )


def _find_daemons(run: Path) -> Iterator[tuple[int, Path]]:
    """Yield each process that was started to listen in ``run``, with its socket."""
    for process in Path("/proc").glob("[0-9]*"):
        for word in daemon_process.command_line(int(process.name)):
            socket = daemon_process.parse_control_socket(word)
            if socket is not None and socket.parent == run:
                yield int(process.name), socket
