"""Images and the snapshots of a single one."""

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
"""Images that are looked at side by side."""

_READ_BYTES = 4096


def image_names(cluster: Cluster, _: Progress) -> list[str]:
    """Return the names of all images of the pool."""
    return list(cluster.rbd.list(cluster.io))


def image_stats(cluster: Cluster, _: Progress, names: list[str]) -> dict[str, Any]:
    """Return what is to be known of images; None of one that there is not."""
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
    """Return what is to be known of an image, which is not watched for that; None if there is none."""
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
    """Make an image; one that is there is left as it is."""
    try:
        cluster.rbd.create(cluster.io, name, size, old_format=False, features=cluster.features())
    except rbd.ImageExists:
        return


def image_resize(cluster: Cluster, _: Progress, name: str, size: int) -> None:
    """Set the size of an image in bytes, up or down."""
    with rbd.Image(cluster.io, name) as image:
        if image.size() != size:
            image.resize(size)


def image_rename(cluster: Cluster, _: Progress, name: str, to: str) -> None:
    """Give an image another name."""
    cluster.rbd.rename(cluster.io, name, to)


def image_remove(cluster: Cluster, progress: Progress, name: str) -> None:
    """Remove an image; none is success. Raises: rbd.ImageBusy while a client has it open."""
    try:
        cluster.rbd.remove(cluster.io, name, on_progress=lambda *_: progress())
    except rbd.ImageNotFound:
        return


def snap_create(cluster: Cluster, _: Progress, name: str, snap: str) -> dict[str, float] | None:
    """Take a snapshot of an image, or find it taken. Returns: when; None if that was earlier."""
    with rbd.Image(cluster.io, name) as image:
        if any(known["name"] == snap for known in image.list_snaps()):
            return None
        at, began = time.time(), time.monotonic()
        image.create_snap(snap)
        return {"at_s": at, "took_ms": (time.monotonic() - began) * 1000}


def snap_remove(cluster: Cluster, _: Progress, name: str, id: int) -> None:
    """Remove a snapshot of an image, be it its own or its part of a group's; none is success."""
    with rbd.Image(cluster.io, name) as image:
        if any(snap["id"] == id for snap in image.list_snaps()):
            image.remove_snap_by_id(id)


def snap_find(cluster: Cluster, _: Progress, name: str, snap: str, cut: str) -> dict[str, Any] | None:
    """Return a snapshot of an image, its own or its part of a group's, after a read; None if none."""
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
    """Put an image back to a snapshot of its own. It keeps its size; past the snapshot's end it is zeros."""
    with rbd.Image(cluster.io, name) as image:
        size = image.size()
        image.rollback_to_snap(snap)
        if image.size() != size:
            image.resize(size)


def _snap(snap: dict[str, Any]) -> dict[str, Any]:
    group = snap.get("group") or {}
    # A removal puts a snapshot into the trash first, where one that was broken off leaves it.
    trashed = snap.get("trash") or {}
    return {
        "id": snap["id"],
        "name": trashed.get("original_name", snap["name"]),
        "size": snap["size"],
        "of_group": group.get("snap_name"),
        "is_trash": bool(trashed),
    }
