"""Real services in separate directories, stopped with every process that they started."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.requirements import require
from tests.support.served_process import Served
from tests.support.served_project import Project

Start = Callable[..., Project]


class Serving(Served):
    """A service whose output pipe is closed with it."""

    def start(self) -> str:
        self._let_go()
        return super().start()

    def end(self) -> None:
        super().end()
        self._let_go()

    def _let_go(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def ground() -> Iterator[Path]:
    """Yield a directory with a short name: the paths of sockets are limited to 107 bytes."""
    place = Path(tempfile.mkdtemp(prefix="cg-", dir="/tmp"))
    try:
        yield place
    finally:
        shutil.rmtree(place)


@contextmanager
def starting(place: Path) -> Iterator[Start]:
    """Yield a function that starts a service in this directory; all of them are stopped."""
    begun: list[Serving] = []

    def start(*options: str, backend: str = "qsd", name: str = "s", ready: bool = True) -> Project:
        if backend == "qsd":
            require("qemu-storage-daemon")
        served = Serving(place / name, backend=backend, options=options)
        begun.append(served)
        if ready:
            served.start()
        return Project(served)

    try:
        yield start
    finally:
        for served in begun:
            served.end()


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory for one test."""
    with ground() as folder:
        yield folder


@pytest.fixture
def start(place: Path) -> Iterator[Start]:
    """Start services for one test."""
    with starting(place) as starter:
        yield starter


@pytest.fixture(scope="session")
def shared() -> Iterator[Project]:
    """One shared service with drills, in which every test creates and removes its own resources."""
    with ground() as folder, starting(folder) as starter:
        yield starter("--drills")
