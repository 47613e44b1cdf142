"""A complete service behind the API: SQLite file, conductor, and a memory backend with fault injection."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from flask import Flask

from api import versions
from api.app import create_app
from api.versions import MAXIMUM_KEY
from cgflow.drivers.fault_injection.faulty_driver import FaultSchedule, FaultyDriver
from cgflow.drivers.memory.driver import MemoryDriver
from tests.functional.caller import Caller, ModernCaller
from tests.support.world import World, world


@pytest.fixture(scope="module")
def module_faults() -> FaultSchedule:
    return FaultSchedule()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, module_faults: FaultSchedule) -> Iterator[World]:
    driver = FaultyDriver(MemoryDriver(capacity_gib=100_000), module_faults)
    with world(tmp_path_factory.mktemp("state"), driver) as served:
        yield served


@pytest.fixture(scope="module")
def app(served: World) -> Flask:
    return create_app(served.runtime)


@pytest.fixture(scope="module")
def quiet() -> Iterator[None]:
    """Log warnings only, and restore all log levels afterwards; for tests that set log levels at random."""
    known = [one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    levels = {logger: logger.level for logger in known}
    logging.disable(logging.INFO)
    yield
    logging.disable(logging.NOTSET)
    for logger, level in levels.items():
        logger.setLevel(level)


@pytest.fixture
def faults(module_faults: FaultSchedule) -> Iterator[FaultSchedule]:
    yield module_faults
    module_faults.release_hanging_calls()
    module_faults.clear()


@pytest.fixture
def caller(app: Flask) -> Caller:
    """An administrator in a new project; tests share a service and do not see each other's resources."""
    return Caller(app.test_client())


@pytest.fixture
def member(caller: Caller) -> Caller:
    """A member of the same project."""
    return caller.as_member()


@pytest.fixture
def stranger(app: Flask) -> Caller:
    """A member of another project."""
    return Caller(app.test_client(), roles="member")


@pytest.fixture
def modern(app: Flask, caller: Caller) -> Iterator[Caller]:
    """An administrator with the highest microversion that exists, offered or not."""
    app.config[MAXIMUM_KEY] = (3, 71)
    yield caller.at(71)
    del app.config[MAXIMUM_KEY]


@pytest.fixture(scope="module")
def later_app(served: World) -> Flask:
    """The application with every microversion above 3.0."""
    app = create_app(served.runtime)
    app.config[versions.MAXIMUM_KEY] = (3, 71)
    return app


@pytest.fixture
def later(later_app: Flask) -> ModernCaller:
    """An administrator with the highest microversion."""
    return ModernCaller(later_app.test_client())


@pytest.fixture
def later_member(later: ModernCaller) -> ModernCaller:
    """A member of the same project."""
    return ModernCaller(later._client, later.project, user="eve", roles="member")
