"""The seed patch's statements about records (S2, S9, S113, S114), over HTTP."""

from __future__ import annotations

from sqlalchemy import text

from cgflow.drivers.fault_injection.faulty_driver import Fault, FaultSchedule
from tests.functional.caller import Caller, check_not_found
from tests.support.world import World


def test_what_is_said_of_owner_and_status_is_not_believed_s2_s9(
    caller: Caller, faults: FaultSchedule, served: World
) -> None:
    kinds = [caller.type() for _ in range(2)]
    faults.add_fault(Fault("create_group", "hang"))
    said = {"user_id": "mallory", "project_id": "elsewhere", "status": "available"}
    body = {"consistencygroup": {"volume_types": ",".join(kinds), **said}}
    answer = caller.post("/consistencygroups", body)
    assert answer.status_code == 202, answer.text
    assert faults.await_firings(1, 10)
    group = served.get("consistencygroup", answer.json["consistencygroup"]["id"])
    assert (group.user_id, group.project_id, group.status) == ("ada", caller.project, "creating")
    ids = [caller.get(f"/types?name={name}").json["volume_types"][0]["id"] for name in kinds]
    assert list(group.volume_type_ids) == ids
    faults.release_hanging_calls()
    caller.done(answer)


def test_a_group_has_as_many_types_as_it_was_asked_for_s113(caller: Caller) -> None:
    names = [caller.type() for _ in range(12)]
    ids = [caller.get(f"/types?name={name}").json["volume_types"][0]["id"] for name in names]
    assert len(",".join(ids)) > 255
    group_id = caller.group(",".join(ids))
    assert caller.get(f"/consistencygroups/{group_id}").json["consistencygroup"]["volume_types"] == ids
    # The last type is as usable as the first.
    caller.member(group_id, names[-1])


def test_what_is_deleted_is_kept_and_seen_in_the_history_alone_s114(caller: Caller, served: World) -> None:
    kind = caller.type()
    group_id = caller.group(kind, name="db")
    volume_id = caller.member(group_id, kind)
    cgsnapshot_id = caller.cgsnapshot(group_id)
    (snapshot,) = caller.get("/snapshots").json["snapshots"]
    caller.done(caller.delete(f"/cgsnapshots/{cgsnapshot_id}"))
    force = {"consistencygroup": {"force": True}}
    caller.done(caller.post(f"/consistencygroups/{group_id}/delete", force))
    for table, id_ in (
        ("consistencygroups", group_id),
        ("volumes", volume_id),
        ("cgsnapshots", cgsnapshot_id),
        ("snapshots", snapshot["id"]),
    ):
        check_not_found(caller.get(f"/{table}/{id_}"))
        assert id_ not in caller.get(f"/{table}?all_tenants=1").text
        with served.database.read() as session:
            found = text(f"SELECT status, deleted, deleted_at IS NULL FROM {table} WHERE id = :id")
            assert session.execute(found, {"id": id_}).one() == ("deleted", 1, 0)
    done = caller.get(f"/flows?resource={group_id}").json["flows"]
    assert {"consistencygroup.create", "consistencygroup.delete"} <= {flow["operation"] for flow in done}
