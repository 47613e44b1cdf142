"""The request that the policy tests send to each route, and the resources that it names."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from flask import Flask
from werkzeug.test import TestResponse

from api.app import DOCUMENTED
from cgflow import policies
from tests.functional.caller import Caller
from tests.functional.request_bodies import BODIES, QUERIES
from tests.support.world import HOST

ALWAYS_OPEN = {"/v3/{project_id}"}
"""Routes under the documented prefix that are open to everybody: the version document."""

CHANGING_GETS = tuple(
    f"GET /qos-specs/{{specs_id}}/{what}" for what in ("associate", "disassociate", "disassociate_all")
)
"""GET requests that change something, because clients send them."""

DELETED_BEFORE = ("DELETE /volume-transfers/{transfer_id}",)
"""Deletions at a second address of what was deleted at the first."""

NEVER_FOUND = ("{backup_id}", "{cluster_name}", "{encryption_id}")
"""Placeholders of resources that never exist, so that permitted requests get 404."""

SHOWING_RULES: dict[str, tuple[str, ...]] = {
    "volume_extension:volume_host_attribute": ("os-vol-host-attr:host",),
    "volume_extension:volume_mig_status_attribute": (
        "os-vol-mig-status-attr:migstat",
        "os-vol-mig-status-attr:name_id",
    ),
    "volume_extension:volume_tenant_attribute": ("os-vol-tenant-attr:tenant_id",),
    "volume:attachment_connection_info": ("connection_info",),
    "volume_extension:access_types_extra_specs": ("extra_specs",),
    "group:access_group_types_specs": ("group_specs",),
}
"""Rules that refuse no request but hide parts of a response."""

HIDDEN_AS_NULL = ("connection_info",)
"""Fields that are hidden as null, because clients rely on their presence."""


def is_read(operation: str) -> bool:
    """Return whether an operation changes nothing."""
    return operation.startswith("GET") and operation not in CHANGING_GETS


GUARDED = [
    (rule.name, f"{operation['method']} {operation['path']}")
    for rule in policies.route_rules()
    for operation in rule.operations
]
REFUSING = [(rule, operation) for rule, operation in GUARDED if rule not in SHOWING_RULES]
CHANGES = sorted(
    ((rule, operation) for rule, operation in REFUSING if not is_read(operation)),
    # Deletions come last, and the deletion that the other requests depend on comes last of all.
    key=lambda each: ("delete" in each[0], each[0] == "consistencygroup:delete_cgsnapshot"),
)
CHECKS = {rule.name: rule.check_str for rule in policies.route_rules()}


def routes(app: Flask) -> set[str]:
    """Return every route under the documented prefix, as policies write them."""
    found = set()
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        prefix = re.sub(r"<(\w+)>", r"{\1}", DOCUMENTED)
        if path.startswith(f"{prefix}/") and path not in ALWAYS_OPEN:
            methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
            found |= {f"{method} {path.removeprefix(prefix)}" for method in methods}
    return found


class Resources:
    """One resource of each kind, in a new project."""

    def __init__(self, owner: Caller) -> None:
        self.owner = owner
        type_name = owner.type(**{"vendor:tier": "value"})
        group_id = owner.group(type_name)
        volume_id = owner.member(group_id, type_name)
        cgsnapshot_id = owner.cgsnapshot(group_id)
        owner.put(f"/volumes/{volume_id}/metadata", {"metadata": {"vendor:tier": "value"}})
        image = {"os-set_image_metadata": {"metadata": {"vendor:tier": "value"}}}
        owner.post(f"/volumes/{volume_id}/action", image)
        # A separate volume: a reserved volume cannot be cut.
        lone_id = owner.volume()
        reserved = {"attachment": {"volume_uuid": lone_id, "connector": {"host": "h"}}}
        attachment = owner.at(71).post("/attachments", reserved).json["attachment"]
        offered = {"transfer": {"volume_id": owner.volume()}}
        transfer = owner.post("/os-volume-transfer", offered).json["transfer"]
        nowhere = owner.type(nobody_can="<is> True")
        owner.flow(owner.post("/volumes", {"volume": {"size": 1, "volume_type": nowhere}}))
        message = owner.at(71).get("/messages?limit=1").json["messages"][0]
        specs = owner.post("/qos-specs", {"qos_specs": {"name": f"qos-{type_name}", "iops": "1"}})
        # A second cgsnapshot, so that both kinds of address have one to delete.
        group_snapshot_id = owner.cgsnapshot(group_id)
        kind = {"name": f"kind of {owner.project}", "group_specs": {"vendor:tier": "value"}}
        made = owner.at(71).post("/group_types", {"group_type": kind})
        types = owner.get(f"/types?name={type_name}").json["volume_types"]
        snapshots = owner.get(f"/snapshots?cgsnapshot_id={cgsnapshot_id}").json["snapshots"]
        snapshot_metadata = {"metadata": {"vendor:tier": "value"}}
        owner.put(f"/snapshots/{snapshots[0]['id']}/metadata", snapshot_metadata)
        # A private type that the project may use; it has an access list.
        type_path = f"/types/{types[0]['id']}"
        owner.put(type_path, {"volume_type": {"is_public": False}})
        owner.post(f"{type_path}/action", {"addProjectAccess": {"project": owner.project}})
        # Last, so that the resources above get the configured default.
        owner.at(71).put(f"/default-types/{owner.project}", {"default_type": {"volume_type": type_name}})
        self.names = {
            "type_name": type_name,
            "type_id": types[0]["id"],
            "group_id": group_id,
            "volume_id": volume_id,
            "cgsnapshot_id": cgsnapshot_id,
            "snapshot_id": snapshots[0]["id"],
            "group_snapshot_id": group_snapshot_id,
            "group_type_id": made.json["group_type"]["id"],
            "flow_id": owner.get("/flows?limit=1").json["flows"][0]["id"],
            "target_id": owner.project,
            "class_name": "default",
            "message_id": message["id"],
            "transfer_id": transfer["id"],
            "offer_id": transfer["id"],
            "attachment_id": attachment["id"],
            "specs_id": specs.json["qos_specs"]["id"],
            "alias": "consistencygroups",
            "host": HOST,
            "backup_id": "none",
            "cluster_name": "none",
            "action": "enable",
            "key": "vendor:tier",
            "encryption_id": "none",
            "encryption_key": "encryption_key_id",
        }

    def ask(self, caller: Caller, rule: str, operation: str, query: str = "") -> TestResponse:
        """Send the request that a rule guards."""
        method, path = operation.split(" ")
        body = None
        if method in ("POST", "PUT"):
            assert operation in BODIES or rule in BODIES, f"say in BODIES what {operation} ({rule}) takes"
            body = json.loads(self._named(json.dumps(BODIES.get(rule, BODIES.get(operation)))))
        query += self._named(QUERIES.get(rule, QUERIES.get(operation, "")))
        return caller.at(71).call(method, self._named(path) + query, body)

    def _named(self, text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: self.names[found[1]], text)


class PolicyFile:
    """The operator's policy file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write({})

    def write(self, rules: Mapping[str, str]) -> None:
        """Replace the rules atomically, as an editor does that never leaves a partial file."""
        aside = self.path.with_suffix(".new")
        aside.write_text(json.dumps(dict(rules)))
        os.replace(aside, self.path)


def stored_rows(state: Path) -> list[str]:
    """Return all stored rows, except the reports that backends and services write from time to time."""
    connection = sqlite3.connect(f"{(state / 'cgflow.db').as_uri()}?mode=ro", uri=True)
    try:
        reports = ('INSERT INTO "backends"', 'INSERT INTO "services"')
        return [line for line in connection.iterdump() if not line.startswith(reports)]
    finally:
        connection.close()
