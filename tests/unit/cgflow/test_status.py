"""The status words that clients wait for (S132)."""

from __future__ import annotations

from cgflow.status import Status

GROUP = "creating available updating deleting error error_deleting deleted"
CGSNAPSHOT = "creating available deleting error error_deleting deleted"


def test_groups_and_cgsnapshots_have_the_known_statuses_s132() -> None:
    assert {*GROUP.split(), *CGSNAPSHOT.split()} <= {status.value for status in Status}
