"""The driver under test by its abilities. A test that needs a missing ability is skipped by name."""

from __future__ import annotations

from typing import NoReturn

import pytest

from cgflow.drivers.conformance.harness import Harness
from cgflow.drivers.contract import (
    Cloning,
    GroupSnapshots,
    Regrouping,
    Restoring,
    StorageDriver,
    SupportsCompaction,
    SupportsDetailedInventory,
    SupportsHostFiles,
)


class DriverUnderTest:
    """A backend under test."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness

    @property
    def driver(self) -> StorageDriver:
        """The driver under test."""
        return self.harness.driver

    @property
    def cutter(self) -> GroupSnapshots:
        """The driver under test as ``GroupSnapshots``."""
        driver = self.harness.driver
        if not isinstance(driver, GroupSnapshots):
            _skip(driver, "GroupSnapshots")
        return driver

    @property
    def cloner(self) -> Cloning:
        """The driver under test as ``Cloning``."""
        driver = self.harness.driver
        if not isinstance(driver, Cloning):
            _skip(driver, "Cloning")
        return driver

    @property
    def mover(self) -> Regrouping:
        """The driver under test as ``Regrouping``."""
        driver = self.harness.driver
        if not isinstance(driver, Regrouping):
            _skip(driver, "Regrouping")
        return driver

    @property
    def restorer(self) -> Restoring:
        """The driver under test as ``Restoring``."""
        driver = self.harness.driver
        if not isinstance(driver, Restoring):
            _skip(driver, "Restoring")
        return driver

    @property
    def detailer(self) -> SupportsDetailedInventory:
        """The driver under test as ``SupportsDetailedInventory``."""
        driver = self.harness.driver
        if not isinstance(driver, SupportsDetailedInventory):
            _skip(driver, "Detailing")
        return driver

    @property
    def compacter(self) -> SupportsCompaction:
        """The driver under test as ``SupportsCompaction``."""
        driver = self.harness.driver
        if not isinstance(driver, SupportsCompaction):
            _skip(driver, "Compacting")
        return driver

    @property
    def filer(self) -> SupportsHostFiles:
        """The driver under test as ``SupportsHostFiles``."""
        driver = self.harness.driver
        if not isinstance(driver, SupportsHostFiles):
            _skip(driver, "HostFiles")
        return driver


def _skip(driver: StorageDriver, ability: str) -> NoReturn:
    pytest.skip(f"{type(driver).__name__} has no {ability}")
