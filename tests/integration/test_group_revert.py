"""Restoring a group of real volumes to a cgsnapshot: the content of each member, also after each failure."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cgflow.drivers.contract import VolumeSpec
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule, FaultyDriver
from cgflow.status import FlowState
from tests.support.failing_steps import StepFaults, StepPoint, inject_step_faults
from tests.support.nbd_client import NbdClient
from tests.support.qsd_fixture import BLOCK, QsdDriverFixture, require_qsd
from tests.support.world import World, world

pytestmark = [pytest.mark.real, pytest.mark.slow]

MEMBERS = 3
OLD, NEW = 1, 100
AREAS = (0, 512 * 1024**2, 1024**3 - BLOCK)


class Scene:
    """A group on real storage. Every member has blocks with its own value: the given value plus its index."""

    def __init__(
        self, w: World, bench: QsdDriverFixture, faults: FaultSchedule, sabotage: StepFaults
    ) -> None:
        self.w, self.bench, self.faults, self.sabotage = w, bench, faults, sabotage
        self.group = w.group_of(MEMBERS)
        found = [one for one in w.all("volume") if one.consistencygroup_id == self.group]
        self.members = [VolumeSpec(one.id, one.size, self.group) for one in found]
        self.write(OLD)
        self.cgsnapshot = w.make(w.accept_cgsnapshot(self.group))
        self.write(NEW)

    def connect(self, member: VolumeSpec) -> NbdClient:
        return NbdClient.from_uri(str(self.bench.driver.connection(member).data["uri"]))

    def write(self, value: int) -> None:
        for number, member in enumerate(self.members):
            with self.connect(member) as client:
                for area in AREAS:
                    client.write(area, bytes([value + number]) * BLOCK, fua=True)

    def holds(self, value: int) -> bool:
        return all(self._holds(member, value + number) for number, member in enumerate(self.members))

    def _holds(self, member: VolumeSpec, value: int) -> bool:
        with self.connect(member) as client:
            return all(client.read(area, BLOCK) == bytes([value]) * BLOCK for area in AREAS)

    def revert(self, cgsnapshot_id: str | None = None) -> FlowState:
        accepted = self.w.revert_group(cgsnapshot_id or self.cgsnapshot, safety="before")
        return self.w.finish(accepted).state

    def safety(self) -> list[str]:
        return [one.id for one in self.w.all("cgsnapshot") if one.name == "before"]


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    require_qsd()
    bench, faults = QsdDriverFixture(), FaultSchedule()
    try:
        with (
            pytest.MonkeyPatch.context() as patch,
            inject_step_faults(patch) as sabotage,
            world(bench.root, FaultyDriver(bench.driver, faults)) as w,
        ):
            yield Scene(w, bench, faults, sabotage)
    finally:
        bench.clean()


@pytest.fixture(autouse=True)
def _as_before(scene: Scene) -> Iterator[None]:
    """Each test begins with the latest data and the one cgsnapshot."""
    scene.faults.clear()
    for left in scene.safety():
        scene.w.make(scene.w.delete_cgsnapshot(left))
    scene.write(NEW)
    yield
    assert scene.w.faults() == []


@pytest.mark.parametrize("member", range(MEMBERS))
def test_a_client_of_one_member_leaves_all_of_them_as_they_were(scene: Scene, member: int) -> None:
    before = scene.w.state()
    with scene.connect(scene.members[member]) as client:
        assert scene.revert() is FlowState.REVERTED
        client.read(0, BLOCK)
    assert "while a client is connected" in str(scene.w.get("consistencygroup", scene.group).reason)
    assert scene.holds(NEW)
    assert scene.w.state() == before


@pytest.mark.parametrize(
    ("call", "nth"), [("prepare", 2), *(("snapshot", nth + 1) for nth in range(MEMBERS)), ("restore", 1)]
)
def test_a_call_that_fails_leaves_all_of_them_as_they_were(scene: Scene, call: str, nth: int) -> None:
    before = scene.w.state()
    scene.faults.add_fault(Fault(call, "ambiguous", nth=nth, when="after"))
    assert scene.revert() is FlowState.REVERTED
    assert scene.holds(NEW)
    assert scene.w.state() == before


def test_the_undo_gives_every_member_back_what_it_held(scene: Scene) -> None:
    before = scene.w.state()
    seen: list[bool] = []

    def fails(point: StepPoint) -> bool:
        if point != StepPoint("driver.leave_way_back", "execute", "before"):
            return False
        seen.append(scene.holds(OLD))
        return True

    scene.sabotage.order(fails)
    assert scene.revert() is FlowState.REVERTED
    scene.sabotage.stop()
    assert seen == [True], "they had been put back"
    assert scene.holds(NEW)
    assert scene.w.state() == before


def test_there_and_back_again(scene: Scene) -> None:
    assert scene.revert() is FlowState.SUCCESS
    assert scene.holds(OLD)
    (safety,) = scene.safety()
    scene.write(NEW + MEMBERS)
    assert scene.revert(safety) is FlowState.SUCCESS
    assert scene.holds(NEW), "what it held before the first time"
    copy = scene.w.make(scene.w.group_from(cgsnapshot=safety))
    copies = [one for one in scene.w.all("volume") if one.consistencygroup_id == copy]
    assert len(copies) == MEMBERS
    scene.w.make(scene.w.delete_group(copy))
