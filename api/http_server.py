"""The HTTP server: waitress, which reads requests without a thread, with strict framing and deadlines.

A server thread gets complete requests only, so a slow or idle client holds a connection and nothing else.
This module adds:

* When all connections are in use, a new one replaces the connection that has gone longest without being
  served.
* A request must arrive within ``REQUEST_S``, and the client must read the response as it is sent.
* A pipelined request is served after the previous response has been sent. A client that reads nothing
  therefore holds one response and no thread.
* Framing that two parsers could understand differently is refused, and the connection is closed.
* The server's own error responses have the shape of the API's faults.
"""

from __future__ import annotations

import errno
import json
import re
import resource
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import ChunkedReceiver
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher
from waitress.utilities import BadRequest, Error, RequestEntityTooLarge

from api import json_body
from api.errors import KEYS

CONNECTIONS = 1000
REQUEST_S = 30
"""Seconds within which a request must arrive, from its first byte to its last."""
IDLE_S = 75
"""Seconds that a connection may be idle: without a request, or with a response that nobody reads."""
MAX_HEADERS = 64
MAX_HEADER_BYTES = 64 * 1024
MAX_REQUEST_LINE_BYTES = 32 * 1024
MAX_CHUNK_HEAD_BYTES = 1024
MAX_TRAILER_BYTES = 8 * 1024

_HOST = re.compile(r"([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


class RequestTimeout(Error):  # type: ignore[misc]
    """The request did not arrive in time."""

    code = 408
    reason = "Request Timeout"


class UriTooLong(Error):  # type: ignore[misc]
    """The request line is too long."""

    code = 414
    reason = "URI Too Long"


class ExpectationFailed(Error):  # type: ignore[misc]
    """The request expects something other than 100-continue."""

    code = 417
    reason = "Expectation Failed"


class TooManyHeaders(Error):  # type: ignore[misc]
    """The request has too many headers."""

    code = 431
    reason = "Request Header Fields Too Large"


class BodyReceiver(ChunkedReceiver):  # type: ignore[misc]
    """Reads a chunked body and limits its framing.

    Waitress keeps the framing in memory and parses it again with every packet.
    """

    def received(self, data: bytes) -> int:
        """Process bytes, and return how many belong to this body."""
        consumed: int = super().received(data)
        if len(self.control_line) > MAX_CHUNK_HEAD_BYTES:
            self.error = BadRequest(f"The head of a chunk is longer than {MAX_CHUNK_HEAD_BYTES} bytes.")
        elif len(self.trailer) > MAX_TRAILER_BYTES:
            self.error = BadRequest(f"The trailer is longer than {MAX_TRAILER_BYTES} bytes.")
        return consumed


class RequestParser(HTTPRequestParser):  # type: ignore[misc]
    """Parses one request and refuses ambiguous framing."""

    body_rcv: Any

    def __init__(self, adj: Adjustments) -> None:
        super().__init__(adj)
        self.began_at = time.time()

    def received(self, data: bytes) -> int:
        """Process bytes, and return how many belong to this request."""
        consumed: int = super().received(data)
        if self.completed:
            # The request is complete or refused, so the server must not send "100 Continue".
            self.expect_continue = False
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the request head. An error found here ends the request and its connection."""
        try:
            super().parse_header(header_plus)
        except ValueError:
            raise ParsingError("Content-Length is invalid") from None
        self.error = self._framing_error(header_plus)
        if self.error is not None:
            self.body_rcv, self.content_length = None, 0
        elif self.chunked:
            self.body_rcv = BodyReceiver(self.body_rcv.getbuf())

    def _framing_error(self, header_plus: bytes) -> Error | None:
        lines = header_plus.split(b"\r\n")
        names = [line.partition(b":")[0].strip().lower() for line in lines[1:] if line.strip()]
        host = self.headers.get("HOST")
        if len(lines[0]) > MAX_REQUEST_LINE_BYTES:
            return UriTooLong(f"The request line is longer than {MAX_REQUEST_LINE_BYTES} bytes.")
        if len(names) > MAX_HEADERS:
            return TooManyHeaders(f"The request has more than {MAX_HEADERS} headers.")
        if names.count(b"host") > 1 or (host is not None and not _HOST.fullmatch(host)):
            return BadRequest("The Host header must name one host, with or without a port.")
        if host is None and self.version == "1.1":
            return BadRequest("The Host header is missing.")
        if self.proxy_netloc and self.proxy_netloc != host:
            return BadRequest("The address and the Host header name different hosts.")
        if b"transfer-encoding" in names and (
            not self.chunked or b"content-length" in names or names.count(b"transfer-encoding") > 1
        ):
            return BadRequest(
                "Transfer-Encoding is for HTTP/1.1, is chunked, is given once, and excludes Content-Length."
            )
        if names.count(b"content-length") > 1:
            return BadRequest("Content-Length is given twice.")
        if self.version == "1.1" and self.headers.get("EXPECT", "100-continue").lower() != "100-continue":
            return ExpectationFailed("The only expectation that is understood is 100-continue.")
        return None


class FaultTask(ErrorTask):  # type: ignore[misc]
    """Answers a refused request with a fault of the API, and closes the connection."""

    def execute(self) -> None:
        """Write the response."""
        error: Error = self.request.error
        status, reason, message = error.code, error.reason, error.body
        if isinstance(error, RequestEntityTooLarge):
            # 413 means "over quota" in this API, as in the application.
            status, reason = 400, "Bad Request"
            message = f"The request body is larger than {json_body.MAX_BYTES} bytes."
        request_id = f"req-{uuid.uuid4()}"
        fault = {"code": status, "message": message, "request_id": request_id}
        content = json.dumps({KEYS.get(status, "computeFault"): fault}).encode() + b"\n"
        self.status = f"{status} {reason}"
        self.response_headers += [
            ("Content-Type", "application/json"),
            ("X-Openstack-Request-Id", request_id),
            ("X-Compute-Request-Id", request_id),
        ]
        self.set_close_on_finish()
        self.content_length = len(content)
        self.write(content)


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection, and the time since when no request of it has been served."""

    parser_class = RequestParser
    error_task_class = FaultTask
    request: RequestParser | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unserved_since = self.creation_time
        self.is_deferred = False
        """Whether a request waits until the previous response is sent. Guarded by ``requests_lock``."""

    def handle_write(self) -> None:
        """Send what can be sent, then schedule the request that waited for it."""
        super().handle_write()
        with self.requests_lock:
            if self.is_deferred and not self.total_outbufs_len:
                self.is_deferred = False
                self.server.add_task(self)

    def service(self) -> None:
        """Serve one request."""
        # Set before the call, too: the connection counts as unserved from some moment within the call.
        self.unserved_since = time.time()
        super().service()
        self.unserved_since = time.time()

    def refuse_late_request(self, now: float) -> None:
        """Refuse a request that has not arrived in time."""
        with self.requests_lock:
            request = self.request
            if request is None or self.requests or now - request.began_at < REQUEST_S:
                return
            request.error = RequestTimeout(f"The request did not arrive within {REQUEST_S} seconds.")
            request.completed, request.expect_continue = True, False
            self.request = None
            self.requests.append(request)
            self.server.add_task(self)

    def is_stalled(self, now: float) -> bool:
        """Return whether nothing was read or sent for ``IDLE_S`` while no request was being served."""
        is_waiting = not self.requests or self.total_outbufs_len > 0
        return is_waiting and bool(now - self.last_activity > IDLE_S)


class Server(TcpWSGIServer):  # type: ignore[misc]
    """Accepts connections. One thread does the I/O of all of them; other threads run the application."""

    channel_class = Channel

    def add_task(self, task: Channel) -> None:
        """Schedule the next request of a connection; the caller holds the connection's ``requests_lock``."""
        if task.total_outbufs_len:
            task.is_deferred = True
        else:
            super().add_task(task)

    def stop(self) -> None:
        """End ``run``, which another thread executes. Requests being served are answered first."""
        self.task_dispatcher.shutdown()
        self.trigger.pull_trigger(self._close_all)

    def _close_all(self) -> None:
        for channel in list(self.active_channels.values()):
            if channel.total_outbufs_len:
                channel.handle_write()
        wasyncore.close_all(self._map)

    def handle_accept(self) -> None:
        """Accept a connection; if there are too many, close the one that has been unserved longest."""
        super().handle_accept()
        if len(self.active_channels) > self.most_connections:
            self._close_longest_unserved()

    def accept(self) -> tuple[socket.socket, Any] | None:
        """Return a new connection, or None if there is none or no file descriptor is left."""
        try:
            accepted: tuple[socket.socket, Any] | None = super().accept()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self._close_longest_unserved()
            return None
        return accepted

    def _close_longest_unserved(self) -> None:
        unserved = [
            channel
            for channel in self.active_channels.values()
            if not channel.requests or channel.is_deferred
        ]
        if unserved:
            min(unserved, key=lambda channel: channel.unserved_since).handle_close()

    def maintenance(self, now: float) -> None:
        """Refuse late requests and close stalled connections. Called once a second."""
        for channel in list(self.active_channels.values()):
            if channel.is_stalled(now):
                # A full send buffer never becomes writable, so the socket is closed here.
                channel.handle_close()
            else:
                channel.refuse_late_request(now)


def create_server(
    application: Flask | Callable[..., Iterable[bytes]],
    listener: socket.socket,
    *,
    threads: int,
    connections: int | None = None,
) -> Server:
    """Return a server on a bound socket; ``run`` serves until ``stop`` is called."""
    if connections is None:
        # The other half of the file descriptors is for the database and the backends.
        connections = min(CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
    adjustments = Adjustments(
        sockets=[listener],
        threads=threads,
        ident=None,
        asyncore_use_poll=True,
        cleanup_interval=1,
        # Added: the server's own descriptors, and connections that are being served and so cannot be closed.
        connection_limit=connections + 16,
        log_socket_errors=False,
        # Never block a thread on a client that does not read: all others would lack it.
        outbuf_high_watermark=sys.maxsize,
        max_request_header_size=MAX_HEADER_BYTES,
        # The server buffers a body before the application can refuse it.
        max_request_body_size=2 * json_body.MAX_BYTES,
        # The application decides which proxies are trusted.
        clear_untrusted_proxy_headers=False,
    )
    dispatcher = ThreadedTaskDispatcher()
    dispatcher.set_thread_count(threads)
    server = Server(
        application,
        {},
        _sock=listener,
        dispatcher=dispatcher,
        adj=adjustments,
        bind_socket=False,
        sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
    )
    server.most_connections = connections
    return server
