"""Schemas of service clusters, and of the cleanup after lost processes."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, fields, pre_load
from marshmallow.validate import OneOf

from api.schemas.fields import Count, Flag, Text
from cgflow.errors import InvalidInput


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

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    binary = Text()


class ClusterIn(Schema):
    """The cluster to change."""

    name = Text(min=1, required=True)
    binary = Text(load_default=None, allow_none=True)
    disabled_reason = Text(load_default=None, allow_none=True)


class ClusterOut(Schema):
    """The summary of a cluster."""

    name = fields.String()
    binary = fields.String()
    state = fields.String()
    status = fields.String()


class ClustersOut(Schema):
    """A list of clusters."""

    clusters = fields.List(fields.Nested(ClusterOut))


class ClusterEnvelope(Schema):
    """One cluster."""

    cluster = fields.Nested(ClusterOut)


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
    def take_nothing(self, data: Any, **_: Any) -> Any:
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
