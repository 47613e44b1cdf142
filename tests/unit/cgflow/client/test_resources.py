"""The requests of each resource: bodies and paths."""

from __future__ import annotations

import pytest

from cgflow.client import Client
from cgflow.client.http import ServiceError
from tests.support.canned_service import CannedService


def test_a_group_is_made_of_types_joined_with_commas(service: CannedService, client: Client) -> None:
    service.plays("POST", "/consistencygroups", {"consistencygroup": {"id": "g"}}, status=202, flow="f")
    made = client.consistencygroups.create("db", ["t1", "t2"], None, None)
    assert (made.record, made.flow_id) == ({"id": "g"}, "f")
    assert service.asked[0].body["consistencygroup"]["volume_types"] == "t1,t2"


@pytest.mark.parametrize("force", [True, False])
def test_a_group_is_deleted_by_its_action(service: CannedService, client: Client, force: bool) -> None:
    service.plays("POST", "/consistencygroups/g/delete", status=202, flow="f")
    assert client.consistencygroups.delete("g", force=force).flow_id == "f"
    assert service.asked[0].body == {"consistencygroup": {"force": force}}


def test_a_volume_is_made_extended_and_deleted(service: CannedService, client: Client) -> None:
    service.plays("POST", "/volumes", {"volume": {"id": "v"}}, status=202, flow="f1")
    service.plays("POST", "/volumes/v/action", status=202, flow="f2")
    service.plays("DELETE", "/volumes/v", status=202, flow="f3")
    made = client.volumes.create(
        "a", 2, volume_type="t", consistencygroup_id="g", description=None, availability_zone=None
    )
    assert made.flow_id == "f1"
    assert client.volumes.extend("v", 3).flow_id == "f2"
    assert client.volumes.delete("v").flow_id == "f3"
    assert service.asked[0].body["volume"]["consistencygroup_id"] == "g"
    assert service.asked[1].body == {"os-extend": {"new_size": 3}}


@pytest.mark.parametrize("noun", ["volumes", "snapshots"])
def test_connecting(service: CannedService, client: Client, noun: str) -> None:
    info = {"driver_volume_type": "nbd", "data": {"uri": "nbd+unix:///v?socket=/s"}}
    service.plays("POST", f"/{noun}/v/action", {"connection_info": info})
    service.plays("POST", f"/{noun}/v/action", status=202)
    assert getattr(client, noun).connect("v") == info
    getattr(client, noun).disconnect("v")
    assert [list(each.body) for each in service.asked] == [
        ["os-initialize_connection"],
        ["os-terminate_connection"],
    ]


def test_a_cgsnapshot_is_made_and_deleted(service: CannedService, client: Client) -> None:
    service.plays("POST", "/cgsnapshots", {"cgsnapshot": {"id": "s", "name": "n"}}, status=202, flow="f")
    service.plays("DELETE", "/cgsnapshots/s", status=202, flow="f2")
    assert client.cgsnapshots.create("n", "g", None).flow_id == "f"
    assert client.cgsnapshots.delete("s").flow_id == "f2"
    assert service.asked[0].body["cgsnapshot"]["consistencygroup_id"] == "g"


def test_a_type_whose_extra_specs_are_refused_is_not_left_behind(
    service: CannedService, client: Client
) -> None:
    service.plays("POST", "/types", {"volume_type": {"id": "t", "name": "gold"}})
    service.refuses("POST", "/types/t/extra_specs", 400, "badRequest", "No.")
    service.plays("DELETE", "/types/t", status=202)
    with pytest.raises(ServiceError, match="No."):
        client.types.create("gold", None, is_public=True, extra_specs={"a": "b"})
    assert service.requests("DELETE", "/types/t")


def test_an_extra_specs_key_holds_a_colon(service: CannedService, client: Client) -> None:
    service.plays("DELETE", "/types/t/extra_specs/capabilities%3Aconsistencygroup_support", status=202)
    client.types.unset_spec("t", "capabilities:consistencygroup_support")


def test_quotas_are_read_with_usage_and_set(service: CannedService, client: Client) -> None:
    service.plays("GET", "/os-quota-sets/p", {"quota_set": {"id": "p"}})
    service.plays("PUT", "/os-quota-sets/p", {"quota_set": {"volumes": 5}})
    client.quotas.show("p")
    client.quotas.set("p", {"volumes": 5})
    assert service.asked[0].query == {"usage": "True"}
    assert service.asked[1].body == {"quota_set": {"tenant_id": "p", "volumes": 5}}


@pytest.mark.parametrize(
    ("noun", "path", "action", "version"),
    [
        ("volumes", "/volumes", "os-reset_status", None),
        ("snapshots", "/snapshots", "os-reset_status", None),
        ("consistencygroups", "/groups", "reset_status", "volume 3.20"),
        ("cgsnapshots", "/group_snapshots", "reset_status", "volume 3.19"),
    ],
)
def test_a_status_is_set(
    service: CannedService, client: Client, noun: str, path: str, action: str, version: str | None
) -> None:
    service.plays("POST", f"{path}/x/action", status=202)
    getattr(client, noun).reset_status("x", "error")
    (asked,) = service.asked
    assert asked.body == {action: {"status": "error"}}
    assert asked.headers["OpenStack-API-Version"] == f"{version or 'volume 3.0'}, cgflow 1.0"
