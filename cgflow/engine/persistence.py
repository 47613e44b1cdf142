"""TaskFlow's persistence interface on top of the writer, for one run of one flow.

TaskFlow passes whole details. What has not changed since the last save is not written again; a
change of an atom's state is written together with its event. The details are read once, when a
conductor takes a flow up (``load_flow_detail``). From then on the engine's copy in memory is
authoritative, and the fence ensures that it is the only one.
"""

from __future__ import annotations

from typing import Any, NoReturn

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session
from taskflow import states
from taskflow.persistence import base, models

from cgflow import clock
from cgflow.atom_states import NO_UNDO
from cgflow.db.models import ATOMDETAILS, FLOWDETAILS, LOGBOOKS
from cgflow.engine.event_recorder import failure_detail
from cgflow.engine.flow_run import FlowRun
from cgflow.engine.writer import Row
from cgflow.masking import mask_json

# The states in which an atom starts; a change between them is no event. A reset to PENDING before another
# attempt is one.
_INITIAL_STATES = (None, states.PENDING)


_FLOW_DETAIL = select(FLOWDETAILS).where(FLOWDETAILS.c.uuid == bindparam("flow_id"))
_ATOM_DETAILS = select(ATOMDETAILS).where(ATOMDETAILS.c.parent_uuid == bindparam("flow_id"))


def load_flow_detail(session: Session, flow_id: str, operation: str) -> models.FlowDetail:
    """Return the stored details of a flow, or empty ones if no engine has saved it yet."""
    stored = session.execute(_FLOW_DETAIL, {"flow_id": flow_id}).mappings().first()
    if stored is None:
        return new_flow_detail(flow_id, operation)
    detail = models.FlowDetail.from_dict(dict(stored))
    atoms = session.execute(_ATOM_DETAILS, {"flow_id": flow_id}).mappings()
    for row in atoms:
        detail.add(models.atom_detail_class(row["atom_type"]).from_dict(dict(row)))
    return detail


def new_flow_detail(flow_id: str, operation: str) -> models.FlowDetail:
    """Return the empty details of a flow that no engine has saved yet."""
    return models.FlowDetail(operation, flow_id)


class RunPersistence(base.Backend, base.Connection):  # type: ignore[misc]  # TaskFlow ships no types
    """TaskFlow's backend and connection in one object: saves what the engine of one run passes."""

    def __init__(self, run: FlowRun, stored: models.FlowDetail) -> None:
        super().__init__({})
        self._run = run
        self._flow_state = stored.state
        self._saved_flow = len(stored) > 0
        self._providers: frozenset[str] = frozenset()
        self._without_undo: frozenset[str] = frozenset()
        # The stored row of each atom, to detect what a save changes.
        self._saved = {atom.uuid: self._atom_row(atom, stored.uuid) for atom in stored}

    def keep_results_unmasked(self, providers: frozenset[str]) -> None:
        """Set the atoms whose results are inputs of other steps: those results are stored unmasked."""
        self._providers = providers

    def set_atoms_without_undo(self, names: frozenset[str]) -> None:
        """Set the atoms that have no undo: their history must not say that they were undone."""
        self._without_undo = names

    def get_connection(self) -> RunPersistence:
        """Return this object: there is nothing to open."""
        return self

    @property
    def backend(self) -> RunPersistence:
        """The backend of this connection, which is this object."""
        return self

    def close(self) -> None:
        """Do nothing: the writer belongs to the conductor."""

    def update_flow_details(self, flow_detail: models.FlowDetail) -> models.FlowDetail:
        """Save the flow's own row and the new atoms."""
        upserts: list[tuple[Any, Row]] = []
        if not self._saved_flow:
            book = {"uuid": flow_detail.uuid, "name": flow_detail.name, "meta": {}, "created_at": clock.now()}
            upserts.append((LOGBOOKS, {**book, "updated_at": None}))
        new = [atom for atom in flow_detail if atom.uuid not in self._saved]
        if new or flow_detail.state != self._flow_state or not self._saved_flow:
            upserts.append((FLOWDETAILS, _flow_row(flow_detail)))
        for atom in new:
            row = self._saved[atom.uuid] = self._atom_row(atom, flow_detail.uuid)
            upserts.append((ATOMDETAILS, row))
        self._saved_flow, self._flow_state = True, flow_detail.state
        if upserts:
            self._run.save_rows(upserts)
        return flow_detail

    def update_atom_details(self, atom_detail: models.AtomDetail) -> models.AtomDetail:
        """Save an atom; a change of its state is recorded as an event in the same batch."""
        before = self._saved[atom_detail.uuid]
        row = self._atom_row(atom_detail, before["parent_uuid"])
        row["created_at"] = before["created_at"]
        if all(row[key] == before[key] for key in row if key not in ("meta", "updated_at")):
            return atom_detail
        self._saved[atom_detail.uuid] = row
        state = atom_detail.state
        if state == before["state"] or (state in _INITIAL_STATES and before["state"] in _INITIAL_STATES):
            self._run.save_rows([(ATOMDETAILS, row)])
        else:
            has_no_undo = state == states.REVERTED and atom_detail.name in self._without_undo
            detail = {"result": NO_UNDO} if has_no_undo else _transition_detail(atom_detail)
            self._run.save_atom_transition((ATOMDETAILS, row), atom_detail.name, state, detail)
        return atom_detail

    def _atom_row(self, atom: models.AtomDetail, flow_id: str) -> Row:
        row: Row = atom.to_dict()
        row["parent_uuid"] = flow_id
        row["atom_type"] = models.atom_detail_type(atom)
        row["created_at"] = row["updated_at"] = clock.now()
        for key in ("failure", "revert_failure"):
            if row[key]:
                row[key] = mask_json(_make_failure_storable(row[key]))
        if isinstance(atom, models.RetryDetail):
            # A retry keeps the failures of each of its attempts.
            row["results"] = [
                (result, {name: _make_failure_storable(failed) for name, failed in failures.items()})
                for result, failures in row["results"]
            ]
        for key in ("results", "revert_results"):
            if key in row and (key != "results" or atom.name not in self._providers):
                row[key] = mask_json(row[key])
        return row

    # Methods that an engine never calls

    def upgrade(self) -> NoReturn:
        """Not supported: ``cgflow db upgrade`` migrates the schema."""
        raise NotImplementedError("the schema is migrated by 'cgflow db upgrade'")

    def validate(self) -> None:
        """Do nothing: the writer detects an unavailable database, and waits."""

    def _raise_not_supported(self, *args: object, **kwargs: object) -> NoReturn:
        raise NotImplementedError("a run saves its own flow and reads nothing")

    clear_all = save_logbook = destroy_logbook = get_logbook = get_logbooks = _raise_not_supported
    get_flows_for_book = get_flow_details = get_atom_details = get_atoms_for_flow = _raise_not_supported


def _flow_row(flow_detail: models.FlowDetail) -> Row:
    return {
        "uuid": flow_detail.uuid,
        "parent_uuid": flow_detail.uuid,
        "name": flow_detail.name,
        "meta": dict(flow_detail.meta or {}),
        "state": flow_detail.state,
        "created_at": clock.now(),
        "updated_at": clock.now(),
    }


def _make_failure_storable(failed: Row) -> Row:
    """Return a failure with the arguments of its exceptions as text, since they can be any object."""
    words = [str(arg) for arg in failed.get("exc_args", ())]
    causes = [_make_failure_storable(cause) for cause in failed.get("causes", ())]
    return {**failed, "exc_args": words, "causes": causes}


def _transition_detail(atom: models.AtomDetail) -> Row | None:
    """Return the detail of the state that an atom has just reached."""
    if atom.state == states.FAILURE and getattr(atom, "failure", None):
        return {"failure": failure_detail(atom.failure)}
    if atom.state == states.REVERT_FAILURE and atom.revert_failure:
        return {"failure": failure_detail(atom.revert_failure)}
    if atom.state == states.SUCCESS and isinstance(atom, models.TaskDetail) and atom.results is not None:
        return {"result": mask_json(atom.results)}
    return None
