"""The HTTP server in front of the API: connections, framing, deadlines, its own faults."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.client import HTTPResponse

import pytest
from flask import Flask

from api import http_server
from api.errors import KEYS
from api.json_body import MAX_BYTES

GET = b"GET /healthcheck/live HTTP/1.1\r\nHost: localhost\r\n"


class Client:
    """One connection over which bytes are sent unchanged."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=30)

    def close(self) -> None:
        self.socket.close()

    def send(self, raw: bytes) -> None:
        self.socket.sendall(raw)

    def answer(self) -> tuple[int, str, bytes]:
        response = HTTPResponse(self.socket)
        response.begin()
        return response.status, response.headers.get_content_type(), response.read()

    def is_closed(self) -> bool:
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


@pytest.fixture(scope="module")
def running(app: Flask) -> Iterator[http_server.Server]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = http_server.create_server(app, listener, threads=2, connections=8)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server

    def end() -> None:
        for channel in list(server.active_channels.values()):
            channel.handle_close()
        server._map.clear()

    server.trigger.pull_trigger(end)
    thread.join()
    server.task_dispatcher.shutdown()
    server.trigger.close()
    listener.close()


@pytest.fixture
def connect(running: http_server.Server) -> Iterator[Callable[[], Client]]:
    address = running.socket.getsockname()
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(Client(address)))


def fault(client: Client, status: int) -> str:
    """Check that a fault closes the connection, and return its message."""
    code, content_type, content = client.answer()
    assert (code, content_type) == (status, "application/json")
    body = json.loads(content)[KEYS.get(status, "computeFault")]
    assert body["code"] == status
    assert client.is_closed()
    return str(body["message"])


def test_idle_connections_do_not_shut_others_out(connect: Callable[[], Client]) -> None:
    idle = [connect() for _ in range(40)]
    for client in idle[::2]:
        # An incomplete request does not count as a request.
        client.send(GET)
    client = connect()
    client.send(GET + b"\r\n")
    assert client.answer()[0] == 200
    assert idle[0].is_closed()


def test_the_connection_that_was_served_last_is_kept_longest(connect: Callable[[], Client]) -> None:
    early = connect()
    others = [connect() for _ in range(7)]
    early.send(GET + b"\r\n")
    assert early.answer()[0] == 200
    late = connect()
    late.send(GET + b"\r\n")
    assert late.answer()[0] == 200
    early.send(GET + b"\r\n")
    assert early.answer()[0] == 200
    assert others[0].is_closed()


FRAMING = {
    "length beside encoding": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET",
    "encoding before length": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "encoding twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "length twice": b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
    "a list of lengths": b"Content-Length: 0, 0\r\n\r\n",
    "a length that is no number": b"Content-Length: +5\r\n\r\nhello",
    "a length without end": b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "a second host": b"Host: localhost\r\n\r\n",
    "an encoding that is none": b"Transfer-Encoding: \r\n\r\n0\r\n\r\n",
    "a header without a colon": b"Nonsense\r\n\r\n",
    "a space before the colon": b"Content-Length : 5\r\n\r\nhello",
}


@pytest.mark.parametrize("name", FRAMING)
def test_ambiguous_framing_is_refused(connect: Callable[[], Client], name: str) -> None:
    client = connect()
    client.send(b"POST /v3/volumes HTTP/1.1\r\nHost: localhost\r\n" + FRAMING[name])
    assert fault(client, 400)


HEADS = {
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "a host that is none": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    "two hosts in one": (b"GET / HTTP/1.1\r\nHost: localhost, evil.example\r\n\r\n", 400),
    "an address elsewhere": (b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "encoding in HTTP/1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "no request": (b"nonsense\r\n\r\n", 400),
    "a long address": (b"GET /?" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
    "long headers": (GET + b"X: " + b"x" * 70_000 + b"\r\n\r\n", 431),
    "many headers": (GET + b"X: y\r\n" * 100 + b"\r\n", 431),
    "another encoding": (GET + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    "another expectation": (GET + b"Expect: wonders\r\n\r\n", 417),
}


@pytest.mark.parametrize("name", HEADS)
def test_heads_that_are_refused(connect: Callable[[], Client], name: str) -> None:
    raw, status = HEADS[name]
    client = connect()
    client.send(raw)
    assert fault(client, status)


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
def test_large_bodies_are_refused_before_they_are_sent(connect: Callable[[], Client], expect: bytes) -> None:
    client = connect()
    client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n" + expect + b"\r\n")
    assert str(MAX_BYTES) in fault(client, 400)


def test_expect_without_a_body_is_answered_at_once(connect: Callable[[], Client]) -> None:
    client = connect()
    for _ in range(2):
        client.send(GET + b"Expect: 100-continue\r\n\r\n")
        assert client.answer()[0] == 200


def test_expect_with_a_body_is_told_to_continue(connect: Callable[[], Client]) -> None:
    client = connect()
    client.send(
        b"POST /v3/p/types HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: u:p\r\n"
        b"Content-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    )
    assert client.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"{}")
    assert client.answer()[0] == 400


def test_requests_that_arrive_too_late_are_refused(
    running: http_server.Server, connect: Callable[[], Client]
) -> None:
    head, whole = connect(), connect()
    whole.send(GET + b"\r\n")
    assert whole.answer()[0] == 200
    head.send(GET)
    # The server has read the incomplete request once it has answered the later one.
    whole.send(GET + b"\r\n")
    assert whole.answer()[0] == 200
    later = time.time() + http_server.REQUEST_S + 1
    running.trigger.pull_trigger(lambda: running.maintenance(later))
    assert "arrive" in fault(head, 408)
    whole.send(GET + b"\r\n")
    assert whole.answer()[0] == 200
    later += http_server.IDLE_S
    running.trigger.pull_trigger(lambda: running.maintenance(later))
    assert whole.is_closed()


def test_a_client_that_does_not_read_is_closed(
    running: http_server.Server, connect: Callable[[], Client]
) -> None:
    client = connect()
    sender = threading.Thread(
        target=_send_until_closed, args=(client, b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
    )
    sender.start()
    while not any(channel.total_outbufs_len for channel in list(running.active_channels.values())):
        assert sender.is_alive()
    later = time.time() + http_server.IDLE_S + 1
    running.trigger.pull_trigger(lambda: running.maintenance(later))
    sender.join()


def test_clients_that_do_not_read_hold_no_thread(
    running: http_server.Server, connect: Callable[[], Client]
) -> None:
    silent = _clients_that_do_not_read(running, connect, 4)
    client = connect()
    client.send(GET + b"\r\n")
    assert client.answer()[0] == 200
    # Pending requests are answered once the client reads.
    with silent[0].socket.makefile("rb") as answers:
        found = 0
        while found < 30:
            found += b"HTTP/1.1 200 OK" in answers.readline()


def test_clients_that_do_not_read_do_not_shut_others_out(
    running: http_server.Server, connect: Callable[[], Client]
) -> None:
    _clients_that_do_not_read(running, connect, 8)
    client = connect()
    client.send(GET + b"\r\n")
    assert client.answer()[0] == 200


def _clients_that_do_not_read(
    running: http_server.Server, connect: Callable[[], Client], count: int
) -> list[Client]:
    """Return clients whose pending responses exceed every buffer of the server and the kernel."""
    silent = [connect() for _ in range(count)]
    for client in silent:
        client.send(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
    while sum(channel.is_deferred for channel in list(running.active_channels.values())) < count:
        time.sleep(0.01)
    return silent


CHUNKED = b"POST /v3/volumes HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("framing", [b"f" * 20_000, b"1;" + b"x" * 20_000, b"0\r\nX: " + b"y" * 20_000])
def test_the_framing_of_chunks_is_bounded(connect: Callable[[], Client], framing: bytes) -> None:
    client = connect()
    client.send(CHUNKED + framing)
    assert "longer than" in fault(client, 400)


def _send_until_closed(client: Client, raw: bytes) -> None:
    try:
        while True:
            client.send(raw)
    except OSError:
        return


def test_a_failure_of_the_application_is_a_fault(
    connect: Callable[[], Client], app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(app, "wsgi_app", fail)
    client = connect()
    client.send(GET + b"\r\n")
    assert fault(client, 500)
