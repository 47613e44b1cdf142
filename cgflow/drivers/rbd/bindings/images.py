"""Images, and snapshots of single images."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import rbd

from .cluster import Cluster
from .headers import features_of

Progress = Callable[[], None]

_AT_ONCE = 8
"""Images examined in parallel."""

_READ_BYTES = 4096


def image_names(cluster: Cluster, _: Progress) -> list[str]:
    """Return the names of all images of the pool."""
    return list(cluster.rbd.list(cluster.io))


def image_stats(cluster: Cluster, _: Progress, names: list[str]) -> dict[str, Any]:
    """Return facts about images by name; None for an image that does not exist."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(names, pool.map(partial(stat, cluster), names), strict=True))


def image_locks(cluster: Cluster, _: Progress, names: list[str]) -> dict[str, bool]:
    """Return whether images have the feature exclusive-lock. Raises: rbd.ImageNotFound."""
    told = features_of(cluster, names)

    def asked(name: str) -> int:
        with rbd.Image(cluster.io, name, read_only=True) as image:
            return int(image.features())

    told |= {name: asked(name) for name in names if name not in told}
    return {name: bool(features & rbd.RBD_FEATURE_EXCLUSIVE_LOCK) for name, features in told.items()}


def stat(cluster: Cluster, name: str) -> dict[str, Any] | None:
    """Return facts about an image, opened without a watch; None if it does not exist."""
    try:
        with rbd.Image(cluster.io, name, read_only=True) as image:
            group = image.group()
            return {
                "id": image.id(),
                "size": image.size(),
                "has_lock": bool(image.features() & rbd.RBD_FEATURE_EXCLUSIVE_LOCK),
                "group": group.get("name") or None,
                "snaps": [_snap(snap) for snap in image.list_snaps()],
                "watchers": [str(watcher["addr"]) for watcher in image.watchers_list()],
            }
    except rbd.ImageNotFound:
        return None


def image_create(cluster: Cluster, _: Progress, name: str, size: int) -> None:
    """Create an image; an existing one is left as it is."""
    try:
        cluster.rbd.create(cluster.io, name, size, old_format=False, features=cluster.features())
    except rbd.ImageExists:
        return


def image_resize(cluster: Cluster, _: Progress, name: str, size: int) -> None:
    """Set the size of an image in bytes; it may grow or shrink."""
    with rbd.Image(cluster.io, name) as image:
        if image.size() != size:
            image.resize(size)


def image_rename(cluster: Cluster, _: Progress, name: str, to: str) -> None:
    """Rename an image."""
    cluster.rbd.rename(cluster.io, name, to)


def image_remove(cluster: Cluster, progress: Progress, name: str) -> None:
    """Remove an image; an unknown one is success. Raises: rbd.ImageBusy while a client has it open."""
    try:
        cluster.rbd.remove(cluster.io, name, on_progress=lambda *_: progress())
    except rbd.ImageNotFound:
        return


def snap_create(cluster: Cluster, _: Progress, name: str, snap: str) -> dict[str, float] | None:
    """Take a snapshot of an image, or find it taken. Returns: the time, or None if it was taken earlier."""
    with rbd.Image(cluster.io, name) as image:
        if any(known["name"] == snap for known in image.list_snaps()):
            return None
        at, began = time.time(), time.monotonic()
        image.create_snap(snap)
        return {"at_s": at, "took_ms": (time.monotonic() - began) * 1000}


def snap_remove(cluster: Cluster, _: Progress, name: str, id: int) -> None:
    """Remove a snapshot of an image, its own or its part of a group's; an unknown one is success."""
    with rbd.Image(cluster.io, name) as image:
        if any(snap["id"] == id for snap in image.list_snaps()):
            image.remove_snap_by_id(id)


def snap_find(cluster: Cluster, _: Progress, name: str, snap: str, cut: str) -> dict[str, Any] | None:
    """Return a snapshot of an image after a test read; None if there is none.

    ``snap`` is the name of the image's own snapshot, and ``cut`` that of a group snapshot.
    """
    try:
        with rbd.Image(cluster.io, name, read_only=True) as image:
            for found in map(_snap, image.list_snaps()):
                if not found["is_trash"] and (found["name"] == snap or found["of_group"] == cut):
                    image.set_snap_by_id(found["id"])
                    image.read(0, _READ_BYTES)
                    return found
    except rbd.ImageNotFound:
        return None
    return None


def snap_rollback(cluster: Cluster, _: Progress, name: str, snap: str) -> None:
    """Roll an image back to its own snapshot. It keeps its size; beyond the snapshot's size it is zeros."""
    with rbd.Image(cluster.io, name) as image:
        size = image.size()
        image.rollback_to_snap(snap)
        if image.size() != size:
            image.resize(size)


def _snap(snap: dict[str, Any]) -> dict[str, Any]:
    group = snap.get("group") or {}
    # A removal first moves the snapshot to the trash; an interrupted one leaves it there.
    trashed = snap.get("trash") or {}
    return {
        "id": snap["id"],
        "name": trashed.get("original_name", snap["name"]),
        "size": snap["size"],
        "of_group": group.get("snap_name"),
        "is_trash": bool(trashed),
    }
