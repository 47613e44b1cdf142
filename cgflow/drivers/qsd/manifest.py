"""The durable truth about one home: its volumes, their layers, and what was under way.

A *home* is the folder of one consistency group, or of one volume outside any.
Its manifest is replaced as a whole and atomically: whoever reads it sees the
old or the new one. It carries a format number and a checksum, and one that
cannot be understood is reported and never overwritten. Records are frozen; a
change is a new record.

*Intents* (``cutting``, ``merging``, ``resizing``) are written before the
effect and removed after it, so that whoever comes next knows what to ask the
daemon, or what to assume when the daemon is gone too.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from cgflow.drivers.contract import JSON
from cgflow.drivers.qsd.qcow2 import sync_folder

FORMAT = 1
FILE = "manifest.json"
_BALLAST = "ballast"
_BALLAST_BYTES = 256 * 1024


class ManifestUnreadable(Exception):
    """The file is corrupt, foreign or newer than this program; the message says which and what to do."""


@dataclass(frozen=True)
class Pending:
    """An overlay that is ready for a cut: its layer, the leaf and the size that it was made for."""

    layer: int
    over: int
    size_bytes: int
    cgsnapshot_id: str


@dataclass(frozen=True)
class Merge:
    """Layer ``top`` is being folded into layer ``base`` right below it; ``active`` if top is the leaf."""

    top: int
    base: int
    active: bool


@dataclass(frozen=True)
class VolumeRecord:
    """One volume. ``chain`` runs from base to leaf; ``bound`` says which layer holds which snapshot."""

    id: str
    size_bytes: int
    chain: tuple[int, ...]
    bound: dict[str, int] = field(default_factory=dict)
    pending: dict[str, Pending] = field(default_factory=dict)
    exported: tuple[str, ...] = ()
    merging: Merge | None = None
    resizing: bool = False

    @property
    def leaf(self) -> int:
        """The layer that takes the writes."""
        return self.chain[-1]


@dataclass(frozen=True)
class Cut:
    """A cgsnapshot after its cut, until its last member is deleted.

    ``is_lost`` says that the daemon died around the cut, so that nobody can
    tell whether the frozen layers are of one instant. They are never given out.
    """

    members: tuple[str, ...]
    evidence: JSON = field(default_factory=dict)
    is_lost: bool = False


@dataclass(frozen=True)
class DaemonRecord:
    """The process that serves the home; the start time (clock ticks since boot) tells it from a later one."""

    pid: int
    start_time: int


@dataclass(frozen=True)
class Manifest:
    """All that is known of a home. ``cutting`` maps a cgsnapshot to {volume id: snapshot id}."""

    home_id: str
    is_group: bool
    created_at: str
    next_layer: int = 1
    daemon: DaemonRecord | None = None
    volumes: dict[str, VolumeRecord] = field(default_factory=dict)
    cuts: dict[str, Cut] = field(default_factory=dict)
    cutting: dict[str, dict[str, str]] = field(default_factory=dict)

    def with_volume(self, volume: VolumeRecord) -> Manifest:
        """Return the manifest with one volume added or replaced."""
        return replace(self, volumes={**self.volumes, volume.id: volume})

    def without_volume(self, volume_id: str) -> Manifest:
        """Return the manifest without one volume."""
        return replace(self, volumes={key: held for key, held in self.volumes.items() if key != volume_id})

    def layers(self) -> set[int]:
        """Return every layer that is in use, pending overlays included."""
        chains = {layer for volume in self.volumes.values() for layer in volume.chain}
        return chains | {held.layer for volume in self.volumes.values() for held in volume.pending.values()}


def write(folder: Path, manifest: Manifest, *, releasing: bool = False) -> None:
    """Replace the manifest of a folder, durably. Nothing changes if it fails.

    ``releasing`` says that the change gives space back: on a full disk it may
    then use the room that is kept aside for this, so that deleting always works.
    Raises: OSError.
    """
    body = json.dumps(asdict(manifest), sort_keys=True)
    whole = json.dumps(
        {"format": FORMAT, "checksum": _checksum(body), "body": json.loads(body)}, sort_keys=True
    )
    try:
        _replace(folder, whole)
    except OSError as error:
        if not releasing or error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        (folder / _BALLAST).unlink(missing_ok=True)
        _replace(folder, whole)
    _keep_ballast(folder)


def read(folder: Path) -> Manifest:
    """Return the manifest of a folder, which must be named after it.

    Raises: ManifestUnreadable; FileNotFoundError if there is none.
    """
    path = folder / FILE
    try:
        whole = json.loads(path.read_text())
        version, checksum, body = whole["format"], whole["checksum"], whole["body"]
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ManifestUnreadable(
            f"{path} is corrupt ({error}); restore it, or move the folder away"
        ) from error
    if version != FORMAT:
        raise ManifestUnreadable(
            f"{path} has format {version}, this program knows format {FORMAT}; run the version that wrote it"
        )
    if checksum != _checksum(json.dumps(body, sort_keys=True)):
        raise ManifestUnreadable(f"{path} does not match its checksum; restore it, or move the folder away")
    try:
        manifest = _decode(body)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ManifestUnreadable(
            f"{path} is not understood ({error!r}); run the version that wrote it"
        ) from error
    if manifest.home_id != folder.name:
        raise ManifestUnreadable(
            f"{path} belongs to {manifest.home_id}, not to this folder; move it back there"
        )
    return manifest


def is_housekeeping(name: str) -> bool:
    """Whether a file of a home is the manifest's own and holds nothing else."""
    return name in (FILE, FILE + ".new", _BALLAST)


def _replace(folder: Path, text: str) -> None:
    fresh = folder / (FILE + ".new")
    try:
        with fresh.open("w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    fresh.replace(folder / FILE)
    sync_folder(folder)


def _keep_ballast(folder: Path) -> None:
    ballast = folder / _BALLAST
    if ballast.exists():
        return
    try:
        with ballast.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, _BALLAST_BYTES)
    except OSError:
        # The disk is full: the next manifest that is written tries again.
        ballast.unlink(missing_ok=True)


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def _decode(body: object) -> Manifest:
    held = _mapping(body)
    daemon = held["daemon"]
    return Manifest(
        home_id=str(held["home_id"]),
        is_group=bool(held["is_group"]),
        created_at=str(held["created_at"]),
        next_layer=int(str(held["next_layer"])),
        daemon=None if daemon is None else DaemonRecord(**_mapping(daemon)),
        volumes={key: _volume(_mapping(value)) for key, value in _mapping(held["volumes"]).items()},
        cuts={key: _cut(_mapping(value)) for key, value in _mapping(held["cuts"]).items()},
        cutting={key: dict(_mapping(value)) for key, value in _mapping(held["cutting"]).items()},
    )


def _volume(held: dict[str, Any]) -> VolumeRecord:
    merging = held["merging"]
    return VolumeRecord(
        id=str(held["id"]),
        size_bytes=int(held["size_bytes"]),
        chain=tuple(int(layer) for layer in held["chain"]),
        bound={key: int(layer) for key, layer in _mapping(held["bound"]).items()},
        pending={key: Pending(**_mapping(value)) for key, value in _mapping(held["pending"]).items()},
        exported=tuple(str(key) for key in held["exported"]),
        merging=None if merging is None else Merge(**_mapping(merging)),
        resizing=bool(held["resizing"]),
    )


def _cut(held: dict[str, Any]) -> Cut:
    return Cut(
        members=tuple(str(key) for key in held["members"]),
        evidence=_mapping(held["evidence"]),
        is_lost=bool(held["is_lost"]),
    )


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} stands where a mapping was expected")
    return value
