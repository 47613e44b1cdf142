"""Base schemas of resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import Schema, fields, post_load, pre_load

from api import request_scope
from api.disclosure import HostsHiddenField
from api.schemas.envelope import EnvelopeContent, Link
from api.schemas.fields import Extension, Ignored, Name, Timestamp
from cgflow.errors import InvalidInput


class NamedIn(EnvelopeContent):
    """The name and description of a new resource, and fields that clients send but that are ignored."""

    ignored: ClassVar[tuple[str, ...]] = ("user_id", "project_id", "status")

    name = Name(allow_none=True, load_default=None)
    description = Name(allow_none=True, load_default=None)
    user_id = Ignored()
    project_id = Ignored()
    status = Ignored()


_NAMES = ("name", "description")


class LegacyNames(Schema):
    """The older keys ``display_name`` and ``display_description``.

    If a body has both the older and the present key, the present one counts.
    """

    display_name = Name(allow_none=True, load_only=True)
    display_description = Name(allow_none=True, load_only=True)

    @pre_load
    def take_older_names(self, data: Any, **_: Any) -> Any:
        """Return the body with the present keys."""
        if not isinstance(data, Mapping):
            return data
        older = {name: data[f"display_{name}"] for name in _NAMES if f"display_{name}" in data}
        return (
            older
            | {name: data[name] for name in data if name.removeprefix("display_") not in _NAMES}
            | {name: data[name] for name in _NAMES if name in data}
        )


class NamedPatch(LegacyNames):
    """The changes to a name and a description; what is not named stays."""

    name = Name(allow_none=True)
    description = Name(allow_none=True)

    @post_load
    def require_changes(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the changes. Raises: InvalidInput, if there are none."""
        if not data:
            raise InvalidInput("Nothing is to be changed: give a name or a description.")
        return data


class RefOut(Schema):
    """The summary of a resource."""

    id = fields.String()
    name = fields.String(allow_none=True)


class ResourceOut(RefOut):
    """A resource in full.

    ``cgflow:reason`` is the reason of its error status, ``cgflow:flow_id`` the last flow that touched it.
    """

    description = fields.String(allow_none=True)
    status = fields.String()
    created_at = Timestamp()
    reason = Extension(
        HostsHiddenField(data_key="cgflow:reason", allow_none=True, metadata={"type": "string"})
    )
    flow_id = Extension(fields.String(data_key="cgflow:flow_id", allow_none=True))


def links(noun: str) -> fields.Field[Any]:
    """Return a field with the links to a resource."""

    def shown(record: Any) -> list[dict[str, str]]:
        path = f"/{noun}/{record.id}"
        bookmark = request_scope.href(path, has_version=False)
        return [{"rel": "self", "href": request_scope.href(path)}, {"rel": "bookmark", "href": bookmark}]

    return fields.Function(shown, metadata={"type": "array", "items": _LINK})


_LINK = {"type": "object", "properties": {name: {"type": "string"} for name in Link().fields}}
