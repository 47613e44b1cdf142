"""Tests of microversions 3.1 to 3.26."""

from __future__ import annotations

import uuid

from tests.functional.caller import Caller, malformed, missing, refused
from tests.functional.microversions.scene import Scene, is_new, of, shows
from tests.functional.volume_actions import act
from tests.support.world import HOST


@of(1)
def _(scene: Scene) -> None:
    image = {"image_name": "i", "protected": True, "visibility": "private"}
    answer = act(scene.at(1), scene.volume_id, "os-volume_upload_image", image)
    assert "No image service is known" in refused(answer, 400, "badRequest")


@of(2)
def _(scene: Scene) -> None:
    assert scene.ids(2, "/volumes?bootable=true", "volumes") == set()
    malformed(scene.at(2).get("/volumes?bootable=perhaps"), "bootable")


@of(3)
def _(scene: Scene) -> None:
    assert is_new(scene, 3, "/messages").json == {"messages": []}


@of(4)
def _(scene: Scene) -> None:
    assert scene.ids(4, "/volumes?glance_metadata={'a':'b'}", "volumes") == set()
    assert scene.volume_id in scene.ids(3, "/volumes?glance_metadata={'a':'b'}", "volumes")


@of(5)
def _(scene: Scene) -> None:
    nowhere = Caller(scene.caller._client)
    kind = nowhere.type(nobody_can="<is> True")
    for _ in range(2):
        nowhere.flow(nowhere.post("/volumes", {"volume": {"size": 1, "volume_type": kind}}))
    first = nowhere.at(5).get("/messages?limit=1&sort=created_at:asc").json
    assert len(first["messages"]) == 1
    marker = first["messages"][0]["id"]
    (second,) = nowhere.at(5).get(f"/messages?marker={marker}&sort=created_at:asc").json["messages"]
    assert second["id"] != marker


@of(6)
def _(scene: Scene) -> None:
    group_id = scene.caller.group(scene.kind, name="g", description="d")
    empty = {"consistencygroup": {"name": "", "description": ""}}
    assert scene.at(6).put(f"/consistencygroups/{group_id}", empty).status_code == 202
    shown = scene.caller.get(f"/consistencygroups/{group_id}").json["consistencygroup"]
    assert not shown["name"]
    assert not shown["description"]


@of(7)
def _(scene: Scene) -> None:
    assert is_new(scene, 7, "/clusters").json == is_new(scene, 7, "/clusters/detail?is_up=true").json
    assert "Cluster c could not be found" in missing(is_new(scene, 7, "/clusters/c?binary=cinder-volume"))
    missing(is_new(scene, 7, "/clusters/disable", "PUT", {"name": "c", "binary": "cinder-volume"}))
    services = [scene.at(minor).get("/os-services").json["services"][0] for minor in (6, 7)]
    assert ["cluster" in service for service in services] == [False, True]


@of(8)
def _(scene: Scene) -> None:
    for noun in ("volumes", "snapshots"):
        for path in (f"/manageable_{noun}?host={HOST}", f"/manageable_{noun}/detail?host={HOST}"):
            assert is_new(scene, 8, path).json == {f"manageable-{noun}": []}
    wish = {"volume": {"host": HOST, "ref": {"source-name": "x"}}}
    assert "cannot be managed" in refused(
        is_new(scene, 8, "/manageable_volumes", "POST", wish), 400, "badRequest"
    )
    wish = {"snapshot": {"volume_id": scene.volume_id, "ref": {"source-name": "x"}}}
    assert "cannot be managed" in refused(
        is_new(scene, 8, "/manageable_snapshots", "POST", wish), 400, "badRequest"
    )


@of(9)
def _(scene: Scene) -> None:
    answer = is_new(scene, 9, "/backups/b", "PUT", {"backup": {"name": "n"}})
    assert missing(answer) == "Backup b could not be found."


@of(10)
def _(scene: Scene) -> None:
    query = f"/volumes?group_id={scene.group_id}"
    assert scene.ids(10, query, "volumes") == {scene.member_id}
    assert scene.volume_id in scene.ids(9, query, "volumes")


@of(11)
def _(scene: Scene) -> None:
    kind = is_new(scene, 11, "/group_types", "POST", {"group_type": {"name": f"k-{uuid.uuid4()}"}}).json
    specs = f"/group_types/{kind['group_type']['id']}/group_specs"
    assert is_new(scene, 11, specs, "POST", {"group_specs": {"k": "v"}}).status_code == 202
    assert is_new(scene, 11, specs).json == {"group_specs": {"k": "v"}}


@of(12)
def _(scene: Scene) -> None:
    assert is_new(scene, 12, "/volumes/summary").json["volume-summary"]["total_count"] >= 2


@of(13)
def _(scene: Scene) -> None:
    assert is_new(scene, 13, f"/groups/{scene.group_id}").json["group"]["volume_types"]
    shows(scene, 13, f"/volumes/{scene.volume_id}", "volume", "group_id")


@of(14)
def _(scene: Scene) -> None:
    assert is_new(scene, 14, f"/group_snapshots/{scene.taken_id}").json["group_snapshot"]
    copy = {"create-from-src": {"group_snapshot_id": scene.taken_id}}
    scene.caller.done(is_new(scene, 14, "/groups/action", "POST", copy))
    shows(scene, 14, f"/groups/{scene.group_id}", "group", "group_snapshot_id", "source_group_id")


@of(15)
def _(scene: Scene) -> None:
    path = f"/volumes/{scene.fresh(metadata={'k': '1'})}/metadata"
    tag = scene.at(15).get(path).headers["ETag"]
    change = {"metadata": {"k": "2"}}
    stale = {"headers": {"If-Match": tag}}
    assert scene.at(15).put(path, change, **stale).status_code == 200
    assert scene.at(15).put(path, {"metadata": {"k": "3"}}, **stale).status_code == 412


@of(16)
def _(scene: Scene) -> None:
    answer = act(scene.at(16), scene.volume_id, "os-migrate_volume", {"cluster": "c"})
    assert "not moved between backends" in refused(answer, 400, "badRequest")


@of(17)
def _(scene: Scene) -> None:
    for noun in ("volumes", "snapshots"):
        malformed(scene.at(17).get(f"/manageable_{noun}?cluster=c"), "cluster")
        malformed(scene.at(16).get(f"/manageable_{noun}?cluster=c"), "host")


@of(18)
def _(scene: Scene) -> None:
    assert scene.at(18).get("/backups/detail").json == {"backups": []}


@of(19)
def _(scene: Scene) -> None:
    path = f"/group_snapshots/{scene.taken_id}/action"
    for status in ("error", "available"):
        answer = is_new(scene, 19, path, "POST", {"reset_status": {"status": status}})
        assert answer.status_code == 202, answer.text


@of(20)
def _(scene: Scene) -> None:
    path = f"/groups/{scene.group_id}/action"
    for status in ("error", "available"):
        reset = {"reset_status": {"status": status}}
        assert "3.20" in missing(scene.at(19).post(path, reset))
        assert scene.at(20).post(path, reset).status_code == 202


@of(21)
def _(scene: Scene) -> None:
    shows(scene, 21, f"/volumes/{scene.volume_id}", "volume", "provider_id")


@of(22)
def _(scene: Scene) -> None:
    query = "/snapshots?metadata={'c':'other'}"
    assert scene.ids(22, query, "snapshots") == set()
    assert scene.snapshot_id in scene.ids(21, query, "snapshots")
    assert scene.ids(22, "/snapshots?metadata={'c':'d'}", "snapshots") == {scene.snapshot_id}


@of(23)
def _(scene: Scene) -> None:
    volume_id = scene.fresh()
    assert act(scene.caller, volume_id, "os-reset_status", {"status": "error"}).status_code == 202
    path = f"/volumes/{volume_id}?force=true"
    refused(scene.caller.as_member().at(23).delete(path), 403, "forbidden")
    scene.caller.done(scene.at(23).delete(path))
    malformed(scene.at(23).delete(f"/volumes/{volume_id}?force=perhaps"), "force")
    missing(scene.at(22).delete(f"/volumes/{volume_id}?force=perhaps"))


@of(24)
def _(scene: Scene) -> None:
    answer = is_new(scene, 24, "/workers/cleanup", "POST", {"host": HOST, "is_up": "true"})
    assert (answer.status_code, answer.json) == (202, {"cleaning": [], "unavailable": []})


@of(25)
def _(scene: Scene) -> None:
    path = f"/groups/{scene.group_id}?list_volume=true"
    shows(scene, 25, path, "group", "volumes")
    assert scene.at(25).get(path).json["group"]["volumes"] == [scene.member_id]


@of(26)
def _(scene: Scene) -> None:
    answer = is_new(scene, 26, "/os-services/failover", "PUT", {"host": HOST, "cluster": None})
    assert "no backend replicates" in refused(answer, 400, "badRequest")
    answer = scene.at(26).put("/os-services/failover_host", {"host": HOST})
    assert "no backend replicates" in refused(answer, 400, "badRequest")
    assert scene.at(26).get("/clusters?frozen=true&replication_status=enabled").json == {"clusters": []}
