"""Who is asking, without an identity service: whoever the request says it is.

The token is ``USER:PROJECT``, as the clients make it when told ``noauth``; the
headers ``X-User-Id`` and ``X-Project-Id`` and the project in the URL fill what
it leaves open. Everybody is an administrator, unless ``X-Roles`` names roles
and ``admin`` is not among them, which is how a member's view can be tried.
"""

from __future__ import annotations

import re

from flask import Request, g, request

from api import current
from cgflow.context import RequestContext
from cgflow.errors import Forbidden, InvalidInput

_NOBODY = "admin"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@:-]{0,254}")
_TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})
_FALSE = frozenset({"0", "f", "false", "off", "n", "no", ""})


def admit() -> None:
    """Establish the caller of this request, before its view runs."""
    if "\x00" in request.path or any("\x00" in value for _, value in request.args.items(multi=True)):
        raise InvalidInput("The address contains a NUL character.")
    user_id, project_id = identify(request, g.get("project_in_url"))
    is_admin = _is_admin(request)
    g.caller = RequestContext(
        user_id=user_id,
        project_id=project_id,
        request_id=current.request_id(),
        is_admin=is_admin,
        # A member's wish to see every project is ignored, not refused: clients always send it.
        all_projects=is_admin and _asks_for_all(request),
    )


def identify(request: Request, project_in_url: str | None) -> tuple[str, str]:
    """Return the ids of user and project. Raises: InvalidInput, if the URL contradicts the token."""
    user_id, _, project_id = request.headers.get("X-Auth-Token", "").partition(":")
    user_id = user_id or request.headers.get("X-User-Id", "") or _NOBODY
    project_id = project_id or request.headers.get("X-Project-Id", "") or project_in_url or _NOBODY
    if project_in_url is not None and project_in_url != project_id:
        raise InvalidInput("Malformed request url")
    return checked_id(user_id, "user_id"), checked_id(project_id, "project_id")


def checked_id(value: str, field: str) -> str:
    """Return an id of the identity service as it is. Raises: InvalidInput, if it cannot be one."""
    if not _ID.fullmatch(value):
        raise InvalidInput(
            f"Invalid {field}: 1 to 255 letters, digits and any of _ . @ : - are allowed.", field
        )
    return value


def require_admin(rule: str) -> None:
    """Let only administrators pass. ``rule`` is the name under which the policy knows the call."""
    if not current.caller().is_admin:
        raise Forbidden(f"Policy doesn't allow {rule} to be performed.")


def require_project(project_id: str, rule: str) -> None:
    """Let only members of a project, and administrators, pass."""
    if project_id != current.caller().project_id:
        require_admin(rule)


def _is_admin(request: Request) -> bool:
    roles = request.headers.get("X-Roles")
    return roles is None or "admin" in {role.strip().lower() for role in roles.split(",")}


def _asks_for_all(request: Request) -> bool:
    asked = request.args.get("all_tenants", "").strip().lower()
    if asked not in _TRUE | _FALSE:
        raise InvalidInput(f"Invalid value '{asked[:255]}' for all_tenants.", "all_tenants")
    return asked in _TRUE
