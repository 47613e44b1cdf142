"""Schemas of consistency groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, post_load, pre_load

from api.schemas.action import ActionIn
from api.schemas.envelope import Envelope, EnvelopeContent, LenientEnvelopeContent, listed, wrapped
from api.schemas.fields import Flag, Names, Text
from api.schemas.resource import NamedIn, RefOut, ResourceOut
from api.versions import is_at_least
from cgflow.errors import InvalidInput


class ConsistencyGroupIn(LenientEnvelopeContent, NamedIn):
    """A new consistency group. ``volume_types`` are names or ids."""

    volume_types = Names()
    availability_zone = Text(min=1, allow_none=True, load_default=None)


class ConsistencyGroupCreateIn(Envelope):
    """The body that creates a consistency group."""

    root = "consistencygroup"

    consistencygroup = fields.Nested(ConsistencyGroupIn, required=True)


class ChangeIn(NamedIn):
    """The changes to a group. The volumes are ids in one comma-separated string, or a list."""

    add_volumes = Names(max=1000)
    remove_volumes = Names(max=1000)

    @post_load
    def read_as_asked(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Ignore empty texts below 3.6; from 3.6 on they clear the name or description.

        From 3.6 on a change of name and description alone is allowed in any status.
        """
        is_later = is_at_least(6)
        if not is_later:
            data |= {key: data.get(key) or None for key in ("name", "description")}
        return data | {"in_any_status": is_later}


class LooseChangeIn(LenientEnvelopeContent, ChangeIn):
    """The changes to a consistency group."""


class ConsistencyGroupUpdateIn(Envelope):
    """The body that changes a consistency group."""

    root = "consistencygroup"
    aliases = ("consistency_group",)

    consistencygroup = fields.Nested(LooseChangeIn, required=True)

    @pre_load
    def find_root(self, data: Any, **kwargs: Any) -> Any:
        """Refuse a body without a root with Cinder's message for an update. Raises: InvalidInput."""
        if data is None:
            raise InvalidInput("Missing request body.")
        roots = (self.root, *self.aliases)
        if not isinstance(data, Mapping) or not any(isinstance(data.get(name), Mapping) for name in roots):
            raise InvalidInput(f"Incorrect request body format. '{self.root}' must be an object.", self.root)
        return super().find_root(data, **kwargs)


class SourceIn(LenientEnvelopeContent, NamedIn):
    """A new consistency group with the data of a source, of which exactly one must be named."""

    cgsnapshot_id = Text(allow_none=True, load_default=None)
    source_cgid = Text(allow_none=True, load_default=None)


class ConsistencyGroupFromSourceIn(Envelope):
    """The body that creates a consistency group from a cgsnapshot or from another group."""

    root = "consistencygroup-from-src"

    source = fields.Nested(SourceIn, required=True, data_key="consistencygroup-from-src")

    @post_load
    def unwrap(self, data: Any, **_: Any) -> Any:
        """Return the content of the envelope."""
        return data["source"]


class DeletionIn(EnvelopeContent):
    """How a consistency group is deleted; ``force`` deletes its volumes, too."""

    force = Flag(load_default=False)


class ConsistencyGroupDeleteIn(Envelope):
    """The body that deletes a consistency group; an empty or null body means without force."""

    root = "consistencygroup"
    aliases = ("consistency_group",)
    is_optional = True

    consistencygroup = fields.Nested(DeletionIn)


class SafetyIn(Schema):
    """The cgsnapshot to take before a group is restored."""

    name = Text(allow_none=True, load_default=None)
    description = Text(allow_none=True, load_default=None)


class ConsistencyGroupRevertIn(Schema):
    """The cgsnapshot to restore to, and the safety cgsnapshot to take before; null takes none."""

    cgsnapshot_id = Text(min=1, required=True)
    safety = fields.Nested(SafetyIn, allow_none=True, load_default=None)


class ConsistencyGroupActionIn(ActionIn):
    """An action on a consistency group."""

    revert = fields.Nested(ConsistencyGroupRevertIn, data_key="revert_to_cgsnapshot")


class ConsistencyGroupRefOut(RefOut):
    """The summary of a consistency group."""


class ConsistencyGroupOut(ResourceOut):
    """A consistency group in full."""

    availability_zone = fields.String()
    volume_type_ids = fields.List(fields.String(), data_key="volume_types")


RefEnvelope = wrapped("consistencygroup", ConsistencyGroupRefOut)
ShowEnvelope = wrapped("consistencygroup", ConsistencyGroupOut)
RefPage = listed("consistencygroups", ConsistencyGroupRefOut)
ShowPage = listed("consistencygroups", ConsistencyGroupOut)
