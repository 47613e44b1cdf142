"""Detection, at a takeover, that a flow has passed its point of no return, and the reset to go forward only.

The record (``Flow.committed_at``) decides. A flow that was started by a release without this record
is recognised by its resources: acceptance claims them, and before the end of the flow only the
commit releases them all.
"""

from __future__ import annotations

from typing import Any

import networkx  # type: ignore[import-untyped]
from sqlalchemy.orm import Session
from taskflow import states
from taskflow.atom import Atom
from taskflow.persistence import models

from cgflow import records
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.engine.task import Commit

_NOT_BEGUN_OR_UNDONE = (None, states.PENDING, states.REVERTED)


def find_commit_step(graph: Any) -> Commit | None:
    """Return the step of an execution graph that is its point of no return; None if it has none."""
    return next((node for node in graph.nodes if isinstance(node, Commit)), None)


def atom_names_after(graph: Any, commit: Commit) -> frozenset[str]:
    """Return the names of the atoms that follow the point of no return in an execution graph."""
    return frozenset(node.name for node in networkx.descendants(graph, commit) if isinstance(node, Atom))


def has_committed(session: Session, flow: records.Flow, stored: models.FlowDetail, commit: Commit) -> bool:
    """Return whether a flow without a record has committed, from its resources and its commit's atom."""
    atom = next((atom for atom in stored if atom.name == commit.name), None)
    if atom is None or atom.state in _NOT_BEGUN_OR_UNDONE:
        return False
    if atom.state == states.SUCCESS:
        return bool(atom.intention == states.EXECUTE)
    claims: Any = flow.symbols.get("claims") or {}
    holds = any(
        thing.claimed_by == flow.id
        for noun, ids in claims.items()
        for thing in REPOSITORIES[noun].get_with_deleted(session, ids)
    )
    return bool(claims) and not holds


def prepare_forward_only(stored: models.FlowDetail, commit: Commit, behind: frozenset[str]) -> None:
    """Prepare the stored details so that the engine resumes a committed flow behind its point of no return.

    Everything before that point counts as done. The atoms behind it keep their state, such as a
    retry in progress.
    """
    for atom in stored:
        if atom.name == commit.name and atom.state != states.SUCCESS:
            atom.reset(states.RUNNING)
        elif atom.name not in behind:
            atom.intention = states.EXECUTE
    if stored.state != states.SUCCESS:
        stored.state = states.SUSPENDED
