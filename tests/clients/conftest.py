"""A real service, and the clients that exist, installed as their users install them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import ground, starting
from tests.support import cinder as cinderclient
from tests.support.cinder import Cinder
from tests.support.project import Project


@pytest.fixture(scope="session")
def cinder_command() -> Path:
    return cinderclient.installed()


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[..., Project]]:
    with ground() as folder, starting(folder) as starter:
        yield starter


@pytest.fixture(scope="module")
def project(start: Callable[..., Project]) -> Project:
    """One service for a module; the tests look at it through its own client as well."""
    return start()


@pytest.fixture(scope="module")
def cinder(project: Project, cinder_command: Path) -> Cinder:
    return Cinder(cinder_command, project.served.url, project.name)
