"""Reading steps from transitions."""

from __future__ import annotations

import pytest

from cgflow.cli import steps
from cgflow.cli.steps import Done, Undone
from tests.support.told import Story


def test_steps_stand_in_the_order_in_which_they_began() -> None:
    story = Story().move("late", "PENDING", 0).step("first", 1, 1).step("late", 5, 1)
    assert [step.name for step in steps.read((), story.events)] == ["first", "late"]


def test_a_new_attempt_forgets_how_the_last_one_ended() -> None:
    story = Story().fails("a", 0, 1, "BusyDriverError", "busy").undoes("a", 2, 1)
    story.move("a", "RUNNING", 4, attempt=2).move("a", "SUCCESS", 6, 2.0, attempt=2)
    (step,) = steps.read((), story.events)
    assert (step.done, step.undone, step.failure, step.attempts) == (Done.DONE, Undone.NOT, "", 2)
    assert step.begun_at is not None
    assert step.begun_at.microsecond == 0, "the start is that of the first attempt"


def test_a_cancelled_step_is_no_failure_of_its_own() -> None:
    story = Story().fails("a", 0, 1, "FlowCancelled", "another failed")
    (step,) = steps.read((), story.events)
    assert (step.done, step.is_own_failure) == (Done.CANCELLED, False)


@pytest.mark.parametrize("state", ["IGNORE", "PENDING", "SOMETHING_NEW"])
def test_a_state_that_tells_people_nothing_changes_nothing(state: str) -> None:
    (step,) = steps.read((), Story().move("a", state, 0).events)
    assert step.outcome == "not begun"


def test_what_is_under_way_is_told() -> None:
    story = Story().step("a", 0, 1).move("a", "REVERTING", 5).move("b", "RUNNING", 6)
    assert [step.outcome for step in steps.read((), story.events)] == ["done, being undone", "running"]
