"""What the driver's objects are called in the pool, and their sizes. Ceph's tools show these names."""

from __future__ import annotations

GIB = 1024**3

CUTS = "cgsnapshot-"
"""What the names of group snapshots begin with."""

VOLUMES = "volume-"
"""What the names of images begin with."""


def image(volume_id: str) -> str:
    """The image of a volume, as Cinder calls it."""
    return f"{VOLUMES}{volume_id}"


def making(volume_id: str) -> str:
    """The image of a clone that is not whole yet."""
    return f"making-{volume_id}"


def gone(image_id: str) -> str:
    """The empty image of a volume that was deleted."""
    return f"gone-{image_id}"


def group(group_id: str) -> str:
    """The group of images of a consistency group."""
    return f"group-{group_id}"


def cut(cgsnapshot_id: str) -> str:
    """The group snapshot of a cgsnapshot."""
    return f"{CUTS}{cgsnapshot_id}"


def plain(snapshot_id: str) -> str:
    """The snapshot of a single image."""
    return f"snapshot-{snapshot_id}"


def kept(restore_id: str) -> str:
    """The snapshot that keeps what an image held before a restore."""
    return f"restore-{restore_id}"
