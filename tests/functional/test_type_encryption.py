"""Encryption of volume types: described as in Cinder; no volume of such a type is created unencrypted."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.functional.caller import Caller, check_fault, check_not_found
from tests.functional.volume_actions import act

LUKS = {"provider": "luks", "control_location": "front-end", "cipher": "aes-xts-plain64", "key_size": 256}


def type_id(caller: Caller, name: str) -> str:
    found = caller.get(f"/types?name={name}").json["volume_types"]
    return str(found[0]["id"])


@pytest.fixture
def name(caller: Caller) -> str:
    """The name of a type."""
    return caller.type()


@pytest.fixture
def path(caller: Caller, name: str) -> str:
    """The address of its encryption."""
    return f"/types/{type_id(caller, name)}/encryption"


@pytest.fixture
def encrypted(caller: Caller, name: str, path: str) -> str:
    """The same type, encrypted."""
    assert caller.post(path, {"encryption": LUKS}).status_code == 200
    return name


def test_create_show_update_delete(caller: Caller, path: str) -> None:
    assert caller.get(path).json == {}
    made = caller.post(path, {"encryption": LUKS | {"key_size": "256"}})
    assert made.status_code == 200
    encryption_id = made.json["encryption"]["encryption_id"]
    assert made.json["encryption"] == LUKS | {
        "volume_type_id": path.split("/")[2],
        "encryption_id": encryption_id,
    }
    found = caller.get(path).json
    assert found.pop("created_at")
    assert found == made.json["encryption"] | {"updated_at": None, "deleted": False, "deleted_at": None}
    assert caller.get(f"{path}/cipher").json == {"cipher": "aes-xts-plain64"}

    changed = caller.put(f"{path}/{encryption_id}", {"encryption": {"key_size": None, "provider": "plain"}})
    assert (changed.status_code, changed.json) == (
        200,
        {"encryption": {"key_size": None, "provider": "plain"}},
    )
    assert caller.get(f"{path}/key_size").json == {"key_size": None}
    assert caller.get(path).json["updated_at"]
    assert caller.delete(f"{path}/{encryption_id}").status_code == 202
    assert caller.get(path).json == {}


def test_what_is_not_there(caller: Caller, path: str) -> None:
    for answer in (
        caller.get(f"{path}/provider"),
        caller.put(f"{path}/x", {"encryption": {}}),
        caller.delete(f"{path}/x"),
        caller.get(f"/types/{uuid.uuid4()}/encryption"),
        caller.post(f"/types/{uuid.uuid4()}/encryption", {"encryption": LUKS}),
        caller.get(f"/volumes/{uuid.uuid4()}/encryption"),
    ):
        check_not_found(answer)
    assert caller.post(path, {"encryption": LUKS}).status_code == 200
    check_not_found(caller.get(f"{path}/colour"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"provider": None},
        {"provider": "x" * 256},
        {"control_location": "middle"},
        {"key_size": -1},
        {"key_size": True},
        {"key_size": "many"},
        {"cipher": 1},
        {"colour": "red"},
    ],
)
def test_what_cannot_be_an_encryption(caller: Caller, path: str, wrong: dict[str, object]) -> None:
    check_fault(caller.post(path, {"encryption": LUKS | wrong}), 400, "badRequest")
    assert caller.get(path).json == {}
    assert caller.post(path, {"encryption": LUKS}).status_code == 200
    check_fault(caller.put(f"{path}/x", {"encryption": wrong}), 400, "badRequest")


@pytest.mark.parametrize(
    "body", [{}, {"encryption": None}, {"encryption": {}}, {"encryption": {"provider": "x"}}]
)
def test_what_is_required(caller: Caller, path: str, body: object) -> None:
    check_fault(caller.post(path, body), 400, "badRequest")


def test_a_second_one_is_refused(caller: Caller, path: str, encrypted: str) -> None:
    assert "already exists" in check_fault(caller.post(path, {"encryption": LUKS}), 400, "badRequest")


def test_a_type_in_use_keeps_its_encryption(caller: Caller, name: str, path: str) -> None:
    volume_id = caller.volume(volume_type=name)
    message = check_fault(caller.post(path, {"encryption": LUKS}), 400, "badRequest")
    assert message == "Cannot create encryption specs. Volume type in use."
    caller.done(caller.delete(f"/volumes/{volume_id}"))
    assert caller.post(path, {"encryption": LUKS}).status_code == 200


def ways(caller: Caller, encrypted: str) -> dict[str, Any]:
    """Send every request that would create a volume of the type, or permit one."""
    volume_id = caller.volume()
    snapshot_id = caller.snapshot(volume_id)
    wished = {"size": 1, "volume_type": encrypted}
    return {
        "volume": caller.post("/volumes", {"volume": wished}),
        "from a volume": caller.post("/volumes", {"volume": wished | {"source_volid": volume_id}}),
        "from a snapshot": caller.post("/volumes", {"volume": wished | {"snapshot_id": snapshot_id}}),
        "retype": act(caller, volume_id, "os-retype", {"new_type": encrypted}),
        "consistency group": caller.post(
            "/consistencygroups", {"consistencygroup": {"volume_types": encrypted}}
        ),
    }


def test_no_volume_of_it_is_made_in_clear(caller: Caller, encrypted: str) -> None:
    for way, answer in ways(caller, encrypted).items():
        assert "asks for encryption" in check_fault(answer, 400, "badRequest"), way
    volumes = caller.get("/volumes/detail").json["volumes"]
    assert encrypted not in {volume["volume_type"] for volume in volumes}


def test_nor_in_a_group_that_had_the_type_before(caller: Caller, name: str, path: str) -> None:
    group_id = caller.group(name)
    assert caller.post(path, {"encryption": LUKS}).status_code == 200
    wished = {"size": 1, "volume_type": name, "consistencygroup_id": group_id}
    assert "asks for encryption" in check_fault(
        caller.post("/volumes", {"volume": wished}), 400, "badRequest"
    )


def test_a_type_is_deleted_with_its_encryption(caller: Caller, path: str, encrypted: str) -> None:
    assert caller.delete(path.removesuffix("/encryption")).status_code == 202
    check_not_found(caller.get(path))


def test_a_volume_is_not_encrypted(caller: Caller) -> None:
    path = f"/volumes/{caller.volume()}/encryption"
    assert caller.get(path).json == {"encryption_key_id": None}
    assert caller.get(f"{path}/encryption_key_id").json == {"encryption_key_id": None}
    check_not_found(caller.get(f"{path}/cipher"))


def test_they_are_for_administrators(caller: Caller, member: Caller, path: str, encrypted: str) -> None:
    for answer in (
        member.get(path),
        member.get(f"{path}/provider"),
        member.post(path, {"encryption": LUKS}),
        member.put(f"{path}/x", {"encryption": {}}),
        member.delete(f"{path}/x"),
    ):
        check_fault(answer, 403, "forbidden")
