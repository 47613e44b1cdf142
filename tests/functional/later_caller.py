"""A caller of microversions above 3.0."""

from __future__ import annotations

import uuid
from typing import Any

from tests.functional.caller import Caller, versions


class Later(Caller):
    """A caller with the highest microversion unless a call names another."""

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        more.setdefault("headers", versions(71))
        return super().call(method, path, body, **more)

    def at(self, minor: int, path: str) -> Any:
        return self.get(path, headers=versions(minor))

    def kind(self, **more: Any) -> dict[str, Any]:
        body = {"name": f"kind-{uuid.uuid4().hex[:8]}", **more}
        answer = self.post("/group_types", {"group_type": body})
        assert answer.status_code == 202, answer.text
        made: dict[str, Any] = answer.json["group_type"]
        return made

    def made(self, volume_type: str, **more: Any) -> str:
        kind = more.pop("group_type", None) or self.kind()["id"]
        body = {"name": "g", "group_type": kind, "volume_types": [volume_type], **more}
        return self.done(self.post("/groups", {"group": body}))
