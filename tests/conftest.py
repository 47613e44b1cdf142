"""What every test may ask for: the databases that cgflow can keep its state in, and a btrfs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import postgresql_server as postgres_support
from tests.support.btrfs_fixture import btrfs_mounted
from tests.support.postgresql_server import PostgresServer, postgres_server


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let only tests with the marker ``postgresql`` start a server, so that the marker can be relied on."""
    postgres_support.is_refused = item.get_closest_marker("postgresql") is None


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL server for the whole run."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def btrfs_mount() -> Iterator[Path]:
    """One btrfs for the whole run."""
    with btrfs_mounted() as place:
        yield place


@pytest.fixture
def btrfs_folder(btrfs_mount: Path) -> Path:
    """An empty folder on a btrfs for one test. What is left in it goes with the mount."""
    return Path(tempfile.mkdtemp(dir=btrfs_mount))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_url()
