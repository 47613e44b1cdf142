"""Images, groups of images, their snapshots, and copies of the content of snapshots.

librbd takes the exclusive lock of every member of a group before it snapshots the first one, so that no
client writes meanwhile. The writers of a member without the feature ``exclusive-lock`` are not blocked, and
librbd does not report this.

librbd 16 can neither clone from a group snapshot nor roll a single image back to its part of one. The data is
therefore copied by this process, several pieces in parallel. Only allocated data is read.

librbd reads the names of a group's images one by one, and opens an image to read its features. These are
several round trips for each image: with a hundred members on a busy cluster about a second, during a cut.
``read_image_features`` and ``read_group_images`` therefore read RBD's own objects directly, in one read of a
directory for all images and one read of each header. The layout is that of ``cls_rbd``, which clients of all
versions share. Facts that are not found there are left out, and the caller gets them from librbd.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import rbd

from .cluster import Cluster, Progress, read_omap_by_prefix, read_omap_values

PIECE_BYTES = 4 << 20

_AT_ONCE = 8
"""Images or pieces that are worked on in parallel; a cluster serves many pieces about as fast as one."""

_READ_BYTES = 4096

_ATTACHED = b"\0"


def image_names(cluster: Cluster, _: Progress) -> list[str]:
    """Return the names of all images of the pool."""
    return list(cluster.rbd.list(cluster.io))


def image_stats(cluster: Cluster, _: Progress, names: list[str]) -> dict[str, Any]:
    """Return facts about images by name; None for an image that does not exist."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(names, pool.map(partial(image_stat, cluster), names), strict=True))


def exclusive_lock_features(cluster: Cluster, _: Progress, names: list[str]) -> dict[str, bool]:
    """Return whether images have the feature exclusive-lock. Raises: rbd.ImageNotFound."""
    features_by_name = read_image_features(cluster, names)

    def read_features(name: str) -> int:
        with rbd.Image(cluster.io, name, read_only=True) as image:
            return int(image.features())

    features_by_name |= {name: read_features(name) for name in names if name not in features_by_name}
    return {
        name: bool(features & rbd.RBD_FEATURE_EXCLUSIVE_LOCK) for name, features in features_by_name.items()
    }


def image_stat(cluster: Cluster, name: str) -> dict[str, Any] | None:
    """Return facts about an image, opened without a watch; None if it does not exist."""
    try:
        with rbd.Image(cluster.io, name, read_only=True) as image:
            group = image.group()
            return {
                "id": image.id(),
                "size": image.size(),
                "has_lock": bool(image.features() & rbd.RBD_FEATURE_EXCLUSIVE_LOCK),
                "group": group.get("name") or None,
                "snaps": [_describe_snapshot(snap) for snap in image.list_snaps()],
                "watchers": [str(watcher["addr"]) for watcher in image.watchers_list()],
            }
    except rbd.ImageNotFound:
        return None


def image_create(cluster: Cluster, _: Progress, name: str, size: int) -> None:
    """Create an image; an existing one is left as it is."""
    try:
        cluster.rbd.create(cluster.io, name, size, old_format=False, features=cluster.new_image_features())
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
        if any(existing["name"] == snap for existing in image.list_snaps()):
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
            for described in map(_describe_snapshot, image.list_snaps()):
                if not described["is_trash"] and (described["name"] == snap or described["of_group"] == cut):
                    image.set_snap_by_id(described["id"])
                    image.read(0, _READ_BYTES)
                    return described
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


def _describe_snapshot(snap: dict[str, Any]) -> dict[str, Any]:
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


def group_names(cluster: Cluster, _: Progress) -> list[str]:
    """Return the names of all groups of the pool."""
    return list(cluster.rbd.group_list(cluster.io))


def group_images(cluster: Cluster, _: Progress, group: str) -> list[str]:
    """Return the names of a group's images. Raises: rbd.ObjectNotFound, if there is no such group."""
    images = read_group_images(cluster, group)
    return (
        images
        if images is not None
        else [each["name"] for each in rbd.Group(cluster.io, group).list_images()]
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


def group_add_image(cluster: Cluster, _: Progress, group: str, image: str) -> None:
    """Add an image to a group. Raises: rbd.ObjectExists, if it is in another group."""
    members = rbd.Group(cluster.io, group)
    if not _is_member(members, image, rbd.RBD_GROUP_IMAGE_STATE_ATTACHED):
        members.add_image(cluster.io, image)


def group_remove_image(cluster: Cluster, _: Progress, group: str, image: str) -> None:
    """Remove an image from a group; an image that is not in the group is success."""
    try:
        rbd.Group(cluster.io, group).remove_image(cluster.io, image)
    except (rbd.ObjectNotFound, rbd.ImageNotFound):
        return


def group_snap_create(
    cluster: Cluster, progress: Progress, group: str, snap: str, images: list[str], others: list[str]
) -> dict[str, Any]:
    """Take a group snapshot, or find it taken. An incomplete one is removed and taken again.

    The parts of ``others`` are removed afterwards. Returns: under ``taken`` the time, or None if the snapshot
    was taken earlier; or under ``refused`` the reason, with nothing left of the snapshot.
    """
    members = rbd.Group(cluster.io, group)
    state = _group_snapshot_state(members, snap)
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
            _remove_group_snapshot(members, snap)
            return {"refused": str(error)}
        taken = {"at_s": at, "took_ms": (time.monotonic() - began) * 1000}
        # Check afterwards: no writer is blocked any more, and a feature disabled meanwhile is noticed.
        unlocked = sorted(
            name
            for name, has_lock in exclusive_lock_features(cluster, progress, images).items()
            if not has_lock
        )
        if unlocked:
            _remove_group_snapshot(members, snap)
            return {
                "refused": f"image {unlocked[0]} lacks the feature exclusive-lock, so a cut cannot block its "
                f"writers: enable it with 'rbd feature enable {cluster.pool}/{unlocked[0]} exclusive-lock'"
            }
    for name, stat in image_stats(cluster, progress, others).items():
        for part in [] if stat is None else stat["snaps"]:
            if part["of_group"] == snap:
                snap_remove(cluster, progress, name, part["id"])
    return {"taken": taken}


def group_snap_remove(cluster: Cluster, _: Progress, group: str, snap: str) -> None:
    """Remove a group snapshot in any state, with all its parts; an unknown one is success."""
    try:
        rbd.Group(cluster.io, group).remove_snap(snap)
    except rbd.ObjectNotFound:
        if _group_snapshot_state(rbd.Group(cluster.io, group), snap) is not None:
            raise


def _group_snapshot_state(members: Any, snap: str) -> int | None:
    try:
        return next(
            (int(existing["state"]) for existing in members.list_snaps() if existing["name"] == snap), None
        )
    except rbd.ObjectNotFound:
        return None


def _remove_group_snapshot(members: Any, snap: str) -> None:
    if _group_snapshot_state(members, snap) is not None:
        members.remove_snap(snap)


def _is_member(members: Any, image: str, state: int) -> bool:
    return any(member["name"] == image and member["state"] == state for member in members.list_images())


def snap_copy_to_image(cluster: Cluster, progress: Progress, name: str, id: int, to: str, size: int) -> None:
    """Create an image of ``size`` bytes with the content of a snapshot; ``to`` must not exist."""
    cluster.rbd.create(cluster.io, to, size, old_format=False, features=cluster.new_image_features())
    with rbd.Image(cluster.io, name, read_only=True) as source, rbd.Image(cluster.io, to) as target:
        source.set_snap_by_id(id)

        def copy_piece(offset: int) -> None:
            piece = source.read(offset, PIECE_BYTES)
            if any(piece):
                target.write(piece, offset)

        _copy_pieces(_allocated_pieces(source), copy_piece, progress)
        target.flush()


def image_restore(cluster: Cluster, progress: Progress, name: str, id: int) -> None:
    """Restore the content of an image to its snapshot. Beyond the snapshot's size it becomes zeros."""
    with rbd.Image(cluster.io, name, read_only=True) as source, rbd.Image(cluster.io, name) as target:
        source.set_snap_by_id(id)
        end = source.size()

        def copy_piece(offset: int) -> None:
            piece = source.read(offset, min(PIECE_BYTES, end - offset)) if offset < end else b""
            piece = piece.ljust(PIECE_BYTES, b"\0")
            if target.read(offset, PIECE_BYTES) != piece:
                if any(piece):
                    target.write(piece, offset)
                else:
                    target.write_zeroes(offset, PIECE_BYTES)

        _copy_pieces(_allocated_pieces(source) | _allocated_pieces(target), copy_piece, progress)
        target.flush()


def _allocated_pieces(image: Any) -> set[int]:
    """Return the numbers of the pieces in which an image may have data."""
    numbers: set[int] = set()

    def add_pieces(offset: int, length: int, exists: bool) -> None:
        if exists:
            numbers.update(range(offset // PIECE_BYTES, (offset + length - 1) // PIECE_BYTES + 1))

    size = image.size()
    if size:
        image.diff_iterate(0, size, None, add_pieces, whole_object=True)
    return numbers


def _copy_pieces(numbers: set[int], copy_piece: Callable[[int], None], progress: Progress) -> None:
    """Copy pieces, each given by its offset. After a failure no more are started, and the error is raised."""
    offsets = [number * PIECE_BYTES for number in sorted(numbers)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # An error here cancels the remaining pieces.
        for _ in pool.map(copy_piece, offsets):
            progress()


def read_group_images(cluster: Cluster, group: str) -> list[str] | None:
    """Return the names of a group's images, or None if the objects do not show all of them."""
    ids = read_omap_values(cluster, "rbd_group_directory", [f"name_{group}"])
    if not ids:
        return None
    members = read_omap_by_prefix(
        cluster, f"rbd_group_header.{_decode_string(ids[f'name_{group}'])}", "image_"
    )
    if not members:
        return []
    # Only librbd knows how to treat an image that is being added or removed.
    if any(state != _ATTACHED for state in members.values()):
        return None
    names = read_omap_values(cluster, "rbd_directory", [f"id_{key.rsplit('_', 1)[1]}" for key in members])
    return [_decode_string(name) for name in names.values()] if len(names) == len(members) else None


def read_image_features(cluster: Cluster, images: list[str]) -> dict[str, int]:
    """Return the features of those images whose header contains them."""
    ids = read_omap_values(cluster, "rbd_directory", [f"name_{image}" for image in images])
    headers = {key.removeprefix("name_"): f"rbd_header.{_decode_string(id)}" for key, id in ids.items()}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        values = pool.map(lambda header: read_omap_values(cluster, header, ["features"]), headers.values())
        omaps = dict(zip(headers, values, strict=True))
    return {image: struct.unpack("<Q", omap["features"])[0] for image, omap in omaps.items() if omap}


def _decode_string(value: bytes) -> str:
    """Decode a string of Ceph's encoding, which starts with the length."""
    (length,) = struct.unpack_from("<I", value)
    return value[4 : 4 + length].decode()
