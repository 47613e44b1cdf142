"""The clients that exist, as their users have them: in an environment of their own, and unchanged."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.environments import environment

PACKAGES = ("python-cinderclient==9.10.0", "python-openstackclient==10.5.0", "openstacksdk==4.22.0")
PATIENCE_S = 120


def installed() -> Path:
    """Return the folder of their commands, installed by the first who asks; others wait for it."""
    return environment("clients", *PACKAGES)


@dataclass(frozen=True)
class Access:
    """How the clients reach one project of a service, and prove who they are."""

    project_id: str
    environ: Mapping[str, str]
    cinder_environ: Mapping[str, str] = field(default_factory=dict)
    cinder_words: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.cinder_environ:
            object.__setattr__(self, "cinder_environ", self.environ)


def without_proof(url: str, project_id: str, user_id: str = "ada") -> Access:
    """Return the access to a service that takes everybody at their word."""
    return Access(
        project_id,
        {"OS_AUTH_TYPE": "admin_token", "OS_TOKEN": f"{user_id}:{project_id}", "OS_ENDPOINT": f"{url}/v3"},
        # The kind of authentication is taken from the environment alone, the rest from the options.
        {"OS_AUTH_TYPE": "noauth"},
        ("--user-id", user_id, "--project-id", project_id, "--endpoint", f"{url}/v3"),
    )


def environ_for(wishes: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which nothing is wished for but this."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "CINDER"))}
    return {**others, "COLUMNS": "200", **wishes}


@dataclass(frozen=True)
class Ran:
    """One run of a command."""

    code: int
    said: str
    complained: str


def run(words: Sequence[str], wishes: Mapping[str, str]) -> Ran:
    """Run a command to its end, good or bad."""
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env=environ_for(wishes),
    )
    return Ran(done.returncode, done.stdout, done.stderr)
