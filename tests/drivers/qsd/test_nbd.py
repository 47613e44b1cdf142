"""The NBD client, against the real server and against a faulty one."""

import errno
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cgflow.drivers.contract import VolumeSpec
from cgflow.drivers.qsd.driver import GIB
from tests.support.nbd_client import NbdClient, NbdError
from tests.support.qsd_fixture import BLOCK, QsdDriverFixture, require_qsd

LONE = VolumeSpec("lone", 1)


@pytest.fixture
def uri() -> Iterator[str]:
    require_qsd()
    bench = QsdDriverFixture()
    bench.start().create_volume(LONE)
    yield str(bench.driver.connection(LONE).data["uri"])
    bench.clean()


@pytest.mark.real
def test_it_reads_what_it_wrote(uri: str) -> None:
    with NbdClient.from_uri(uri) as client:
        assert client.size_bytes == GIB
        assert not client.read_only
        client.write(BLOCK, b"a" * BLOCK)
        client.write(2 * BLOCK, b"b" * BLOCK, fua=True)
        client.flush()
        assert client.read(0, 3 * BLOCK) == bytes(BLOCK) + b"a" * BLOCK + b"b" * BLOCK
    assert not client.is_connected
    with pytest.raises(NbdError):
        client.read(0, BLOCK)


@pytest.mark.real
def test_many_requests_are_outstanding_from_many_threads(uri: str) -> None:
    with NbdClient.from_uri(uri) as client, ThreadPoolExecutor(8) as pool:
        blocks = [os.urandom(BLOCK) for _ in range(64)]
        writes = list(pool.map(lambda n: client.submit_write(n * BLOCK, blocks[n]), range(64)))
        for write in writes:
            assert write.result(30) == b""
        reads = list(pool.map(lambda n: client.submit_read(n * BLOCK, BLOCK), range(64)))
        assert [read.result(30) for read in reads] == blocks


@pytest.mark.real
def test_refusals_name_the_export_and_leave_the_connection(uri: str) -> None:
    with pytest.raises(NbdError, match="nobody"):
        NbdClient.from_uri(uri.replace("lone", "nobody"))
    with NbdClient.from_uri(uri) as client:
        with pytest.raises(NbdError) as refused:
            client.read(GIB, BLOCK)
        assert refused.value.errno == errno.EINVAL
        assert client.read(0, 512) == bytes(512)


def test_addresses_that_are_not_understood() -> None:
    for uri in ("http://x/y", "nbd+unix:///x", "nbd:///x"):
        with pytest.raises(ValueError, match="nbd|http"):
            NbdClient.from_uri(uri)


def serve_once(path: Path, talk: Callable[[socket.socket], object]) -> threading.Thread:
    """Serve one client, which completes the handshake."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def run() -> None:
        connection, _ = listener.accept()
        with connection, listener:
            connection.sendall(struct.pack(">QQH", 0x4E42444D41474943, 0x49484156454F5054, 3))
            connection.recv(4096)
            reply = 0x3E889045565A9
            connection.sendall(struct.pack(">QIIIHQH", reply, 7, 3, 12, 0, GIB, 0))
            connection.sendall(struct.pack(">QIII", reply, 7, 1, 0))
            talk(connection)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_server_that_hangs_up_fails_all_that_is_outstanding(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("n") / "s"
    thread = serve_once(path, lambda connection: connection.recv(28, socket.MSG_WAITALL))
    client = NbdClient(str(path), "x")
    with pytest.raises(NbdError) as ended:
        client.submit_read(0, BLOCK).result(30)
    assert ended.value.errno == errno.EPIPE
    thread.join()
    with pytest.raises(NbdError):
        client.write(0, b"x")
    client.abort()


def test_a_server_that_cannot_write_through_is_not_asked_to(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("n") / "s"
    thread = serve_once(path, lambda connection: connection.recv(28))
    client = NbdClient(str(path), "x")
    with pytest.raises(NbdError) as refused:
        client.write(0, b"x", fua=True)
    assert refused.value.errno == errno.EOPNOTSUPP
    client.close()
    thread.join()


def test_what_is_no_nbd_server_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("n") / "s"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def run() -> None:
        connection, _ = listener.accept()
        with connection, listener:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    thread = threading.Thread(target=run)
    thread.start()
    with pytest.raises(NbdError, match="newstyle"):
        NbdClient(str(path), "x")
    thread.join()
