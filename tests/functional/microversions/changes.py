"""Checks the change of each microversion in Cinder, from 3.1 to 3.71."""

from __future__ import annotations

import uuid

from tests.functional.caller import Caller, check_bad_request, check_fault, check_not_found
from tests.functional.microversions.scene import Scene, is_new, of, shows
from tests.functional.volume_actions import act
from tests.support.world import HOST


@of(1)
def _(scene: Scene) -> None:
    image = {"image_name": "i", "protected": True, "visibility": "private"}
    answer = act(scene.at(1), scene.volume_id, "os-volume_upload_image", image)
    assert "There is no image service" in check_fault(answer, 400, "badRequest")


@of(2)
def _(scene: Scene) -> None:
    assert scene.ids(2, "/volumes?bootable=true", "volumes") == set()
    check_bad_request(scene.at(2).get("/volumes?bootable=perhaps"), "bootable")


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
    assert "Cluster c could not be found" in check_not_found(
        is_new(scene, 7, "/clusters/c?binary=cinder-volume")
    )
    check_not_found(is_new(scene, 7, "/clusters/disable", "PUT", {"name": "c", "binary": "cinder-volume"}))
    services = [scene.at(minor).get("/os-services").json["services"][0] for minor in (6, 7)]
    assert ["cluster" in service for service in services] == [False, True]


@of(8)
def _(scene: Scene) -> None:
    for noun in ("volumes", "snapshots"):
        for path in (f"/manageable_{noun}?host={HOST}", f"/manageable_{noun}/detail?host={HOST}"):
            assert is_new(scene, 8, path).json == {f"manageable-{noun}": []}
    wish = {"volume": {"host": HOST, "ref": {"source-name": "x"}}}
    assert "cannot be managed" in check_fault(
        is_new(scene, 8, "/manageable_volumes", "POST", wish), 400, "badRequest"
    )
    wish = {"snapshot": {"volume_id": scene.volume_id, "ref": {"source-name": "x"}}}
    assert "cannot be managed" in check_fault(
        is_new(scene, 8, "/manageable_snapshots", "POST", wish), 400, "badRequest"
    )


@of(9)
def _(scene: Scene) -> None:
    answer = is_new(scene, 9, "/backups/b", "PUT", {"backup": {"name": "n"}})
    assert check_not_found(answer) == "Backup b could not be found."


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
    assert "Migration between backends is not supported" in check_fault(answer, 400, "badRequest")


@of(17)
def _(scene: Scene) -> None:
    for noun in ("volumes", "snapshots"):
        check_bad_request(scene.at(17).get(f"/manageable_{noun}?cluster=c"), "cluster")
        check_bad_request(scene.at(16).get(f"/manageable_{noun}?cluster=c"), "host")


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
        assert "3.20" in check_not_found(scene.at(19).post(path, reset))
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
    check_fault(scene.caller.as_member().at(23).delete(path), 403, "forbidden")
    scene.caller.done(scene.at(23).delete(path))
    check_bad_request(scene.at(23).delete(f"/volumes/{volume_id}?force=perhaps"), "force")
    check_not_found(scene.at(22).delete(f"/volumes/{volume_id}?force=perhaps"))


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
    assert "no backend replicates" in check_fault(answer, 400, "badRequest")
    answer = scene.at(26).put("/os-services/failover_host", {"host": HOST})
    assert "no backend replicates" in check_fault(answer, 400, "badRequest")
    assert scene.at(26).get("/clusters?frozen=true&replication_status=enabled").json == {"clusters": []}


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
        assert "3.38" in check_not_found(scene.at(37).post(path, {action: {}}))
        assert "no backend replicates" in check_fault(
            scene.at(38).post(path, {action: {}}), 400, "badRequest"
        )
    over = {"failover_replication": {"allow_attached_volume": False, "secondary_backend_id": "default"}}
    assert "no backend replicates" in check_fault(scene.at(38).post(path, over), 400, "badRequest")


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
    assert "in-use" in check_fault(act(scene.at(41), volume_id, "os-extend", larger), 400, "badRequest")
    scene.caller.done(act(scene.at(42), volume_id, "os-extend", larger))
    shown = scene.caller.get(f"/volumes/{volume_id}").json["volume"]
    assert (shown["status"], shown["size"]) == ("in-use", 2)


@of(43)
def _(scene: Scene) -> None:
    wish = {"backup": {"volume_id": scene.volume_id, "metadata": {"k": "v"}}}
    assert "cinder-backup could not be found" in check_fault(
        scene.at(43).post("/backups", wish), 400, "badRequest"
    )
    check_bad_request(scene.at(42).post("/backups", wish), "metadata")


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


@of(46)
def _(scene: Scene) -> None:
    answer = scene.at(46).post("/volumes", {"volume": {"size": 1, "imageRef": str(uuid.uuid4())}})
    check_bad_request(answer, "imageRef")


@of(47)
def _(scene: Scene) -> None:
    answer = scene.at(47).post("/volumes", {"volume": {"size": 1, "backup_id": str(uuid.uuid4())}})
    check_not_found(answer)


@of(48)
def _(scene: Scene) -> None:
    shows(scene, 48, f"/volumes/{scene.volume_id}", "volume", "shared_targets", "service_uuid")


@of(49)
def _(scene: Scene) -> None:
    path = "/os-services?binary=cinder-volume"
    services = [scene.at(minor).get(path).json["services"][0] for minor in (48, 49)]
    assert ["backend_state" in service for service in services] == [False, True]


@of(50)
def _(scene: Scene) -> None:
    kind = scene.caller.type(multiattach="<is> True")
    made = scene.caller.done(scene.at(50).post("/volumes", {"volume": {"size": 1, "volume_type": kind}}))
    assert scene.at(50).get(f"/volumes/{made}").json["volume"]["multiattach"] is True
    assert scene.volume(50)["multiattach"] is False


@of(51)
def _(scene: Scene) -> None:
    wish = {"backup": {"volume_id": scene.volume_id, "availability_zone": "nova"}}
    assert "cinder-backup could not be found" in check_fault(
        scene.at(51).post("/backups", wish), 400, "badRequest"
    )
    check_bad_request(scene.at(50).post("/backups", wish), "availability_zone")


@of(52)
def _(scene: Scene) -> None:
    here = scene.caller.type(**{"RESKEY:availability_zones": "nova,other"})
    scene.caller.done(scene.at(52).post("/volumes", {"volume": {"size": 1, "volume_type": here}}))
    elsewhere = scene.caller.type(**{"RESKEY:availability_zones": "other"})
    for zone in (None, "nova"):
        wish = {"size": 1, "volume_type": elsewhere, "availability_zone": zone}
        check_bad_request(scene.at(52).post("/volumes", {"volume": wish}), "availability_zone")
    check_bad_request(
        act(scene.at(52), scene.volume_id, "os-retype", {"new_type": elsewhere}), "availability_zone"
    )
    query = "/types?extra_specs={'RESKEY:availability_zones':'other'}"
    # Administrators can filter by this at every microversion, as in Cinder.
    for minor in (51, 52):
        found = scene.at(minor).get(query).json["volume_types"]
        assert [one["name"] for one in found] == [elsewhere]


@of(53)
def _(scene: Scene) -> None:
    wish = {"volume": {"size": 1, "status": "creating"}}
    check_bad_request(scene.at(53).post("/volumes", wish), "status")
    scene.caller.done(scene.at(52).post("/volumes", wish))
    check_fault(scene.at(53).put(f"/volumes/{scene.volume_id}", {"volume": {}}), 400, "badRequest")


@of(54)
def _(scene: Scene) -> None:
    wish = {"attachment": {"volume_uuid": scene.fresh(), "mode": "ro"}}
    attachment_id = scene.at(54).post("/attachments", wish).json["attachment"]["id"]
    assert scene.at(54).get(f"/attachments/{attachment_id}").json["attachment"]["attach_mode"] == "ro"
    check_bad_request(scene.at(53).post("/attachments", wish), "mode")


@of(55)
def _(scene: Scene) -> None:
    volume_id = scene.fresh()
    snapshot_id = scene.caller.snapshot(volume_id)
    wish = {"transfer": {"volume_id": volume_id, "no_snapshots": False}}
    offer = scene.at(55).post("/volume-transfers", wish).json["transfer"]
    taker = Caller(scene.caller._client).at(55)
    taken = taker.post(f"/volume-transfers/{offer['id']}/accept", {"accept": {"auth_key": offer["auth_key"]}})
    assert taken.status_code == 202, taken.text
    assert taker.get(f"/snapshots/{snapshot_id}").status_code == 200


@of(56)
def _(scene: Scene) -> None:
    assert scene.at(56).get("/backups/detail").json == {"backups": []}


@of(57)
def _(scene: Scene) -> None:
    offer = (
        scene.at(57).post("/volume-transfers", {"transfer": {"volume_id": scene.fresh()}}).json["transfer"]
    )
    told = ("source_project_id", "destination_project_id", "accepted")
    shows(scene, 57, f"/volume-transfers/{offer['id']}", "transfer", *told)


@of(58)
def _(scene: Scene) -> None:
    shows(scene, 58, f"/groups/{scene.group_id}", "group", "project_id")
    shows(scene, 58, f"/group_snapshots/{scene.taken_id}", "group_snapshot", "project_id")


@of(59)
def _(scene: Scene) -> None:
    for _ in range(2):
        scene.at(59).post("/volume-transfers", {"transfer": {"volume_id": scene.fresh()}})
    page = scene.at(59).get("/volume-transfers?limit=1&sort=created_at:asc").json
    assert len(page["transfers"]) == 1
    marker = page["transfers"][0]["id"]
    rest = scene.ids(59, f"/volume-transfers?marker={marker}&sort=created_at:asc", "transfers")
    assert rest
    assert marker not in rest


@of(60)
def _(scene: Scene) -> None:
    query = "/volumes?created_at=lt:2020-01-01T00:00:00"
    assert scene.ids(60, query, "volumes") == set()
    assert scene.volume_id in scene.ids(59, query, "volumes")


@of(61)
def _(scene: Scene) -> None:
    shows(scene, 61, f"/volumes/{scene.volume_id}", "volume", "cluster_name")


@of(62)
def _(scene: Scene) -> None:
    path = f"/default-types/{scene.caller.project}"
    body = {"default_type": {"volume_type": scene.kind}}
    assert is_new(scene, 62, path, "PUT", body).status_code == 200
    assert is_new(scene, 62, path).json["default_type"]["project_id"] == scene.caller.project
    volume = scene.caller.get(f"/volumes/{scene.fresh()}").json["volume"]
    assert volume["volume_type"] == scene.kind
    assert is_new(scene, 62, path, "DELETE").status_code == 204
    check_not_found(scene.at(62).get(path))


@of(63)
def _(scene: Scene) -> None:
    shows(scene, 63, f"/volumes/{scene.volume_id}", "volume", "volume_type_id")


@of(64)
def _(scene: Scene) -> None:
    shown = scene.volume(64)
    assert (shown["encrypted"], "encryption_key_id" in shown) == (False, False)


@of(65)
def _(scene: Scene) -> None:
    shows(scene, 65, f"/volumes/{scene.volume_id}", "volume", "consumes_quota")
    shows(scene, 65, f"/snapshots/{scene.snapshot_id}", "snapshot", "consumes_quota")
    assert scene.ids(65, "/volumes?consumes_quota=false", "volumes").isdisjoint({scene.volume_id})


@of(66)
def _(scene: Scene) -> None:
    volume_id = scene.caller.volume()
    act(scene.caller, volume_id, "os-attach", {"host_name": "h", "mountpoint": "/dev/vdb"})
    wish = {"snapshot": {"volume_id": volume_id}}
    check_fault(scene.at(65).post("/snapshots", wish), 400, "badRequest")
    scene.caller.done(scene.at(66).post("/snapshots", wish))
    wish["snapshot"]["force"] = False
    check_bad_request(scene.at(66).post("/snapshots", wish), "force")
    wish["snapshot"]["force"] = True
    for minor in (65, 66):
        scene.caller.done(scene.at(minor).post("/snapshots", wish))


@of(67)
def _(scene: Scene) -> None:
    caller = scene.at(67)
    caller.prefix = "/v3"
    answer = caller.get(f"/volumes/{scene.volume_id}")
    assert answer.json["volume"]["id"] == scene.volume_id
    assert answer.json["volume"]["links"][0]["href"].endswith(f"/v3/volumes/{scene.volume_id}")


@of(68)
def _(scene: Scene) -> None:
    image = {"image_id": str(uuid.uuid4())}
    check_not_found(act(scene.at(67), scene.volume_id, "os-reimage", image))
    message = check_fault(act(scene.at(68), scene.volume_id, "os-reimage", image), 400, "badRequest")
    assert "There is no image service" in message
    check_bad_request(
        act(scene.at(68), scene.volume_id, "os-reimage", {"image_id": "x"}), "os-reimage.image_id"
    )


@of(69)
def _(scene: Scene) -> None:
    assert [scene.volume(minor)["shared_targets"] for minor in (68, 69)] == [False, False]


@of(70)
def _(scene: Scene) -> None:
    offered = scene.at(70).post("/volume-transfers", {"transfer": {"volume_id": scene.caller.volume()}})
    assert offered.status_code == 202
    assert scene.at(70).delete(f"/volume-transfers/{offered.json['transfer']['id']}").status_code == 202


@of(71)
def _(scene: Scene) -> None:
    answer = act(scene.at(71), scene.volume_id, "os-extend_volume_completion", {"error": False})
    assert "No extension of it waits" in check_fault(answer, 400, "badRequest")
    assert scene.volume(71)["status"] == "available"
