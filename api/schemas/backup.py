"""Schemas of backups. There are none to show; the schemas validate what clients send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import fields, post_load

from api.schemas.action import ActionIn, SnapshotResetIn
from api.schemas.attachment import NoDetails
from api.schemas.envelope import Envelope, counted, wrapped
from api.schemas.fields import Flag, StringMap, Text
from api.schemas.list_query import ListIn
from api.schemas.resource import NamedIn, NamedPatch, RefOut
from api.versions import is_at_least
from cgflow.db.repositories.paging import ListQuery, check_order

_SORT_KEYS = (
    "created_at",
    "updated_at",
    "size",
    "container",
    "availability_zone",
    "snapshot_id",
    "data_timestamp",
)


class BackupListIn(ListIn):
    """The query of the list of backups."""

    filters = (*ListIn.filters, "volume_id")

    volume_id = Text(metadata={"description": "Only those of this volume."})
    with_count = Flag(metadata={"x-min-microversion": "3.45"})

    @post_load
    def query(self, data: Any, **kwargs: Any) -> Any:
        """Return whether the response is to hold the count; there are no backups to filter."""
        query: ListQuery = super().query(data, **kwargs)
        check_order(query.sort, (*self.filters, *_SORT_KEYS))
        return bool(data.get("with_count")) and is_at_least(45)


class BackupIn(NamedIn):
    """A new backup."""

    later: ClassVar[Mapping[str, int]] = {"metadata": 43, "availability_zone": 51}

    volume_id = Text(min=1, required=True)
    container = Text(allow_none=True)
    snapshot_id = Text(allow_none=True)
    incremental = Flag()
    force = Flag()
    metadata = StringMap()
    availability_zone = Text(allow_none=True)


class BackupCreateIn(Envelope):
    """The body that requests a backup."""

    root = "backup"

    backup = fields.Nested(BackupIn, required=True)


class BackupPatch(NamedPatch):
    """The changes to a backup."""

    metadata = StringMap()


class BackupUpdateIn(Envelope):
    """The body that changes the name, description or metadata of a backup."""

    root = "backup"

    backup = fields.Nested(BackupPatch, required=True)


class RestoreIn(NamedIn):
    """The volume to which a backup is restored."""

    volume_id = Text(allow_none=True)


class BackupRestoreIn(Envelope):
    """The body that restores a backup."""

    root = "restore"

    restore = fields.Nested(RestoreIn, required=True)


class RecordIn(NamedIn):
    """The record of a backup that another service made."""

    backup_service = Text(min=1, required=True)
    backup_url = Text(min=1, max=65535, required=True)


class BackupImportIn(Envelope):
    """The body that imports the record of a backup."""

    root = "backup-record"

    record = fields.Nested(RecordIn, required=True, data_key="backup-record")

    @post_load
    def unwrap(self, data: Any, **_: Any) -> Any:
        """Return the content of the envelope."""
        return data["record"]


class BackupActionIn(ActionIn):
    """An action on a backup."""

    reset = fields.Nested(SnapshotResetIn, data_key="os-reset_status")
    force_delete = NoDetails("os-force_delete")


class BackupOut(RefOut):
    """The summary of a backup."""


ShowEnvelope = wrapped("backup", BackupOut)
Page = counted("backups", BackupOut)
