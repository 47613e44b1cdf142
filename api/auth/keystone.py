"""Tokens of an identity service, which keystonemiddleware validates and remembers for a while.

It is set up as everywhere, in the section ``[keystone_authtoken]``. The
middleware is asked about a request once it is known that a view will serve it,
so what is open stays open while the identity service is away. What it tells of
the caller is read from a copy of the request that nobody else has written to:
headers that a client sends count for nothing. Roles are taken from the token itself, for the header
that the middleware makes of them is a list with commas, which a name may have as well.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from flask import Request
from keystoneauth1 import exceptions
from keystonemiddleware import auth_token
from oslo_config import cfg
from werkzeug.wrappers import Response

from api.auth.identity import Identity, agreed
from cgflow.errors import ConfigError, Forbidden, ServiceUnavailable, Unauthenticated

LOG = logging.getLogger(__name__)

SECTION = "keystone_authtoken"
_TOLD = "cgflow.told"
_IDENTITY = ("HTTP_X_USER_ID", "HTTP_X_PROJECT_ID", "keystone.token_info")


class Keystone:
    """Knows whom the identity service knows."""

    name = "keystone"
    is_open = False
    scheme: Mapping[str, str] = {
        "type": "apiKey",
        "in": "header",
        "name": "X-Auth-Token",
        "description": "A token of keystone.",
    }

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        """Set the middleware up; nothing is asked of the identity service yet. Raises: ConfigError."""
        # Whoever is not known is told so here: no option may leave that to somebody who never does it.
        settings = {"oslo_config_config": conf, "delay_auth_decision": False}
        try:
            self._middleware = auth_token.AuthProtocol(_admit, settings)
        except exceptions.ClientException as error:
            raise ConfigError(f"The section [{SECTION}] cannot be used: {error}") from error
        for option in ("auth_type", "www_authenticate_uri"):
            if not conf[SECTION][option]:
                raise ConfigError(f"The section [{SECTION}] must set {option}; see docs/security.md.")

    def identify(self, request: Request, project_in_url: str | None) -> Identity:
        """Return whose token it is. Raises: Unauthenticated, Forbidden, InvalidInput, ServiceUnavailable."""
        told: dict[str, Any] = {}
        empty = {"wsgi.input": io.BytesIO(), "CONTENT_LENGTH": "0"}
        environ: dict[str, Any] = {**request.environ, **empty, _TOLD: told}
        try:
            answer = Response.from_app(self._middleware, environ, buffered=True)
        except exceptions.ClientException as error:
            LOG.error("the identity service cannot be asked: %s", error)  # noqa: TRY400 - it says it all
            raise ServiceUnavailable("The identity service cannot be asked. Try again.") from error
        if not told:
            _refuse(answer)
        user_id, project_id = told.get("HTTP_X_USER_ID"), told.get("HTTP_X_PROJECT_ID")
        if not user_id:
            raise Forbidden("The token is for no user. Ask for one that is issued to a user.")
        if not project_id:
            raise Forbidden("The token is for no project. Ask for one that is scoped to a project.")
        roles = told["keystone.token_info"]["token"].get("roles", [])
        return Identity(
            user_id,
            agreed(project_id, project_in_url),
            frozenset(role["name"].lower() for role in roles),
        )


def _admit(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Stand behind the middleware, where only those come whom it lets pass."""
    environ[_TOLD].update({name: environ[name] for name in _IDENTITY if name in environ})
    start_response("204 No Content", [])
    return []


def _refuse(answer: Response) -> None:
    if answer.status_code == 401:
        raise Unauthenticated(
            "The request you have made requires authentication.", answer.headers.get("WWW-Authenticate")
        )
    raise ServiceUnavailable("The identity service does not answer. Try again.")
