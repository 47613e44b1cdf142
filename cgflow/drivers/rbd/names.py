"""The names of the driver's objects in the pool, as Ceph's tools show them, and the size of a GiB."""

from __future__ import annotations

GIB = 1024**3

GROUP_SNAPSHOT_PREFIX = "cgsnapshot-"
"""Prefix of the names of group snapshots."""

IMAGE_PREFIX = "volume-"
"""Prefix of the names of images."""


def image(volume_id: str) -> str:
    """The image of a volume, with the same name as in Cinder."""
    return f"{IMAGE_PREFIX}{volume_id}"


def incomplete_clone(volume_id: str) -> str:
    """The image of a clone that is not yet complete."""
    return f"making-{volume_id}"


def deleted_image(image_id: str) -> str:
    """The empty image of a deleted volume."""
    return f"gone-{image_id}"


def group(group_id: str) -> str:
    """The group of images of a consistency group."""
    return f"group-{group_id}"


def group_snapshot(cgsnapshot_id: str) -> str:
    """The group snapshot of a cgsnapshot."""
    return f"{GROUP_SNAPSHOT_PREFIX}{cgsnapshot_id}"


def image_snapshot(snapshot_id: str) -> str:
    """The snapshot of a single image."""
    return f"snapshot-{snapshot_id}"


def previous_content(restore_id: str) -> str:
    """The snapshot that keeps the previous content of an image during a restore."""
    return f"restore-{restore_id}"
