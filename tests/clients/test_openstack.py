"""The unmodified ``openstack`` command, without authentication and with keystone's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.clients.site import Tenant
from tests.support.openstack_command import OpenstackCommand

# A command takes seconds on a busy machine.
pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(900)]

TYPE = "osc-database"
CG = {"consistencygroup_support": "<is> True"}


@pytest.fixture(scope="module", autouse=True)
def type_id(openstack: OpenstackCommand) -> str:
    made = openstack.json(
        "volume", "type", "create", TYPE, "--property", "consistencygroup_support=<is> True"
    )
    assert (made["name"], made["properties"]) == (TYPE, CG)
    return str(made["id"])


def _ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["ID"] for row in rows]


def test_the_life_of_a_consistency_group(openstack: OpenstackCommand, tenant: Tenant, type_id: str) -> None:
    group = ("consistency", "group")
    made = openstack.json(*group, "create", "orders", "--volume-type", TYPE, "--description", "daily")
    group_id = tenant.settled(made["id"])
    for known_as in ("orders", group_id):
        shown = openstack.json(*group, "show", known_as)
        assert (shown["id"], shown["status"], shown["volume_types"]) == (group_id, "available", [type_id])
    # The client finds its name, and the group of a new volume, by a list.
    options = ("--size", "1", "--type", TYPE)
    data = openstack.json("volume", "create", "data", *options, "--consistency-group", "orders")["id"]
    log = openstack.json("volume", "create", "log", *options)["id"]
    for id_ in (data, log):
        tenant.settled(id_)
    openstack(*group, "set", "orders", "--name", "shop")
    openstack(*group, "add", "volume", "shop", "log")
    tenant.settled(group_id)
    assert openstack.json("volume", "show", "log")["consistencygroup_id"] == group_id
    openstack(*group, "remove", "volume", "shop", "log")
    tenant.settled(group_id)
    assert openstack.json(*group, "list", "--long")[0]["Name"] == "shop"

    taken = openstack.json(*group, "snapshot", "create", "monday", "--consistency-group", "shop")["id"]
    tenant.settled(taken)
    shown = openstack.json(*group, "snapshot", "show", "monday")
    assert (shown["status"], shown["consistencygroup_id"]) == ("available", group_id)
    # The client shows rows only if both options are given.
    both = ("--status", "available", "--consistency-group", group_id)
    assert _ids(openstack.json(*group, "snapshot", "list", *both)) == [taken]
    assert "dependent cgsnapshots" in openstack.refused(*group, "delete", "shop", "--force")

    copies = [
        openstack.json(*group, "create", "before", "--consistency-group-snapshot", "monday")["id"],
        openstack.json(*group, "create", "now", "--source", "shop")["id"],
    ]
    for id_ in copies:
        tenant.settled(id_)
    assert len(openstack.json("volume", "list")) == 4
    openstack(*group, "snapshot", "delete", "monday")
    tenant.settled(taken)
    assert "force" in openstack.refused(*group, "delete", "shop")
    openstack(*group, "delete", "--force", "shop", *copies)
    for id_ in (group_id, *copies):
        tenant.settled(id_)
    assert openstack.json(*group, "list") == []
    openstack("volume", "delete", "log")
    tenant.settled(log)
    assert openstack.json("volume", "list") == []


def test_the_life_of_a_generic_group(openstack: OpenstackCommand, tenant: Tenant) -> None:
    group = ("volume", "group")
    kind = openstack.json(*group, "type", "create", "osc-kind")["ID"]
    openstack(*group, "type", "set", "osc-kind", "--property", "consistent_group_snapshot_enabled=<is> True")
    assert openstack.json(*group, "type", "show", "osc-kind")["Properties"] == {
        "consistent_group_snapshot_enabled": "<is> True"
    }
    asked = ("--volume-group-type", "osc-kind", "--volume-type", TYPE, "--name", "shop")
    group_id = tenant.settled(openstack.json(*group, "create", *asked)["ID"])
    till = openstack.json("volume", "create", "till", "--size", "1", "--type", TYPE)["id"]
    tenant.settled(till)
    openstack(*group, "add", "volume", "shop", "till")
    tenant.settled(group_id)
    openstack(*group, "set", "shop", "--name", "store")
    shown = openstack.json(*group, "show", "store", "--volumes")
    assert (shown["ID"], shown["Group Type"], shown["Volumes"]) == (group_id, kind, [till])
    taken = tenant.settled(openstack.json(*group, "snapshot", "create", "store", "--name", "noon")["ID"])
    assert _ids(openstack.json(*group, "snapshot", "list")) == [taken]
    assert openstack.json(*group, "snapshot", "show", "noon")["Group"] == group_id
    copies = [
        openstack.json(*group, "create", "--group-snapshot", "noon", "--name", "before")["ID"],
        openstack.json(*group, "create", "--source-group", "store", "--name", "now")["ID"],
    ]
    for id_ in copies:
        tenant.settled(id_)
    openstack(*group, "snapshot", "delete", "noon")
    tenant.settled(taken)
    for id_ in (group_id, *copies):
        openstack(*group, "delete", "--force", id_)
        tenant.settled(id_)
    assert openstack.json(*group, "list") == []
    openstack(*group, "type", "delete", "osc-kind")


def test_the_life_of_a_volume(openstack: OpenstackCommand, tenant: Tenant, type_id: str) -> None:
    made = openstack.json("volume", "create", "v", "--size", "1", "--type", TYPE, "--property", "role=log")
    volume = tenant.settled(made["id"])
    assert made["properties"] == {"role": "log"}
    openstack("volume", "set", "v", "--name", "w", "--size", "2", "--property", "tier=1", "--bootable")
    tenant.settled(volume)
    openstack("volume", "unset", "w", "--property", "role")
    shown = openstack.json("volume", "show", "w")
    assert (shown["size"], shown["bootable"], shown["properties"]) == (2, True, {"tier": "1"})
    openstack("volume", "set", "w", "--state", "error")
    assert openstack.json("volume", "list", "--status", "error")[0]["ID"] == volume
    openstack("volume", "set", "w", "--state", "available")

    copy = openstack.json("volume", "snapshot", "create", "old", "--volume", "w", "--property", "why=test")[
        "id"
    ]
    tenant.settled(copy)
    openstack("volume", "snapshot", "set", "old", "--name", "older", "--property", "mood=good")
    openstack("volume", "snapshot", "unset", "older", "--property", "why")
    assert openstack.json("volume", "snapshot", "show", "older")["properties"] == {"mood": "good"}
    openstack("volume", "revert", "older")
    tenant.settled(volume)
    clones = [
        openstack.json("volume", "create", "of-copy", "--snapshot", "older")["id"],
        openstack.json("volume", "create", "of-volume", "--source", "w")["id"],
    ]
    for id_ in clones:
        tenant.settled(id_)
    assert openstack.json("volume", "summary")["Total Count"] == 3

    offered = openstack.json("volume", "transfer", "request", "create", "of-volume", "--name", "offer")
    assert _ids(openstack.json("volume", "transfer", "request", "list")) == [offered["id"]]
    accepted = (offered["id"], "--auth-key", offered["auth_key"])
    assert openstack.json("volume", "transfer", "request", "accept", *accepted)["volume_id"] == clones[1]

    openstack("volume", "set", "of-copy", "--type", _silver(openstack), "--migration-policy", "never")
    tenant.settled(clones[0])
    assert openstack.json("volume", "show", "of-copy")["type"] == "osc-silver"
    openstack("volume", "delete", "w", "--purge")
    openstack("volume", "delete", "of-copy", "of-volume")
    for id_ in (volume, *clones):
        tenant.settled(id_)
    assert openstack.json("volume", "list") == []
    openstack("volume", "type", "delete", "osc-silver")


def _silver(openstack: OpenstackCommand) -> str:
    return str(openstack.json("volume", "type", "create", "osc-silver")["name"])


def test_the_service_tells_of_itself(openstack: OpenstackCommand) -> None:
    services = {row["Binary"]: row for row in openstack.json("volume", "service", "list")}
    assert {row["State"] for row in services.values()} == {"up"}
    host = services["cinder-volume"]["Host"]
    openstack("volume", "service", "set", host, "cinder-volume", "--disable", "--disable-reason", "repairs")
    openstack("volume", "service", "set", host, "cinder-volume", "--enable")
    assert [row["Name"] for row in openstack.json("volume", "backend", "pool", "list")] == [f"{host}#memory"]
    assert openstack.json("availability", "zone", "list", "--volume") == [
        {"Zone Name": "nova", "Zone Status": "available"}
    ]
    filters = openstack.json("block", "storage", "resource", "filter", "show", "volume")
    assert "status" in filters["Filters"]
    # The client requests messages without a microversion, unless one is given.
    assert openstack.json("--os-volume-api-version", "3.3", "volume", "message", "list") == []


def test_quota_and_access_by_the_names_that_keystone_knows(
    openstack: OpenstackCommand, tenant: Tenant
) -> None:
    if tenant.member is None:
        pytest.skip("this client asks keystone for the project that it is told of")
    openstack("quota", "set", "--volumes", "7", tenant.name)
    limits = {
        row["Resource"]: row["Limit"] for row in openstack.json("quota", "show", "--volume", tenant.name)
    }
    assert limits["volumes"] == 7
    absolute = {
        row["Name"]: row["Value"]
        for row in openstack.json("limits", "show", "--absolute", "--project", tenant.name)
    }
    assert absolute["max_total_volumes"] == 7
    openstack("volume", "type", "create", "osc-private", "--private", "--project", tenant.name)
    shown = openstack.json("volume", "type", "show", "osc-private")
    assert shown["access_project_ids"] == [tenant.id]
    openstack("volume", "type", "unset", "osc-private", "--project", tenant.name)
    openstack("volume", "type", "delete", "osc-private")


def test_a_member_is_no_administrator(programs: Path, tenant: Tenant) -> None:
    if tenant.member is None:
        pytest.skip("without authentication this client cannot say that it is no administrator")
    member = OpenstackCommand(programs, tenant.member)
    mine = tenant.settled(member.json("volume", "create", "mine", "--size", "1")["id"])
    assert "403" in member.refused("volume", "type", "create", "t")
    member("volume", "delete", "mine")
    tenant.settled(mine)
