"""No authentication: every caller is who they claim to be. For loopback addresses only.

The token is ``USER:PROJECT``, as clients build it for ``noauth``. The headers ``X-User-Id`` and
``X-Project-Id`` and the project in the URL supply missing parts. Every caller is an administrator, unless
``X-Roles`` names other roles, which allows trying another role's view. The token is required although it
proves nothing: a web page of another site cannot send the header.
"""

from __future__ import annotations

from flask import Request

from api.auth.identity import (
    AUTH_HEADER,
    Identity,
    parse_role_names,
    token_security_scheme,
    validated_id,
    validated_project,
)
from cgflow.errors import Unauthenticated

_NOBODY = "admin"


class NoAuth:
    """Accepts the identity that a request claims."""

    name = "noauth"
    is_unverified = True
    scheme = token_security_scheme("`USER:PROJECT`")

    def identify(self, request: Request, project_in_url: str | None) -> Identity:
        """Return the claimed identity. Raises: Unauthenticated, if there is no token; InvalidInput."""
        token = request.headers.get(AUTH_HEADER, "")
        if not token:
            raise Unauthenticated(
                f"The header {AUTH_HEADER} is missing. This service runs without authentication: "
                f"send '{AUTH_HEADER}: USER:PROJECT' with any user and project.",
                'NoAuth realm="cgflow"',
            )
        user_id, _, project_id = token.partition(":")
        user_id = user_id or request.headers.get("X-User-Id", "") or _NOBODY
        project_id = project_id or request.headers.get("X-Project-Id", "") or project_in_url or _NOBODY
        return Identity(
            validated_id(user_id, "user_id"),
            validated_id(validated_project(project_id, project_in_url), "project_id"),
            parse_role_names(request.headers.get("X-Roles", "admin")),
        )
