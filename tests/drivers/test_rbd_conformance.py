"""The rbd driver keeps the contract, on a real cluster and with clients in another process."""

from collections.abc import Iterator

import pytest

from cgflow.drivers.conformance import DriverConformance, Harness
from tests.support.ceph import Cluster
from tests.support.on_ceph import OnCeph

pytestmark = [pytest.mark.real, pytest.mark.slow]


class TestRbd(DriverConformance):
    cluster: Cluster

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _on(cls) -> Iterator[None]:
        cls.cluster = Cluster()
        yield
        cls.cluster.close()

    def make(self) -> Harness:
        return OnCeph(self.cluster)
