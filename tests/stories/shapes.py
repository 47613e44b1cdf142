"""A small shape of every operation, for tests that treat all operations alike."""

from __future__ import annotations

MEMBERS = [
    {"volume_id": "volume-1", "snapshot_id": "snapshot-1"},
    {"volume_id": "volume-2", "snapshot_id": "snapshot-2"},
]

COPIES = [
    {"volume_id": "volume-1", "snapshot_id": "snapshot-1", "new_id": "volume-3"},
    {"volume_id": "volume-2", "snapshot_id": "snapshot-2", "new_id": "volume-4"},
]

SHAPES: dict[str, dict[str, object]] = {
    "audit.conform": {"what": "place"},
    "audit.remove": {"what": "volume"},
    "cgsnapshot.create": {"members": MEMBERS},
    "cgsnapshot.delete": {"members": MEMBERS},
    "consistencygroup.create": {},
    "consistencygroup.create_from_cgsnapshot": {"members": COPIES},
    "consistencygroup.create_from_group": {"members": COPIES},
    "consistencygroup.delete": {"members": [{"volume_id": "volume-1"}], "is_placed": True},
    "consistencygroup.revert": {"members": MEMBERS},
    "snapshot.create": {"member": MEMBERS[0]},
    "snapshot.delete": {"member": MEMBERS[0], "is_placed": True},
    "consistencygroup.update": {"members": [{"volume_id": "volume-1"}, {"volume_id": "volume-2"}]},
    "volume.compact": {},
    "volume.create": {},
    "volume.create_from_snapshot": {},
    "volume.create_from_volume": {"copy": {**MEMBERS[0], "resource_id": "snapshot-1", "group_id": None}},
    "volume.delete": {"is_placed": True, "copies": [{**MEMBERS[0], "resource_id": "snapshot-1"}]},
    "volume.extend": {},
    "volume.retype": {},
    "volume.revert": {},
}
