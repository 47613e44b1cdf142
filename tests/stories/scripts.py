"""How to run each operation in a world: what it needs, and how it is requested."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cgflow.audit.findings import Finding
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.drivers.memory.driver import MAX_CUTS
from flows.acceptance import Accepted, new_id
from flows.audit.accept_repairs import accept_repair
from tests.support import volume_content
from tests.support.world import CALLER, HOST, World


@dataclass(frozen=True)
class Start:
    """The state of a world before an operation, and the faults in it."""

    state: dict[str, Any]
    faults: list[str]


@dataclass(frozen=True)
class Script:
    """``arrange`` creates what the operation needs and returns its id; ``act`` requests the operation.

    ``forward`` operations cannot be undone once started: they always succeed. ``deletes``: the target
    is gone afterwards. ``calls_driver``: the operation calls the backend. ``mends``: what is arranged
    is drift, which audits report until the operation has succeeded.
    """

    arrange: Callable[[World], str]
    act: Callable[[World, str], Accepted]
    forward: bool = False
    deletes: bool = False
    calls_driver: bool = True
    mends: bool = False

    def start(self, world: World) -> Start:
        """Return the state of a world in which the operation has been arranged."""
        return Start(world.state(), world.faults() if self.mends else [])

    def faults(self, world: World, start: Start, target: str, *, is_done: bool) -> list[str]:
        """Return what is wrong after the operation, except drift that it should have repaired and has not."""
        left = [fault for fault in start.faults if not (is_done and target in fault)]
        return [fault for fault in world.faults() if fault not in left]


def _group(world: World) -> str:
    return next((g.id for g in world.all("consistencygroup") if g.status == "available"), None) or (
        world.group_of(2)
    )


def _new_group(world: World) -> str:
    _group(world)
    made = world.make(world.accept_group())
    world.make(world.accept_volume(made))
    return made


def _cgsnapshot(world: World) -> str:
    return world.make(world.accept_cgsnapshot(_group(world)))


def _older_cgsnapshot(world: World) -> str:
    """Return the always same cgsnapshot of a group whose members have other content by now."""
    group_id = _group(world)
    members = [one.id for one in world.all("volume") if one.consistencygroup_id == group_id]
    made = next((one.id for one in world.all("cgsnapshot")), None)
    if made is None:
        volume_content.write_to_volumes(world.driver, members, volume_content.OLD)
        made = world.make(world.accept_cgsnapshot(group_id))
    volume_content.write_to_volumes(world.driver, members, volume_content.NEW)
    return made


def _older_snapshot(world: World) -> str:
    """Return a snapshot of a volume that has other content by now."""
    volume_id = _volume(world)
    volume_content.write_to_volumes(world.driver, [volume_id], volume_content.OLD)
    made = world.make(world.accept_snapshot(volume_id))
    volume_content.write_to_volumes(world.driver, [volume_id], volume_content.NEW)
    return made


def _volume(world: World) -> str:
    _group(world)
    return world.make(world.accept_volume())


def slow_volume(world: World, group_id: str | None = None) -> str:
    """Return a volume with so many cuts that compaction is due, and with no snapshots left."""
    made = _volume(world) if group_id is None else world.make(world.accept_volume(group_id))
    driver: Any = world.driver
    for number in range(MAX_CUTS + 1):
        copy = SnapshotSpec(f"{made}.{number}", made, f"{made}.{number}", group_id)
        driver.prepare(copy)
        driver.cut(copy.cgsnapshot_id, group_id, [copy])
        driver.delete_snapshot(copy)
    return made


def _volume_with_copies(world: World) -> str:
    made = _volume(world)
    world.make(world.accept_snapshot(made))
    world.make(world.accept_snapshot(made))
    return made


def _snapshot(world: World) -> str:
    return world.make(world.accept_snapshot(_volume(world)))


def _member(world: World) -> str:
    return world.make(world.accept_volume(_group(world)))


def _volume_of(world: World, snapshot_id: str) -> str:
    volume_id: str = world.get("snapshot", snapshot_id).volume_id
    return volume_id


def _typed(world: World) -> str:
    if "slow" not in world.types():
        world.type("slow")
    return _volume(world)


def _outsider(world: World) -> str:
    """Return a volume in no group, and create a group of one member without cgsnapshots."""
    _new_group(world)
    return world.make(world.accept_volume())


def _change_members(world: World, outsider: str) -> Accepted:
    """Add the volume to the newest group, and remove its only member."""
    group_id = [one.id for one in world.all("consistencygroup") if one.status == "available"][-1]
    members = [one.id for one in world.all("volume") if one.consistencygroup_id == group_id]
    return world.update_group(group_id, add=[outsider], remove=members)


def _displaced(world: World) -> str:
    """Return a group that does not exist on the backend."""
    made = world.make(_group_alone(world))
    world.driver.delete_group(made)
    return made


def _group_alone(world: World) -> Accepted:
    _group(world)
    return world.accept_group()


def _make_place(world: World, group_id: str) -> Accepted:
    finding = Finding(
        code="group.missing", subject=group_id, message="There is none.", noun="consistencygroup", host=HOST
    )
    return accept_repair(world.runtime, CALLER, finding)


def _orphan(world: World) -> str:
    """Create a volume without a record on the backend, in a group that has a record."""
    made = new_id()
    world.driver.create_volume(VolumeSpec(made, 1, _group(world)))
    return made


def _remove_orphan(world: World, volume_id: str) -> Accepted:
    facts = {"size": 1, "group_id": _group(world)}
    finding = Finding(
        code="volume.orphan", subject=volume_id, message="Nobody's.", noun="volume", host=HOST, facts=facts
    )
    return accept_repair(world.runtime, CALLER, finding)


SCRIPTS: dict[str, Script] = {
    "audit.conform": Script(_displaced, _make_place, mends=True),
    "audit.remove": Script(_orphan, _remove_orphan, forward=True, deletes=True, mends=True),
    "cgsnapshot.create": Script(_group, lambda world, group: world.accept_cgsnapshot(group)),
    "cgsnapshot.delete": Script(
        _cgsnapshot, lambda world, cgsnapshot: world.delete_cgsnapshot(cgsnapshot), forward=True, deletes=True
    ),
    "consistencygroup.create": Script(_group, lambda world, _: world.accept_group()),
    "consistencygroup.create_from_cgsnapshot": Script(
        _cgsnapshot, lambda world, cgsnapshot: world.group_from(cgsnapshot=cgsnapshot)
    ),
    "consistencygroup.create_from_group": Script(_group, lambda world, group: world.group_from(group=group)),
    "consistencygroup.delete": Script(
        _new_group, lambda world, group: world.delete_group(group), forward=True, deletes=True
    ),
    "consistencygroup.revert": Script(
        _older_cgsnapshot,
        lambda world, cgsnapshot: world.revert_group(cgsnapshot, safety="before the revert"),
    ),
    "snapshot.create": Script(_member, lambda world, volume: world.accept_snapshot(volume)),
    "snapshot.delete": Script(
        _snapshot, lambda world, snapshot: world.delete_snapshot(snapshot), forward=True, deletes=True
    ),
    "consistencygroup.update": Script(_outsider, _change_members),
    "volume.compact": Script(
        slow_volume,
        lambda world, volume: world.compact(volume),
        forward=True,
    ),
    "volume.create": Script(_group, lambda world, group: world.accept_volume(group)),
    "volume.create_from_snapshot": Script(
        _snapshot, lambda world, snapshot: world.accept_volume(snapshot_id=snapshot)
    ),
    "volume.create_from_volume": Script(
        _member, lambda world, volume: world.accept_volume(source_volid=volume)
    ),
    "volume.delete": Script(
        _volume_with_copies,
        lambda world, volume: world.delete_volume(volume, cascade=True),
        forward=True,
        deletes=True,
    ),
    "volume.extend": Script(_volume, lambda world, volume: world.extend(volume, 2)),
    "volume.retype": Script(_typed, lambda world, volume: world.retype(volume, "slow"), calls_driver=False),
    "volume.revert": Script(
        _older_snapshot,
        lambda world, snapshot: world.revert(_volume_of(world, snapshot), snapshot),
    ),
}
