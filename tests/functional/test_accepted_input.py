"""Input that Cinder accepts is accepted: service names, media types, hints, type limits, lengths, keys."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from marshmallow import fields

from api.schemas.action import SnapshotActionIn, VolumeActionIn
from api.schemas.attachment import NoDetails
from cgflow.scheduler.extra_specs_ops import meets_requirement
from cgflow.scheduler.filters import capabilities_of
from tests.functional.caller import Caller, check_fault
from tests.support.world import World


@pytest.mark.parametrize("service", ["volume", "volumev3", "volumev2", "block-volume"])
def test_any_name_of_the_volume_service_is_its_own(caller: Caller, service: str) -> None:
    answer = caller.get("/volumes", headers={"OpenStack-API-Version": f"compute 2.1, {service} 3.34"})
    assert answer.status_code == 200
    assert answer.headers["OpenStack-API-Version"] == "volume 3.34"


@pytest.mark.parametrize(
    "accept",
    [
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "application/json; q=0.9",
        "*/*; q=0.1",
        "text/html, application/json;version=3",
        "application/*",
        "application/vnd.openstack.volume+json;version=3",
    ],
)  # fmt: skip
def test_parameters_of_media_types_change_nothing(caller: Caller, accept: str) -> None:
    assert caller.get("/limits", headers={"Accept": accept}).status_code == 200
    body = {"data": json.dumps({"volume": {"size": 1}}), "content_type": "application/json; charset=UTF-8"}
    assert caller.post("/volumes", headers={"Accept": accept}, **body).status_code == 202


@pytest.mark.parametrize("accept", ["application/xml", "application/json;q=0", "image/png;charset=utf-8"])
def test_answers_are_json_whatever_is_accepted(caller: Caller, accept: str) -> None:
    answer = caller.get("/limits", headers={"Accept": accept})
    assert (answer.status_code, answer.mimetype) == (200, "application/json")


@pytest.mark.parametrize("path", ["volumes", "snapshots"])
def test_older_names_on_create_and_on_update(caller: Caller, path: str) -> None:
    noun = path[:-1]
    volume = caller.volume()
    needed: dict[str, Any] = {"size": 1} if noun == "volume" else {"volume_id": volume}
    for names, shown in (
        ({"display_name": "o", "display_description": "d"}, ("o", "d")),
        ({"name": "n", "display_name": "o", "description": "e", "display_description": "d"}, ("n", "e")),
        ({"name": None, "display_name": "o"}, (None, None)),
    ):
        made = caller.done(caller.post(f"/{path}", {noun: {**needed, **names}}))
        found = caller.get(f"/{path}/{made}").json[noun]
        assert (found["name"], found["description"]) == shown
        changed = caller.put(f"/{path}/{made}", {noun: names}).json[noun]
        assert (changed["name"], changed["description"]) == shown


EMPTY: list[Any] = [None, {}, "", [], False]
NOTHING = [
    ("volumes", field.data_key) for field in VolumeActionIn().fields.values() if isinstance(field, NoDetails)
] + [
    ("snapshots", field.data_key)
    for field in SnapshotActionIn().fields.values()
    if isinstance(field, NoDetails)
]


@pytest.mark.parametrize("value", EMPTY)
@pytest.mark.parametrize(("path", "action"), NOTHING)
def test_actions_that_take_nothing_take_any_empty_value(
    caller: Caller, path: str, action: str, value: Any
) -> None:
    answer = caller.post(f"/{path}/{uuid.uuid4()}/action", {action: value})
    check_fault(answer, 404, "itemNotFound")


def test_there_are_actions_that_take_nothing() -> None:
    assert {action for _, action in NOTHING} >= {"os-reserve", "os-unreserve", "os-force_delete"}
    assert isinstance(VolumeActionIn().fields["extend"], fields.Nested)


def test_the_first_version_of_the_service_counts(caller: Caller) -> None:
    listed = {"OpenStack-API-Version": "volume 3.1, volumev3 3.34, compute 2.1"}
    assert caller.get("/volumes", headers=listed).headers["OpenStack-API-Version"] == "volume 3.1"
    far = {"OpenStack-API-Version": "volume 3.999999999999"}
    assert caller.get("/volumes", headers=far).status_code == 406


@pytest.mark.parametrize("word", [" true", "false ", "\tyes", "2", "none", "", None, 1, 0, [], {}])
def test_what_is_no_word_for_a_boolean_is_refused(caller: Caller, word: object) -> None:
    speaker = caller.at(71)
    volume = caller.volume()
    for body in ({"os-set_bootable": {"bootable": word}}, {"os-update_readonly_flag": {"readonly": word}}):
        check_fault(speaker.post(f"/volumes/{volume}/action", body), 400, "badRequest")
    check_fault(speaker.post("/types", {"volume_type": {"name": "x", "is_public": word}}), 400, "badRequest")
    if isinstance(word, str):
        group = caller.group(caller.type())
        for path in (
            "/volumes?all_tenants", "/volumes?with_count", "/volumes?consumes_quota",
            "/groups/detail?list_volume", f"/groups/{group}?list_volume", "/volumes/summary?all_tenants",
            "/scheduler-stats/get_pools?detail",
        ):  # fmt: skip
            check_fault(speaker.get(f"{path}={quote(word)}"), 400, "badRequest")


@pytest.mark.parametrize(
    ("word", "shows"), [("yes", True), ("T", True), ("1", True), ("off", False), ("n", False)]
)
def test_groups_show_their_volumes_in_every_word(caller: Caller, word: str, shows: bool) -> None:
    group = caller.group(caller.type())
    speaker = caller.at(25)
    assert ("volumes" in speaker.get(f"/groups/{group}?list_volume={word}").json["group"]) is shows
    (listed,) = speaker.get(f"/groups/detail?list_volume={word}").json["groups"]
    assert ("volumes" in listed) is shows
    assert "volumes" not in caller.at(24).get(f"/groups/{group}?list_volume={word}").json["group"]


def test_image_metadata_that_there_is_none_of_is_not_found(caller: Caller) -> None:
    path = f"/volumes/{caller.volume()}/action"
    check_fault(caller.post(path, {"os-show_image_metadata": {}}), 404, "itemNotFound")
    assert caller.post(path, {"os-set_image_metadata": {"metadata": {"k": "v"}}}).status_code == 200
    assert caller.post(path, {"os-show_image_metadata": None}).json == {"metadata": {"k": "v"}}


HINTS = "OS-SCH-HNT:scheduler_hints"


def test_scheduler_hints_are_obeyed(caller: Caller, served: World) -> None:
    caller.put(f"/os-quota-sets/{caller.project}", {"quota_set": {"volumes": -1, "gigabytes": -1}})
    first, nobody = caller.volume(), str(uuid.uuid4())
    for hints in (
        None, {}, {"same_host": first}, {"same_host": [first, nobody]}, {"same_host": []},
        {"different_host": []}, {"different_host": nobody}, {"different_host": [nobody]},
        {"query": '[">=", "$free_capacity_gb", 1]'}, {"query": ""}, {"query": "[]"},
        {"local_to_instance": None},
        {"query": ["and", ["=", "$capabilities.backend_state", "up"]]},
    ):  # fmt: skip
        assert caller.post("/volumes", {"volume": {"size": 1}, HINTS: hints}).status_code == 202, hints
    for hints in (
        {"different_host": first}, {"different_host": [nobody, first]}, {"same_host": nobody},
        {"query": '["<", "$free_capacity_gb", 0]'}, {"local_to_instance": nobody},
        {"rack": 7, "same_host": nobody},
    ):  # fmt: skip
        refused_as_hints(caller, {HINTS: hints})


@pytest.mark.parametrize(
    "hints",
    [
        {"rack": "7"},
        {"rack": None},
        {"": 1},
        {"target_tenant": "x", "group": ["a"]},
        {"deep": {"er": [1, None]}},
    ],
)
def test_a_scheduler_hint_that_no_filter_reads_changes_nothing(caller: Caller, hints: Any) -> None:
    answer = caller.post("/volumes", {"volume": {"size": 1}, HINTS: hints})
    assert answer.status_code == 202


@pytest.mark.parametrize(
    "beside",
    [
        *(
            {HINTS: {name: value}}
            for name in ("same_host", "different_host")
            for value in (1, "x", {}, None, [1])
        ),
        *({HINTS: value} for value in ([], "", "x", 1)),
        *({HINTS: {"query": value}} for value in ("[", ["up"], '["nothing", 1]', "5", {"a": 1})),
        *({name: {}} for name in ("scheduler_hints", "os:scheduler_hints")),
    ],
    ids=str,
)
def test_hints_that_cannot_be_read_are_refused(caller: Caller, beside: dict[str, Any]) -> None:
    refused_as_hints(caller, beside)


def refused_as_hints(caller: Caller, beside: dict[str, Any]) -> None:
    """Assert that a volume is refused because of the keys beside it, and not created."""
    before = len(caller.get("/volumes").json["volumes"])
    check_fault(caller.post("/volumes", {"volume": {"size": 1}, **beside}), 400, "badRequest")
    assert len(caller.get("/volumes").json["volumes"]) == before


def test_types_can_ask_for_everything_that_pools_tell(caller: Caller) -> None:
    caller.put(f"/os-quota-sets/{caller.project}", {"quota_set": {"volumes": -1}})
    (pool,) = caller.get("/scheduler-stats/get_pools?detail=yes").json["pools"]
    for key, value in pool["capabilities"].items():
        if value is None or key in ("timestamp", "free_capacity_gb", "provisioned_capacity_gb"):
            continue  # no backend reports it, or it changes during the test
        wish = f"<is> {value}" if isinstance(value, bool) else f"s== {value}"
        for name in (key, f"capabilities:{key}"):
            if ":" in key and name == key:
                continue
            kind = caller.type(**{name: wish})
            caller.volume(volume_type=kind)


def test_pools_and_the_scheduler_know_the_same(served: World) -> None:
    with served.runtime.database.read() as session:
        from cgflow.db.repositories import backend

        (known,) = backend.all(session)
    for key, value in capabilities_of(known).items():
        assert value is None or meets_requirement(value, f"s== {value}" if str(value) else "<or> "), key


def test_unknown_filters_of_pools_are_refused(caller: Caller) -> None:
    path = "/scheduler-stats/get_pools"
    check_fault(caller.at(28).get(f"{path}?colour=red"), 400, "badRequest")
    assert caller.at(28).get(f"{path}?thin_provisioning_support=none-such").json == {"pools": []}


def test_sizes_that_a_type_allows(caller: Caller) -> None:
    specs = {"provisioning:min_vol_size": "2", "provisioning:max_vol_size": "4"}
    kind = caller.type(**specs)
    for size, status in ((1, 400), (2, 202), (4, 202), (5, 400)):
        answer = caller.post("/volumes", {"volume": {"size": size, "volume_type": kind}})
        assert answer.status_code == status, answer.text
    volume = caller.volume(size=3, volume_type=kind)
    assert caller.post(f"/volumes/{volume}/action", {"os-extend": {"new_size": 5}}).status_code == 400
    small = caller.volume(size=1)
    assert caller.post(f"/volumes/{small}/action", {"os-retype": {"new_type": kind}}).status_code == 400
    odd = caller.type(**{"provisioning:min_vol_size": "two"})
    check_fault(caller.post("/volumes", {"volume": {"size": 1, "volume_type": odd}}), 400, "badRequest")


@pytest.mark.parametrize("resource", ["volumes", "gigabytes", "snapshots"])
def test_quota_of_a_type_with_the_longest_name(caller: Caller, resource: str) -> None:
    name = (uuid.uuid4().hex * 8)[:255]
    caller.type(name)
    body = {"quota_set": {f"{resource}_{name}": 5}}
    assert caller.put(f"/os-quota-sets/{caller.project}", body).json["quota_set"][f"{resource}_{name}"] == 5
    assert caller.delete(
        f"/types/{caller.get(f'/types?name={name}').json['volume_types'][0]['id']}"
    ).status_code


@pytest.mark.parametrize("path", ["os-quota-sets/{project}", "os-quota-class-sets/default"])
def test_quotas_that_are_shown_can_be_set_back(caller: Caller, path: str) -> None:
    path = f"/{path.format(project=caller.project)}"
    shown = caller.get(path).json
    answer = caller.put(path, shown)
    assert answer.status_code == 200, answer.text
    assert caller.get(path).json == shown


def test_what_is_shown_of_metadata_and_specs_can_be_set_back(caller: Caller, app: Flask) -> None:
    volume = caller.volume(metadata={"a": "b"})
    for path in (f"/volumes/{volume}/metadata", f"/snapshots/{caller.snapshot(volume)}/metadata"):
        shown = caller.get(path).json
        assert caller.put(path, shown).json == shown
    kind = caller.get("/types?name=" + caller.type(a="b")).json["volume_types"][0]["id"]
    path = f"/types/{kind}/extra_specs"
    shown = caller.get(path).json
    assert caller.post(path, shown).json == shown
    assert caller.put(f"{path}/a", caller.get(f"{path}/a").json).json == {"a": "b"}


def test_image_metadata_has_long_values(caller: Caller) -> None:
    volume, value = caller.volume(), "x" * 65535
    action = f"/volumes/{volume}/action"
    done = caller.post(action, {"os-set_image_metadata": {"metadata": {"streams": value}}})
    assert done.json["metadata"]["streams"] == value
    check_fault(
        caller.post(action, {"os-set_image_metadata": {"metadata": {"s": value + "x"}}}), 400, "badRequest"
    )
    check_fault(caller.put(f"/volumes/{volume}/metadata", {"metadata": {"s": "x" * 256}}), 400, "badRequest")


KEYS = (
    "a/b", "a\nb", "\n", "a\t", "/a", "a/", "a.b", "a b", "100%", "a%2Fb", "ä🐘", "a?b#c", "..", "x" * 255,
)  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("noun", ["volumes", "snapshots"])
def test_every_key_that_can_be_written_can_be_addressed(caller: Caller, noun: str, key: str) -> None:
    thing = caller.volume()
    thing = thing if noun == "volumes" else caller.snapshot(thing)
    assert caller.put(f"/{noun}/{thing}/metadata", {"metadata": {key: "v"}}).status_code == 200
    path = f"/{noun}/{thing}/metadata/{quote(key, safe='')}"
    assert caller.get(path).json == {"meta": {key: "v"}}
    assert caller.put(path, {"meta": {key: "w"}}).json == {"meta": {key: "w"}}
    assert caller.delete(path).status_code == 200
    assert caller.get(f"/{noun}/{thing}/metadata").json == {"metadata": {}}


@pytest.mark.parametrize("key", ["a/b", "/a", "a:b/c d", ".", "ä"])
@pytest.mark.parametrize(("noun", "root", "specs"), [
    ("types", "volume_type", "extra_specs"), ("group_types", "group_type", "group_specs"),
])  # fmt: skip
def test_every_spec_that_a_type_is_made_with_can_be_addressed(
    caller: Caller, noun: str, root: str, specs: str, key: str
) -> None:
    speaker = caller.at(11)
    made = speaker.post(f"/{noun}", {root: {"name": uuid.uuid4().hex, specs: {key: "v"}}})
    path = f"/{noun}/{made.json[root]['id']}/{specs}"
    one = f"{path}/{quote(key, safe='')}"
    assert speaker.get(one).json == {key: "v"}
    assert speaker.put(one, {key: "w"}).json == {key: "w"}
    assert speaker.delete(one).status_code == 202
    assert speaker.get(path).json == {specs: {}}
