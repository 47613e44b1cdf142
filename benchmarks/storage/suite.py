"""All tables of all kinds of storage. A kind that cannot run here is skipped with a message."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

import pytest

from benchmarks.storage import btrfs, cuts, neighbours, qsd, rbd, whole_operation
from benchmarks.storage.place import Place
from benchmarks.storage.tables import Row, print_table

KINDS: dict[str, Callable[[], AbstractContextManager[Place]]] = {
    "qsd": qsd.place,
    "btrfs": btrfs.place,
    "rbd": rbd.place,
}
WHO = {"Storage": "{kind}", "Members": "{members}"}
CUT = {
    **WHO,
    "Cgsnapshots, violations bare / cgflow": "{cgsnapshots}, {bare violations} / {violations}",
    "Stall p50 / max, bare": "{bare stall p50} / {bare stall max}",
    "cgflow": "{stall p50} / {stall max}",
    "Ratio": "**{stall ratio}**",
    "Cut p50 / max, bare": "{bare cut p50} / {bare cut max}",
    "cgflow ": "{cut p50} / {cut max}",
    "Ratio ": "**{cut ratio}**",
    "Call p50": "{call p50}",
    "Ratio  ": "{call ratio}",
}
CONTROL = {**WHO, "Cut one by one": "{controls}", "Found out": "{control violations}"}
WHOLE = {
    **WHO,
    "Bare p50": "{bare p50}",
    "POST to available p50": "{POST to available p50}",
    "Ratio": "{ratio}",
    "Its cut p50": "{its cut p50}",
}
NEIGHBOURS = {
    "Storage": "{kind}",
    "POST to available, alone / among": "{POST to available alone p50} / {POST to available among p50}",
    "Ratio": "**{POST to available ratio}**",
    "Cut, alone / among": "{cut alone p50} / {cut among p50}",
    "Ratio ": "**{cut ratio}**",
}


def run(kinds: Sequence[str] = tuple(KINDS), only: str | None = None) -> dict[str, list[Row]]:
    """Print the tables of these kinds, or only one table, and return the rows of all. Times are in ms."""
    tables: dict[str, Callable[[], list[Row]]] = {
        "cuts": lambda: print_table("Cuts under load, ms", CUT, _each(kinds, cuts.run)),
        "control": lambda: print_table("Members cut one by one", CONTROL, _each(kinds, cuts.control)),
        "whole": lambda: print_table("Whole operations, ms", WHOLE, _each(kinds, whole_operation.run)),
        "neighbours": lambda: print_table("Among other volumes, ms", NEIGHBOURS, _pairs(kinds)),
    }
    return {name: table() for name, table in tables.items() if only in (None, name)}


def _each(kinds: Sequence[str], table: Callable[[Place], Iterator[Row]]) -> Iterator[Row]:
    for kind in kinds:
        try:
            with KINDS[kind]() as place:
                yield from table(place)
        except pytest.skip.Exception as missing:
            print(f"no {kind}: {missing}", flush=True)


def _pairs(kinds: Sequence[str]) -> Iterator[Row]:
    for kind in kinds:
        try:
            with KINDS[kind]() as empty, KINDS[kind]() as full:
                yield from neighbours.run(empty, full)
        except pytest.skip.Exception as missing:
            print(f"no {kind}: {missing}", flush=True)
