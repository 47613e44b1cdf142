"""What the commands of several resources share: arguments, options, and whole commands.

Accepted requests are reported, or followed with ``--wait``. A command that deletes several resources tries
each, reports each failure, and fails if any failed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from cgflow.cli import exit_codes, flow_report
from cgflow.cli.context import CliContext, with_context
from cgflow.cli.exit_codes import SomeFailed
from cgflow.client.client import Client
from cgflow.client.http import Accepted
from cgflow.client.resources import Collection, Connectable, Resettable
from cgflow.errors import CgflowError

C = TypeVar("C", bound=Callable[..., Any])
Failures = list[tuple[str, CgflowError]]


class KeyValue(click.ParamType[tuple[str, str]]):
    """One KEY=VALUE; the value may be empty and may contain equal signs."""

    name = "KEY=VALUE"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split at the first equal sign."""
        if isinstance(value, tuple):
            return value
        key, sign, rest = str(value).partition("=")
        if not key or not sign:
            self.fail(f"'{value}' is not of the form KEY=VALUE.", param, ctx)
        return key, rest


class ResourceLimit(KeyValue):
    """One RESOURCE=LIMIT with an integer limit, as a pair of strings."""

    name = "RESOURCE=LIMIT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split, and check that the limit is an integer."""
        key, limit = super().convert(value, param, ctx)
        if not limit.removeprefix("-").isdecimal():
            self.fail(f"'{value}': a limit must be an integer; -1 means unlimited.", param, ctx)
        return key, limit


@dataclass(frozen=True)
class WaitOptions:
    """Whether to wait for the end of a flow, and for how many seconds at most (None: without a limit)."""

    is_wanted: bool
    timeout: float | None


def add_wait_options(command: C) -> C:
    """Add ``--wait`` and ``--timeout`` to a command, which gets both as ``waiting``."""
    # Eager: parsed before --timeout, whatever the order of the options.
    wait = click.option(
        "--wait",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_remember_wait,
        help="Wait until the operation has ended.",
    )
    timeout = click.option(
        "--timeout",
        "waiting",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        callback=_build_wait_options,
        help="Wait at most this long. Needs --wait.",
    )
    return wait(timeout(command))


def report_accepted(
    context: CliContext, resources: Collection, accepted: Accepted, waiting: WaitOptions
) -> None:
    """Print the accepted resource; with ``--wait`` follow its flow, then print the resource's new state."""
    id_ = accepted.record["id"]
    if not waiting.is_wanted or accepted.flow_id is None:
        context.out.line(f"{resources.type_name} {id_} is accepted{_follow_hint(accepted)}")
        if context.out.as_json:
            context.out.record(resources.key, accepted.record, flow_id=accepted.flow_id)
        return
    flow = flow_report.print_flow_until_end(
        context.out, context.client.flows, accepted.flow_id, waiting.timeout
    )
    context.out.record(resources.key, resources.get(id_), flow=flow)
    exit_codes.raise_unless_succeeded(flow)


def _follow_hint(accepted: Accepted) -> str:
    if accepted.flow_id is None:
        return "."
    return f"; follow it with: cgflow flow follow {accepted.flow_id}"


def _remember_wait(ctx: click.Context, _param: click.Parameter, is_set: bool) -> None:
    ctx.meta["cgflow.wait"] = is_set


def _build_wait_options(ctx: click.Context, _param: click.Parameter, timeout: float | None) -> WaitOptions:
    is_wanted = bool(ctx.meta.get("cgflow.wait"))
    if timeout is not None and not is_wanted:
        raise click.UsageError("--timeout needs --wait.")
    return WaitOptions(is_wanted, timeout)


def delete_resources(
    context: CliContext,
    resources: Collection,
    names: Sequence[str],
    delete: Callable[[str], Accepted],
    waiting: WaitOptions,
) -> None:
    """Request the deletion of every named resource.

    All requests are sent at once, or with ``--wait`` one after the other: two members of one group refuse
    each other while one is being deleted. Raises: the one error for a single name; SomeFailed, if any of
    several failed.
    """
    failures: Failures = []
    results = []
    for name in dict.fromkeys(names):
        try:
            accepted = delete(resources.find(name)["id"])
            result = {"name": name, "id": accepted.record["id"], "flow_id": accepted.flow_id}
            results.append(result)
            _report_deletion(context, resources.type_name, result, waiting)
        except CgflowError as error:
            failures.append((name, error))
    if context.out.as_json:
        failed = {name for name, _ in failures}
        context.out.json({"deleted": [each for each in results if each["name"] not in failed]})
    if failures:
        raise _deletion_error(resources, len(set(names)), failures)


def _report_deletion(
    context: CliContext, type_name: str, result: dict[str, Any], waiting: WaitOptions
) -> None:
    label, flow_id = f"{type_name} {result['name']}", result["flow_id"]
    if flow_id is None:
        context.out.line(f"{label} is deleted.")
        return
    if not waiting.is_wanted:
        context.out.line(f"{label} is being deleted; follow it with: cgflow flow follow {flow_id}")
        return
    result["flow"] = flow_report.print_flow_until_end(
        context.out, context.client.flows, flow_id, waiting.timeout
    )
    exit_codes.raise_unless_succeeded(result["flow"])
    context.out.line(f"{label} is deleted.")


def _deletion_error(resources: Collection, count: int, failures: Failures) -> CgflowError:
    if count == 1:
        return failures[0][1]
    details = "".join(f"\n  {name}: {error.message}" for name, error in failures)
    return SomeFailed(f"{len(failures)} of {count} {resources.plural} were not deleted:{details}", failures)


connect_as_file_option = click.option(
    "--file",
    "as_file",
    is_flag=True,
    help="Serve it as a file on the host of the backend, and print the path of the file.",
)
disconnect_file_option = click.option(
    "--file",
    "as_file",
    is_flag=True,
    help="Remove the file that 'connect --file' made on the host of the backend. It must not be open.",
)


def connect_resource(context: CliContext, resources: Connectable, name: str, as_file: bool) -> None:
    """Request a connection, and print its address alone, so that a script can use the output unchanged."""
    info = resources.connect(resources.find(name)["id"], as_file=as_file)
    if context.out.as_json:
        context.out.json({"connection_info": info})
        return
    address = info.get("data", {}).get("path" if as_file else "uri")
    if address is None:
        # Not every protocol has a single-word address.
        context.out.record(
            "connection_info", {"protocol": info.get("driver_volume_type"), **info.get("data", {})}
        )
        return
    context.out.line(address)


def disconnect_resource(
    context: CliContext,
    resources: Connectable,
    name: str,
    as_file: bool = False,
    *,
    done: str = "is disconnected",
) -> None:
    """Remove a snapshot's export or a file, or state that a volume is no longer used, and print ``done``."""
    resource = resources.find(name)
    resources.disconnect(resource["id"], as_file=as_file)
    context.out.line(f"{resources.type_name} {name} {done}.")
    if context.out.as_json:
        context.out.json({"disconnected": {"id": resource["id"]}})


def add_reset_status_command(
    commands: click.Group,
    resources_of: Callable[[Client], Resettable],
    statuses: str = "available, error or error_deleting",
) -> None:
    """Add this command to those of one resource type; ``statuses`` lists the permitted ones."""

    @commands.command(
        name="reset-status",
        help=f"Set the status: {statuses}.\n\n"
        "Only the record changes. 'cgflow audit' finds and repairs wrong statuses; this command is for what "
        "it cannot know, such as data that was recovered. Administrators only. Do not use it while a flow is "
        "running.",
    )
    @with_context
    @click.argument("name", metavar=str(commands.name).upper())
    @click.argument("status", metavar="STATUS")
    def reset_status(context: CliContext, name: str, status: str) -> None:
        resources = resources_of(context.client)
        id_ = resources.find(name)["id"]
        resources.reset_status(id_, status)
        context.out.record(resources.key, resources.get(id_))
