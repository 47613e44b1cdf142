"""openstacksdk and single volumes, without authentication and with keystone's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.sdk_checks import ids, refused
from tests.clients.site import Tenant
from tests.support.sdk_process import Sdk

pytestmark = [pytest.mark.real, pytest.mark.slow]

INSTANCE = "5a1c3f58-1c64-4c4e-8b67-6bb39e0b3d80"


@pytest.fixture
def volume(sdk: Sdk, tenant: Tenant, type_: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A volume for one test."""
    made = sdk.create_volume(name="alone", size=1, volume_type=type_["name"])
    yield sdk.get_volume(tenant.settled(made["id"]))
    sdk.delete_volume(made["id"], cascade=True)
    tenant.settled(made["id"])


def test_volumes_are_made_of_copies_and_of_each_other(
    sdk: Sdk, tenant: Tenant, volume: dict[str, Any], type_: dict[str, Any]
) -> None:
    made = sdk.create_snapshot(volume_id=volume["id"], name="old", metadata={"why": "test"})
    copy = sdk.get_snapshot(tenant.settled(made["id"]))
    assert (copy["volume_id"], copy["status"], copy["progress"]) == (volume["id"], "available", "100%")
    assert copy["metadata"] == {"why": "test"}
    sdk.update_snapshot(copy["id"], name="older", description="d")
    assert sdk.find_snapshot("older")["description"] == "d"
    sdk.set_snapshot_metadata(copy["id"], mood="good")
    sdk.delete_snapshot_metadata(copy["id"], ["why"])
    assert sdk.get_snapshot_metadata(copy["id"])["metadata"] == {"mood": "good"}
    sdk.reset_snapshot_status(copy["id"], "error")
    assert sdk.get_snapshot(copy["id"])["status"] == "error"
    sdk.reset_snapshot_status(copy["id"], "available")

    clones = [
        sdk.create_volume(name="of-copy", size=2, snapshot_id=copy["id"]),
        sdk.create_volume(name="of-volume", size=1, source_volume_id=volume["id"]),
    ]
    for clone, source in zip(clones, ("snapshot_id", "source_volume_id"), strict=True):
        shown = sdk.get_volume(tenant.settled(clone["id"]))
        assert shown[source] == (copy["id"] if source == "snapshot_id" else volume["id"])
        assert (shown["status"], shown["volume_type"]) == ("available", type_["name"])
    with refused(400, "imageRef"):
        sdk.create_volume(size=1, image_id=INSTANCE)
    sdk.revert_volume_to_snapshot(volume["id"], copy["id"])
    tenant.settled(volume["id"])
    sdk.delete_volume(clones[0]["id"])
    sdk.delete_volume(clones[1]["id"], force=True)
    for clone in clones:
        tenant.settled(clone["id"])
    assert ids(sdk.volumes()) == [volume["id"]]


def test_a_volume_is_changed(sdk: Sdk, tenant: Tenant, volume: dict[str, Any], type_: dict[str, Any]) -> None:
    id_ = volume["id"]
    sdk.update_volume(id_, name="renamed", description="d")
    assert sdk.find_volume("renamed")["description"] == "d"
    sdk.extend_volume(id_, 2)
    tenant.settled(id_)
    assert sdk.get_volume(id_)["size"] == 2
    with refused(400, "greater"):
        sdk.extend_volume(id_, 2)
    other = sdk.create_type(name="sdk-silver")
    sdk.retype_volume(id_, "sdk-silver")
    tenant.settled(id_)
    assert sdk.get_volume(id_)["volume_type"] == "sdk-silver"
    sdk.retype_volume(id_, type_["name"], "on-demand")
    tenant.settled(id_)
    sdk.delete_type(other["id"])

    sdk.set_volume_metadata(id_, role="log", tier="1")
    assert sdk.get_volume_metadata(id_)["metadata"] == {"role": "log", "tier": "1"}
    sdk.delete_volume_metadata(id_, ["tier"])
    assert sdk.get_volume(id_)["metadata"] == {"role": "log"}
    sdk.set_volume_image_metadata(id_, os="debian", arch="any")
    sdk.delete_volume_image_metadata(id_, ["arch"])
    assert sdk.get_volume(id_)["volume_image_metadata"] == {"os": "debian"}
    sdk.set_volume_bootable_status(id_, True)
    assert sdk.get_volume(id_)["is_bootable"] is True
    sdk.set_volume_readonly(id_, True)
    assert sdk.get_volume(id_)["metadata"] == {"role": "log", "readonly": "True"}
    sdk.reset_volume_status(id_, "error")
    assert sdk.get_volume(id_)["status"] == "error"
    assert ids(sdk.volumes(status="error")) == [id_]
    sdk.reset_volume_status(id_, "available")


def test_attachments_are_kept(sdk: Sdk, volume: dict[str, Any]) -> None:
    id_ = volume["id"]
    reserved = sdk.create_attachment(id_, instance=INSTANCE, connector=None)
    assert sdk.get_volume(id_)["status"] == "reserved"
    sdk.update_attachment(reserved["id"], connector={"host": "compute-1"})
    sdk.complete_attachment(reserved["id"])
    (shown,) = sdk.attachments()
    assert (shown["id"], shown["status"], shown["volume_id"]) == (reserved["id"], "attached", id_)
    (attached,) = sdk.get_volume(id_)["attachments"]
    assert (attached["server_id"], attached["attachment_id"]) == (INSTANCE, reserved["id"])
    with refused(400, "in-use"):
        sdk.delete_volume(id_)
    sdk.delete_attachment(reserved["id"])
    assert sdk.get_volume(id_)["status"] == "available"

    sdk.reserve_volume(id_)
    sdk.unreserve_volume(id_)
    assert sdk.get_volume(id_)["status"] == "available"
    sdk.reserve_volume(id_)
    assert sdk.init_volume_attachment(id_, {"host": "compute-1"})["driver_volume_type"] == "memory"
    sdk.attach_volume(id_, "/dev/vdb", instance=INSTANCE)
    (attached,) = sdk.get_volume(id_)["attachments"]
    assert attached["device"] == "/dev/vdb"
    sdk.begin_volume_detaching(id_)
    sdk.abort_volume_detaching(id_)
    assert sdk.get_volume(id_)["status"] == "in-use"
    sdk.begin_volume_detaching(id_)
    sdk.terminate_volume_attachment(id_, {"host": "compute-1"})
    sdk.detach_volume(id_, attached["attachment_id"])
    shown = sdk.get_volume(id_)
    assert (shown["status"], shown["attachments"]) == ("available", [])


def test_a_volume_is_handed_over(sdk: Sdk, volume: dict[str, Any]) -> None:
    offered = sdk.create_transfer(volume_id=volume["id"], name="to whom it may concern")
    assert sdk.get_volume(volume["id"])["status"] == "awaiting-transfer"
    assert ids(sdk.transfers()) == [offered["id"]]
    assert sdk.find_transfer(offered["name"])["volume_id"] == volume["id"]
    with refused(400):
        sdk.accept_transfer(offered["id"], "guessed")
    sdk.accept_transfer(offered["id"], offered["auth_key"])
    assert sdk.get_volume(volume["id"])["status"] == "available"
    sdk.delete_transfer(sdk.create_transfer(volume_id=volume["id"], name="or not")["id"])
    assert sdk.transfers() == []


def test_quota_and_limits(sdk: Sdk, tenant: Tenant, volume: dict[str, Any]) -> None:
    was = sdk.get_quota_set_defaults(tenant.id)
    assert sdk.update_quota_set(tenant.id, volumes=1)["volumes"] == 1
    assert sdk.get_quota_set(tenant.id)["volumes"] == 1
    used = sdk.get_quota_set(tenant.id, usage=True)
    assert (used["usage"]["volumes"], used["reservation"]["volumes"]) == (1, 0)
    with refused(413, "volumes"):
        sdk.create_volume(size=1)
    absolute = sdk.get_limits()["absolute"]
    assert (absolute["max_total_volumes"], absolute["total_volumes_used"]) == (1, 1)
    assert absolute["total_gigabytes_used"] == 1
    sdk.revert_quota_set(tenant.id)
    assert sdk.get_quota_set(tenant.id)["volumes"] == was["volumes"]
    classes = sdk.get_quota_class_set("default")
    assert classes["volumes"] == was["volumes"]
    assert sdk.update_quota_class_set("default", volumes=classes["volumes"])["volumes"] == was["volumes"]
    told = sdk.summary(False)
    assert (told["total_count"], told["total_size"]) == (1, 1)


def test_lists_are_read_page_by_page(sdk: Sdk, tenant: Tenant, type_: dict[str, Any]) -> None:
    made = [sdk.create_volume(name=f"v{n}", size=1)["id"] for n in range(3)]
    for id_ in made:
        tenant.settled(id_)
    assert ids(sdk.volumes(limit=1)) == made[::-1]
    assert ids(sdk.volumes(name="v1")) == [made[1]]
    for id_ in made:
        sdk.delete_volume(id_)
        tenant.settled(id_)
