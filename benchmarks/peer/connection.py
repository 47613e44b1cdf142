"""Plain HTTP/1.1 to one service: the same few calls for every service that is measured."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

USER = "admin"
_CLOSED = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
_SHOWN_BYTES = 300


class OperationFailed(Exception):
    """A service refused or failed what the benchmark needs; the message names the request."""


class Connection:
    """One kept connection to a service without authentication (noauth), for one project."""

    def __init__(self, url: str, project: str, timeout_s: float) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise OperationFailed(f"{url} is no address such as http://127.0.0.1:8776")
        self._http = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout_s)
        self._prefix = f"{parts.path.rstrip('/')}/v3/{project}"
        self._headers = {"X-Auth-Token": f"{USER}:{project}", "Accept": "application/json"}

    def request(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Send a request and return the status and the content of the response.

        A service may close a kept connection between two requests. It has seen nothing of the second one
        then, which is sent once more on a new connection.
        """
        is_kept = self._http.sock is not None
        try:
            return self._exchange(method, path, body)
        except _CLOSED:
            self.close()
            if not is_kept:
                raise
        return self._exchange(method, path, body)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Send a request that must succeed; return its JSON, or None without content."""
        status, content = self.request(method, path, body)
        if not 200 <= status < 300:
            shown = content[:_SHOWN_BYTES].decode(errors="replace").strip()
            raise OperationFailed(f"{method} {path}: HTTP {status} {shown}")
        return json.loads(content) if content else None

    def close(self) -> None:
        """Close the connection. The next request opens a new one."""
        self._http.close()

    def _exchange(self, method: str, path: str, body: object) -> tuple[int, bytes]:
        headers: Mapping[str, str] = self._headers
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers = {**headers, "Content-Type": "application/json"}
        self._http.request(method, self._prefix + path, content, dict(headers))
        response = self._http.getresponse()
        return response.status, response.read()
