"""Groups of images, and the cut: a group snapshot.

librbd takes the exclusive lock of every member before it makes the first
member's snapshot, so that no client writes meanwhile. A member without the
feature ``exclusive-lock`` is not held by that, and nobody would notice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import rbd

from .cluster import Cluster
from .images import image_stats, snap_remove

Progress = Callable[[], None]


def group_names(cluster: Cluster, _: Progress) -> list[str]:
    """Return the names of all groups of the pool."""
    return list(cluster.rbd.group_list(cluster.io))


def group_images(cluster: Cluster, _: Progress, group: str) -> list[str]:
    """Return the names of a group's images. Raises: rbd.ObjectNotFound, if there is no such group."""
    return [image["name"] for image in rbd.Group(cluster.io, group).list_images()]


def group_create(cluster: Cluster, _: Progress, group: str) -> None:
    """Make a group; one that is there is left as it is."""
    try:
        cluster.rbd.group_create(cluster.io, group)
    except rbd.ObjectExists:
        return


def group_remove(cluster: Cluster, _: Progress, group: str) -> None:
    """Remove a group with its snapshots; none is success."""
    try:
        cluster.rbd.group_remove(cluster.io, group)
    except rbd.ObjectNotFound:
        return


def group_add(cluster: Cluster, _: Progress, group: str, image: str) -> None:
    """Take an image into a group. Raises: rbd.ObjectExists, if it is in another one."""
    members = rbd.Group(cluster.io, group)
    if not _is_in(members, image, rbd.RBD_GROUP_IMAGE_STATE_ATTACHED):
        members.add_image(cluster.io, image)


def group_drop(cluster: Cluster, _: Progress, group: str, image: str) -> None:
    """Take an image out of a group; if it is not in it, that is success."""
    try:
        rbd.Group(cluster.io, group).remove_image(cluster.io, image)
    except (rbd.ObjectNotFound, rbd.ImageNotFound):
        return


def group_cut(
    cluster: Cluster, progress: Progress, group: str, snap: str, images: list[str]
) -> dict[str, Any]:
    """Take a group snapshot for the images named, or find it taken; one that is incomplete is taken anew.

    Returns: ``snaps``, each image's part, and when it was ``taken``, None if
    earlier; or ``refused``, in words, when nothing was done. Other members' parts are removed again.
    """
    members = rbd.Group(cluster.io, group)
    state = _state(members, snap)
    if state == rbd.RBD_GROUP_SNAP_STATE_INCOMPLETE:
        members.remove_snap(snap)
        state = None
    taken: dict[str, float] | None = None
    everyone = [image["name"] for image in members.list_images()]
    if state is None:
        refused = _refused(image_stats(cluster, progress, images), group)
        if refused:
            return {"refused": refused}
        at, began = time.time(), time.monotonic()
        try:
            members.create_snap(snap)
        except (rbd.ReadOnlyImage, rbd.OSError) as error:
            # A part that was made before another failed is of no use to anybody.
            if _state(members, snap) is not None:
                members.remove_snap(snap)
            return {"refused": str(error)}
        taken = {"at_s": at, "took_ms": (time.monotonic() - began) * 1000}
    others = [name for name in everyone if name not in images]
    parts = {
        name: next((part for part in (found or {"snaps": []})["snaps"] if part["of_group"] == snap), None)
        for name, found in image_stats(cluster, progress, [*images, *others]).items()
    }
    with ThreadPoolExecutor(8) as pool:
        unwanted = [(name, part["id"]) for name in others if (part := parts[name]) is not None]
        list(pool.map(lambda part: snap_remove(cluster, progress, *part), unwanted))
    return {"taken": taken, "snaps": {name: parts[name] for name in images}}


def group_uncut(cluster: Cluster, _: Progress, group: str, snap: str) -> None:
    """Remove a group snapshot in whatever state, with every part of it that is left; none is success."""
    try:
        rbd.Group(cluster.io, group).remove_snap(snap)
    except rbd.ObjectNotFound:
        if _state(rbd.Group(cluster.io, group), snap) is not None:
            raise


def _state(members: Any, snap: str) -> int | None:
    try:
        return next((int(found["state"]) for found in members.list_snaps() if found["name"] == snap), None)
    except rbd.ObjectNotFound:
        return None


def _is_in(members: Any, image: str, state: int) -> bool:
    return any(found["name"] == image and found["state"] == state for found in members.list_images())


def _refused(stats: dict[str, Any], group: str) -> str | None:
    missing = sorted(name for name, found in stats.items() if found is None)
    if missing:
        return f"there is no image {missing[0]}"
    strange = sorted(name for name, found in stats.items() if found["group"] != group)
    if strange:
        return f"image {strange[0]} is in group {stats[strange[0]]['group']}, not in {group}"
    bare = sorted(name for name, found in stats.items() if not found["has_lock"])
    if bare:
        return (
            f"image {bare[0]} lacks the feature exclusive-lock, without which its writers are not held: "
            f"enable it with 'rbd feature enable POOL/{bare[0]} exclusive-lock'"
        )
    return None
