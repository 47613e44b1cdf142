"""Who somebody is, as a strategy of authentication establishes it."""

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
    """A user at work in a project, with the roles that they have there."""

    user_id: str
    project_id: str
    roles: frozenset[str]


class Strategy(Protocol):
    """How callers are known. Chosen by ``auth_strategy``."""

    name: str

    is_open: bool
    """Whether it takes everybody at their word, so that nobody but this host may ask."""

    scheme: Mapping[str, str]
    """What the API document says of it: an OpenAPI security scheme."""

    def identify(self, request: Request, project_in_url: str | None) -> Identity:
        """Return who asks. Raises: Unauthenticated; InvalidInput, if the URL names another project."""
        ...


def checked_id(value: str, field: str) -> str:
    """Return an id of the identity service as it is. Raises: InvalidInput, if it cannot be one."""
    if not _ID.fullmatch(value):
        raise InvalidInput(
            f"Invalid {field}: 1 to 255 letters, digits and any of _ . @ : - are allowed.", field
        )
    return value


def agreed(project_id: str, project_in_url: str | None) -> str:
    """Return the project. Raises: InvalidInput, if the URL names another one."""
    if project_in_url is not None and project_in_url != project_id:
        raise InvalidInput("Malformed request url")
    return project_id


def role_names(text: str) -> frozenset[str]:
    """Return the roles in a list with commas; their case says nothing."""
    return frozenset(role.strip().lower() for role in text.split(",") if role.strip())
