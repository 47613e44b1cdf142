"""Many concurrent requests over HTTP, and malicious clients: the limits hold, the service keeps running."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from cgflow.client.http import Accepted, ServiceError
from tests.integration.conftest import ground, starting
from tests.support.served_project import Project

pytestmark = pytest.mark.real

CROWD = 64
LIMIT = 10


def test_a_crowd_gets_exactly_what_the_quota_allows(memory: Project) -> None:
    project = Project(memory.served, "crowd")
    project.client.quotas.set(project.name, {"volumes": LIMIT})
    gate = threading.Barrier(CROWD)

    def ask(number: int) -> Accepted | ServiceError:
        gate.wait()
        try:
            return project.ask_volume(name=f"v{number}")
        except ServiceError as refusal:
            return refusal

    with ThreadPoolExecutor(CROWD) as crowd:
        answers = list(crowd.map(ask, range(CROWD)))
    accepted = [answer for answer in answers if isinstance(answer, Accepted)]
    refused = [answer for answer in answers if isinstance(answer, ServiceError)]
    assert Counter(answer.status for answer in refused) == {413: CROWD - LIMIT}
    assert {answer.code for answer in refused} == {"quota_exceeded"}
    assert all("volumes" in answer.message for answer in refused)

    made = {project.made(answer) for answer in accepted}
    assert len(made) == LIMIT
    assert project.usage() == {"volumes": LIMIT, "gigabytes": LIMIT}
    rows = project.client.volumes.select()
    assert {row["id"] for row in rows} == made
    assert {row["status"] for row in rows} == {"available"}
    assert len(project.client.flows.select()) == LIMIT
    assert project.claims() == []
    for volume_id in made:
        project.end(project.client.volumes.delete(volume_id).flow_id)
    assert project.usage() == {}


def test_of_two_cgsnapshots_at_once_one_is_refused_by_the_name_of_the_other(memory: Project) -> None:
    """S116."""
    project = Project(memory.served, "pair")
    group_id, members = project.group(2)
    # The accepted one runs for as long as the service lives.
    project.served.drill({"call": "cut", "kind": "hang", "deadline_s": 600})
    gate = threading.Barrier(2)

    def ask(name: str) -> Accepted | ServiceError:
        gate.wait()
        try:
            return project.ask_cgsnapshot(group_id, name)
        except ServiceError as refusal:
            return refusal

    with ThreadPoolExecutor(2) as pair:
        answers = list(pair.map(ask, ("one", "two")))
    [accepted] = [answer for answer in answers if isinstance(answer, Accepted)]
    [refused] = [answer for answer in answers if isinstance(answer, ServiceError)]
    assert (refused.status, refused.code) == (409, "busy")
    assert refused.message == (
        f"Consistency group {group_id} is busy: flow {accepted.flow_id} is at work on it. "
        "Try again when it has ended."
    )
    assert [row["id"] for row in project.client.cgsnapshots.select()] == [accepted.record["id"]]
    project.served.kill()
    project.served.drill()
    project.served.start()
    assert set(project.copies(project.made(accepted))) == set(members)


@pytest.fixture(scope="module")
def memory() -> Iterator[Project]:
    """One service on the memory backend for the tests with malicious clients."""
    with ground() as folder, starting(folder) as starter:
        yield starter("--drills", backend="memory")


HEAD = (
    b"POST /v3/demo/volumes HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: ada:demo\r\n"
    b"Content-Type: application/json\r\n"
)
DEEP = b"[" * 500_000


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (HEAD + b"Content-Length: 5000000000\r\n\r\n", 400),
        (HEAD + b"Content-Length: 1500000\r\n\r\n" + b" " * 1_500_000, 400),
        (HEAD + b"Content-Length: %d\r\n\r\n" % len(DEEP) + DEEP, 400),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (HEAD + b"X-Long: " + b"a" * 1_000_000 + b"\r\n\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ],
    ids=["endless", "large", "deep", "negative", "chunks", "header", "tls"],
)
def test_what_no_client_sends_is_refused(memory: Project, sent: bytes, status: int) -> None:
    assert spoken(memory, sent) == status
    assert memory.client.volumes.select() == []


def test_idle_and_broken_connections_shut_nobody_out(memory: Project) -> None:
    idle = [_connected(memory) for _ in range(150)]
    try:
        for number, connection in enumerate(idle):
            connection.sendall(HEAD if number % 2 else HEAD + b"Content-Length: 100\r\n\r\n{")
        volume_id = memory.made(memory.ask_volume())
        memory.end(memory.client.volumes.delete(volume_id).flow_id)
    finally:
        for connection in idle:
            connection.close()
    assert memory.client.volumes.select() == []
    assert memory.usage() == {}


def spoken(project: Project, sent: bytes) -> int:
    """Send bytes unchanged, and return the status of the response."""
    with _connected(project) as connection:
        # The request may be refused before it has been read completely.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(sent)
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1."), answer
    return int(answer.split()[1])


def _connected(project: Project) -> socket.socket:
    parts = urlsplit(project.served.url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30)
