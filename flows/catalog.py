"""Every operation by its name: the only thing that a stored flow knows of its story.

``version`` rises whenever the graph of a story changes, so that a flow begun
under the old one is recognised and not matched with the new one.
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
    "audit.conform": Definition(1, conform),
    "audit.remove": Definition(1, remove),
    "cgsnapshot.create": Definition(1, create_cgsnapshot),
    "cgsnapshot.delete": Definition(1, delete_cgsnapshot),
    "consistencygroup.create": Definition(1, create_consistencygroup),
    "consistencygroup.create_from_cgsnapshot": Definition(1, create_consistencygroup_from_cgsnapshot),
    "consistencygroup.create_from_group": Definition(1, create_consistencygroup_from_group),
    "consistencygroup.delete": Definition(1, delete_consistencygroup),
    "snapshot.create": Definition(1, create_snapshot),
    "snapshot.delete": Definition(1, delete_snapshot),
    "consistencygroup.revert": Definition(1, revert_consistencygroup),
    "consistencygroup.update": Definition(1, update_consistencygroup),
    "volume.compact": Definition(1, compact_volume),
    "volume.create": Definition(1, create_volume),
    "volume.create_from_snapshot": Definition(1, create_volume_from_snapshot),
    "volume.create_from_volume": Definition(1, create_volume_from_volume),
    "volume.delete": Definition(1, delete_volume),
    "volume.extend": Definition(1, extend_volume),
    "volume.retype": Definition(1, retype_volume),
    "volume.revert": Definition(1, revert_volume),
}


def define(operation: str) -> Definition:
    """Return the definition of an operation. Raises: FlowMismatch for one that this build does not have."""
    try:
        return OPERATIONS[operation]
    except KeyError:
        raise FlowMismatch(f"This build of cgflow has no operation {operation!r}.") from None
