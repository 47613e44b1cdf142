"""Tests of microversions 3.66 to 3.71."""

from __future__ import annotations

import uuid

from tests.functional.caller import malformed, missing, refused
from tests.functional.microversions.scene import Scene, of
from tests.functional.volume_actions import act


@of(66)
def _(scene: Scene) -> None:
    volume_id = scene.caller.volume()
    act(scene.caller, volume_id, "os-attach", {"host_name": "h", "mountpoint": "/dev/vdb"})
    wish = {"snapshot": {"volume_id": volume_id}}
    refused(scene.at(65).post("/snapshots", wish), 400, "badRequest")
    scene.caller.done(scene.at(66).post("/snapshots", wish))
    wish["snapshot"]["force"] = False
    malformed(scene.at(66).post("/snapshots", wish), "force")
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
    missing(act(scene.at(67), scene.volume_id, "os-reimage", image))
    message = refused(act(scene.at(68), scene.volume_id, "os-reimage", image), 400, "badRequest")
    assert "No image service is known" in message
    malformed(act(scene.at(68), scene.volume_id, "os-reimage", {"image_id": "x"}), "os-reimage.image_id")


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
    assert "no extension of it waits" in refused(answer, 400, "badRequest")
    assert scene.volume(71)["status"] == "available"
