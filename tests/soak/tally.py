"""The result of a soak, in figures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.support.kill_points import PHASES, KillRecord


@dataclass
class Tally:
    """Where processes died, and what was wrong. ``databases`` counts the kills for each database."""

    deaths: list[KillRecord] = field(default_factory=list)
    databases: Counter[str] = field(default_factory=Counter)
    flows: int = 0
    retries: int = 0
    wrong: tuple[str, ...] = ()

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.deaths + other.deaths,
            self.databases + other.databases,
            self.flows + other.flows,
            self.retries + other.retries,
            self.wrong + other.wrong,
        )

    @property
    def kills(self) -> int:
        """The number of processes that died."""
        return len(self.deaths)

    @property
    def resumed(self) -> int:
        """The number of those that died in a flow that an earlier process had started."""
        return sum(death.resumed for death in self.deaths)

    def kinds(self) -> dict[str, int]:
        """Return how often processes died at each kind of moment, the most frequent first."""
        counted = Counter(death.phase for death in self.deaths)
        return {phase: counted[phase] for phase in sorted(PHASES, key=lambda phase: -counted[phase])}

    def __str__(self) -> str:
        kinds = ", ".join(f"{phase} {number}" for phase, number in self.kinds().items() if number)
        databases = ", ".join(f"{name} {number}" for name, number in sorted(self.databases.items()))
        return (
            f"kills={self.kills} ({kinds}; {self.resumed} in flows that were being resumed) "
            f"flows={self.flows} retries={self.retries} databases=({databases}) "
            f"inconsistencies={len(self.wrong)}"
        )
