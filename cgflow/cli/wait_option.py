"""Handling of an accepted request: report it, or wait for the end of its flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from cgflow.cli import exit_codes, progress
from cgflow.cli.context import CliContext
from cgflow.client.collection import Collection
from cgflow.client.http import Accepted

C = TypeVar("C", bound=Callable[..., Any])


@dataclass(frozen=True)
class WaitOptions:
    """Whether to wait for the end of a flow, and for how many seconds at most (None: without a limit)."""

    is_wanted: bool
    timeout: float | None


def wait_options(command: C) -> C:
    """Add ``--wait`` and ``--timeout`` to a command, which gets both as ``waiting``."""
    # Eager: parsed before --timeout, whatever the order of the options.
    wait = click.option(
        "--wait", is_flag=True, is_eager=True, expose_value=False, callback=_keep, help="Wait for the end."
    )
    timeout = click.option(
        "--timeout",
        "waiting",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        callback=_together,
        help="Wait no longer than this; needs --wait.",
    )
    return wait(timeout(command))


def report_accepted(context: CliContext, nouns: Collection, accepted: Accepted, waiting: WaitOptions) -> None:
    """Print the accepted resource; with ``--wait`` follow its flow, then print the resource's new state."""
    id_ = accepted.record["id"]
    if not waiting.is_wanted or accepted.flow_id is None:
        context.out.line(f"{nouns.noun} {id_} is accepted{_by_flow(accepted)}")
        if context.out.as_json:
            context.out.record(nouns.key, accepted.record, flow_id=accepted.flow_id)
        return
    flow = progress.watch(context.out, context.client.flows, accepted.flow_id, waiting.timeout)
    now = nouns.get(id_)
    context.out.record(nouns.key, now, flow=flow)
    exit_codes.check(flow)


def _by_flow(accepted: Accepted) -> str:
    if accepted.flow_id is None:
        return "."
    return f"; follow it with: cgflow flow follow {accepted.flow_id}"


def _keep(ctx: click.Context, _param: click.Parameter, is_set: bool) -> None:
    ctx.meta["cgflow.wait"] = is_set


def _together(ctx: click.Context, _param: click.Parameter, timeout: float | None) -> WaitOptions:
    is_wanted = bool(ctx.meta.get("cgflow.wait"))
    if timeout is not None and not is_wanted:
        raise click.UsageError("--timeout says how long to wait: give --wait as well.")
    return WaitOptions(is_wanted, timeout)
