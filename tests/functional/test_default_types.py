"""The volume types that projects use when a request names none."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found


@pytest.fixture
def path(caller: Caller) -> str:
    return f"/default-types/{caller.project}"


@pytest.fixture
def kind(caller: Caller) -> str:
    return caller.type()


@pytest.fixture
def assigned(caller: Caller, path: str, kind: str) -> Iterator[str]:
    """A type that is the default of the caller's project; returns its id."""
    answer = caller.at(62).put(path, wish(kind))
    assert answer.status_code == 200, answer.text
    yield answer.json["default_type"]["volume_type_id"]
    caller.at(62).delete(path)


def wish(kind: object) -> dict[str, object]:
    return {"default_type": {"volume_type": kind}}


def test_it_is_shown_listed_and_taken_away(caller: Caller, path: str, assigned: str) -> None:
    mine = {"project_id": caller.project, "volume_type_id": assigned}
    assert caller.at(62).get(path).json == {"default_type": mine}
    assert mine in caller.at(62).get("/default-types").json["default_types"]
    for _ in range(2):
        assert caller.at(62).delete(path).status_code == 204
    assert check_not_found(caller.at(62).get(path)) == f"Default type for project {caller.project} not found."
    assert mine not in caller.at(62).get("/default-types").json["default_types"]


def test_volumes_that_name_no_type_take_it(caller: Caller, kind: str, assigned: str) -> None:
    assert caller.get(f"/volumes/{caller.volume()}").json["volume"]["volume_type"] == kind
    assert caller.in_use()[f"volumes_{kind}"] == 1
    # A group must name its types, as in Cinder.
    check_bad_request(
        caller.post("/consistencygroups", {"consistencygroup": {"volume_types": ""}}), "volume_types"
    )
    assert caller.get("/types/default").json["volume_type"]["id"] == assigned
    other = Caller(caller._client)
    assert other.get(f"/volumes/{other.volume()}").json["volume"]["volume_type"] is None
    check_not_found(other.get("/types/default"))


def test_another_one_takes_its_place(caller: Caller, path: str, assigned: str) -> None:
    other = caller.type()
    assert caller.at(62).put(path, wish(other)).json["default_type"]["volume_type_id"] != assigned
    assert caller.get(f"/volumes/{caller.volume()}").json["volume"]["volume_type"] == other


def test_a_type_that_is_a_default_stays(caller: Caller, path: str, assigned: str) -> None:
    assert "defaults of projects" in check_fault(caller.delete(f"/types/{assigned}"), 400, "badRequest")
    caller.at(62).delete(path)
    assert caller.delete(f"/types/{assigned}").status_code == 202


def test_what_cannot_be_one(caller: Caller, path: str) -> None:
    unknown = str(uuid.uuid4())
    assert unknown in check_bad_request(caller.at(62).put(path, wish(unknown)), "volume_type")
    private = caller.type()
    type_id = caller.get(f"/types?name={private}").json["volume_types"][0]["id"]
    caller.put(f"/types/{type_id}", {"volume_type": {"is_public": False}})
    assert "private" in check_bad_request(caller.at(62).put(path, wish(private)), "volume_type")
    caller.post(f"/types/{type_id}/action", {"addProjectAccess": {"project": caller.project}})
    assert caller.at(62).put(path, wish(private)).status_code == 200
    for body in (wish(None), wish(1), wish("")):
        check_bad_request(caller.at(62).put(path, body), "volume_type")
    check_bad_request(caller.at(62).put("/default-types/%20", wish(private)), "project_id")


def test_it_is_for_administrators(caller: Caller, path: str, kind: str) -> None:
    member = caller.as_member().at(62)
    for answer in (
        member.get("/default-types"),
        member.get(path),
        member.put(path, wish(kind)),
        member.delete(path),
    ):
        check_fault(answer, 403, "forbidden")
