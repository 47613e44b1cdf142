"""The words that docs/glossary.md rules out name no file, class or function of the product."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.file_sizes import ROOT

PAGE = ROOT / "docs" / "glossary.md"
PACKAGES = ("cgflow", "flows", "api")
USED, UNUSED = "## Words that are used", "## Words that are not used"
ALLOWED: frozenset[str] = frozenset()
"""Names that hold such a word because the field itself does, as ``path`` or ``path:name``."""
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def rows(title: str) -> list[tuple[str, str]]:
    """Return the rows of the table below a title."""
    section = PAGE.read_text().partition(title)[2].partition("\n## ")[0]
    found = re.findall(r"^\| ([^|]+) \| ([^|]*) \|$", section, re.MULTILINE)
    return [(word.strip(), text.strip()) for word, text in found][1:]


def unused() -> tuple[set[str], set[str]]:
    """Return the words that no name may hold, and those that no name of a file may hold."""
    everywhere: set[str] = set()
    in_files: set[str] = set()
    for cell, _ in rows(UNUSED):
        (in_files if cell.endswith("(file)") else everywhere).update(re.findall(r"`(\w+)`", cell))
    return everywhere, in_files | everywhere


def parts(name: str) -> set[str]:
    """Return the words of a name in snake_case or CamelCase."""
    return {part.lower() for part in _PART.findall(name)}


def violations(root: Path) -> Iterator[str]:
    """Yield the names that hold a word which is not used."""
    everywhere, in_files = unused()
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            below = path.relative_to(root / package).with_suffix("")
            for word in sorted(parts(below.as_posix()) & in_files):
                yield f"{name}: {word}"
            for node in _definitions(ast.parse(path.read_text())):
                for word in sorted(parts(node.name) & everywhere):
                    yield f"{name}:{node.name}: {word}"


def _definitions(tree: ast.AST) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        # A function within a function is seen by its readers alone.
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _definitions(node)


def test_no_name_holds_a_word_that_is_not_used() -> None:
    found = [line for line in violations(ROOT) if line.rpartition(": ")[0] not in ALLOWED]
    assert not found, f"docs/glossary.md says which word to use instead: {found}"


def test_each_word_is_described_in_one_line() -> None:
    table = rows(USED)
    words = [word for word, _ in table]
    assert words == sorted(set(words))
    assert len(words) >= 40
    assert [word for word, text in table if not re.fullmatch(r"[A-Z].{8,}\.", text)] == []


def test_each_word_that_is_not_used_has_one_to_use_instead() -> None:
    table = rows(UNUSED)
    assert len(table) >= 20
    assert [cell for cell, text in table if not text or not re.search(r"`\w+`", cell)] == []


@pytest.mark.parametrize(
    ("file", "source", "expected"),
    [
        ("flows/desk.py", "", "flows/desk.py: desk"),
        ("flows/x.py", "class FrontDesk:\n    pass\n", "flows/x.py:FrontDesk: desk"),
        ("api/x.py", "class A:\n    def all_stories(self): ...\n", "api/x.py:all_stories: stories"),
        ("cgflow/x/telling.py", "", "cgflow/x/telling.py: telling"),
        ("cgflow/homes.py", "", "cgflow/homes.py: homes"),
    ],
)
def test_such_a_name_is_found(tmp_path: Path, file: str, source: str, expected: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(source)
    assert list(violations(tmp_path)) == [expected]


def test_parts_of_other_words_are_not_found(tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "desktop.py").write_text("def known_homes(): ...\ndef restoring(): ...\n")
    assert list(violations(tmp_path)) == []
