"""The unmodified ``cinder`` command beside consistency groups, without authentication and with keystone's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.site import Tenant
from tests.support.cinder_command import CinderCommand

# A command takes seconds on a busy machine.
pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(900)]

TYPE = "cinder-database"
INSTANCE = "5a1c3f58-1c64-4c4e-8b67-6bb39e0b3d80"


@pytest.fixture(scope="module", autouse=True)
def type_id(admin: CinderCommand) -> str:
    made = admin("type-create", TYPE).rows[0][0]
    admin("type-key", TYPE, "set", "consistencygroup_support=<is> True")
    return made


@pytest.fixture(scope="module")
def volume(admin: CinderCommand, tenant: Tenant) -> str:
    """A volume for the module, called ``alone``."""
    return _volume(admin, tenant, "1", "--name", "alone", "--volume-type", TYPE, "--metadata", "role=log")


def _volume(admin: CinderCommand, tenant: Tenant, *words: str) -> str:
    return tenant.settled(admin("create", *words).properties["id"])


def test_types_and_who_may_use_them(admin: CinderCommand, tenant: Tenant, type_id: str) -> None:
    admin("type-update", type_id, "--description", "fast")
    assert admin("type-show", type_id).properties["description"] == "fast"
    private = admin("type-create", "cinder-private", "--is-public", "false").rows[0][0]
    access = ("--volume-type", "cinder-private", "--project-id", tenant.id)
    admin("type-access-add", *access)
    assert admin("type-access-list", *access[:2]).rows == [[private, tenant.id]]
    admin("type-access-remove", *access)
    assert admin("type-access-list", *access[:2]).rows == []
    specs = {row[0]: row[2] for row in admin("extra-specs-list").rows}
    assert specs[type_id] == "{'consistencygroup_support': '<is> True'}"
    admin("type-delete", "cinder-private")


def test_the_life_of_a_generic_group(admin: CinderCommand, tenant: Tenant) -> None:
    kind = admin("group-type-create", "cinder-kind").rows[0][0]
    admin("group-type-key", "cinder-kind", "set", "consistent_group_snapshot_enabled=<is> True", "colour=red")
    admin("group-type-key", "cinder-kind", "unset", "colour")
    shown = admin("group-type-show", "cinder-kind").properties
    assert shown["group_specs"] == "consistent_group_snapshot_enabled : <is> True"
    assert kind in {row[0] for row in admin("group-specs-list").rows}

    group_id = admin("group-create", "cinder-kind", TYPE, "--name", "shop").properties["id"]
    tenant.settled(group_id)
    in_group = ("1", "--name", "till", "--group-id", group_id, "--volume-type", TYPE)
    till = _volume(admin, tenant, *in_group)
    assert [group_id, "available", "shop"] in admin("group-list").rows
    shown = admin("group-show", "shop", "--list-volume").properties
    assert (shown["group_type"], shown["volumes"]) == (kind, f"['{till}']")
    admin("group-update", "shop", "--name", "store", "--description", "daily")
    assert admin("group-show", "store").properties["description"] == "daily"
    assert admin("consisgroup-show", "store").properties["id"] == group_id
    assert [row[0] for row in admin("list", "--group_id", group_id).rows] == [till]

    taken = tenant.settled(admin("group-snapshot-create", "store", "--name", "noon").properties["id"])
    assert admin("group-snapshot-list").rows == [[taken, "available", "noon"]]
    assert admin("group-snapshot-show", "noon").properties["group_id"] == group_id
    copies = []
    for source in (("--group-snapshot", "noon"), ("--source-group", "store")):
        made = admin("group-create-from-src", *source, "--name", "copy").properties["id"]
        copies.append(tenant.settled(made))
    admin("group-update", copies[0], "--name", "first copy")
    assert admin("group-show", copies[0]).properties["group_snapshot_id"] == taken
    assert admin("group-show", copies[1]).properties["source_group_id"] == group_id
    admin("reset-state", "--type", "group-snapshot", "--state", "error", "noon")
    assert admin("group-snapshot-show", taken).properties["status"] == "error"
    admin("group-snapshot-delete", "noon")
    tenant.settled(taken)
    assert "delete-volumes" in admin.refused("group-delete", "store")
    for id_ in (group_id, *copies):
        admin("group-delete", "--delete-volumes", id_)
        tenant.settled(id_)
    assert admin("group-list").rows == []
    admin("group-type-delete", "cinder-kind")


def test_snapshots_of_a_volume(admin: CinderCommand, tenant: Tenant, volume: str) -> None:
    copy = admin("snapshot-create", "alone", "--name", "old", "--metadata", "why=test").properties["id"]
    tenant.settled(copy)
    (row,) = admin("snapshot-list", "--metadata", "why=test").rows
    assert row[:5] == [copy, volume, "available", "old", "1"]
    admin("snapshot-rename", "old", "older")
    admin("snapshot-metadata", "older", "set", "mood=good")
    assert admin("snapshot-metadata-show", "older").properties == {"mood": "good", "why": "test"}
    admin("snapshot-reset-state", "older", "--state", "error")
    assert admin("snapshot-show", "older").properties["status"] == "error"
    admin("snapshot-reset-state", "older", "--state", "available")
    admin("revert-to-snapshot", "older")
    tenant.settled(volume)
    of_copy = _volume(admin, tenant, "2", "--snapshot-id", copy, "--name", "of-copy")
    of_volume = _volume(admin, tenant, "1", "--source-volid", volume, "--name", "of-volume")
    assert admin("show", "of-copy").properties["snapshot_id"] == copy
    assert admin("show", "of-volume").properties["source_volid"] == volume
    admin("delete", "of-copy", "of-volume")
    for id_ in (of_copy, of_volume):
        tenant.settled(id_)
    admin("snapshot-delete", "older")
    tenant.settled(copy)
    assert admin("snapshot-list").rows == []


def test_what_is_noted_of_a_volume(admin: CinderCommand, tenant: Tenant, volume: str, type_id: str) -> None:
    admin("metadata", "alone", "set", "tier=1")
    admin("metadata", "alone", "unset", "role")
    assert admin("metadata-show", "alone").properties == {"tier": "1"}
    assert admin("metadata-update-all", "alone", "role=data").properties == {"role": "data"}
    assert [row[0] for row in admin("list", "--metadata", "role=data").rows] == [volume]
    assert admin("list", "--metadata", "role=log").rows == []
    admin("image-metadata", "alone", "set", "os=debian")
    assert admin("image-metadata-show", "alone").properties == {"os": "debian"}
    admin("set-bootable", "alone", "true")
    assert [row[0] for row in admin("list", "--bootable", "true").rows] == [volume]
    assert admin("list", "--bootable", "false").rows == []
    admin("rename", "alone", "only", "--description", "d")
    assert admin("show", "only").properties["description"] == "d"
    admin("rename", "only", "alone")
    admin("reset-state", "alone", "--state", "error")
    assert [row[0] for row in admin("list", "--status", "error").rows] == [volume]
    admin("reset-state", "alone", "--state", "available")
    other = admin("type-create", "cinder-silver").rows[0][0]
    admin("retype", "alone", "cinder-silver")
    tenant.settled(volume)
    assert admin("show", "alone").properties["volume_type"] == "cinder-silver"
    admin("retype", "alone", type_id, "--migration-policy", "on-demand")
    tenant.settled(volume)
    admin("type-delete", other)


def test_attachments_and_transfers(admin: CinderCommand, volume: str) -> None:
    attachment = admin("attachment-create", "alone", INSTANCE).properties["id"]
    assert admin("show", "alone").properties["status"] == "reserved"
    admin("attachment-update", attachment, "--host", "compute-1")
    admin("attachment-complete", attachment)
    assert admin("attachment-list").rows == [[attachment, volume, "attached", INSTANCE]]
    assert admin("attachment-show", attachment).properties["volume_id"] == volume
    assert "in-use" in admin.refused("delete", "alone")
    admin("attachment-delete", attachment)
    assert admin("show", "alone").properties["status"] == "available"

    offered = admin("transfer-create", "alone", "--name", "offer").properties
    assert admin("transfer-list").rows == [[offered["id"], volume, "offer"]]
    assert "(HTTP 400)" in admin.refused("transfer-accept", offered["id"], "guessed")
    assert admin("transfer-show", "offer").properties["volume_id"] == volume
    admin("transfer-accept", offered["id"], offered["auth_key"])
    admin("transfer-create", "alone", "--name", "or not")
    admin("transfer-delete", "or not")
    assert admin("transfer-list").rows == []
    assert admin("show", "alone").properties["status"] == "available"


def test_qos(admin: CinderCommand, type_id: str) -> None:
    made = admin("qos-create", "cinder-slow", "consumer=front-end", "total_iops_sec=10").properties["id"]
    admin("qos-key", made, "set", "total_bytes_sec=1000")
    admin("qos-key", made, "unset", "total_iops_sec")
    assert admin("qos-show", made).properties["specs"] == "total_bytes_sec : 1000"
    admin("qos-associate", made, type_id)
    assert [row[1] for row in admin("qos-get-association", made).rows] == [TYPE]
    admin("qos-disassociate", made, type_id)
    admin("qos-disassociate-all", made)
    admin("qos-delete", made)


def test_the_service_tells_of_itself(admin: CinderCommand, tenant: Tenant, volume: str) -> None:
    services = {row[0]: row for row in admin("service-list").rows}
    assert {row[4] for row in services.values()} == {"up"}
    host = services["cinder-volume"][1]
    admin("service-disable", host, "cinder-volume", "--reason", "repairs")
    disabled = admin("service-list", "--binary", "cinder-volume").rows
    admin("service-enable", host, "cinder-volume")
    assert "disabled" in disabled[0]
    assert "repairs" in disabled[0]
    (pool,) = admin("get-pools").properties.items()
    assert pool == ("name", f"{host}#memory")
    assert admin("get-pools", "--detail").properties["consistencygroup_support"] == "True"
    assert admin("get-capabilities", host).properties["vendor_name"] == "cgflow"
    assert admin("availability-zone-list").rows == [["nova", "available"]]
    assert admin("absolute-limits").properties["totalVolumesUsed"] == "1"
    assert admin("rate-limits").rows == []
    assert admin("summary").properties["total_count"] == "1"
    assert "consistencygroups" in {row[2] for row in admin("list-extensions").rows}
    filters = {row[0]: row[1] for row in admin("list-filters").rows}
    assert "status" in filters["volume"]
    assert admin("quota-defaults", tenant.id).properties.keys() >= {"volumes", "groups"}
    classes = admin("quota-class-show", "default").properties
    admin("quota-class-update", "default", "--volumes", classes["volumes"])
    assert admin("quota-class-show", "default").properties == classes


def test_what_failed_is_told_in_messages(admin: CinderCommand, tenant: Tenant) -> None:
    admin("type-create", "cinder-nowhere")
    admin("type-key", "cinder-nowhere", "set", "volume_backend_name=nowhere")
    failed = admin("create", "1", "--volume-type", "cinder-nowhere").properties["id"]
    tenant.settled(failed, "reverted")
    assert admin("show", failed).properties["status"] == "error"
    ((message, kind, about, *_),) = admin("message-list").rows
    assert (kind, about) == ("VOLUME", failed)
    assert admin("message-show", message).properties["resource_uuid"] == failed
    admin("message-delete", message)
    assert admin("message-list").rows == []
    admin("delete", failed)
    tenant.settled(failed)
    admin("type-delete", "cinder-nowhere")


def test_lists_are_ordered_cut_and_counted(admin: CinderCommand, tenant: Tenant, volume: str) -> None:
    names = ("amber", "blue")
    made = [_volume(admin, tenant, "1", "--name", name) for name in names]
    assert [row[2] for row in admin("list", "--sort", "name:desc").rows] == ["blue", "amber", "alone"]
    assert [row[2] for row in admin("list", "--sort", "name:asc", "--limit", "2").rows] == ["alone", "amber"]
    admin("delete", *made)
    for id_ in made:
        tenant.settled(id_)
    admin("force-delete", "alone")
    tenant.settled(volume)
    assert admin("list").rows == []
    admin("type-delete", TYPE)


def test_a_member_is_no_administrator(programs: Path, admin: CinderCommand, tenant: Tenant) -> None:
    if tenant.member is None:
        pytest.skip("without authentication these clients cannot say that they are no administrator")
    member = CinderCommand(programs, tenant.member)
    mine = _volume(member, tenant, "1", "--name", "mine")
    assert member("show", "mine").properties["id"] == mine
    for words in (("type-create", "t"), ("service-list",), ("quota-update", "--volumes", "1", tenant.id)):
        assert "(HTTP 403)" in member.refused(*words)
    member("delete", "mine")
    tenant.settled(mine)
