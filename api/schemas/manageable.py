"""Schemas of volumes and snapshots on backends that have no record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load
from marshmallow.validate import OneOf

from api.schemas.base import Link, NamedIn, body_schema
from api.schemas.fields import MAX_INT, Count, Flag, SelfParsingField, StringMap, Text
from api.versions import is_at_least
from cgflow.errors import InvalidInput


def _require_host(host: str | None, cluster: str | None) -> str:
    """Return the named backend. Raises: InvalidInput, unless exactly a host is named."""
    if cluster:
        raise InvalidInput("There are no clusters; name a host.", "cluster")
    if not host:
        raise InvalidInput("Invalid input for field 'host': the host must be named.", "host")
    return host.partition("#")[0]


class Reference(SelfParsingField, fields.Raw):
    """The backend's name of a volume or snapshot: an object, or a string."""

    def __init__(self) -> None:
        super().__init__(
            required=True, metadata={"oneOf": [{"type": "object"}, {"type": "string", "minLength": 1}]}
        )

    def parse(self, value: Any) -> Any:
        """See the class."""
        if not isinstance(value, Mapping | str) or value == "":
            raise ValidationError("Must be an object or a string.")
        return value


class ManageableListIn(Schema):
    """The query of a list: backend, page size, position and order."""

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    host = Text(metadata={"description": "The backend, as `host@backend` or `host@backend#pool`."})
    cluster = Text(metadata={"description": "Refused: there are no clusters.", "x-min-microversion": "3.17"})
    limit = Count(min=0, load_default=0)
    offset = Count(min=0, load_default=0)
    marker = Text(load_default=None)
    sort = Text(
        load_default="reference:asc", metadata={"description": "`size` or `reference`, `asc` or `desc`."}
    )
    sort_key = fields.String(validate=OneOf(("size", "reference")))
    sort_dir = fields.String(validate=OneOf(("asc", "desc")))

    @post_load
    def settle(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the backend, the order and the position of the page. Raises: InvalidInput."""
        host = _require_host(data.get("host"), data.get("cluster") if is_at_least(17) else None)
        key, _colon, direction = data["sort"].partition(":")
        key, direction = data.get("sort_key", key), data.get("sort_dir", direction or "asc")
        if key not in ("size", "reference") or direction not in ("asc", "desc"):
            raise InvalidInput(f"Invalid sort '{data['sort']}': size or reference, asc or desc.", "sort")
        return {
            "host": host,
            "key": key,
            "descending": direction == "desc",
            "offset": data["offset"],
            "limit": data["limit"] or MAX_INT,
            "marker": data["marker"],
        }


class ManageVolumeIn(NamedIn):
    """A volume to manage."""

    host = Text(allow_none=True)
    cluster = Text(allow_none=True, metadata={"x-min-microversion": "3.16"})
    ref = Reference()
    volume_type = Text(allow_none=True)
    availability_zone = Text(allow_none=True)
    metadata = StringMap()
    bootable = Flag()

    @post_load
    def settle(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Require exactly one backend. Raises: InvalidInput."""
        return data | {
            "host": _require_host(data.get("host"), data.get("cluster") if is_at_least(16) else None)
        }


ManageVolumeBody = body_schema("ManageVolumeBody", "volume", ManageVolumeIn)


class ManageSnapshotIn(NamedIn):
    """A snapshot to manage."""

    volume_id = Text(min=1, required=True)
    ref = Reference()
    metadata = StringMap()


ManageSnapshotBody = body_schema("ManageSnapshotBody", "snapshot", ManageSnapshotIn)


class ManagedOut(Schema):
    """The response to a managed resource; it documents a success that never occurs."""

    id = fields.String()


class ReferenceOut(Schema):
    """The backend's name of a volume or snapshot."""

    source_id = fields.String(data_key="source-id")


class ManageableOut(Schema):
    """The summary of a volume. ``size`` is in GiB, null if the backend does not report it."""

    reference = fields.Nested(ReferenceOut)
    size = fields.Integer(allow_none=True)
    safe_to_manage = fields.Boolean()


class ManageableDetailOut(ManageableOut):
    """A volume in full."""

    reason_not_safe = fields.String()
    cinder_id = fields.String(allow_none=True)
    extra_info = fields.String(allow_none=True)


class ManageableSnapshotOut(ManageableOut):
    """The summary of a snapshot. Backends do not report its volume."""

    source_reference = fields.Nested(ReferenceOut, allow_none=True)


class ManageableSnapshotDetailOut(ManageableDetailOut, ManageableSnapshotOut):
    """A snapshot in full."""


def _page_schema(root: str, schema: type[Schema]) -> type[Schema]:
    members: dict[str, fields.Field[Any]] = {
        root: fields.List(fields.Nested(schema)),
        f"{root}_links": fields.List(fields.Nested(Link)),
    }
    return Schema.from_dict(members, name=f"{schema.__name__.removesuffix('Out')}Page")


VOLUMES, SNAPSHOTS = "manageable-volumes", "manageable-snapshots"
VolumePage = _page_schema(VOLUMES, ManageableOut)
VolumeDetailPage = _page_schema(VOLUMES, ManageableDetailOut)
SnapshotPage = _page_schema(SNAPSHOTS, ManageableSnapshotOut)
SnapshotDetailPage = _page_schema(SNAPSHOTS, ManageableSnapshotDetailOut)
