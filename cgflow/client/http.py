"""HTTP requests and responses, and the errors between a client and the service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from cgflow.errors import CgflowError, InvalidInput

Record = dict[str, Any]

VERSIONS = "OpenStack-API-Version"
AUTH_HEADER = "X-Auth-Token"
CONNECT_S = 5.0
ANSWER_S = 60.0
_CREDENTIALS_HINT = " Give --user and --password, or set the variables that 'cgflow --help' lists."
_WRONG_PROJECT = "Malformed request url"
"""The complete message of Cinder, and so of the service, for a foreign project in the URL."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class ServiceError(CgflowError):
    """The service answered with an error.

    ``status`` is the HTTP status, ``code`` the API's key for it (``badRequest``), ``request_id`` the id of
    the request in the service's log.
    """

    slug = "refused"

    def __init__(self, status: int, code: str, message: str, request_id: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id


class ServiceUnreachable(CgflowError):
    """No answer arrived. The message says whether the request may have been accepted nevertheless."""

    slug = "unreachable"


class AmbiguousName(CgflowError):
    """Several resources have the name; the message lists their ids."""

    slug = "ambiguous_name"


class WaitTimedOut(CgflowError):
    """The flow did not end in the given time. It continues."""

    slug = "wait_timed_out"


@dataclass(frozen=True)
class Accepted:
    """An accepted request: the resource that it creates or changes, and the id of its flow."""

    record: Record
    flow_id: str | None


@dataclass(frozen=True)
class Answer:
    """A successful response. ``body`` is empty if the service sent none."""

    body: Record
    flow_id: str | None

    def require(self, key: str) -> Any:
        """Return a part of the body. Raises: ServiceError, if it is missing."""
        if key not in self.body:
            raise ServiceError(
                502,
                "unexpectedAnswer",
                f"The answer has no '{key}'. Check that the address is that of a cgflow service.",
            )
        return self.body[key]

    def as_accepted(self, key: str) -> Accepted:
        """Return the accepted resource together with its flow."""
        return Accepted(self.require(key), self.flow_id)


class Token(AuthBase):
    """A given token. A service without authentication accepts ``USER:PROJECT`` as a token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token to a request."""
        request.headers[AUTH_HEADER] = self._token
        return request


class Http:
    """One service for one project and user. Without ``auth`` the identity is only claimed."""

    def __init__(self, url: str, project: str, user: str, auth: AuthBase | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput(
                f"'{url}' is not the address of a service. Give a URL such as http://127.0.0.1:8776."
            )
        # Endpoints for Cinder's clients end in /v3; both forms are accepted.
        self._url = url.rstrip("/").removesuffix("/v3")
        # A token determines its project, and Keystone's tokens have the id of the project only.
        is_claimed = auth is None or isinstance(auth, HTTPBasicAuth)
        self._base = f"{self._url}/v3/{quote(project, safe='')}" if is_claimed else f"{self._url}/v3"
        self._project = project
        self._session = requests.Session()
        # A proxy never leads to a service on this host.
        self._session.trust_env = parts.hostname not in _LOOPBACK
        self._session.auth = auth or Token(f"{user}:{project}")
        self._session.headers["Accept"] = "application/json"
        self._session.headers[VERSIONS] = _version_header("3.0")

    def get(self, path: str, params: Record | None = None, answer_s: float = ANSWER_S) -> Answer:
        """Send a GET. ``answer_s`` is how many seconds the service may be silent."""
        return _parse_response(self._send("GET", path, params=params, answer_s=answer_s))

    def get_text(self, path: str) -> str:
        """Send a GET for something that is not JSON, and return the text."""
        return self._send("GET", path, accept="text/plain, text/vnd.graphviz, */*").text

    def post(
        self, path: str, body: Record, answer_s: float = ANSWER_S, microversion: str | None = None
    ) -> Answer:
        """Send a POST. ``answer_s`` is how many seconds the service may be silent.

        ``microversion`` is the one to request, such as ``3.20``, if the lowest does not suffice.
        """
        headers = {} if microversion is None else {VERSIONS: _version_header(microversion)}
        return _parse_response(self._send("POST", path, body=body, answer_s=answer_s, headers=headers))

    def put(self, path: str, body: Record) -> Answer:
        """Send a PUT."""
        return _parse_response(self._send("PUT", path, body=body))

    def delete(self, path: str) -> Answer:
        """Send a DELETE."""
        return _parse_response(self._send("DELETE", path))

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Record | None = None,
        body: Record | None = None,
        answer_s: float = ANSWER_S,
        accept: str = "application/json",
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> requests.Response:
        try:
            response = self._session.request(
                method,
                f"{self._base}{path}",
                params=params,
                json=body,
                headers={"Accept": accept, **headers},
                timeout=(CONNECT_S, answer_s),
            )
        except requests.RequestException as error:
            raise self._unreachable_error(method, error) from error
        if response.status_code >= 400:
            raise self._explain_wrong_project(_parse_error(response))
        return response

    def _explain_wrong_project(self, refused: ServiceError) -> ServiceError:
        """Name the project in the message, if the service refuses the one in the URL."""
        if refused.status != 400 or refused.message != _WRONG_PROJECT:
            return refused
        message = (
            f"{refused.message}: project '{self._project}' is not one of the user's. "
            "Choose another with --project or CGFLOW_PROJECT."
        )
        return ServiceError(refused.status, refused.code, message, refused.request_id)

    def _unreachable_error(self, method: str, error: requests.RequestException) -> ServiceUnreachable:
        if _is_never_sent(error):
            return ServiceUnreachable(
                f"No service answers at {self._url}: {_root_cause(error)}. "
                "Start one with 'cgflow serve', or give its address with --url or CGFLOW_URL."
            )
        if method == "GET":
            return ServiceUnreachable(f"{self._url} did not answer: {_root_cause(error)}. Try again.")
        return ServiceUnreachable(
            f"{self._url} did not answer: {_root_cause(error)}. The request may "
            "have been accepted: check with 'cgflow flow list' before you repeat it."
        )


def _version_header(microversion: str) -> str:
    """Return the header's list of services: the microversion, and cgflow's extensions."""
    return f"volume {microversion}, cgflow 1.0"


def quote_segment(value: str) -> str:
    """Return a value quoted as one segment of a path."""
    return quote(value, safe="")


def _parse_response(response: requests.Response) -> Answer:
    flow_id = response.headers.get("X-Cgflow-Flow-Id")
    if not response.content:
        return Answer({}, flow_id)
    try:
        body = response.json()
    except requests.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise ServiceError(
            response.status_code,
            "unexpectedAnswer",
            "The answer is not a JSON object. Check that the address is that of a cgflow service.",
            response.headers.get("X-Openstack-Request-Id"),
        )
    return Answer(body, flow_id)


def _parse_error(response: requests.Response) -> ServiceError:
    """Parse ``{"badRequest": {"code": 400, "message": ...}}``, or else use the HTTP status line."""
    request_id = response.headers.get("X-Openstack-Request-Id")
    try:
        [(code, fault)] = response.json().items()
        # The stable slug, if the service sends one; Cinder sends only the key.
        message = str(fault["message"]) + (_CREDENTIALS_HINT if response.status_code == 401 else "")
        return ServiceError(response.status_code, fault.get("cgflow:code", code), message, request_id)
    except (requests.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
        message = f"The service answered {response.status_code} {response.reason} without a reason."
        return ServiceError(response.status_code, "unexplained", message, request_id)


def _is_never_sent(error: requests.RequestException) -> bool:
    """Return whether there was no connection, so that the service cannot have received the request."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    wrapped = error.args[0] if error.args else None
    return isinstance(getattr(wrapped, "reason", None), NewConnectionError | ConnectTimeoutError)


def _root_cause(error: BaseException) -> str:
    """Return the message of the innermost cause, which is that of the operating system."""
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
