"""What can be done with a member in each state of its group (S59): every cell of the table in the docs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from werkzeug.test import TestResponse

from cgflow.db.repositories import consistencygroup
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from cgflow.status import Status
from tests.architecture.file_sizes import ROOT
from tests.functional.caller import Caller
from tests.support.world import World


def table() -> tuple[list[str], dict[str, list[str]]]:
    lines = (ROOT / "docs" / "members.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return rows[0][1:], {row[0]: row[1:] for row in rows[2:]}


STATES, ROWS = table()
CELLS = [(row, state, cell) for row, cells in ROWS.items() for state, cell in zip(STATES, cells, strict=True)]
ANSWERS = {"yes": (200, 202), "busy": (409,), "no": (400,)}


class Scene:
    """A group of two members, of which one has a snapshot in a cgsnapshot, and volumes outside the group."""

    def __init__(self, caller: Caller, *, has_other: bool = True) -> None:
        self.caller = caller
        self.kind = caller.type()
        self.group = caller.group(self.kind)
        self.member = caller.member(self.group, self.kind)
        self.cgsnapshot = caller.cgsnapshot(self.group)
        (snapshot,) = caller.get("/snapshots").json["snapshots"]
        self.snapshot = snapshot["id"]
        # This member could leave the group: no cgsnapshot has a snapshot of it.
        self.other = caller.member(self.group, self.kind) if has_other else None
        self.outside = [caller.volume(volume_type=self.kind) for _ in range(2)]

    def act(self, **action: Any) -> TestResponse:
        return self.caller.post(f"/volumes/{self.member}/action", action)

    def change(self, **body: Any) -> TestResponse:
        return self.caller.put(f"/consistencygroups/{self.group}", {"consistencygroup": body})


ASK: dict[str, Callable[[Scene], TestResponse]] = {
    "show": lambda s: s.caller.get(f"/volumes/{s.member}"),
    "attach": lambda s: s.act(**{"os-reserve": {}}),
    "connect": lambda s: s.act(**{"os-initialize_connection": {"connector": {}}}),
    "extend": lambda s: s.act(**{"os-extend": {"new_size": 2}}),
    "single snapshot": lambda s: s.caller.post("/snapshots", {"snapshot": {"volume_id": s.member}}),
    "volume created from it": lambda s: s.caller.post(
        "/volumes", {"volume": {"size": 1, "source_volid": s.member}}
    ),
    "revert to a snapshot": lambda s: s.caller.post(
        f"/volumes/{s.member}/action",
        {"revert": {"snapshot_id": s.snapshot}},
        headers={"OpenStack-API-Version": "volume 3.40"},
    ),
    "retype": lambda s: s.act(**{"os-retype": {"new_type": s.caller.type(), "migration_policy": "never"}}),
    "migrate": lambda s: s.act(**{"os-migrate_volume": {"host": "there@memory"}}),
    "transfer to another project": lambda s: s.caller.post(
        "/os-volume-transfer", {"transfer": {"volume_id": s.member}}
    ),
    "delete": lambda s: s.caller.delete(f"/volumes/{s.member}"),
    "delete its snapshot in a cgsnapshot": lambda s: s.caller.delete(f"/snapshots/{s.snapshot}"),
    "remove from the group": lambda s: s.change(remove_volumes=s.other),
    "cgsnapshot of the group": lambda s: s.caller.post(
        "/cgsnapshots", {"cgsnapshot": {"consistencygroup_id": s.group}}
    ),
    # Only where every member has a snapshot in the cgsnapshot.
    "revert of the group to a cgsnapshot": lambda s: s.caller.post(
        f"/consistencygroups/{s.group}/action", {"revert_to_cgsnapshot": {"cgsnapshot_id": s.cgsnapshot}}
    ),
    "group created from the group": lambda s: s.caller.post(
        "/consistencygroups/create_from_src", {"consistencygroup-from-src": {"source_cgid": s.group}}
    ),
    "add another volume to the group": lambda s: s.change(add_volumes=s.outside[1]),
    "new volume in the group": lambda s: s.caller.post(
        "/volumes", {"volume": {"size": 1, "volume_type": s.kind, "consistencygroup_id": s.group}}
    ),
}


@contextmanager
def state_of(scene: Scene, state: str, faults: FaultSchedule, world: World) -> Iterator[None]:
    """Bring the group into a state, and afterwards let the operation behind that state end."""
    at_work: TestResponse | None = None
    if state == "a cgsnapshot is taken":
        faults.add_fault(Fault("cut", "hang"))
        at_work = ASK["cgsnapshot of the group"](scene)
    elif state == "group updating":
        faults.add_fault(Fault("move_volume", "hang"))
        at_work = scene.change(add_volumes=scene.outside[0])
    elif state != "group available":
        status = Status(state.removeprefix("group "))
        with world.database.write() as session:
            consistencygroup.REPOSITORY.update_unclaimed(session, scene.group, status=status.value)
    if at_work is not None:
        assert at_work.status_code == 202, at_work.text
        assert faults.await_firings(1, 10)
    yield
    if at_work is not None:
        faults.release_hanging_calls()
        scene.caller.done(at_work)


def test_every_operation_of_the_table_is_asked_for() -> None:
    assert set(ASK) == set(ROWS)
    assert {cell for _, _, cell in CELLS} == set(ANSWERS)


def has_other(operation: str) -> bool:
    """Return whether the operation's group has another member, of which no cgsnapshot has a snapshot."""
    return "revert of" not in operation


@pytest.mark.parametrize(
    ("operation", "state"), [(row, state) for row, state, cell in CELLS if cell == "yes"]
)
def test_what_is_granted(
    later_app: Any, faults: FaultSchedule, served: World, operation: str, state: str
) -> None:
    """S59."""
    scene = Scene(Caller(later_app.test_client(), uuid.uuid4().hex), has_other=has_other(operation))
    with state_of(scene, state, faults, served):
        answer = ASK[operation](scene)
        assert answer.status_code in ANSWERS["yes"], answer.text
    if "X-Cgflow-Flow-Id" in answer.headers:
        assert scene.caller.flow(answer)["state"] == "success"


REFUSED = sorted({(state, has_other(row)) for row, state, cell in CELLS if cell != "yes"})


@pytest.mark.parametrize(("state", "with_other"), REFUSED)
def test_what_is_refused(
    later_app: Any, faults: FaultSchedule, served: World, state: str, with_other: bool
) -> None:
    """S59. Refused requests change nothing, so all of them are sent to one group, one after another."""
    scene = Scene(Caller(later_app.test_client(), uuid.uuid4().hex), has_other=with_other)
    refused = [
        (row, cell)
        for row, where, cell in CELLS
        if where == state and cell != "yes" and has_other(row) == with_other
    ]
    with state_of(scene, state, faults, served):
        before = scene.caller.get(f"/volumes/{scene.member}").json
        for row, cell in refused:
            answer = ASK[row](scene)
            assert answer.status_code in ANSWERS[cell], f"{row}: {answer.text}"
            (fault,) = answer.json.values()
            assert "not supported" not in fault["message"], "what is not offered at all has no place here"
            assert scene.caller.get(f"/volumes/{scene.member}").json == before, row


def test_what_is_not_offered_at_all_changes_nothing_s59(caller: Caller) -> None:
    scene = Scene(caller)
    before = caller.get(f"/volumes/{scene.member}").json
    for answer in (
        scene.act(**{"os-unmanage": {}}),
        caller.post("/os-volume-manage", {"volume": {"host": "here@memory", "ref": {"source-name": "x"}}}),
        caller.post("/backups", {"backup": {"volume_id": scene.member}}),
        caller.put("/os-services/failover_host", {"host": "here@memory"}),
    ):
        assert answer.status_code in (400, 404, 405), answer.text
    assert caller.get(f"/volumes/{scene.member}").json == before
