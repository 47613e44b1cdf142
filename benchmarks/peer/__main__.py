"""Compare cgflow with a service: ``python -m benchmarks.peer [--peer URL] [--peer-process NAME=TEXT]``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.peer import report
from benchmarks.peer.connection import OperationFailed
from benchmarks.peer.cpu import Roots, find_roots, nice_values
from benchmarks.peer.measurements import Measurements
from benchmarks.peer.phases import QUICK, Plan, run_all
from benchmarks.peer.profile import Profile, read_profile
from benchmarks.peer.service import PROJECT, Service
from tests.support.served_process import Served

OWN = "cgflow"
PEER = "peer"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and write the figures; return the exit status."""
    args = _parser().parse_args(arguments)
    began = time.monotonic()
    try:
        result = compare(args.peer, dict(args.peer_process), args.project, QUICK if args.quick else Plan())
    except (OperationFailed, OSError) as failure:
        print(f"benchmark: FAILED: {_in_words(failure)}", file=sys.stderr)
        return 1
    if args.json is not None:
        args.json.write_text(json.dumps(result, indent=2))
    print(f"\nmeasured in {time.monotonic() - began:.0f} s")
    return 0


def compare(peer_url: str | None, processes: dict[str, str], project: str, plan: Plan) -> dict[str, object]:
    """Measure cgflow, and a peer in turns with it; without one, compare with the stored profile."""
    roots: dict[str, Roots] = {}
    services = []
    other: str | Profile = PEER if peer_url else read_profile()
    with ExitStack() as stack:
        if peer_url:
            services.append(Service(PEER, peer_url, project=project))
            roots[PEER] = find_roots(processes)
            stack.enter_context(services[0].prepared())
        served = stack.enter_context(_serving())
        roots[OWN] = {"cgflow": frozenset({served.process.pid})}
        services.append(Service(OWN, served.url, project=project))
        stack.enter_context(services[-1].prepared())
        for note in (machine := _machine(), *_notes(other, roots)):
            print(note)
        found = Measurements(roots)
        run_all(services, plan, found)
    figures = report.print_figures(found, other, OWN)
    usage = report.print_usage(found)
    return {
        "machine": machine,
        "peer": peer_url or read_profile().origin,
        **report.as_json(found, figures, usage),
    }


@contextmanager
def _serving() -> Iterator[Served]:
    """Serve cgflow with the memory driver and SQLite from a process of its own."""
    with tempfile.TemporaryDirectory(prefix="cgflow-", dir="/tmp") as folder:
        served = Served(Path(folder) / "state", backend="memory")
        try:
            served.start()
            yield served
            served.stop()
        finally:
            served.end()
            if served.process.stdout is not None:
                served.process.stdout.close()


def _notes(peer: str | Profile, roots: dict[str, Roots]) -> Iterator[str]:
    """Yield what has to be known to read the figures."""
    if isinstance(peer, Profile):
        yield peer.origin
        yield "Stored figures are of another run. Only a peer measured beside cgflow gives reliable ratios."
    elif not roots[PEER]:
        yield "No --peer-process: the peer has no figures of CPU, and its CPU is counted as anything else."
    elif nice_values(roots[PEER]) != nice_values(roots[OWN]):
        yield "The services run at different nice values, which prefers one of them on a busy machine."


def _machine() -> str:
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    now = time.strftime("%Y-%m-%d %H:%M")
    return f"{now}: {os.cpu_count()} cores, load average {load}, Python {platform.python_version()}"


def _in_words(failure: BaseException) -> str:
    """Return the message of a failure, after that of the one that it followed."""
    first = failure.__context__
    words = str(failure) or type(failure).__name__
    if isinstance(first, OperationFailed | OSError) and failure.__cause__ is None:
        return f"{_in_words(first)}; then: {words}"
    return words


def _end(*_: object) -> None:
    # As an exception, so that what was created is removed.
    sys.exit(128 + signal.SIGTERM)


def _pair(text: str) -> tuple[str, str]:
    name, separator, wanted = text.partition("=")
    if not (name and separator and wanted):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=TEXT")
    return name, wanted


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peer", description=__doc__)
    parser.add_argument(
        "--peer", metavar="URL", help="a service with the same API and noauth; without it, stored figures"
    )
    parser.add_argument(
        "--peer-process",
        metavar="NAME=TEXT",
        type=_pair,
        action="append",
        default=[],
        help="count the CPU of processes by a text in their command line, or by an id; may be repeated",
    )
    parser.add_argument("--project", default=PROJECT, help="the project that is used (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    parser.add_argument("--json", metavar="FILE", type=Path, help="where to write all figures")
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    sys.exit(main())
