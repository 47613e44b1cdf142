"""Tokens of an identity service, which keystonemiddleware validates and caches.

The middleware is configured as in other services, in the section ``[keystone_authtoken]``. It is called once
it is known that a view will serve the request, so routes without authentication work while the identity
service is down. It runs on a copy of the request's environment, and the caller is read from what it passes
on, so headers that a client sends have no effect. Roles are read from the token itself, because the
middleware's roles header is comma-separated, and a role name may contain a comma.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable
from typing import Any

from flask import Request
from keystoneauth1 import exceptions
from keystonemiddleware import auth_token
from oslo_config import cfg
from werkzeug.wrappers import Response

from api.auth.identity import Identity, token_security_scheme, validated_project
from cgflow.errors import ConfigError, Forbidden, ServiceUnavailable, Unauthenticated

LOG = logging.getLogger(__name__)

SECTION = "keystone_authtoken"
_IDENTITY_KEY = "cgflow.identity"
_IDENTITY = ("HTTP_X_USER_ID", "HTTP_X_PROJECT_ID", "keystone.token_info")


class Keystone:
    """Authenticates callers by their tokens."""

    name = "keystone"
    is_unverified = False
    scheme = token_security_scheme("A token of keystone.")

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        """Set up the middleware, without a request to the identity service. Raises: ConfigError."""
        # The middleware must refuse an unauthenticated request: with a delayed decision nothing else would.
        settings = {"oslo_config_config": conf, "delay_auth_decision": False}
        try:
            self._middleware = auth_token.AuthProtocol(_record_identity, settings)
        except exceptions.ClientException as error:
            raise ConfigError(f"The section [{SECTION}] cannot be used: {error}") from error
        for option in ("auth_type", "www_authenticate_uri"):
            if not conf[SECTION][option]:
                raise ConfigError(f"The section [{SECTION}] must set {option}; see docs/security.md.")

    def identify(self, request: Request, project_in_url: str | None) -> Identity:
        """Return the token's owner. Raises: Unauthenticated, Forbidden, InvalidInput, ServiceUnavailable."""
        identity: dict[str, Any] = {}
        empty = {"wsgi.input": io.BytesIO(), "CONTENT_LENGTH": "0"}
        environ: dict[str, Any] = {**request.environ, **empty, _IDENTITY_KEY: identity}
        try:
            answer = Response.from_app(self._middleware, environ, buffered=True)
        except exceptions.ClientException as error:
            LOG.error("the identity service cannot be reached: %s", error)  # noqa: TRY400 - it says it all
            raise ServiceUnavailable("The identity service cannot be reached. Try again.") from error
        if not identity:
            _raise_authentication_error(answer)
        user_id, project_id = identity.get("HTTP_X_USER_ID"), identity.get("HTTP_X_PROJECT_ID")
        if not user_id:
            raise Forbidden("The token has no user. Request a token that is issued to a user.")
        if not project_id:
            raise Forbidden("The token has no project. Request a token that is scoped to a project.")
        roles = identity["keystone.token_info"]["token"].get("roles", [])
        return Identity(
            user_id,
            validated_project(project_id, project_in_url),
            frozenset(role["name"].lower() for role in roles),
        )


def _record_identity(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """The WSGI application behind the middleware: it records the identity of an authenticated caller."""
    environ[_IDENTITY_KEY].update({name: environ[name] for name in _IDENTITY if name in environ})
    start_response("204 No Content", [])
    return []


def _raise_authentication_error(answer: Response) -> None:
    if answer.status_code == 401:
        raise Unauthenticated(
            "The request you have made requires authentication.", answer.headers.get("WWW-Authenticate")
        )
    raise ServiceUnavailable("The identity service does not answer. Try again.")
