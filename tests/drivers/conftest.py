"""Fixtures that the drivers' tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.ceph_cluster import Cluster
from tests.support.ceph_harness import Ceph, Client
from tests.support.qsd_fixture import QsdDriverFixture, started_driver_fixture


@pytest.fixture
def bench() -> Iterator[QsdDriverFixture]:
    """A started qsd driver over a separate directory; its daemons end with the test."""
    yield from started_driver_fixture()


@pytest.fixture(scope="session")
def ceph() -> Iterator[Ceph]:
    """A Ceph cluster with a client, started with the first test that needs it; each test empties its pool."""
    cluster = Cluster()
    client = Client(cluster)
    yield Ceph(cluster, client)
    client.close()
    cluster.close()
