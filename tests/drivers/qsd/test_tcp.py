"""NBD over TCP: stable ports, TLS with certificates on both sides, and refusals."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from cgflow.drivers.contract import Connection, VolumeSpec
from cgflow.drivers.qsd.driver import make
from cgflow.drivers.qsd.qemu.nbd_endpoint import TcpEndpoint
from cgflow.errors import BusyDriverError, ConfigError, FinalDriverError
from tests.support.certificates import authority
from tests.support.nbd_client import NbdClient, NbdError
from tests.support.qsd_fixture import (
    BLOCK,
    QsdDriverFixture,
    read_block,
    read_snapshot,
    require_qsd,
    take_cgsnapshot,
    write_block,
)
from tests.support.requirements import poll_until, require, require_disks

pytestmark = pytest.mark.real

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> range:
    """Return consecutive ports on which no process listens."""
    for first in range(20000 + os.getpid() % 5000 * 2, 32000, count):
        wanted = range(first, first + count)
        with suppress(OSError), ExitStack() as opened:
            for port in wanted:
                opened.enter_context(socket.create_server((LOOPBACK, port)))
            return wanted
    raise AssertionError("no ports are free")


def taken(port: int) -> socket.socket | None:
    """Listen on a port, if it is free."""
    with suppress(OSError):
        return socket.create_server((LOOPBACK, port))
    return None


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require("openssl", "nbdcopy", "nbdinfo", "qemu-io")
    return authority(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority(tmp_path_factory.mktemp("tls") / "theirs")


@pytest.fixture
def ports() -> range:
    return free_ports(3)


def started(tcp: TcpEndpoint | None) -> QsdDriverFixture:
    require_qsd()
    bench = QsdDriverFixture(tcp=tcp)
    bench.start()
    return bench


@pytest.fixture
def plain(ports: range) -> Iterator[QsdDriverFixture]:
    bench = started(TcpEndpoint(LOOPBACK, LOOPBACK, ports, None))
    yield bench
    bench.clean()


@pytest.fixture
def secure(ports: range, ca: Path) -> Iterator[QsdDriverFixture]:
    bench = started(TcpEndpoint(LOOPBACK, "localhost", ports, ca))
    yield bench
    bench.clean()


def nbdinfo(uri: object, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["nbdinfo", "--size", f"{uri}{''.join(more)}"], capture_output=True, text=True, check=False
    )


def test_volumes_and_copies_are_served_on_a_port_of_their_home(plain: QsdDriverFixture, ports: range) -> None:
    (volume,) = plain.make_group(1)
    lone = VolumeSpec("lone", 1)
    plain.driver.create_volume(lone)
    data = plain.driver.connection(volume).data
    assert (data["uri"], data["tls"]) == (f"nbd://127.0.0.1:{ports[0]}/v0", False)
    assert plain.driver.connection(lone).data["port"] == ports[1]
    write_block(plain.driver, volume, 1)
    (copy,) = take_cgsnapshot(plain.driver, [volume], "c")
    write_block(plain.driver, volume, 2)
    assert read_snapshot(plain.driver, copy) == b"\1" * BLOCK
    assert read_block(plain.driver, volume) == b"\2" * BLOCK
    plain.driver.delete_volume(lone)
    plain.driver.create_group("h")
    plain.driver.create_volume(VolumeSpec("w", 1, "h"))
    assert plain.driver.connection(VolumeSpec("w", 1, "h")).data["port"] == ports[1], (
        "its port was given back"
    )


def test_an_address_of_the_newer_protocol_is_served(ports: range) -> None:
    try:
        socket.create_server(("::1", ports[0]), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"this host has no IPv6: {error}")
    bench = started(TcpEndpoint("::1", "::1", ports, None))
    try:
        (volume,) = bench.make_group(1)
        assert bench.driver.connection(volume).data["uri"] == f"nbd://[::1]:{ports[0]}/v0"
        write_block(bench.driver, volume, 1)
        assert read_block(bench.driver, volume) == b"\1" * BLOCK
    finally:
        bench.clean()


def test_the_port_stays_whatever_restarts(plain: QsdDriverFixture) -> None:
    (volume,) = plain.make_group(1)
    write_block(plain.driver, volume, 1)
    told = plain.driver.connection(volume)
    plain.start()
    assert plain.driver.connection(volume) == told
    first = plain.pid("g")
    with NbdClient.from_uri(str(told.data["uri"])) as client:
        os.kill(first, signal.SIGKILL)
        poll_until(lambda: plain.pid_recorded("g") not in (first, None), "another daemon")
        assert not client.is_connected
    # The volume has that size already, so this call only waits until it is served again.
    plain.driver.extend_volume(volume, 1)
    assert plain.driver.connection(volume) == told
    assert read_block(plain.driver, volume) == b"\1" * BLOCK


def test_a_port_that_somebody_else_took_is_named_and_taken_again_when_it_is_free(
    plain: QsdDriverFixture, ports: range
) -> None:
    (volume,) = plain.make_group(1)
    plain.driver.stop()
    plain.kill_daemon("g")
    # The kernel releases a dead process's port a moment later, if the process had it in an io_uring.
    with poll_until(lambda: taken(ports[0]), f"port {ports[0]} is free"):
        plain.start()
        with pytest.raises(BusyDriverError, match="Address already in use"):
            plain.driver.connection(volume)
        assert "Address already in use" in " ".join(plain.driver.inventory().problems)
        plain.driver.create_group("h")
        plain.driver.create_volume(VolumeSpec("w", 1, "h"))
    write_block(plain.driver, volume, 1)
    assert plain.driver.connection(volume).data["port"] == ports[0]


def test_a_backend_without_a_free_port_makes_nothing(plain: QsdDriverFixture, ports: range) -> None:
    for number in range(len(ports)):
        plain.driver.create_group(f"g{number}")
    with pytest.raises(FinalDriverError, match="extend the range"):
        plain.driver.create_volume(VolumeSpec("lone", 1))
    with pytest.raises(FinalDriverError, match="extend the range"):
        plain.driver.create_group("one-more")
    assert sorted(path.name for path in (plain.state_dir / "homes").iterdir()) == ["g0", "g1", "g2"]
    assert plain.driver.inventory().problems == ()


def test_tls_lets_those_in_who_show_a_certificate_and_nobody_else(
    secure: QsdDriverFixture, ca: Path, strangers: Path, tmp_path: Path
) -> None:
    (volume,) = secure.make_group(1)
    data = secure.driver.connection(volume).data
    uri = data["uri"]
    assert uri == f"nbds://localhost:{data['port']}/v0"
    image = tmp_path / "image"
    content = os.urandom(64 * BLOCK)
    image.write_bytes(content)
    os.truncate(image, 2**30)
    ours = f"?tls-certificates={ca}"
    subprocess.run(["nbdcopy", "--destination-is-zero", str(image), f"{uri}{ours}"], check=True)
    subprocess.run(["nbdcopy", f"{uri}{ours}", str(tmp_path / "back")], check=True)
    with (tmp_path / "back").open("rb") as back:
        assert back.read(len(content)) == content
    assert nbdinfo(uri, ours).stdout.strip() == str(2**30)
    with pytest.raises(NbdError):
        NbdClient((LOOPBACK, int(str(data["port"]))), "v0")
    nobody = tmp_path / "nobody"
    nobody.mkdir()
    shutil.copy(ca / "ca-cert.pem", nobody)
    mixed = tmp_path / "mixed"
    shutil.copytree(strangers, mixed)
    shutil.copy(ca / "ca-cert.pem", mixed)
    for shown in (nobody, mixed, strangers):
        refused = nbdinfo(uri, f"?tls-certificates={shown}")
        assert refused.returncode != 0, f"{shown} was let in"


def test_copies_clones_and_files_work_over_tls(secure: QsdDriverFixture, ca: Path) -> None:
    (volume,) = secure.make_group(1)

    def command(address: Connection, program: str) -> None:
        port, export = int(str(address.data["port"])), str(address.data["export"])
        image = TcpEndpoint(LOOPBACK, "localhost", range(1), ca).image_options(port, export)
        options = ["-r"] if address.data["read_only"] else []
        words = ["qemu-io", *options, *image, "-c", program, "-c", "flush"]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        assert "failed" not in done.stdout, done.stdout

    command(secure.driver.connection(volume), f"write -P 1 0 {BLOCK}")
    (copy,) = take_cgsnapshot(secure.driver, [volume], "c")
    command(secure.driver.connection(volume), f"write -P 2 0 {BLOCK}")
    command(secure.driver.export_snapshot(copy), f"read -P 1 0 {BLOCK}")
    clone = VolumeSpec("clone", 1)
    secure.driver.clone_volume(clone, copy)
    command(secure.driver.connection(clone), f"read -P 1 0 {BLOCK}")
    require_disks()
    path = Path(str(secure.driver.serve_file(volume).data["path"]))
    with path.open("rb") as file:
        assert file.read(BLOCK) == b"\2" * BLOCK


def test_an_address_that_is_set_anew_takes_another_daemon_and_keeps_the_data(ports: range) -> None:
    bench = started(None)
    try:
        (volume,) = bench.make_group(1)
        (copy,) = take_cgsnapshot(bench.driver, [volume], "c")
        bench.driver.export_snapshot(copy)
        for number, tcp in enumerate((TcpEndpoint(LOOPBACK, LOOPBACK, ports, None), None, None)):
            write_block(bench.driver, volume, number + 1)
            before = bench.pid("g")
            bench.options["tcp"] = tcp
            bench.start()
            scheme = "nbd+unix" if tcp is None else "nbd"
            assert str(bench.driver.connection(volume).data["uri"]).startswith(f"{scheme}://")
            assert (bench.pid("g") == before) == (number == 2), "a daemon that serves as asked is kept"
            assert read_block(bench.driver, volume) == bytes([number + 1]) * BLOCK
            assert read_snapshot(bench.driver, copy) == bytes(BLOCK)
            bench.driver.export_snapshot(copy)
            assert bench.driver.inventory().problems == ()
    finally:
        bench.clean()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"nbd_address": "0.0.0.0"}, "without TLS"),
        ({"nbd_address": "192.0.2.1"}, "without TLS"),
        ({"nbd_address": "::"}, "without TLS"),
        ({"nbd_address": "localhost"}, "numeric"),
        ({"nbd_address": LOOPBACK, "nbd_ports": "9-1"}, "FIRST-LAST"),
        ({"nbd_address": LOOPBACK, "nbd_ports": "0-70000"}, "FIRST-LAST"),
        ({"nbd_address": LOOPBACK, "nbd_host": "a b"}, "nbd_host"),
        ({"nbd_address": LOOPBACK, "nbd_tls_dir": "/nowhere"}, "lacks ca-cert.pem, server-cert.pem"),
        ({"nbd_tls_dir": "/nowhere"}, "set nbd_address"),
        ({"nbd_host": "here"}, "set nbd_address"),
    ],
)
def test_what_cannot_be_served_safely_is_refused(tmp_path: Path, options: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make("q", tmp_path, **options)


def test_every_address_needs_a_name_to_tell(tmp_path: Path, ca: Path) -> None:
    asked = {"nbd_address": "0.0.0.0", "nbd_tls_dir": str(ca)}
    with pytest.raises(ConfigError, match="nbd_host"):
        make("q", tmp_path, **asked)
    make("q", tmp_path, **asked, nbd_host="storage.example")
