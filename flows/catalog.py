"""All operations by name. A stored flow refers to its definition only by the operation's name.

``version`` is increased whenever the graph of a flow changes, so that a flow begun under an older
version is recognised and is not run with the new graph. The arguments of a flow's function are stored
by name with each flow (its shape), so they are never renamed. The point of no return of a flow is its
single ``Commit`` step. The remedy of a definition is the advice shown to a user who tries to cancel
the operation after that point.
"""

from __future__ import annotations

from cgflow.engine.definition import Definition
from cgflow.errors import FlowMismatch
from flows.audit import flows as audit
from flows.cgsnapshot import flows as cgsnapshot
from flows.consistencygroup import flows as consistencygroup
from flows.snapshot import flows as snapshot
from flows.volume import flows as volume

_DELETED = "What was deleted cannot be restored."

OPERATIONS: dict[str, Definition] = {
    "audit.conform": Definition(1, audit.conform, "Audit again, and repair what still differs."),
    "audit.remove": Definition(1, audit.remove, "What was removed cannot be restored."),
    "cgsnapshot.create": Definition(1, cgsnapshot.create, "Delete the cgsnapshot if you do not want it."),
    "cgsnapshot.delete": Definition(1, cgsnapshot.delete, _DELETED),
    "consistencygroup.create": Definition(
        1, consistencygroup.create, "Delete the group if you do not want it."
    ),
    "consistencygroup.create_from_cgsnapshot": Definition(
        1, consistencygroup.create_from_cgsnapshot, "Delete the group with its volumes if you do not want it."
    ),
    "consistencygroup.create_from_group": Definition(
        1, consistencygroup.create_from_group, "Delete the group with its volumes if you do not want it."
    ),
    "consistencygroup.delete": Definition(1, consistencygroup.delete, _DELETED),
    "consistencygroup.revert": Definition(
        1,
        consistencygroup.revert,
        "Wait until it ends, then revert the group to another cgsnapshot, such as the safety cgsnapshot.",
    ),
    "consistencygroup.update": Definition(
        1, consistencygroup.update, "Update the group again to undo the change."
    ),
    "snapshot.create": Definition(1, snapshot.create, "Delete the snapshot if you do not want it."),
    "snapshot.delete": Definition(1, snapshot.delete, _DELETED),
    "volume.compact": Definition(1, volume.compact),
    "volume.create": Definition(1, volume.create, "Delete the volume if you do not want it."),
    "volume.create_from_snapshot": Definition(
        1, volume.create_from_snapshot, "Delete the volume if you do not want it."
    ),
    "volume.create_from_volume": Definition(
        1, volume.create_from_volume, "Delete the volume if you do not want it."
    ),
    "volume.delete": Definition(1, volume.delete, _DELETED),
    "volume.extend": Definition(
        1, volume.extend, "A volume cannot be made smaller. Copy its data to a smaller one if you need that."
    ),
    "volume.retype": Definition(1, volume.retype, "Retype the volume again to undo the change."),
    "volume.revert": Definition(
        1, volume.revert, "Wait until it ends, then revert the volume to another snapshot."
    ),
}


def definition_of(operation: str) -> Definition:
    """Return the definition of an operation. Raises: FlowMismatch, if this build does not have it."""
    try:
        return OPERATIONS[operation]
    except KeyError:
        raise FlowMismatch(f"This build of cgflow has no operation {operation!r}.") from None
