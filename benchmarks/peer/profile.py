"""Figures of a service that were measured earlier, for a comparison without that service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CINDER_29 = Path(__file__).with_name("cinder_29.json")


@dataclass(frozen=True)
class Profile:
    """The medians of a service by the keys of the tables' figures, and what they were measured on."""

    service: str
    machine: str
    versions: str
    recorded: str
    figures: Mapping[str, float]

    @property
    def origin(self) -> str:
        """Where the figures are from, as a sentence."""
        return f"{self.service}: stored figures of {self.recorded}, {self.versions}; {self.machine}"


def read_profile(path: Path = CINDER_29) -> Profile:
    """Read a profile from its file."""
    return Profile(**json.loads(path.read_text()))
