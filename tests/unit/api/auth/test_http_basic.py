"""Passwords and projects from files: who is authenticated, at which cost, and which files are refused."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from api.auth import http_basic
from api.auth.http_basic import HttpBasic, read_hashes, read_projects
from cgflow.errors import ConfigError, Forbidden, InvalidInput, ServiceUnavailable, Unauthenticated

COST = 4
PROJECTS = """
ada: {orders: [Member], billing: [reader]}
root: {admin: [admin]}
"""


def hashed(password: str, prefix: bytes = b"2b") -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(COST)).replace(b"$2b$", b"$%b$" % prefix).decode()


def request(user: str, password: str, **headers: str) -> Request:
    proof = base64.b64encode(f"{user}:{password}".encode()).decode()
    return raw(f"Basic {proof}", **headers)


def raw(authorization: str | None, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if authorization is not None:
        named["Authorization"] = authorization
    return Request(EnvironBuilder(headers=named).get_environ())


class Files:
    def __init__(self, folder: Path) -> None:
        self.users, self.projects = folder / "htpasswd", folder / "projects.yaml"
        self.users.write_text(
            f"# people\n\nada:{hashed('secret')}\nroot:{hashed('other', b'2y')}\nlone:{hashed('x')}\n"
        )
        self.projects.write_text(PROJECTS)

    def strategy(self) -> HttpBasic:
        return HttpBasic(self.users, self.projects)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The costs of the password hashes that were really computed."""
    costs: list[bytes] = []

    class Counted:
        @staticmethod
        def checkpw(password: bytes, hash_: bytes) -> bool:
            costs.append(hash_[4:6])
            return bcrypt.checkpw(password, hash_)

    monkeypatch.setattr(http_basic, "bcrypt", Counted)
    return costs


def test_the_password_names_the_user_and_the_address_the_project(files: Files) -> None:
    strategy = files.strategy()
    for in_url, project_id, roles in ((None, "orders", {"member"}), ("billing", "billing", {"reader"})):
        known = strategy.identify(request("ada", "secret"), in_url)
        assert (known.user_id, known.project_id, known.roles) == ("ada", project_id, roles)
    assert strategy.identify(request("root", "other"), None).roles == {"admin"}


def test_headers_do_not_make_anybody_somebody_else(files: Files) -> None:
    forged = {"X_Roles": "admin", "X_Project_Id": "admin", "X_User_Id": "root", "X_Auth_Token": "root:admin"}
    known = files.strategy().identify(request("ada", "secret", **forged), None)
    assert (known.user_id, known.project_id, known.roles) == ("ada", "orders", {"member"})
    with pytest.raises(Unauthenticated):
        files.strategy().identify(raw(None, **forged), None)


@pytest.mark.parametrize("project_id", ["admin", "nowhere"])
def test_a_project_that_is_not_the_users_is_refused(files: Files, project_id: str) -> None:
    with pytest.raises(InvalidInput, match="Malformed request url"):
        files.strategy().identify(request("ada", "secret"), project_id)


@pytest.mark.parametrize(
    "asked",
    [
        raw(None),
        raw("Basic"),
        raw("Basic !!!"),
        raw("Basic " + base64.b64encode(b"ada").decode()),
        raw("Bearer secret"),
        request("ada", "wrong"),
        request("ada", ""),
        request("", ""),
        request("eve", "secret"),
        request("ada", "secret\x00"),
        request("ada", "s" * 100),
        request("#people", "secret"),
    ],
)
def test_who_cannot_prove_it_is_refused_and_told_how_to(files: Files, asked: Request) -> None:
    with pytest.raises(Unauthenticated) as refused:
        files.strategy().identify(asked, None)
    assert refused.value.challenge is not None
    assert refused.value.challenge.startswith("Basic realm=")


def test_a_user_without_a_project_may_nothing(files: Files) -> None:
    with pytest.raises(Forbidden, match="User lone is in no project"):
        files.strategy().identify(request("lone", "x"), None)


def test_a_password_is_hashed_once_and_a_wrong_one_every_time(files: Files, checks: list[bytes]) -> None:
    strategy = files.strategy()
    for _ in range(3):
        strategy.identify(request("ada", "secret"), None)
    assert len(checks) == 1
    for count in (2, 3):
        with pytest.raises(Unauthenticated):
            strategy.identify(request("ada", "wrong"), None)
        assert len(checks) == count


def test_an_unknown_user_costs_what_a_wrong_password_does(files: Files, checks: list[bytes]) -> None:
    strategy = files.strategy()
    for user in ("ada", "eve"):
        with pytest.raises(Unauthenticated):
            strategy.identify(request(user, "wrong"), None)
    assert checks == [b"04", b"04"]


def test_no_password_opens_the_decoy(files: Files) -> None:
    files.users.write_text("")
    with pytest.raises(Unauthenticated):
        files.strategy().identify(request("eve", ""), None)


def test_a_changed_password_holds_at_once_and_the_old_one_no_more(files: Files) -> None:
    strategy = files.strategy()
    strategy.identify(request("ada", "secret"), None)
    files.users.write_text(f"ada:{hashed('newer')}\n")
    with pytest.raises(Unauthenticated):
        strategy.identify(request("ada", "secret"), None)
    strategy.identify(request("ada", "newer"), None)
    files.users.write_text("")
    with pytest.raises(Unauthenticated):
        strategy.identify(request("ada", "newer"), None)


def test_changed_projects_hold_at_once(files: Files) -> None:
    strategy = files.strategy()
    files.projects.write_text("ada: {orders: [reader]}")
    assert strategy.identify(request("ada", "secret"), None).roles == {"reader"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("ada", "Line 1 of the password file .* is not a user with a bcrypt hash"),
        ("ada:secret", "htpasswd -B"),
        ("ada:$apr1$x$y", "bcrypt"),
        (f"a b:{hashed('x')}", "Invalid user_id"),
        (f":{hashed('x')}", "Invalid user_id"),
        (f"ada:{hashed('x')}\nada:{hashed('y')}", "Line 2 .* names ada a second time"),
        ("ada:$2b$99$" + "." * 53, "Line 1 .* cost 99"),
        ("ada:$2b$03$" + "." * 53, "cost 03"),
        ("ada:$2b$31$" + "." * 53, "cost 31"),
        ("ada:$2b$04$" + "9" * 53, "is not a user with a bcrypt hash"),
    ],
    # Hashes differ in every run and cannot be names of tests.
    ids=[
        "no hash",
        "clear text",
        "not bcrypt",
        "bad name",
        "no name",
        "twice",
        "cost 99",
        "cost 3",
        "cost 31",
        "salt",
    ],
)
def test_a_password_file_that_is_refused(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "htpasswd"
    path.write_text(content)
    with pytest.raises(ConfigError, match=words) as refused:
        read_hashes(path)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("ada: [", "is not YAML"),
        ("- ada", "must map users"),
        ("ada: orders", "User ada .* must have projects with lists of roles"),
        ("ada: {orders: member}", "lists of roles"),
        ("ada: {orders: [[x]]}", "lists of roles"),
        ("ada: {orders: [~]}", "lists of roles"),
        ("ada: {~: [member]}", "not a string: None. Put it in quotes"),
        ("ada: {'a b': [member]}", "Invalid project_id"),
        ("ada: {o: [member]}\nada: {p: [member]}", "the key 'ada' is given twice"),
        ("ada: {o: [member], o: [reader]}", "the key 'o' is given twice"),
        ("ada: {[o]: [member]}", "is not YAML"),
        ("ada: {!!timestamp 2026-02-30: [member]}", "cannot be read"),
        ("ada: {!!int x: [member]}", "cannot be read"),
        ("[" * 1000, "is nested too deeply"),
    ],
)
def test_a_project_file_that_is_refused(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "projects.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=words):
        read_projects(path)


def test_ids_in_a_project_file_are_words(tmp_path: Path) -> None:
    path = tmp_path / "projects.yaml"
    path.write_text("yes: {2026-02-30: [member], 0x10: [on], 1_0: ['1'], 12:30: [no], 1e3: [member]}")
    assert read_projects(path) == {
        "yes": {
            "2026-02-30": {"member"}, "0x10": {"on"}, "1_0": {"1"}, "12:30": {"no"}, "1e3": {"member"},
        }
    }  # fmt: skip


# Written by 'htpasswd -nbB ada' for "correct horse battery staple correct horse ...", 86 bytes.
LONG = ("correct horse battery staple " * 3).strip()
HASH_OF_LONG = "$2y$05$OBiqVGKiarpDxAgzifc5ZeUyVn331jmPuzkzAYw6ru7zJHrAlkXJa"


def test_a_long_password_matches_as_the_tool_matched_it(files: Files, checks: list[bytes]) -> None:
    files.users.write_text(f"ada:{HASH_OF_LONG}\n")
    strategy = files.strategy()
    assert strategy.identify(request("ada", LONG), None).user_id == "ada"
    assert strategy.identify(request("ada", LONG[:72]), None).user_id == "ada"
    assert len(checks) == 1
    for wrong in (LONG[:71], "x" + LONG, "x" * 86):
        with pytest.raises(Unauthenticated):
            strategy.identify(request("ada", wrong), None)


def test_passwords_are_hashed_few_at_a_time(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    strategy = HttpBasic(files.users, files.projects, most_checks=1)
    strategy.identify(request("root", "other"), None)

    def check(password: bytes, hash_: bytes) -> bool:
        with pytest.raises(ServiceUnavailable):
            strategy.identify(request("eve", "x"), None)
        # A user who has authenticated before is not affected.
        strategy.identify(request("root", "other"), None)
        return bcrypt.checkpw(password, hash_)

    monkeypatch.setattr(http_basic, "_password_matches", check)
    for _ in range(2):
        assert strategy.identify(request("ada", "secret"), None).user_id == "ada"


@pytest.mark.parametrize("which", ["users", "projects"])
def test_a_file_that_goes_bad_leaves_what_held_and_is_read_once(
    files: Files, which: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    strategy = files.strategy()
    for bad in ("ada: {!!timestamp 2026-02-30: [member]}", "[" * 1000, "\x00", "\ud800"):
        caplog.clear()
        path: Path = getattr(files, which)
        path.write_bytes(bad.encode(errors="surrogatepass"))
        for _ in range(3):
            assert strategy.identify(request("ada", "secret"), None).roles == {"member"}
        assert len([one for one in caplog.records if one.name == "cgflow.reloading_file"]) == 1


@pytest.mark.parametrize("missing", ["users", "projects"])
def test_a_file_that_is_not_there_is_refused(files: Files, missing: str) -> None:
    path: Any = getattr(files, missing)
    path.unlink()
    with pytest.raises(ConfigError, match=rf"{path} cannot be read: No such file"):
        files.strategy()
