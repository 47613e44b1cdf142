"""The status table: what each status of a resource means, and what follows from it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.status import (
    ENDED,
    OPEN,
    STATUSES,
    TRANSITIONAL,
    UNFINISHED,
    AttachmentStatus,
    FlowState,
    Status,
    Trait,
    status_at_rest,
    status_from_attachments,
    statuses_with,
)

GROUP = "creating available updating deleting error error_deleting deleted"
CGSNAPSHOT = "creating available deleting error error_deleting deleted"

rows = st.sampled_from([(kind, status) for kind, table in STATUSES.items() for status in table])
"""A resource type and one of its statuses."""


def test_groups_and_cgsnapshots_have_the_known_statuses_s132() -> None:
    assert {*GROUP.split()} <= STATUSES["consistencygroup"].keys()
    assert {*CGSNAPSHOT.split()} <= STATUSES["cgsnapshot"].keys()


def test_every_resource_of_an_operation_has_a_table_and_every_status_a_resource() -> None:
    assert STATUSES.keys() == REPOSITORIES.keys()
    assert {status for table in STATUSES.values() for status in table} == {*Status}


@given(row=rows)
def test_every_status_is_either_at_rest_or_transitional(row: tuple[str, Status]) -> None:
    kind, status = row
    traits = STATUSES[kind][status]
    assert (Trait.AT_REST in traits) != (Trait.TRANSITIONAL in traits)
    assert (Trait.TRANSITIONAL in traits) == (status in TRANSITIONAL)


@given(row=rows, is_created=st.booleans())
def test_every_status_has_a_status_at_rest(row: tuple[str, Status], is_created: bool) -> None:
    kind, status = row
    rest = status_at_rest(status, is_created=is_created)
    if status in statuses_with(kind, Trait.AT_REST):
        assert rest is status
    else:
        assert rest in statuses_with(kind, Trait.USABLE | Trait.FAILED)
    assert status_at_rest(rest, is_created=is_created) is rest


@given(row=rows)
def test_a_usable_resource_is_healthy_and_can_be_made_so_by_an_administrator(row: tuple[str, Status]) -> None:
    kind, status = row
    traits = STATUSES[kind][status]
    if Trait.USABLE in traits:
        assert Trait.AT_REST in traits
        assert Trait.RESETTABLE in traits
        assert Trait.FAILED not in traits


@given(row=rows)
def test_a_deletable_resource_is_at_rest_and_not_attached(row: tuple[str, Status]) -> None:
    kind, status = row
    traits = STATUSES[kind][status]
    if Trait.DELETABLE in traits:
        assert Trait.AT_REST in traits
        assert Trait.ATTACHMENT not in traits
        # With force, everything can be deleted that can be deleted without.
        assert Trait.RESETTABLE in traits


@given(row=rows)
def test_a_failed_resource_can_be_deleted_at_least_with_force(row: tuple[str, Status]) -> None:
    kind, status = row
    if Trait.FAILED in STATUSES[kind][status]:
        assert status in statuses_with(kind, Trait.RESETTABLE)


@pytest.mark.parametrize("kind", STATUSES)
def test_only_volumes_have_attachments_and_every_resource_can_be_available_and_fail(kind: str) -> None:
    assert bool(statuses_with(kind, Trait.ATTACHMENT)) == (kind == "volume")
    assert Status.AVAILABLE in statuses_with(kind, Trait.USABLE)
    assert statuses_with(kind, Trait.FAILED) == (Status.ERROR, Status.ERROR_DELETING)
    assert Status.DELETED not in statuses_with(kind, Trait.RESETTABLE | Trait.DELETABLE | Trait.USABLE)


@given(attachments=st.lists(st.sampled_from(AttachmentStatus)))
def test_the_status_from_attachments_is_at_rest(attachments: list[AttachmentStatus]) -> None:
    status = status_from_attachments([SimpleNamespace(status=one) for one in attachments])
    traits = STATUSES["volume"][status]
    assert Trait.AT_REST in traits
    assert (Trait.ATTACHMENT in traits) == bool(attachments)
    assert (status is Status.IN_USE) == (AttachmentStatus.ATTACHED in attachments)


def test_every_flow_state_is_open_or_ended() -> None:
    assert {*OPEN} | {*ENDED} == {*FlowState}
    assert not {*OPEN} & {*ENDED}
    assert {*UNFINISHED} < {*OPEN}
    assert ENDED == (FlowState.SUCCESS, FlowState.REVERTED, FlowState.ABANDONED)
