"""Fields of cgflow's own for the required cut level and for the evidence of a cut."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from api.schemas.fields import Extension
from cgflow.drivers.contract.cut_evidence import CutLevel

LEVELS = [level.value for level in CutLevel]


def required_level_field() -> fields.Field[Any]:
    """Return the field of the required cut level; null requires what the volume types do."""
    return fields.Enum(
        CutLevel,
        by_value=True,
        data_key="cgflow:level",
        allow_none=True,
        load_default=None,
        metadata={"description": "The lowest level that will do; refused if the backend does not reach it."},
    )


def evidence_field() -> fields.Field[Any]:
    """Return the field that describes how a cut was made, null until there is one."""
    shape = {
        "mechanism": {"type": "string"},
        "level": {"type": "string", "enum": LEVELS},
        "members": {"type": "integer"},
        "cut_at": {"type": "string", "nullable": True, "example": "2026-11-22T10:19:45.852956"},
        "duration_ms": {"type": "number", "nullable": True},
        "skew_ms": {"type": "number"},
        "promise": {"type": "string"},
    }
    return Extension(
        fields.Raw(
            data_key="cgflow:evidence", metadata={"type": "object", "nullable": True, "properties": shape}
        )
    )
