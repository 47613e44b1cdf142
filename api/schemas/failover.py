"""Backends that are to be failed over, frozen or thawed, on the wire."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, post_load

from api.schemas.fields import Text
from cgflow.errors import InvalidInput


class HostIn(Schema):
    """Which backend is meant. There are no clusters to name in its place."""

    host = Text(min=1, allow_none=True)
    cluster = Text(allow_none=True, metadata={"x-min-microversion": "3.26"})

    @post_load
    def require_host(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return what was said. Raises: InvalidInput, if no backend or a cluster was named."""
        if not data.get("host") or data.get("cluster"):
            raise InvalidInput(
                "Invalid input received: One and only one of cluster and host must be set, "
                "and there are no clusters: name a host.",
                "host",
            )
        return data


class FailoverIn(HostIn):
    """Which backend is meant, and where to."""

    backend_id = Text(allow_none=True)
