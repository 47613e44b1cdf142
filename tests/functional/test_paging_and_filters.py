"""Every list can be paged completely in every order, and filters by all that it shows or says otherwise."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from api.schemas import (
    attachment,
    cgsnapshot,
    consistencygroup,
    group_type,
    list_query,
    message,
    not_offered,
    qos_spec,
    transfer,
    volume_type,
)
from api.versions import MAXIMUM_KEY
from tests.functional.caller import Caller, check_fault

LISTS: dict[str, type[list_query.ListIn]] = {
    "volume": list_query.VolumeListIn,
    "snapshot": list_query.SnapshotListIn,
    "attachment": attachment.AttachmentListIn,
    "group": consistencygroup.GroupListIn,
    "group_snapshot": cgsnapshot.GroupSnapshotListIn,
    "message": message.MessageListIn,
    "backup": not_offered.BackupListIn,
    "consistencygroup": list_query.ConsistencyGroupListIn,
    "cgsnapshot": list_query.CgsnapshotListIn,
    "qos_specs": qos_spec.QosSpecListIn,
    "volume_type": volume_type.VolumeTypeListIn,
    "group_type": group_type.GroupTypeListIn,
    "transfer": transfer.TransferListIn,
    "flow": list_query.FlowListIn,
}

PATHS = {
    "volume": "volumes",
    "snapshot": "snapshots",
    "attachment": "attachments",
    "group": "groups",
    "group_snapshot": "group_snapshots",
    "message": "messages",
    "backup": "backups",
    "consistencygroup": "consistencygroups",
    "cgsnapshot": "cgsnapshots",
    "qos_specs": "qos-specs",
    "transfer": "os-volume-transfer",
    "volume_type": "types",
    "group_type": "group_types",
    "flow": "flows",
}
KEYS = {"qos-specs": "qos_specs", "types": "volume_types", "os-volume-transfer": "transfers"}
OWN = ("flow",)
SORT_KEYS = {
    "volume": (
        "group_id", "replication_status", "service_uuid", "shared_targets", "cluster_name", "provider_id",
        "deleted", "deleted_at", "launched_at", "terminated_at", "scheduled_at", "use_quota",
        "display_name", "bootable",
    ),
    "snapshot": (
        "group_snapshot_id", "volume_size", "deleted", "deleted_at", "provider_id", "scheduled_at",
        "use_quota", "display_description", "cgsnapshot_id", "progress",
    ),
    "consistencygroup": ("host", "group_snapshot_id", "replication_status", "cluster_name", "deleted"),
    "group": ("host", "group_snapshot_id", "replication_status", "cluster_name", "deleted_at"),
    "group_snapshot": ("group_id", "group_type_id", "deleted"),
    "transfer": ("updated_at", "deleted", "volume_id"),
    "qos_specs": ("updated_at", "deleted_at"),
    "message": ("updated_at", "deleted", "resource_uuid"),
    "attachment": ("attach_status", "attach_mode", "mountpoint", "instance_uuid", "deleted", "updated_at"),
    "volume_type": ("qos_specs_id", "deleted", "is_public"),
    "group_type": ("deleted", "is_public"),
}  # fmt: skip
"""Sort keys of Cinder's lists in addition to those that are also filters."""
NULLABLE = ("name", "description", "size", "bootable", "volume_type_id", "snapshot_id", "host", "updated_at")


@pytest.fixture(scope="module")
def owner(app: Flask) -> Iterator[Caller]:
    """An administrator with volumes of which some have a name and other fields, and some have none."""
    app.config[MAXIMUM_KEY] = (3, 71)
    owner = Caller(app.test_client()).at(71)
    kind = owner.type()
    for name in (None, "b", None, "a", None):
        volume = owner.volume(name=name, description=name and "same", volume_type=kind if name else None)
        owner.snapshot(volume, name=name)
    assert owner.post(f"/volumes/{volume}/action", {"os-set_bootable": {"bootable": True}}).status_code == 200
    owner.group(kind, name="g")
    owner.post("/qos-specs", {"qos_specs": {"name": uuid.uuid4().hex}})
    yield owner
    del app.config[MAXIMUM_KEY]


def ids(caller: Caller, path: str, **query: Any) -> list[str]:
    answer = caller.get(f"/{path}", query_string=query)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json[KEYS.get(path, path)]]


def paged(caller: Caller, path: str, **query: Any) -> list[str]:
    """Return the ids of a list that is read in pages of one, by markers."""
    found: list[str] = []
    while page := ids(caller, path, limit=1, **query, **({"marker": found[-1]} if found else {})):
        found += page
        assert len(found) < 100, "the pages do not end"
    return found


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("key", NULLABLE)
def test_pages_go_through_nulls(owner: Caller, key: str, direction: str) -> None:
    whole = ids(owner, "volumes", sort=f"{key}:{direction}")
    assert len(set(whole)) == 5
    assert paged(owner, "volumes", sort=f"{key}:{direction}") == whole


@pytest.mark.parametrize("first", ["asc", "desc"])
@pytest.mark.parametrize("second", ["asc", "desc"])
@pytest.mark.parametrize("path", ["volumes", "snapshots"])
def test_pages_go_through_nulls_of_several_keys(owner: Caller, path: str, first: str, second: str) -> None:
    sort = f"description:{first},name:{second},size:{first}"
    whole = ids(owner, path, sort=sort)
    assert len(set(whole)) == 5
    assert paged(owner, path, sort=sort) == whole


@pytest.mark.parametrize("noun", [noun for noun in PATHS if noun not in ("flow", "message", "attachment")])
def test_every_list_is_paged_by_marker_in_every_order(owner: Caller, noun: str) -> None:
    filters = LISTS[noun].filters
    named = "name" if "name" in filters else "id"
    for sort in ("created_at:desc", "created_at:asc", f"{named}:asc", f"{named}:desc"):
        whole = ids(owner, PATHS[noun], sort=sort)[:20]
        if noun not in ("volume_type", "group_type", "qos_specs"):
            assert paged(owner, PATHS[noun], sort=sort) == whole
        elif len(whole) > 1:
            assert ids(owner, PATHS[noun], sort=sort, limit=1, marker=whole[0]) == whole[1:2]


@pytest.mark.parametrize(("noun", "key"), [(noun, key) for noun in SORT_KEYS for key in SORT_KEYS[noun]])
def test_every_list_is_sorted_by_the_keys_of_cinder(owner: Caller, noun: str, key: str) -> None:
    for direction in ("asc", "desc"):
        whole = ids(owner, PATHS[noun], sort=f"{key}:{direction}")
        assert ids(owner, PATHS[noun], sort_key=key, sort_dir=direction) == whole
        found = whole[:1]
        for marker in whole[:4]:
            found += ids(owner, PATHS[noun], sort=f"{key}:{direction}", limit=1, marker=marker)
        assert found == whole[:5]


def test_a_sort_key_has_the_name_that_the_list_shows(owner: Caller) -> None:
    sizes = {"volume_size": "size", "group_id": "consistencygroup_id", "service_uuid": "host"}
    for path, key in (("snapshots", "volume_size"), ("volumes", "group_id"), ("volumes", "service_uuid")):
        assert ids(owner, path, sort=f"{key}:asc") == ids(owner, path, sort=f"{sizes[key]}:asc")
    # Rows with equal sort values are ordered by age, in the requested direction.
    oldest = ids(owner, "volumes", sort="created_at:asc")
    assert ids(owner, "volumes", sort="provider_id:asc,deleted:desc") == oldest
    assert ids(owner, "volumes", sort="cluster_name,created_at:asc") == oldest


@pytest.mark.parametrize("noun", PATHS)
def test_no_parameter_of_a_query_is_passed_over(owner: Caller, noun: str) -> None:
    path = f"/{PATHS[noun]}"
    first = LISTS[noun].filters[0]
    for query in (
        f"{first}=a&{first}=b", "limit=1&limit=2", "sort=", "sort_dir=",
        f"{first}=%FF", "sort=id&sort_dir=asc", "sort=id:up", "sort=nothing", "sort=id,,created_at",
    ):  # fmt: skip
        check_fault(owner.get(f"{path}?{query}"), 400, "badRequest")
    if noun != "backup":
        check_fault(owner.get(f"{path}?marker="), 404, "itemNotFound")
    assert owner.get(f"{path}?limit={'9' * 30}").status_code == 200


def test_a_part_of_every_text_can_be_asked_for(owner: Caller) -> None:
    group = owner.group(owner.type(), name="within", description="a long tale")
    for path in ("groups", "consistencygroups"):
        assert ids(owner, path, **{"description~": "long"}) == [group]
        assert ids(owner, path, **{"name~": "ith", "description~": "short"}) == []
        assert ids(owner, path, **{"availability_zone~": "ov", "name~": "within"}) == [group]
        assert ids(owner, path, description="a long tale") == [group]
    named = ids(owner, "volumes", **{"name~": ""})
    assert len(named) == 2  # a volume without a name matches no part of a name
    assert (
        ids(owner, "volumes", **{"display_name~": ""})
        == named
        == ids(owner, "volumes", **{"description~": "am"})
    )
    assert ids(owner, "volumes", **{"size~": "1"}) == []
    assert ids(owner.at(33), "volumes", **{"description~": "am"}) == []
    check_fault(owner.get("/volumes?description~=%00"), 400, "badRequest")
    check_fault(owner.as_member().at(71).get("/volumes?size~=1"), 400, "badRequest")


@pytest.mark.parametrize("noun", ["volume_type", "group_type"])
def test_types_lead_to_their_next_page(owner: Caller, noun: str) -> None:
    owner.type()
    owner.post("/group_types", {"group_type": {"name": uuid.uuid4().hex}})
    page = owner.get(f"/{PATHS[noun]}?limit=1").json
    (link,) = page[f"{noun}_links"]
    assert f"marker={page[f'{noun}s'][0]['id']}" in link["href"]


def _sample(noun: str, name: str) -> str:
    """Return a value of the right type that no resource has."""
    boolean = ("bootable", "consumes_quota", "is_public")
    return "true" if name in boolean else "77" if name == "size" else "no-such"


@pytest.mark.parametrize("noun", PATHS)
def test_no_filter_is_dropped_in_silence(owner: Caller, noun: str) -> None:
    """Each filter without a match finds nothing; an unknown filter finds nothing, or is refused."""
    schema = LISTS[noun]
    names = [
        name for name in (*schema.filters, *schema.aliases) if name not in ("consumes_quota", "bootable")
    ]
    for name in names:
        if name not in schema().fields:
            continue  # it has another name in requests
        query = {schema().fields[name].data_key or name: _sample(noun, name), "all_tenants": "1"}
        assert ids(owner, PATHS[noun], **query) == [], name
    unknown = owner.get(f"/{PATHS[noun]}?colour=red")
    if noun in OWN:
        check_fault(unknown, 400, "badRequest")
    else:
        assert unknown.json[KEYS.get(PATHS[noun], PATHS[noun])] == []


@pytest.mark.parametrize("noun", [noun for noun in PATHS if noun not in (*OWN, "qos_specs")])
def test_a_member_is_told_of_unknown_filters_where_cinder_tells(owner: Caller, noun: str) -> None:
    member = owner.as_member().at(71)
    message = check_fault(member.get(f"/{PATHS[noun]}?colour=red&all_tenants=1"), 400, "badRequest")
    assert message == "Invalid filters colour are found in query options."
    if noun in ("volume", "snapshot", "volume_type", "consistencygroup", "cgsnapshot"):
        assert member.at(30).get(f"/{PATHS[noun]}?colour=red").status_code == 200


def test_lists_of_one_project_among_all(owner: Caller, app: Flask) -> None:
    other = Caller(app.test_client())
    mine = other.volume(name="of-another")
    copy = other.snapshot(mine)
    query = {"all_tenants": "1", "project_id": other.project}
    assert ids(owner, "volumes", **query) == [mine]
    assert ids(owner, "volumes/detail".removesuffix("/detail"), **query, sort="project_id:asc") == [mine]
    assert ids(owner, "snapshots", **query) == [copy]
    assert mine not in ids(owner, "volumes", project_id=other.project)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"size": 1}, 5), ({"size": 2}, 0), ({"attach_status": "detached"}, 5),
        ({"attach_status": "attached"}, 0),
        ({"display_name": "a"}, 1), ({"description": "same"}, 2), ({"bootable": "yes"}, 1),
        ({"availability_zone": "nova"}, 5), ({"user_id": "ada"}, 5), ({"name": ""}, 0),
        ({"group_id": "x"}, 0),
    ],
)  # fmt: skip
def test_volumes_are_filtered_by_what_they_have(owner: Caller, query: dict[str, Any], count: int) -> None:
    assert len(ids(owner, "volumes", **query)) == count


ODD = ("café \U0001f600", 'a "quoted" \\ key', "a/b.c d%2F", "$.x[0]", "it's")


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("write", [json.dumps, lambda pairs: json.dumps(pairs, ensure_ascii=False), str])
def test_metadata_is_found_as_json_and_as_clients_write_it(owner: Caller, text: str, write: Any) -> None:
    pairs = {text: text}
    volume = owner.volume(metadata=pairs)
    assert ids(owner, "volumes", metadata=write(pairs)) == [volume]
    assert ids(owner, "volumes", metadata=write({text: "another"})) == []
    assert owner.delete(f"/volumes/{volume}").status_code == 202


@pytest.mark.parametrize(
    "value", ['{"a": "\\ud83d"}', "{'a': '\\ud83d'}", "{", "[1]", '{"a": 1}', '{"a": null}']
)
def test_metadata_that_cannot_be_looked_for(owner: Caller, value: str) -> None:
    check_fault(owner.get("/volumes", query_string={"metadata": value}), 400, "badRequest")
