"""The objects of a memory backend with their content, and the events that change them.

Every change goes through ``State.apply_event``, during a call and when the event log is read after a restart,
so the two cannot differ. An event is one JSON object and is applied as a whole. A cut is therefore all or
nothing even if the process is killed. The driver checks beforehand whether an event is allowed.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from cgflow.drivers.contract import JSON, SnapshotSpec

BLOCK = 4096
"""Bytes in a block. A block that was never written reads as zeros and uses no space."""

GIB = 1 << 30

_ZEROS = bytes(BLOCK)


class Content:
    """The content of a volume or a snapshot, as sparse blocks, which are never changed in place.

    A snapshot can therefore share them. The caller locks, and checks offsets against the size.
    """

    def __init__(self, blocks: dict[int, bytes] | None = None) -> None:
        self._blocks = blocks or {}

    @property
    def allocated_bytes(self) -> int:
        """The bytes that were written, in whole blocks."""
        return len(self._blocks) * BLOCK

    def write(self, offset: int, data: bytes) -> None:
        """Write data at an offset in bytes."""
        done = 0
        while done < len(data):
            index, start = divmod(offset + done, BLOCK)
            piece = data[done : done + BLOCK - start]
            old = self._blocks.get(index, _ZEROS)
            self._blocks[index] = old[:start] + piece + old[start + len(piece) :]
            done += len(piece)

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes at an offset in bytes."""
        first, last = offset // BLOCK, (offset + length - 1) // BLOCK
        whole = b"".join(self._blocks.get(index, _ZEROS) for index in range(first, last + 1))
        return whole[offset - first * BLOCK :][:length]

    def snapshot(self) -> Content:
        """Return the same content, not affected by later writes."""
        return Content(dict(self._blocks))

    def truncate(self, size_bytes: int) -> None:
        """Drop everything beyond a size, which is a whole number of blocks."""
        self._blocks = {index: block for index, block in self._blocks.items() if index < size_bytes // BLOCK}

    def to_json(self) -> dict[str, str]:
        """Return the blocks as JSON: base64 by index."""
        return {str(index): base64.b64encode(block).decode() for index, block in self._blocks.items()}

    @classmethod
    def from_json(cls, stored: dict[str, str]) -> Content:
        """Read the result of ``to_json``. Raises: ValueError."""
        return cls({int(index): block for index, block in _decode_blocks(stored)})


@dataclass(frozen=True)
class PreviousContent:
    """The previous content of a volume, kept by an unfinished restore."""

    restore_id: str
    snapshot_id: str
    content: Content


@dataclass
class Volume:
    """A volume that exists."""

    id: str
    size_gib: int
    group_id: str | None
    content: Content = field(default_factory=Content)
    snapshots: set[str] = field(default_factory=set)
    previous: PreviousContent | None = None
    cuts: int = 0
    """Number of cuts since the last compaction."""


@dataclass
class Snapshot:
    """The snapshot of one member: prepared while ``content`` is None, cut afterwards."""

    spec: SnapshotSpec
    size_gib: int
    content: Content | None = None
    is_exported: bool = False


@dataclass
class Cut:
    """A cut that has happened, for as long as one of its snapshots exists."""

    evidence: JSON
    members: frozenset[str]
    snapshots: set[str]


class State:
    """All objects of one backend. The caller locks."""

    def __init__(self) -> None:
        self.groups: set[str] = set()
        self.volumes: dict[str, Volume] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.cuts: dict[str, Cut] = {}
        self.provisioned_gib = 0
        self._handlers: dict[str, Callable[..., None]] = {
            "create_group": self._create_group,
            "delete_group": self._delete_group,
            "create_volume": self._create_volume,
            "delete_volume": self._delete_volume,
            "extend_volume": self._extend_volume,
            "clone_volume": self._clone_volume,
            "move_volume": self._move_volume,
            "restore": self._restore_volumes,
            "undo_restore": self._undo_restore,
            "finish_restore": self._finish_restore,
            "write": self._write_volume,
            "prepare": self._prepare_snapshot,
            "cut": self._cut_snapshots,
            "cut_took": self._set_cut_duration,
            "compact": self._reset_cut_count,
            "export_snapshot": self._set_snapshot_exported,
            "delete_snapshot": self._delete_snapshot,
            "volume": self._rebuild_volume,
            "kept": self._rebuild_previous_content,
            "copy": self._rebuild_snapshot,
            "cut_done": self._add_cut,
        }

    def previous_contents(self, restore: str) -> list[PreviousContent]:
        """Return what an unfinished restore keeps; an empty list if there is no such restore."""
        contents = (volume.previous for volume in self.volumes.values())
        return [each for each in contents if each is not None and each.restore_id == restore]

    def apply_event(self, event: JSON) -> None:
        """Apply one event. Raises: KeyError, TypeError, ValueError, if that is impossible."""
        values = dict(event)
        self._handlers[str(values.pop("do"))](**values)

    def events_to_rebuild(self) -> Iterator[JSON]:
        """Return the fewest events that create this state."""
        for group in sorted(self.groups):
            yield {"do": "create_group", "group": group}
        for volume in self.volumes.values():
            yield {
                "do": "volume",
                "id": volume.id,
                "size_gib": volume.size_gib,
                "group": volume.group_id,
                "blocks": volume.content.to_json(),
                "cuts": volume.cuts,
            }
            if volume.previous is not None:
                yield {
                    "do": "kept",
                    "id": volume.id,
                    "restore": volume.previous.restore_id,
                    "snapshot": volume.previous.snapshot_id,
                    "blocks": volume.previous.content.to_json(),
                }
        for snapshot in self.snapshots.values():
            yield {
                "do": "copy",
                "spec": asdict(snapshot.spec),
                "size_gib": snapshot.size_gib,
                "blocks": None if snapshot.content is None else snapshot.content.to_json(),
                "exported": snapshot.is_exported,
            }
        for cgsnapshot, cut in self.cuts.items():
            yield {
                "do": "cut_done",
                "cgsnapshot": cgsnapshot,
                "evidence": cut.evidence,
                "members": sorted(cut.members),
                "copies": sorted(cut.snapshots),
            }

    def _create_group(self, group: str) -> None:
        self.groups.add(group)

    def _delete_group(self, group: str) -> None:
        self.groups.remove(group)

    def _create_volume(self, id: str, size_gib: int, group: str | None) -> None:
        self.volumes[id] = Volume(id, size_gib, group)
        self.provisioned_gib += size_gib

    def _delete_volume(self, id: str) -> None:
        self.provisioned_gib -= self.volumes.pop(id).size_gib

    def _extend_volume(self, id: str, size_gib: int) -> None:
        volume = self.volumes[id]
        if size_gib < volume.size_gib:
            volume.content.truncate(size_gib * GIB)
        self.provisioned_gib += size_gib - volume.size_gib
        volume.size_gib = size_gib

    def _clone_volume(self, id: str, size_gib: int, group: str | None, source: str) -> None:
        content = self.snapshots[source].content
        if content is None:
            raise ValueError(f"snapshot {source} has not been cut")
        self._create_volume(id, size_gib, group)
        self.volumes[id].content = content.snapshot()

    def _move_volume(self, id: str, group: str | None) -> None:
        volume = self.volumes[id]
        volume.group_id = group
        for snapshot in (self.snapshots[each] for each in volume.snapshots):
            snapshot.spec = replace(snapshot.spec, group_id=group)

    def _restore_volumes(self, restore: str, copies: list[str]) -> None:
        for snapshot in (self.snapshots[id] for id in copies):
            volume = self.volumes[snapshot.spec.volume_id]
            if snapshot.content is None:
                raise ValueError(f"snapshot {snapshot.spec.id} has not been cut")
            volume.previous = PreviousContent(restore, snapshot.spec.id, volume.content)
            volume.content = snapshot.content.snapshot()

    def _undo_restore(self, restore: str) -> None:
        for volume in self.volumes.values():
            if volume.previous is not None and volume.previous.restore_id == restore:
                volume.content, volume.previous = volume.previous.content, None

    def _finish_restore(self, restore: str) -> None:
        for volume in self.volumes.values():
            if volume.previous is not None and volume.previous.restore_id == restore:
                volume.previous = None

    def _write_volume(self, id: str, offset: int, data: str) -> None:
        self.volumes[id].content.write(offset, base64.b64decode(data, validate=True))

    def _prepare_snapshot(self, spec: dict[str, Any]) -> None:
        snapshot = SnapshotSpec(**spec)
        volume = self.volumes[snapshot.volume_id]
        volume.snapshots.add(snapshot.id)
        self.snapshots[snapshot.id] = Snapshot(snapshot, volume.size_gib)

    def _cut_snapshots(
        self, cgsnapshot: str, copies: list[str], evidence: JSON, seen: dict[str, Any] | None = None
    ) -> None:
        """Set the content of snapshots: that of the volumes now, or ``seen`` if it is given."""
        members = {id: self.snapshots[id] for id in copies}
        volumes = {id: self.volumes[snapshot.spec.volume_id] for id, snapshot in members.items()}
        for id, snapshot in members.items():
            volumes[id].cuts += 1
            if seen is None:
                snapshot.size_gib, snapshot.content = volumes[id].size_gib, volumes[id].content.snapshot()
            else:
                snapshot.size_gib = seen[id]["size_gib"]
                snapshot.content = Content.from_json(seen[id]["blocks"])
        self._add_cut(cgsnapshot, evidence, copies, copies)

    def _set_cut_duration(self, cgsnapshot: str, ms: float) -> None:
        cut = self.cuts[cgsnapshot]
        cut.evidence = {**cut.evidence, "duration_ms": ms}

    def _reset_cut_count(self, id: str) -> None:
        self.volumes[id].cuts = 0

    def _set_snapshot_exported(self, id: str, exported: bool) -> None:
        self.snapshots[id].is_exported = exported

    def _delete_snapshot(self, id: str) -> None:
        spec = self.snapshots.pop(id).spec
        self.volumes[spec.volume_id].snapshots.remove(id)
        cut = self.cuts.get(spec.cgsnapshot_id)
        if cut is not None:
            cut.snapshots.discard(id)
            if not cut.snapshots:
                del self.cuts[spec.cgsnapshot_id]

    def _rebuild_volume(
        self, id: str, size_gib: int, group: str | None, blocks: dict[str, str], cuts: int = 0
    ) -> None:
        self._create_volume(id, size_gib, group)
        self.volumes[id].content = Content.from_json(blocks)
        self.volumes[id].cuts = cuts

    def _rebuild_previous_content(self, id: str, restore: str, snapshot: str, blocks: dict[str, str]) -> None:
        self.volumes[id].previous = PreviousContent(restore, snapshot, Content.from_json(blocks))

    def _rebuild_snapshot(
        self, spec: dict[str, Any], size_gib: int, blocks: dict[str, str] | None, exported: bool
    ) -> None:
        self._prepare_snapshot(spec)
        snapshot = self.snapshots[spec["id"]]
        snapshot.size_gib = size_gib
        snapshot.content = None if blocks is None else Content.from_json(blocks)
        snapshot.is_exported = exported

    def _add_cut(self, cgsnapshot: str, evidence: JSON, members: list[str], copies: list[str]) -> None:
        self.cuts[cgsnapshot] = Cut(evidence, frozenset(members), set(copies))


def _decode_blocks(stored: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    for index, text in stored.items():
        block = base64.b64decode(text, validate=True)
        if len(block) != BLOCK:
            raise ValueError(f"block {index} has {len(block)} bytes instead of {BLOCK}")
        yield index, block
