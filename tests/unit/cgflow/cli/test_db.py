"""``cgflow db upgrade`` prints what it did, or that nothing was to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cgflow.cli.main import main
from cgflow.state_dir import StateDir


def run(*words: object) -> tuple[int, str]:
    ran = CliRunner().invoke(main, ["db", "upgrade", *map(str, words)])
    return ran.exit_code, ran.output


def test_a_new_database_is_made_and_then_up_to_date(tmp_path: Path) -> None:
    code, said = run("--state-dir", tmp_path)
    assert (code, said.startswith("The database is upgraded from nothing to revision")) == (0, True), said
    code, said = run("--state-dir", tmp_path)
    assert (code, said.startswith("The database is up to date, at revision")) == (0, True), said


def test_a_database_given_by_its_url(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    code, said = run("--database-url", url, "--json")
    assert code == 0, said
    told = json.loads(said)["database"]
    assert told["before"] is None
    assert told["after"]


def test_a_database_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    held = StateDir(tmp_path)
    held.acquire()
    try:
        code, said = run("--state-dir", tmp_path)
    finally:
        held.release()
    assert code == 1
    assert "in use by another cgflow" in said


@pytest.mark.parametrize("url", ["sqlite:////no/such/dir/x.db", "nonsense:secret", "mysql://u:secret@h/d"])
def test_a_database_that_cannot_be_reached_is_refused_in_words(url: str) -> None:
    code, said = run("--database-url", url)
    assert code == 1
    assert "The database cannot be upgraded" in said
    assert "secret" not in said


def test_which_database_must_be_said(tmp_path: Path) -> None:
    assert run()[0] == 2
    assert run("--state-dir", tmp_path, "--database-url", "sqlite://")[0] == 2
    assert run("--state-dir", tmp_path / "typo")[0] == 2


def stats(*words: object) -> tuple[int, str]:
    ran = CliRunner().invoke(main, ["db", "stats", *map(str, words)])
    return ran.exit_code, ran.output


def test_what_a_database_holds(tmp_path: Path) -> None:
    run("--state-dir", tmp_path)
    code, said = stats("--state-dir", tmp_path, "--json")
    assert code == 0, said
    found = {one["name"]: one for one in json.loads(said)["statistics"]}
    growing = {"ended flows", "kept answers", "connectors", "deleted volumes", "deleted cgsnapshots"}
    assert growing | {"table flows", "table attachments", "table idempotency_keys"} <= set(found)
    assert found["kept answers"] == {"name": "kept answers", "count": 0, "bytes": 0}
    code, said = stats("--database-url", f"sqlite:///{tmp_path / 'cgflow.db'}")
    assert (code, "table flow_events" in said) == (0, True), said


def test_what_cannot_be_told(tmp_path: Path) -> None:
    assert stats()[0] == 2
    code, said = stats("--state-dir", tmp_path)
    assert (code, "There is no database" in said) == (1, True), said
    code, said = stats("--database-url", f"sqlite:///{tmp_path / 'empty.db'}")
    assert (code, "cgflow db upgrade" in said) == (1, True), said
