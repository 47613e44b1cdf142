"""The operated nouns by name, for what is done to all of them alike."""

from __future__ import annotations

from typing import Any

from cgflow.db.repositories import cgsnapshot, consistencygroup, snapshot, volume
from cgflow.db.repositories.resource import Rows

ROWS_OF: dict[str, Rows[Any]] = {
    "consistencygroup": consistencygroup.ROWS,
    "volume": volume.ROWS,
    "cgsnapshot": cgsnapshot.ROWS,
    "snapshot": snapshot.ROWS,
}
