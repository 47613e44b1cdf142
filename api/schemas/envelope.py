"""Envelopes of bodies, as in Cinder: everything is under one key that names the resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import EXCLUDE, Schema, fields, post_load, pre_load

from api.errors import MALFORMED
from api.versions import is_at_least
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
                    f"Invalid input for field '{name}': Unknown field. It came with microversion 3.{minor}.",
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


def body_schema(name: str, root: str, content: type[Schema]) -> type[Schema]:
    """Return the schema of a request body with one resource: ``{"<root>": {...}}``."""
    return type(name, (Envelope,), {"root": root, root: fields.Nested(content, required=True)})


def wrapped(root: str, schema: type[Schema]) -> type[Schema]:
    """Return the schema of a response with one resource: ``{"<root>": {...}}``."""
    name = f"{schema.__name__.removesuffix('Out')}Envelope"
    return Schema.from_dict({root: fields.Nested(schema)}, name=name)


def links_key(root: str) -> str:
    """Return the key of a list's link to its next page, which Cinder spells in two ways."""
    return f"{root.removesuffix('s') if root in _SINGULAR_LINKS else root}_links"


def listed(root: str, schema: type[Schema]) -> type[Schema]:
    """Return the schema of a response with one page of resources and a link to the next."""
    way = fields.List(fields.Nested(Link))
    members = {root: fields.Nested(schema, many=True), links_key(root): way}
    return Schema.from_dict(members, name=f"{schema.__name__.removesuffix('Out')}Page")


def counted(root: str, schema: type[Schema]) -> type[Schema]:
    """Return the schema of ``listed`` with the total count, which is shown if requested."""
    members = {"count": fields.Integer(metadata={"x-min-microversion": "3.45"})}
    page = listed(root, schema)
    return type(page.__name__, (page,), members)


class Link(Schema):
    """One link of a resource."""

    rel = fields.String()
    href = fields.String()
