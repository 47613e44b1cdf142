"""The driver's records of its objects: keys of one object in the pool, with JSON values.

Several keys change in one operation of the storage, or none. Only the process that works on a group or volume
changes its keys: cgflow's claims ensure this for live processes, and fencing for processes that were presumed
dead.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from cgflow.drivers.contract import JSON, SnapshotSpec
from cgflow.drivers.rbd import names
from cgflow.drivers.rbd.session import Session
from cgflow.errors import FinalDriverError

OBJECT = "cgflow"


@dataclass(frozen=True)
class GroupRecord:
    """A consistency group.

    A deleted group (``is_gone``) is kept while its group snapshots contain snapshots of moved volumes.
    """

    is_gone: bool = False

    @staticmethod
    def key(id: str) -> str:
        """The key of a group."""
        return f"group/{id}"


@dataclass(frozen=True)
class VolumeRecord:
    """A volume.

    ``doing`` names the operation in progress or interrupted, if any. ``restore`` is the id of an unfinished
    restore, if any. ``image_id`` is the id that Ceph gave to the image: another image of the same name has
    another id. It is None in a record of an earlier version.
    """

    size_gib: int
    group: str | None
    doing: str | None = None
    restore: str | None = None
    image_id: str | None = None

    @staticmethod
    def key(id: str) -> str:
        """The key of a volume."""
        return f"volume/{id}"


@dataclass(frozen=True)
class SnapshotRecord:
    """The snapshot of a volume: prepared while ``evidence`` is None, cut afterwards.

    The server of exported snapshots uses ``snap_id`` and ``size`` (in bytes). ``leaving`` means that the
    snapshot is being unexported: no new reader is admitted, but some may still be connected.
    """

    image: str
    cgsnapshot: str
    evidence: JSON | None = None
    exported: bool = False
    leaving: bool = False
    snap_id: int | None = None
    size: int = 0

    @staticmethod
    def key(volume_id: str, id: str) -> str:
        """The key of a snapshot, which contains the id of its volume."""
        return f"copy/{volume_id}/{id}"


@dataclass(frozen=True)
class CutRecord:
    """A group snapshot, from before it is taken until none of its snapshots exists.

    ``images`` are all images that the group snapshot covers. ``copies`` are the keys of the snapshots that
    were requested.
    """

    group: str
    images: tuple[str, ...]
    copies: tuple[str, ...]

    @staticmethod
    def key(cgsnapshot_id: str) -> str:
        """The key of a cut."""
        return f"cut/{cgsnapshot_id}"


@dataclass(frozen=True)
class DeletedImageRecord:
    """The empty image of a deleted volume, kept as long as the group snapshots ``cuts`` include it."""

    cuts: tuple[str, ...]

    @staticmethod
    def key(image: str) -> str:
        """The key of such an image."""
        return f"gone/{image}"


@dataclass(frozen=True)
class RestoreRecord:
    """An unfinished restore. ``copies`` maps snapshot ids to volume ids."""

    group: str | None
    state: str
    copies: dict[str, str]

    @staticmethod
    def key(id: str) -> str:
        """The key of a restore."""
        return f"restore/{id}"


def is_snapshot_of(snap: Mapping[str, object], snapshot_id: str, copy: SnapshotRecord) -> bool:
    """Whether an RBD snapshot of an image belongs to this snapshot, taken alone or with a group."""
    return snap["name"] == names.image_snapshot(snapshot_id) or snap["of_group"] == names.group_snapshot(
        copy.cgsnapshot
    )


Record = GroupRecord | VolumeRecord | SnapshotRecord | CutRecord | DeletedImageRecord | RestoreRecord
AnyRecord = TypeVar(
    "AnyRecord", GroupRecord, VolumeRecord, SnapshotRecord, CutRecord, DeletedImageRecord, RestoreRecord
)


@dataclass(frozen=True)
class RecordSet:
    """Keys and values that were read."""

    texts: Mapping[str, str]

    def find(self, kind: type[AnyRecord], key: str) -> AnyRecord | None:
        """Return one record, or None if it was not found."""
        return _parse_record(kind, self.texts[key]) if key in self.texts else None

    def all(self, kind: type[AnyRecord], prefix: str) -> dict[str, AnyRecord]:
        """Return all records of a kind, by the part of their key after the prefix."""
        texts = {key: text for key, text in self.texts.items() if key.startswith(prefix)}
        return {key[len(prefix) :]: _parse_record(kind, text) for key, text in texts.items()}


class Records:
    """The records of one pool."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, kind: type[AnyRecord], key: str) -> AnyRecord | None:
        """Return one record, or None if it does not exist."""
        return self.read(kind, [key]).get(key)

    def read(self, kind: type[AnyRecord], keys: Iterable[str]) -> dict[str, AnyRecord]:
        """Return the existing records with these keys, by key."""
        return self.read_mixed(keys).all(kind, "")

    def read_mixed(self, keys: Iterable[str]) -> RecordSet:
        """Return the existing records with these keys, of any kind, from one consistent read."""
        return RecordSet(self._session.call("keys_read", object=OBJECT, keys=list(keys)))

    def all(self, kind: type[AnyRecord], prefix: str) -> dict[str, AnyRecord]:
        """Return all records of a kind, by the part of their key after the prefix."""
        return RecordSet(self._session.call("keys_list", object=OBJECT, prefix=prefix)).all(kind, prefix)

    def read_all(self) -> RecordSet:
        """Return all records. They are consistent if there are fewer than a thousand."""
        return RecordSet(self._session.call("keys_list", object=OBJECT, prefix=""))

    def write(self, put: Mapping[str, Record], drop: Iterable[str] = ()) -> None:
        """Set records and remove others, in one atomic operation."""
        texts = {key: json.dumps(asdict(record), sort_keys=True) for key, record in put.items()}
        self._session.call("keys_write", object=OBJECT, put=texts, drop=list(drop))

    def require_group(self, group_id: str) -> None:
        """Raise FinalDriverError if there is no such group."""
        record = self.find(GroupRecord, GroupRecord.key(group_id))
        if record is None or record.is_gone:
            raise FinalDriverError(f"there is no group {group_id}")

    def require_volume(self, volume_id: str) -> VolumeRecord:
        """Return the record of a volume. Raises: FinalDriverError, if there is none."""
        record = self.find(VolumeRecord, VolumeRecord.key(volume_id))
        if record is None:
            raise FinalDriverError(f"there is no volume {volume_id}")
        return record

    def find_snapshot(self, snapshot: SnapshotSpec) -> SnapshotRecord | None:
        """Return the record of a snapshot, or None."""
        return self.find(SnapshotRecord, SnapshotRecord.key(snapshot.volume_id, snapshot.id))

    def require_cut_snapshot(self, snapshot: SnapshotSpec) -> SnapshotRecord:
        """Return the record of a cut snapshot. Raises: FinalDriverError, if it is unknown or not cut."""
        record = self.find_snapshot(snapshot)
        if record is None:
            raise FinalDriverError(f"there is no snapshot {snapshot.id} of volume {snapshot.volume_id}")
        if record.evidence is None:
            raise FinalDriverError(f"snapshot {snapshot.id} is prepared but has not been cut")
        return record


def _parse_record(kind: type[AnyRecord], text: str) -> AnyRecord:
    values: dict[str, Any] = json.loads(text)
    if "images" in values:
        values["images"] = tuple(values["images"])
    if isinstance(values.get("copies"), list):
        values["copies"] = tuple(values["copies"])
    if "cuts" in values:
        values["cuts"] = tuple(values["cuts"])
    return kind(**values)
