"""Actions on a volume, and the volume after them."""

from __future__ import annotations

from typing import Any

from tests.functional.caller import Caller


def act(caller: Caller, volume_id: str, action: str, details: Any = None) -> Any:
    return caller.post(f"/volumes/{volume_id}/action", {action: details})


def act_and_read(caller: Caller, volume_id: str, action: str, details: Any = None) -> dict[str, Any]:
    """Send an action and return the volume afterwards."""
    answer = act(caller, volume_id, action, details)
    assert (answer.status_code, answer.data) == (202, b""), answer.text
    return read_volume(caller, volume_id)


def read_volume(caller: Caller, volume_id: str) -> dict[str, Any]:
    found: dict[str, Any] = caller.get(f"/volumes/{volume_id}").json["volume"]
    return found
