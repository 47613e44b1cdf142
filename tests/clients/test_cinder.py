"""The unmodified ``cinder`` command through the complete lifecycle of a consistency group."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.cinder_command import CinderCommand
from tests.support.openstack_clients import noauth_access
from tests.support.served_project import TYPE, Project

pytestmark = [pytest.mark.real, pytest.mark.slow]

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def settled(project: Project, resource_id: str) -> None:
    """Wait for all flows of a resource; each must succeed."""
    for flow in project.client.flows.select():
        if flow["resource_id"] == resource_id:
            project.end(flow["id"])


def test_types(cinder: CinderCommand, project: Project) -> None:
    [[id_, name, description, is_public]] = cinder("type-create", "gold", "--description", "the best").rows
    assert ID.fullmatch(id_)
    assert (name, description, is_public) == ("gold", "the best", "True")
    cinder("type-key", "gold", "set", "consistencygroup_support=<is> True", "colour=red")
    cinder("type-key", id_, "unset", "colour")
    assert project.client.types.get(id_)["extra_specs"] == {"consistencygroup_support": "<is> True"}
    assert [id_, "gold", "the best", "True"] in cinder("type-list").rows
    said = cinder.refused("type-create", "gold")
    assert "(HTTP 409)" in said
    cinder("type-delete", "gold")
    assert id_ not in {row[0] for row in cinder("type-list").rows}
    assert "No volumetype with a name or ID of 'gold' exists" in cinder.refused("type-show", "gold")


def test_the_life_of_a_consistency_group(cinder: CinderCommand, project: Project) -> None:
    """S145."""
    cinder("type-create", TYPE)
    cinder("type-key", TYPE, "set", "consistencygroup_support=<is> True")

    group = cinder("consisgroup-create", TYPE, "--name", "orders", "--description", "daily").properties
    assert (group["name"], group["description"], group["status"]) == ("orders", "daily", "creating")
    settled(project, group["id"])
    assert cinder("consisgroup-list").rows == [[group["id"], "available", "orders"]]
    for known_as in ("orders", group["id"]):
        shown = cinder("consisgroup-show", known_as).properties
        assert (shown["id"], shown["status"]) == (group["id"], "available")

    volumes = [_member(cinder, project, group["id"], name) for name in ("data", "log")]
    assert sorted(cinder("list").rows) == sorted(
        [id_, "available", name, "1", "True", TYPE, "false", ""]
        for id_, name in zip(volumes, ("data", "log"), strict=True)
    )
    for known_as in ("data", volumes[0]):
        shown = cinder("show", known_as).properties
        assert shown["id"] == volumes[0]
        assert (shown["status"], shown["size"], shown["volume_type"]) == ("available", "1", TYPE)
        assert shown["consistencygroup_id"] == group["id"]
        assert shown["os-vol-tenant-attr:tenant_id"] == project.name
        assert shown["os-vol-host-attr:host"].endswith("@qsd#qsd")

    cgsnapshot = cinder("cgsnapshot-create", "orders", "--name", "monday").properties
    assert (cgsnapshot["name"], cgsnapshot["status"]) == ("monday", "creating")
    settled(project, cgsnapshot["id"])
    assert cinder("cgsnapshot-list").rows == [[cgsnapshot["id"], "available", "monday"]]
    for known_as in ("monday", cgsnapshot["id"]):
        shown = cinder("cgsnapshot-show", known_as).properties
        assert (shown["id"], shown["status"]) == (cgsnapshot["id"], "available")
        assert shown["consistencygroup_id"] == group["id"]

    copies = cinder("snapshot-list").rows
    # The columns after these show consumption of quota and the owner, which later microversions have.
    assert sorted(row[1:5] for row in copies) == sorted([id_, "available", "monday", "1"] for id_ in volumes)
    shown = cinder("snapshot-show", copies[0][0]).properties
    assert (shown["volume_id"], shown["status"]) == (copies[0][1], "available")
    assert shown["os-extended-snapshot-attributes:progress"] == "100%"

    _refusals_of_what_is_in_use(cinder, cinder("snapshot-list").rows[0][0])

    cinder("cgsnapshot-delete", "monday")
    settled(project, cgsnapshot["id"])
    assert cinder("cgsnapshot-list").rows == []
    assert cinder("snapshot-list").rows == []
    assert "The force flag is required" in cinder.refused("consisgroup-delete", "orders")
    assert cinder("consisgroup-show", "orders").properties["status"] == "available"
    cinder("consisgroup-delete", "--force", "orders")
    settled(project, group["id"])
    assert cinder("consisgroup-list").rows == []
    assert cinder("list").rows == []
    said = cinder.refused("consisgroup-show", "orders")
    assert "No consistencygroup with a name or ID of 'orders' exists" in said
    cinder("type-delete", TYPE)
    assert project.usage() == {}
    assert project.homes() == {}


def _member(cinder: CinderCommand, project: Project, group_id: str, name: str) -> str:
    asked = ("create", "--consisgroup-id", group_id, "--volume-type", TYPE, "--name", name, "1")
    made = cinder(*asked).properties
    assert (made["name"], made["status"], made["consistencygroup_id"]) == (name, "creating", group_id)
    settled(project, made["id"])
    return made["id"]


def _refusals_of_what_is_in_use(cinder: CinderCommand, snapshot_id: str) -> None:
    said = cinder.refused("consisgroup-delete", "--force", "orders")
    assert "still has dependent cgsnapshots. (HTTP 400) (Request-ID: req-" in said
    assert "Unable to delete any of the specified consistency groups" in said
    assert "Volume cannot be deleted while in a consistency group" in cinder.refused("delete", "data")
    assert "(HTTP 400)" in cinder.refused("snapshot-delete", snapshot_id)
    assert "Target volume type is still in use." in cinder.refused("type-delete", TYPE)


def test_a_volume_grows_and_goes(cinder: CinderCommand, project: Project) -> None:
    volume_id = cinder("create", "2", "--name", "alone").properties["id"]
    settled(project, volume_id)
    for size in ("2", "1"):
        said = cinder.refused("extend", "alone", size)
        assert f"must be greater than current size. (current: 2, extended: {size}). (HTTP 400)" in said
    assert cinder("show", "alone").properties["size"] == "2"
    cinder("extend", "alone", "3")
    settled(project, volume_id)
    shown = cinder("show", "alone").properties
    assert (shown["size"], shown["status"]) == ("3", "available")
    with project.open(volume_id) as client:
        assert client.size_bytes == 3 * 2**30
    cinder("delete", "alone")
    settled(project, volume_id)
    assert "No volume with a name or ID of 'alone' exists" in cinder.refused("show", "alone")


def test_quota(programs: Path, project: Project) -> None:
    """S146."""
    project = Project(project.served, "accounts")
    cinder = CinderCommand(programs, noauth_access(project.served.url, project.name))
    was = cinder("quota-show", project.name).properties
    assert {"volumes", "snapshots", "gigabytes", "groups"} <= was.keys()
    changed = cinder("quota-update", "--volumes", "1", "--gigabytes", "5", project.name).properties
    assert (changed["volumes"], changed["gigabytes"], changed["groups"]) == ("1", "5", was["groups"])
    assert cinder("quota-show", project.name).properties == changed

    volume_id = cinder("create", "1").properties["id"]
    settled(project, volume_id)
    said = cinder.refused("create", "1")
    assert "(HTTP 413)" in said
    assert "volumes" in said
    usage = {row[0]: row[1:4] for row in cinder("quota-usage", project.name).rows}
    assert usage["volumes"] == ["1", "0", "1"]
    assert usage["gigabytes"] == ["1", "0", "5"]
    cinder("delete", volume_id)
    settled(project, volume_id)
    cinder("quota-update", "--volumes", was["volumes"], "--gigabytes", was["gigabytes"], project.name)
    assert cinder("quota-show", project.name).properties == was


def test_a_group_is_changed_and_copied(cinder: CinderCommand, project: Project) -> None:
    """S146."""
    cinder("type-create", TYPE)
    cinder("type-key", TYPE, "set", "consistencygroup_support=<is> True")
    group_id = cinder("consisgroup-create", TYPE, "--name", "shop").properties["id"]
    settled(project, group_id)
    first = _member(cinder, project, group_id, "first")
    second = cinder("create", "--volume-type", TYPE, "--name", "second", "1").properties["id"]
    settled(project, second)
    with project.open(second) as client:
        client.write(0, b"x" * 512)
    change = ("--name", "store", "--add-volumes", second, "--remove-volumes", first)
    cinder("consisgroup-update", "shop", *change)
    settled(project, group_id)
    assert cinder("show", second).properties["consistencygroup_id"] == group_id
    assert cinder("show", first).properties["consistencygroup_id"] == "None"
    cinder("consisgroup-update", "store", "--description", "all of it")
    assert cinder("consisgroup-show", "store").properties["description"] == "all of it"
    assert "because it is not in the group" in cinder.refused(
        "consisgroup-update", "store", "--remove-volumes", first
    )
    taken = cinder("cgsnapshot-create", "store", "--name", "noon").properties["id"]
    settled(project, taken)
    groups = [group_id]
    for source in (("--cgsnapshot", "noon"), ("--source-cg", "store")):
        made = cinder("consisgroup-create-from-src", *source, "--name", "copy").properties
        settled(project, made["id"])
        (copy,) = project.client.volumes.select(consistencygroup_id=made["id"])
        with project.open(copy["id"]) as client:
            assert client.read(0, 512) == b"x" * 512
        groups.append(made["id"])
    cinder("cgsnapshot-delete", "noon")
    settled(project, taken)
    for id_ in groups:
        cinder("consisgroup-delete", "--force", id_)
        settled(project, id_)
    cinder("delete", first)
    settled(project, first)
    cinder("type-delete", TYPE)
    assert project.usage() == {}
    assert project.homes() == {}
