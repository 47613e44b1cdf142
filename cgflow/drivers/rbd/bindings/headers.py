"""RBD's own objects, read directly where librbd would need many round trips.

librbd reads the names of a group's images one by one, and opens an image to read its features. These are
several round trips for each image: with a hundred members on a busy cluster about a second, during a cut. The
objects need one read of a directory for all images, and one read of each header. The layout is that of
``cls_rbd``, which clients of all versions share. Facts that are not found there are left out, and the caller
gets them from librbd.
"""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor

from .cluster import Cluster
from .keys import listed, read

_AT_ONCE = 8
_ATTACHED = b"\0"


def images_of(cluster: Cluster, group: str) -> list[str] | None:
    """Return the names of a group's images, or None if the objects do not show all of them."""
    known = read(cluster, "rbd_group_directory", [f"name_{group}"])
    if not known:
        return None
    members = listed(cluster, f"rbd_group_header.{_text(known[f'name_{group}'])}", "image_")
    if not members:
        return []
    # Only librbd knows how to treat an image that is being added or removed.
    if any(state != _ATTACHED for state in members.values()):
        return None
    names = read(cluster, "rbd_directory", [f"id_{key.rsplit('_', 1)[1]}" for key in members])
    return [_text(name) for name in names.values()] if len(names) == len(members) else None


def features_of(cluster: Cluster, images: list[str]) -> dict[str, int]:
    """Return the features of those images whose header contains them."""
    ids = read(cluster, "rbd_directory", [f"name_{image}" for image in images])
    headers = {key.removeprefix("name_"): f"rbd_header.{_text(id)}" for key, id in ids.items()}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        told = pool.map(lambda header: read(cluster, header, ["features"]), headers.values())
        found = dict(zip(headers, told, strict=True))
    return {image: struct.unpack("<Q", each["features"])[0] for image, each in found.items() if each}


def _text(value: bytes) -> str:
    """Decode a string of Ceph's encoding, which starts with the length."""
    (length,) = struct.unpack_from("<I", value)
    return value[4 : 4 + length].decode()
