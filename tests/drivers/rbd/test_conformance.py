"""The rbd driver keeps the contract, on a real cluster and with clients in another process."""

import pytest

from cgflow.drivers.conformance import Harness, SharedDriverConformance
from tests.support.ceph_harness import Ceph, CephHarness

pytestmark = [pytest.mark.real, pytest.mark.slow]


class TestRbd(SharedDriverConformance):
    @pytest.fixture(autouse=True)
    def _on(self, ceph: Ceph) -> None:
        self.ceph = ceph

    def make(self) -> Harness:
        return CephHarness(self.ceph)
