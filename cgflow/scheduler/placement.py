"""The choice of a backend: every filter must accept it, and the highest score wins.

A score is the sum over all weighers, each normalised to 0..1 among the candidates and multiplied. For a
consistency group, a backend must be accepted for every volume type of the group, and its scores are summed
over all types, so that the order of the types does not matter. Backends of equal score are ordered by name.

Every rejection is kept as text. A request that no backend accepts is refused with all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any

from cgflow.drivers.contract.cut_evidence import CutLevel
from cgflow.errors import ConfigError, InvalidInput, NoValidBackend
from cgflow.records import Backend
from cgflow.scheduler.cut_level import group_required_capabilities, required_capabilities
from cgflow.scheduler.filters import BackendUpFilter, Filter, is_stale
from cgflow.scheduler.request import Kind, PlacementRequest
from cgflow.scheduler.weighers import Weigher

FILTERS = "cgflow.scheduler.filters"
WEIGHERS = "cgflow.scheduler.weighers"
"""The groups of entry points, which may be of any installed package."""

_NONE: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class Choice:
    """The chosen backend, as ``host@backend``, and the reasons for each rejected one."""

    host: str
    reasons: dict[str, tuple[str, ...]]


class Placement:
    """The configured filters and weighers, by name.

    ``multipliers`` maps names of weighers to factors of their scores; the default is 1, and a negative factor
    reverses the order. Raises: ConfigError for an unknown name.
    """

    def __init__(
        self,
        filters: Sequence[str],
        weighers: Sequence[str],
        *,
        service_down_s: float = 60,
        multipliers: Mapping[str, float] = _NONE,
    ) -> None:
        self._service_down_s = service_down_s
        options = {"backend_up": {"service_down_s": service_down_s}}
        self._filters: list[Filter] = _load_plugins(FILTERS, filters, options)
        loaded: list[Weigher] = _load_plugins(WEIGHERS, weighers, {})
        self._weighers = [
            (weigher, multipliers.get(name, 1.0)) for name, weigher in zip(weighers, loaded, strict=True)
        ]

    def is_stale(self, backend: Backend, now: datetime) -> bool:
        """Return whether a backend's stored report is too old to be used."""
        return is_stale(backend, now, self._service_down_s)

    def choose_for_volume(self, backends: Sequence[Backend], request: PlacementRequest) -> Choice:
        """Choose a backend for a volume. Raises: NoValidBackend, with the reasons of all."""
        return self._choose_backend(backends, [request])

    def choose_for_group(
        self, backends: Sequence[Backend], requests: Sequence[PlacementRequest], availability_zone: str | None
    ) -> Choice:
        """Choose one backend for a consistency group, with one request for each of its volume types.

        A type needs ``consistencygroup_support`` unless its extra specs state otherwise (see ``cut_level``).
        Raises: NoValidBackend, with the reasons of all; InvalidInput, if there is no type.
        """
        if not requests:
            raise InvalidInput(
                "A consistency group cannot be placed without a volume type: name at least one."
            )
        of_group = [
            replace(
                request,
                kind="consistency group",
                size_gib=0,
                availability_zone=availability_zone,
                extra_specs=group_required_capabilities(request.extra_specs),
            )
            for request in requests
        ]
        return self._choose_backend(backends, of_group)

    def check_for_snapshots(
        self,
        backend: Backend | None,
        kind: Kind,
        id: str,
        sizes_gib: Sequence[int],
        now: datetime,  # noqa: A002
        level: CutLevel = CutLevel.CRASH,
    ) -> None:
        """Check that the backend of volumes can cut them now, at a level, and has space for the snapshots.

        A single volume is cut at one instant whatever the level of the backend. Snapshots on thin storage
        take no space when they are created. ``backend`` is None if it is no longer known. Raises:
        NoValidBackend, with the reasons.
        """
        if backend is None:
            raise NoValidBackend(
                f"No valid backend was found for {kind} {id}: "
                "the backend of its volumes is not known any more."
            )
        request = PlacementRequest(
            id=id,
            kind=kind,
            now=now,
            is_new=False,
            extra_specs=required_capabilities(level, len(sizes_gib)),
            size_gib=0 if backend.report.thin else sum(sizes_gib),
        )
        self._choose_backend([backend], [request])

    def _choose_backend(self, backends: Sequence[Backend], requests: Sequence[PlacementRequest]) -> Choice:
        reasons = {backend.name: self._refusal_reasons(backend, requests) for backend in backends}
        candidates = [backend for backend in backends if not reasons[backend.name]]
        if not candidates:
            raise NoValidBackend(_no_backend_message(requests[0], reasons))
        scores = dict.fromkeys((backend.name for backend in candidates), 0.0)
        for request in requests:
            for weigher, multiplier in self._weighers:
                raw = [weigher.score(backend, request) for backend in candidates]
                for backend, share in zip(candidates, _normalise_scores(raw), strict=True):
                    scores[backend.name] += multiplier * share
        best = min(scores, key=lambda name: (-scores[name], name))
        return Choice(best, {name: why for name, why in reasons.items() if why})

    def _refusal_reasons(self, backend: Backend, requests: Sequence[PlacementRequest]) -> tuple[str, ...]:
        """Return why a backend cannot accept all requests; a reason that holds for some types names them."""
        found: dict[str, list[str]] = {}
        for request in requests:
            for one in self._filters:
                reason = one.refuse(backend, request)
                if reason is not None:
                    found.setdefault(reason, []).append(request.volume_type or "none")
                    if isinstance(one, BackendUpFilter):
                        # The last report of a backend that is down is not a reason.
                        return (reason,)
        return tuple(
            reason if len(types) == len(requests) else f"{reason} for volume type {', '.join(types)}"
            for reason, types in found.items()
        )


def _load_plugins(group: str, names: Iterable[str], options: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """Create one object for each name, in this order, with the options for that name.

    Raises: ConfigError for an unknown name, with the known ones, or for a plugin that cannot be loaded.
    """
    known = {point.name: point for point in entry_points(group=group)}
    made = []
    for name in names:
        if name not in known:
            raise ConfigError(
                f"There is no '{name}' in {group}. Valid values: {', '.join(sorted(known)) or 'none'}."
            )
        try:
            factory: Callable[..., Any] = known[name].load()
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"'{name}' in {group} cannot be loaded from {known[name].value}: {error}."
            ) from error
        made.append(factory(**options.get(name, {})))
    return made


def _normalise_scores(raw: Sequence[float]) -> list[float]:
    """Normalise scores to 0..1, the highest to 1; all are 0 if they do not differ."""
    low, high = min(raw), max(raw)
    return [(score - low) / (high - low) if high > low else 0.0 for score in raw]


def _no_backend_message(request: PlacementRequest, reasons: Mapping[str, Sequence[str]]) -> str:
    refusals = "; ".join(f"{name}: {', '.join(why)}" for name, why in sorted(reasons.items()))
    return (
        f"No valid backend was found for {request.kind} {request.id}: "
        f"{refusals or 'no backend has reported yet'}."
    )
