"""One resource of each kind, and checks that a change appears at its microversion and not below it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask

from tests.functional.caller import Caller, check_not_found

CHECKS: dict[int, Check] = {}
"""The check of each change, by minor version. Each fails where the change is missing."""


class Scene:
    """One resource of each kind in a new project; ``at(minor)`` is its administrator."""

    def __init__(self, app: Flask) -> None:
        self.caller = Caller(app.test_client())
        limits = {"quota_set": {"volumes": -1, "gigabytes": -1, "snapshots": -1}}
        self.caller.put(f"/os-quota-sets/{self.caller.project}", limits)
        self.kind = self.caller.type()
        self.group_id = self.caller.group(self.kind)
        self.member_id = self.caller.member(self.group_id, self.kind, name="m")
        self.volume_id = self.caller.volume(name="alone", metadata={"a": "b"})
        self.taken_id = self.caller.cgsnapshot(self.group_id)
        self.snapshot_id = self.caller.snapshot(self.volume_id, name="s", metadata={"c": "d"})

    def at(self, minor: int) -> Caller:
        return self.caller.at(minor)

    def ids(self, minor: int, path: str, key: str) -> set[str]:
        answer = self.at(minor).get(path)
        assert answer.status_code == 200, answer.text
        return {one["id"] for one in answer.json[key]}

    def volume(self, minor: int) -> dict[str, Any]:
        found: dict[str, Any] = self.at(minor).get(f"/volumes/{self.volume_id}").json["volume"]
        return found

    def fresh(self, **more: Any) -> str:
        return self.caller.volume(**more)


Check = Callable[[Scene], None]


def of(minor: int) -> Callable[[Check], Check]:
    def keep(check: Check) -> Check:
        assert minor not in CHECKS
        CHECKS[minor] = check
        return check

    return keep


def is_new(scene: Scene, minor: int, path: str, method: str = "GET", body: Any = None) -> Any:
    """Check that the address does not exist one microversion earlier, and return the response at this one."""
    assert "nothing at this address" in check_not_found(scene.at(minor - 1).call(method, path, body))
    return scene.at(minor).call(method, path, body)


def shows(scene: Scene, minor: int, path: str, key: str, *fields: str) -> None:
    """Check that the resource has the fields from this microversion on, and not below it."""
    assert set(fields) <= scene.at(minor).get(path).json[key].keys()
    assert not set(fields) & scene.at(minor - 1).get(path).json[key].keys()
