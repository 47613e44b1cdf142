"""A caller of the service, in one project, with or without administrator rights, at any microversion."""

from __future__ import annotations

import copy
import uuid
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.request_scope import RUNTIME
from api.versions import HEADER
from tests.support.flow_end import await_end


def versions(minor: int) -> dict[str, str]:
    """Return the header that requests microversion 3.``minor`` and cgflow's extensions."""
    return {HEADER: f"volume 3.{minor}, cgflow 1.0"}


class Caller:
    """Calls the API under ``/v3/<project>``; the methods for common requests wait for the result.

    Every call requests cgflow's extensions, unless ``plain`` is called.
    """

    def __init__(
        self, client: FlaskClient, project: str | None = None, *, user: str = "ada", roles: str | None = None
    ) -> None:
        self._client = client
        self.project = project or uuid.uuid4().hex
        self.prefix = f"/v3/{self.project}"
        self._headers = {"X-Auth-Token": f"{user}:{self.project}"} | versions(0)
        if roles is not None:
            self._headers["X-Roles"] = roles

    def as_member(self) -> Caller:
        return Caller(self._client, self.project, user="eve", roles="member")

    def at(self, minor: int) -> Caller:
        """Return the same caller with microversion 3.``minor``."""
        other = copy.copy(self)
        other._headers = self._headers | versions(minor)
        return other

    def plain(self, minor: int = 0) -> Caller:
        """Return the same caller without cgflow's extensions."""
        other = copy.copy(self)
        other._headers = self._headers | {HEADER: f"volume 3.{minor}"}
        return other

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> TestResponse:
        headers = self._headers | more.pop("headers", {})
        if body is not None:
            more["json"] = body
        return self._client.open(self.prefix + path, method=method, headers=headers, **more)

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.call("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> TestResponse:
        return self.call("POST", path, body, **more)

    def put(self, path: str, body: Any = None, **more: Any) -> TestResponse:
        return self.call("PUT", path, body, **more)

    def delete(self, path: str, **more: Any) -> TestResponse:
        return self.call("DELETE", path, **more)

    # Requests whose flows are awaited

    def flow(self, accepted: TestResponse) -> dict[str, Any]:
        """Return the flow of an accepted request, once it has ended."""
        assert accepted.status_code == 202, accepted.text
        return self.flow_ended(accepted.headers["X-Cgflow-Flow-Id"])

    def flow_ended(self, flow_id: str) -> dict[str, Any]:
        """Return a flow, once it has ended."""
        await_end(self._client.application.extensions[RUNTIME], flow_id)
        flow: dict[str, Any] = self.get(f"/flows/{flow_id}").json["flow"]
        return flow

    def done(self, accepted: TestResponse) -> str:
        """Return the id of what an accepted operation created or changed, once it has succeeded."""
        flow = self.flow(accepted)
        assert flow["state"] == "success", flow
        return str(flow["resource_id"])

    def type(self, name: str | None = None, **extra_specs: str) -> str:
        """Create a volume type and return its name."""
        name = name or f"type-{uuid.uuid4().hex[:8]}"
        made = self.post("/types", {"volume_type": {"name": name, "extra_specs": extra_specs}})
        assert made.status_code == 200, made.text
        return name

    def group(self, types: str, **more: Any) -> str:
        return self.done(
            self.post("/consistencygroups", {"consistencygroup": {"volume_types": types, **more}})
        )

    def volume(self, **more: Any) -> str:
        return self.done(self.post("/volumes", {"volume": {"size": 1, **more}}))

    def member(self, group_id: str, volume_type: str, **more: Any) -> str:
        return self.volume(consistencygroup_id=group_id, volume_type=volume_type, **more)

    def snapshot(self, volume_id: str, **more: Any) -> str:
        return self.done(self.post("/snapshots", {"snapshot": {"volume_id": volume_id, **more}}))

    def in_use(self) -> dict[str, int]:
        """Return the project's quota usage without zeros."""
        usage = self.get(f"/os-quota-sets/{self.project}?usage=True").json["quota_set"]
        return {name: line["in_use"] for name, line in usage.items() if name != "id" and line["in_use"]}

    def cgsnapshot(self, group_id: str, **more: Any) -> str:
        return self.done(self.post("/cgsnapshots", {"cgsnapshot": {"consistencygroup_id": group_id, **more}}))


def check_fault(answer: TestResponse, status: int, key: str) -> str:
    """Check the form of a refusal and return its message."""
    assert answer.status_code == status, answer.text
    assert answer.is_json
    assert list(answer.json) == [key]
    fault = answer.json[key]
    assert fault["code"] == status
    if _requests_extensions(answer):
        assert fault["request_id"] == answer.headers["X-Openstack-Request-Id"]
        assert fault["cgflow:code"]
    return str(fault["message"])


def _requests_extensions(answer: TestResponse) -> bool:
    """Return whether the response's request asked for cgflow's extensions."""
    return "cgflow 1.0" in answer.request.headers.get(HEADER, "")


def check_bad_request(answer: TestResponse, field: str | None = None) -> str:
    """Check that a response is a 400 that names the field, and return its message."""
    message = check_fault(answer, 400, "badRequest")
    if _requests_extensions(answer):
        assert answer.json["badRequest"].get("cgflow:field") == field, answer.text
    return message


def check_not_found(answer: TestResponse) -> str:
    return check_fault(answer, 404, "itemNotFound")


class ModernCaller(Caller):
    """A caller with the highest microversion unless a call names another."""

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        more.setdefault("headers", versions(71))
        return super().call(method, path, body, **more)

    def at(self, minor: int, path: str) -> Any:
        return self.get(path, headers=versions(minor))

    def group_type(self, **more: Any) -> dict[str, Any]:
        body = {"name": f"kind-{uuid.uuid4().hex[:8]}", **more}
        answer = self.post("/group_types", {"group_type": body})
        assert answer.status_code == 202, answer.text
        made: dict[str, Any] = answer.json["group_type"]
        return made

    def generic_group(self, volume_type: str, **more: Any) -> str:
        kind = more.pop("group_type", None) or self.group_type()["id"]
        body = {"name": "g", "group_type": kind, "volume_types": [volume_type], **more}
        return self.done(self.post("/groups", {"group": body}))
