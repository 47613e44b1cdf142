"""Output that cannot be written, and arguments that are not text: a message and the exit code report them."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from cgflow.cli.exit_codes import ExitCode
from cgflow.cli.main import COMMANDS

PROGRAM = [sys.executable, "-c", "from cgflow.cli.main import main; main()"]
NAMES = sorted(entry_points(group=COMMANDS).names)


def run(*arguments: str | bytes, stdout: int, env: dict[str, str] | None = None) -> tuple[int, str]:
    done = subprocess.run(
        [*PROGRAM, *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=os.environ | (env or {}),
        check=False,
    )
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize("name", [None, *NAMES])
def test_a_full_disk_is_told(name: str | None) -> None:
    with Path("/dev/full").open("wb") as full:
        code, said = run(*([name] if name else []), "--help", stdout=full.fileno())
    assert said == "Error: The output cannot be written: No space left on device.\n"
    assert code == ExitCode.FAILED


def test_a_closed_pipe_ends_the_command_without_a_word() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert run("--help", stdout=writer) == (ExitCode.FAILED, "")
    finally:
        os.close(writer)


@pytest.mark.parametrize("name", NAMES)
def test_an_argument_that_is_no_text_is_told(name: str) -> None:
    code, said = run(name, b"caf\xe9", stdout=subprocess.DEVNULL)
    assert said == "Error: The argument 'caf\\xe9' is not text in UTF-8.\n"
    assert code == ExitCode.USAGE


@pytest.mark.parametrize("name", ["CGFLOW_PROJECT", "CGFLOW_USER", "CGFLOW_PASSWORD"])
def test_a_variable_that_is_no_text_is_told(name: str) -> None:
    code, said = run("flow", "list", stdout=subprocess.DEVNULL, env={name: "caf\udce9"})
    assert "cannot be sent" in said
    assert "Traceback" not in said
    assert code == ExitCode.USAGE
