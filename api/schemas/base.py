"""Base schemas: envelopes, pages and links, names, summaries, and actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from flask import request
from marshmallow import EXCLUDE, Schema, fields, post_load, pre_load
from marshmallow.validate import Range

from api import request_scope
from api.disclosure import HostsHiddenField
from api.errors import MALFORMED
from api.schemas.fields import Extension, Ignored, Name, Timestamp
from api.versions import has_extensions, is_at_least
from cgflow.errors import InvalidInput

_SINGULAR_LINKS = frozenset({"consistencygroups", "groups", "group_snapshots", "volume_types", "group_types"})


class Envelope(Schema):
    """``{"<root>": {...}}``; loading returns the content.

    ``aliases`` are other root keys that clients send. An empty or null body is refused unless
    ``is_optional``.
    """

    root: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    is_optional: ClassVar[bool] = False

    @pre_load
    def find_root(self, data: Any, **_: Any) -> Any:
        """Require the root key. Raises: InvalidInput, with Cinder's message and the missing key."""
        if self.is_optional and data is None:
            return {self.root: {}}
        if not isinstance(data, Mapping):
            raise InvalidInput(f"{MALFORMED} The body must be an object.")
        root = next((name for name in (self.root, *self.aliases) if name in data), None)
        if root is None:
            raise InvalidInput(f"{MALFORMED} '{self.root}' is a required property.", self.root)
        if not isinstance(data[root], Mapping):
            raise InvalidInput(f"{MALFORMED} '{root}' must be an object.", self.root)
        return {(self.root if name == root else name): value for name, value in data.items()}

    @post_load
    def unwrap(self, data: Any, **_: Any) -> Any:
        """Return the content of the envelope."""
        return data[self.root]


class EnvelopeContent(Schema):
    """The content of an envelope; fields in ``ignored`` are validated and then dropped.

    ``later`` maps fields to the microversion 3.N from which they exist; null counts as absent in any version.
    """

    ignored: ClassVar[tuple[str, ...]] = ()
    later: ClassVar[Mapping[str, int]] = {}

    @pre_load
    def refuse_what_came_later(self, data: Any, **_: Any) -> Any:
        """Refuse fields newer than the microversion of the request. Raises: InvalidInput."""
        for name, minor in self.later.items():
            if isinstance(data, Mapping) and data.get(name) is not None and not is_at_least(minor):
                raise InvalidInput(
                    f"Invalid input for field '{name}': Unknown field. It requires microversion 3.{minor}.",
                    name,
                )
        return data

    @post_load
    def drop_ignored(self, data: Any, **_: Any) -> Any:
        """Return the fields that the view gets."""
        return {name: value for name, value in data.items() if name not in self.ignored}


class LenientEnvelopeContent(EnvelopeContent):
    """The content of an envelope in which Cinder drops unknown keys.

    Keys that begin with ``cgflow:`` are meant for cgflow, so an unknown one is refused.
    """

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    @pre_load
    def refuse_unknown_extensions(self, data: Any, **_: Any) -> Any:
        """Refuse an unknown extension key. Raises: InvalidInput."""
        known = {field.data_key or name for name, field in self.load_fields.items()}
        for name in data:
            if name.startswith("cgflow:") and name not in known:
                raise InvalidInput(f"Invalid input for field '{name[:255]}': Unknown field.", name[:255])
        return data


LONGEST_WAIT_S = 30


class ShowIn(Schema):
    """The query of one resource.

    ``wait`` counts only in requests with the extensions, because Cinder ignores unknown parameters here.
    """

    class Meta:  # noqa: D106
        unknown = EXCLUDE

    wait = fields.Float(
        load_default=0.0,
        validate=Range(0, LONGEST_WAIT_S),
        metadata={
            "description": "The seconds to wait until no flow is at work on it; the answer may come earlier.",
            **Extension.openapi_extension,
        },
    )

    @pre_load
    def leave_out_extensions(self, data: Any, **_: Any) -> dict[str, Any]:
        """Drop the wait, if the request does not name the extensions or is no read."""
        waits = has_extensions() and request.method in ("GET", "HEAD")
        return {name: data[name] for name in data if name != "wait" or waits}


def body_schema(name: str, root: str, content: type[Schema]) -> type[Schema]:
    """Return the schema of a request body with one resource: ``{"<root>": {...}}``."""
    return type(name, (Envelope,), {"root": root, root: fields.Nested(content, required=True)})


def envelope_schema(root: str, schema: type[Schema]) -> type[Schema]:
    """Return the schema of a response with one resource: ``{"<root>": {...}}``."""
    name = f"{schema.__name__.removesuffix('Out')}Envelope"
    return Schema.from_dict({root: fields.Nested(schema)}, name=name)


def links_key(root: str) -> str:
    """Return the key of a list's link to its next page, which Cinder spells in two ways."""
    return f"{root.removesuffix('s') if root in _SINGULAR_LINKS else root}_links"


def page_schema(root: str, schema: type[Schema]) -> type[Schema]:
    """Return the schema of a response with one page of resources and a link to the next."""
    links = fields.List(fields.Nested(Link))
    members = {root: fields.Nested(schema, many=True), links_key(root): links}
    return Schema.from_dict(members, name=f"{schema.__name__.removesuffix('Out')}Page")


def counted_page_schema(root: str, schema: type[Schema]) -> type[Schema]:
    """Return the schema of ``page_schema`` with the total count, which is shown if requested."""
    members = {"count": fields.Integer(metadata={"x-min-microversion": "3.45"})}
    page = page_schema(root, schema)
    return type(page.__name__, (page,), members)


class Link(Schema):
    """One link of a resource."""

    rel = fields.String()
    href = fields.String()


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
            raise InvalidInput("There is nothing to change: give a name or a description.")
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


def links_field(path: str) -> fields.Field[Any]:
    """Return a field with the links to a resource."""

    def links_of(record: Any) -> list[dict[str, str]]:
        address = f"/{path}/{record.id}"
        bookmark = request_scope.absolute_url(address, has_version=False)
        return [
            {"rel": "self", "href": request_scope.absolute_url(address)},
            {"rel": "bookmark", "href": bookmark},
        ]

    return fields.Function(links_of, metadata={"type": "array", "items": _LINK})


_LINK = {"type": "object", "properties": {name: {"type": "string"} for name in Link().fields}}
