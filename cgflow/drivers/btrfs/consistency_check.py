"""Comparison of the disk with the records. Mismatches are reported and left unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cgflow.drivers.btrfs import btrfs_ioctl
from cgflow.drivers.btrfs.layout import Layout, names
from cgflow.drivers.btrfs.state import State

_REMOVE = "look at it, then remove it with 'btrfs subvolume delete'"


def known_homes(state: State) -> set[str]:
    """Return the homes that have records."""
    volumes, groups = list(state.volumes.values()), set(state.groups)
    return groups | {volume.home for volume in volumes}


def problems(tree: Layout, state: State, home: str) -> Iterator[str]:
    """Report the mismatches in a locked home. Raises: OSError."""
    live = tree.live(home)
    if not btrfs_ioctl.is_subvolume(live):
        yield f"{live} is not there: the volumes of {home} are lost; bring them back from a backup"
        return
    volumes = {volume.id: volume for volume in list(state.volumes.values()) if volume.home == home}
    yield from _compared(live / "volumes", set(volumes), "volume")
    yield from _compared(live / "kept", {v.id for v in volumes.values() if v.kept is not None}, "kept state")
    for folder in ("new", "away"):
        yield from _compared(live / folder, set(), "half-made file")
    for volume in volumes.values():
        file = tree.volume(home, volume.id)
        if file.is_symlink() or (file.exists() and not file.is_file()):
            yield f"{file} is not a file, and volume {volume.id} is lost; bring it back from a backup"
        elif file.is_file() and file.stat().st_size != volume.size_bytes:
            yield (
                f"{file} has {file.stat().st_size} bytes and was made with {volume.size_bytes}: "
                "a client has changed that; extend the volume to what it is to have"
            )
    copies = [copy for id in volumes for copy in state.copies_of(id) if copy.size_bytes is not None]
    cuts = {copy.spec.cgsnapshot_id for copy in copies}
    yield from _compared(tree.home(home) / "cuts", cuts, "cgsnapshot", _REMOVE)
    for id in sorted(cuts & names(tree.home(home) / "cuts")):
        cut = tree.cut(home, id)
        members = {copy.spec.volume_id for copy in copies if copy.spec.cgsnapshot_id == id}
        yield from _compared(cut / "volumes", members, "copy")
        if not btrfs_ioctl.is_read_only(cut):
            yield f"{cut} is open for change; close it with 'btrfs property set {cut} ro true'"


def orphans(tree: Layout, state: State) -> Iterator[str]:
    """Report the homes that no record and no intent names. Raises: OSError."""
    known = known_homes(state) | {home for intent in list(state.intents.values()) for home in intent.homes}
    for home in sorted(names(tree.homes) - known):
        yield f"{tree.home(home)} belongs to no group and no volume: {_REMOVE}"


def _compared(folder: Path, known: set[str], what: str, then: str = "move it away") -> Iterator[str]:
    found = names(folder)
    for name in sorted(known - found):
        yield f"{what} {name} is not in {folder}: bring it back from a backup, or delete what is left of it"
    for name in sorted(found - known):
        yield f"{folder / name} is a {what} that no record knows: {then}"
