"""A real HTTP server on loopback that returns predefined responses and records the requests."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

PREFIX = "/v3/admin"


@dataclass(frozen=True)
class RecordedRequest:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


@dataclass
class CannedResponse:
    """One response. ``drops`` closes the connection without a response."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drops: bool = False


class CannedService:
    """Returns the responses for one method and path in order; the last one is repeated."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], list[CannedResponse]] = {}
        self.asked: list[RecordedRequest] = []
        self._port = 0
        self.start()

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
        self._server.daemon_threads = True
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def plays(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        status: int = 200,
        flow: str | None = None,
        drops: bool = False,
        headers: dict[str, str] | None = None,
    ) -> None:
        told = {"X-Openstack-Request-Id": "req-1", **(headers or {})}
        if flow is not None:
            told["X-Cgflow-Flow-Id"] = flow
        self._answers.setdefault((method, PREFIX + path), []).append(
            CannedResponse(body, status, told, drops)
        )

    def refuses(self, method: str, path: str, status: int, key: str, message: str) -> None:
        self.plays(method, path, {key: {"code": status, "message": message}}, status=status)

    def plays_flow(self, flow: dict[str, Any], events: list[dict[str, Any]]) -> None:
        """Serve a flow that has ended, and its events: first all of them, then none."""
        self.plays("GET", f"/flows/{flow['id']}", {"flow": flow})
        self.plays("GET", f"/flows/{flow['id']}/events", {"events": events})
        self.plays("GET", f"/flows/{flow['id']}/events", {"events": []})

    def requests(self, method: str, path: str) -> list[RecordedRequest]:
        return [each for each in self.asked if (each.method, each.path) == (method, PREFIX + path)]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                url = urlsplit(self.path)
                sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                service.asked.append(
                    RecordedRequest(
                        self.command,
                        url.path,
                        dict(parse_qsl(url.query)),
                        json.loads(sent) if sent else None,
                        dict(self.headers),
                    )
                )
                canned = service._next(self.command, url.path)
                if canned.drops:
                    return
                content = canned.body.encode() if isinstance(canned.body, str) else b""
                if isinstance(canned.body, dict | list):
                    content = json.dumps(canned.body).encode()
                self.send_response(canned.status)
                for name, value in canned.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, format: str, *args: Any) -> None:
                """Suppress the log."""

        return Handler

    def _next(self, method: str, path: str) -> CannedResponse:
        answers = self._answers.get((method, path))
        if answers is None:
            return CannedResponse(
                {"itemNotFound": {"code": 404, "message": f"Nothing at {method} {path}."}}, 404
            )
        return answers.pop(0) if len(answers) > 1 else answers[0]
