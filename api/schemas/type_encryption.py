"""Schemas of the encryption of volume types."""

from __future__ import annotations

from marshmallow import Schema, fields
from marshmallow.validate import OneOf

from api.schemas.envelope import Envelope, EnvelopeContent
from api.schemas.fields import Count, Text, Timestamp


class TypeEncryptionPatch(EnvelopeContent):
    """The changes to an encryption; what is not named stays. ``key_size`` is in bits."""

    provider = Text()
    control_location = fields.String(validate=OneOf(("front-end", "back-end")))
    cipher = Text(allow_none=True)
    key_size = Count(min=0, allow_none=True)


class TypeEncryptionIn(TypeEncryptionPatch):
    """A new encryption."""

    provider = Text(required=True)
    control_location = fields.String(required=True, validate=OneOf(("front-end", "back-end")))


class TypeEncryptionCreateIn(Envelope):
    """The body that creates the encryption of a type."""

    root = "encryption"

    encryption = fields.Nested(TypeEncryptionIn, required=True)


class TypeEncryptionUpdateIn(Envelope):
    """The body that changes an encryption."""

    root = "encryption"

    encryption = fields.Nested(TypeEncryptionPatch, required=True)


class TypeEncryptionKeyOut(Schema):
    """One key of an encryption under its name."""

    encryption_id = fields.String()
    provider = fields.String()
    control_location = fields.String()
    cipher = fields.String(allow_none=True)
    key_size = fields.Integer(allow_none=True)
    volume_type_id = fields.String()


class TypeEncryptionOut(TypeEncryptionKeyOut):
    """The encryption of a type; empty, if it has none."""

    created_at = Timestamp()
    updated_at = Timestamp()
    deleted = fields.Boolean()
    deleted_at = Timestamp()


class TypeEncryptionChangedOut(Schema):
    """The given values of an encryption; for a new one also its id and its type."""

    encryption = fields.Dict(keys=fields.String())


class VolumeEncryptionOut(Schema):
    """The encryption of a volume: no volume is encrypted."""

    encryption_key_id = fields.String(allow_none=True)
