"""The keys of every resource in Cinder 29: their kind, whether they may be null, and since when they exist.

The table was made from the responses of a Cinder 29 to an administrator at each microversion, and from
its reference documents. ``test_keys.py`` checks every response that shows a resource against it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Key:
    """The kind of a key's value, from microversion 3.``since`` on; below it the key does not exist."""

    kind: str
    since: int = 0
    is_nullable: bool = False


Keys = Mapping[str, Key]

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?")

KINDS: Mapping[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "boolean as text": lambda value: value in ("true", "false"),
    "time": lambda value: isinstance(value, str) and bool(_TIME.fullmatch(value)),
    "time or empty": lambda value: isinstance(value, str) and bool(_TIME.fullmatch(value) or not value),
    "object": lambda value: isinstance(value, dict),
    "texts": lambda value: isinstance(value, dict) and all(isinstance(one, str) for one in value.values()),
    "ids": lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value),
    "links": lambda value: [sorted(one) for one in value] == [["href", "rel"]] * 2,
    "list": lambda value: isinstance(value, list),
}


def violations(keys: Keys, minor: int, shown: Mapping[str, Any]) -> Iterator[str]:
    """Yield every respect in which a response at 3.``minor`` differs from the table."""
    wanted = {name: key for name, key in keys.items() if key.since <= minor}
    yield from (f"{name} is missing" for name in wanted if name not in shown)
    yield from (f"{name} is not a key of Cinder's at 3.{minor}" for name in shown if name not in wanted)
    for name, key in wanted.items():
        value = shown.get(name)
        if name in shown and not (key.is_nullable if value is None else KINDS[key.kind](value)):
            yield f"{name} is {value!r}, and should be {key.kind}"


def boundaries(keys: Keys, first: int, last: int) -> list[int]:
    """Return the offered microversions next to those at which something changes."""
    changes = {key.since for key in keys.values()}
    around = {first, last, *changes, *(minor - 1 for minor in changes)}
    return sorted(minor for minor in around if first <= minor <= last)


def _text(since: int = 0) -> Key:
    return Key("text", since)


def _maybe(kind: str = "text", since: int = 0) -> Key:
    return Key(kind, since, is_nullable=True)


_NAMED = {"id": _text(), "name": _maybe(), "description": _maybe()}
_REST = {"status": _text(), "created_at": Key("time")}

VOLUME_SHORT: Keys = {"id": _text(), "name": _maybe(), "links": Key("links")}
VOLUME_CHANGED: Keys = {
    **_NAMED,
    **_REST,
    "updated_at": _maybe("time"),
    "size": Key("integer"),
    "availability_zone": _text(),
    "volume_type": _maybe(),
    "snapshot_id": _maybe(),
    "source_volid": _maybe(),
    "metadata": Key("texts"),
    "links": Key("links"),
    "user_id": _text(),
    "bootable": Key("boolean as text"),
    "encrypted": Key("boolean"),
    "replication_status": _maybe(),
    "consistencygroup_id": _maybe(),
    "multiattach": Key("boolean"),
    "attachments": Key("list"),
    "migration_status": _maybe(),
    "group_id": _maybe(since=13),
    "provider_id": _maybe(since=21),
    "service_uuid": _maybe(since=48),
    "shared_targets": Key("boolean", 48),
    "cluster_name": _maybe(since=61),
    "volume_type_id": _maybe(since=63),
    "consumes_quota": Key("boolean", 65),
}
VOLUME: Keys = {
    **VOLUME_CHANGED,
    "os-vol-tenant-attr:tenant_id": _text(),
    "os-vol-host-attr:host": _maybe(),
    "os-vol-mig-status-attr:migstat": _maybe(),
    "os-vol-mig-status-attr:name_id": _maybe(),
}

SNAPSHOT_SHORT: Keys = {
    **_NAMED,
    **_REST,
    "updated_at": _maybe("time"),
    "volume_id": _text(),
    "size": Key("integer"),
    "metadata": Key("texts"),
}
SNAPSHOT_CHANGED: Keys = {
    **SNAPSHOT_SHORT,
    "group_snapshot_id": _maybe(since=14),
    "user_id": _text(41),
    "consumes_quota": Key("boolean", 65),
}
SNAPSHOT: Keys = {
    **SNAPSHOT_CHANGED,
    "os-extended-snapshot-attributes:progress": _text(),
    "os-extended-snapshot-attributes:project_id": _text(),
}

REFERENCE: Keys = {"id": _text(), "name": _maybe()}
CONSISTENCYGROUP: Keys = {**_NAMED, **_REST, "availability_zone": _text(), "volume_types": Key("ids")}
CGSNAPSHOT: Keys = {**_NAMED, **_REST, "consistencygroup_id": _text()}
GROUP: Keys = {
    **_NAMED,
    **_REST,
    "availability_zone": _text(),
    "group_type": _text(),
    "volume_types": Key("ids"),
    "group_snapshot_id": _maybe(since=14),
    "source_group_id": _maybe(since=14),
    "replication_status": _text(38),
    "project_id": _text(58),
}
GROUP_WITH_VOLUMES: Keys = {**GROUP, "volumes": Key("ids", 25)}
GROUP_SNAPSHOT_CREATED: Keys = {**REFERENCE, "group_type_id": _text()}
GROUP_SNAPSHOT: Keys = {
    **_NAMED,
    **_REST,
    "group_id": _text(),
    "group_type_id": _text(),
    "project_id": _text(58),
}

_TYPE: Keys = {**_NAMED, "is_public": Key("boolean")}
VOLUME_TYPE_CHANGED: Keys = {**_TYPE, "extra_specs": Key("texts")}
VOLUME_TYPE_CREATED: Keys = {**VOLUME_TYPE_CHANGED, "os-volume-type-access:is_public": Key("boolean")}
VOLUME_TYPE: Keys = {**VOLUME_TYPE_CREATED, "qos_specs_id": _maybe()}
GROUP_TYPE: Keys = {**_TYPE, "group_specs": Key("texts")}
QOS_SPECS: Keys = {"id": _text(), "name": _text(), "consumer": _text(), "specs": Key("texts")}

TRANSFER_SHORT: Keys = {"id": _text(), "volume_id": _text(), "name": _maybe(), "links": Key("links")}
TRANSFER: Keys = {
    **TRANSFER_SHORT,
    "created_at": Key("time"),
    "no_snapshots": Key("boolean", 55),
    "source_project_id": _text(57),
    "destination_project_id": _maybe(since=57),
    "accepted": Key("boolean", 57),
}
TRANSFER_CREATED: Keys = {**TRANSFER, "auth_key": _text()}

ATTACHMENT_SHORT: Keys = {"id": _text(), "status": _text(), "instance": _maybe(), "volume_id": _text()}
ATTACHMENT: Keys = {
    **ATTACHMENT_SHORT,
    "attached_at": Key("time or empty"),
    "detached_at": Key("time or empty"),
    "attach_mode": _maybe(),
    "connection_info": Key("object"),
}

MESSAGE: Keys = {
    "id": _text(),
    "event_id": _text(),
    "user_message": _text(),
    "message_level": _text(),
    "resource_type": _text(),
    "resource_uuid": _text(),
    "request_id": _text(),
    "created_at": Key("time"),
    "guaranteed_until": Key("time"),
    "links": Key("links"),
}
DEFAULT_TYPE: Keys = {"project_id": _text(), "volume_type_id": _text()}
