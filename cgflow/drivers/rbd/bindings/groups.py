"""Groups of images, and the cut: a group snapshot.

librbd takes the exclusive lock of every member before it snapshots the first one, so that no client writes
meanwhile. The writers of a member without the feature ``exclusive-lock`` are not blocked, and librbd does not
report this.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import rbd

from .cluster import Cluster
from .headers import images_of
from .images import image_locks, image_stats, snap_remove

Progress = Callable[[], None]


def group_names(cluster: Cluster, _: Progress) -> list[str]:
    """Return the names of all groups of the pool."""
    return list(cluster.rbd.group_list(cluster.io))


def group_images(cluster: Cluster, _: Progress, group: str) -> list[str]:
    """Return the names of a group's images. Raises: rbd.ObjectNotFound, if there is no such group."""
    found = images_of(cluster, group)
    return (
        found if found is not None else [each["name"] for each in rbd.Group(cluster.io, group).list_images()]
    )


def group_create(cluster: Cluster, _: Progress, group: str) -> None:
    """Create a group; an existing one is left as it is."""
    try:
        cluster.rbd.group_create(cluster.io, group)
    except rbd.ObjectExists:
        return


def group_remove(cluster: Cluster, _: Progress, group: str) -> None:
    """Remove a group and its snapshots; an unknown group is success."""
    try:
        cluster.rbd.group_remove(cluster.io, group)
    except rbd.ObjectNotFound:
        return


def group_add(cluster: Cluster, _: Progress, group: str, image: str) -> None:
    """Add an image to a group. Raises: rbd.ObjectExists, if it is in another group."""
    members = rbd.Group(cluster.io, group)
    if not _is_in(members, image, rbd.RBD_GROUP_IMAGE_STATE_ATTACHED):
        members.add_image(cluster.io, image)


def group_drop(cluster: Cluster, _: Progress, group: str, image: str) -> None:
    """Remove an image from a group; an image that is not in the group is success."""
    try:
        rbd.Group(cluster.io, group).remove_image(cluster.io, image)
    except (rbd.ObjectNotFound, rbd.ImageNotFound):
        return


def group_cut(
    cluster: Cluster, progress: Progress, group: str, snap: str, images: list[str], others: list[str]
) -> dict[str, Any]:
    """Take a group snapshot, or find it taken. An incomplete one is removed and taken again.

    The parts of ``others`` are removed afterwards. Returns: under ``taken`` the time, or None if the snapshot
    was taken earlier; or under ``refused`` the reason, with nothing left of the snapshot.
    """
    members = rbd.Group(cluster.io, group)
    state = _state(members, snap)
    if state == rbd.RBD_GROUP_SNAP_STATE_INCOMPLETE:
        members.remove_snap(snap)
        state = None
    taken: dict[str, float] | None = None
    if state is None:
        at, began = time.time(), time.monotonic()
        try:
            members.create_snap(snap)
        except rbd.Error as error:
            # The parts that were made before another one failed are of no use.
            _remove(members, snap)
            return {"refused": str(error)}
        taken = {"at_s": at, "took_ms": (time.monotonic() - began) * 1000}
        # Check afterwards: no writer is blocked any more, and a feature disabled meanwhile is noticed.
        bare = sorted(
            name for name, has_lock in image_locks(cluster, progress, images).items() if not has_lock
        )
        if bare:
            _remove(members, snap)
            return {
                "refused": f"image {bare[0]} lacks the feature exclusive-lock, without which its writers are "
                f"not held: enable it with 'rbd feature enable {cluster.pool}/{bare[0]} exclusive-lock'"
            }
    for name, found in image_stats(cluster, progress, others).items():
        for part in [] if found is None else found["snaps"]:
            if part["of_group"] == snap:
                snap_remove(cluster, progress, name, part["id"])
    return {"taken": taken}


def group_uncut(cluster: Cluster, _: Progress, group: str, snap: str) -> None:
    """Remove a group snapshot in any state, with all its parts; an unknown one is success."""
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


def _remove(members: Any, snap: str) -> None:
    if _state(members, snap) is not None:
        members.remove_snap(snap)


def _is_in(members: Any, image: str, state: int) -> bool:
    return any(found["name"] == image and found["state"] == state for found in members.list_images())
