"""Tests of microversions 3.46 to 3.65."""

from __future__ import annotations

import uuid

from tests.functional.caller import Caller, malformed, missing, refused
from tests.functional.microversions.scene import Scene, is_new, of, shows
from tests.functional.volume_actions import act


@of(46)
def _(scene: Scene) -> None:
    answer = scene.at(46).post("/volumes", {"volume": {"size": 1, "imageRef": str(uuid.uuid4())}})
    malformed(answer, "imageRef")


@of(47)
def _(scene: Scene) -> None:
    answer = scene.at(47).post("/volumes", {"volume": {"size": 1, "backup_id": str(uuid.uuid4())}})
    missing(answer)


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
    assert "cinder-backup could not be found" in refused(
        scene.at(51).post("/backups", wish), 400, "badRequest"
    )
    malformed(scene.at(50).post("/backups", wish), "availability_zone")


@of(52)
def _(scene: Scene) -> None:
    here = scene.caller.type(**{"RESKEY:availability_zones": "nova,other"})
    scene.caller.done(scene.at(52).post("/volumes", {"volume": {"size": 1, "volume_type": here}}))
    elsewhere = scene.caller.type(**{"RESKEY:availability_zones": "other"})
    for zone in (None, "nova"):
        wish = {"size": 1, "volume_type": elsewhere, "availability_zone": zone}
        malformed(scene.at(52).post("/volumes", {"volume": wish}), "availability_zone")
    malformed(act(scene.at(52), scene.volume_id, "os-retype", {"new_type": elsewhere}), "availability_zone")
    query = "/types?extra_specs={'RESKEY:availability_zones':'other'}"
    # Administrators can filter by this at every microversion, as in Cinder.
    for minor in (51, 52):
        found = scene.at(minor).get(query).json["volume_types"]
        assert [one["name"] for one in found] == [elsewhere]


@of(53)
def _(scene: Scene) -> None:
    wish = {"volume": {"size": 1, "status": "creating"}}
    malformed(scene.at(53).post("/volumes", wish), "status")
    scene.caller.done(scene.at(52).post("/volumes", wish))
    refused(scene.at(53).put(f"/volumes/{scene.volume_id}", {"volume": {}}), 400, "badRequest")


@of(54)
def _(scene: Scene) -> None:
    wish = {"attachment": {"volume_uuid": scene.fresh(), "mode": "ro"}}
    attachment_id = scene.at(54).post("/attachments", wish).json["attachment"]["id"]
    assert scene.at(54).get(f"/attachments/{attachment_id}").json["attachment"]["attach_mode"] == "ro"
    malformed(scene.at(53).post("/attachments", wish), "mode")


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
    missing(scene.at(62).get(path))


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
