"""The parts of the service, whether they are up, and disabled backends, which accept nothing new."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from cgflow import clock
from cgflow.db.models import Service
from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found
from tests.functional.volume_actions import act
from tests.support.world import HOST, World

VOLUME = {"binary": "cinder-volume", "host": HOST}


@pytest.fixture
def disabled(caller: Caller) -> Iterator[dict[str, Any]]:
    """The only backend, disabled; it is enabled afterwards."""
    answer = caller.put("/os-services/disable-log-reason", VOLUME | {"disabled_reason": "new disks"})
    assert answer.status_code == 200, answer.text
    yield answer.json
    assert caller.put("/os-services/enable", VOLUME).status_code == 200


def listed(caller: Caller, query: str = "") -> dict[str, dict[str, Any]]:
    return {part["binary"]: part for part in caller.get(f"/os-services{query}").json["services"]}


def test_all_parts(caller: Caller) -> None:
    parts = listed(caller)
    assert set(parts) == {"cinder-scheduler", "cinder-volume"}
    plain = {"zone": "nova", "status": "enabled", "state": "up", "disabled_reason": None}
    for part, host in (("cinder-volume", HOST), ("cinder-scheduler", socket.gethostname())):
        assert parts[part].pop("updated_at")
        assert plain.items() <= parts[part].items()
        assert parts[part]["host"] == host
    of_backends = {"replication_status": "disabled", "active_backend_id": None, "frozen": False}
    assert of_backends.items() <= parts["cinder-volume"].items()
    assert set(parts["cinder-scheduler"]) == {"binary", "host", *plain}


def test_lists_by_binary_and_host(caller: Caller) -> None:
    assert set(listed(caller, "?binary=cinder-volume")) == {"cinder-volume"}
    assert set(listed(caller, "?host=here")) == set(listed(caller, f"?host={HOST}")) == {"cinder-volume"}
    assert listed(caller, "?binary=cinder-volume&host=elsewhere") == {}
    assert listed(caller, "?binary=cinder-backup") == {}


def test_what_came_later(modern: Caller) -> None:
    part = listed(modern)["cinder-volume"]
    assert (part["cluster"], part["backend_state"]) == (None, "up")
    assert {"cluster", "backend_state"}.isdisjoint(listed(modern.at(6))["cinder-volume"])
    assert "backend_state" not in listed(modern)["cinder-scheduler"]


def test_silence_is_told(caller: Caller, served: World) -> None:
    with served.database.write() as session:
        session.add(
            Service(
                binary="cgflow-conductor",
                host="gone",
                availability_zone="nova",
                reported_at=clock.now() - timedelta(seconds=61),
            )
        )
    assert listed(caller, "?host=gone")["cinder-scheduler"]["state"] == "down"
    with served.database.write() as session:
        session.delete(session.get(Service, ("cgflow-conductor", "gone")))


def test_a_disabled_backend_is_shown_so(caller: Caller, disabled: dict[str, Any]) -> None:
    assert disabled == {
        "host": HOST,
        "service": "",
        "binary": "cinder-volume",
        "status": "disabled",
        "disabled": True,
        "disabled_reason": "new disks",
    }
    part = listed(caller)["cinder-volume"]
    assert (part["status"], part["state"], part["disabled_reason"]) == ("disabled", "up", "new disks")
    pool = caller.get("/scheduler-stats/get_pools?detail=True").json["pools"][0]
    assert pool["capabilities"]["cgflow:disabled"] is True


def test_nothing_new_is_placed_on_it_and_what_is_there_goes_on(caller: Caller, served: World) -> None:
    name = caller.type()
    group_id, volume_id = caller.group(name), caller.volume()
    caller.member(group_id, name)
    caller.put("/os-services/disable-log-reason", VOLUME | {"disabled_reason": "new disks"})
    served.service.record_reports()
    try:
        for asked in (
            caller.post("/volumes", {"volume": {"size": 1}}),
            caller.post("/consistencygroups", {"consistencygroup": {"volume_types": name}}),
            caller.post(
                "/volumes", {"volume": {"size": 1, "volume_type": name, "consistencygroup_id": group_id}}
            ),
        ):
            flow = caller.flow(asked)
            assert flow["state"] == "reverted"
            assert f"{HOST}: is disabled since " in flow["reason"]
            assert "(new disks)" in flow["reason"]
        caller.cgsnapshot(group_id)
        caller.done(act(caller, volume_id, "os-extend", {"new_size": 2}))
        caller.done(caller.delete(f"/volumes/{volume_id}"))
    finally:
        enabled = caller.put("/os-services/enable", VOLUME).json
    assert enabled == {
        "host": HOST,
        "service": "",
        "binary": "cinder-volume",
        "status": "enabled",
        "disabled": False,
    }
    caller.volume()


def test_disabled_without_a_reason_and_named_as_older_clients_do(caller: Caller) -> None:
    body = {"host": f"{HOST}#memory", "service": "cinder-volume"}
    answer = caller.put("/os-services/disable", body)
    assert answer.json == body | {"binary": "", "status": "disabled", "disabled": True}
    part = listed(caller)["cinder-volume"]
    assert (part["status"], part["disabled_reason"]) == ("disabled", None)
    assert caller.put("/os-services/enable", body).json["status"] == "enabled"


@pytest.fixture
def frozen(caller: Caller) -> Iterator[None]:
    """The only backend, frozen; it is thawed afterwards."""
    yield
    answer = caller.put("/os-services/thaw", {"host": HOST})
    assert (answer.status_code, answer.data) == (200, b"")
    assert listed(caller)["cinder-volume"]["frozen"] is False


def test_nothing_on_a_frozen_backend_is_made_or_changed(caller: Caller, frozen: None) -> None:
    name = caller.type()
    group_id, volume_id, other_id = caller.group(name), caller.volume(), caller.volume()
    caller.member(group_id, name)
    snapshot_id, cgsnapshot_id = caller.snapshot(volume_id), caller.cgsnapshot(group_id)
    answer = caller.put("/os-services/freeze", {"host": HOST})
    assert (answer.status_code, answer.data) == (200, b"")
    part = listed(caller)["cinder-volume"]
    assert (part["frozen"], part["status"], part["disabled_reason"]) == (True, "disabled", "frozen")
    for refusal in (
        caller.delete(f"/volumes/{volume_id}?cascade=True"),
        act(caller, other_id, "os-force_delete", {}),
        act(caller, volume_id, "os-extend", {"new_size": 2}),
        caller.post("/snapshots", {"snapshot": {"volume_id": volume_id}}),
        caller.delete(f"/snapshots/{snapshot_id}"),
        caller.post("/cgsnapshots", {"cgsnapshot": {"consistencygroup_id": group_id}}),
        caller.delete(f"/cgsnapshots/{cgsnapshot_id}"),
        caller.post(
            "/consistencygroups/create_from_src", {"consistencygroup-from-src": {"source_cgid": group_id}}
        ),
    ):
        assert "frozen storage backends" in check_fault(refusal, 400, "badRequest")
    for source in ({}, {"snapshot_id": snapshot_id}):
        flow = caller.flow(caller.post("/volumes", {"volume": {"size": 1, **source}}))
        assert (flow["state"], "is frozen since" in flow["reason"]) == ("reverted", True)
    assert caller.put("/os-services/thaw", {"host": HOST}).status_code == 200
    caller.done(caller.delete(f"/snapshots/{snapshot_id}"))


@pytest.mark.parametrize("action", ["freeze", "thaw", "failover_host", "failover"])
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"host": "nowhere"}, "host"),
        ({}, "host"),
        ({"host": None}, "host"),
        ({"host": ""}, "host"),
        ({"cluster": "c"}, "host"),
        ({"host": HOST, "colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_frozen(modern: Caller, action: str, body: object, field: str) -> None:
    check_bad_request(modern.put(f"/os-services/{action}", body), field)


@pytest.mark.parametrize("action", ["failover_host", "failover"])
def test_nothing_is_failed_over(modern: Caller, action: str) -> None:
    message = check_bad_request(
        modern.put(f"/os-services/{action}", {"host": HOST, "backend_id": "other"}), "host"
    )
    assert "replicates" in message


@pytest.mark.parametrize(
    ("action", "body", "field"),
    [
        ("disable", {"host": socket.gethostname(), "binary": "cinder-scheduler"}, "binary"),
        ("disable", {"host": HOST}, "binary"),
        ("disable", VOLUME | {"disabled_reason": "why"}, "disabled_reason"),
        ("disable", {"binary": "cinder-volume"}, "host"),
        ("disable", {"host": 1}, "host"),
        ("enable", {"host": HOST, "colour": "red"}, "colour"),
        ("disable-log-reason", VOLUME, "disabled_reason"),
        ("disable-log-reason", VOLUME | {"disabled_reason": " "}, "disabled_reason"),
        ("disable-log-reason", VOLUME | {"disabled_reason": "x" * 256}, "disabled_reason"),
    ],
)
def test_what_cannot_be_disabled(caller: Caller, action: str, body: object, field: str) -> None:
    check_bad_request(caller.put(f"/os-services/{action}", body), field)
    assert listed(caller)["cinder-volume"]["status"] == "enabled"


def test_unknown_ones(caller: Caller) -> None:
    message = check_not_found(caller.put("/os-services/disable", VOLUME | {"host": "nowhere@nothing"}))
    assert message == "Service cinder-volume could not be found on host nowhere@nothing."
    check_not_found(caller.put("/os-services/disable", {"host": HOST, "binary": "cinder-backup"}))
    assert "enable, disable" in check_not_found(caller.put("/os-services/melt", VOLUME))
    check_not_found(caller.get("/os-hosts/nowhere"))
    check_not_found(caller.get("/capabilities/nowhere"))


def test_hosts(caller: Caller) -> None:
    hosts = {host["service"]: host for host in caller.get("/os-hosts").json["hosts"]}
    assert hosts["cinder-volume"] == {
        "host_name": HOST,
        "service": "cinder-volume",
        "zone": "nova",
        "service-status": "available",
        "service-state": "enabled",
        "last-update": hosts["cinder-volume"]["last-update"],
    }


def test_what_a_host_holds(caller: Caller) -> None:
    name = caller.type()
    group_id = caller.group(name)
    for size in (2, 3):
        caller.member(group_id, name, size=size)
    caller.cgsnapshot(group_id)
    loads = [line["resource"] for line in caller.get(f"/os-hosts/{HOST}").json["host"]]
    mine = next(load for load in loads if load["project"] == caller.project)
    assert mine == {
        "host": HOST,
        "project": caller.project,
        "volume_count": "2",
        "total_volume_gb": "5",
        "snapshot_count": "2",
        "total_snapshot_gb": "5",
    }
    total, *each = loads
    assert total["project"] == "(total)"
    for key in ("volume_count", "total_volume_gb", "snapshot_count", "total_snapshot_gb"):
        assert int(total[key]) == sum(int(load[key]) for load in each)


def test_capabilities_are_those_of_the_pool(caller: Caller) -> None:
    (pool,) = caller.get(f"/scheduler-stats/get_pools?detail=True&name={HOST}%23memory").json["pools"]
    for host in (HOST, f"{HOST}%23memory"):
        found = caller.get(f"/capabilities/{host}").json
        assert found["namespace"] == f"OS::Storage::Capabilities::{HOST}"
        for name in ("vendor_name", "storage_protocol", "driver_version", "volume_backend_name"):
            assert found[name] == pool["capabilities"].get(name)
    # Pools are filtered from 3.28 on.
    assert len(caller.get("/scheduler-stats/get_pools?name=other").json["pools"]) == 1


def test_they_are_for_administrators(member: Caller) -> None:
    for answer in (
        member.get("/os-services"),
        member.put("/os-services/disable", VOLUME),
        member.get("/os-hosts"),
        member.get(f"/os-hosts/{HOST}"),
        member.get(f"/capabilities/{HOST}"),
    ):
        check_fault(answer, 403, "forbidden")
