"""The query parameters of lists: page size, position, order and filters."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from flask import request
from marshmallow import EXCLUDE, Schema, fields, post_load, pre_load

from api import request_scope
from api.schemas.fields import MAX_INT, Count, Flag, SelfParsingField, Text
from api.schemas.metadata import MetadataFilter
from api.versions import is_at_least
from cgflow.db.repositories.paging import COMPARISONS, Comparison, ListQuery
from cgflow.errors import InvalidInput

_NEWEST_FIRST = (("created_at", "desc"),)


def _since_metadata(minor: int, description: str) -> dict[str, str]:
    return {"description": description, "x-min-microversion": f"3.{minor}"}


_LEGACY_NAME = {"description": "The name that older clients send."}


class _PagingNumber(SelfParsingField, fields.Integer):
    """A number in a query, which is refused with Cinder's message."""

    def parse(self, value: Any) -> int:
        """Return a non-negative number."""
        text = str(value).strip()
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()):
            raise InvalidInput(f"{self.name} param must be an integer", self.name)
        if text.startswith("-"):
            raise InvalidInput(f"{self.name} param must be positive", self.name)
        if len(digits) <= 10 and int(digits) <= MAX_INT:
            return int(digits)
        if self.name == "limit":
            # Larger than any page, so the exact value does not matter.
            return MAX_INT
        raise InvalidInput(f"{self.name} param must be at most {MAX_INT}", self.name)


_MOST_COMPARISONS = 8


class TimeFilter(SelfParsingField, fields.String):
    """Comparisons with times, all of which must hold. A time without an operator means equality."""

    def parse(self, value: Any) -> list[Comparison]:
        """Return pairs of an operator and a time in UTC without a time zone."""
        parts = str(value).split(",")
        if len(parts) > _MOST_COMPARISONS:
            raise InvalidInput(f"{self.name} takes at most {_MOST_COMPARISONS} comparisons.", self.name)
        return [self._parse_comparison(part.strip()) for part in parts]

    def _parse_comparison(self, part: str) -> Comparison:
        prefix, colon, rest = part.partition(":")
        operator, text = (prefix, rest) if colon and prefix in COMPARISONS else ("eq", part)
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            known = ", ".join(COMPARISONS)
            raise InvalidInput(
                f"Invalid value '{part[:64]}' for {self.name}. Write a time such as 2026-11-22T10:00:00, "
                f"with one of {known} and a colon before it.",
                self.name,
            ) from None
        if time.tzinfo is not None:
            try:
                time = time.astimezone(UTC).replace(tzinfo=None)
            except OverflowError:
                raise InvalidInput(f"{self.name} is out of range.", self.name) from None
        return operator, time


class ListIn(Schema):
    """The query of a list, with Cinder's semantics.

    An unknown filter matches nothing for an administrator. For other callers it is refused from microversion
    3.``checked_since`` on and ignored below; the same holds for the filters in ``admin_filters``. Lists of
    cgflow's own have ``refuses_unknown`` and refuse an unknown filter from every caller.

    ``aliases`` maps other names of filters in the API to the names here; ``sort_keys`` does so for sort keys.
    ``unordered`` are sort keys of Cinder for which all rows have the same value. ``later`` maps fields to the
    microversion 3.N from which they exist.
    """

    filters: ClassVar[tuple[str, ...]] = ("id", "name", "status", "project_id", "user_id")
    refuses_unknown: ClassVar[bool] = False
    checked_since: ClassVar[int] = 31
    admin_filters: ClassVar[frozenset[str]] = frozenset({"project_id", "user_id", "host"})
    aliases: ClassVar[Mapping[str, str]] = {}
    sort_keys: ClassVar[Mapping[str, str]] = {}
    unordered: ClassVar[frozenset[str]] = frozenset({"deleted", "deleted_at"})
    later: ClassVar[Mapping[str, int]] = {}

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    limit = _PagingNumber(metadata={"description": "The maximum number of results; 0 returns none."})
    offset = _PagingNumber(metadata={"description": "The number of results to skip."})
    marker = Text(metadata={"description": "The id of the last result on the previous page."})
    sort = Text(metadata={"description": "`key:dir,key:dir`; the default is `created_at:desc`."})
    sort_key = Text(metadata={"description": "One sort key; older clients send it instead of `sort`."})
    sort_dir = Text(metadata={"description": "`asc` or `desc`, for `sort_key`."})
    all_tenants: fields.Field[Any] = Text(
        metadata={"description": "1 returns the resources of all projects, for administrators."}
    )
    id = Text(metadata={"description": "The id of the resource."})
    project_id = Text(metadata={"description": "Only those of this project; requires `all_tenants`."})
    user_id = Text(metadata={"description": "Only those of this user, for administrators."})
    name = Text(metadata={"description": "Exactly this name."})
    status = Text(metadata={"description": "Exactly this status."})
    name_like = Text(
        data_key="name~",
        metadata=_since_metadata(34, "A part of the name; other text filters accept `~`, too."),
    )
    status_like = Text(data_key="status~", metadata=_since_metadata(34, "A part of the status."))

    @pre_load
    def refuse_duplicates(self, data: Any, **_: Any) -> Any:
        """Refuse a repeated parameter, since only one value could count. Raises: InvalidInput."""
        for name in data:
            if len(request.args.getlist(name)) > 1:
                raise InvalidInput(f"'{name[:255]}' is given more than once in the query.", name[:255])
        return data

    @post_load
    def query(self, data: Any, **_: Any) -> ListQuery:
        """Return the query for the repositories. Raises: InvalidInput, if it is invalid."""
        most = request_scope.runtime().settings.osapi_max_limit
        for alias, name in self.aliases.items():
            if alias in data:
                data.setdefault(name, data[alias])
        unknown = self._unknown_filters()
        is_admin = request_scope.caller().is_admin
        if unknown and (self.refuses_unknown or (not is_admin and is_at_least(self.checked_since))):
            names = ",".join(sorted(unknown))[:255]
            raise InvalidInput(
                f"Invalid filters {names} are found in query options.", sorted(unknown)[0][:255]
            )
        hidden = set() if is_admin else self.admin_filters
        if request_scope.caller().scope is not None:
            # The caller sees only their own project, so a filter by project changes nothing.
            hidden = hidden | {"project_id"}
        allowed = [name for name in self.filters if name not in hidden]
        like = {name: data[f"{name}_like"] for name in allowed if f"{name}_like" in data}
        like |= self._substring_filters(allowed)
        return ListQuery(
            limit=min(data.get("limit", most), most),
            offset=data.get("offset", 0),
            marker=data.get("marker"),
            sort=self._parse_sort_order(data, () if is_admin else self.admin_filters),
            filters={name: data[name] for name in allowed if data.get(name) is not None},
            matches_nothing=bool(unknown) and is_admin,
            like=like if is_at_least(34) else {},
            metadata=data.get("metadata", {}),
            image_metadata=data.get("glance_metadata", {}),
            moments={name: data[name] for name in ("created_at", "updated_at") if name in data},
            with_count=data.get("with_count", False) and is_at_least(45),
        )

    def _parse_sort_order(
        self, data: Mapping[str, Any], hidden: Collection[str]
    ) -> tuple[tuple[str, str], ...]:
        if "sort" in data and ("sort_key" in data or "sort_dir" in data):
            raise InvalidInput("'sort' cannot be combined with 'sort_key' and 'sort_dir'.", "sort")
        if "sort" in data:
            parts = [part.strip().partition(":") for part in data["sort"].split(",")]
        else:
            parts = [(data.get("sort_key", "created_at").strip(), ":", data.get("sort_dir", "desc").strip())]
            if not parts[0][2]:
                raise InvalidInput("Invalid sort direction '': asc or desc.", "sort_dir")
        names = {**CountedListIn.aliases, **self.aliases, **self.sort_keys}
        order = [(names.get(key, key), direction or "desc") for key, _, direction in parts]
        for key, _ in order:
            if key in hidden:
                raise InvalidInput(f"Invalid sort key '{key}'.", "sort_key")
        if order and all(key in self.unordered for key, _ in order):
            return (("created_at", order[0][1]),)
        return (
            tuple((key, direction) for key, direction in order if key not in self.unordered) or _NEWEST_FIRST
        )

    def _substring_filters(self, allowed: Collection[str]) -> dict[str, str]:
        """Return the substring filters of other texts, such as ``description~``. Raises: ValidationError."""
        if not is_at_least(34):
            return {}
        own = {field.data_key for field in self.fields.values()}
        found = {}
        for key, text in request.args.items():
            name = self.aliases.get(key[:-1], key[:-1])
            if key.endswith("~") and key not in own and key[:-1] in self._text_filters and name in allowed:
                found[name] = Text().deserialize(text)
        return found

    @property
    def _text_filters(self) -> set[str]:
        """The filters, by their names in the API, that also accept a substring."""
        names = {*self.filters, *self.aliases}
        fields_by_key = {field.data_key or name: (name, field) for name, field in self.fields.items()}
        return {
            key
            for key, (name, field) in fields_by_key.items()
            if type(field) is Text and (name in names or key in names)
        }

    def _unknown_filters(self) -> set[str]:
        """Return the names in the request's query that this list does not know for the caller."""
        known = {field.data_key or name for name, field in self.fields.items()}
        known -= {name for name, minor in self.later.items() if not is_at_least(minor)}
        if not request_scope.caller().is_admin:
            known -= self.admin_filters
        if is_at_least(34):
            known |= {f"{name}~" for name in self._text_filters & known}
        return request.args.keys() - known


class ConsistencyGroupListIn(ListIn):
    """The query of a list of consistency groups."""

    filters = (*ListIn.filters, "description", "availability_zone")
    sort_keys: ClassVar[Mapping[str, str]] = {"group_snapshot_id": "cgsnapshot_id"}
    unordered = ListIn.unordered | {"cluster_name", "replication_status"}

    description = Text(metadata={"description": "Exactly this description."})
    availability_zone = Text(metadata={"description": "Only those in this zone."})


class CgsnapshotListIn(ListIn):
    """The query of a list of cgsnapshots."""

    filters = (*ListIn.filters, "consistencygroup_id")

    consistencygroup_id = Text(metadata={"description": "Only those of this consistency group."})


class CountedListIn(Schema):
    """Parameters that lists of volumes and of snapshots share.

    Cinder filters by ``consumes_quota`` from 3.31 on, when its lists got general filters, and shows it from
    3.65 on.
    """

    aliases: ClassVar[Mapping[str, str]] = {"display_name": "name", "display_description": "description"}
    later: ClassVar[Mapping[str, int]] = {"with_count": 45, "consumes_quota": 31}

    display_name = Text(metadata=_LEGACY_NAME)
    description = Text(metadata={"description": "Exactly this description."})
    display_description = Text(metadata=_LEGACY_NAME)
    size = Count(min=0, metadata={"description": "Exactly this size in GiB."})
    volume_type_id = Text(metadata={"description": "Only those of this type, by id."})
    with_count = Flag(metadata=_since_metadata(45, "Whether the response holds the total count."))
    consumes_quota = Flag(metadata=_since_metadata(65, "Whether they count against the quota."))
    metadata = MetadataFilter(metadata={"description": "Only those with all these keys and values."})

    @pre_load
    def leave_out_what_came_later(self, data: Any, **_: Any) -> dict[str, Any]:
        """Drop parameters that are newer than the microversion of the request."""
        return {name: data[name] for name in data if is_at_least(self.later.get(name, 0))}


class VolumeListIn(CountedListIn, CgsnapshotListIn):
    """The query of a list of volumes."""

    filters = (
        *CgsnapshotListIn.filters,
        "description",
        "size",
        "availability_zone",
        "host",
        "volume_type_id",
        "snapshot_id",
        "source_volid",
        "attach_status",
        "migration_status",
        "bootable",
        "consumes_quota",
    )
    aliases: ClassVar[Mapping[str, str]] = {
        **CountedListIn.aliases,
        "group_id": "consistencygroup_id",
    }
    sort_keys: ClassVar[Mapping[str, str]] = {
        "launched_at": "created_at",
        "scheduled_at": "created_at",
        "service_uuid": "host",
        "use_quota": "consumes_quota",
    }
    unordered = CgsnapshotListIn.unordered | {
        "cluster_name",
        "provider_id",
        "replication_status",
        "shared_targets",
        "terminated_at",
    }

    all_tenants = Flag(
        metadata={"description": "True returns the volumes of all projects, for administrators."}
    )
    no_migration_targets = Flag(
        metadata={"description": "No effect: no volume is the target of a migration."}
    )
    availability_zone = Text(metadata={"description": "Only those in this zone."})
    host = Text(metadata={"description": "Only those on this backend, for administrators."})
    snapshot_id = Text(metadata={"description": "Only those created from this snapshot."})
    source_volid = Text(metadata={"description": "Only those created from this volume."})
    attach_status = Text(metadata={"description": "attached or detached."})
    migration_status = Text(metadata={"description": "No volume has a migration status."})
    bootable = Flag(metadata=_since_metadata(2, "Whether a server can boot from them."))
    group_id = Text(
        metadata=_since_metadata(10, "Only those of this group; the later name of `consistencygroup_id`.")
    )
    created_at = TimeFilter(
        metadata=_since_metadata(
            60, "Comparisons such as `gt:TIME`, with commas between; also gte, lt, lte, eq, neq."
        )
    )
    updated_at = TimeFilter(metadata=_since_metadata(60, "Comparisons as for `created_at`."))
    glance_metadata = MetadataFilter(
        metadata=_since_metadata(4, "Only those with all these keys and values in their image metadata.")
    )

    @pre_load
    def drop_newer_parameters(self, data: Any, **_: Any) -> dict[str, Any]:
        """Drop parameters that are newer than the microversion of the request."""
        later = {"glance_metadata": 4, "group_id": 10, "created_at": 60, "updated_at": 60}
        given = {name: data[name] for name in data if is_at_least(later.get(name, 0))}
        if "host" in given:
            # A backend is one pool, which the API appends to its name.
            given["host"] = given["host"].partition("#")[0]
        return given


class SnapshotListIn(CountedListIn, CgsnapshotListIn):
    """The query of a list of snapshots."""

    filters = (
        *CgsnapshotListIn.filters,
        "description",
        "size",
        "progress",
        "availability_zone",
        "volume_id",
        "volume_type_id",
        "cgsnapshot_id",
        "consumes_quota",
    )
    aliases: ClassVar[Mapping[str, str]] = {
        **CountedListIn.aliases,
        "group_snapshot_id": "cgsnapshot_id",
    }
    sort_keys: ClassVar[Mapping[str, str]] = {
        "scheduled_at": "created_at",
        "use_quota": "consumes_quota",
        "volume_size": "size",
    }
    unordered = CgsnapshotListIn.unordered | {"provider_id"}

    progress = Text(metadata={"description": "Such as `100%`."})
    availability_zone = Text(metadata={"description": "Only those of volumes in this zone."})
    group_snapshot_id = Text(metadata={"description": "The later name of `cgsnapshot_id`."})
    volume_id = Text(metadata={"description": "Only those of this volume."})
    cgsnapshot_id = Text(metadata={"description": "Only those of this cgsnapshot."})
    metadata = MetadataFilter(metadata=_since_metadata(22, "Only those with all these keys and values."))

    @pre_load
    def drop_newer_parameters(self, data: Any, **_: Any) -> dict[str, Any]:
        """Drop parameters that are newer than the microversion of the request."""
        return {name: data[name] for name in data if name != "metadata" or is_at_least(22)}


class FlowListIn(ListIn):
    """The query of a list of flows. A flow has a state, and no name."""

    refuses_unknown = True
    filters = ("id", "project_id", "user_id", "state", "operation", "resource", "resource_type")

    class Meta(ListIn.Meta):  # noqa: D106
        exclude = ("name", "status", "name_like", "status_like")

    state = Text(metadata={"description": "Exactly this state."})
    operation = Text(metadata={"description": "Exactly this operation, such as `cgsnapshot.create`."})
    resource = Text(metadata={"description": "The id of the resource, or of its consistency group."})
    resource_type = Text(metadata={"description": "`consistencygroup`, `volume` or `cgsnapshot`."})
