"""The objects of a btrfs backend, the operations in progress, and the events that change them.

Every change goes through ``State.apply_event``, during a call and when the event log is read after a restart,
so the two cannot differ. An event is one JSON object and is applied as a whole: a moved volume is in one
place only, and the members of a cut are cut together.

An *intent* is written before an effect. It ends with the event that records the effect or its undo. A process
that finds an intent knows what to look for on the disk. Files that no record and no intent names are never
changed.

A *home* is the folder of a consistency group, or of a volume outside any group.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from cgflow.drivers.contract import JSON, SnapshotSpec


@dataclass(frozen=True)
class PreviousContent:
    """The previous content of a volume: the unfinished restore that keeps it, and the restored snapshot."""

    restore_id: str
    snapshot_id: str


@dataclass(frozen=True)
class Volume:
    """A volume that exists."""

    id: str
    size_bytes: int
    group_id: str | None
    kept: PreviousContent | None = None

    @property
    def home(self) -> str:
        """The home that contains the volume."""
        return self.group_id or self.id


@dataclass(frozen=True)
class Snapshot:
    """The snapshot of one member: prepared while ``size_bytes`` is None, cut afterwards."""

    spec: SnapshotSpec
    size_bytes: int | None = None
    is_exported: bool = False

    @property
    def home(self) -> str:
        """The home that contains the snapshot."""
        return self.spec.group_id or self.spec.volume_id


@dataclass(frozen=True)
class Cut:
    """A cut that has happened, for as long as one of its snapshots exists."""

    members: frozenset[str]
    evidence: JSON


@dataclass(frozen=True)
class Intent:
    """An operation in progress in ``homes``: its kind ``what``, and the values ``about`` for its recovery."""

    key: str
    what: str
    homes: tuple[str, ...]
    about: dict[str, Any]


class State:
    """All objects of one backend. The caller locks."""

    def __init__(self) -> None:
        self.groups: set[str] = set()
        self.volumes: dict[str, Volume] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.cuts: dict[str, Cut] = {}
        self.intents: dict[str, Intent] = {}
        self._ids_by_volume: dict[str, set[str]] = defaultdict(set)
        self._handlers: dict[str, Callable[..., None]] = {
            "intend": lambda: None,
            "give_up": lambda: None,
            "group": self._add_group,
            "group_gone": self._remove_group,
            "volume": self._add_volume,
            "volume_gone": self._remove_volume,
            "size": self._set_volume_size,
            "copy": self._add_snapshot,
            "copy_gone": self._remove_snapshot,
            "cut": self._record_cut,
            "export": self._set_snapshot_exported,
            "move": self._move_volume,
            "restored": self._record_restore,
            "settled": self._end_restore,
        }

    def apply_event(self, event: JSON) -> None:
        """Apply one event. Raises: KeyError, TypeError, ValueError, if that is impossible.

        Any event may also end the intent that caused it, and begin the next one.
        """
        values = dict(event)
        ends, begins = values.pop("ends", None), values.pop("begins", None)
        self._handlers[str(values.pop("do"))](**values)
        if ends is not None:
            self.intents.pop(str(ends), None)
        if isinstance(begins, dict):
            intent = Intent(**{**begins, "homes": tuple(begins["homes"])})
            self.intents[intent.key] = intent

    def events_to_rebuild(self) -> Iterator[JSON]:
        """Return the fewest events that create this state."""
        for group in sorted(self.groups):
            yield {"do": "group", "id": group}
        for volume in self.volumes.values():
            yield {"do": "volume", **asdict(volume)}
        for copy in self.snapshots.values():
            yield {"do": "copy", **asdict(copy)}
        for id, cut in self.cuts.items():
            yield {
                "do": "cut",
                "id": id,
                "sizes": {},
                "evidence": cut.evidence,
                "members": sorted(cut.members),
            }
        for intent in self.intents.values():
            yield {"do": "intend", "begins": asdict(intent)}

    def snapshots_of(self, volume_id: str) -> list[Snapshot]:
        """Return the snapshots of a volume, prepared or cut."""
        return [self.snapshots[id] for id in sorted(self._ids_by_volume.get(volume_id, ()))]

    def snapshots_in_cut(self, home: str, cgsnapshot_id: str) -> list[Snapshot]:
        """Return the snapshots in the subvolume of a cut in a home; an empty list if there is no such cut."""
        cut = self.cuts.get(cgsnapshot_id)
        existing = [self.snapshots[id] for id in (cut.members if cut else ()) if id in self.snapshots]
        return [copy for copy in existing if copy.home == home]

    def volumes_in_restore(self, restore_id: str) -> list[Volume]:
        """Return the volumes whose previous content an unfinished restore keeps."""
        kept = [(volume, volume.kept) for volume in list(self.volumes.values())]
        return [
            volume for volume, content in kept if content is not None and content.restore_id == restore_id
        ]

    def _add_group(self, id: str) -> None:
        self.groups.add(id)

    def _remove_group(self, id: str) -> None:
        self.groups.discard(id)

    def _add_volume(self, id: str, size_bytes: int, group_id: str | None, kept: JSON | None = None) -> None:
        previous = (
            None if kept is None else PreviousContent(**{key: str(value) for key, value in kept.items()})
        )
        self.volumes[id] = Volume(id, size_bytes, group_id, previous)

    def _remove_volume(self, id: str) -> None:
        self.volumes.pop(id, None)

    def _set_volume_size(self, id: str, size_bytes: int) -> None:
        self.volumes[id] = replace(self.volumes[id], size_bytes=size_bytes)

    def _add_snapshot(
        self, spec: dict[str, Any], size_bytes: int | None = None, is_exported: bool = False
    ) -> None:
        copy = Snapshot(SnapshotSpec(**spec), size_bytes, is_exported)
        self.snapshots[copy.spec.id] = copy
        self._ids_by_volume[copy.spec.volume_id].add(copy.spec.id)

    def _remove_snapshot(self, id: str) -> None:
        copy = self.snapshots.pop(id, None)
        if copy is None:
            return
        self._ids_by_volume[copy.spec.volume_id].discard(id)
        cut = self.cuts.get(copy.spec.cgsnapshot_id)
        if cut is not None and not cut.members & self.snapshots.keys():
            del self.cuts[copy.spec.cgsnapshot_id]

    def _record_cut(self, id: str, sizes: dict[str, int], evidence: JSON, members: list[str]) -> None:
        self.cuts[id] = Cut(frozenset(members), evidence)
        for copy_id, size in sizes.items():
            self.snapshots[copy_id] = replace(self.snapshots[copy_id], size_bytes=size)

    def _set_snapshot_exported(self, id: str, is_exported: bool) -> None:
        self.snapshots[id] = replace(self.snapshots[id], is_exported=is_exported)

    def _move_volume(self, id: str, group_id: str | None) -> None:
        self.volumes[id] = replace(self.volumes[id], group_id=group_id)
        for copy in self.snapshots_of(id):
            self.snapshots[copy.spec.id] = replace(copy, spec=replace(copy.spec, group_id=group_id))

    def _record_restore(self, id: str, members: dict[str, str]) -> None:
        for volume_id, snapshot_id in members.items():
            self.volumes[volume_id] = replace(self.volumes[volume_id], kept=PreviousContent(id, snapshot_id))

    def _end_restore(self, id: str) -> None:
        """Record that a restore was finished or undone: nothing is kept any more."""
        for volume in self.volumes_in_restore(id):
            self.volumes[volume.id] = replace(volume, kept=None)
