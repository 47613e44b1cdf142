"""The exports of one home that are also files of the host: served, ended with the daemon, served again."""

from __future__ import annotations

from pathlib import Path

from cgflow.drivers.contract import Connection
from cgflow.drivers.qsd.home.home import Home, error_message
from cgflow.drivers.qsd.home.problem_log import ProblemKind
from cgflow.drivers.qsd.operations import layer_access
from cgflow.drivers.qsd.qemu import qcow2
from cgflow.errors import DriverError, FinalDriverError


def serve(home: Home, volume_id: str, name: str) -> tuple[Connection, Path]:
    """Serve an export of a volume or of its snapshot as a file; one that is served stays served.

    Raises: FinalDriverError, if there is no such export, or it cannot be a file.
    """
    volume = home.manifest.volumes.get(volume_id)
    if volume is None or name not in (volume_id, *volume.exported):
        raise FinalDriverError(f"{name} cannot be served as a file, because it is not exported")
    is_copy = name != volume_id
    layer = volume.bound[name] if is_copy else volume.leaf
    layer_access.refuse_damaged_layers(home, volume_id, [layer], "it is not served as a file")
    size_bytes = qcow2.read_header(home.layer_path(layer)).size_bytes
    address = home.connection(name, size_bytes, read_only=is_copy)
    path = home.config.mounts.serve(name, home.nbdfuse_arguments(name), read_only=is_copy)
    home.problems.clear(ProblemKind.HOST_FILE_NOT_SERVED, name)
    return address, path


def withdraw(home: Home, name: str) -> None:
    """Remove the file of an export. No file is success. Raises: BusyDriverError, while it is open."""
    home.config.mounts.withdraw(name)
    home.problems.clear(ProblemKind.HOST_FILE_NOT_SERVED, name)


def end_processes(home: Home) -> None:
    """End all files of a home whose daemon has died, before a new daemon starts.

    Raises: BusyDriverError, if one cannot be ended.
    """
    for _, name in _wanted_exports(home):
        home.config.mounts.end_process(name)


def serve_wanted_files(home: Home) -> None:
    """Serve every export that is to be a file; record a problem in ``home.problems`` for one that fails."""
    for volume_id, name in _wanted_exports(home):
        try:
            serve(home, volume_id, name)
        except (OSError, ValueError, DriverError) as error:
            message = f"{name} is not served as a file: {error_message(error)}"
            home.problems.set(ProblemKind.HOST_FILE_NOT_SERVED, message, name)


def unserved_file_problems(home: Home) -> list[str]:
    """Return a message for each file that is wanted and not served."""
    files = home.config.mounts
    unreported = [
        name
        for _, name in _wanted_exports(home)
        if not home.problems.has(ProblemKind.HOST_FILE_NOT_SERVED, name)
    ]
    return [
        f"{files.file_path(name)} is not served any more: connect it again as a file"
        for name in unreported
        if not files.is_served(name)
    ]


def _wanted_exports(home: Home) -> list[tuple[str, str]]:
    wanted = home.config.mounts.wanted_exports()
    exports = [(volume.id, name) for volume in home.manifest.volumes.values() for name in
               (volume.id, *volume.exported)]  # fmt: skip
    return [(volume_id, name) for volume_id, name in exports if name in wanted]
