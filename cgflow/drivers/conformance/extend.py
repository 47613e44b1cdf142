"""Rules for extending a volume in use: it grows under its client, or is busy and does not grow."""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

import threading
from collections import Counter
from types import TracebackType

from cgflow.drivers.conformance.assertions import Violation, expect, must_succeed
from cgflow.drivers.conformance.scenario import GIB, PIECE_BYTES, Scenario, pattern
from cgflow.drivers.contract import VolumeSpec
from cgflow.errors import BusyDriverError

ONLINE_EXTEND = "online_extend_support"
"""The capability to extend a volume while a client is connected. Without it, the call may be busy."""

SLOTS = 64
PATIENCE_S = 30.0
"""Seconds within which a writing client must make progress."""


class ExtendRules:
    """Rules for a client that keeps writing while its volume is extended."""

    def test_extend_while_a_client_writes(self, scene: Scenario) -> None:
        (volume,) = scene.new_members(1)
        claim = must_succeed("report", scene.driver.report).capabilities.get(ONLINE_EXTEND)
        expect(claim in (True, False, None), f"{ONLINE_EXTEND} must be true or false, not {claim!r}")
        is_refused = False
        with _Client(scene, volume) as client:
            client.await_writes("before extend_volume")
            try:
                must_succeed(
                    "extend_volume while a client writes",
                    lambda: scene.driver.extend_volume(volume, 2),
                    but=None if claim else BusyDriverError,
                )
            except BusyDriverError:
                is_refused = True
            _expect_size(scene, volume, 1 if is_refused else 2)
            scene.check("extend_volume while a client writes")
            client.await_writes("after extend_volume")
        expect(
            is_refused or claim is not False, f"a volume grew under its client: {ONLINE_EXTEND} is not false"
        )
        scene.harness.disconnect(volume)
        if is_refused:
            scene.extend(volume, 2, "extend_volume when the client is gone")
            _expect_size(scene, volume, 2)
        for slot, letter in client.acknowledged.items():
            scene.expect_volume(
                volume, letter, "what was acknowledged while the volume grew", slot * PIECE_BYTES
            )
        scene.write(volume, "Z", 2 * GIB - PIECE_BYTES)
        scene.expect_volume(
            volume, "Z", "a client that connects anew has the new size", 2 * GIB - PIECE_BYTES
        )


class _Client:
    """A thread that writes to one slot after the other, until the end of a ``with`` block."""

    def __init__(self, scene: Scenario, volume: VolumeSpec) -> None:
        self._scene, self._volume = scene, volume
        self._changed = threading.Condition()
        self._is_over = False
        self._failure: Exception | None = None
        self._writes = 0
        self._thread = threading.Thread(target=self._run, name="client", daemon=True)
        self.acknowledged: dict[int, str] = {}

    def __enter__(self) -> _Client:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        self._thread.join(PATIENCE_S)

    def await_writes(self, when: str) -> None:
        """Wait until every slot was written once more. Raises: Violation, if the client makes no progress."""
        with self._changed:
            wanted = self._writes + SLOTS
            self._changed.wait_for(lambda: self._failure or self._writes >= wanted, PATIENCE_S)
            if self._failure is not None or self._writes < wanted:
                said = "it waits" if self._failure is None else f"it was told {self._failure}"
                raise Violation(f"{when} a client that writes must get on: {said}")

    def _run(self) -> None:
        rounds: Counter[int] = Counter()
        while not self._is_over:
            slot = self._writes % SLOTS
            letter = chr(ord("A") + (slot + rounds[slot]) % 25)
            rounds[slot] += 1
            try:
                self._scene.harness.write(self._volume, slot * PIECE_BYTES, pattern(letter))
            except Exception as error:  # noqa: BLE001 - reported to the thread that waits for the client
                self._failure = error
            with self._changed:
                if self._failure is None:
                    self.acknowledged[slot] = letter
                    self._writes += 1
                self._changed.notify_all()
            if self._failure is not None:
                return


def _expect_size(scene: Scenario, volume: VolumeSpec, gib: int) -> None:
    found = must_succeed("connection", lambda: scene.driver.connection(volume)).data.get("size_bytes")
    done = "grew" if gib == 2 else "was refused as busy"
    expect(
        found == gib * GIB,
        f"connection: of a volume that {done} size_bytes must be {gib * GIB}, not {found}",
    )
