"""Schemas of the routes that are not offered. They check what clients send, and document Cinder's answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import EXCLUDE, Schema, fields, post_load, pre_load
from marshmallow.validate import OneOf

from api.schemas.action import ActionIn, SnapshotResetIn
from api.schemas.attachment import NoDetails
from api.schemas.base import NamedIn, NamedPatch, RefOut, body_schema, counted_page_schema, envelope_schema
from api.schemas.fields import Count, Flag, StringMap, Text
from api.schemas.list_query import ListIn
from api.schemas.service import HostIn
from api.versions import is_at_least
from cgflow.db.repositories.paging import ListQuery, check_sort_keys
from cgflow.errors import InvalidInput


class BackupListIn(ListIn):
    """The query of the list of backups."""

    filters = (*ListIn.filters, "volume_id")

    volume_id = Text(metadata={"description": "Only those of this volume."})
    with_count = Flag(metadata={"x-min-microversion": "3.45"})

    @post_load
    def query(self, data: Any, **kwargs: Any) -> Any:
        """Return whether the response is to hold the count; there are no backups to filter."""
        query: ListQuery = super().query(data, **kwargs)
        others = ("size", "container", "availability_zone", "snapshot_id", "data_timestamp")
        check_sort_keys(query.sort, (*self.filters, "created_at", "updated_at", *others))
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


class BackupPatch(NamedPatch):
    """The changes to a backup."""

    metadata = StringMap()


class RestoreIn(NamedIn):
    """The volume to which a backup is restored."""

    volume_id = Text(allow_none=True)


class RecordIn(NamedIn):
    """The record of a backup that another service made."""

    backup_service = Text(min=1, required=True)
    backup_url = Text(min=1, max=65535, required=True)


class BackupActionIn(ActionIn):
    """An action on a backup."""

    reset_status = fields.Nested(SnapshotResetIn, data_key="os-reset_status")
    force_delete = NoDetails("os-force_delete")


class BackupOut(RefOut):
    """The summary of a backup."""


BackupCreateIn = body_schema("BackupCreateIn", "backup", BackupIn)
BackupUpdateIn = body_schema("BackupUpdateIn", "backup", BackupPatch)
BackupRestoreIn = body_schema("BackupRestoreIn", "restore", RestoreIn)
BackupImportIn = body_schema("BackupImportIn", "backup-record", RecordIn)
BackupEnvelope = envelope_schema("backup", BackupOut)
BackupPage = counted_page_schema("backups", BackupOut)


class ClusterListIn(Schema):
    """The query of the list of clusters."""

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    name = Text()
    binary = Text()
    is_up = Flag()
    disabled = Flag()
    num_hosts = Count(min=0)
    num_down_hosts = Count(min=0)
    replication_status = Text(metadata={"x-min-microversion": "3.26"})
    frozen = Flag(metadata={"x-min-microversion": "3.26"})
    active_backend_id = Text(metadata={"x-min-microversion": "3.26"})


class ClusterQueryIn(Schema):
    """The binary of a cluster."""

    class Meta(ClusterListIn.Meta):  # noqa: D106
        pass

    binary = Text()


class ClusterIn(Schema):
    """The cluster to change."""

    name = Text(min=1, required=True)
    binary = Text(load_default=None, allow_none=True)
    disabled_reason = Text(load_default=None, allow_none=True)


ClusterOut = Schema.from_dict(
    {name: fields.String() for name in ("name", "binary", "state", "status")}, name="ClusterOut"
)
ClusterEnvelope = Schema.from_dict({"cluster": fields.Nested(ClusterOut)}, name="ClusterEnvelope")
ClustersOut = Schema.from_dict({"clusters": fields.List(fields.Nested(ClusterOut))}, name="ClustersOut")


class CleanupIn(Schema):
    """The services, or the resource, to clean up after."""

    is_optional = True

    cluster_name = Text(allow_none=True)
    service_id = Count(min=1)
    host = Text(allow_none=True)
    binary = Text(allow_none=True)
    is_up = Flag()
    disabled = Flag()
    resource_id = Text(allow_none=True)
    resource_type = fields.String(
        allow_none=True, validate=OneOf(("Volume", "Snapshot", "volume", "snapshot"))
    )

    @pre_load
    def accept_no_body(self, data: Any, **_: Any) -> Any:
        """Treat a missing body as an empty one. Raises: InvalidInput, if it is no object."""
        if data is None:
            return {}
        if not isinstance(data, dict):
            raise InvalidInput("The body must be an object.")
        return data


class CleanedOut(Schema):
    """A service whose lost processes left something."""

    id = fields.Integer()
    host = fields.String()
    binary = fields.String()
    cluster_name = fields.String(allow_none=True)


class CleanupOut(Schema):
    """The services that are being cleaned up, and those that cannot be at present."""

    cleaning = fields.List(fields.Nested(CleanedOut))
    unavailable = fields.List(fields.Nested(CleanedOut))


class FailoverIn(HostIn):
    """The backend to fail over, and the target."""

    backend_id = Text(allow_none=True)
