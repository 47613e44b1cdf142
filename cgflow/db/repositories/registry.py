"""The repositories of all resources that operations act on, by resource type."""

from __future__ import annotations

from typing import Any

from cgflow.db.repositories import cgsnapshot, consistencygroup, snapshot, volume
from cgflow.db.repositories.resource import ResourceRepository

REPOSITORIES: dict[str, ResourceRepository[Any]] = {
    "consistencygroup": consistencygroup.REPOSITORY,
    "volume": volume.REPOSITORY,
    "cgsnapshot": cgsnapshot.REPOSITORY,
    "snapshot": snapshot.REPOSITORY,
}
