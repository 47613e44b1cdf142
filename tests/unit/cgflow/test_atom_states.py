"""The states of steps and the actions of operators, folded from events."""

from __future__ import annotations

import pytest
from taskflow import states

from cgflow import atom_states
from cgflow.atom_states import NO_UNDO
from tests.support.wire_events import EventSequence


def test_the_states_are_those_of_taskflow() -> None:
    assert set(atom_states._APPLY) - {atom_states.SKIPPED} == {
        *(states.RUNNING, states.SUCCESS, states.FAILURE),
        *(states.REVERTING, states.REVERTED, states.REVERT_FAILURE),
    }
    assert {*atom_states._MOVING} == {states.RUNNING, states.REVERTING, states.RETRYING, states.PENDING}


def test_a_new_attempt_forgets_how_the_last_one_ended() -> None:
    story = EventSequence().fails("a", 0, 1, "BusyDriverError", "busy").undoes("a", 2, 1)
    story.move("a", "RUNNING", 4, attempt=2).move("a", "SUCCESS", 6, 2.0, attempt=2)
    (task,) = story.tasks()
    assert (task["outcome"], task["failure"], task["attempts"]) == ("done", None, 2)
    assert task["started_at"] == story.events[0]["at"], "the start is that of the first attempt"


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("FlowCancelled", "not begun"),
        ("StepInterrupted", "interrupted"),
        ("CancelRequested", "cancelled"),
        ("FinalDriverError", "failed"),
    ],
)
def test_why_a_step_did_not_come_to_its_end(kind: str, outcome: str) -> None:
    story = EventSequence().fails("a", 0, 1, kind, "words")
    assert [task["outcome"] for task in story.tasks()] == [outcome]
    story.undoes("a", 2, 1)
    undone = outcome if outcome == "not begun" else f"{outcome}, undone"
    assert [task["outcome"] for task in story.tasks()] == [undone]


def test_a_step_without_an_undo_is_not_called_undone() -> None:
    story = EventSequence().step("a", 0, 1).move("a", "REVERTING", 2).move("a", "REVERTED", 3, result=NO_UNDO)
    assert [task["outcome"] for task in story.tasks()] == ["done, no undo"]


def test_what_was_under_way_when_a_conductor_was_lost_was_interrupted() -> None:
    story = EventSequence().move("a", "RUNNING", 0).move("a", "REVERTING", 5, conductor="host-b")
    story.move("a", "REVERTED", 6, 1.0, conductor="host-b")
    (task,) = story.tasks()
    assert (task["outcome"], task["taken_over"]) == ("interrupted, undone", True)


@pytest.mark.parametrize("state", ["IGNORE", "PENDING", "SOMETHING_NEW"])
def test_a_state_that_tells_people_nothing_changes_nothing(state: str) -> None:
    assert [task["outcome"] for task in EventSequence().move("a", state, 0).tasks()] == ["not begun"]


def test_what_is_under_way() -> None:
    story = EventSequence().step("a", 0, 1).move("a", "REVERTING", 5).move("b", "RUNNING", 6)
    assert [task["outcome"] for task in story.tasks()] == ["done, being undone", "running"]
    story.move("a", "REVERT_FAILURE", 7).move("a", "REVERTING", 8)
    assert [task["outcome"] for task in story.tasks()] == ["done, being undone (try 2)", "running"]


def test_an_action_in_words() -> None:
    done = {"action": "skip", "task": "driver.cut", "by": "ada", "request_id": "req-1", "reason": "seen to"}
    assert atom_states.action_text(done) == "skip of driver.cut by ada (req-1): seen to."
    assert atom_states.flow_action_of({"result": done}) == done
    for other in (None, {}, {"result": "words"}, {"result": {"resumed": True, "epoch": 2}}):
        assert atom_states.flow_action_of(other) is None
    stored_earlier = {"action": "retry", "by": "cgflow", "reason": "automatic retry 2"}
    assert atom_states.action_text(stored_earlier) == "retry by cgflow: automatic retry 2."
