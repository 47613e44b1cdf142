"""A backend whose driver lacks an ability: operations that need it are refused or completely undone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cgflow.drivers.fault_injection.faulty_driver import FaultSchedule, FaultyGroupSnapshots
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.status import FlowState, Status
from flows.acceptance import Accepted
from tests.support.world import World, world


class OnlyCuts(FaultyGroupSnapshots):
    """A driver that only creates and cuts volumes."""


def clone(w: World, group_id: str, cgsnapshot_id: str) -> Accepted:
    return w.group_from(cgsnapshot=cgsnapshot_id)


def revert_group(w: World, group_id: str, cgsnapshot_id: str) -> Accepted:
    return w.revert_group(cgsnapshot_id)


def revert_to_safety(w: World, group_id: str, cgsnapshot_id: str) -> Accepted:
    return w.revert_group(cgsnapshot_id, safety="before")


def revert_volume(w: World, group_id: str, cgsnapshot_id: str) -> Accepted:
    volume_id = w.make(w.accept_volume(None))
    return w.revert(volume_id, w.make(w.accept_snapshot(volume_id)))


def add_volume(w: World, group_id: str, cgsnapshot_id: str) -> Accepted:
    return w.update_group(group_id, add=[w.make(w.accept_volume(None))])


@pytest.mark.parametrize("ask", [clone, revert_group, revert_to_safety, revert_volume, add_volume])
def test_what_a_driver_cannot_do_leaves_nothing_held(
    tmp_path: Path, ask: Callable[[World, str, str], Accepted]
) -> None:
    with world(tmp_path, OnlyCuts(MemoryDriver(), FaultSchedule())) as w:
        group_id = w.group_of(2)
        cgsnapshot_id = w.make(w.accept_cgsnapshot(group_id))
        flow = w.finish(ask(w, group_id, cgsnapshot_id))
        assert flow.state is FlowState.REVERTED
        assert "cannot" in str(flow.reason)
        assert w.get("consistencygroup", group_id).status is Status.AVAILABLE
        w.make(w.delete_cgsnapshot(cgsnapshot_id))
        w.make(w.delete_group(group_id))
