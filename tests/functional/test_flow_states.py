"""Plays every transition of a flow and compares each view with docs/flow-states.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.file_sizes import ROOT
from tests.functional.flow_scenarios import SCENARIOS, Stage, Theatre, theatre

DOCUMENT = ROOT / "docs" / "flow-states.md"
VIEWS = ("flow", "events", "show", "show events", "audit", "resource", "group", "others", "answer")


def table() -> dict[str, dict[str, str]]:
    """Return the cells of each row by their view."""
    text = DOCUMENT.read_text().partition("<!-- transitions -->")[2]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: dict(zip(VIEWS, row[1:], strict=True)) for row in rows}


TABLE = table()


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    with theatre(tmp_path_factory.mktemp("theatre")) as made:
        yield made


def test_every_transition_is_in_the_table() -> None:
    assert list(TABLE) == list(SCENARIOS)


@pytest.mark.parametrize("transition", SCENARIOS)
def test_each_view_says_what_happened(
    transition: str, at: Theatre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(at, tmp_path, monkeypatch)
    try:
        views = SCENARIOS[transition](stage).views()
    finally:
        stage.close()
    wrong = [
        f"{view} does not say {text!r}:\n{views[view]}"
        for view, cell in TABLE[transition].items()
        for text in re.findall(r"`([^`]*)`", cell)
        if not says(views[view], text)
    ]
    if not TABLE[transition]["audit"] and views["audit"]:
        wrong.append(f"audit finds {views['audit']}")
    assert not wrong, "\n\n".join(wrong)


def says(view: str, text: str) -> bool:
    """Return whether a view contains a text, with any spacing; an ellipsis is any text within a line."""
    pattern = r"[^\n]*?".join(
        r"[ \t]+".join(map(re.escape, part.split(" "))) for part in re.split(" ?… ?", text)
    )
    return re.search(pattern, view) is not None
