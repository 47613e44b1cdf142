"""Tests of microversions 3.27 to 3.45."""

from __future__ import annotations

import uuid

from tests.functional.caller import malformed, missing, refused
from tests.functional.microversions.scene import Scene, is_new, of, shows
from tests.functional.volume_actions import act
from tests.support.world import HOST


@of(27)
def _(scene: Scene) -> None:
    wish = {"attachment": {"volume_uuid": scene.fresh()}}
    attachment = is_new(scene, 27, "/attachments", "POST", wish).json["attachment"]
    assert is_new(scene, 27, f"/attachments/{attachment['id']}").status_code == 200
    assert is_new(scene, 27, f"/attachments/{attachment['id']}", "DELETE").status_code == 200


@of(28)
def _(scene: Scene) -> None:
    name = f"{HOST}#memory".replace("#", "%23")
    assert len(scene.at(28).get(f"/scheduler-stats/get_pools?name={name}").json["pools"]) == 1
    assert scene.at(28).get("/scheduler-stats/get_pools?name=other").json == {"pools": []}
    query = "/scheduler-stats/get_pools?vendor_name="
    assert len(scene.at(28).get(f"{query}cgflow").json["pools"]) == 1
    assert scene.at(28).get(f"{query}other").json == {"pools": []}
    assert len(scene.at(27).get(f"{query}other").json["pools"]) == 1


@of(29)
def _(scene: Scene) -> None:
    path, key = "/group_snapshots", "group_snapshots"
    assert scene.ids(29, f"{path}?status=error", key) == set()
    assert scene.ids(29, f"{path}?limit=1&sort=name:asc", key) == {scene.taken_id}
    assert scene.ids(29, f"{path}?marker={scene.taken_id}", key) == set()


@of(30)
def _(scene: Scene) -> None:
    found = scene.at(30).get("/snapshots?sort=name:asc").json["snapshots"]
    names = [one["name"] or "" for one in found]
    assert len(names) >= 2
    assert names == sorted(names)


@of(31)
def _(scene: Scene) -> None:
    told = scene.at(33).get("/resource_filters?resource=volume").json["resource_filters"][0]["filters"]
    assert {"name", "status", "metadata"} <= set(told)
    for name in told:
        if name not in ("metadata", "bootable", "consumes_quota", "size", "created_at", "updated_at"):
            assert scene.ids(31, f"/volumes?{name}=none-of-them", "volumes") == set(), name
    assert scene.ids(31, "/volumes?colour=red", "volumes") == set()


@of(32)
def _(scene: Scene) -> None:
    path = "/os-services/get-log"
    parts = is_new(scene, 32, path, "PUT", {"binary": "", "server": "", "prefix": "api."}).json["log_levels"]
    assert {part["binary"] for part in parts} == {"cinder-api", "cinder-scheduler", "cinder-volume"}
    wish = {"binary": "*", "server": "", "prefix": "no.such.logger", "level": "debug"}
    assert scene.at(32).put("/os-services/set-log", wish).status_code == 202


@of(33)
def _(scene: Scene) -> None:
    told = {one["resource"] for one in is_new(scene, 33, "/resource_filters").json["resource_filters"]}
    nouns = {"volume", "snapshot", "group", "group_snapshot", "attachment", "message", "backup"}
    assert nouns <= told


@of(34)
def _(scene: Scene) -> None:
    for path, key, like in (
        ("/volumes", "volumes", "name~=lon"),
        ("/snapshots", "snapshots", "name~=s"),
        ("/groups", "groups", "status~=vail"),
        ("/group_snapshots", "group_snapshots", "status~=vail"),
        ("/messages", "messages", "resource_uuid~=none"),
        ("/attachments", "attachments", "status~=none"),
        ("/backups", "backups", "name~=none"),
    ):
        none = like.partition("=")[0] + "=none-of-them"
        assert scene.ids(34, f"{path}?{none}", key) == set(), path
        if key in ("volumes", "snapshots", "groups", "group_snapshots"):
            assert scene.ids(34, f"{path}?{like}", key), path
            assert scene.ids(33, f"{path}?{none}", key), path


@of(35)
def _(scene: Scene) -> None:
    kind = scene.caller.type(nobody_can="<is> True")
    query = f"/scheduler-stats/get_pools?volume_type={kind}"
    assert scene.at(35).get(query).json == {"pools": []}
    assert len(scene.at(34).get(query).json["pools"]) == 1


@of(36)
def _(scene: Scene) -> None:
    shows(scene, 36, "/volumes/summary", "volume-summary", "metadata")
    assert scene.at(36).get("/volumes/summary").json["volume-summary"]["metadata"]["a"] == ["b"]


@of(37)
def _(scene: Scene) -> None:
    assert scene.at(37).get("/backups?sort=name:asc").json == {"backups": []}


@of(38)
def _(scene: Scene) -> None:
    path = f"/groups/{scene.group_id}/action"
    for action in ("enable_replication", "disable_replication", "list_replication_targets"):
        assert "3.38" in missing(scene.at(37).post(path, {action: {}}))
        assert "no backend replicates" in refused(scene.at(38).post(path, {action: {}}), 400, "badRequest")
    over = {"failover_replication": {"allow_attached_volume": False, "secondary_backend_id": "default"}}
    assert "no backend replicates" in refused(scene.at(38).post(path, over), 400, "badRequest")


@of(39)
def _(scene: Scene) -> None:
    path = f"/limits?project_id={uuid.uuid4().hex}"
    used = [
        scene.at(minor).get(path).json["limits"]["absolute"]["totalVolumesUsed"] > 0 for minor in (38, 39)
    ]
    assert used == [True, False]


@of(40)
def _(scene: Scene) -> None:
    back = {"snapshot_id": scene.snapshot_id}
    scene.caller.done(act(scene.at(40), scene.volume_id, "revert", back))


@of(41)
def _(scene: Scene) -> None:
    shows(scene, 41, f"/snapshots/{scene.snapshot_id}", "snapshot", "user_id")


@of(42)
def _(scene: Scene) -> None:
    volume_id = scene.fresh()
    act(scene.caller, volume_id, "os-attach", {"instance_uuid": str(uuid.uuid4()), "mountpoint": "/dev/vdb"})
    larger = {"new_size": 2}
    assert "in-use" in refused(act(scene.at(41), volume_id, "os-extend", larger), 400, "badRequest")
    scene.caller.done(act(scene.at(42), volume_id, "os-extend", larger))
    shown = scene.caller.get(f"/volumes/{volume_id}").json["volume"]
    assert (shown["status"], shown["size"]) == ("in-use", 2)


@of(43)
def _(scene: Scene) -> None:
    wish = {"backup": {"volume_id": scene.volume_id, "metadata": {"k": "v"}}}
    assert "cinder-backup could not be found" in refused(
        scene.at(43).post("/backups", wish), 400, "badRequest"
    )
    malformed(scene.at(42).post("/backups", wish), "metadata")


@of(44)
def _(scene: Scene) -> None:
    wish = {"attachment": {"volume_uuid": scene.fresh(), "connector": {"host": "h"}}}
    attachment_id = scene.at(44).post("/attachments", wish).json["attachment"]["id"]
    answer = is_new(scene, 44, f"/attachments/{attachment_id}/action", "POST", {"os-complete": {}})
    assert answer.status_code == 204, answer.text
    assert scene.at(44).get(f"/attachments/{attachment_id}").json["attachment"]["status"] == "attached"


@of(45)
def _(scene: Scene) -> None:
    for noun in ("volumes", "snapshots", "backups"):
        for path in (f"/{noun}?with_count=true&limit=1", f"/{noun}/detail?with_count=true&limit=1"):
            found = scene.at(45).get(path).json
            assert found["count"] >= len(found[noun])
            assert "count" not in scene.at(44).get(path).json
