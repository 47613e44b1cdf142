"""A real service, and the existing clients, installed as their users install them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.site import Site, Tenant, site
from tests.integration.conftest import ground, starting
from tests.support.cinder_command import CinderCommand
from tests.support.openstack_clients import install_clients, noauth_access
from tests.support.openstack_command import OpenstackCommand
from tests.support.sdk_process import Sdk, connect_sdk
from tests.support.served_project import Project

CG = {"consistencygroup_support": "<is> True"}


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder of the clients' commands."""
    return install_clients()


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[..., Project]]:
    with ground() as folder, starting(folder) as starter:
        yield starter


@pytest.fixture(scope="module")
def project(start: Callable[..., Project]) -> Project:
    """One service per module on real volumes; the tests also inspect it through cgflow's own client."""
    return start()


@pytest.fixture(scope="module")
def cinder(project: Project, programs: Path) -> CinderCommand:
    return CinderCommand(programs, noauth_access(project.served.url, project.name))


@pytest.fixture(scope="session", params=["noauth", "keystone"])
def served_site(request: pytest.FixtureRequest, programs: Path) -> Iterator[Site]:
    """One service in memory for all tests, for each authentication strategy."""
    with ground() as folder, starting(folder) as starter, site(request.param, starter, folder) as made:
        yield made


@pytest.fixture(scope="module")
def tenant(request: pytest.FixtureRequest, served_site: Site) -> Tenant:
    """A project for a module."""
    return served_site.tenant(request.module.__name__.rpartition(".")[2])


@pytest.fixture(scope="module")
def sdk(programs: Path, tenant: Tenant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sdk]:
    with connect_sdk(programs, tenant.admin, tmp_path_factory.mktemp("sdk") / "log") as connection:
        yield connection


@pytest.fixture(scope="module")
def openstack(programs: Path, tenant: Tenant) -> OpenstackCommand:
    return OpenstackCommand(programs, tenant.admin)


@pytest.fixture(scope="module")
def admin(programs: Path, tenant: Tenant) -> CinderCommand:
    """The ``cinder`` command of the project's administrator."""
    return CinderCommand(programs, tenant.admin)


@pytest.fixture(scope="module")
def type_(sdk: Sdk) -> Iterator[dict[str, Any]]:
    """A type that the SDK has created for a module."""
    made = sdk.create_type(name="sdk-database", extra_specs=CG, description="fast")
    yield made
    sdk.delete_type(made["id"])
