"""The root command: discovery of commands, options, and the handling of errors."""

from __future__ import annotations

import json
import sys
import types
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Any

import click
import pytest
from click.testing import CliRunner

from cgflow.cli import main as module
from cgflow.cli.main import COMMANDS, main
from tests.support.canned_service import CannedService
from tests.support.cgflow_command import CgflowCommand


@pytest.fixture
def contributed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return a dictionary of further commands by name, which the test fills."""
    more: dict[str, str] = {}
    real = tuple(entry_points(group=COMMANDS))

    def found(**which: Any) -> EntryPoints:
        named = [EntryPoint(name.rstrip("+"), value, COMMANDS) for name, value in more.items()]
        return EntryPoints((*real, *named)).select(**which)

    monkeypatch.setattr(module, "entry_points", found)
    return more


def test_every_command_of_this_package_is_discovered() -> None:
    names = main.list_commands(click.Context(main))
    assert {"type", "group", "volume", "cgsnapshot", "snapshot", "quota", "flow", "db"} <= set(names)


def test_every_command_loads_and_explains_itself() -> None:
    def walk(command: click.Command, *words: str) -> None:
        shown = CliRunner().invoke(main, [*words, "--help"])
        assert shown.exit_code == 0, shown.output
        assert "unavailable" not in shown.output
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                assert inner.get_short_help_str(), f"{name} says nothing of itself"
                walk(inner, *words, name)

    for name in ("type", "group", "volume", "cgsnapshot", "snapshot", "quota", "flow", "db"):
        command = main.get_command(click.Context(main), name)
        assert command is not None
        walk(command, name)


def test_the_help_documents_the_exit_codes() -> None:
    shown = CliRunner().invoke(main, ["--help"]).output
    assert "Exit codes:" in shown
    for code in ("0", "1", "2", "3", "4", "5", "130"):
        assert f"\n  {code:>5}  " in shown


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("cgflow.no_such_module:command", "cannot be loaded: ModuleNotFoundError"),
        ("cgflow.cli.main:COMMANDS", "is not a click command"),
    ],
)
def test_a_broken_contribution_is_listed_with_its_reason_and_disturbs_nothing(
    contributed: dict[str, str], value: str, reason: str
) -> None:
    contributed["broken"] = value
    shown = CliRunner().invoke(main, ["--help"], terminal_width=200)
    assert shown.exit_code == 0
    assert "(unavailable: " in shown.output
    assert "Volumes." in shown.output
    ran = CliRunner().invoke(main, ["broken", "--whatever", "x"])
    assert ran.exit_code == 1
    assert reason in ran.stderr


def test_a_command_contributed_twice_is_ambiguous(contributed: dict[str, str]) -> None:
    contributed["twin"] = "one.package:twin"
    contributed["twin+"] = "another.package:twin"
    ran = CliRunner().invoke(main, ["twin"])
    assert ran.exit_code == 1
    assert "two packages provide it: one.package:twin and another.package:twin" in ran.stderr


def test_a_contributed_command_runs(contributed: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in: Any = types.ModuleType("plug_in_for_this_test")

    @click.command()
    def hello() -> None:
        """Greet."""
        click.echo("hello")

    plug_in.hello = hello
    monkeypatch.setitem(sys.modules, plug_in.__name__, plug_in)
    contributed["hello"] = f"{plug_in.__name__}:hello"
    assert CliRunner().invoke(main, ["hello"]).output == "hello\n"


def test_refused_is_1(service: CannedService, cgflow: CgflowCommand) -> None:
    service.refuses("GET", "/volumes/detail", 403, "forbidden", "Not for you.")
    ran = cgflow("volume", "list")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert ran.stderr == "Error: Not for you. (req-1)\n"


@pytest.mark.parametrize(
    "words", [["nonsense"], ["volume", "nonsense"], ["volume", "create"], ["--nonsense"]]
)
def test_not_understood_is_2(cgflow: CgflowCommand, words: list[str]) -> None:
    ran = cgflow(*words)
    assert ran.exit_code == 2
    assert "Usage:" in ran.stderr


@pytest.mark.parametrize("words", [["nonsense"], ["volume", "create"]])
def test_not_understood_is_2_in_json_too(cgflow: CgflowCommand, words: list[str]) -> None:
    ran = cgflow("--json", *words)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert json.loads(ran.stderr)["error"]["code"] == "invalid_input"


def test_an_address_that_is_none_is_2() -> None:
    assert CliRunner().invoke(main, ["--url", "nowhere", "volume", "list"]).exit_code == 2


def test_unreachable_is_3(service: CannedService, cgflow: CgflowCommand) -> None:
    service.stop()
    try:
        ran = cgflow("volume", "list")
        told = json.loads(cgflow("volume", "list", "--json").stderr)
    finally:
        service.start()
    assert ran.exit_code == 3
    assert "cgflow serve" in ran.stderr
    assert told["error"]["code"] == "unreachable"


def test_interrupted_is_130(monkeypatch: pytest.MonkeyPatch, cgflow: CgflowCommand) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cgflow.client.resources.Collection.select", interrupt)
    ran = cgflow("volume", "list")
    assert ran.exit_code == 130
    assert "Accepted operations continue" in ran.stderr


def test_an_error_in_json(service: CannedService, cgflow: CgflowCommand) -> None:
    service.refuses("GET", "/volumes/detail", 403, "forbidden", "Not for you.")
    ran = cgflow("--json", "volume", "list")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert json.loads(ran.stderr) == {
        "error": {
            "code": "forbidden",
            "message": "Not for you.",
            "exit_code": 1,
            "status": 403,
            "request_id": "req-1",
        }
    }


def test_json_steers_no_terminal(service: CannedService, cgflow: CgflowCommand) -> None:
    odd = "".join(sign for code in range(0x11000) if not (sign := chr(code)).isprintable())
    # A service never sends single surrogates.
    odd = "".join(sign for sign in odd if not "\ud800" <= sign <= "\udfff")
    assert {"\x1b", "\x9b", "\u202e", "\u2028", "\ufeff"} <= set(odd)
    name = f"é ✓ {odd}"
    service.plays("GET", "/volumes/detail", {"volumes": [{"id": "1", "name": name}]})
    ran = cgflow("--json", "volume", "list")
    assert json.loads(ran.stdout)["volumes"][0]["name"] == name
    assert "é ✓ " in ran.stdout
    assert all(sign.isprintable() or sign == "\n" for sign in ran.stdout)
    service.refuses("GET", "/snapshots/detail", 400, "badRequest", name)
    ran = cgflow("--json", "snapshot", "list")
    assert json.loads(ran.stderr)["error"]["message"] == name
    assert all(sign.isprintable() or sign == "\n" for sign in ran.stderr)


def test_project_and_user_come_from_the_environment(service: CannedService) -> None:
    service.plays("GET", "/volumes/detail", {"volumes": []})
    environment = {"CGFLOW_URL": service.url, "CGFLOW_PROJECT": "blue", "CGFLOW_USER": "bob"}
    CliRunner().invoke(main, ["volume", "list"], env=environment)
    assert service.asked[0].path == "/v3/blue/volumes/detail"
    assert service.asked[0].headers["X-Auth-Token"] == "bob:blue"
