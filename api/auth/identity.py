"""The identity of a caller, as an auth strategy establishes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from flask import Request

from cgflow.errors import InvalidInput

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@:-]{0,254}")


@dataclass(frozen=True)
class Identity:
    """A user in a project, with the user's roles there."""

    user_id: str
    project_id: str
    roles: frozenset[str]


class Strategy(Protocol):
    """Authenticates callers. Selected by ``auth_strategy``."""

    name: str

    is_unverified: bool
    """Whether the identity is not verified. If so, only loopback addresses may be served."""

    scheme: Mapping[str, str]
    """The strategy's OpenAPI security scheme for the API document."""

    def identify(self, request: Request, project_in_url: str | None) -> Identity:
        """Return the caller. Raises: Unauthenticated; InvalidInput, if the URL names another project."""
        ...


AUTH_HEADER = "X-Auth-Token"


def token_security_scheme(description: str) -> Mapping[str, str]:
    """Return the security scheme of a strategy whose callers send a token."""
    return {"type": "apiKey", "in": "header", "name": AUTH_HEADER, "description": description}


def validated_id(value: str, field: str) -> str:
    """Return a user or project id unchanged. Raises: InvalidInput, if it is malformed."""
    if not _ID.fullmatch(value):
        raise InvalidInput(
            f"Invalid {field}: 1 to 255 letters, digits and any of _ . @ : - are allowed.", field
        )
    return value


def validated_project(project_id: str, project_in_url: str | None) -> str:
    """Return the project. Raises: InvalidInput, if the URL names another one."""
    if project_in_url is not None and project_in_url != project_id:
        raise InvalidInput("Malformed request url")
    return project_id


def parse_role_names(text: str) -> frozenset[str]:
    """Return the roles in a comma-separated list; case is not significant."""
    return frozenset(role.strip().lower() for role in text.split(",") if role.strip())
