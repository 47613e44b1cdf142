"""The backend of the takeover tests keeps the rules of fencing, without which those would prove nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cgflow.drivers.conformance import FencingRules, Scenario
from tests.support.folder_driver import FolderDriver


class Folders:
    """A folder, and the driver under test on it. It holds no content, so there are no clients."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._starts = 0
        self.restart()

    def restart(self) -> None:
        self._starts += 1
        self.driver = FolderDriver(self._root)
        self.driver.open_session(f"start {self._starts}")
        self.driver.start()

    def another(self) -> FolderDriver:
        return FolderDriver(self._root)

    def write(self, *_: object) -> None:
        raise NotImplementedError

    read = read_snapshot = disconnect = close = write


class TestFolder(FencingRules):
    @pytest.fixture
    def scenario(self, tmp_path: Path) -> Iterator[Scenario]:
        return Scenario(Folders(tmp_path))
