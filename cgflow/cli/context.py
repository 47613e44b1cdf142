"""The context of every command: the client of the chosen service, and the output."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Concatenate, ParamSpec, TypeVar

import click
from requests.auth import AuthBase

from cgflow.cli.output import Output
from cgflow.client import Client

P = ParamSpec("P")
R = TypeVar("R")


class CliContext:
    """One invocation of ``cgflow``. The client is created on first use, because some commands need none."""

    def __init__(
        self, url: str, project: str, user: str, output: Output, auth: AuthBase | None = None
    ) -> None:
        self.url = url
        self.project = project
        self.user = user
        self.out = output
        self.auth = auth

    @cached_property
    def client(self) -> Client:
        """The client of the service."""
        return Client(self.url, self.project, self.user, self.auth)


def with_context(command: Callable[Concatenate[CliContext, P], R]) -> Callable[P, R]:
    """Pass the context to a command, and accept ``--json`` after the command's name, too."""
    json_too = click.option(
        "--json", is_flag=True, expose_value=False, callback=_set_json, help="Print JSON, for programs."
    )
    return json_too(click.make_pass_decorator(CliContext)(command))


def _set_json(ctx: click.Context, _param: click.Parameter, is_set: bool) -> None:
    if is_set:
        ctx.ensure_object(CliContext).out.as_json = True
