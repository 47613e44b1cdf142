"""Schemas of quota, and quota under the names that clients use.

Cinder's clients call the quota of consistency groups ``groups``; older ones call it ``consistencygroups``.
Both names are shown and accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, pre_load

from api.schemas.base import Envelope
from api.schemas.fields import Count, Flag, SelfParsingField, Text
from cgflow.errors import InvalidInput
from cgflow.quota.deltas import BACKUP_GIGABYTES, BACKUPS, GIGABYTES, GROUPS, SNAPSHOTS, VOLUMES
from cgflow.records import QuotaLine

_NO_LIMIT = -1
# A prefix such as "gigabytes_" precedes the name of a type.
_LONGEST = 300
_IGNORED_KEYS = frozenset({"id", "tenant_id", "project_id", "class_name", "force", "skip_validation"})


class LimitsField(SelfParsingField):
    """Limits by resource; -1 means unlimited, null leaves a limit unchanged."""

    def __init__(self) -> None:
        limit = {"type": "integer", "minimum": _NO_LIMIT, "nullable": True}
        super().__init__(metadata={"type": "object", "additionalProperties": limit})

    def parse(self, value: Any) -> dict[str, int]:
        """Return the limits to set."""
        if not isinstance(value, Mapping):
            raise ValidationError("Must be an object of limits.")
        return {
            resource: self._parse_limit(resource, limit)
            for resource, limit in value.items()
            if resource not in _IGNORED_KEYS and limit is not None
        }

    def _parse_limit(self, resource: str, limit: object) -> int:
        if not 1 <= len(resource) <= _LONGEST or "\x00" in resource:
            raise ValidationError(f"'{resource[:_LONGEST]}' cannot be a resource.")
        try:
            number: int = Count(min=_NO_LIMIT).deserialize(limit)
        except ValidationError as error:
            raise ValidationError({resource: error.messages}) from error
        return number


class QuotaSetIn(Envelope):
    """The body that sets at least one limit of a project. Null is refused, unlike for a quota class."""

    root = "quota_set"

    quota_set = LimitsField()

    @pre_load
    def find_root(self, data: Any, **kwargs: Any) -> Any:
        """Require a root, at least one limit, and no limit of null. Raises: InvalidInput."""
        body = super().find_root(data, **kwargs)
        if not body[self.root]:
            raise InvalidInput("'quota_set' must name a limit to set.", self.root)
        for name, limit in body[self.root].items():
            if name not in _IGNORED_KEYS and limit is None:
                raise InvalidInput(f"The limit of {name[:_LONGEST]} must be an integer.", name[:_LONGEST])
        return body


class QuotaClassSetIn(Envelope):
    """The body that sets limits of the default class."""

    root = "quota_class_set"

    quota_class_set = LimitsField()


class LimitsIn(Schema):
    """The project whose limits to show."""

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    project_id = Text(
        metadata={"description": "The project; by default the caller's.", "x-min-microversion": "3.39"}
    )


class QuotaQueryIn(Schema):
    """Whether to show usage with the limits."""

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    usage = Flag(load_default=False)

    @post_load
    def flag(self, data: dict[str, Any], **_: Any) -> bool:
        """Return whether to show usage."""
        return bool(data["usage"])


_LINE = {
    "oneOf": [
        {"type": "integer"},
        {"type": "string"},
        {
            "type": "object",
            "properties": {name: {"type": "integer"} for name in ("limit", "in_use", "reserved")},
        },
    ]
}


class QuotaSetOut(Schema):
    """Limits by resource, or with usage: ``limit``, ``in_use`` and ``reserved`` by resource."""

    quota_set = fields.Raw(metadata={"type": "object", "additionalProperties": _LINE})


class QuotaClassSetOut(Schema):
    """Limits of the default class by resource."""

    quota_class_set = fields.Raw(metadata={"type": "object", "additionalProperties": _LINE})


class AbsoluteOut(Schema):
    """The limits and usage of the caller's project under Cinder's names."""

    maxTotalVolumes = fields.Integer()  # noqa: N815
    maxTotalSnapshots = fields.Integer()  # noqa: N815
    maxTotalVolumeGigabytes = fields.Integer()  # noqa: N815
    maxTotalBackups = fields.Integer()  # noqa: N815
    maxTotalBackupGigabytes = fields.Integer()  # noqa: N815
    totalVolumesUsed = fields.Integer()  # noqa: N815
    totalGigabytesUsed = fields.Integer()  # noqa: N815
    totalSnapshotsUsed = fields.Integer()  # noqa: N815
    totalBackupsUsed = fields.Integer()  # noqa: N815
    totalBackupGigabytesUsed = fields.Integer()  # noqa: N815


class LimitsOut(Schema):
    """Limits. There is no rate limit."""

    rate = fields.List(fields.Dict())
    absolute = fields.Nested(AbsoluteOut)


class LimitsEnvelope(Schema):
    """The limits of the caller's project."""

    limits = fields.Nested(LimitsOut)


_ALIAS = "groups"


def limits_by_name(found: Mapping[str, int]) -> dict[str, object]:
    """Return limits by every name that clients use."""
    return {**found, _ALIAS: found[GROUPS]}


def usages_by_name(lines: list[QuotaLine]) -> dict[str, object]:
    """Return limit, usage and reservations by every name that clients use."""
    known = {line.resource: _quota_usage_body(line.limit, line.in_use, line.reserved) for line in lines}
    return {**known, _ALIAS: known[GROUPS]}


def limits_by_resource(asked: Mapping[str, int]) -> dict[str, int]:
    """Return limits by resource name. Raises: InvalidInput, if two names of one quota contradict."""
    known = {GROUPS if name == _ALIAS else name: limit for name, limit in asked.items()}
    if {GROUPS, _ALIAS} <= asked.keys() and asked[GROUPS] != asked[_ALIAS]:
        raise InvalidInput(f"'{_ALIAS}' and '{GROUPS}' are one quota: give one limit.", _ALIAS)
    return known


def absolute_limits(lines: list[QuotaLine]) -> dict[str, int]:
    """Return the totals under the names of ``/limits``."""
    by_name = {line.resource: line for line in lines}
    volumes, gigabytes, snapshots = (by_name[name] for name in (VOLUMES, GIGABYTES, SNAPSHOTS))
    return {
        "maxTotalVolumes": volumes.limit,
        "maxTotalSnapshots": snapshots.limit,
        "maxTotalVolumeGigabytes": gigabytes.limit,
        "maxTotalBackups": by_name[BACKUPS].limit,
        "maxTotalBackupGigabytes": by_name[BACKUP_GIGABYTES].limit,
        "totalVolumesUsed": volumes.in_use,
        "totalGigabytesUsed": gigabytes.in_use,
        "totalSnapshotsUsed": snapshots.in_use,
        "totalBackupsUsed": 0,
        "totalBackupGigabytesUsed": 0,
    }


def _quota_usage_body(limit: int, in_use: int, reserved: int) -> dict[str, int]:
    return {"limit": limit, "in_use": in_use, "reserved": reserved}
