"""What the schemas of operated things share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import Schema, fields, post_load, pre_load

from api import request_scope
from api.disclosure import Disclosed
from api.schemas.envelope import Link, Taken
from api.schemas.fields import Extension, Ignored, Moment, Name
from cgflow.errors import InvalidInput


class NamedIn(Taken):
    """What names a new thing, and what clients send along without being trusted."""

    ignored: ClassVar[tuple[str, ...]] = ("user_id", "project_id", "status")

    name = Name(allow_none=True, load_default=None)
    description = Name(allow_none=True, load_default=None)
    user_id = Ignored()
    project_id = Ignored()
    status = Ignored()


_NAMES = ("name", "description")


class OlderNames(Schema):
    """The names of a thing as older clients call them, ``display_`` before each.

    The present name counts if a body has both.
    """

    display_name = Name(allow_none=True, load_only=True)
    display_description = Name(allow_none=True, load_only=True)

    @pre_load
    def take_older_names(self, data: Any, **_: Any) -> Any:
        """Return the body with its names as they are called now."""
        if not isinstance(data, Mapping):
            return data
        older = {name: data[f"display_{name}"] for name in _NAMES if f"display_{name}" in data}
        return (
            older
            | {name: data[name] for name in data if name.removeprefix("display_") not in _NAMES}
            | {name: data[name] for name in _NAMES if name in data}
        )


class NamedPatch(OlderNames):
    """What may be changed of the names of a thing; what is not named stays."""

    name = Name(allow_none=True)
    description = Name(allow_none=True)

    @post_load
    def require_changes(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return what is to be changed. Raises: InvalidInput, if that is nothing."""
        if not data:
            raise InvalidInput("Nothing is to be changed: give a name or a description.")
        return data


class RefOut(Schema):
    """A thing in short."""

    id = fields.String()
    name = fields.String(allow_none=True)


class ResourceOut(RefOut):
    """A thing in full.

    ``cgflow:reason`` tells why it is in error, ``cgflow:flow_id`` which flow touched it last.
    """

    description = fields.String(allow_none=True)
    status = fields.String()
    created_at = Moment()
    reason = Extension(Disclosed(data_key="cgflow:reason", allow_none=True, metadata={"type": "string"}))
    flow_id = Extension(fields.String(data_key="cgflow:flow_id", allow_none=True))


def links(noun: str) -> fields.Field[Any]:
    """Return a field that shows where a thing itself is to be found."""

    def shown(record: Any) -> list[dict[str, str]]:
        path = f"/{noun}/{record.id}"
        bookmark = request_scope.href(path, has_version=False)
        return [{"rel": "self", "href": request_scope.href(path)}, {"rel": "bookmark", "href": bookmark}]

    return fields.Function(shown, metadata={"type": "array", "items": _LINK})


_LINK = {"type": "object", "properties": {name: {"type": "string"} for name in Link().fields}}
