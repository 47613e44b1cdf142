"""The file that stores a home's manifest.

The file is replaced atomically, so a reader sees the old or the new content. It contains a format
number and a checksum. A file that cannot be understood is reported and never overwritten.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from cgflow.drivers.common.fsync import fsync_folder
from cgflow.drivers.qsd.model.records import (
    Cut,
    DaemonRecord,
    Manifest,
    Merge,
    OutgoingMove,
    PreparedOverlay,
    UnfinishedRestore,
    VolumeRecord,
)
from cgflow.private_files import open_file

FORMAT = 1
FILE = "manifest.json"
_BALLAST = "ballast"
_BALLAST_BYTES = 256 * 1024
MANIFEST_FILES = (FILE, FILE + ".new", _BALLAST)
"""The files that belong to the manifest and hold nothing else."""


class ManifestUnreadable(Exception):
    """The file is corrupt, foreign or of a newer version; the message says which, and what to do."""


def write(folder: Path, manifest: Manifest, *, releasing: bool = False) -> None:
    """Replace the manifest of a folder, durably. Nothing changes if that fails.

    ``releasing`` says that the change frees space: on a full disk it may then use the space that is
    reserved for this, so that deletion always works.

    Raises: OSError.
    """
    # Loading before the final dump turns numeric keys into strings, which sort differently. The records are
    # passed as they are: to copy them first took two thirds of the time of each prepare and each cut.
    body = json.dumps(json.loads(json.dumps(manifest, default=vars)), sort_keys=True)
    document = f'{{"body": {body}, "checksum": "{_checksum(body)}", "format": {FORMAT}}}'
    try:
        _replace(folder, document)
    except OSError as error:
        if not releasing or error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        (folder / _BALLAST).unlink(missing_ok=True)
        _replace(folder, document)
    _ensure_ballast(folder)


def read(folder: Path) -> Manifest:
    """Return the manifest of a folder, whose name must be the id in the manifest.

    Raises: ManifestUnreadable; FileNotFoundError, if there is none.
    """
    path = folder / FILE
    try:
        document = json.loads(path.read_text())
        version, checksum, body = document["format"], document["checksum"], document["body"]
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ManifestUnreadable(
            f"{path} is corrupt ({error}); restore it, or move the folder away"
        ) from error
    if version != FORMAT:
        raise ManifestUnreadable(
            f"{path} has format {version}, but this program reads format {FORMAT}: "
            "run the version that wrote it"
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


def is_manifest_file(name: str) -> bool:
    """Return whether a file of a home belongs to the manifest and holds nothing else."""
    return name in MANIFEST_FILES


def _replace(folder: Path, text: str) -> None:
    new_file = folder / (FILE + ".new")
    try:
        with open(new_file, "w", opener=open_file) as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError:
        new_file.unlink(missing_ok=True)
        raise
    new_file.replace(folder / FILE)
    fsync_folder(folder)


def _ensure_ballast(folder: Path) -> None:
    ballast = folder / _BALLAST
    if ballast.exists():
        return
    try:
        with open(ballast, "wb", opener=open_file) as stream:
            os.posix_fallocate(stream.fileno(), 0, _BALLAST_BYTES)
    except OSError:
        # The disk is full: the next write of the manifest tries again.
        ballast.unlink(missing_ok=True)


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def _decode(body: object) -> Manifest:
    stored = _require_mapping(body)
    daemon = stored["daemon"]
    return Manifest(
        home_id=str(stored["home_id"]),
        is_group=bool(stored["is_group"]),
        created_at=str(stored["created_at"]),
        next_layer=int(str(stored["next_layer"])),
        # Added after format 1: older files lack the key.
        nbd_port=stored.get("nbd_port"),
        daemon=None if daemon is None else DaemonRecord(**_require_mapping(daemon)),
        volumes={
            key: _decode_volume(_require_mapping(value))
            for key, value in _require_mapping(stored["volumes"]).items()
        },
        cuts={
            key: _decode_cut(_require_mapping(value))
            for key, value in _require_mapping(stored["cuts"]).items()
        },
        cutting={
            key: dict(_require_mapping(value)) for key, value in _require_mapping(stored["cutting"]).items()
        },
        leaving={
            key: _decode_outgoing_move(_require_mapping(value))
            for key, value in _require_mapping(stored["leaving"]).items()
        },
        arriving={
            key: tuple(int(layer) for layer in value)
            for key, value in _require_mapping(stored["arriving"]).items()
        },
    )


def _decode_volume(stored: dict[str, Any]) -> VolumeRecord:
    merging, kept = stored["merging"], stored["kept"]
    return VolumeRecord(
        id=str(stored["id"]),
        size_bytes=int(stored["size_bytes"]),
        chain=tuple(int(layer) for layer in stored["chain"]),
        bound={key: int(layer) for key, layer in _require_mapping(stored["bound"]).items()},
        pending={
            key: PreparedOverlay(**_require_mapping(value))
            for key, value in _require_mapping(stored["pending"]).items()
        },
        exported=tuple(str(key) for key in stored["exported"]),
        merging=None if merging is None else Merge(**_require_mapping(merging)),
        resizing=bool(stored["resizing"]),
        aside={
            int(layer): None if over is None else int(over)
            for layer, over in _require_mapping(stored["aside"]).items()
        },
        kept=None if kept is None else UnfinishedRestore(**_require_mapping(kept)),
        # Older files lack these keys.
        flattening=stored.get("flattening"),
        leaky=tuple(int(layer) for layer in stored.get("leaky", ())),
    )


def _decode_cut(stored: dict[str, Any]) -> Cut:
    return Cut(
        members=tuple(str(key) for key in stored["members"]),
        evidence=_require_mapping(stored["evidence"]),
        is_lost=bool(stored["is_lost"]),
    )


def _decode_outgoing_move(stored: dict[str, Any]) -> OutgoingMove:
    return OutgoingMove(
        to=str(stored["to"]),
        files={int(here): int(there) for here, there in _require_mapping(stored["files"]).items()},
        volume=_decode_volume(_require_mapping(stored["volume"])),
        cuts={
            key: _decode_cut(_require_mapping(value))
            for key, value in _require_mapping(stored["cuts"]).items()
        },
    )


def _require_mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is not a mapping")
    return value
