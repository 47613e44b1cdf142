"""Every response that shows a resource, at every microversion next to a change, matches the table of keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from api.app import create_app
from api.versions import MAXIMUM
from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule, FaultyDriver
from cgflow.drivers.memory.driver import MemoryDriver
from tests.functional.caller import Caller
from tests.support.world import world
from tests.wire import keys
from tests.wire.keys import Keys, boundaries, violations

LAST = MAXIMUM[1]


class Stage:
    """One resource of each kind, and an administrator who requests no extensions."""

    def __init__(self, caller: Caller, faults: FaultSchedule) -> None:
        self.caller = caller
        modern = caller.at(LAST)
        self.volume_type = modern.type(**{"bench:a": "b"})
        self.type_id = modern.get(f"/types?name={self.volume_type}").json["volume_types"][0]["id"]
        group_type = modern.post("/group_types", {"group_type": {"name": "kind", "group_specs": {"a": "b"}}})
        self.group_type_id = group_type.json["group_type"]["id"]
        self.group_id = modern.group(self.volume_type, name="g", description="d")
        self.member_id = modern.member(self.group_id, self.volume_type)
        self.cgsnapshot_id = modern.cgsnapshot(self.group_id)
        wish = {"group_type": self.group_type_id, "volume_types": [self.type_id]}
        self.generic_id = modern.done(modern.post("/groups", {"group": wish}))
        self.generic_member_id = modern.volume(group_id=self.generic_id, volume_type=self.volume_type)
        self.volume_id = modern.volume(name="v", description="d", metadata={"a": "b"}, volume_type="none")
        self.snapshot_id = modern.snapshot(self.volume_id)
        self.clone_id = modern.volume(snapshot_id=self.snapshot_id)
        qos = {"qos_specs": {"name": "q", "consumer": "both", "iops": "1"}}
        self.qos_id = modern.post("/qos-specs", qos).json["qos_specs"]["id"]
        offered = modern.volume()
        transfer = modern.post("/volume-transfers", {"transfer": {"volume_id": offered}})
        self.transfer_id = transfer.json["transfer"]["id"]
        self.attached_id = modern.volume()
        connector = {"volume_uuid": self.attached_id, "connector": {"host": "h"}}
        attachment = modern.post("/attachments", {"attachment": connector})
        self.attachment_id = attachment.json["attachment"]["id"]
        modern.post(f"/attachments/{self.attachment_id}/action", {"os-complete": {}})
        kept = modern.post("/attachments", {"attachment": {"volume_uuid": modern.volume()}})
        self.reserved_id = kept.json["attachment"]["id"]
        faults.add_fault(Fault("create_volume", "final"))
        failed = modern.post("/volumes", {"volume": {"size": 1}})
        self.failed_id = failed.json["volume"]["id"]
        modern.flow(failed)
        self.message_id = modern.get("/messages").json["messages"][0]["id"]
        default = {"default_type": {"volume_type": self.volume_type}}
        modern.put(f"/default-types/{caller.project}", default)

    def at(self, minor: int) -> Caller:
        return self.caller.plain(minor)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    faults = FaultSchedule()
    driver = FaultyDriver(MemoryDriver(capacity_gib=1000), faults)
    with world(tmp_path_factory.mktemp("state"), driver) as served:
        caller = Caller(create_app(served.runtime).test_client())
        caller.type("none")
        caller.put(
            f"/os-quota-sets/{caller.project}",
            {"quota_set": {"volumes": -1, "gigabytes": -1, "snapshots": -1}},
        )
        yield Stage(caller, faults)


RESPONSES: tuple[tuple[str, str, Keys, int], ...] = (
    ("/volumes", "volumes", keys.VOLUME_SHORT, 0),
    ("/volumes/detail", "volumes", keys.VOLUME, 0),
    ("/volumes/{volume_id}", "volume", keys.VOLUME, 0),
    ("/volumes/{member_id}", "volume", keys.VOLUME, 0),
    ("/volumes/{generic_member_id}", "volume", keys.VOLUME, 0),
    ("/volumes/{clone_id}", "volume", keys.VOLUME, 0),
    ("/volumes/{attached_id}", "volume", keys.VOLUME, 0),
    ("/volumes/{failed_id}", "volume", keys.VOLUME, 0),
    ("/snapshots", "snapshots", keys.SNAPSHOT_SHORT, 0),
    ("/snapshots/detail", "snapshots", keys.SNAPSHOT, 0),
    ("/snapshots/{snapshot_id}", "snapshot", keys.SNAPSHOT, 0),
    ("/consistencygroups", "consistencygroups", keys.REFERENCE, 0),
    ("/consistencygroups/detail", "consistencygroups", keys.CONSISTENCYGROUP, 0),
    ("/consistencygroups/{group_id}", "consistencygroup", keys.CONSISTENCYGROUP, 0),
    ("/cgsnapshots", "cgsnapshots", keys.REFERENCE, 0),
    ("/cgsnapshots/detail", "cgsnapshots", keys.CGSNAPSHOT, 0),
    ("/cgsnapshots/{cgsnapshot_id}", "cgsnapshot", keys.CGSNAPSHOT, 0),
    ("/groups", "groups", keys.REFERENCE, 13),
    ("/groups/detail", "groups", keys.GROUP, 13),
    ("/groups/detail?list_volume=True", "groups", keys.GROUP_WITH_VOLUMES, 13),
    ("/groups/{group_id}", "group", keys.GROUP, 13),
    ("/groups/{generic_id}", "group", keys.GROUP, 13),
    ("/groups/{group_id}?list_volume=True", "group", keys.GROUP_WITH_VOLUMES, 13),
    ("/group_snapshots", "group_snapshots", keys.REFERENCE, 14),
    ("/group_snapshots/detail", "group_snapshots", keys.GROUP_SNAPSHOT, 14),
    ("/group_snapshots/{cgsnapshot_id}", "group_snapshot", keys.GROUP_SNAPSHOT, 14),
    ("/group_types", "group_types", keys.GROUP_TYPE, 11),
    ("/group_types/{group_type_id}", "group_type", keys.GROUP_TYPE, 11),
    ("/types", "volume_types", keys.VOLUME_TYPE, 0),
    ("/types/{type_id}", "volume_type", keys.VOLUME_TYPE, 0),
    ("/qos-specs", "qos_specs", keys.QOS_SPECS, 0),
    ("/qos-specs/{qos_id}", "qos_specs", keys.QOS_SPECS, 0),
    ("/os-volume-transfer", "transfers", keys.TRANSFER_SHORT, 0),
    ("/os-volume-transfer/detail", "transfers", keys.TRANSFER, 0),
    ("/os-volume-transfer/{transfer_id}", "transfer", keys.TRANSFER, 0),
    ("/volume-transfers", "transfers", keys.TRANSFER_SHORT, 0),
    ("/volume-transfers/detail", "transfers", keys.TRANSFER, 0),
    ("/volume-transfers/{transfer_id}", "transfer", keys.TRANSFER, 0),
    ("/attachments", "attachments", keys.ATTACHMENT_SHORT, 27),
    ("/attachments/detail", "attachments", keys.ATTACHMENT, 27),
    ("/attachments/{attachment_id}", "attachment", keys.ATTACHMENT, 27),
    ("/attachments/{reserved_id}", "attachment", keys.ATTACHMENT, 27),
    ("/messages", "messages", keys.MESSAGE, 3),
    ("/messages/{message_id}", "message", keys.MESSAGE, 3),
    ("/default-types", "default_types", keys.DEFAULT_TYPE, 62),
)


@pytest.mark.parametrize(("path", "root", "table", "first"), RESPONSES, ids=[one[0] for one in RESPONSES])
def test_what_is_read(stage: Stage, path: str, root: str, table: Keys, first: int) -> None:
    wrong = []
    for minor in boundaries(table, first, LAST):
        answer = stage.at(minor).get(path.format(**vars(stage)))
        assert answer.status_code == 200, answer.text
        shown = answer.json[root]
        assert shown, f"{path} shows nothing"
        for one in shown if isinstance(shown, list) else [shown]:
            wrong += [f"3.{minor}: {violation}" for violation in violations(table, minor, one)]
    assert not wrong, "\n".join(wrong)


CHANGED: tuple[tuple[str, Any, int, str, Keys, int], ...] = (
    ("POST /volumes", {"size": 1}, 202, "volume", keys.VOLUME_CHANGED, 0),
    ("PUT /volumes/{volume_id}", {"name": "n"}, 200, "volume", keys.VOLUME_CHANGED, 0),
    ("POST /snapshots", {"volume_id": "{volume_id}"}, 202, "snapshot", keys.SNAPSHOT_CHANGED, 0),
    ("PUT /snapshots/{snapshot_id}", {"name": "n"}, 200, "snapshot", keys.SNAPSHOT_CHANGED, 0),
    ("POST /consistencygroups", {"volume_types": "{type_id}"}, 202, "consistencygroup", keys.REFERENCE, 0),
    (
        "POST /groups",
        {"group_type": "{group_type_id}", "volume_types": ["{type_id}"]},
        202,
        "group",
        keys.REFERENCE,
        13,
    ),
    ("POST /types", {"name": "t{minor}"}, 200, "volume_type", keys.VOLUME_TYPE_CREATED, 0),
    ("PUT /types/{type_id}", {"description": "d"}, 200, "volume_type", keys.VOLUME_TYPE_CHANGED, 0),
    ("POST /group_types", {"name": "t{minor}"}, 202, "group_type", keys.GROUP_TYPE, 11),
    ("PUT /group_types/{group_type_id}", {"description": "d"}, 200, "group_type", keys.GROUP_TYPE, 11),
    ("POST /qos-specs", {"name": "t{minor}"}, 200, "qos_specs", keys.QOS_SPECS, 0),
    (
        "PUT /attachments/{attachment_id}",
        {"connector": {"host": "h"}},
        200,
        "attachment",
        keys.ATTACHMENT,
        27,
    ),
)


def _filled(body: Any, names: dict[str, Any]) -> Any:
    if isinstance(body, dict):
        return {key: _filled(value, names) for key, value in body.items()}
    if isinstance(body, list):
        return [_filled(value, names) for value in body]
    return body.format(**names) if isinstance(body, str) else body


@pytest.mark.parametrize(
    ("request_line", "inside", "status", "root", "table", "first"), CHANGED, ids=[one[0] for one in CHANGED]
)
def test_what_is_made_and_changed(
    stage: Stage, request_line: str, inside: Any, status: int, root: str, table: Keys, first: int
) -> None:
    method, path = request_line.split()
    wrong = []
    for minor in boundaries(table, first, LAST):
        names = vars(stage) | {"minor": minor}
        answer = stage.at(minor).call(method, path.format(**names), {root: _filled(inside, names)})
        assert answer.status_code == status, answer.text
        wrong += [f"3.{minor}: {violation}" for violation in violations(table, minor, answer.json[root])]
        if "X-Cgflow-Flow-Id" in answer.headers:
            stage.caller.flow(answer)
    assert not wrong, "\n".join(wrong)


def test_groups_that_are_made_from_a_cgsnapshot(stage: Stage) -> None:
    for path, root, first, body in (
        (
            "/consistencygroups/create_from_src",
            "consistencygroup",
            0,
            {"consistencygroup-from-src": {"cgsnapshot_id": stage.cgsnapshot_id}},
        ),
        ("/groups/action", "group", 14, {"create-from-src": {"group_snapshot_id": stage.cgsnapshot_id}}),
    ):
        answer = stage.at(first).post(path, body)
        assert list(violations(keys.REFERENCE, first, answer.json[root])) == []
        stage.caller.done(answer)


def test_cgsnapshots_that_are_made(stage: Stage) -> None:
    """The cgsnapshots are taken one after another, because a group allows one cut at a time."""
    for noun, root, table, key, first in (
        ("cgsnapshots", "cgsnapshot", keys.REFERENCE, "consistencygroup_id", 0),
        ("group_snapshots", "group_snapshot", keys.GROUP_SNAPSHOT_CREATED, "group_id", 14),
    ):
        answer = stage.at(first).post(f"/{noun}", {root: {key: stage.group_id}})
        assert list(violations(table, first, answer.json[root])) == []
        stage.caller.done(answer)


def test_offers_and_attachments_that_are_made(stage: Stage) -> None:
    for minor in boundaries(keys.TRANSFER_CREATED, 0, LAST):
        volume_id = stage.caller.volume()
        answer = stage.at(minor).post("/os-volume-transfer", {"transfer": {"volume_id": volume_id}})
        transfer = answer.json["transfer"]
        assert list(violations(keys.TRANSFER_CREATED, minor, transfer)) == []
        accept = {"accept": {"auth_key": transfer["auth_key"]}}
        answer = stage.at(minor).post(f"/os-volume-transfer/{transfer['id']}/accept", accept)
        assert list(violations(keys.TRANSFER_SHORT, minor, answer.json["transfer"])) == []
        if minor >= 27:
            answer = stage.at(minor).post("/attachments", {"attachment": {"volume_uuid": volume_id}})
            assert list(violations(keys.ATTACHMENT, minor, answer.json["attachment"])) == []


def test_a_violation_is_seen() -> None:
    shown = {"id": "x", "name": 1, "more": 1}
    assert list(violations(keys.VOLUME_SHORT, 0, shown)) == [
        "links is missing",
        "more is not a key of Cinder's at 3.0",
        "name is 1, and should be text",
    ]
    assert list(violations({"a": keys.Key("text", 5)}, 4, {"a": "x"})) == [
        "a is not a key of Cinder's at 3.4"
    ]
    assert boundaries(keys.SNAPSHOT, 0, 71) == [0, 13, 14, 40, 41, 64, 65, 71]
