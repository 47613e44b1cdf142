"""What the driver knows of its objects, written down in the pool: keys of one object, JSON each.

Several keys change in one operation of the storage, or none does. Nobody but
the process that works on a group or volume changes its keys; cgflow's claims
see to that, and the fence to processes that were given up.
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
    """A consistency group. One that ``is_gone`` is kept for the copies that its snapshots hold."""

    is_gone: bool = False

    @staticmethod
    def key(id: str) -> str:
        """The key of a group."""
        return f"group/{id}"


@dataclass(frozen=True)
class VolumeRecord:
    """A volume. ``doing`` names what is under way, or was broken off; ``restore`` an unfinished restore.

    ``image_id`` is the id that Ceph gave its image, None in what an earlier version wrote: an image of the
    same name may be another one.
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
class CopyRecord:
    """A copy of a volume: prepared while it has no ``evidence``, cut once it has.

    ``snap_id`` and ``size`` (bytes) are there for who serves a copy that is
    ``exported``. One that is ``leaving`` is being withdrawn: no reader comes in
    any more, but some may still be in.
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
        """The key of a copy, which is found by its volume."""
        return f"copy/{volume_id}/{id}"


@dataclass(frozen=True)
class CutRecord:
    """A group snapshot, from before it is taken until none of its copies is left.

    ``images`` are all that it holds a part of; ``copies`` the keys of the copies wanted.
    """

    group: str
    images: tuple[str, ...]
    copies: tuple[str, ...]

    @staticmethod
    def key(cgsnapshot_id: str) -> str:
        """The key of a cut."""
        return f"cut/{cgsnapshot_id}"


@dataclass(frozen=True)
class GoneRecord:
    """The empty image of a volume that was deleted, as long as ``cuts`` count it among their images."""

    cuts: tuple[str, ...]

    @staticmethod
    def key(image: str) -> str:
        """The key of such an image."""
        return f"gone/{image}"


@dataclass(frozen=True)
class RestoreRecord:
    """A restore that is not finished; ``copies`` are volume ids by copy ids."""

    group: str | None
    state: str
    copies: dict[str, str]

    @staticmethod
    def key(id: str) -> str:
        """The key of a restore."""
        return f"restore/{id}"


def is_copy(snap: Mapping[str, object], snapshot_id: str, copy: CopyRecord) -> bool:
    """Whether an image's snapshot is that of a copy, be it taken alone or with a group."""
    return snap["name"] == names.plain(snapshot_id) or snap["of_group"] == names.cut(copy.cgsnapshot)


Record = GroupRecord | VolumeRecord | CopyRecord | CutRecord | GoneRecord | RestoreRecord
Kind = TypeVar("Kind", GroupRecord, VolumeRecord, CopyRecord, CutRecord, GoneRecord, RestoreRecord)


@dataclass(frozen=True)
class Written:
    """Keys and values that were read."""

    texts: Mapping[str, str]

    def find(self, kind: type[Kind], key: str) -> Kind | None:
        """Return one record, if it was there."""
        return _of(kind, self.texts[key]) if key in self.texts else None

    def all(self, kind: type[Kind], prefix: str) -> dict[str, Kind]:
        """Return all records of a kind, by what follows the prefix in their keys."""
        found = {key: text for key, text in self.texts.items() if key.startswith(prefix)}
        return {key[len(prefix) :]: _of(kind, text) for key, text in found.items()}


class Records:
    """The keys of one pool."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, kind: type[Kind], key: str) -> Kind | None:
        """Return one record, if it is there."""
        return self.read(kind, [key]).get(key)

    def read(self, kind: type[Kind], keys: Iterable[str]) -> dict[str, Kind]:
        """Return those records that are there, by key."""
        return self.at(keys).all(kind, "")

    def at(self, keys: Iterable[str]) -> Written:
        """Return those records that are there, of whatever kinds, as they are at one moment."""
        return Written(self._session.call("keys_read", object=OBJECT, keys=list(keys)))

    def all(self, kind: type[Kind], prefix: str) -> dict[str, Kind]:
        """Return all records of a kind, by what follows the prefix in their keys."""
        return Written(self._session.call("keys_list", object=OBJECT, prefix=prefix)).all(kind, prefix)

    def everything(self) -> Written:
        """Return all records, as they were at one moment if they are fewer than a thousand."""
        return Written(self._session.call("keys_list", object=OBJECT, prefix=""))

    def write(self, put: Mapping[str, Record], drop: Iterable[str] = ()) -> None:
        """Set records and remove others, all at once."""
        texts = {key: json.dumps(asdict(record), sort_keys=True) for key, record in put.items()}
        self._session.call("keys_write", object=OBJECT, put=texts, drop=list(drop))

    def group(self, group_id: str) -> None:
        """Raise FinalDriverError unless there is such a group."""
        found = self.find(GroupRecord, GroupRecord.key(group_id))
        if found is None or found.is_gone:
            raise FinalDriverError(f"there is no group {group_id}")

    def volume(self, volume_id: str) -> VolumeRecord:
        """Return a volume's record. Raises: FinalDriverError, if there is none."""
        found = self.find(VolumeRecord, VolumeRecord.key(volume_id))
        if found is None:
            raise FinalDriverError(f"there is no volume {volume_id}")
        return found

    def copy(self, snapshot: SnapshotSpec) -> CopyRecord | None:
        """Return a copy's record, if there is one."""
        return self.find(CopyRecord, CopyRecord.key(snapshot.volume_id, snapshot.id))

    def cut_copy(self, snapshot: SnapshotSpec) -> CopyRecord:
        """Return the record of a copy that is cut. Raises: FinalDriverError."""
        found = self.copy(snapshot)
        if found is None:
            raise FinalDriverError(f"there is no snapshot {snapshot.id} of volume {snapshot.volume_id}")
        if found.evidence is None:
            raise FinalDriverError(f"snapshot {snapshot.id} is prepared but has not been cut")
        return found


def _of(kind: type[Kind], text: str) -> Kind:
    values: dict[str, Any] = json.loads(text)
    if "images" in values:
        values["images"] = tuple(values["images"])
    if isinstance(values.get("copies"), list):
        values["copies"] = tuple(values["copies"])
    if "cuts" in values:
        values["cuts"] = tuple(values["cuts"])
    return kind(**values)
