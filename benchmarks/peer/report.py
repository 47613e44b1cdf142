"""The tables of a comparison, and its figures as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from benchmarks.peer.measurements import Measurements
from benchmarks.peer.phases import LIST_ROWS, POLLS_MS, SIZES
from benchmarks.peer.profile import Profile
from benchmarks.storage.tables import Row, print_table


@dataclass(frozen=True)
class Figure:
    """One line of the table. Milliseconds are better if fewer, a rate is better if higher."""

    key: str
    label: str
    is_rate: bool = False
    is_cpu: bool = False


FIGURES = (
    *(Figure(f"create {n}", f"cgsnapshot create, N = {n}: POST to available, ms") for n in SIZES),
    *(Figure(f"delete {n}", f"cgsnapshot delete, N = {n}: DELETE to 404, ms") for n in SIZES),
    *(Figure(f"answer {n}", f"POST of a cgsnapshot answers, N = {n}, ms") for n in SIZES),
    Figure("volume create", "volume create: POST to available, ms"),
    *(Figure(f"cpu {n}", f"CPU of one cgsnapshot create, N = {n}, ms", is_cpu=True) for n in SIZES),
    *(
        Figure(f"burst {p}", f"4 clients, cgsnapshots of 10, polls every {p} ms: a second", True)
        for p in POLLS_MS
    ),
    Figure("fill", "4 clients filling a group: volumes a second", True),
    Figure("volumes/detail", f"volumes/detail, {LIST_ROWS} rows, ms"),
    Figure("cgsnapshots/detail", "cgsnapshots/detail, ms"),
    Figure("show group", "show group, ms"),
    Figure("show volume", "show volume, ms"),
)


def value_of(found: Measurements, figure: Figure, service: str) -> tuple[float, int] | None:
    """Return a figure of a service and the number of its samples."""
    if figure.is_cpu:
        return found.cpu(figure.key.replace("cpu", "create"), service)
    return found.figure(figure.key, service)


def print_figures(found: Measurements, peer: str | Profile, own: str) -> list[Row]:
    """Print the comparison with a measured service (its name) or with a stored profile; return its rows."""
    name = peer.service if isinstance(peer, Profile) else peer
    columns = {
        "Work": "{work}",
        name: "{peer_text}",
        own: "{own_text}",
        "Ratio": "{ratio_text}",
        "Samples": "{samples}",
    }
    title = "Medians; CPU is a mean. A ratio above 1 is in favour of cgflow."
    return print_table(title, columns, _figure_rows(found, peer, own))


def _figure_rows(found: Measurements, peer: str | Profile, own: str) -> Iterator[Row]:
    for figure in FIGURES:
        ours = value_of(found, figure, own)
        if isinstance(peer, Profile):
            theirs, theirs_count = peer.figures.get(figure.key), "stored"
        else:
            measured = value_of(found, figure, peer)
            theirs, theirs_count = (measured[0], str(measured[1])) if measured else (None, "0")
        yield _row(figure, theirs, ours[0] if ours else None, f"{theirs_count} / {ours[1] if ours else 0}")


def _row(figure: Figure, peer: float | None, own: float | None, samples: str) -> Row:
    ratio = None
    if peer and own:
        ratio = own / peer if figure.is_rate else peer / own
    return {
        "figure": figure.key,
        "work": figure.label,
        "peer": peer,
        "own": own,
        "ratio": ratio,
        "samples": samples,
        "peer_text": _number(peer),
        "own_text": _number(own),
        "ratio_text": _number(ratio),
    }


def print_usage(found: Measurements) -> list[Row]:
    """Print the CPU of each process in each phase, and what else the machine did; return the rows."""
    columns = {
        "Phase": "{phase}",
        "Service": "{service}",
        "Operations": "{operations}",
        "CPU of an operation, ms": "{cpu_text}",
        "Anything else, of all cores": "{other_share:.0%}",
    }
    return print_table("CPU by phase", columns, _usage_rows(found))


def _usage_rows(found: Measurements) -> Iterator[Row]:
    for phase, services in found.usages.items():
        for service, usage in services.items():
            if usage.operations:
                cpu = usage.process_ms()
                yield {
                    "phase": phase,
                    "service": service,
                    **asdict(usage),
                    "cpu_ms": cpu,
                    "cpu_text": ", ".join(f"{name} {_number(ms)}" for name, ms in cpu.items())
                    or "not watched",
                    "other_share": usage.other_share,
                }


def as_json(found: Measurements, figures: Sequence[Row], usage: Sequence[Row]) -> dict[str, object]:
    """Return everything that was measured, with every sample."""
    samples = {figure: dict(by_service) for figure, by_service in found.samples.items()}
    return {"figures": list(figures), "usage": list(usage), "samples": samples}


def _number(value: float | None) -> str:
    """Return a figure with about three digits, or a dash if there is none."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
