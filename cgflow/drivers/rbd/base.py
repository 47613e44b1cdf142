"""What all calls on a pool share: the session, the records, and locks for calls on the same objects."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from cgflow.drivers.contract import SnapshotSpec
from cgflow.drivers.rbd import names
from cgflow.drivers.rbd.exporter import Exporter
from cgflow.drivers.rbd.records import (
    CutRecord,
    DeletedImageRecord,
    GroupRecord,
    Records,
    SnapshotRecord,
    VolumeRecord,
)
from cgflow.drivers.rbd.session import Session
from cgflow.errors import BusyDriverError, FinalDriverError

_AT_ONCE = 8
Item = TypeVar("Item")


class Locks:
    """Locks by name, for the threads of one process. A lock exists while a thread holds or awaits it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}

    @contextmanager
    def acquire(self, *names: str) -> Iterator[None]:
        """Hold several locks, taken in the order of their names."""
        with ExitStack() as stack:
            for name in sorted(set(names)):
                stack.enter_context(self._acquire_one(name))
            yield

    @contextmanager
    def _acquire_one(self, name: str) -> Iterator[None]:
        with self._lock:
            lock, users = self._locks.get(name, (threading.Lock(), 0))
            self._locks[name] = (lock, users + 1)
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, users = self._locks.pop(name)
                if users > 1:
                    self._locks[name] = (lock, users - 1)


class RbdBase:
    """One pool of one cluster."""

    def __init__(self, name: str, session: Session, exporter: Exporter) -> None:
        self.name = name
        self._session = session
        self._exporter = exporter
        self._records = Records(session)
        self._locks = Locks()

    def _image_stats(self, images: Iterable[str]) -> dict[str, Any]:
        """Return facts about images by name; None for an image that does not exist."""
        stats: dict[str, Any] = self._session.call("image_stats", names=list(images))
        return stats

    def _find_rbd_snapshot(self, snapshot: SnapshotSpec, copy: SnapshotRecord) -> Any:
        """Return the RBD snapshot of a snapshot; it must be readable. Raises: FinalDriverError."""
        own, cut = names.image_snapshot(snapshot.id), names.group_snapshot(copy.cgsnapshot)
        snap = self._session.call("snap_find", name=copy.image, snap=own, cut=cut)
        if snap is None:
            raise FinalDriverError(
                f"snapshot {snapshot.id} is missing from image {copy.image}: another client removed it"
            )
        return snap

    def _image_stat(self, image: str) -> Any:
        return self._image_stats([image])[image]

    def _remove_deferred_deletes(self) -> None:
        """Remove the deleted objects that no group snapshot needs any more.

        These are the empty images of deleted volumes, and deleted groups with snapshots of volumes that moved
        away.
        """
        with self._locks.acquire("sweep"):
            images = self._records.all(DeletedImageRecord, DeletedImageRecord.key(""))
            groups = self._records.all(GroupRecord, GroupRecord.key(""))
            gone = [id for id, group in groups.items() if group.is_gone]
            if images or gone:
                self._remove_images_and_groups_without_cuts(images, gone)

    def _remove_images_and_groups_without_cuts(
        self, images: dict[str, DeletedImageRecord], groups: list[str]
    ) -> None:
        cuts = self._records.all(CutRecord, CutRecord.key(""))
        for image, record in images.items():
            if not any(cut in cuts for cut in record.cuts):
                self._session.call("image_remove", name=image)
                self._records.write({}, [DeletedImageRecord.key(image)])
        for group_id in groups:
            if not any(cut.group == group_id for cut in cuts.values()):
                self._session.call("group_remove", group=names.group(group_id))
                self._records.write({}, [GroupRecord.key(group_id)])


def volume_lock_names(snapshots: Iterable[SnapshotSpec]) -> list[str]:
    """Return the names of the locks of the volumes of snapshots."""
    return [f"volume {snapshot.volume_id}" for snapshot in snapshots]


def call_in_parallel(call: Callable[[Item], object], items: Iterable[Item]) -> None:
    """Make a call for each item, several in parallel. Raises: the first error, after all calls ended."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        calls = [pool.submit(call, item) for item in items]
    for made in calls:
        made.result()


def require_no_restore(volume_id: str, volume: VolumeRecord) -> None:
    """Raise FinalDriverError while a restore of the volume is unfinished."""
    if volume.restore is not None:
        raise FinalDriverError(
            f"restore {volume.restore} of volume {volume_id} is unfinished: finish or undo it"
        )


def require_image(volume_id: str, stat: object) -> None:
    """Raise FinalDriverError if the image of a volume does not exist."""
    if stat is None:
        raise FinalDriverError(
            f"the image of volume {volume_id} is missing from the pool: another client removed or renamed it"
        )


def require_intact_image(volume_id: str, volume: VolumeRecord, stat: Any) -> None:
    """Raise FinalDriverError if the image of a volume is missing, was replaced or was made smaller."""
    require_image(volume_id, stat)
    message = describe_data_loss(volume_id, volume, stat)
    if message is not None:
        raise FinalDriverError(f"{message}. It cannot be used: copy what is left of it to another volume")


def describe_data_loss(volume_id: str, volume: VolumeRecord, stat: Any) -> str | None:
    """Return a description of what an existing image lost compared with its record, or None."""
    image, size = names.image(volume_id), volume.size_gib * names.GIB
    if volume.image_id not in (None, stat["id"]):
        return f"image {image} was replaced: its id is {stat['id']} instead of {volume.image_id}"
    if stat["size"] < size:
        return f"image {image} has {stat['size']} bytes instead of {size}: another client shrank it"
    return None


def require_no_client(volume_id: str, watchers: list[str]) -> None:
    """Raise BusyDriverError while clients have an image open: Ceph cannot disconnect them from one image."""
    if watchers:
        raise BusyDriverError(
            f"volume {volume_id} is in use by {', '.join(sorted(set(watchers)))}: close it there. "
            "Ceph drops a client that died after half a minute."
        )
