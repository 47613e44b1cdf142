"""Resetting a status by hand, and its limits."""

from __future__ import annotations

import pytest
from werkzeug.test import TestResponse

from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from cgflow.status import TRANSITIONAL, Trait, statuses_with
from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found
from tests.functional.volume_actions import act, act_and_read, read_volume


def test_to_error_and_back_and_who_did_it(caller: Caller) -> None:
    volume_id = caller.volume()
    volume = act_and_read(caller, volume_id, "os-reset_status", {"status": "error"})
    assert volume["status"] == "error"
    assert volume["cgflow:reason"].startswith("Status reset from available to error by ada (req-")
    volume = act_and_read(
        caller, volume_id, "os-reset_status", {"status": "available", "migration_status": "none"}
    )
    assert volume["status"] == "available"
    caller.done(caller.delete(f"/volumes/{volume_id}"))


def test_a_snapshot(caller: Caller, member: Caller, stranger: Caller) -> None:
    name = caller.type()
    group_id = caller.group(name)
    caller.member(group_id, name)
    caller.cgsnapshot(group_id)
    snapshot_id = caller.get("/snapshots").json["snapshots"][0]["id"]
    where, body = f"/snapshots/{snapshot_id}/action", {"os-reset_status": {"status": "error"}}
    check_fault(member.post(where, body), 403, "forbidden")
    assert caller.post(where, body).status_code == 202
    snapshot = caller.get(f"/snapshots/{snapshot_id}").json["snapshot"]
    assert snapshot["status"] == "error"
    assert snapshot["cgflow:reason"].startswith("Status reset from available to error by ada")
    check_bad_request(caller.post(where, {"os-reset_status": {"status": "in-use"}}), "status")
    check_bad_request(caller.post(where, {"os-reset_status": {"status": "deleted"}}), "status")
    check_bad_request(caller.post(where, {"os-reset_status": {}}), "os-reset_status.status")


@pytest.mark.parametrize(
    "details",
    [
        *({"status": word} for word in ("deleting", "deleted", "reverting", "updating", "x", "")),
        *({"status": value} for value in (None, 1, ["error"])),
        {},
        {"attach_status": "x"},
        {"status": "error", "colour": "red"},
        None,
    ],
)
def test_what_is_no_status(caller: Caller, details: object) -> None:
    volume_id = caller.volume()
    check_fault(act(caller, volume_id, "os-reset_status", details), 400, "badRequest")
    assert read_volume(caller, volume_id)["status"] == "available"


def test_only_by_administrators(caller: Caller, member: Caller) -> None:
    volume_id = caller.volume()
    message = check_fault(act(member, volume_id, "os-reset_status", {"status": "error"}), 403, "forbidden")
    assert message.startswith("Policy doesn't allow volume_extension:volume_admin_actions:reset_status")
    check_not_found(act(Caller(caller._client), volume_id, "os-reset_status", {"status": "error"}))


def test_never_while_a_flow_holds_it(caller: Caller, faults: FaultSchedule) -> None:
    volume_id = caller.volume()
    faults.add_fault(Fault("extend_volume", "hang"))
    extending = act(caller, volume_id, "os-extend", {"new_size": 2})
    assert faults.await_firings(1, 20)
    answer = act(caller, volume_id, "os-reset_status", {"status": "available"})
    assert extending.headers["X-Cgflow-Flow-Id"] in check_fault(answer, 409, "conflictingRequest")
    assert read_volume(caller, volume_id)["status"] == "extending"
    faults.release_hanging_calls()
    caller.done(extending)


def test_what_was_undone_is_not_called_usable(caller: Caller, faults: FaultSchedule) -> None:
    faults.add_fault(Fault("create_volume", "final"))
    failed = caller.post("/volumes", {"volume": {"size": 1}})
    caller.flow(failed)
    volume_id = failed.json["volume"]["id"]
    for status in ("available", "in-use"):
        answer = act(caller, volume_id, "os-reset_status", {"status": status})
        assert "was rolled back" in check_fault(answer, 400, "badRequest")
    act_and_read(caller, volume_id, "os-reset_status", {"status": "error_deleting"})
    act_and_read(caller, volume_id, "os-reset_status", {"status": "maintenance"})
    assert caller.post("/audit", {"repair": ["status.passing"], "dry_run": False}).status_code == 200
    assert read_volume(caller, volume_id)["status"] == "error", "it is on no backend, so it is not available"


def test_it_does_not_contradict_the_attachments(caller: Caller) -> None:
    volume_id = caller.volume()
    for details in ({"status": "in-use"}, {"attach_status": "attached"}):
        check_fault(act(caller, volume_id, "os-reset_status", details), 400, "badRequest")
    act_and_read(caller, volume_id, "os-attach", {"mountpoint": "/dev/vdb", "host_name": "h"})
    message = check_fault(
        act(caller, volume_id, "os-reset_status", {"status": "available"}), 400, "badRequest"
    )
    assert "has attachments" in message
    volume = act_and_read(caller, volume_id, "os-reset_status", {"status": "error"})
    assert len(volume["attachments"]) == 1
    message = check_fault(caller.delete(f"/volumes/{volume_id}"), 400, "badRequest")
    assert message == "Invalid volume: Volume is still attached. Detach it first."
    assert act_and_read(caller, volume_id, "os-reset_status", {"status": "in-use"})["status"] == "in-use"
    volume = act_and_read(caller, volume_id, "os-reset_status", {"attach_status": "detached"})
    assert (volume["status"], volume["attachments"]) == ("available", [])


def test_one_that_is_stuck_between_is_freed(caller: Caller) -> None:
    volume_id = caller.volume()
    act_and_read(caller, volume_id, "os-reserve")
    assert (
        act_and_read(caller, volume_id, "os-reset_status", {"status": "available"})["status"] == "available"
    )


@pytest.mark.parametrize(
    "status", [one for one in statuses_with("volume", Trait.RESETTABLE) if one != "in-use"]
)
def test_a_volume_is_reset_to_every_status_and_deleted_from_it(caller: Caller, status: str) -> None:
    volume_id = caller.volume()
    assert act_and_read(caller, volume_id, "os-reset_status", {"status": status.upper()})["status"] == status
    told = caller.get("/audit").json["audit"]["findings"]
    codes = {finding["code"] for finding in told if finding["resource_id"] == volume_id}
    assert ("status.passing" in codes) == (status in TRANSITIONAL)
    caller.done(act(caller, volume_id, "os-force_delete", {}))
    check_not_found(caller.get(f"/volumes/{volume_id}"))


@pytest.mark.parametrize("status", statuses_with("snapshot", Trait.RESETTABLE))
def test_a_snapshot_is_reset_to_every_status_and_deleted_from_it(caller: Caller, status: str) -> None:
    volume_id = caller.volume()
    path = f"/snapshots/{caller.snapshot(volume_id)}"
    assert caller.post(f"{path}/action", {"os-reset_status": {"status": status}}).status_code == 202
    assert caller.get(path).json["snapshot"]["status"] == status
    caller.done(caller.post(f"{path}/action", {"os-force_delete": {}}))
    check_not_found(caller.get(path))


def test_the_progress_of_a_snapshot_is_told_once_its_status_was_reset(caller: Caller, member: Caller) -> None:
    path = f"/snapshots/{caller.snapshot(caller.volume())}"

    def update(**details: str) -> TestResponse:
        return member.post(f"{path}/action", {"os-update_snapshot_status": details})

    message = check_fault(update(status="error", progress="80%"), 400, "badRequest")
    assert message == "Provided snapshot status error not allowed for snapshot with status available."
    caller.post(f"{path}/action", {"os-reset_status": {"status": "creating"}})
    for wrong in ({"status": "deleting"}, {"status": "nope"}, {"status": "error", "progress": "101%"}):
        check_fault(update(**wrong), 400, "badRequest")
    assert update(status="error", progress="80%").status_code == 202
    snapshot = caller.get(path).json["snapshot"]
    assert (snapshot["status"], snapshot["os-extended-snapshot-attributes:progress"]) == ("error", "80%")
