"""The CPU of the services' processes, of this benchmark, and of the machine, from ``/proc``."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peer.connection import OperationFailed

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_CLIENT = "benchmark"

Roots = Mapping[str, frozenset[int]]
"""The processes that are counted, by a name for the tables; each with all its descendants."""


@dataclass(frozen=True)
class Reading:
    """Seconds of CPU until now: by process, of this benchmark, and of all cores, busy and in total."""

    process_s: Mapping[str, float]
    client_s: float
    busy_s: float
    total_s: float


def find_roots(wanted: Mapping[str, str]) -> dict[str, frozenset[int]]:
    """Return the processes of each name by its id, or by a text in its command line.

    This program and those that started it have the text in their own command line and are left out.
    """
    ours = set(_ancestors(os.getpid()))
    lines = {pid: line for pid, line in _command_lines() if pid not in ours}
    found = {}
    for name, text in wanted.items():
        pids = {pid for pid, line in lines.items() if (text == str(pid) if text.isdigit() else text in line)}
        if not pids:
            raise OperationFailed(
                f"no process for {name}: none has {text!r} in its command line or as its id"
            )
        found[name] = frozenset(pids)
    return found


def read_cpu(roots: Roots) -> Reading:
    """Read the CPU that was spent until now.

    The sum over a process and its descendants includes those that have ended and were waited for.
    """
    owners = {pid: name for name, pids in roots.items() for pid in pids}
    owners.setdefault(os.getpid(), _CLIENT)
    spent: dict[str, float] = defaultdict(float)
    processes = dict(_processes())
    for pid, process in processes.items():
        owner = _owner(pid, processes, owners)
        if owner:
            spent[owner] += process.cpu_s
    client_s = spent.pop(_CLIENT, 0.0)
    user, nice, system, idle, iowait, irq, softirq, steal = map(
        int, (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    busy = user + nice + system + irq + softirq + steal
    return Reading(dict(spent), client_s, busy / _TICKS, (busy + idle + iowait) / _TICKS)


def nice_values(roots: Roots) -> set[int]:
    """Return the priorities (nice) of processes: they differ if one of two services is preferred."""
    return {os.getpriority(os.PRIO_PROCESS, pid) for pids in roots.values() for pid in pids}


@dataclass(frozen=True)
class _Process:
    parent: int
    cpu_s: float


def _owner(pid: int, processes: Mapping[int, _Process], owners: Mapping[int, str]) -> str | None:
    """Return the name of the nearest counted process among a process and its ancestors."""
    while pid not in owners:
        if pid not in processes:
            return None
        pid = processes[pid].parent
    return owners[pid]


def _processes() -> Iterator[tuple[int, _Process]]:
    for folder in _process_folders():
        try:
            # The name in parentheses may itself have spaces and parentheses.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        yield int(folder.name), _Process(int(fields[1]), sum(map(int, fields[11:15])) / _TICKS)


def _command_lines() -> Iterator[tuple[int, str]]:
    for folder in _process_folders():
        try:
            yield (
                int(folder.name),
                (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"),
            )
        except OSError:
            continue


def _process_folders() -> list[Path]:
    return [folder for folder in _PROC.iterdir() if folder.name.isdigit()]


def _ancestors(pid: int) -> Iterator[int]:
    processes = dict(_processes())
    while pid in processes:
        yield pid
        pid = processes[pid].parent
