"""The text form of a flow's history; the expected lines are in the tests."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

from cgflow.cli import flow_report
from tests.support import wire_events
from tests.support.wire_events import EventSequence


def text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


def rendered(story: EventSequence, state: str = "success", *, unfold: bool = False, **more: Any) -> list[str]:
    """Return the lines of a flow with these events."""
    return flow_report.report_lines(
        wire_events.flow_body(state, tasks=story.tasks(), **more), story.events, unfold=unfold
    )


def below_heading(lines: list[str]) -> str:
    """Return the text below the heading, without its indentation."""
    return dedent(text(lines[lines.index("") + 1 :]))


def test_a_flow_that_succeeded() -> None:
    story = EventSequence().move(None, "running", 0)
    story.step("quota.reserve", 2, 3.25).step("driver.cut", 6, 40, result={"instant": "one"})
    story.step("driver.snapshot[v1]", 47, 12).step("driver.snapshot[v2]", 48, 380.4)
    assert text(rendered(story)) == dedent("""\
        cgsnapshot.create  f1000000-0000-4000-8000-000000000001
          resource  cgsnapshot 50000000-0000-4000-8000-000000000002
          group     90000000-0000-4000-8000-000000000003
          state     success
          accepted  2026-11-22T10:19:44.996000
          waited    4.0 ms from its acceptance to its start
          took      412 ms from its start to its end
          asked by  user alice of project admin
          request   req-1
          run by    host-a

             step                 tries   start    took  outcome
          ✓  quota.reserve            1   +2 ms  3.2 ms  done
          ✓  driver.cut               1   +6 ms   40 ms  done  {"instant": "one"}
          ✓  driver.snapshot[v1]      1  +47 ms   12 ms  done
          ✓  driver.snapshot[v2]      1  +48 ms  380 ms  done
        """)


def test_the_time_before_the_start_is_shown_apart_from_the_duration() -> None:
    lines = flow_report.heading_lines(wire_events.flow_body(created_at=wire_events.wire_time(-8000)), [])
    assert "  waited    8.0 s from its acceptance to its start" in lines
    assert "  took      412 ms from its start to its end" in lines
    waiting = flow_report.heading_lines(
        wire_events.flow_body("accepted", started_at=None, duration_ms=None), []
    )
    assert not any(line.split()[0] in ("waited", "took") for line in waiting)
    running = flow_report.heading_lines(wire_events.flow_body("running", ended_at=None, duration_ms=None), [])
    assert [line.split()[0] for line in running if line.split()[0] in ("waited", "took")] == ["waited"]


def test_a_rollback_that_is_tried_again_says_when() -> None:
    stuck = flow_report.heading_lines(
        wire_events.flow_body("rollback_failed", undo_at="2026-11-22T10:20:00.000000"), []
    )
    assert "  next try  2026-11-22T10:20:00.000000, by itself" in stuck
    assert not any(
        "next try" in line for line in flow_report.heading_lines(wire_events.flow_body(undo_at=None), [])
    )


def test_a_flow_that_was_undone_shows_what_was() -> None:
    story = EventSequence().step("quota.reserve", 2, 3).step("record.create_rows", 6, 4)
    story.fails("driver.cut", 11, 20, "AmbiguousDriverError", "qsd did not answer\nin time")
    story.undoes("driver.cut", 33, 15).undoes("record.create_rows", 50, 2).undoes("quota.reserve", 53, 1.5)
    lines = rendered(story, "reverted", reason="qsd did not answer in time", summary="It was undone.")
    assert "  state     reverted: It was undone." in lines
    assert "  reason    qsd did not answer in time" in lines
    assert below_heading(lines) == (
        dedent("""\
             step                tries   start    took  outcome
          ↩  quota.reserve           1   +2 ms  3.0 ms  done, undone in 1.5 ms
          ↩  record.create_rows      1   +6 ms  4.0 ms  done, undone in 2.0 ms
          ✗  driver.cut              1  +11 ms   20 ms  failed, undone in 15 ms  AmbiguousDriverError: qsd did not answer in time
        """)  # noqa: E501
    )


def test_what_could_not_be_undone_is_listed() -> None:
    story = EventSequence().step("driver.cut", 0, 5).fails("record.commit", 6, 1, "Conflict", "taken")
    story.cannot_undo("driver.cut", 8, 3, "image is busy")
    left = [
        {"task": "driver.cut", "state": "REVERT_FAILURE", "failure": story.events[-1]["failure"]},
        {"task": "record.create", "state": "SUCCESS", "failure": None},
    ]
    lines = text(rendered(story, "rollback_failed", leftovers=left))
    assert lines.endswith(
        dedent("""
             step           tries  start    took  outcome
          !  driver.cut         1  +0 ms  5.0 ms  done, undo FAILED  undo: FinalDriverError: image is busy
          ✗  record.commit      1  +6 ms  1.0 ms  failed  Conflict: taken

        Left behind:
          driver.cut: FinalDriverError: image is busy
          record.create: done, and not undone
        """)
    )


def many(count: int) -> EventSequence:
    story = EventSequence().step("driver.cut", 0, 5)
    for number in range(count):
        story.step(f"driver.snapshot[v{number:03}]", 10 + number, 12 + number % 29)
    return story.step("record.commit", 200, 2)


def test_many_members_are_folded() -> None:
    lines = rendered(many(100))
    assert below_heading(lines) == (
        dedent("""\
             step                        tries    start      took  outcome
          ✓  driver.cut                      1    +0 ms    5.0 ms  done
          ✓  driver.snapshot[...] x 100      1   +10 ms  12–40 ms  100 done
          ✓  record.commit                   1  +200 ms    2.0 ms  done
        """)
    )


def test_many_members_are_shown_when_asked_for() -> None:
    lines = rendered(many(100), unfold=True)
    assert sum("driver.snapshot[v" in line for line in lines) == 100


def test_few_members_are_not_folded() -> None:
    assert not any("[...]" in line for line in rendered(many(6)))


def test_members_that_failed_by_themselves_stand_beneath_the_fold() -> None:
    story = many(8)
    story.events = [each for each in story.events if each["task"] != "record.commit"]
    story.fails("driver.snapshot[v900]", 90, 7, "FinalDriverError", "no space")
    story.fails("driver.snapshot[v901]", 98, 0.5, "FlowCancelled", "another step had failed")
    for number in range(8):
        story.undoes(f"driver.snapshot[v{number:03}]", 120, 3)
    lines = rendered(story, "reverted")
    assert below_heading(lines) == (
        dedent("""\
             step                       tries   start       took  outcome
          ✓  driver.cut                     1   +0 ms     5.0 ms  done
          ✗  driver.snapshot[...] x 10      1  +10 ms  7.0–19 ms  8 done, undone; 1 failed; 1 not begun
          ✗    driver.snapshot[v900]        1  +90 ms     7.0 ms  failed  FinalDriverError: no space
        """)
    )


def test_of_many_failures_the_first_are_shown_and_the_rest_counted() -> None:
    story = EventSequence()
    for number in range(20):
        story.fails(f"driver.snapshot[v{number}]", number, 1, "FinalDriverError", "no")
    lines = rendered(story, "reverted")
    assert lines[-1] == "       ... and 14 more that failed"


def test_a_takeover_is_shown() -> None:
    story = EventSequence().move("driver.cut", "RUNNING", 0)
    story.move("driver.cut", "RUNNING", 9000, conductor="host-b", attempt=2)
    story.move("driver.cut", "SUCCESS", 9040, 40, conductor="host-b", attempt=2)
    lines = rendered(story, epoch=2)
    assert "  run by    host-a, then host-b" in lines
    assert (
        lines[-1] == "  ✓  driver.cut      2  +0 ms  40 ms  done  (begun by one conductor, ended by another)"
    )


def test_a_flow_that_has_not_begun() -> None:
    lines = rendered(
        EventSequence(), "accepted", started_at=None, duration_ms=None, conductor=None, summary="It waits."
    )
    assert "  state     accepted: It waits." in lines
    assert lines[-1] == "  No step has started."


def test_steps_that_were_not_begun_come_last() -> None:
    story = EventSequence().move("b", "PENDING", 0).step("c", 5, 2).step("a", 1, 4)
    assert rendered(story)[-3:] == [
        "  ✓  a         1  +1 ms  4.0 ms  done",
        "  ✓  c         1  +5 ms  2.0 ms  done",
        "  ·  b                           not begun",
    ]


def test_a_step_under_way_says_since_when() -> None:
    (line,) = rendered(EventSequence().move("driver.cut", "RUNNING", 0), "running")[-1:]
    assert "running for " in line
    assert line.endswith(", since 10:19:45 UTC")


def test_a_skip_says_who_and_why_and_not_that_the_step_was_undone() -> None:
    story = (
        EventSequence()
        .fails("driver.cut", 0, 5, "FinalDriverError", "no")
        .cannot_undo("driver.cut", 8, 3, "busy")
    )
    done = {"action": "skip", "task": "driver.cut", "by": "ada", "request_id": "req-7", "reason": "by hand"}
    for state in ("SKIPPED", "REVERTED"):
        # Earlier releases stored the latter state.
        again = EventSequence()
        again.events = [*story.events]
        (line,) = rendered(again.move("driver.cut", state, 20, result=done), "reverted")[-1:]
        assert line.startswith("  !  driver.cut")
        assert (
            "failed, undo skipped by ada: by hand  FinalDriverError: no  undo: FinalDriverError: busy" in line
        )


def test_what_was_done_about_a_flow_and_what_is_gone_since_are_listed() -> None:
    done = {
        "action": "abandon",
        "by": "ada",
        "request_id": "req-7",
        "reason": "tonight",
        "at": wire_events.wire_time(9),
    }
    gone = [{"task": "driver.cut", "state": "REVERT_FAILURE", "failure": None, "removed_by": "f2"}]
    lines = rendered(EventSequence(), "abandoned", actions=[done], leftovers=[], removed=gone)
    assert lines[-5:] == [
        "What was done about it:",
        "  2026-11-22T10:19:45.009000  abandon by ada (req-7): tonight.",
        "",
        "Removed since:",
        "  driver.cut: by flow f2",
    ]
    assert "Left behind:" not in lines


def test_undos_are_counted() -> None:
    story = EventSequence().step("driver.cut", 0, 5)
    for number in range(6):
        story.cannot_undo("driver.cut", 10 + number, 1, "busy")
    (line,) = rendered(story, "rollback_failed")[-1:]
    assert "done, undo FAILED (try 6)  undo: FinalDriverError: busy" in line


def test_a_step_that_was_done_shows_the_failure_of_its_undo_as_that() -> None:
    story = EventSequence().step("driver.cut", 0, 5).cannot_undo("driver.cut", 10, 1, "busy")
    (task,) = story.tasks()
    assert task["failure"] is None
    assert task["undo_failure"]["message"] == "busy"
