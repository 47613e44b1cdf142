"""What RBD has written into its own objects, read where librbd would ask for one thing after the other.

librbd names the images of a group one by one, and opens an image to tell its
features: some round trips for each, which on a busy cluster are a second for a
hundred members, in the middle of a cut. In the objects it is one read of a
directory, whatever the number, and one of each header. The layout is that of
``cls_rbd``, which clients of all versions share. What is not found there is
left out, and to be asked of librbd.
"""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor

from .cluster import Cluster
from .keys import listed, read

_AT_ONCE = 8
_ATTACHED = b"\0"


def images_of(cluster: Cluster, group: str) -> list[str] | None:
    """Return the names of a group's images; None where the objects do not tell all of them."""
    known = read(cluster, "rbd_group_directory", [f"name_{group}"])
    if not known:
        return None
    members = listed(cluster, f"rbd_group_header.{_text(known[f'name_{group}'])}", "image_")
    if not members:
        return []
    # Of one that is on its way in or out, only librbd knows what to make.
    if any(state != _ATTACHED for state in members.values()):
        return None
    names = read(cluster, "rbd_directory", [f"id_{key.rsplit('_', 1)[1]}" for key in members])
    return [_text(name) for name in names.values()] if len(names) == len(members) else None


def features_of(cluster: Cluster, images: list[str]) -> dict[str, int]:
    """Return the features of images, of those whose header tells them."""
    ids = read(cluster, "rbd_directory", [f"name_{image}" for image in images])
    headers = {key.removeprefix("name_"): f"rbd_header.{_text(id)}" for key, id in ids.items()}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        told = pool.map(lambda header: read(cluster, header, ["features"]), headers.values())
        found = dict(zip(headers, told, strict=True))
    return {image: struct.unpack("<Q", each["features"])[0] for image, each in found.items() if each}


def _text(value: bytes) -> str:
    """Return a string as Ceph encodes it, after its length."""
    (length,) = struct.unpack_from("<I", value)
    return value[4 : 4 + length].decode()
