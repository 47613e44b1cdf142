"""The log levels of the process that answers."""

from __future__ import annotations

import logging
import socket
from typing import Any

import pytest

from tests.functional.caller import Caller, check_bad_request, check_fault
from tests.support.world import HOST

NAME = "kettle.lid"


@pytest.fixture
def logger() -> Any:
    found = logging.getLogger(NAME)
    yield found
    found.setLevel(logging.NOTSET)


@pytest.fixture
def admin(caller: Caller) -> Caller:
    return caller.at(32)


def levels(admin: Caller, **wish: str) -> dict[tuple[str, str], dict[str, str]]:
    answer = admin.put("/os-services/get-log", wish)
    assert answer.status_code == 200, answer.text
    return {(part["binary"], part["host"]): part["levels"] for part in answer.json["log_levels"]}


@pytest.mark.parametrize("level", ["ERROR", "warning", "Info", "debug"])
def test_a_level_is_set_and_shown(admin: Caller, logger: logging.Logger, level: str) -> None:
    answer = admin.put("/os-services/set-log", {"level": level, "prefix": "kettle", "binary": "*"})
    assert (answer.status_code, answer.data) == (202, b"")
    assert logging.getLevelName(logger.level) == level.upper()
    assert all(told == {NAME: level.upper()} for told in levels(admin, prefix="kettle").values())


def test_what_is_said_is_written_from_then_on(
    admin: Caller, logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    for level, written in (("ERROR", []), ("DEBUG", ["steam"])):
        admin.put("/os-services/set-log", {"level": level, "prefix": NAME})
        logger.debug("steam")
        assert [record.message for record in caplog.records if record.name == NAME] == written


def test_levels_that_are_inherited_are_shown_too(admin: Caller, logger: logging.Logger) -> None:
    inherited = logging.getLevelName(logger.getEffectiveLevel())
    assert levels(admin, prefix=NAME, binary="cinder-api") == {
        ("cinder-api", socket.gethostname()): {NAME: inherited}
    }


@pytest.mark.parametrize(
    ("wish", "binaries"),
    [
        ({}, ["cinder-api", "cinder-scheduler", "cinder-volume"]),
        ({"binary": "", "server": ""}, ["cinder-api", "cinder-scheduler", "cinder-volume"]),
        ({"binary": "cinder-scheduler"}, ["cinder-scheduler"]),
        ({"binary": "cinder-volume", "server": HOST}, ["cinder-volume"]),
        ({"binary": "cinder-api", "server": HOST}, []),
        ({"binary": "cinder-backup"}, []),
    ],
)
def test_the_parts_that_are_meant(admin: Caller, wish: dict[str, str], binaries: list[str]) -> None:
    assert [binary for binary, _ in levels(admin, prefix="none", **wish)] == binaries


def test_what_is_meant_for_a_part_that_is_not_there_changes_nothing(
    admin: Caller, logger: logging.Logger
) -> None:
    wish = {"level": "DEBUG", "prefix": NAME}
    assert admin.put("/os-services/set-log", wish | {"binary": "cinder-backup"}).status_code == 202
    for field, value in (("server", "elsewhere"), ("binary", "nova-compute")):
        message = check_bad_request(admin.put("/os-services/set-log", wish | {field: value}), field)
        assert value in message
        check_bad_request(admin.put("/os-services/get-log", {field: value}), field)
    assert logger.level == logging.NOTSET


@pytest.mark.parametrize("level", ["CRITICAL", "", "loud", 10, None])
def test_levels_that_are_none(admin: Caller, level: object) -> None:
    assert "level" in check_bad_request(admin.put("/os-services/set-log", {"level": level}), "level")


def test_they_are_for_administrators(caller: Caller) -> None:
    member = caller.as_member().at(32)
    check_fault(member.put("/os-services/set-log", {"level": "DEBUG"}), 403, "forbidden")
    check_fault(member.put("/os-services/get-log", {}), 403, "forbidden")
