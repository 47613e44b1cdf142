"""openstacksdk and all resources with a type or a group, without authentication and with keystone's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.conftest import CG
from tests.clients.sdk_checks import ids, refused
from tests.clients.site import Tenant
from tests.support.sdk_process import Sdk

pytestmark = [pytest.mark.real, pytest.mark.slow]


def test_types(sdk: Sdk, tenant: Tenant, type_: dict[str, Any]) -> None:
    assert (type_["description"], type_["is_public"], type_["extra_specs"]) == ("fast", True, CG)
    sdk.update_type_extra_specs(type_["id"], colour="red")
    assert sdk.find_type(type_["name"])["extra_specs"] == {**CG, "colour": "red"}
    sdk.delete_type_extra_specs(type_["id"], ["colour"])
    assert sdk.get_type(type_["id"])["extra_specs"] == CG
    assert sdk.update_type(type_["id"], description="faster")["description"] == "faster"
    with refused(409, type_["name"]):
        sdk.create_type(name=type_["name"])
    private = sdk.create_type(name="sdk-private", is_public=False)
    sdk.add_type_access(private["id"], tenant.id)
    assert [access["project_id"] for access in sdk.get_type_access(private["id"])] == [tenant.id]
    sdk.remove_type_access(private["id"], tenant.id)
    assert sdk.get_type_access(private["id"]) == []
    assert {private["id"], type_["id"]} <= set(ids(sdk.types(is_public="None")))
    sdk.delete_type(private["id"], ignore_missing=False)
    assert sdk.find_type("sdk-private") is None


def test_the_life_of_a_consistency_group(sdk: Sdk, tenant: Tenant, type_: dict[str, Any]) -> None:
    group_id = tenant.settled(sdk.create_consistency_group(name="orders", volume_types=type_["id"])["id"])
    for found in (sdk.find_consistency_group("orders"), sdk.get_consistency_group(group_id)):
        assert (found["id"], found["name"], found["status"]) == (group_id, "orders", "available")
        assert found["volume_types"] == [type_["id"]]
    options = {"size": 1, "volume_type": type_["id"]}
    made = sdk.create_volume(name="data", consistency_group_id=group_id, **options)
    data = tenant.settled(made["id"])
    log = tenant.settled(sdk.create_volume(name="log", **options)["id"])
    assert made["consistency_group_id"] == group_id

    sdk.update_consistency_group(group_id, name="shop", description="daily", add_volumes=log)
    tenant.settled(group_id)
    assert sdk.get_consistency_group(group_id)["description"] == "daily"
    assert sdk.find_volume("log")["consistency_group_id"] == group_id
    sdk.update_consistency_group(group_id, remove_volumes=log)
    tenant.settled(group_id)
    assert sdk.get_volume(log)["consistency_group_id"] is None

    taken = sdk.create_consistency_group_snapshot(consistencygroup_id=group_id, name="monday")
    tenant.settled(taken["id"])
    found = sdk.find_consistency_group_snapshot("monday")
    assert (found["id"], found["consistencygroup_id"], found["status"]) == (
        taken["id"],
        group_id,
        "available",
    )
    (copy,) = sdk.snapshots()
    assert (copy["volume_id"], copy["group_snapshot_id"]) == (data, taken["id"])
    with refused(400, "still has dependent cgsnapshots"):
        sdk.delete_consistency_group(group_id, force=True)

    copies = [
        sdk.create_consistency_group_from_source(consistency_group_snapshot=taken["id"], name="before"),
        sdk.create_consistency_group_from_source(consistency_group=group_id, name="now"),
    ]
    sources = ({"snapshot_id": copy["id"]}, {"source_volume_id": data})
    for made, source in zip(copies, sources, strict=True):
        tenant.settled(made["id"])
        (clone,) = [each for each in sdk.volumes() if each["consistency_group_id"] == made["id"]]
        assert (clone["status"], clone["size"]) == ("available", 1)
        assert clone.items() >= source.items()
    with refused(400):
        sdk.create_consistency_group_from_source(name="of nothing")

    sdk.delete_consistency_group_snapshot(taken["id"])
    tenant.settled(taken["id"])
    assert sdk.consistency_group_snapshots() == sdk.snapshots() == []
    with refused(400, "force"):
        sdk.delete_consistency_group(group_id)
    for id_ in (group_id, *ids(copies)):
        sdk.delete_consistency_group(id_, force=True)
        tenant.settled(id_)
    assert sdk.consistency_groups() == []
    with refused(404):
        sdk.get_consistency_group(group_id)
    assert ids(sdk.volumes()) == [log]
    sdk.delete_volume(log)
    tenant.settled(log)


def test_the_life_of_a_generic_group(sdk: Sdk, tenant: Tenant, type_: dict[str, Any]) -> None:
    kind = sdk.create_group_type(name="sdk-kind", description="consistent")
    specs = {"consistent_group_snapshot_enabled": "<is> True"}
    sdk.create_group_type_group_specs(kind["id"], specs)
    assert sdk.fetch_group_type_group_specs(kind["id"])["group_specs"] == specs
    assert sdk.update_group_type_group_specs_property(kind["id"], "colour", "red") == "red"
    assert sdk.get_group_type_group_specs_property(kind["id"], "colour") == "red"
    sdk.delete_group_type_group_specs_property(kind["id"], "colour")
    assert sdk.update_group_type(kind["id"], description="all at once")["description"] == "all at once"
    assert sdk.find_group_type("sdk-kind")["group_specs"] == specs

    asked = {"group_type": kind["id"], "volume_types": [type_["id"]]}
    group_id = tenant.settled(sdk.create_group(name="shop", **asked)["id"])
    volume = sdk.create_volume(name="till", size=1, volume_type=type_["id"], group_id=group_id)
    tenant.settled(volume["id"])
    assert volume["group_id"] == group_id
    sdk.update_group(group_id, name="store", description="d")
    found = sdk.find_group("store")
    assert (found["id"], found["description"], found["group_type"]) == (group_id, "d", kind["id"])
    assert sdk.get_consistency_group(group_id)["name"] == "store"

    taken = tenant.settled(sdk.create_group_snapshot(name="noon", group_id=group_id)["id"])
    for found in (sdk.find_group_snapshot("noon"), sdk.get_group_snapshot(taken)):
        assert (found["id"], found["group_id"], found["status"]) == (taken, group_id, "available")
    sdk.reset_group_snapshot_status(taken, "error")
    assert sdk.get_group_snapshot(taken)["status"] == "error"
    sdk.reset_group_snapshot_status(taken, "available")
    sdk.reset_group_status(group_id, "error")
    assert sdk.get_group(group_id)["status"] == "error"
    sdk.reset_group_status(group_id, "available")

    # The SDK requires both arguments, and sends the unused one as null.
    copies = [
        sdk.create_group_from_source(name="f", group_snapshot_id=taken, source_group_id=None),
        sdk.create_group_from_source(name="g", group_snapshot_id=None, source_group_id=group_id),
    ]
    for made in copies:
        tenant.settled(made["id"])
    assert sdk.get_group(copies[0]["id"])["group_snapshot_id"] == taken
    assert sdk.get_group(copies[1]["id"])["source_group_id"] == group_id
    sdk.delete_group_snapshot(taken)
    tenant.settled(taken)
    with refused(400, "delete-volumes"):
        sdk.delete_group(group_id)
    for id_ in (group_id, *ids(copies)):
        sdk.delete_group(id_, delete_volumes=True)
        tenant.settled(id_)
    assert sdk.groups() == sdk.group_snapshots() == sdk.volumes() == []
    sdk.delete_group_type(kind["id"])


def test_qos(sdk: Sdk, type_: dict[str, Any]) -> None:
    made = sdk.create_qos_spec(name="sdk-slow", consumer="front-end")
    sdk.update_qos_spec(made["id"], total_iops_sec="10")
    assert sdk.find_qos_spec("sdk-slow")["specs"] == {"total_iops_sec": "10"}
    sdk.associate_qos_spec(made["id"], type_["id"])
    assert ids(sdk.qos_spec_associations(made["id"])) == [type_["id"]]
    sdk.disassociate_qos_spec(made["id"], type_["id"])
    sdk.disassociate_all_qos_spec(made["id"])
    assert sdk.qos_spec_associations(made["id"]) == []
    sdk.delete_qos_spec_metadata(made["id"], ["total_iops_sec"])
    sdk.delete_qos_spec(made["id"], force=True)
    assert sdk.find_qos_spec("sdk-slow") is None


def test_the_service_tells_of_itself(sdk: Sdk) -> None:
    assert [zone["name"] for zone in sdk.availability_zones()] == ["nova"]
    (pool,) = sdk.backend_pools()
    assert pool["capabilities"]["consistencygroup_support"] is True
    backend = pool["name"].partition("#")[0]
    assert sdk.get_capabilities(backend)["vendor_name"] == pool["capabilities"]["vendor_name"]
    services = {part["binary"]: part for part in sdk.services()}
    assert {part["state"] for part in services.values()} == {"up"}
    assert "consistencygroups" in {each["alias"] for each in sdk.extensions()}
