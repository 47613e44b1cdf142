"""The conformance suite for drivers. It is shipped so that drivers outside this repository can run it.

Subclass it in a test file and provide a fresh, empty backend::

    class TestMyDriver(DriverConformance):
        def make(self) -> Harness:
            return MyHarness()

Each test checks one rule of the contract and names that rule when it fails. Tests of an ability that the
driver does not have are skipped, with the name of the ability. A driver that can fence subclasses
``SharedDriverConformance`` instead and provides a ``SharedHarness``. A driver that compacts adds
``CompactionRules``, and a driver that serves files of the host adds ``HostFileRules``. The volumes have 1 to
3 GiB, and some kilobytes are written to them. The suite needs pytest.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cgflow.drivers.conformance.assertions import Violation
from cgflow.drivers.conformance.clones import CloneRules
from cgflow.drivers.conformance.compactions import CompactionRules
from cgflow.drivers.conformance.concurrency import ConcurrencyRules
from cgflow.drivers.conformance.cuts import CutRules, EvidenceRules, WriteOrderRules
from cgflow.drivers.conformance.detailed_inventory import DetailedInventoryRules
from cgflow.drivers.conformance.fencing import FencingRules
from cgflow.drivers.conformance.group_moves import GroupMoveRules
from cgflow.drivers.conformance.harness import Harness, SharedHarness
from cgflow.drivers.conformance.idempotency_and_refusals import IdempotencyRules, RefusalRules
from cgflow.drivers.conformance.restarts import RestartRules
from cgflow.drivers.conformance.restores import RestoreRules
from cgflow.drivers.conformance.scenario import Scenario
from cgflow.drivers.conformance.snapshots import PlainSnapshotRules, SnapshotRules
from cgflow.drivers.conformance.volumes import ExtendRules, OpaqueContentRules, VolumeRules
from cgflow.drivers.conformance.volumes_as_host_files import HostFileRules
from cgflow.drivers.contract import SupportsCompaction, SupportsFencing, SupportsHostFiles

__all__ = [
    "CompactionRules",
    "DriverConformance",
    "FencingRules",
    "Harness",
    "HostFileRules",
    "Scenario",
    "SharedDriverConformance",
    "SharedHarness",
    "Violation",
]


class DriverConformance(
    VolumeRules,
    ExtendRules,
    IdempotencyRules,
    RefusalRules,
    CutRules,
    EvidenceRules,
    PlainSnapshotRules,
    SnapshotRules,
    CloneRules,
    GroupMoveRules,
    RestoreRules,
    DetailedInventoryRules,
    OpaqueContentRules,
    RestartRules,
    ConcurrencyRules,
    WriteOrderRules,
):
    """All rules for a driver, checked against the backend that ``make`` returns."""

    def make(self) -> Harness:
        """Return a fresh, empty backend with its driver started. Called once for each test."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to make its harness")

    @pytest.fixture
    def harness(self) -> Iterator[Harness]:
        """The backend of one test, removed after the test."""
        harness = self.make()
        try:
            if isinstance(harness.driver, SupportsFencing) and not isinstance(self, FencingRules):
                raise Violation("a driver that can fence is judged by SharedDriverConformance")
            if isinstance(harness.driver, SupportsCompaction) and not isinstance(self, CompactionRules):
                raise Violation("a driver that compacts is judged by CompactionRules as well")
            if isinstance(harness.driver, SupportsHostFiles) and not isinstance(self, HostFileRules):
                raise Violation("a driver that serves files of the host is judged by HostFileRules as well")
            yield harness
        finally:
            harness.close()

    @pytest.fixture
    def scenario(self, harness: Harness) -> Scenario:
        """The scenario of one test: its backend, and the objects expected on it."""
        return Scenario(harness)


class SharedDriverConformance(DriverConformance, FencingRules):
    """The rules for storage that several processes can reach: all other rules, and those for fencing."""
