"""The level at which a group's members must be cut, and whether the group's backend reaches it.

It is the level that the caller demands, but no lower than the group's volume types allow. Every
backend that can cut reaches the level ``crash`` for a single member.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from cgflow import records
from cgflow.db.repositories import backend, volume_type
from cgflow.drivers.contract.cut_evidence import CutLevel, highest, level_of_cut, reported_level
from cgflow.errors import InvalidState, NotFound
from cgflow.scheduler.cut_level import PERMISSION, lowest_allowed


def required_cut_level(
    session: Session, group: records.ConsistencyGroup, members: int, asked: CutLevel | None = None
) -> CutLevel:
    """Return the level that a cut of a group with this number of members must reach.

    Raises: InvalidState, if the group's backend reports that it does not reach the level. A backend
    that is down or unknown is not judged here, but by the steps that use it.
    """
    types = [volume_type.get(session, id_) for id_ in group.volume_type_ids]
    allowed = lowest_allowed(found.extra_specs for found in types)
    wanted = allowed if asked is None else highest(allowed, asked)
    found = _backend(session, group)
    if found is None:
        return wanted
    level = reported_level(found.report)
    if level is None and not found.is_up:
        return wanted
    if level is None or not level_of_cut(level, members).reaches(wanted):
        cuts = "cannot cut the volumes of a group" if level is None else f"cuts at level {level}"
        why = "is demanded" if asked is wanted else "is needed"
        hint = (
            f" An administrator allows less with {PERMISSION} of the group's volume types."
            if allowed is wanted and level is not None
            else ""
        )
        raise InvalidState(
            f"Invalid ConsistencyGroup: Level {wanted} {why}, and backend {found.name}, which consistency "
            f"group {group.id} is on, {cuts}.{hint}"
        )
    return wanted


def _backend(session: Session, group: records.ConsistencyGroup) -> records.Backend | None:
    try:
        return backend.get(session, group.host or "")
    except NotFound:
        return None
