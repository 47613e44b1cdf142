"""The cut level that volume types allow, and the extra specs that require a level of a backend.

A cut is made at one instant unless an administrator has allowed less: a volume type with the extra spec
``cut_level='per-volume'`` allows its volumes to be cut one after the other. As with every extra spec, only
backends that report exactly this value meet it; ``<or> crash <or> per-volume`` accepts both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cgflow.drivers.contract.cut_evidence import (
    CUT_LEVEL,
    GROUP_SUPPORT,
    CutLevel,
    highest_level,
    level_of_cut,
)
from cgflow.scheduler.extra_specs_ops import meets_requirement

PERMISSION = f"the extra spec {CUT_LEVEL}='{CutLevel.PER_VOLUME}'"
"""How an administrator allows the lower level, worded to follow a verb."""

Specs = Mapping[str, str]


def lowest_allowed_level(types: Iterable[Specs]) -> CutLevel:
    """Return the lowest level that all volume types allow, each given by its extra specs."""
    allowed = [_level_allowed_by(specs) for specs in types]
    return highest_level(*allowed) if allowed else CutLevel.CRASH


def required_capabilities(level: CutLevel, members: int | None = None) -> Specs:
    """Return the extra specs of backends that reach a level, for a number of members if given."""
    enough = [
        one for one in CutLevel if (one if members is None else level_of_cut(one, members)).is_at_least(level)
    ]
    if enough == [CutLevel.CRASH]:
        return {GROUP_SUPPORT: "<is> True"}
    return {CUT_LEVEL: " ".join(f"<or> {one}" for one in enough)}


def group_required_capabilities(specs: Specs) -> Specs:
    """Return the extra specs of a volume type with those that a group of this type needs."""
    return {**required_capabilities(_level_allowed_by(specs)), **specs}


def _level_allowed_by(specs: Specs) -> CutLevel:
    asked = specs.get(CUT_LEVEL, specs.get(f"capabilities:{CUT_LEVEL}"))
    if asked is not None and meets_requirement(CutLevel.PER_VOLUME.value, asked):
        return CutLevel.PER_VOLUME
    return CutLevel.CRASH
