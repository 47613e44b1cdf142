"""What the schemas of operated things share."""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import Schema, fields, post_load

from api import current
from api.schemas.envelope import Link, Taken
from api.schemas.fields import Extension, Ignored, Moment, Text
from cgflow.errors import InvalidInput


class NamedIn(Taken):
    """What names a new thing, and what clients send along without being trusted."""

    ignored: ClassVar[tuple[str, ...]] = ("user_id", "project_id", "status")

    name = Text(allow_none=True, load_default=None)
    description = Text(allow_none=True, load_default=None)
    user_id = Ignored()
    project_id = Ignored()
    status = Ignored()


class NamedPatch(Schema):
    """What may be changed of the names of a thing; what is not named stays.

    Older clients put ``display_`` before the names.
    """

    name = Text(allow_none=True)
    description = Text(allow_none=True)
    display_name = Text(allow_none=True)
    display_description = Text(allow_none=True)

    @post_load
    def take_older_names(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return what is to be changed. Raises: InvalidInput, if that is nothing."""
        older = {
            name: data[f"display_{name}"] for name in ("name", "description") if f"display_{name}" in data
        }
        changes = older | {key: value for key, value in data.items() if not key.startswith("display_")}
        if not changes:
            raise InvalidInput("Nothing is to be changed: give a name or a description.")
        return changes


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
    reason = Extension(fields.String(data_key="cgflow:reason", allow_none=True))
    flow_id = Extension(fields.String(data_key="cgflow:flow_id", allow_none=True))


def links(noun: str) -> fields.Field[Any]:
    """Return a field that shows where a thing itself is to be found."""

    def shown(record: Any) -> list[dict[str, str]]:
        href = current.href(f"/{noun}/{record.id}")
        return [{"rel": "self", "href": href}, {"rel": "bookmark", "href": href}]

    return fields.Function(shown, metadata={"type": "array", "items": _LINK})


_LINK = {"type": "object", "properties": {name: {"type": "string"} for name in Link().fields}}
