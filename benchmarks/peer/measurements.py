"""What was measured: samples by figure and service, and CPU by phase and service."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.peer.cpu import Roots, read_cpu


@dataclass
class Usage:
    """The CPU of one service in one phase, summed over its operations.

    ``other_s`` is what neither the services nor this benchmark used, ``total_s`` what all cores had.
    """

    operations: int = 0
    process_s: dict[str, float] = field(default_factory=dict)
    other_s: float = 0
    total_s: float = 0

    def process_ms(self) -> dict[str, float]:
        """Return the mean of an operation for each process."""
        return {name: 1000 * spent / max(self.operations, 1) for name, spent in self.process_s.items()}

    @property
    def other_share(self) -> float:
        """The share of all cores that was busy with anything else."""
        return self.other_s / self.total_s if self.total_s else 0.0


class Measurements:
    """Samples and CPU, as the phases add them.

    ``roots`` are the processes of each service by the service's name. A service without any has no figures of
    CPU.
    """

    def __init__(self, roots: Mapping[str, Roots]) -> None:
        self.samples: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.usages: dict[str, dict[str, Usage]] = defaultdict(lambda: defaultdict(Usage))
        self._names = {service: list(own) for service, own in roots.items()}
        self._roots = {
            f"{service}/{name}": pids for service, own in roots.items() for name, pids in own.items()
        }

    def add(self, figure: str, service: str, value: float) -> None:
        """Add one sample of a figure."""
        self.samples[figure][service].append(value)

    @contextmanager
    def phase(self, name: str, service: str) -> Iterator[Usage]:
        """Count the CPU while a service is driven. The caller adds the number of operations."""
        usage = self.usages[name][service]
        before = read_cpu(self._roots)
        yield usage
        after = read_cpu(self._roots)
        spent = {
            process: max(0.0, after.process_s.get(process, 0.0) - before.process_s.get(process, 0.0))
            for process in self._roots
        }
        for process in self._names.get(service, ()):
            usage.process_s[process] = usage.process_s.get(process, 0.0) + spent[f"{service}/{process}"]
        accounted = sum(spent.values()) + after.client_s - before.client_s
        usage.other_s += max(0.0, after.busy_s - before.busy_s - accounted)
        usage.total_s += after.total_s - before.total_s

    def figure(self, key: str, service: str) -> tuple[float, int] | None:
        """Return the median of a figure's samples and their number, or None if there is none."""
        found = self.samples[key][service]
        return (statistics.median(found), len(found)) if found else None

    def cpu(self, phase: str, service: str) -> tuple[float, int] | None:
        """Return the mean CPU of an operation in all processes of a service, and the number of operations."""
        usage = self.usages[phase][service]
        if not usage.operations or not usage.process_s:
            return None
        return sum(usage.process_ms().values()), usage.operations
