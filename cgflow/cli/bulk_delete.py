"""Delete several resources: each is tried, each failure is reported, and any failure fails the command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cgflow.cli import exit_codes, progress
from cgflow.cli.context import CliContext
from cgflow.cli.exit_codes import SomeFailed
from cgflow.cli.wait_option import WaitOptions
from cgflow.client.collection import Collection
from cgflow.client.http import Accepted
from cgflow.errors import CgflowError

Failures = list[tuple[str, CgflowError]]


def delete_each(
    context: CliContext,
    nouns: Collection,
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
            accepted = delete(nouns.find(name)["id"])
            result = {"name": name, "id": accepted.record["id"], "flow_id": accepted.flow_id}
            results.append(result)
            _report_deletion(context, nouns.noun, result, waiting)
        except CgflowError as error:
            failures.append((name, error))
    if context.out.as_json:
        failed = {name for name, _ in failures}
        context.out.json({"deleted": [each for each in results if each["name"] not in failed]})
    if failures:
        raise _summary(nouns, len(set(names)), failures)


def _report_deletion(context: CliContext, noun: str, result: dict[str, Any], waiting: WaitOptions) -> None:
    named, flow_id = f"{noun} {result['name']}", result["flow_id"]
    if flow_id is None:
        context.out.line(f"{named} is deleted.")
        return
    if not waiting.is_wanted:
        context.out.line(f"{named} is being deleted; follow it with: cgflow flow follow {flow_id}")
        return
    result["flow"] = progress.watch(context.out, context.client.flows, flow_id, waiting.timeout)
    exit_codes.check(result["flow"])
    context.out.line(f"{named} is deleted.")


def _summary(nouns: Collection, count: int, failures: Failures) -> CgflowError:
    if count == 1:
        return failures[0][1]
    told = "".join(f"\n  {name}: {error.message}" for name, error in failures)
    return SomeFailed(f"{len(failures)} of {count} {nouns.plural} were not deleted:{told}", failures)
