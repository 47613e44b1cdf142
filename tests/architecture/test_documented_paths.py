"""Every file, folder and module that the documentation names exists."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.file_sizes import ROOT

PATH = re.compile(r"(?<![\w/.<-])(?:cgflow|flows|api|tests|docs|etc|benchmarks)/[\w./<>*-]*[\w>*]")
FILE = re.compile(r"`([\w-]+\.(?:py|md|cfg|toml))`")
MODULE = re.compile(r"-m ((?:cgflow|flows|api|tests|benchmarks)[\w.]*)")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
# In a path, a name in angle brackets and NNNN stand for any text.
PLACEHOLDER = re.compile(r"<\w+>|NNNN")


@cache
def tree() -> frozenset[str]:
    """Return the paths of all files under version control and of their folders."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [Path(line) for line in listed.stdout.splitlines()]
    return frozenset(str(path) for file in files for path in (file, *file.parents))


def pages() -> list[str]:
    # The change log names what earlier releases had.
    return sorted(path for path in tree() if path.endswith(".md") and path != "CHANGELOG.md")


def missing(page: str, text: str) -> Iterator[str]:
    """Yield what a page names and the tree does not have."""
    for path in PATH.findall(text):
        pattern = PLACEHOLDER.sub("*", path)
        if not any(fnmatchcase(one, pattern) for one in tree()):
            yield path
    for name in FILE.findall(text):
        if not any(Path(path).name == name for path in tree()):
            yield name
    for module in MODULE.findall(text):
        if module.replace(".", "/") not in tree() and module.replace(".", "/") + ".py" not in tree():
            yield module
    for link in LINK.findall(text):
        target = (ROOT / page).parent / link
        if not target.exists():
            yield link


@pytest.mark.parametrize("page", pages())
def test_what_a_page_names_exists(page: str) -> None:
    assert list(missing(page, (ROOT / page).read_text())) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("see `cgflow/engine/conductor.py`, or cgflow/engine/.", None),
        ("see `cgflow/engine/conductors.py`", "cgflow/engine/conductors.py"),
        ("`api/resources/<resource>.py`", None),
        ("`api/resource/<resource>.py`", "api/resource/<resource>.py"),
        ("in `conductor.py`", None),
        ("in `conductors.py`", "conductors.py"),
        ("`python -m tests.soak.daemons`", None),
        ("`python -m tests.soak.demons`", "tests.soak.demons"),
        ("[audit](audit.md)", None),
        ("[audit](audits.md#repair)", "audits.md"),
    ],
)
def test_what_does_not_exist_is_found(text: str, named: str | None) -> None:
    assert list(missing("docs/seed.md", text)) == ([] if named is None else [named])
