"""Schemas for failing over, freezing and thawing backends."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, post_load

from api.schemas.fields import Text
from cgflow.errors import InvalidInput


class HostIn(Schema):
    """The backend to act on. There are no clusters to name instead."""

    host = Text(min=1, allow_none=True)
    cluster = Text(allow_none=True, metadata={"x-min-microversion": "3.26"})

    @post_load
    def require_host(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the body. Raises: InvalidInput, if no backend or a cluster is named."""
        if not data.get("host") or data.get("cluster"):
            raise InvalidInput(
                "Invalid input received: One and only one of cluster and host must be set, "
                "and there are no clusters: name a host.",
                "host",
            )
        return data


class FailoverIn(HostIn):
    """The backend to fail over, and the target."""

    backend_id = Text(allow_none=True)
