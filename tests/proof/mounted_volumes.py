"""The environment of the proof: volumes of a served cgflow, mounted as file systems of this host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.demo.stage import Stage
from tests.proof.database import Database
from tests.support.disks import attach_loop_device, mount_device, run_program

MEMBERS = ("data", "wal")
TYPE = "database"


@contextmanager
def mounted(stage: Stage, volume_id: str, folder: Path, *, is_new: bool = False) -> Iterator[Path]:
    """Expose a volume as a file, attach and mount it; ``is_new`` makes a file system on it first."""
    with ExitStack() as undo:
        path = Path(stage.client.volumes.connect(volume_id, as_file=True)["data"]["path"])
        # The service removes the file if it is running; ending the service removes it in any case.
        undo.callback(_withdraw, stage, volume_id)
        device = undo.enter_context(attach_loop_device(path))
        if is_new:
            run_program("mkfs.ext4", "-q", device)
        yield undo.enter_context(mount_device(device, folder))


@contextmanager
def database_on(
    stage: Stage, volumes: Mapping[str, str], folder: Path, *, is_new: bool = False
) -> Iterator[Database]:
    """Mount the volumes, given by member, and yield a database on them, which is stopped at the end."""
    with ExitStack() as undo:
        data, wal = (
            undo.enter_context(mounted(stage, volumes[name], folder / name, is_new=is_new))
            for name in MEMBERS
        )
        database = Database(data, wal, folder / "run")
        undo.callback(database.stop)
        yield database


def _withdraw(stage: Stage, volume_id: str) -> None:
    if stage.served.process.poll() is None:
        stage.client.volumes.disconnect(volume_id, as_file=True)
