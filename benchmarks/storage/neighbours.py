"""What a group of four pays for its cut when many other volumes exist: it should be nothing."""

from __future__ import annotations

import json
import statistics
import time
from typing import Any
from uuid import uuid4

from benchmarks.storage.contender import ByDriver
from benchmarks.storage.qsd import OverNbd
from cgflow.drivers.contract import VolumeSpec
from tests.support.qsd import Bench

OTHERS = 500
TOGETHER = 20
"""Volumes of each of the other groups."""

MEMBERS = 4
ROUNDS = 20


def run() -> list[dict[str, Any]]:
    """Cut an idle group of four, alone, and another as fresh among five hundred others."""
    bench = Bench()
    driver = bench.start()
    try:
        ours = ByDriver(driver, MEMBERS, OverNbd())
        alone = [_cut(ours) for _ in range(ROUNDS)]
        for _ in range(OTHERS // TOGETHER):
            group = str(uuid4())
            driver.create_group(group)
            for _ in range(TOGETHER):
                driver.create_volume(VolumeSpec(str(uuid4()), 1, group))
        # As deep as the other was: a new group.
        among = [_cut(one) for one in [ByDriver(driver, MEMBERS, OverNbd())] for _ in range(ROUNDS)]
    finally:
        bench.clean()
    row = {
        "kind": "qsd",
        "others": OTHERS,
        "alone_p50_ms": round(statistics.median(alone) * 1000, 2),
        "among_p50_ms": round(statistics.median(among) * 1000, 2),
        "ratio": round(statistics.median(among) / statistics.median(alone), 2),
    }
    print(json.dumps(row), flush=True)
    return [row]


def _cut(contender: ByDriver) -> float:
    contender.prepare()
    began = time.perf_counter()
    contender.cut()
    ended = time.perf_counter()
    contender.rest()
    return ended - began
