"""Rules for transfers."""

from __future__ import annotations

from cgflow.policies.base import OWNER, READER, guard

_ALL = ("/os-volume-transfer", "/volume-transfers")


def _each(method: str, path: str) -> tuple[str, ...]:
    return tuple(f"{method} {prefix}{path}" for prefix in _ALL)


RULES = [
    guard("volume:create_transfer", OWNER, "Offer a volume to another project.", *_each("POST", "")),
    guard("volume:get_transfer", READER, "Show an offer.", *_each("GET", "/{transfer_id}")),
    guard("volume:get_all_transfers", READER, "List offers.", *_each("GET", ""), *_each("GET", "/detail")),
    guard("volume:accept_transfer", OWNER, "Take an offer up.", *_each("POST", "/{offer_id}/accept")),
    guard("volume:delete_transfer", OWNER, "Take an offer back.", *_each("DELETE", "/{transfer_id}")),
]
