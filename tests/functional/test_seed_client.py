"""Requests of Cinder's own client about groups and cgsnapshots, as its tests expect them (S145, S146)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.functional.caller import Caller, check_fault

OWNER = {"user_id": None, "project_id": None}
NEW = {**OWNER, "status": "creating"}


class Scene:
    """A group with a member and a cgsnapshot, and a volume that could become a member."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.kinds = [caller.type(), caller.type()]
        self.group = caller.group(",".join(self.kinds), name="db")
        self.member = caller.member(self.group, self.kinds[0])
        self.cgsnapshot = caller.cgsnapshot(self.group, name="noon")
        self.outside = caller.volume(volume_type=self.kinds[1])

    def post(self, path: str, body: dict[str, Any]) -> str:
        return self.caller.done(self.caller.post(path, body))

    def change(self, **body: Any) -> Any:
        return self.caller.put(f"/consistencygroups/{self.group}", {"consistencygroup": body})


@pytest.fixture
def scene(caller: Caller) -> Scene:
    return Scene(caller)


def test_creations_s146(scene: Scene) -> None:
    group = {"name": "cg", "description": None, "availability_zone": None, **NEW}
    types = {"volume_types": ",".join(scene.kinds)}
    scene.post("/consistencygroups", {"consistencygroup": {**group, **types}})
    copy = {"name": "cg", "description": None, **NEW}
    for source in (
        {"cgsnapshot_id": scene.cgsnapshot, "source_cgid": None},
        {"cgsnapshot_id": None, "source_cgid": scene.group},
    ):
        scene.post("/consistencygroups/create_from_src", {"consistencygroup-from-src": {**copy, **source}})
    taken = {"consistencygroup_id": scene.group, "name": None, "description": None, **NEW}
    scene.post("/cgsnapshots", {"cgsnapshot": taken})


def test_changes_s146(scene: Scene) -> None:
    for words in ({"name": "cg2"}, {"description": "cg2 desc"}):
        assert scene.change(**words).status_code == 202
    for name in ("add_volumes", "remove_volumes"):
        scene.caller.done(scene.change(**{name: scene.outside}))


@pytest.mark.parametrize("noun", ["consistencygroup", "cgsnapshot"])
def test_looks_s145(scene: Scene, noun: str) -> None:
    id_ = getattr(scene, noun.removeprefix("consistency"))
    for path in (f"/{noun}s/detail", f"/{noun}s", f"/{noun}s/detail?all_tenants=0&status=available"):
        found = scene.caller.get(path)
        assert [one["id"] for one in found.json[f"{noun}s"]] == [id_], found.text
    assert scene.caller.get(f"/{noun}s/{id_}").json[noun]["id"] == id_


@pytest.mark.parametrize("noun", ["consistencygroup", "cgsnapshot"])
def test_unknown_filter_finds_nothing_for_administrators_alone_s145(scene: Scene, noun: str) -> None:
    for caller, count in ((scene.caller, 0), (scene.caller.as_member(), 1)):
        answer = caller.get(f"/{noun}s/detail?foo=bar")
        assert answer.status_code == 200, answer.text
        assert len(answer.json[f"{noun}s"]) == count


@pytest.mark.parametrize("noun", ["consistencygroup", "cgsnapshot"])
def test_empty_name_is_a_name_that_nothing_has_s145(scene: Scene, noun: str) -> None:
    assert scene.caller.get(f"/{noun}s/detail?name=").json[f"{noun}s"] == []


def test_what_cinder_does_not_serve_is_no_defect_s146(scene: Scene) -> None:
    body = {"cgsnapshot": {"name": "cgs2"}}
    check_fault(scene.caller.put(f"/cgsnapshots/{scene.cgsnapshot}", body), 405, "badMethod")
    assert scene.caller.get(f"/cgsnapshots/{scene.cgsnapshot}").json["cgsnapshot"]["name"] == "noon"


def test_deletions_s145(scene: Scene) -> None:
    scene.caller.done(scene.caller.delete(f"/cgsnapshots/{scene.cgsnapshot}"))
    body = {"consistencygroup": {"force": "True"}}
    scene.post(f"/consistencygroups/{scene.group}/delete", body)
