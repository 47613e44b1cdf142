"""Times, durations and results as text."""

from __future__ import annotations

import pytest

from cgflow.cli import flow_report


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        *(
            (None, ""),
            (0.84, "0.8 ms"),
            (9.96, "10 ms"),
            (12.4, "12 ms"),
            (999.6, "1.0 s"),
            (15_149, "15.1 s"),
        ),
        *((60_000, "1 min"), (73_100, "1 min 13 s"), (3_599_600, "60 min"), (3_600_000, "1 h")),
        *((8_000_000, "2 h 13 min"), (90_000_000, "1 d 1 h")),
    ],
)
def test_durations(ms: float | None, words: str) -> None:
    assert flow_report.format_duration(ms) == words


@pytest.mark.parametrize(
    ("several", "words"),
    [([], ""), ([12.1, 12.3], "12 ms"), ([12, 40], "12–40 ms"), ([40, 12_000], "40 ms – 12.0 s")],
)
def test_spans(several: list[float], words: str) -> None:
    assert flow_report.format_span(several) == words


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ({"type": "Busy", "message": "held"}, "Busy: held"),
        ({"message": "a\n b"}, "a b"),
        ({"type": "Busy", "message": ""}, "Busy"),
        ("in words", "in words"),
        ({"strange": 1}, '{"strange": 1}'),
        (None, ""),
    ],
)
def test_failures(stored: object, words: str) -> None:
    assert flow_report.format_failure(stored) == words


def test_offsets() -> None:
    origin = flow_report.parse_time("2026-11-22T10:00:00")
    assert flow_report.format_offset(flow_report.parse_time("2026-11-22T10:00:15.149"), origin) == "+15.1 s"
    assert flow_report.format_offset(flow_report.parse_time("2026-11-22T10:00:00.012"), origin) == "+12 ms"
    assert flow_report.format_offset(flow_report.parse_time("2026-11-22T09:59:59.5"), origin) == "-500 ms"
    assert flow_report.format_offset(None, origin) == ""


def test_results_are_short() -> None:
    assert flow_report.shorten_result({}) == ""
    assert flow_report.shorten_result({"a": "é"}) == '{"a": "é"}'
    assert len(flow_report.shorten_result({"a": "x" * 500})) == 72


def test_moments_with_and_without_a_zone_agree() -> None:
    assert flow_report.parse_time("2026-11-22T10:00:00.5") == flow_report.parse_time(
        "2026-11-22T10:00:00.500000+00:00"
    )
    assert flow_report.parse_time(None) is None
