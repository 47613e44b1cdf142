"""The credentials of a client: none, a password, or a Keystone token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from cgflow.client.http import AUTH_HEADER, ServiceError, ServiceUnreachable, Token

if TYPE_CHECKING:
    from keystoneauth1.identity.v3 import Password
    from keystoneauth1.session import Session


class KeystonePassword(AuthBase):
    """Tokens that are requested from Keystone, and renewed before they expire."""

    def __init__(self, environ: Mapping[str, str], user: str, password: str) -> None:
        """``environ`` has the variables of openrc files: OS_AUTH_URL, OS_PROJECT_NAME or _ID, domains."""
        self._environ = environ
        self._user = user
        self._password = password

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add a token to a request. Raises: ServiceError, ServiceUnreachable, if Keystone gives none."""
        plugin, session = self._plugin_and_session
        with _translate_errors():
            request.headers[AUTH_HEADER] = plugin.get_token(session) or ""
        return request

    @property
    def project_id(self) -> str:
        """The id of the project of the tokens. Raises: as ``__call__``."""
        plugin, session = self._plugin_and_session
        with _translate_errors():
            return plugin.get_project_id(session) or ""

    @cached_property
    def _plugin_and_session(self) -> tuple[Password, Session]:
        # These imports take a third of a second, so they happen only if they are needed.
        from keystoneauth1.identity.v3 import Password
        from keystoneauth1.session import Session

        plugin = Password(
            self._environ["OS_AUTH_URL"],
            username=self._user,
            password=self._password,
            user_domain_name=self._environ.get("OS_USER_DOMAIN_NAME", "Default"),
            project_id=self._environ.get("OS_PROJECT_ID"),
            project_name=self._environ.get("OS_PROJECT_NAME"),
            project_domain_name=self._environ.get("OS_PROJECT_DOMAIN_NAME", "Default"),
        )
        return plugin, Session()


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Convert keystoneauth's errors. Raises: ServiceError for a refusal; ServiceUnreachable for no answer."""
    from keystoneauth1 import exceptions

    try:
        yield
    except exceptions.HttpError as error:
        raise ServiceError(error.http_status, "keystone", f"Keystone refused: {error.message}") from error
    except exceptions.ClientException as error:
        raise ServiceUnreachable(f"Keystone does not answer: {error}") from error


def select_credentials(environ: Mapping[str, str], user: str, password: str | None) -> AuthBase | None:
    """Return the credentials in the environment and the options; None, if there are none."""
    if "OS_TOKEN" in environ:
        return Token(environ["OS_TOKEN"])
    if password is None:
        return None
    if "OS_AUTH_URL" in environ:
        return KeystonePassword(environ, user, password)
    return HTTPBasicAuth(user, password)
