"""The table of the seed is whole and honest: every number once, every cited test there, naming the number."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.architecture.file_sizes import ROOT

RANGES = {
    "S": ((1, 26), (30, 45), (50, 60), (70, 81), (90, 98), (100, 105), (110, 116), (120, 134), (140, 146)),
    "M": ((1, 11),),
    "C": ((1, 8),),
}
NUMBERS = [
    f"{letter}{number}"
    for letter, ranges in RANGES.items()
    for first, last in ranges
    for number in range(first, last + 1)
]
TAGS = ("kept", "mended", "different", "not offered")
TO_BE_EXPLAINED = TAGS[2:]
CITED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@dataclass(frozen=True)
class Row:
    number: str
    behaviour: str
    tag: str
    tests: tuple[tuple[str, str], ...]


def rows(text: str) -> list[Row]:
    """Return the rows of all tables that begin with a number."""
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if re.match(r"\| [SMC]\d+ ", line)
    ]
    return [
        Row(number, behaviour, tag, tuple(CITED.findall(cited))) for number, behaviour, tag, cited in cells
    ]


@cache
def functions_of(path: Path) -> dict[str, str]:
    """Return the source of every test function of a file, with its decorators."""
    source = path.read_text()
    lines = source.splitlines()
    return {
        node.name: "\n".join(
            lines[min([node.lineno, *(one.lineno for one in node.decorator_list)]) - 1 : node.end_lineno]
        )
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef)
    }


def mentions(source: str, number: str) -> bool:
    """Whether a test says a number, in its name (``_s43``) or in words (``S43``)."""
    return re.search(rf"(?<![a-z0-9]){number}(?![0-9])", source, re.IGNORECASE) is not None


def faults(text: str, root: Path = ROOT) -> Iterator[str]:
    """Yield everything that is wrong with a table."""
    table = rows(text)
    found = [row.number for row in table]
    if found != NUMBERS:
        missing, unknown = sorted(set(NUMBERS) - set(found)), sorted(set(found) - set(NUMBERS))
        yield f"numbers missing {missing}, unknown {unknown}, or not in order, or twice"
    for row in table:
        if row.tag not in TAGS:
            yield f"{row.number}: {row.tag!r} is none of {TAGS}"
        if (row.tag in TO_BE_EXPLAINED) != ("Why" in row.behaviour):
            yield f"{row.number}: what is {' or '.join(TO_BE_EXPLAINED)} says why, and nothing else does"
        if not row.tests:
            yield f"{row.number}: no test is cited"
        for file, name in row.tests:
            path = root / file
            source = functions_of(path).get(name) if path.exists() else None
            if source is None:
                yield f"{row.number}: there is no {file}::{name}"
            elif not mentions(source, row.number):
                yield f"{row.number}: {file}::{name} does not say {row.number}"


def test_every_line_of_the_seed_has_a_test_that_says_so() -> None:
    assert list(faults((ROOT / "docs" / "seed.md").read_text())) == []


def test_the_check_sees_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_x.py").write_text('def test_a_s10():\n    "S11 and S12."\n')

    def told(number: str, behaviour: str, tag: str, test: str) -> set[str]:
        text = f"| {number} | {behaviour} | {tag} | {test} |"
        return {words for words in faults(text, tmp_path) if words.startswith(f"{number}:")}

    for number in ("S10", "S11", "S12"):
        assert told(number, "So.", "kept", "`tests/test_x.py::test_a_s10`") == set()
    assert told("S1", "So.", "kept", "`tests/test_x.py::test_a_s10`") == {
        "S1: tests/test_x.py::test_a_s10 does not say S1"
    }
    assert told("S10", "So.", "kept", "`tests/test_x.py::test_b`") == {
        "S10: there is no tests/test_x.py::test_b"
    }
    assert told("S10", "So.", "kept", "`tests/test_y.py::test_a`") == {
        "S10: there is no tests/test_y.py::test_a"
    }
    assert told("S10", "So.", "kept", "") == {"S10: no test is cited"}
    assert len(told("S10", "So.", "lost", "`tests/test_x.py::test_a_s10`")) == 1
    assert len(told("S10", "So.", "different", "`tests/test_x.py::test_a_s10`")) == 1
    assert "missing" in next(faults("| S1 | So. | kept | x |\n| S1 | So. | kept | x |", tmp_path))
