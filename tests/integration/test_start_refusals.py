"""Configurations that ``cgflow serve`` refuses: one clear line, exit code 1, and nothing changed."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.conftest import Start
from tests.support.requirements import PACKAGES, mount_tmpfs

pytestmark = pytest.mark.real

CGFLOW = str(Path(sys.executable).with_name("cgflow"))


def refused(state_dir: Path, *more: str, bind: str = "127.0.0.1:0", backend: str = "memory") -> str:
    """Start a service that must refuse, and return its message."""
    return refusal("--state-dir", str(state_dir), "--bind", bind, "--backend", backend, *more)


def refusal(*words: str, path: str | None = None) -> str:
    environment = {**os.environ, **({} if path is None else {"PATH": path})}
    asked = [CGFLOW, "serve", *words]
    done = subprocess.run(
        asked, capture_output=True, text=True, timeout=60, check=False, env=environment, cwd="/"
    )
    assert done.returncode == 1, done
    assert done.stdout == ""
    # A database may have been created before.
    lines = [line for line in done.stderr.splitlines() if " INFO " not in line]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("Error: ")
    return lines[0].removeprefix("Error: ")


def content(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("bind", ["0.0.0.0:0", "[::]:0"])
def test_an_open_address_without_authentication(place: Path, bind: str) -> None:
    said = refused(place / "s", bind=bind)
    address = bind.rpartition(":")[0].strip("[]")
    assert said.startswith(f"Refused to serve on {address} without authentication")
    assert "127.0.0.1" in said
    assert not (place / "s").exists()


def test_an_address_that_is_none(place: Path) -> None:
    said = refused(place / "s", bind="localhost:8776")
    assert said == "--bind must be ADDRESS:PORT with a numeric address, not 'localhost:8776'."
    assert not (place / "s").exists()


def test_a_port_that_is_none(place: Path) -> None:
    said = refused(place / "s", bind="127.0.0.1:65536")
    assert said == "--bind must be ADDRESS:PORT with a port from 0 to 65535, not '127.0.0.1:65536'."
    assert not (place / "s").exists()


def test_a_port_in_use(place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refused(place / "s", bind=f"127.0.0.1:{port}")
    assert said == (
        f"Cannot serve on 127.0.0.1:{port}: the port is in use by another process. Name another with --bind."
    )
    assert not (place / "s").exists()


def test_a_second_service_on_the_same_state(place: Path, start: Start) -> None:
    project = start(backend="memory")
    volume_id = project.made(project.ask_volume())
    said = refused(project.served.state_dir)
    assert said == (
        f"The state directory {project.served.state_dir} is in use by another cgflow "
        f"(process {project.served.process.pid}). Stop that one first, or name another directory."
    )
    assert project.client.volumes.get(volume_id)["status"] == "available"
    project.made(project.ask_volume())
    assert project.served.stop() == 0


def test_a_backend_that_nobody_knows(place: Path) -> None:
    assert (
        refused(place / "s", backend="tape")
        == "There is no driver 'tape'. Installed drivers: btrfs, memory, qsd, rbd."
    )
    assert set(content(place)) <= {"s/cgflow.lock"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"[engine]\nmax_flows = lots\n", "option max_flows from "),
        (b"nothing of the kind\n", "No ':' or '=' found"),
        (b"\x98\x00\xff", "is not text"),
    ],
)
def test_a_configuration_that_cannot_be_used(place: Path, text: bytes, words: str) -> None:
    file = place / "cgflow.conf"
    file.write_bytes(text)
    said = refused(place / "s", "--config-file", str(file))
    assert said.startswith("The configuration cannot be used: ")
    assert words in said
    assert str(file) in said
    assert "LocationInfo" not in said
    assert not (place / "s").exists()


def test_a_filter_that_nobody_knows(place: Path) -> None:
    file = place / "cgflow.conf"
    file.write_text("[scheduler]\nscheduler_default_filters = capacity, astrology\n")
    said = refused(place / "s", "--config-file", str(file))
    assert said.startswith("There is no 'astrology' in cgflow.scheduler.filters. Valid values: ")


def test_a_directory_of_somebody_else(place: Path) -> None:
    folder = place / "home"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    said = refused(folder)
    assert said == (
        f"{folder} is not a state directory of cgflow: it holds thesis.txt. "
        "Name an empty directory, or one that does not exist yet."
    )
    assert content(folder) == {"thesis.txt": b"years of work"}


def test_a_state_directory_that_is_a_file(place: Path) -> None:
    (place / "file").write_text("x")
    said = refused(place / "file")
    assert said == f"{place / 'file'} cannot be the state directory: it is not a directory."
    assert (place / "file").read_text() == "x"


@pytest.mark.parametrize("below", ["", "new"])
def test_a_place_that_cannot_be_written_to(place: Path, below: str) -> None:
    with mount_tmpfs(place / "locked", "ro") as locked:
        said = refused(locked / below)
        assert said == f"The state directory {locked / below} cannot be used: Read-only file system."


def test_a_missing_program_names_the_package_that_has_it(place: Path) -> None:
    words = ("--state-dir", str(place / "s"), "--bind", "127.0.0.1:0")
    said = refusal(*words, path=str(place))
    assert said == (
        "the program qemu-storage-daemon is missing: "
        f"install it with 'apt-get install {PACKAGES['qemu-storage-daemon']}'"
    )
    assert not (place / "s" / "qsd").exists()


def test_a_path_too_long_for_sockets(place: Path, start: Start) -> None:
    start(ready=False)
    folder = place / ("x" * 100)
    said = refused(folder, backend="qsd")
    assert said.startswith(f"the socket path {folder}/qsd/run/")
    assert "the system allows 107" in said
    assert "use a state directory whose name is" in said
    assert not (folder / "qsd").exists()


def test_a_database_that_is_none(place: Path) -> None:
    folder = place / "s"
    folder.mkdir()
    (folder / "cgflow.db").write_bytes(bytes(range(256)) * 32)
    said = refused(folder)
    assert said == (
        f"The database {folder / 'cgflow.db'} cannot be used: file is not a database. It was not changed. "
        "Restore it from a backup, or name another state directory."
    )
    assert content(folder)["cgflow.db"] == bytes(range(256)) * 32


def test_a_database_of_a_newer_release(place: Path, start: Start) -> None:
    project = start(backend="memory")
    volume_id = project.made(project.ask_volume())
    assert project.served.stop() == 0
    file = project.served.state_dir / "cgflow.db"
    assert not file.with_name("cgflow.db-wal").exists()
    [was] = _revise(file, "9999")
    before = file.read_bytes()

    said = refused(project.served.state_dir)
    assert said.startswith("The database's schema cannot be changed: ")
    assert "'9999'" in said
    assert said.endswith("If it was made by a newer cgflow, run that one.")
    assert file.read_bytes() == before

    _revise(file, was)
    project.served.start()
    assert project.client.volumes.get(volume_id)["status"] == "available"


def _revise(file: Path, revision: str) -> list[str]:
    """Set the revision of a database; return its previous one."""
    connection = sqlite3.connect(file)
    try:
        [(was,)] = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
    return [was]
