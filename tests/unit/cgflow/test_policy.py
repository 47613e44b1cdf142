"""The policy file: what is accepted, and the message for everything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from cgflow.context import RequestContext
from cgflow.errors import ConfigError
from cgflow.policies import list_rules
from cgflow.policies.base import OWNER, READER
from cgflow.policy import Policy

OWN = {"project_id": "p", "user_id": "u"}


def caller(*roles: str) -> RequestContext:
    return RequestContext("u", "p", "req-1", frozenset(roles))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("volume:get: [", "is not YAML"),
        ("- volume:get", "must map names"),
        ("volume:fly: role:member", "a rule that does not exist: 'volume:fly'"),
        ("1: role:member", "a rule that does not exist: '1'"),
        ("volume:get: 7", "a check for volume:get that cannot be understood: '7'"),
        ("volume:get:", "a check for volume:get that cannot be understood: None"),
        ("volume:get: ~", "cannot be understood"),
        ("volume:get: '!'\nvolume:get: '@'", "the key 'volume:get' is given twice"),
        ("volume:get: '" + "not " * 1000 + "@'", "cannot be understood"),
        ("volume:get: '" + "not " * 100 + "@'", "cannot be understood"),
        *(
            (f"volume:get: '{check}'", "cannot be understood")
            for check in (
                "project_id:%(project_id)d",
                "project_id:%(project_id)999999999s",
                "project_id:%(project_id)c",
                "project_id:%(",
                "project_id:%",
                "project_id:%s",
                "project_id:%(project_id)",
                "role:admin and project_id:%(project_id)d",
                "role:%(role)x or @",
                "not user_id:%(user_id)f",
                # These fail only when they are evaluated.
                "[:member",
                "role:member or {:%(user_id)s",
                ":",
                "user_id.domain:%(user_id)s",
                # These query another service each time.
                "http://127.0.0.1:1/%(name)s",
                "not https://localhost:1/",
            )
        ),
        ("volume:get: !!timestamp 2026-02-30", "cannot be read"),
        ("[" * 1000, "is nested too deeply"),
        ("volume:get: 'role:member and'", "cannot be understood"),
        ("volume:get: member", "cannot be understood"),
        ("volume:get: 'role:member or member'", "cannot be understood"),
        ("volume:get: rule:nobody", r"refers to rules that do not exist.*volume:get"),
        ("volume:get: rule:volume:delete\nvolume:delete: rule:volume:get", "in a circle"),
        ("\x00", "is not YAML"),
    ],
)
def test_a_bad_file_is_refused_in_words(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=words) as refused:
        Policy(path)
    assert "policy file" in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml cannot be read: No such file"):
        Policy(tmp_path / "none.yaml")


@pytest.mark.parametrize("content", ["", "# nothing", "volume:get: '!'", "volume:get: ''", "{}"])
def test_a_good_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(content)
    is_open = "!" not in content
    assert Policy(path).permits("volume:get", OWN, caller("member")) is is_open


def test_what_is_not_named_stays_as_it_is_by_default(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("context_is_admin: role:boss")
    policy = Policy(path)
    assert policy.is_admin(caller("boss"))
    assert not policy.is_admin(caller("admin"))
    assert policy.permits("flow:retry", OWN, caller("boss"))


def test_a_rule_nobody_knows_is_closed() -> None:
    assert not Policy().permits("volume:fly", OWN, caller("admin"))


def test_a_file_that_goes_away_leaves_what_held(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("volume:get: '!'")
    policy = Policy(path)
    path.unlink()
    for _ in range(2):
        assert not policy.permits("volume:get", OWN, caller("admin"))
    assert [record.message for record in caplog.records if record.name == "cgflow.reloading_file"] == [
        "what was read earlier stays in force: "
        f"The policy file {path} cannot be read: No such file or directory."
    ]
    path.write_text("volume:get: '@'")
    assert policy.permits("volume:get", OWN, caller())


def test_a_file_that_becomes_empty_leaves_what_held(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("volume:get: '!'")
    policy = Policy(path)
    path.write_text("")
    assert not policy.permits("volume:get", OWN, caller("admin"))
    assert [record.name for record in caplog.records] == ["cgflow.reloading_file"]
    path.write_text("# nothing is changed")
    assert policy.permits("volume:get", OWN, caller("admin"))


def test_names_are_unique_and_told_of() -> None:
    names = [rule.name for rule in list_rules()]
    assert len(set(names)) == len(names)
    assert all(rule.description.endswith(".") for rule in list_rules())


def test_rules_of_groups_have_the_known_names_and_are_open_to_owners_s100_s101() -> None:
    checks = {rule.name.removeprefix("consistencygroup:"): rule.check_str for rule in list_rules()}
    for name in ("create", "update", "delete", "create_cgsnapshot", "delete_cgsnapshot"):
        assert checks[name] == OWNER
    for name in ("get", "get_all", "get_cgsnapshot", "get_all_cgsnapshots"):
        assert checks[name] == READER


def test_a_decision_depends_on_every_field_that_a_check_names(tmp_path: Path) -> None:
    """Decisions are remembered; a remembered one must not be given for another caller or target."""
    file = tmp_path / "policy.yaml"
    file.write_text("volume:get: user_id:%(user_id)s and role:%(name)s or project_id:%(host)s\n")
    policy = Policy(file)
    callers = [
        RequestContext(user, project, "req-1", frozenset(roles))
        for user in ("u", "v")
        for project in ("p", "q")
        for roles in ((), ("r",), ("r", "s"))
    ]
    targets = [
        {**OWN, "user_id": user, **name, **host}
        for user in ("u", "v")
        for name in ({}, {"name": "r"}, {"name": "s"}, {"name": None})
        for host in ({}, {"host": "p"}, {"host": "q"})
    ]
    # The second round gives remembered decisions.
    for _ in range(2):
        for who in callers:
            for target in targets:
                is_named = target["user_id"] == who.user_id and target.get("name") in who.roles
                expected = is_named or target.get("host") == who.project_id
                assert policy.permits("volume:get", target, who) is expected, (who, target)
