"""The requests of gophercloud, Terraform's OpenStack provider and the Cinder CSI plugin, and what they parse.

The requests are replayed from the sources that are named at each. Go parses strictly: a key of
another JSON type than the field is an error, null and an absent key are the zero value, and unknown keys
are ignored. Times are parsed by the layout ``2006-01-02T15:04:05.999999`` without a zone (gophercloud,
``results.go``: ``JSONRFC3339MilliNoZ``).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from werkzeug.test import TestResponse

from tests.functional.caller import Caller, check_not_found

TYPES = {"string": str, "int": int, "bool": bool, "map": dict, "time": str}

# gophercloud v2, openstack/blockstorage/v3/volumes/results.go: Volume
VOLUME = {
    "string": (
        *("id", "status", "availability_zone", "name", "description", "volume_type", "snapshot_id"),
        *("source_volid", "backup_id", "user_id", "bootable", "replication_status", "consistencygroup_id"),
        *("os-vol-host-attr:host", "os-vol-tenant-attr:tenant_id"),
    ),
    "int": ("size",),
    "bool": ("encrypted", "multiattach"),
    "map": ("metadata", "volume_image_metadata"),
    "time": ("created_at", "updated_at"),
}
# gophercloud v2, openstack/blockstorage/v3/volumes/results.go: Attachment
ATTACHMENT = {
    "string": ("attachment_id", "device", "host_name", "id", "server_id", "volume_id"),
    "time": ("attached_at",),
}
# gophercloud v2, openstack/blockstorage/v3/snapshots/results.go: Snapshot
SNAPSHOT = {
    "string": ("id", "name", "description", "volume_id", "status"),
    "int": ("size",),
    "map": ("metadata",),
    "time": ("created_at", "updated_at"),
}


def parsed(shown: Mapping[str, Any], fields: Mapping[str, tuple[str, ...]]) -> Mapping[str, Any]:
    """Check that Go would parse an object, and return it."""
    for kind, names in fields.items():
        for name in names:
            value = shown.get(name)
            assert value is None or type(value) is TYPES[kind], (name, value)
            if kind == "time" and value is not None:
                assert datetime.fromisoformat(value).tzinfo is None, (name, value)
            if kind == "map" and value is not None:
                assert all(isinstance(text, str) for text in value.values()), (name, value)
    return shown


def volume_of(answer: TestResponse, *statuses: int) -> Mapping[str, Any]:
    """Return the volume of a response with one of the codes that gophercloud takes for success."""
    assert answer.status_code in statuses, answer.text
    volume = parsed(answer.json["volume"], VOLUME)
    for attachment in volume["attachments"]:
        parsed(attachment, ATTACHMENT)
    return volume


def test_terraform_creates_reads_grows_changes_and_deletes_a_volume(caller: Caller) -> None:
    """terraform-provider-openstack, resource_openstack_blockstorage_volume_v3.go; no microversion."""
    name = caller.type()
    # gophercloud omits empty values ("omitempty"), and also Multiattach and zero sizes.
    wished = {
        "size": 1,
        "availability_zone": "nova",
        "description": "first test volume",
        "metadata": {"attached_mode": "rw"},
        "name": "volume_1",
        "volume_type": name,
    }
    created = caller.post("/volumes", {"volume": wished})
    volume_id = volume_of(created, 202)["id"]
    caller.done(created)
    assert volume_of(caller.get(f"/volumes/{volume_id}"), 200)["status"] == "available"
    # For a volume in use, it would request microversion 3.42 in three headers.
    headers = {
        "X-OpenStack-Volume-API-Version": "3.42",
        "OpenStack-API-Version": "volume 3.42",
        "Accept": "application/json",
    }
    path = f"/volumes/{volume_id}/action"
    grown = caller.post(path, {"os-extend": {"new_size": 2}}, headers=headers)
    assert (grown.status_code, grown.data) == (202, b"")
    caller.done(grown)
    update = {"name": "volume_1-updated", "description": "", "metadata": {"foo": "bar"}}
    changed = volume_of(caller.put(f"/volumes/{volume_id}", {"volume": update}), 200)
    assert (changed["name"], changed["description"], changed["metadata"]) == (
        "volume_1-updated",
        "",
        {"foo": "bar"},
    )
    deleted = caller.delete(f"/volumes/{volume_id}")
    assert (deleted.status_code, deleted.data) == (202, b"")
    caller.done(deleted)
    check_not_found(caller.get(f"/volumes/{volume_id}"))


def test_terraform_attaches_a_volume(caller: Caller) -> None:
    """terraform-provider-openstack, resource_openstack_blockstorage_volume_attach_v3.go."""
    path = f"/volumes/{caller.volume()}"
    attach = {"mountpoint": "/dev/vdb", "mode": "rw", "host_name": "devstack"}
    connector = {"connector": {"host": "devstack", "initiator": "iqn.1993-08.org.debian:01:e9861fb1859"}}
    connected = caller.post(f"{path}/action", {"os-initialize_connection": connector})
    assert connected.status_code == 200, connected.text
    assert isinstance(connected.json["connection_info"], dict)
    assert caller.post(f"{path}/action", {"os-attach": attach}).status_code == 202
    (attachment,) = volume_of(caller.get(path), 200)["attachments"]
    assert caller.post(f"{path}/action", {"os-terminate_connection": connector}).status_code == 202
    detach = {"os-detach": {"attachment_id": attachment["attachment_id"]}}
    assert caller.post(f"{path}/action", detach).status_code == 202
    assert volume_of(caller.get(path), 200)["status"] == "available"


def test_terraform_sets_quotas(caller: Caller) -> None:
    """terraform-provider-openstack, resource_openstack_blockstorage_quotaset_v3.go."""
    path = f"/os-quota-sets/{caller.project}"
    wished = {
        "volumes": 10,
        "snapshots": 4,
        "gigabytes": 100,
        "per_volume_gigabytes": 10,
        "backups": 4,
        "backup_gigabytes": 10,
        "groups": 100,
    }
    assert caller.put(path, {"quota_set": wished}).status_code == 200
    shown = caller.get(path).json["quota_set"]
    assert {name: shown[name] for name in wished} == wished
    # QuotaSet.UnmarshalJSON reads every other key as a number of a volume type.
    assert all(type(limit) is int for key, limit in shown.items() if key != "id")


def test_csi_creates_lists_snapshots_and_clones_volumes(caller: Caller) -> None:
    """cloud-provider-openstack, pkg/csi/cinder/openstack/openstack_volumes.go and openstack_snapshots.go."""
    name = f"pvc-{uuid.uuid4()}"
    tags = {"cinder.csi.openstack.org/cluster": "kubernetes", "csi.storage.k8s.io/pvc/name": "data"}
    assert caller.get(f"/volumes/detail?name={name}").json == {"volumes": []}
    created = caller.post("/volumes", {"volume": {"name": name, "size": 1, "metadata": tags}})
    volume_id = volume_of(created, 202)["id"]
    caller.done(created)
    (listed,) = caller.get(f"/volumes/detail?name={name}").json["volumes"]
    assert (parsed(listed, VOLUME)["id"], listed["metadata"]) == (volume_id, tags)

    asked = {"name": f"snapshot-{name}", "volume_id": volume_id, "force": True, "metadata": tags}
    asked["description"] = "Created by OpenStack Cinder CSI driver"
    taken = caller.post("/snapshots", {"snapshot": asked})
    assert taken.status_code == 202
    snapshot_id = caller.done(taken)
    query = f"?name=snapshot-{name}&status=available&volume_id={volume_id}"
    (snapshot,) = caller.get(f"/snapshots{query}").json["snapshots"]
    assert parsed(snapshot, SNAPSHOT)["id"] == snapshot_id
    parsed(caller.get(f"/snapshots/{snapshot_id}").json["snapshot"], SNAPSHOT)

    for source in ({"snapshot_id": snapshot_id}, {"source_volid": volume_id}):
        clone = caller.post("/volumes", {"volume": {"name": "clone", "size": 1, **source}})
        assert volume_of(clone, 202)["size"] == 1
        caller.done(clone)
    caller.done(caller.delete(f"/snapshots/{snapshot_id}"))
    check_not_found(caller.delete(f"/snapshots/{snapshot_id}"))


def test_csi_follows_the_pages_of_a_list(caller: Caller) -> None:
    """cloud-provider-openstack, openstack_volumes.go: ListVolumes with a limit, then the next page."""
    made = [caller.volume() for _ in range(3)]
    found: list[str] = []
    query = "?limit=2"
    while True:
        page = caller.get(f"/volumes/detail{query}").json
        found += [parsed(volume, VOLUME)["id"] for volume in page["volumes"]]
        if "volumes_links" not in page:
            break
        (link,) = page["volumes_links"]
        assert link["rel"] == "next"
        query = link["href"].partition("/volumes/detail")[2]
    assert found == made[::-1]
    check_not_found(caller.get(f"/volumes/detail?limit=2&marker={uuid.uuid4()}"))
