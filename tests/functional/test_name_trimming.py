"""Names and descriptions are handled alike for all resources: trimmed, at most 255 characters."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.functional.caller import Caller, check_fault

LONGEST = "é" * 255


@pytest.fixture(params=["volume", "snapshot", "consistencygroup", "group", "cgsnapshot", "group_snapshot"])
def body(request: pytest.FixtureRequest, caller: Caller) -> tuple[str, str, dict[str, Any]]:
    """The path, the root and the body that create a resource without a name."""
    noun = str(request.param)
    kind = caller.type()
    if noun == "volume":
        return "/volumes", noun, {"size": 1}
    if noun == "snapshot":
        return "/snapshots", noun, {"volume_id": caller.volume()}
    if noun == "consistencygroup":
        return "/consistencygroups", noun, {"volume_types": kind}
    if noun == "group":
        made = caller.at(11).post("/group_types", {"group_type": {"name": uuid.uuid4().hex}})
        return "/groups", noun, {"volume_types": [kind], "group_type": made.json["group_type"]["id"]}
    group = caller.group(kind)
    caller.volume(volume_type=kind, consistencygroup_id=group)
    key = "group_id" if noun == "group_snapshot" else "consistencygroup_id"
    return f"/{noun}s", noun, {key: group}


@pytest.mark.parametrize("field", ["name", "description"])
def test_names_are_trimmed(caller: Caller, body: tuple[str, str, dict[str, Any]], field: str) -> None:
    path, root, wish = body
    caller.put(f"/os-quota-sets/{caller.project}", {"quota_set": {"volumes": -1, "gigabytes": -1}})
    speaker = caller.at(71)
    for given, kept in (
        ("  a  ", "a"),
        ("a\n", "a"),
        ("   ", ""),
        (f" {LONGEST} ", LONGEST),
        ("a  b", "a  b"),
    ):
        answer = speaker.post(path, {root: {**wish, field: given}})
        caller.flow(answer)
        shown = speaker.get(f"{path}/{answer.json[root]['id']}").json[root]
        assert shown[field] == kept, given
    check_fault(speaker.post(path, {root: {**wish, field: LONGEST + "é"}}), 400, "badRequest")
    check_fault(speaker.post(path, {root: {**wish, field: "a\x00"}}), 400, "badRequest")


@pytest.mark.parametrize("noun", ["volume", "snapshot"])
@pytest.mark.parametrize("older", ["", "display_"])
def test_changed_names_are_trimmed(caller: Caller, noun: str, older: str) -> None:
    volume = caller.volume()
    path = f"/volumes/{volume}" if noun == "volume" else f"/snapshots/{caller.snapshot(volume)}"
    answer = caller.put(path, {noun: {f"{older}name": " b ", f"{older}description": f" {LONGEST}"}})
    assert (answer.json[noun]["name"], answer.json[noun]["description"]) == ("b", LONGEST)


def test_a_transfer_is_named_or_not(caller: Caller) -> None:
    volume = caller.volume()
    for name in ("", "  ", "n" * 256):
        check_fault(
            caller.post("/os-volume-transfer", {"transfer": {"volume_id": volume, "name": name}}),
            400,
            "badRequest",
        )
    made = caller.post("/os-volume-transfer", {"transfer": {"volume_id": volume, "name": " t "}})
    assert made.json["transfer"]["name"] == "t"


def test_qos_specs_have_trimmed_names(caller: Caller) -> None:
    name = uuid.uuid4().hex
    made = caller.post("/qos-specs", {"qos_specs": {"name": f"  {name}{'n' * 223} "}})
    assert made.json["qos_specs"]["name"] == f"{name}{'n' * 223}"
    check_fault(caller.post("/qos-specs", {"qos_specs": {"name": "   "}}), 400, "badRequest")


def test_an_empty_zone_is_none(caller: Caller) -> None:
    kind = caller.type()
    for path, root, more in (
        ("/volumes", "volume", {"size": 1}),
        ("/consistencygroups", "consistencygroup", {"volume_types": kind}),
    ):
        check_fault(caller.post(path, {root: {**more, "availability_zone": ""}}), 400, "badRequest")
