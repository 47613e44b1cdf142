"""The requests of the scenario: one chapter for each kind of resource, its lifecycle and its refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.wire.scenario_player import Play

Chapter = Callable[[Play], None]


def _volume_type(play: Play, name: str = "", **more: Any) -> str:
    body = {"volume_type": {"name": play.tag + name, **more}}
    return str(play.made("types", _sent(play, "POST", "/types", body)))


def _volume(play: Play, **more: Any) -> str:
    return play.made("volumes", _sent(play, "POST", "/volumes", {"volume": {"size": 1, **more}}))


def _sent(play: Play, method: str, path: str, body: Any = None) -> Any:
    import json

    _, _, raw = play.send(method, path, body)
    return json.loads(raw) if raw.strip() else {}


def volume_types(play: Play) -> None:
    """Types, their extra specs, their access, their encryption."""
    body = {"name": play.tag, "description": "x", "extra_specs": {"bench:tier": "gold"}}
    made = play.post("type create", "/types", {"volume_type": body})
    id = play.made("types", made)
    play.get("type list", "/types", only="volume_types")
    play.get("type show", f"/types/{id}")
    play.get("type default", "/types/default")
    changed = {"name": play.tag, "description": "y", "is_public": True}
    play.put("type update", f"/types/{id}", {"volume_type": changed})
    play.put("type update description", f"/types/{id}", {"volume_type": {"description": "z"}})
    for name, volume_type in (
        ("nothing", {}),
        ("null name", {"name": None}),
        ("empty name", {"name": ""}),
        ("blank name", {"name": "  "}),
        ("long name", {"name": "n" * 256}),
        ("public word", {"is_public": "yes"}),
        ("public wrong", {"is_public": "maybe"}),
        ("unknown key", {"name": play.tag, "nothing": 1}),
        ("null description", {"description": None}),
        ("long description", {"description": "n" * 256}),
    ):
        play.put(f"type update, {name}", f"/types/{id}", {"volume_type": volume_type})
    play.put("type update, no root", f"/types/{id}", {})
    play.put("type update, of nobody", f"/types/{play.nobody}", {"volume_type": {"name": "x"}})
    play.put("type name back", f"/types/{id}", {"volume_type": {"name": play.tag, "is_public": True}})
    for name, volume_type in (
        ("again", {"name": play.tag}),
        ("without a name", {}),
        ("null name", {"name": None}),
        ("empty name", {"name": ""}),
        ("long name", {"name": "n" * 256}),
        ("number as name", {"name": 1}),
        ("unknown key", {"name": f"{play.tag}k", "nothing": 1}),
        ("specs that are none", {"name": f"{play.tag}s", "extra_specs": "x"}),
        ("empty spec key", {"name": f"{play.tag}e", "extra_specs": {"": "x"}}),
        ("number as spec", {"name": f"{play.tag}n", "extra_specs": {"a:b": 1}}),
        ("null spec", {"name": f"{play.tag}u", "extra_specs": {"a:b": None}}),
        ("long description", {"name": f"{play.tag}d", "description": "n" * 256}),
        ("public wrong", {"name": f"{play.tag}p", "os-volume-type-access:is_public": "maybe"}),
        ("public word", {"name": f"{play.tag}w", "os-volume-type-access:is_public": "off"}),
    ):
        answer = play.post(f"type create, {name}", "/types", {"volume_type": volume_type})
        play.drop("types", play.made("types", answer))
    play.post("type create, no root", "/types", {"type": {}})
    play.get("type of nobody", f"/types/{play.nobody}")
    play.delete("type delete, of nobody", f"/types/{play.nobody}")
    specs = f"/types/{id}/extra_specs"
    play.post("specs create", specs, {"extra_specs": {"bench:a": "b"}})
    play.get("specs list", specs)
    play.get("spec show", f"{specs}/bench:a")
    play.put("spec update", f"{specs}/bench:a", {"bench:a": "c"})
    play.put("spec update, other key", f"{specs}/bench:a", {"bench:b": "c"})
    play.put("spec update, two", f"{specs}/bench:a", {"bench:a": "c", "bench:b": "d"})
    play.put("spec update, none", f"{specs}/bench:a", {})
    play.put("spec update, new", f"{specs}/bench:n", {"bench:n": "c"})
    for name, spec in (
        ("number", {"a:b": 1}),
        ("null", {"a:b": None}),
        ("empty key", {"": "x"}),
        ("none", {}),
    ):
        play.post(f"specs create, {name}", specs, {"extra_specs": spec})
    play.post("specs create, no root", specs, {})
    play.post("specs create, bad key", specs, {"extra_specs": {"a/b": "c"}})
    play.delete("spec delete", f"{specs}/bench:a")
    play.delete("spec delete, of nobody", f"{specs}/none")
    play.get("spec of nobody", f"{specs}/none")
    play.get("specs of nobody", f"/types/{play.nobody}/extra_specs")
    play.get("type access of a public type", f"/types/{id}/os-volume-type-access")
    private = {"name": f"{play.tag}q", "os-volume-type-access:is_public": False}
    hidden = play.made("types", play.post("private type", "/types", {"volume_type": private}))
    access = f"/types/{hidden}/action"
    play.post("type access add", access, {"addProjectAccess": {"project": play.project}})
    play.post("type access add, again", access, {"addProjectAccess": {"project": play.project}})
    play.get("type access list", f"/types/{hidden}/os-volume-type-access")
    play.post("type access remove", access, {"removeProjectAccess": {"project": play.project}})
    play.post("type access remove, again", access, {"removeProjectAccess": {"project": play.project}})
    play.post("type access add, no project", access, {"addProjectAccess": {}})
    play.post(
        "type access add, to a public one",
        f"/types/{id}/action",
        {"addProjectAccess": {"project": play.project}},
    )
    play.post("type action, unknown", access, {"nothing": {}})
    play.get("type show private", f"/types/{hidden}")
    for word in ("none", "true", "False", "wrong"):
        play.get(f"type list public {word}", f"/types?is_public={word}", only="volume_types")
    play.get("type list limit", "/types?limit=1")
    play.get("type list limit 0", "/types?limit=0", only="volume_types")
    play.get("type list limit word", "/types?limit=x")
    play.get("type list marker of nobody", f"/types?marker={play.nobody}")
    play.get("type list sorted", "/types?sort=name:asc", only="volume_types")
    play.get("type list sorted badly", "/types?sort=nothing:asc")
    play.get(
        "type list by specs",
        '/types?extra_specs={"bench:tier":"gold"}'.replace('"', "%22"),
        only="volume_types",
    )
    play.get("type list by name", f"/types?name={play.tag}", only="volume_types")
    play.get("type list by nothing", "/types?nothing=1", only="volume_types")
    for name, encryption in (
        ("no provider", {"cipher": "x", "control_location": "front-end"}),
        ("size word", {"provider": "luks", "key_size": "x", "control_location": "front-end"}),
        ("location", {"provider": "luks", "control_location": "nowhere"}),
        ("no location", {"provider": "luks"}),
    ):
        play.post(f"encryption create, {name}", f"/types/{id}/encryption", {"encryption": encryption})
    play.get("encryption of none", f"/types/{id}/encryption")
    encryption = {
        "provider": "luks",
        "cipher": "aes-xts-plain64",
        "key_size": 256,
        "control_location": "front-end",
    }
    made = play.post("encryption create", f"/types/{id}/encryption", {"encryption": encryption})
    key = made.get("encryption", {}).get("encryption_id", "none")
    play.post("encryption create, again", f"/types/{id}/encryption", {"encryption": encryption})
    play.get("encryption show", f"/types/{id}/encryption")
    play.get("encryption show cipher", f"/types/{id}/encryption/cipher")
    play.get("encryption show nothing", f"/types/{id}/encryption/nothing")
    play.put("encryption update", f"/types/{id}/encryption/{key}", {"encryption": {"key_size": 512}})
    play.put("encryption update, word", f"/types/{id}/encryption/{key}", {"encryption": {"key_size": "x"}})
    play.delete("encryption delete", f"/types/{id}/encryption/{key}")
    play.delete("encryption delete, again", f"/types/{id}/encryption/{key}")
    play.delete("private type delete", f"/types/{hidden}")
    play.delete("type delete", f"/types/{id}")


def qos_specs(play: Play) -> None:
    """QoS specs."""
    kind = _volume_type(play)
    body = {"name": play.tag, "consumer": "back-end", "iops": "100"}
    made = play.post("qos create", "/qos-specs", {"qos_specs": body})
    id = made.get("qos_specs", {}).get("id", "none")
    for name, spec in (
        ("again", {"name": play.tag}),
        ("without a name", {"iops": "1"}),
        ("null name", {"name": None}),
        ("empty name", {"name": ""}),
        ("number as name", {"name": 1}),
        ("long name", {"name": "n" * 256}),
        ("unknown consumer", {"name": f"{play.tag}c", "consumer": "nobody"}),
        ("number as value", {"name": f"{play.tag}v", "iops": 1}),
        ("long value", {"name": f"{play.tag}l", "iops": "n" * 256}),
        ("null value", {"name": f"{play.tag}u", "iops": None}),
        ("no consumer", {"name": f"{play.tag}d"}),
    ):
        answer = play.post(f"qos create, {name}", "/qos-specs", {"qos_specs": spec})
        if answer.get("qos_specs", {}).get("id"):
            play.send("DELETE", f"/qos-specs/{answer['qos_specs']['id']}")
    play.post("qos create, no root", "/qos-specs", {})
    play.get("qos list", "/qos-specs", only="qos_specs")
    play.get("qos list limit", "/qos-specs?limit=1")
    play.get("qos list marker of nobody", f"/qos-specs?marker={play.nobody}")
    play.get("qos show", f"/qos-specs/{id}")
    play.put("qos set", f"/qos-specs/{id}", {"qos_specs": {"iops": "200"}})
    play.put("qos set consumer", f"/qos-specs/{id}", {"qos_specs": {"consumer": "both"}})
    play.put("qos set wrong consumer", f"/qos-specs/{id}", {"qos_specs": {"consumer": "x"}})
    play.put("qos set nothing", f"/qos-specs/{id}", {"qos_specs": {}})
    play.put("qos set number", f"/qos-specs/{id}", {"qos_specs": {"iops": 1}})
    play.put("qos set of nobody", f"/qos-specs/{play.nobody}", {"qos_specs": {"iops": "200"}})
    play.get("qos associate", f"/qos-specs/{id}/associate?vol_type_id={kind}")
    play.get("qos associate, again", f"/qos-specs/{id}/associate?vol_type_id={kind}")
    play.get("qos associate, nobody", f"/qos-specs/{id}/associate?vol_type_id={play.nobody}")
    play.get("qos associate, nothing", f"/qos-specs/{id}/associate")
    play.get("qos associations", f"/qos-specs/{id}/associations")
    play.get("qos associations of nobody", f"/qos-specs/{play.nobody}/associations")
    play.get("type show with qos", f"/types/{kind}")
    play.delete("qos delete in use", f"/qos-specs/{id}")
    play.get("qos disassociate", f"/qos-specs/{id}/disassociate?vol_type_id={kind}")
    play.get("qos disassociate, again", f"/qos-specs/{id}/disassociate?vol_type_id={kind}")
    play.get("qos disassociate all", f"/qos-specs/{id}/disassociate_all")
    play.get("qos associations of none", f"/qos-specs/{id}/associations")
    play.put("qos unset", f"/qos-specs/{id}/delete_keys", {"keys": ["iops"]})
    play.put("qos unset, again", f"/qos-specs/{id}/delete_keys", {"keys": ["iops"]})
    play.put("qos unset, no keys", f"/qos-specs/{id}/delete_keys", {})
    play.get("qos associate for force", f"/qos-specs/{id}/associate?vol_type_id={kind}")
    play.delete("qos delete with force", f"/qos-specs/{id}?force=True")
    play.delete("qos delete of nobody", f"/qos-specs/{play.nobody}")
    play.get("qos of nobody", f"/qos-specs/{play.nobody}")
    play.drop("types", kind)


VOLUME_BODIES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("no size", {}),
    ("null size", {"size": None}),
    ("size 0", {"size": 0}),
    ("size text", {"size": "x"}),
    ("size empty text", {"size": ""}),
    ("size -1", {"size": -1}),
    ("size 1.5", {"size": 1.5}),
    ("size true", {"size": True}),
    ("size huge", {"size": 2**40}),
    ("size as text", {"size": "1", "name": None}),
    ("size as text with spaces", {"size": " 1 "}),
    ("unknown type", {"size": 1, "volume_type": "no-such-type"}),
    ("null type", {"size": 1, "volume_type": None}),
    ("number as type", {"size": 1, "volume_type": 1}),
    ("unknown key", {"size": 1, "nothing": 1}),
    ("long name", {"size": 1, "name": "n" * 256}),
    ("number as name", {"size": 1, "name": 1}),
    ("long description", {"size": 1, "description": "n" * 256}),
    ("empty name", {"size": 1, "name": ""}),
    ("display_name", {"size": 1, "display_name": "x", "display_description": "y"}),
    ("unknown zone", {"size": 1, "availability_zone": "nowhere"}),
    ("null zone", {"size": 1, "availability_zone": None}),
    ("over quota", {"size": 10**7}),
    ("metadata text", {"size": 1, "metadata": "x"}),
    ("metadata null", {"size": 1, "metadata": None}),
    ("metadata number", {"size": 1, "metadata": {"a": 1}}),
    ("metadata null value", {"size": 1, "metadata": {"a": None}}),
    ("metadata empty key", {"size": 1, "metadata": {"": "x"}}),
    ("metadata long key", {"size": 1, "metadata": {"k" * 256: "x"}}),
    ("metadata long value", {"size": 1, "metadata": {"k": "x" * 256}}),
    ("multiattach false", {"size": 1, "multiattach": False}),
    ("multiattach word", {"size": 1, "multiattach": "maybe"}),
    ("status", {"size": 1, "status": "creating"}),
    ("attach_status", {"size": 1, "attach_status": "detached"}),
    ("user_id", {"size": 1, "user_id": None}),
    ("project_id", {"size": 1, "project_id": None}),
    ("source_replica", {"size": 1, "source_replica": None}),
    ("snapshot of nobody", {"size": 1, "snapshot_id": "6a2b39a1-8ab3-4ed0-9d2a-bd2a9c4fb7a5"}),
    ("snapshot null", {"size": 1, "snapshot_id": None}),
    ("snapshot no uuid", {"size": 1, "snapshot_id": "x"}),
    ("source of nobody", {"size": 1, "source_volid": "6a2b39a1-8ab3-4ed0-9d2a-bd2a9c4fb7a5"}),
    ("source null", {"size": 1, "source_volid": None}),
    ("source no uuid", {"size": 1, "source_volid": "x"}),
    ("image null", {"size": 1, "imageRef": None}),
    ("image empty", {"size": 1, "imageRef": ""}),
    ("image number", {"size": 1, "imageRef": 1}),
    ("backup null", {"size": 1, "backup_id": None}),
    ("backup of nobody", {"size": 1, "backup_id": "6a2b39a1-8ab3-4ed0-9d2a-bd2a9c4fb7a5"}),
    ("group of nobody", {"size": 1, "group_id": "6a2b39a1-8ab3-4ed0-9d2a-bd2a9c4fb7a5"}),
    ("group null", {"size": 1, "group_id": None}),
    (
        "consistency group of nobody",
        {"size": 1, "consistencygroup_id": "6a2b39a1-8ab3-4ed0-9d2a-bd2a9c4fb7a5"},
    ),
    ("consistency group null", {"size": 1, "consistencygroup_id": None}),
    ("consistency group no uuid", {"size": 1, "consistencygroup_id": "x"}),
    ("consistency group empty", {"size": 1, "consistencygroup_id": ""}),
)


def volume_bodies(play: Play) -> None:
    """Bodies of volume requests in every variant."""
    for name, body in VOLUME_BODIES:
        answer = play.post(f"volume create, {name}", "/volumes", {"volume": body})
        play.drop("volumes", play.made("volumes", answer))
    play.post("volume create, no body", "/volumes")
    play.post("volume create, empty body", "/volumes", {})
    play.post("volume create, list", "/volumes", [])
    play.post("volume create, null", "/volumes", {"volume": None})
    play.post("volume create, text", "/volumes", {"volume": "x"})
    play.post("volume create, no JSON", "/volumes", b"{")
    hints = {"volume": {"size": 0}, "OS-SCH-HNT:scheduler_hints": {}}
    play.post("volume create, hints", "/volumes", hints)
    play.post("volume create, unknown beside", "/volumes", {"volume": {"size": 0}, "nothing": 1})
    play.post(
        "volume create, two kinds", "/volumes?x=y", {"volume": {"size": 0, "source_volid": play.nobody}}
    )


def volumes(play: Play) -> None:
    """Volumes: shown, listed, changed."""
    kind = _volume_type(play)
    body = {"name": play.tag, "size": 1, "volume_type": kind, "metadata": {"a": "b"}, "description": "d"}
    id = play.made("volumes", play.post("volume create", "/volumes", {"volume": body}))
    smallest = play.post("volume create, smallest body", "/volumes", {"volume": {"size": 1}})
    plain = play.made("volumes", smallest)
    play.get("volume show", f"/volumes/{id}")
    play.get("volume show plain", f"/volumes/{plain}")
    for path in ("", "/detail"):
        for query in (
            "",
            *("?limit=1", "?limit=2", "?limit=0", "?limit=-1", "?limit=x", "?limit=100000"),
            *("?offset=1", "?offset=-1", "?offset=x", "?offset=1&limit=1", "?offset=100000000000"),
            f"?marker={play.nobody}",
            f"?marker={id}",
            *("?sort=name:asc", "?sort=nothing:asc", "?sort=name:up", "?sort=name", "?sort=name,size:desc"),
            *("?sort_key=name", "?sort_key=name&sort_dir=asc", "?sort_dir=up", "?sort_key=nothing"),
            "?sort=name&sort_key=name",
            *(
                "?name=x",
                f"?name={play.tag}",
                "?status=available",
                "?status=x",
                "?nothing=1",
                "?bootable=false",
            ),
            *("?bootable=x", "?all_tenants=0", f"?all_tenants=1&project_id={play.project}", "?all_tenants=x"),
            *("?with_count=True", "?with_count=x", "?limit=1&with_count=True", "?display_name=x", "?size=1"),
            *(
                "?metadata={'a':'b'}",
                "?metadata=x",
                f"?name~={play.tag}",
                "?name~=zzz",
                "?migration_status=x",
            ),
            *(
                "?availability_zone=nova",
                "?group_id=x",
                "?created_at=gt:2020-01-01T00:00:00",
                "?created_at=x",
            ),
            *("?consumes_quota=true", "?consumes_quota=false", "?consumes_quota=x", "?updated_at=gt:x"),
            *(f"?id={plain}", f"?volume_type={play.tag}", "?glance_metadata={'a':'b'}", "?host=x"),
        ):
            told = query.replace(play.tag, "TAG").replace(play.nobody, "NOBODY").replace(id, "ID")
            told = told.replace(play.project, "PROJECT").replace(plain, "PLAIN")
            play.get(f"volume list{path}{told}", f"/volumes{path}{query}")
    play.get("volume summary", "/volumes/summary")
    play.get("volume summary all", f"/volumes/summary?all_tenants=1&project_id={play.project}")
    play.get("volume encryption", f"/volumes/{id}/encryption")
    play.get("volume encryption key", f"/volumes/{id}/encryption/encryption_key_id")
    play.get("volume encryption of nobody", f"/volumes/{play.nobody}/encryption")
    for name, volume in (
        ("names", {"name": play.tag, "description": "z"}),
        ("metadata", {"metadata": {"c": "d"}}),
        ("nothing", {}),
        ("display_name", {"display_name": "x", "display_description": "y"}),
        ("null name", {"name": None}),
        ("empty name", {"name": ""}),
        ("long name", {"name": "n" * 256}),
        ("number as name", {"name": 1}),
        ("unknown key", {"name": "x", "nothing": 1}),
        ("unknown key alone", {"nothing": 1}),
        ("size", {"size": 2}),
        ("metadata text", {"metadata": "x"}),
        ("metadata null", {"metadata": None}),
        ("metadata number", {"metadata": {"a": 1}}),
        ("metadata empty key", {"metadata": {"": "x"}}),
        ("metadata long value", {"metadata": {"a": "x" * 256}}),
    ):
        play.put(f"volume update, {name}", f"/volumes/{id}", {"volume": volume})
    play.put("volume update, no body", f"/volumes/{id}")
    play.put("volume update, no root", f"/volumes/{id}", {})
    play.put("volume update, null root", f"/volumes/{id}", {"volume": None})
    play.put("volume update, of nobody", f"/volumes/{play.nobody}", {"volume": {"name": "x"}})
    play.get("volume of nobody", f"/volumes/{play.nobody}")
    play.get("volume no uuid", "/volumes/none")
    play.get("volume empty id", "/volumes/")
    play.delete("volume delete of nobody", f"/volumes/{play.nobody}")
    play.delete("volume delete force", f"/volumes/{plain}?force=x")
    play.settle(f"/volumes/{plain}")
    play.delete("volume delete cascade", f"/volumes/{id}?cascade=True")
    play.settle(f"/volumes/{id}")
    play.get("volume list empty", "/volumes")
    play.get("volume list detail empty", "/volumes/detail")
    play.get("volume summary empty", "/volumes/summary")
    play.drop("types", kind)


def metadata(play: Play) -> None:
    """Metadata of volumes and snapshots, and image metadata."""
    id = _volume(play, metadata={"a": "b"})
    snapshot = play.made("snapshots", _sent(play, "POST", "/snapshots", {"snapshot": {"volume_id": id}}))
    for noun, base in (
        ("volume", f"/volumes/{id}/metadata"),
        ("snapshot", f"/snapshots/{snapshot}/metadata"),
    ):
        play.get(f"{noun} metadata list", base)
        play.post(f"{noun} metadata add", base, {"metadata": {"c": "d"}})
        play.put(f"{noun} metadata replace", base, {"metadata": {"e": "f"}})
        play.get(f"{noun} metadata show", f"{base}/e")
        play.put(f"{noun} metadata set", f"{base}/e", {"meta": {"e": "g"}})
        play.put(f"{noun} metadata set, new", f"{base}/h", {"meta": {"h": "g"}})
        play.put(f"{noun} metadata set, other key", f"{base}/e", {"meta": {"f": "g"}})
        play.put(f"{noun} metadata set, two", f"{base}/e", {"meta": {"e": "g", "f": "g"}})
        play.put(f"{noun} metadata set, none", f"{base}/e", {"meta": {}})
        play.put(f"{noun} metadata set, no root", f"{base}/e", {})
        play.put(f"{noun} metadata set, number", f"{base}/e", {"meta": {"e": 1}})
        play.put(f"{noun} metadata set, null", f"{base}/e", {"meta": {"e": None}})
        play.put(f"{noun} metadata set, long", f"{base}/e", {"meta": {"e": "x" * 256}})
        for name, body in (
            ("no root", {}),
            ("text", {"metadata": "x"}),
            ("null", {"metadata": None}),
            ("empty", {"metadata": {}}),
            ("number", {"metadata": {"a": 1}}),
            ("null value", {"metadata": {"a": None}}),
            ("empty key", {"metadata": {"": "x"}}),
            ("long key", {"metadata": {"k" * 256: "x"}}),
            ("long value", {"metadata": {"k": "x" * 256}}),
            ("unknown beside", {"metadata": {"k": "x"}, "nothing": 1}),
        ):
            play.post(f"{noun} metadata add, {name}", base, body)
            play.put(f"{noun} metadata replace, {name}", base, body)
        play.delete(f"{noun} metadata delete", f"{base}/k")
        play.delete(f"{noun} metadata delete, none", f"{base}/none")
        play.get(f"{noun} metadata of none", f"{base}/none")
        nobody = base.replace(id, play.nobody).replace(snapshot, play.nobody)
        play.get(f"{noun} metadata list of nobody", nobody)
        play.get(f"{noun} metadata show of nobody", f"{nobody}/a")
        play.post(f"{noun} metadata add of nobody", nobody, {"metadata": {"c": "d"}})
        play.delete(f"{noun} metadata delete of nobody", f"{nobody}/a")
    act = f"/volumes/{id}/action"
    image = "os-set_image_metadata"
    play.post("image metadata set", act, {image: {"metadata": {"k": "v"}}})
    play.post("image metadata show", act, {"os-show_image_metadata": {}})
    play.post("image metadata show, null", act, {"os-show_image_metadata": None})
    play.get("volume show with image metadata", f"/volumes/{id}")
    play.get("volume list with image metadata", "/volumes/detail")
    for name, details in (
        ("no metadata", {}),
        ("text", {"metadata": "x"}),
        ("number", {"metadata": {"k": 1}}),
        ("empty key", {"metadata": {"": "x"}}),
        ("long value", {"metadata": {"k": "x" * 256}}),
        ("empty", {"metadata": {}}),
        ("null value", {"metadata": {"k": None}}),
    ):
        play.post(f"image metadata set, {name}", act, {image: details})
    play.post("image metadata unset", act, {"os-unset_image_metadata": {"key": "k"}})
    play.post("image metadata unset, again", act, {"os-unset_image_metadata": {"key": "k"}})
    play.post("image metadata unset, no key", act, {"os-unset_image_metadata": {}})
    play.drop("snapshots", snapshot)
    play.drop("volumes", id)


def volume_actions(play: Play) -> None:
    """Actions on a volume."""
    kind = _volume_type(play)
    id = _volume(play, volume_type=kind)
    path = f"/volumes/{id}/action"

    def act(name: str, action: str, details: Any) -> Any:
        answer = play.post(name, path, {action: details})
        play.settle(f"/volumes/{id}")
        return answer

    act("extend", "os-extend", {"new_size": 2})
    for name, size in (
        ("smaller", 1),
        ("same", 2),
        ("text", "x"),
        ("zero", 0),
        ("null", None),
        ("huge", 10**7),
        ("digits", "3"),
    ):
        act(f"extend {name}", "os-extend", {"new_size": size})
    act("extend nothing", "os-extend", {})
    act("extend unknown key", "os-extend", {"new_size": 4, "nothing": 1})
    for word in (True, "yes", "on", "maybe", None, 1, "", False):
        act(f"bootable {word!r}", "os-set_bootable", {"bootable": word})
        act(f"readonly {word!r}", "os-update_readonly_flag", {"readonly": word})
    act("bootable nothing", "os-set_bootable", {})
    act("readonly nothing", "os-update_readonly_flag", {})
    play.get("volume show readonly", f"/volumes/{id}")
    act("reserve", "os-reserve", {})
    act("reserve again", "os-reserve", {})
    act("unreserve", "os-unreserve", {})
    act("unreserve again", "os-unreserve", {})
    act("reserve, empty text", "os-reserve", "")
    act("unreserve null", "os-unreserve", None)
    use = {"instance_uuid": play.nobody, "mountpoint": "/dev/vdb", "mode": "rw"}
    for name, details in (
        ("nothing", {}),
        ("no mountpoint", {"instance_uuid": play.nobody}),
        ("no instance", {"mountpoint": "/dev/vdb"}),
        ("wrong mode", use | {"mode": "x"}),
        ("instance no uuid", use | {"instance_uuid": "x"}),
        ("both", use | {"host_name": "h"}),
        ("long mountpoint", use | {"mountpoint": "x" * 256}),
    ):
        act(f"attach {name}", "os-attach", details)
    act("detach not attached", "os-detach", {})
    play.post(
        "reset before attach", path, {"os-reset_status": {"status": "available", "attach_status": "detached"}}
    )
    act("attach", "os-attach", use)
    play.get("volume show attached", f"/volumes/{id}")
    play.get("volume list attached", "/volumes/detail")
    act("attach again", "os-attach", use)
    play.delete("volume delete attached", f"/volumes/{id}")
    play.made("snapshots", play.post("snapshot of attached", "/snapshots", {"snapshot": {"volume_id": id}}))
    act("extend attached", "os-extend", {"new_size": 8})
    act("begin detaching", "os-begin_detaching", {})
    act("begin detaching again", "os-begin_detaching", {})
    act("roll detaching", "os-roll_detaching", {})
    act("roll detaching again", "os-roll_detaching", {})
    act("detach unknown", "os-detach", {"attachment_id": play.nobody})
    act("detach", "os-detach", {})
    play.get("volume show detached", f"/volumes/{id}")
    act("force detach", "os-force_detach", {"attachment_id": play.nobody})
    act("force detach nothing", "os-force_detach", {})
    for status in (
        "error",
        "creating",
        "maintenance",
        "in-use",
        "deleting",
        "nothing",
        "",
        None,
        "available",
        "Error",
    ):
        play.post(f"reset status {status!r}", path, {"os-reset_status": {"status": status}})
    for name, details in (
        ("attach", {"attach_status": "detached"}),
        ("attach wrong", {"attach_status": "x"}),
        ("migration", {"migration_status": "none"}),
        ("migration wrong", {"migration_status": "x"}),
        ("nothing", {}),
        ("unknown key", {"status": "available", "nothing": 1}),
    ):
        play.post(f"reset {name}", path, {"os-reset_status": details})
    play.post("reset back", path, {"os-reset_status": {"status": "available", "attach_status": "detached"}})
    never = {"migration_policy": "never"}
    act("retype to nothing", "os-retype", {"new_type": "no-such-type", **never})
    act("retype to same", "os-retype", {"new_type": kind, **never})
    act("retype without type", "os-retype", never)
    act("retype wrong policy", "os-retype", {"new_type": kind, "migration_policy": "x"})
    act("retype null policy", "os-retype", {"new_type": kind, "migration_policy": None})
    act("migrate nothing", "os-migrate_volume", {})
    act("migrate to nowhere", "os-migrate_volume", {"host": "nowhere@x#y"})
    act("migrate completion nothing", "os-migrate_volume_completion", {})
    act("extend completion", "os-extend_volume_completion", {"error": False})
    act("extend completion nothing", "os-extend_volume_completion", {})
    act("upload nothing", "os-volume_upload_image", {})
    act("reimage nothing", "os-reimage", {})
    act("reimage", "os-reimage", {"image_id": play.nobody})
    act("reimage wrong", "os-reimage", {"image_id": "x"})
    act("revert nothing", "revert", {})
    act("revert to nobody", "revert", {"snapshot_id": play.nobody})
    act("connect nothing", "os-initialize_connection", {})
    act("connect text", "os-initialize_connection", {"connector": "x"})
    act("disconnect nothing", "os-terminate_connection", {})
    act("unknown action", "os-nothing", {})
    play.post("no action", path, {})
    play.post("no action body", path)
    play.post("two actions", path, {"os-reserve": {}, "os-unreserve": {}})
    play.post("action of nobody", f"/volumes/{play.nobody}/action", {"os-reserve": {}})
    play.post("reset of nobody", f"/volumes/{play.nobody}/action", {"os-reset_status": {"status": "error"}})
    play.post(
        "reset at last", path, {"os-reset_status": {"status": "available", "attach_status": "detached"}}
    )
    play.get("volume show at last", f"/volumes/{id}")
    play.post("force delete", path, {"os-force_delete": {}})
    play.settle(f"/volumes/{id}")
    play.drop("types", kind)


def snapshots(play: Play) -> None:
    """Snapshots of single volumes."""
    id = _volume(play)
    body = {"volume_id": id, "name": play.tag, "description": "d", "metadata": {"a": "b"}}
    made = play.made("snapshots", play.post("snapshot create", "/snapshots", {"snapshot": body}))
    small = play.made(
        "snapshots", play.post("snapshot create small", "/snapshots", {"snapshot": {"volume_id": id}})
    )
    for name, snapshot in (
        ("no volume", {}),
        ("null volume", {"volume_id": None}),
        ("volume no uuid", {"volume_id": "x"}),
        ("of nobody", {"volume_id": play.nobody}),
        ("unknown key", {"volume_id": id, "nothing": 1}),
        ("long name", {"volume_id": id, "name": "n" * 256}),
        ("number as name", {"volume_id": id, "name": 1}),
        ("null name", {"volume_id": id, "name": None}),
        ("display_name", {"volume_id": id, "display_name": "x"}),
        ("force true", {"volume_id": id, "force": True}),
        ("force false", {"volume_id": id, "force": False}),
        ("force word", {"volume_id": id, "force": "yes"}),
        ("force no", {"volume_id": id, "force": "no"}),
        ("force null", {"volume_id": id, "force": None}),
        ("force wrong", {"volume_id": id, "force": "maybe"}),
        ("metadata text", {"volume_id": id, "metadata": "x"}),
        ("metadata null", {"volume_id": id, "metadata": None}),
        ("metadata number", {"volume_id": id, "metadata": {"a": 1}}),
        ("metadata long", {"volume_id": id, "metadata": {"a": "x" * 256}}),
    ):
        answer = play.post(f"snapshot create, {name}", "/snapshots", {"snapshot": snapshot})
        play.drop("snapshots", play.made("snapshots", answer))
    play.post("snapshot create, no root", "/snapshots", {})
    play.get("snapshot show", f"/snapshots/{made}")
    play.get("snapshot show small", f"/snapshots/{small}")
    for path in ("", "/detail"):
        for query in (
            "",
            *("?limit=1", "?limit=0", "?limit=-1", "?limit=x", "?offset=1", f"?marker={play.nobody}"),
            *(
                "?sort=name:asc",
                "?sort=nothing",
                "?name=x",
                f"?volume_id={id}",
                "?status=available",
                "?nothing=1",
            ),
            *(
                "?with_count=True",
                "?all_tenants=0",
                f"?name~={play.tag}",
                "?metadata={'a':'b'}",
                "?consumes_quota=true",
            ),
            *("?consumes_quota=x", f"?all_tenants=1&project_id={play.project}", "?availability_zone=nova"),
        ):
            told = query.replace(play.tag, "TAG").replace(play.nobody, "NOBODY").replace(id, "ID")
            play.get(
                f"snapshot list{path}{told.replace(play.project, 'PROJECT')}", f"/snapshots{path}{query}"
            )
    for name, snapshot in (
        ("names", {"name": play.tag, "description": "x"}),
        ("nothing", {}),
        ("display_name", {"display_name": "y"}),
        ("null name", {"name": None}),
        ("long name", {"name": "n" * 256}),
        ("unknown key", {"nothing": 1}),
        ("metadata", {"metadata": {"a": "b"}}),
    ):
        play.put(f"snapshot update, {name}", f"/snapshots/{made}", {"snapshot": snapshot})
    play.put("snapshot update, no root", f"/snapshots/{made}", {})
    play.put("snapshot update, of nobody", f"/snapshots/{play.nobody}", {"snapshot": {"name": "x"}})
    play.get("snapshot of nobody", f"/snapshots/{play.nobody}")
    play.delete("snapshot delete of nobody", f"/snapshots/{play.nobody}")
    act = f"/snapshots/{made}/action"
    for status in ("error", "creating", "deleting", "nothing", None, "available"):
        play.post(f"snapshot reset {status!r}", act, {"os-reset_status": {"status": status}})
    play.post("snapshot reset nothing", act, {"os-reset_status": {}})
    play.post(
        "snapshot reset of nobody",
        f"/snapshots/{play.nobody}/action",
        {"os-reset_status": {"status": "error"}},
    )
    for name, details in (
        ("nothing", {}),
        ("available", {"status": "available"}),
        ("to creating", {"status": "creating"}),
        ("wrong", {"status": "x"}),
        ("progress", {"status": "available", "progress": "80%"}),
        ("progress wrong", {"status": "available", "progress": "x"}),
    ):
        play.post(f"snapshot update status {name}", act, {"os-update_snapshot_status": details})
    play.post("snapshot reset to creating", act, {"os-reset_status": {"status": "creating"}})
    play.post(
        "snapshot update status",
        act,
        {"os-update_snapshot_status": {"status": "available", "progress": "80%"}},
    )
    play.get("snapshot show after", f"/snapshots/{made}")
    play.post("snapshot action unknown", act, {"nothing": {}})
    play.post("snapshot action none", act, {})
    play.post("snapshot unmanage of nobody", f"/snapshots/{play.nobody}/action", {"os-unmanage": {}})
    play.delete("volume delete with snapshot", f"/volumes/{id}")
    answer = play.post("volume from snapshot", "/volumes", {"volume": {"snapshot_id": made}})
    clone = play.made("volumes", answer)
    play.get("volume show from snapshot", f"/volumes/{clone}")
    play.post("volume from snapshot, smaller", "/volumes", {"volume": {"snapshot_id": made, "size": 0}})
    answer = play.post(
        "volume from snapshot, larger", "/volumes", {"volume": {"snapshot_id": made, "size": 2}}
    )
    larger = play.made("volumes", answer)
    play.get("volume show larger", f"/volumes/{larger}")
    answer = play.post("volume from volume", "/volumes", {"volume": {"source_volid": id}})
    copy = play.made("volumes", answer)
    play.get("volume show from volume", f"/volumes/{copy}")
    answer = play.post("volume revert", f"/volumes/{id}/action", {"revert": {"snapshot_id": small}})
    play.settle(f"/volumes/{id}")
    play.get("volume show reverted", f"/volumes/{id}")
    play.post("volume revert to older", f"/volumes/{id}/action", {"revert": {"snapshot_id": made}})
    play.settle(f"/volumes/{id}")
    play.post("snapshot force delete", act, {"os-force_delete": {}})
    play.settle(f"/snapshots/{made}")
    play.delete("snapshot delete", f"/snapshots/{small}")
    play.settle(f"/snapshots/{small}")
    play.drop("volumes", id, clone, larger, copy)


def transfers(play: Play) -> None:
    """Volume transfers."""
    id = _volume(play)
    taken = _volume(play)
    for base in ("/os-volume-transfer", "/volume-transfers"):
        for name, transfer in (
            ("no volume", {}),
            ("null volume", {"volume_id": None}),
            ("no uuid", {"volume_id": "x"}),
            ("of nobody", {"volume_id": play.nobody}),
            ("long name", {"volume_id": id, "name": "n" * 256}),
            ("unknown key", {"volume_id": id, "nothing": 1}),
            ("snapshots wrong", {"volume_id": id, "no_snapshots": "maybe"}),
        ):
            answer = play.post(f"{base} create, {name}", base, {"transfer": transfer})
            if "transfer" in answer:
                play.send("DELETE", f"{base}/{answer['transfer']['id']}")
        play.post(f"{base} create, no root", base, {})
        made = play.post(f"{base} create", base, {"transfer": {"volume_id": id, "name": play.tag}})
        transfer, key = made.get("transfer", {}).get("id", "none"), made.get("transfer", {}).get("auth_key")
        play.post(f"{base} create, again", base, {"transfer": {"volume_id": id}})
        for path in ("", "/detail"):
            for query in (
                "",
                "?limit=1",
                "?limit=x",
                "?all_tenants=0",
                "?name=x",
                "?sort=name:asc",
                "?nothing=1",
            ):
                play.get(f"{base} list{path}{query}", f"{base}{path}{query}")
            play.get(f"{base} list{path} marker of nobody", f"{base}{path}?marker={play.nobody}")
        play.get(f"{base} show", f"{base}/{transfer}")
        play.get(f"{base} volume show", f"/volumes/{id}")
        play.delete(f"{base} volume delete", f"/volumes/{id}")
        accept = f"{base}/{transfer}/accept"
        play.post(f"{base} accept wrong", accept, {"accept": {"auth_key": "wrong"}})
        play.post(f"{base} accept nothing", accept, {"accept": {}})
        play.post(f"{base} accept null", accept, {"accept": {"auth_key": None}})
        play.post(f"{base} accept no root", accept, {})
        play.get(f"{base} of nobody", f"{base}/{play.nobody}")
        play.post(f"{base} accept of nobody", f"{base}/{play.nobody}/accept", {"accept": {"auth_key": "x"}})
        play.delete(f"{base} delete", f"{base}/{transfer}")
        play.delete(f"{base} delete again", f"{base}/{transfer}")
        play.get(f"{base} list empty", base)
    made = play.post("transfer create to accept", "/os-volume-transfer", {"transfer": {"volume_id": taken}})
    transfer = made.get("transfer", {}).get("id", "none")
    key = made.get("transfer", {}).get("auth_key")
    play.post("transfer accept", f"/os-volume-transfer/{transfer}/accept", {"accept": {"auth_key": key}})
    play.get("transfer show accepted", f"/os-volume-transfer/{transfer}")
    play.get("volume show accepted", f"/volumes/{taken}")
    play.drop("volumes", id, taken)


def attachments(play: Play) -> None:
    """Attachments."""
    id = _volume(play)
    second = _volume(play)
    server = "7bd1b7a5-3b0d-4a5c-8f0c-6f6e2f1d7a11"
    connector = {
        "host": "h",
        "initiator": "iqn.x",
        "ip": "127.0.0.1",
        "platform": "x86_64",
        "os_type": "linux",
        "multipath": False,
    }
    for name, attachment in (
        ("no volume", {"instance_uuid": server}),
        ("null volume", {"volume_uuid": None, "instance_uuid": server}),
        ("no uuid", {"volume_uuid": "x", "instance_uuid": server}),
        ("of nobody", {"volume_uuid": play.nobody, "instance_uuid": server}),
        ("instance no uuid", {"volume_uuid": id, "instance_uuid": "x"}),
        ("unknown key", {"volume_uuid": id, "instance_uuid": server, "nothing": 1}),
        ("connector text", {"volume_uuid": id, "instance_uuid": server, "connector": "x"}),
        ("wrong mode", {"volume_uuid": id, "instance_uuid": server, "mode": "x"}),
    ):
        answer = play.post(f"attachment create, {name}", "/attachments", {"attachment": attachment})
        if "attachment" in answer:
            play.send("DELETE", f"/attachments/{answer['attachment']['id']}")
    play.post("attachment create, no root", "/attachments", {})
    body = {"volume_uuid": id, "instance_uuid": server}
    made = play.post("attachment create", "/attachments", {"attachment": body})
    reserved = made.get("attachment", {}).get("id", "none")
    play.post("attachment create again", "/attachments", {"attachment": body})
    play.get("volume show reserved", f"/volumes/{id}")
    for path in ("", "/detail"):
        for query in (
            "",
            "?limit=1",
            "?limit=x",
            f"?volume_id={id}",
            f"?instance_id={server}",
            "?status=reserved",
            "?nothing=1",
            "?all_tenants=0",
            "?sort=id:asc",
            "?sort=nothing:asc",
            "?attach_status=x",
        ):
            play.get(f"attachment list{path}{query.replace(id, 'ID')}", f"/attachments{path}{query}")
        play.get(f"attachment list{path} marker of nobody", f"/attachments{path}?marker={play.nobody}")
    play.get("attachment show reserved", f"/attachments/{reserved}")
    for name, details in (
        ("no connector", {}),
        ("null", {"connector": None}),
        ("text", {"connector": "x"}),
        ("empty", {"connector": {}}),
        ("unknown key", {"connector": connector, "nothing": 1}),
    ):
        play.put(f"attachment update, {name}", f"/attachments/{reserved}", {"attachment": details})
    play.put("attachment update, no root", f"/attachments/{reserved}", {})
    play.put(
        "attachment update, of nobody",
        f"/attachments/{play.nobody}",
        {"attachment": {"connector": connector}},
    )
    play.post("attachment complete early", f"/attachments/{reserved}/action", {"os-complete": {}})
    play.put("attachment update", f"/attachments/{reserved}", {"attachment": {"connector": connector}})
    play.get("attachment show attaching", f"/attachments/{reserved}")
    play.get("volume show attaching", f"/volumes/{id}")
    play.post("attachment complete", f"/attachments/{reserved}/action", {"os-complete": {}})
    play.get("attachment show attached", f"/attachments/{reserved}")
    play.get("attachment list attached", "/attachments")
    play.get("attachment detail attached", "/attachments/detail")
    play.get("volume show in use", f"/volumes/{id}")
    play.get("volume detail in use", "/volumes/detail")
    play.post("attachment complete again", f"/attachments/{reserved}/action", {"os-complete": {}})
    play.post("attachment action unknown", f"/attachments/{reserved}/action", {"nothing": {}})
    play.post("attachment complete of nobody", f"/attachments/{play.nobody}/action", {"os-complete": {}})
    play.get("attachment of nobody", f"/attachments/{play.nobody}")
    play.delete("attachment delete of nobody", f"/attachments/{play.nobody}")
    made = play.post(
        "attachment create with connector", "/attachments",
        {"attachment": {"volume_uuid": second, "instance_uuid": server, "connector": connector}},
    )  # fmt: skip
    direct = made.get("attachment", {}).get("id", "none")
    play.get("attachment show direct", f"/attachments/{direct}")
    play.get("volume show direct", f"/volumes/{second}")
    play.delete("attachment delete", f"/attachments/{reserved}")
    play.delete("attachment delete direct", f"/attachments/{direct}")
    play.get("attachment show deleted", f"/attachments/{reserved}")
    play.get("attachment list empty", "/attachments")
    play.get("volume show released", f"/volumes/{id}")
    for one in (id, second):
        play.send(
            "POST",
            f"/volumes/{one}/action",
            {"os-reset_status": {"status": "available", "attach_status": "detached"}},
        )
    play.drop("volumes", id, second)


def consistencygroups(play: Play) -> None:
    """Consistency groups and cgsnapshots."""
    kind = _volume_type(play)
    base = "/consistencygroups"

    def make(step: str, **body: Any) -> str:
        return play.made("consistencygroups", play.post(step, base, {"consistencygroup": body}))

    def remove(*ids: str) -> None:
        for one in ids:
            play.send("POST", f"{base}/{one}/delete", {"consistencygroup": {"force": True}})
            play.settle(f"{base}/{one}")

    id = make("consisgroup create", name=play.tag, volume_types=kind, description="d")
    for name, body in (
        ("no types", {"name": "x"}),
        ("unknown type", {"volume_types": play.nobody}),
        ("null type", {"volume_types": None}),
        ("empty type", {"volume_types": ""}),
        ("number as type", {"volume_types": 1}),
        ("list of types", {"volume_types": [kind]}),
        ("two types", {"volume_types": f"{kind},{kind}"}),
        ("unknown key", {"volume_types": kind, "nothing": 1}),
        ("long name", {"volume_types": kind, "name": "n" * 256}),
        ("number as name", {"volume_types": kind, "name": 1}),
        ("null name", {"volume_types": kind, "name": None, "description": None}),
        ("unknown zone", {"volume_types": kind, "availability_zone": "nowhere"}),
        (
            "what clients send",
            {"volume_types": kind, "user_id": None, "project_id": None, "status": "creating"},
        ),
    ):
        remove(make(f"consisgroup create, {name}", **body))
    play.post("consisgroup create, no root", base, {})
    for path in ("", "/detail"):
        for query in (
            "",
            "?limit=1",
            "?limit=x",
            "?limit=0",
            "?offset=1",
            "?name=x",
            "?status=available",
            "?nothing=1",
            "?all_tenants=0",
            "?sort=name:asc",
            "?sort=nothing:asc",
        ):
            play.get(f"consisgroup list{path}{query}", f"{base}{path}{query}")
        play.get(f"consisgroup list{path} marker of nobody", f"{base}{path}?marker={play.nobody}")
    play.get("consisgroup show", f"{base}/{id}")
    play.get("consisgroup of nobody", f"{base}/{play.nobody}")
    play.post("cgsnapshot of an empty group", "/cgsnapshots", {"cgsnapshot": {"consistencygroup_id": id}})
    body = {"size": 1, "volume_type": kind, "consistencygroup_id": id}
    member = play.made("volumes", play.post("member create", "/volumes", {"volume": body}))
    play.get("member show", f"/volumes/{member}")
    play.post("member of a wrong type", "/volumes", {"volume": {"size": 1, "consistencygroup_id": id}})
    play.get("member list", f"/volumes/detail?consistencygroup_id={id}")
    play.get("group members list", f"/volumes/detail?group_id={id}")
    play.get("consisgroup as a group", f"/groups/{id}")
    play.get("consisgroup as a group with volumes", f"/groups/{id}?list_volume=True")
    play.get("consisgroup in the list of groups", "/groups/detail")
    play.delete("member delete", f"/volumes/{member}")
    play.post("member extend", f"/volumes/{member}/action", {"os-extend": {"new_size": 2}})
    play.settle(f"/volumes/{member}")
    taken = play.post(
        "cgsnapshot create", "/cgsnapshots", {"cgsnapshot": {"name": play.tag, "consistencygroup_id": id}}
    )
    cgsnapshot = play.made("cgsnapshots", taken)
    for name, cg in (
        ("no group", {"name": "x"}),
        ("unknown group", {"consistencygroup_id": play.nobody}),
        ("null group", {"consistencygroup_id": None}),
        ("no uuid", {"consistencygroup_id": "x"}),
        ("unknown key", {"consistencygroup_id": id, "nothing": 1}),
        ("long name", {"consistencygroup_id": id, "name": "n" * 256}),
        (
            "what clients send",
            {
                "consistencygroup_id": id,
                "name": None,
                "description": None,
                "user_id": None,
                "project_id": None,
                "status": "creating",
            },
        ),
    ):
        answer = play.post(f"cgsnapshot create, {name}", "/cgsnapshots", {"cgsnapshot": cg})
        play.drop("cgsnapshots", play.made("cgsnapshots", answer))
    play.post("cgsnapshot create, no root", "/cgsnapshots", {})
    for path in ("", "/detail"):
        for query in (
            "",
            "?limit=1",
            "?limit=x",
            "?name=x",
            "?status=available",
            "?nothing=1",
            "?all_tenants=0",
            f"?consistencygroup_id={id}",
        ):
            play.get(f"cgsnapshot list{path}{query.replace(id, 'ID')}", f"/cgsnapshots{path}{query}")
        play.get(f"cgsnapshot list{path} marker of nobody", f"/cgsnapshots{path}?marker={play.nobody}")
    play.get("cgsnapshot show", f"/cgsnapshots/{cgsnapshot}")
    play.get("cgsnapshot of nobody", f"/cgsnapshots/{play.nobody}")
    play.get("cgsnapshot as a group snapshot", f"/group_snapshots/{cgsnapshot}")
    play.get("cgsnapshot in the list of group snapshots", "/group_snapshots/detail")
    listed = play.get("snapshots of a cgsnapshot", "/snapshots/detail")
    copy = (listed.get("snapshots") or [{"id": "none"}])[0]["id"]
    play.get("snapshot show of a cgsnapshot", f"/snapshots/{copy}")
    play.delete("snapshot delete of a cgsnapshot", f"/snapshots/{copy}")
    play.delete("member delete with a cgsnapshot", f"/volumes/{member}")
    change = {"name": f"{play.tag}n", "description": "e"}
    play.put("consisgroup update", f"{base}/{id}/update", {"consistencygroup": change})
    play.settle(f"{base}/{id}")
    for name, change in (
        ("nothing", {}),
        ("nulls", {"name": None, "description": None, "add_volumes": None, "remove_volumes": None}),
        ("empty name", {"name": ""}),
        ("long name", {"name": "n" * 256}),
        ("unknown key", {"name": "x", "nothing": 1}),
        ("add nobody", {"add_volumes": play.nobody}),
        ("remove nobody", {"remove_volumes": play.nobody}),
        ("add and remove", {"add_volumes": member, "remove_volumes": member}),
        ("add member", {"add_volumes": member}),
    ):
        play.put(f"consisgroup update, {name}", f"{base}/{id}/update", {"consistencygroup": change})
        play.settle(f"{base}/{id}")
    play.put("consisgroup update, no root", f"{base}/{id}/update", {})
    play.put("consisgroup update plainly", f"{base}/{id}", {"consistencygroup": {"name": "x"}})
    play.put(
        "consisgroup update of nobody", f"{base}/{play.nobody}/update", {"consistencygroup": {"name": "x"}}
    )
    sources = []
    for name, source in (
        ("from cgsnapshot", {"name": play.tag, "cgsnapshot_id": cgsnapshot}),
        ("from group", {"name": play.tag, "source_cgid": id}),
        ("from nothing", {"name": "x"}),
        ("from both", {"cgsnapshot_id": cgsnapshot, "source_cgid": id}),
        ("from cgsnapshot of nobody", {"cgsnapshot_id": play.nobody}),
        ("from group of nobody", {"source_cgid": play.nobody}),
        ("from no uuid", {"cgsnapshot_id": "x"}),
        ("unknown key", {"cgsnapshot_id": cgsnapshot, "nothing": 1}),
    ):
        answer = play.post(
            f"consisgroup create {name}", f"{base}/create_from_src", {"consistencygroup-from-src": source}
        )
        made = play.made("consistencygroups", answer)
        sources.append(made)
        if made != "none":
            play.get(f"consisgroup show {name}", f"{base}/{made}")
            play.get(f"members {name}", f"/volumes/detail?group_id={made}")
    play.post("consisgroup create from src, no root", f"{base}/create_from_src", {})
    remove(*sources)
    play.post("consisgroup delete unforced", f"{base}/{id}/delete", {"consistencygroup": {}})
    play.post("consisgroup delete false", f"{base}/{id}/delete", {"consistencygroup": {"force": False}})
    play.post("consisgroup delete wrong", f"{base}/{id}/delete", {"consistencygroup": {"force": "maybe"}})
    play.post("consisgroup delete unknown key", f"{base}/{id}/delete", {"consistencygroup": {"nothing": 1}})
    play.post(
        "consisgroup delete with cgsnapshots", f"{base}/{id}/delete", {"consistencygroup": {"force": True}}
    )
    play.post("consisgroup delete no root", f"{base}/{id}/delete", {"x": 1})
    play.post(
        "consisgroup delete of nobody", f"{base}/{play.nobody}/delete", {"consistencygroup": {"force": True}}
    )
    play.delete("consisgroup plain delete", f"{base}/{id}")
    play.delete("type delete in use", f"/types/{kind}")
    play.delete("cgsnapshot delete", f"/cgsnapshots/{cgsnapshot}")
    play.settle(f"/cgsnapshots/{cgsnapshot}")
    play.delete("cgsnapshot delete of nobody", f"/cgsnapshots/{play.nobody}")
    play.post("consisgroup delete", f"{base}/{id}/delete", {"consistencygroup": {"force": True}})
    play.settle(f"{base}/{id}")
    play.get("consisgroup list empty", base)
    play.get("cgsnapshot list empty", "/cgsnapshots")
    play.drop("types", kind)


def group_types(play: Play) -> None:
    """Group types and their specs."""
    base = "/group_types"
    made = play.post(
        "group type create",
        base,
        {"group_type": {"name": play.tag, "description": "d", "group_specs": {"a": "b"}}},
    )
    id = made.get("group_type", {}).get("id", "none")
    for name, body in (
        ("again", {"name": play.tag}),
        ("without a name", {}),
        ("null name", {"name": None}),
        ("empty name", {"name": ""}),
        ("long name", {"name": "n" * 256}),
        ("unknown key", {"name": f"{play.tag}k", "nothing": 1}),
        ("public word", {"name": f"{play.tag}p", "is_public": "off"}),
        ("public wrong", {"name": f"{play.tag}w", "is_public": "maybe"}),
        ("specs text", {"name": f"{play.tag}t", "group_specs": "x"}),
        ("specs number", {"name": f"{play.tag}n", "group_specs": {"a": 1}}),
    ):
        answer = play.post(f"group type create, {name}", base, {"group_type": body})
        if "group_type" in answer:
            play.send("DELETE", f"{base}/{answer['group_type']['id']}")
    play.post("group type create, no root", base, {})
    for query in (
        "",
        "?is_public=none",
        "?is_public=false",
        "?is_public=x",
        "?limit=0",
        "?sort=name:asc",
        "?nothing=1",
    ):
        play.get(f"group type list{query}", f"{base}{query}", only="group_types")
    play.get("group type list limit 1", f"{base}?limit=1")
    play.get("group type list limit x", f"{base}?limit=x")
    play.get("group type list marker of nobody", f"{base}?marker={play.nobody}")
    play.get("group type show", f"{base}/{id}")
    play.get("group type default", f"{base}/default")
    play.get("group type of nobody", f"{base}/{play.nobody}")
    for name, body in (
        ("description", {"description": "q"}),
        ("name", {"name": play.tag}),
        ("public", {"is_public": False}),
        ("public wrong", {"is_public": "maybe"}),
        ("nothing", {}),
        ("null name", {"name": None}),
        ("empty name", {"name": ""}),
        ("long name", {"name": "n" * 256}),
        ("unknown key", {"name": play.tag, "nothing": 1}),
    ):
        play.put(f"group type update, {name}", f"{base}/{id}", {"group_type": body})
    play.put("group type update, no root", f"{base}/{id}", {})
    play.put("group type update, of nobody", f"{base}/{play.nobody}", {"group_type": {"name": "x"}})
    specs = f"{base}/{id}/group_specs"
    play.get("group specs list", specs)
    play.post("group specs create", specs, {"group_specs": {"c": "d"}})
    for name, spec in (
        ("number", {"a": 1}),
        ("null", {"a": None}),
        ("empty key", {"": "x"}),
        ("none", {}),
        ("bad key", {"a/b": "c"}),
    ):
        play.post(f"group specs create, {name}", specs, {"group_specs": spec})
    play.post("group specs create, no root", specs, {})
    play.get("group spec show", f"{specs}/c")
    play.get("group spec of nobody", f"{specs}/none")
    play.put("group spec update", f"{specs}/c", {"c": "e"})
    play.put("group spec update, other", f"{specs}/c", {"d": "e"})
    play.put("group spec update, two", f"{specs}/c", {"c": "e", "d": "e"})
    play.delete("group spec delete", f"{specs}/c")
    play.delete("group spec delete, of nobody", f"{specs}/c")
    play.get("group specs of nobody", f"{base}/{play.nobody}/group_specs")
    play.delete("group type delete", f"{base}/{id}")
    play.delete("group type delete again", f"{base}/{id}")


def groups(play: Play) -> None:
    """Generic groups and their snapshots."""
    kind = _volume_type(play)
    specs = {"consistent_group_snapshot_enabled": "<is> True"}
    answer = _sent(play, "POST", "/group_types", {"group_type": {"name": play.tag, "group_specs": specs}})
    group_type = answer.get("group_type", {}).get("id", "none")

    def make(step: str, **body: Any) -> str:
        return play.made("groups", play.post(step, "/groups", {"group": body}))

    def remove(*ids: str) -> None:
        for one in ids:
            play.send("POST", f"/groups/{one}/action", {"delete": {"delete-volumes": True}})
            play.settle(f"/groups/{one}")

    id = make("group create", name=play.tag, group_type=group_type, volume_types=[kind], description="d")
    for name, body in (
        ("no group type", {"volume_types": [kind]}),
        ("unknown group type", {"group_type": play.nobody, "volume_types": [kind]}),
        ("no types", {"group_type": group_type}),
        ("empty types", {"group_type": group_type, "volume_types": []}),
        ("unknown type", {"group_type": group_type, "volume_types": [play.nobody]}),
        ("types text", {"group_type": group_type, "volume_types": kind}),
        ("null types", {"group_type": group_type, "volume_types": None}),
        ("type twice", {"group_type": group_type, "volume_types": [kind, kind]}),
        ("unknown key", {"group_type": group_type, "volume_types": [kind], "nothing": 1}),
        ("long name", {"group_type": group_type, "volume_types": [kind], "name": "n" * 256}),
        ("null name", {"group_type": group_type, "volume_types": [kind], "name": None, "description": None}),
        ("unknown zone", {"group_type": group_type, "volume_types": [kind], "availability_zone": "nowhere"}),
    ):
        remove(make(f"group create, {name}", **body))
    play.post("group create, no root", "/groups", {})
    for path in ("", "/detail"):
        for query in (
            "",
            "?limit=1",
            "?limit=x",
            "?limit=0",
            "?offset=1",
            "?name=x",
            "?status=available",
            "?nothing=1",
            "?all_tenants=0",
            "?sort=name:asc",
            "?sort=nothing:asc",
            "?list_volume=True",
            "?list_volume=x",
        ):
            play.get(f"group list{path}{query}", f"/groups{path}{query}")
        play.get(f"group list{path} marker of nobody", f"/groups{path}?marker={play.nobody}")
    play.get("group show", f"/groups/{id}")
    play.get("group of nobody", f"/groups/{play.nobody}")
    member = play.made(
        "volumes",
        play.post("group member", "/volumes", {"volume": {"size": 1, "volume_type": kind, "group_id": id}}),
    )
    play.get("group member show", f"/volumes/{member}")
    play.get("group show with volumes", f"/groups/{id}?list_volume=True")
    play.get("group detail with volumes", "/groups/detail?list_volume=True")
    play.get("group as a consistency group", f"/consistencygroups/{id}")
    play.get("group in the list of consistency groups", "/consistencygroups")
    taken = play.post(
        "group snapshot create", "/group_snapshots", {"group_snapshot": {"name": play.tag, "group_id": id}}
    )
    snapshot = play.made("group_snapshots", taken)
    for name, body in (
        ("no group", {"name": "x"}),
        ("unknown group", {"group_id": play.nobody}),
        ("null group", {"group_id": None}),
        ("no uuid", {"group_id": "x"}),
        ("unknown key", {"group_id": id, "nothing": 1}),
        ("long name", {"group_id": id, "name": "n" * 256}),
    ):
        answer = play.post(f"group snapshot create, {name}", "/group_snapshots", {"group_snapshot": body})
        play.drop("group_snapshots", play.made("group_snapshots", answer))
    play.post("group snapshot create, no root", "/group_snapshots", {})
    for path in ("", "/detail"):
        for query in (
            "",
            "?limit=1",
            "?limit=x",
            "?name=x",
            "?status=available",
            "?nothing=1",
            "?all_tenants=0",
            "?sort=name:asc",
            "?sort=nothing:asc",
            f"?group_id={id}",
        ):
            play.get(f"group snapshot list{path}{query.replace(id, 'ID')}", f"/group_snapshots{path}{query}")
        play.get(
            f"group snapshot list{path} marker of nobody", f"/group_snapshots{path}?marker={play.nobody}"
        )
    play.get("group snapshot show", f"/group_snapshots/{snapshot}")
    play.get("group snapshot of nobody", f"/group_snapshots/{play.nobody}")
    play.get("snapshots of a group snapshot", "/snapshots/detail")
    act = f"/group_snapshots/{snapshot}/action"
    for status in ("creating", "error", "nothing", None, "available"):
        play.post(f"group snapshot reset {status!r}", act, {"reset_status": {"status": status}})
    play.post("group snapshot reset nothing", act, {"reset_status": {}})
    play.post("group snapshot action unknown", act, {"nothing": {}})
    play.post("group snapshot action none", act, {})
    play.post(
        "group snapshot reset of nobody",
        f"/group_snapshots/{play.nobody}/action",
        {"reset_status": {"status": "error"}},
    )
    for name, change in (
        ("names", {"name": f"{play.tag}u", "description": "x"}),
        ("nothing", {}),
        ("nulls", {"name": None, "description": None, "add_volumes": None, "remove_volumes": None}),
        ("long name", {"name": "n" * 256}),
        ("unknown key", {"name": "x", "nothing": 1}),
        ("add nobody", {"add_volumes": play.nobody}),
        ("remove nobody", {"remove_volumes": play.nobody}),
    ):
        play.put(f"group update, {name}", f"/groups/{id}", {"group": change})
        play.settle(f"/groups/{id}")
    play.put("group update, no root", f"/groups/{id}", {})
    play.put("group update, of nobody", f"/groups/{play.nobody}", {"group": {"name": "x"}})
    act = f"/groups/{id}/action"
    for status in ("error", "creating", "nothing", None, "available"):
        play.post(f"group reset {status!r}", act, {"reset_status": {"status": status}})
    play.post("group reset of nobody", f"/groups/{play.nobody}/action", {"reset_status": {"status": "error"}})
    play.post("group action unknown", act, {"nothing": {}})
    play.post("group action none", act, {})
    sources = []
    for name, source in (
        ("from snapshot", {"name": play.tag, "group_snapshot_id": snapshot}),
        ("from group", {"name": play.tag, "source_group_id": id}),
        ("from nothing", {"name": "x"}),
        ("from both", {"group_snapshot_id": snapshot, "source_group_id": id}),
        ("from snapshot of nobody", {"group_snapshot_id": play.nobody}),
        ("from group of nobody", {"source_group_id": play.nobody}),
        ("from no uuid", {"group_snapshot_id": "x"}),
    ):
        answer = play.post(f"group create {name}", "/groups/action", {"create-from-src": source})
        made = play.made("groups", answer)
        sources.append(made)
        if made != "none":
            play.get(f"group show {name}", f"/groups/{made}")
            play.get(f"group members {name}", f"/volumes/detail?group_id={made}")
    remove(*sources)
    for action in (
        "enable_replication",
        "disable_replication",
        "failover_replication",
        "list_replication_targets",
    ):
        play.post(f"group {action}", act, {action: {}})
    play.post("group delete unforced", act, {"delete": {"delete-volumes": False}})
    play.post("group delete nothing", act, {"delete": {}})
    play.post("group delete wrong", act, {"delete": {"delete-volumes": "maybe"}})
    play.post("group delete with snapshots", act, {"delete": {"delete-volumes": True}})
    play.post("group delete of nobody", f"/groups/{play.nobody}/action", {"delete": {"delete-volumes": True}})
    play.delete("group type delete in use", f"/group_types/{group_type}")
    play.delete("group snapshot delete", f"/group_snapshots/{snapshot}")
    play.settle(f"/group_snapshots/{snapshot}")
    play.delete("group snapshot delete of nobody", f"/group_snapshots/{play.nobody}")
    play.post("group delete", act, {"delete": {"delete-volumes": True}})
    play.settle(f"/groups/{id}")
    play.get("group list empty", "/groups")
    play.get("group snapshot list empty", "/group_snapshots")
    play.drop("group_types", group_type)
    play.drop("types", kind)


def quotas(play: Play) -> None:
    """Quotas, limits and default types."""
    base = f"/os-quota-sets/{play.project}"
    play.get("quota show", base)
    play.get("quota usage", f"{base}?usage=True")
    play.get("quota usage wrong", f"{base}?usage=maybe")
    play.get("quota defaults", f"{base}/defaults")
    every = {
        "volumes": 1000, "snapshots": 1000, "gigabytes": 10000, "backups": 5, "backup_gigabytes": 5,
        "per_volume_gigabytes": -1, "groups": 100,
    }  # fmt: skip
    play.put("quota update", base, {"quota_set": every})
    for name, quota in (
        ("nothing", {}),
        ("unknown", {"nothing": 1}),
        ("text", {"volumes": "x"}),
        ("digits", {"volumes": "100"}),
        ("null", {"volumes": None}),
        ("-2", {"volumes": -2}),
        ("huge", {"volumes": 2**31}),
        ("fraction", {"volumes": 1.5}),
        ("tenant_id", {"tenant_id": play.project, "volumes": 100}),
        ("id", {"id": play.project, "volumes": 100}),
        ("number as name", {"volumes": True}),
    ):
        play.put(f"quota update, {name}", base, {"quota_set": quota})
    play.put("quota update, no root", base, {})
    play.put("quota update, null root", base, {"quota_set": None})
    play.get("quota class", "/os-quota-class-sets/default")
    play.get("quota class of nobody", "/os-quota-class-sets/nothing")
    play.put(
        "quota class update, unknown", "/os-quota-class-sets/default", {"quota_class_set": {"nothing": 1}}
    )
    play.put(
        "quota class update, text", "/os-quota-class-sets/default", {"quota_class_set": {"volumes": "x"}}
    )
    play.put("quota class update, no root", "/os-quota-class-sets/default", {})
    play.put("quota class update", "/os-quota-class-sets/default", {"quota_class_set": {"backups": 10}})
    play.get("limits", "/limits")
    play.get("limits of another", f"/limits?project_id={play.other}")
    play.delete("quota delete", base)
    kind = _volume_type(play)
    types = f"/default-types/{play.project}"
    play.put("default type set", types, {"default_type": {"volume_type": kind}})
    play.get("default type show", types)
    play.get("default type list", "/default-types", only="default_types")
    play.put("default type set, unknown", types, {"default_type": {"volume_type": play.nobody}})
    play.put("default type set, nothing", types, {"default_type": {}})
    play.put("default type set, no root", types, {})
    play.get("type default of the project", "/types/default")
    play.delete("type delete, a default", f"/types/{kind}")
    play.delete("default type unset", types)
    play.get("default type show none", types)
    play.delete("default type unset, again", types)
    play.drop("types", kind)


def services(play: Play) -> None:
    """Resources for administrators."""
    for path in (
        "/os-services",
        "/os-services?binary=cinder-volume",
        "/os-services?binary=cinder-scheduler",
        "/os-services?binary=nothing",
        "/os-services?host=nothing",
        "/os-hosts",
        "/os-hosts?zone=nothing",
        "/os-hosts/nothing",
        "/scheduler-stats/get_pools",
        "/scheduler-stats/get_pools?detail=True",
        "/scheduler-stats/get_pools?detail=false",
        "/scheduler-stats/get_pools?detail=wrong",
        "/scheduler-stats/get_pools?name=nothing",
        "/scheduler-stats/get_pools?volume_type=nothing",
        "/capabilities/nothing",
        "/os-availability-zone",
        "/os-availability-zone/detail",
        "/extensions/os-hosts",
        "/extensions/nothing",
        "/messages",
        "/messages?limit=x",
        "/messages?sort=nothing:asc",
        "/clusters",
        "/clusters/detail",
        "/clusters/nothing",
        "/resource_filters",
        "/resource_filters?resource=volume",
        "/resource_filters?resource=nothing",
        "/backups",
        "/backups/detail",
        "/backups?limit=x",
        "/manageable_volumes",
        "/manageable_volumes?host=nowhere@x",
        "/manageable_volumes/detail?host=nowhere@x",
        "/manageable_snapshots",
        "/manageable_snapshots?host=nowhere@x",
        "/os-volume-manage?host=nowhere@x",
        "/os-snapshot-manage?host=nowhere@x",
        "/workers",
        "/nothing",
        "/volumes/",
        "/snapshots/",
        "/types/",
        "/consistencygroups/",
        "/cgsnapshots/",
        "/attachments/",
        "/groups/",
        "/os-snapshots",
        "/snapshots/nothing/nothing",
    ):
        play.get(path, path)
    play.get("extensions", "/extensions")
    play.get("message of nobody", f"/messages/{play.nobody}")
    play.get("messages marker of nobody", f"/messages?marker={play.nobody}")
    play.delete("message delete of nobody", f"/messages/{play.nobody}")
    play.get("backup of nobody", f"/backups/{play.nobody}")
    play.delete("backup delete of nobody", f"/backups/{play.nobody}")
    play.put("backup update of nobody", f"/backups/{play.nobody}", {"backup": {"name": "x"}})
    play.post("backup restore of nobody", f"/backups/{play.nobody}/restore", {"restore": {}})
    play.get("backup export of nobody", f"/backups/{play.nobody}/export_record")
    play.post("backup create, no volume", "/backups", {"backup": {}})
    play.post("backup create, of nobody", "/backups", {"backup": {"volume_id": play.nobody}})
    play.post(
        "backup action of nobody", f"/backups/{play.nobody}/action", {"os-reset_status": {"status": "error"}}
    )
    play.post("backup import, no root", "/backups/import_record", {})
    for action in (
        "enable",
        "disable",
        "disable-log-reason",
        "freeze",
        "thaw",
        "failover_host",
        "failover",
        "set-log",
        "get-log",
        "nothing",
    ):
        play.put(f"service {action} nothing", f"/os-services/{action}", {})
    for action in ("enable", "disable", "disable-log-reason"):
        body = {"host": "nowhere@x", "binary": "cinder-volume", "disabled_reason": "r"}
        play.put(f"service {action} of nobody", f"/os-services/{action}", body)
    play.put("service freeze of nobody", "/os-services/freeze", {"host": "nowhere@x"})
    play.put("service thaw of nobody", "/os-services/thaw", {"host": "nowhere@x"})
    play.put("service failover of nobody", "/os-services/failover_host", {"host": "nowhere@x"})
    play.put("service get-log", "/os-services/get-log", {"binary": "cinder-api", "server": "nobody"})
    play.put("service get-log wrong", "/os-services/get-log", {"binary": "nothing"})
    play.put("service set-log wrong", "/os-services/set-log", {"level": "nothing"})
    play.put("host update of nobody", "/os-hosts/nothing", {"status": "enable"})
    play.post("workers cleanup", "/workers/cleanup", {"host": "nowhere@x"})
    play.post("workers cleanup wrong", "/workers/cleanup", {"nothing": 1})
    play.put("cluster enable of nobody", "/clusters/enable", {"name": "x"})
    play.put("cluster enable nothing", "/clusters/enable", {})
    play.post(
        "manage volume nowhere",
        "/manageable_volumes",
        {"volume": {"host": "nowhere@x", "ref": {"source-name": "x"}}},
    )
    play.post("manage volume nothing", "/manageable_volumes", {"volume": {}})
    play.post("manage snapshot nothing", "/manageable_snapshots", {"snapshot": {}})
    play.post(
        "manage snapshot of nobody",
        "/manageable_snapshots",
        {"snapshot": {"volume_id": play.nobody, "ref": "x"}},
    )
    play.post("old manage volume nothing", "/os-volume-manage", {"volume": {}})
    play.post(
        "old manage volume nowhere",
        "/os-volume-manage",
        {"volume": {"host": "nowhere@x", "ref": {"source-name": "x"}}},
    )
    play.post("old manage snapshot nothing", "/os-snapshot-manage", {"snapshot": {}})
    play.post(
        "old manage snapshot of nobody",
        "/os-snapshot-manage",
        {"snapshot": {"volume_id": play.nobody, "ref": "x"}},
    )


def inputs(play: Play) -> None:
    """Hints, spellings of booleans, sort keys and queries that other chapters do not send."""
    kind = _volume_type(play)
    id = _volume(play, volume_type=kind)
    hints = "OS-SCH-HNT:scheduler_hints"
    for name, beside in (
        ("null hints", {hints: None}),
        ("no hints", {hints: {}}),
        ("hints in text", {hints: "x"}),
        ("hints in a list", {hints: []}),
        ("an unknown hint", {hints: {"rack": "7"}}),
        ("an unknown null hint", {hints: {"rack": None}}),
        ("same host", {hints: {"same_host": id}}),
        ("same hosts", {hints: {"same_host": [id, play.nobody]}}),
        ("same host null", {hints: {"same_host": None}}),
        ("same host no uuid", {hints: {"same_host": "x"}}),
        ("same host number", {hints: {"same_host": 1}}),
        ("different from nobody", {hints: {"different_host": play.nobody}}),
        ("different from none", {hints: {"different_host": []}}),
        ("different no uuid", {hints: {"different_host": ["x"]}}),
        ("query", {hints: {"query": '[">=", "$free_capacity_gb", 0]'}}),
        ("query of number", {hints: {"query": 1}}),
        ("local to null", {hints: {"local_to_instance": None}}),
        ("local to no uuid", {hints: {"local_to_instance": "x"}}),
        ("hints by a short name", {"scheduler_hints": {}}),
    ):
        answer = play.post(f"volume create, {name}", "/volumes", {"volume": {"size": 1}, **beside})
        play.drop("volumes", play.made("volumes", answer))
    for word in ("yes", "Y", "on", "off", "n", " true", "", "2"):
        asked = word.replace(" ", "%20")
        play.get(f"types public {word!r}", f"/types?is_public={asked}", only="volume_types")
        play.get(f"volumes of all {word!r}", f"/volumes?limit=0&all_tenants={asked}")
        play.get(f"volumes counted {word!r}", f"/volumes?limit=0&with_count={asked}")
    for key in (
        "group_id",
        "launched_at",
        "provider_id",
        "cluster_name",
        "deleted",
        "use_quota",
        "service_uuid",
    ):
        play.get(f"volumes sorted by {key}", f"/volumes?sort={key}:asc")
    for key in ("volume_size", "group_snapshot_id", "provider_id", "deleted_at", "scheduled_at"):
        play.get(f"snapshots sorted by {key}", f"/snapshots?sort={key}:asc")
    for key in ("host", "group_snapshot_id", "replication_status", "deleted"):
        play.get(f"consistency groups sorted by {key}", f"/consistencygroups?sort={key}:asc")
    for key in ("qos_specs_id", "is_public", "deleted"):
        play.get(f"types sorted by {key}", f"/types?sort={key}:asc", only="volume_types")
    play.get("qos sorted by updated_at", "/qos-specs?sort=updated_at:asc", only="qos_specs")
    for path in ("volumes", "snapshots", "consistencygroups"):
        for query in ("sort=", "sort_dir=", "marker=", f"limit={'9' * 30}", "name=%FF", "name~=a&status~=a"):
            play.get(f"{path} with {query}", f"/{path}?{query}")
    play.post("image metadata show of none", f"/volumes/{id}/action", {"os-show_image_metadata": {}})
    specs = f"/types/{kind}/extra_specs"
    play.post("specs of a type in use", specs, {"extra_specs": {"bench:a": "b"}})
    play.put("spec of a type in use", f"{specs}/bench:a", {"bench:a": "b"})
    play.delete("spec delete of a type in use", f"{specs}/bench:a")
    for header in ("volume 3.1,volume 3.2", "volume 3.999999999999", "block-storage 3.1", "volume 3.1 x"):
        play.get(f"volumes at {header}", "/volumes?limit=0", OpenStack_API_Version=header)
    play.drop("volumes", id)
    play.drop("types", kind)


def protocol(play: Play) -> None:
    """Addresses, methods, media types, version headers."""
    version = "OpenStack_API_Version"
    play.get("version documents", "//")
    play.get("version document", "//v3/")
    play.get("version document without a slash", "//v3")
    play.get("no such version", "//v4/")
    play.get("no such address", "//nothing")
    play.get("without a project", "//v3/volumes")
    play.get("of another project", f"//v3/{play.other}/volumes")
    play.get("volumes with a slash", "/volumes/")
    play.get("volumes as JSON", "/volumes.json")
    for header in (
        "volume 3.99",
        "volume 2.0",
        "volume 4.0",
        "volume x",
        "volume 3",
        "volume",
        "compute 2.1",
        "3.0",
        "volume latest",
        "compute 2.1, volume 3.5",
        "volume 3.0, compute 2.1",
        "volume 3.00",
        "volume 3.0.0",
    ):
        play.get(f"volumes at {header}", "/volumes", **{version: header})
    play.get("volumes at none", "/volumes", **{version: None})
    play.step("patch volumes", "PATCH", "/volumes")
    play.step("put volumes", "PUT", "/volumes", {})
    play.step("delete volumes", "DELETE", "/volumes")
    play.step("post to a volume", "POST", f"/volumes/{play.nobody}", {})
    play.step("patch a volume", "PATCH", f"/volumes/{play.nobody}", {})
    play.get("accept XML", "/volumes", Accept="application/xml")
    play.get("accept text", "/volumes", Accept="text/plain")
    play.get("accept anything", "/volumes", Accept="*/*")
    play.get("accept nothing said", "/volumes", Accept=None)
    play.post("XML body", "/types", b"<volume_type/>", Content_Type="application/xml")
    play.post("text body", "/types", b'{"volume_type": {}}', Content_Type="text/plain")
    play.post("no content type", "/types", b'{"volume_type": {}}', Content_Type=None)
    play.post("broken JSON", "/types", b'{"volume_type": {')
    play.post("a list", "/types", b"[]")
    play.post("a number", "/types", b"1")
    play.post("an empty body", "/types", b"")
    play.post("no UTF-8", "/types", b'{"volume_type": {"name": "\xff"}}')


CHAPTERS: tuple[tuple[Chapter, tuple[int, ...]], ...] = (
    (volume_types, (0, 52, 71)),
    (qos_specs, (0, 71)),
    (volume_bodies, (0, 53, 71)),
    (volumes, (0, 50, 71)),
    (metadata, (0, 71)),
    (volume_actions, (0, 42, 71)),
    (snapshots, (0, 40, 65, 71)),
    (transfers, (0, 55, 71)),
    (attachments, (0, 27, 71)),
    (consistencygroups, (0, 13, 71)),
    (group_types, (0, 11, 71)),
    (groups, (0, 13, 20, 71)),
    (quotas, (0, 71)),
    (services, (0, 8, 49, 71)),
    (inputs, (0, 71)),
    (protocol, (0, 71)),
)
"""The chapters, each with microversions that have most of its changes between them."""
