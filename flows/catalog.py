"""All operations by name. A stored flow refers to its definition only by the operation's name.

``version`` is increased whenever the graph of a flow changes, so that a flow begun under an older
version is recognised and is not run with the new graph. The point of no return of a flow is its
single ``Commit`` step. The remedy of a definition is the advice shown to a user who tries to cancel
the operation after that point.
"""

from __future__ import annotations

from cgflow.engine.definition import Definition
from cgflow.errors import FlowMismatch
from flows.audit.conform import conform
from flows.audit.remove import remove
from flows.cgsnapshot.create import create_cgsnapshot
from flows.cgsnapshot.delete import delete_cgsnapshot
from flows.consistencygroup.create import create_consistencygroup
from flows.consistencygroup.create_from_cgsnapshot import create_consistencygroup_from_cgsnapshot
from flows.consistencygroup.create_from_group import create_consistencygroup_from_group
from flows.consistencygroup.delete import delete_consistencygroup
from flows.consistencygroup.revert import revert_consistencygroup
from flows.consistencygroup.update import update_consistencygroup
from flows.snapshot.create import create_snapshot
from flows.snapshot.delete import delete_snapshot
from flows.volume.compact import compact_volume
from flows.volume.create import create_volume
from flows.volume.create_from_snapshot import create_volume_from_snapshot
from flows.volume.create_from_volume import create_volume_from_volume
from flows.volume.delete import delete_volume
from flows.volume.extend import extend_volume
from flows.volume.retype import retype_volume
from flows.volume.revert import revert_volume

OPERATIONS: dict[str, Definition] = {
    "audit.conform": Definition(1, conform, "Audit again; what differs then can be repaired."),
    "audit.remove": Definition(1, remove, "What was removed does not come back."),
    "cgsnapshot.create": Definition(1, create_cgsnapshot, "Delete the cgsnapshot if it is not wanted."),
    "cgsnapshot.delete": Definition(1, delete_cgsnapshot, "What was deleted does not come back."),
    "consistencygroup.create": Definition(
        1, create_consistencygroup, "Delete the group if it is not wanted."
    ),
    "consistencygroup.create_from_cgsnapshot": Definition(
        1, create_consistencygroup_from_cgsnapshot, "Delete the group with its volumes if it is not wanted."
    ),
    "consistencygroup.create_from_group": Definition(
        1, create_consistencygroup_from_group, "Delete the group with its volumes if it is not wanted."
    ),
    "consistencygroup.delete": Definition(1, delete_consistencygroup, "What was deleted does not come back."),
    "snapshot.create": Definition(1, create_snapshot, "Delete the snapshot if it is not wanted."),
    "snapshot.delete": Definition(1, delete_snapshot, "What was deleted does not come back."),
    "consistencygroup.revert": Definition(
        1,
        revert_consistencygroup,
        "It ends by itself; then revert the group to another cgsnapshot, such as the safety cgsnapshot.",
    ),
    "consistencygroup.update": Definition(
        1, update_consistencygroup, "Update the group once more to undo the change."
    ),
    "volume.compact": Definition(1, compact_volume),
    "volume.create": Definition(1, create_volume, "Delete the volume if it is not wanted."),
    "volume.create_from_snapshot": Definition(
        1, create_volume_from_snapshot, "Delete the volume if it is not wanted."
    ),
    "volume.create_from_volume": Definition(
        1, create_volume_from_volume, "Delete the volume if it is not wanted."
    ),
    "volume.delete": Definition(1, delete_volume, "What was deleted does not come back."),
    "volume.extend": Definition(
        1, extend_volume, "A volume is not made smaller: copy its data to a smaller one if that is wanted."
    ),
    "volume.retype": Definition(1, retype_volume, "Retype the volume once more to undo the change."),
    "volume.revert": Definition(
        1, revert_volume, "It ends by itself; then revert the volume to another snapshot if that is wanted."
    ),
}


def define(operation: str) -> Definition:
    """Return the definition of an operation. Raises: FlowMismatch, if this build does not have it."""
    try:
        return OPERATIONS[operation]
    except KeyError:
        raise FlowMismatch(f"This build of cgflow has no operation {operation!r}.") from None
