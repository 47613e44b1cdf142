"""What every list can be asked: how much, from where, in which order, which."""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import EXCLUDE, Schema, fields, post_load

from api import current
from api.schemas.fields import MAX_INT, Read, Text
from api.schemas.metadata import MetadataFilter
from cgflow.db.repositories.paging import ListQuery
from cgflow.errors import InvalidInput


class _Number(Read, fields.Integer):
    """A number in a query, refused in Cinder's words."""

    def read(self, value: Any) -> int:
        """Return a number that is not below zero."""
        text = str(value).strip()
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()):
            raise InvalidInput(f"{self.name} param must be an integer", self.name)
        if text.startswith("-"):
            raise InvalidInput(f"{self.name} param must be positive", self.name)
        if len(digits) > 10 or int(digits) > MAX_INT:
            raise InvalidInput(f"{self.name} param must be at most {MAX_INT}", self.name)
        return int(digits)


class ListIn(Schema):
    """The query of a list. What is not known is ignored, because clients send more than they mean."""

    filters: ClassVar[tuple[str, ...]] = ("name", "status")

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    limit = _Number(metadata={"description": "How many at most; 0 means as many as the service allows."})
    offset = _Number(metadata={"description": "How many to skip."})
    marker = Text(metadata={"description": "The id of the last one of the page before."})
    sort = Text(metadata={"description": "`key:dir,key:dir`; the default is `created_at:desc`."})
    sort_key = Text(metadata={"description": "One key; older clients send it in place of `sort`."})
    sort_dir = Text(metadata={"description": "`asc` or `desc`, for `sort_key`."})
    all_tenants = Text(metadata={"description": "1 shows every project to an administrator."})
    name = Text(metadata={"description": "Exactly this name."})
    status = Text(metadata={"description": "Exactly this status."})

    @post_load
    def query(self, data: Any, **_: Any) -> ListQuery:
        """Return what the repositories understand."""
        most = current.desk().settings.osapi_max_limit
        return ListQuery(
            limit=min(data.get("limit") or most, most),
            offset=data.get("offset", 0),
            marker=data.get("marker") or None,
            sort=_order(data),
            filters={name: data[name] for name in self.filters if data.get(name)},
            metadata=data.get("metadata", {}),
        )


class CgsnapshotListIn(ListIn):
    """The query of a list of cgsnapshots."""

    filters = (*ListIn.filters, "consistencygroup_id")

    consistencygroup_id = Text(metadata={"description": "Only those of this consistency group."})


class VolumeListIn(CgsnapshotListIn):
    """The query of a list of volumes."""

    metadata = MetadataFilter(metadata={"description": "Only those with all of it."})


class SnapshotListIn(CgsnapshotListIn):
    """The query of a list of snapshots."""

    filters = (*CgsnapshotListIn.filters, "volume_id", "cgsnapshot_id")

    volume_id = Text(metadata={"description": "Only those of this volume."})
    cgsnapshot_id = Text(metadata={"description": "Only those inside this cgsnapshot."})
    metadata = MetadataFilter(metadata={"description": "Only those with all of it."})


class FlowListIn(ListIn):
    """The query of a list of flows. A flow has a state, and no name."""

    filters = ("state", "operation", "resource", "resource_type")

    class Meta(ListIn.Meta):  # noqa: D106
        exclude = ("name", "status")

    state = Text(metadata={"description": "Exactly this state."})
    operation = Text(metadata={"description": "Exactly this operation, such as `cgsnapshot.create`."})
    resource = Text(metadata={"description": "The id of what was operated on, or of its consistency group."})
    resource_type = Text(metadata={"description": "`consistencygroup`, `volume` or `cgsnapshot`."})


def _order(data: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    if "sort" in data and ("sort_key" in data or "sort_dir" in data):
        raise InvalidInput("'sort' cannot be combined with 'sort_key' and 'sort_dir'.", "sort")
    one = f"{data.get('sort_key', 'created_at')}:{data.get('sort_dir', 'desc')}"
    parts = [part.strip().partition(":") for part in data.get("sort", one).split(",") if part.strip()]
    order = tuple((_ALIASES.get(key, key), direction or "desc") for key, _, direction in parts)
    return order or (("created_at", "desc"),)


# What Cinder's own client says when it is asked to sort by name.
_ALIASES = {"display_name": "name"}
