"""A process without file descriptors leaves no incomplete homes, and removes those that it finds."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from cgflow.drivers.qsd.driver import QsdDriver
from cgflow.drivers.qsd.home.home import create_home
from tests.support.requirements import require


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Use up every file descriptor that this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
    taken = []
    try:
        with suppress(OSError):
            while True:
                taken.append(os.dup(1))
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_home_that_could_not_be_made_leaves_nothing(tmp_path: Path) -> None:
    with no_descriptors(), pytest.raises(OSError, match="Too many open files"):
        create_home(tmp_path / "home", is_group=True)
    assert not (tmp_path / "home").exists()


def test_an_undo_removes_a_half_made_home(tmp_path: Path) -> None:
    require("qemu-storage-daemon")
    driver = QsdDriver(tmp_path / "q")
    driver.start()
    try:
        half_made = tmp_path / "q" / "homes" / "half-made"
        half_made.mkdir()
        (half_made / "ballast").touch()
        driver.delete_group("half-made")
        assert not half_made.exists()

        strange = tmp_path / "q" / "homes" / "strange"
        strange.mkdir()
        (strange / "layer-1.qcow2").touch()
        driver.delete_group("strange")
        assert strange.exists(), "what holds data is not waste"
    finally:
        driver.stop()
