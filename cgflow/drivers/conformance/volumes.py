"""Rules for groups and volumes: they are created, extended and deleted exactly, and keep their content.

A volume that is extended in use grows under its client, or is busy and does not grow. Content belongs to the
client: no driver may interpret it, even if it looks like an image.
"""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

import json
import struct
import threading
from collections import Counter
from types import TracebackType

from cgflow.drivers.conformance.assertions import Violation, expect, must_succeed
from cgflow.drivers.conformance.scenario import GIB, PIECE_BYTES, Scenario, piece_filled_with
from cgflow.drivers.contract import Connection, Report, VolumeSpec
from cgflow.errors import BusyDriverError

ZERO = "\0"
ONLINE_EXTEND = "online_extend_support"
"""The capability to extend a volume while a client is connected. Without it, the call may be busy."""

SLOTS = 64
CLIENT_DEADLINE_S = 30.0
"""Seconds within which a writing client must make progress."""

_BACKING_FILE = b"/etc/passwd"
_IMAGE_HEADER = struct.pack(
    ">IIQIIQIIQQIIQQQQII",
    0x514649FB, 3, 112, len(_BACKING_FILE), 16, 2 << 30, 0, 4, 3 << 16, 1 << 16, 1, 0, 0, 0, 0, 0, 4, 104,
)  # fmt: skip
IMAGE_WITH_BACKING_FILE = (_IMAGE_HEADER + bytes(8) + _BACKING_FILE).ljust(PIECE_BYTES, b"\0")
"""The header of a qcow2 image of another size, with a file of the host as its backing file."""


class VolumeRules:
    """Rules for the mandatory part of a driver."""

    def test_report_is_plausible(self, scenario: Scenario) -> None:
        report = _get_report(scenario)
        expect(report.total_gib > 0, f"report: total_gib must be above zero, not {report.total_gib}")
        expect(0 <= report.free_gib <= report.total_gib, "report: free_gib must lie between 0 and total_gib")
        expect(report.provisioned_gib == 0, "report: provisioned_gib of an empty backend must be 0")
        must_succeed("report: capabilities as JSON", lambda: json.dumps(report.capabilities))

    def test_provisioned_capacity_follows_volumes(self, scenario: Scenario) -> None:
        volume = scenario.new_volume(scenario.new_group())
        _expect_provisioned(scenario, 1, "create_volume of 1 GiB")
        scenario.new_volume()
        _expect_provisioned(scenario, 2, "create_volume of 1 GiB more")
        scenario.extend(volume, 3)
        _expect_provisioned(scenario, 4, "extend_volume from 1 to 3 GiB")
        scenario.extend(volume, 1)
        _expect_provisioned(scenario, 2, "extend_volume back to 1 GiB")
        scenario.delete_volume(volume)
        _expect_provisioned(scenario, 1, "delete_volume")

    def test_create_and_delete_group(self, scenario: Scenario) -> None:
        scenario.delete_group(scenario.new_group())

    def test_create_and_delete_volume_in_group(self, scenario: Scenario) -> None:
        group = scenario.new_group()
        volume = scenario.new_volume(group)
        scenario.delete_volume(volume)
        scenario.delete_group(group)

    def test_create_and_delete_volume_without_group(self, scenario: Scenario) -> None:
        volume = scenario.new_volume()
        scenario.write(volume, "A")
        scenario.expect_volume(volume, "A", "a volume outside any group keeps what is written")
        scenario.delete_volume(volume)

    def test_groups_are_independent(self, scenario: Scenario) -> None:
        members, others = scenario.new_members(2), scenario.new_members(2)
        scenario.new_volume()
        scenario.delete_volume(members[0])
        scenario.write(members[1], "A")
        scenario.expect_volume(
            others[1], ZERO, "a volume of one group does not show writes to one of another"
        )

    def test_new_volume_reads_as_zeros(self, scenario: Scenario) -> None:
        scenario.expect_volume(scenario.new_volume(scenario.new_group()), ZERO, "a new volume is empty")

    def test_volume_keeps_what_is_written(self, scenario: Scenario) -> None:
        one, other = scenario.new_members(2)
        scenario.write(one, "A")
        scenario.write(other, "B")
        scenario.expect_volume(one, "A", "a volume keeps what is written")
        scenario.write(one, "C", 0)
        scenario.expect_volume(one, "C", "a volume reads what was written last", 0)
        scenario.expect_volume(other, "B", "a volume keeps what is written")

    def test_recreated_volume_is_empty(self, scenario: Scenario) -> None:
        volume = scenario.new_volume(scenario.new_group())
        scenario.write(volume, "A")
        scenario.harness.disconnect(volume)
        scenario.delete_volume(volume)
        scenario.create_volume(volume, "create_volume with the id of a deleted one")
        scenario.expect_volume(volume, ZERO, "a volume made again under the id of a deleted one is empty")

    def test_connected_volume_can_be_deleted(self, scenario: Scenario) -> None:
        volume = scenario.new_volume(scenario.new_group())
        scenario.write(volume, "A")
        scenario.delete_volume(volume, "delete_volume with a client connected")

    def test_extend_and_shrink_back_keep_content(self, scenario: Scenario) -> None:
        volume = scenario.new_volume(scenario.new_group())
        scenario.write(volume, "A")
        scenario.extend(volume, 2)
        scenario.expect_volume(volume, "A", "extend_volume keeps content")
        scenario.expect_volume(volume, ZERO, "extend_volume adds room that reads as zeros", GIB)
        scenario.write(volume, "B", GIB)
        scenario.expect_volume(volume, "B", "extend_volume adds room that keeps what is written", GIB)
        scenario.extend(volume, 1, "extend_volume back to the old size")
        scenario.expect_volume(volume, "A", "extend_volume back to the old size keeps content")

    def test_connection_is_json_and_names_a_protocol(self, scenario: Scenario) -> None:
        volume = scenario.new_volume(scenario.new_group())
        connection = must_succeed("connection", lambda: scenario.driver.connection(volume))
        expect(bool(connection.protocol), "connection: protocol must not be empty")
        must_succeed("connection: data as JSON", lambda: json.dumps(connection.data))

    def test_connection_has_the_volume_size(self, scenario: Scenario) -> None:
        volume = scenario.new_volume(scenario.new_group())
        _expect_connection_size(scenario, volume, 1, "create_volume")
        scenario.extend(volume, 2)
        _expect_connection_size(scenario, volume, 2, "extend_volume")


def _get_report(scenario: Scenario) -> Report:
    return must_succeed("report", scenario.driver.report)


def _expect_connection_size(scenario: Scenario, volume: VolumeSpec, gib: int, after: str) -> None:
    found = must_succeed("connection", lambda: scenario.driver.connection(volume)).data.get("size_bytes")
    expect(found == gib * GIB, f"connection: after {after} size_bytes must be {gib * GIB}, not {found}")


def _expect_provisioned(scenario: Scenario, gib: int, after: str) -> None:
    found = _get_report(scenario).provisioned_gib
    expect(found == gib, f"report: after {after}, provisioned_gib must be {gib}, not {found}")


class ExtendRules:
    """Rules for a client that keeps writing while its volume is extended."""

    def test_extend_while_a_client_writes(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        claim = must_succeed("report", scenario.driver.report).capabilities.get(ONLINE_EXTEND)
        expect(claim in (True, False, None), f"{ONLINE_EXTEND} must be true or false, not {claim!r}")
        is_refused = False
        with _WritingClient(scenario, volume) as client:
            client.await_writes("before extend_volume")
            try:
                must_succeed(
                    "extend_volume while a client writes",
                    lambda: scenario.driver.extend_volume(volume, 2),
                    but=None if claim else BusyDriverError,
                )
            except BusyDriverError:
                is_refused = True
            _expect_size_after_extend(scenario, volume, 1 if is_refused else 2)
            scenario.check_inventory("extend_volume while a client writes")
            client.await_writes("after extend_volume")
        expect(
            is_refused or claim is not False, f"a volume grew under its client: {ONLINE_EXTEND} is not false"
        )
        scenario.harness.disconnect(volume)
        if is_refused:
            scenario.extend(volume, 2, "extend_volume when the client is gone")
            _expect_size_after_extend(scenario, volume, 2)
        for slot, letter in client.acknowledged.items():
            scenario.expect_volume(
                volume, letter, "what was acknowledged while the volume grew", slot * PIECE_BYTES
            )
        scenario.write(volume, "Z", 2 * GIB - PIECE_BYTES)
        scenario.expect_volume(
            volume, "Z", "a client that connects anew has the new size", 2 * GIB - PIECE_BYTES
        )


class _WritingClient:
    """A thread that writes to one slot after the other, until the end of a ``with`` block."""

    def __init__(self, scenario: Scenario, volume: VolumeSpec) -> None:
        self._scenario, self._volume = scenario, volume
        self._changed = threading.Condition()
        self._is_over = False
        self._failure: Exception | None = None
        self._writes = 0
        self._thread = threading.Thread(target=self._write_until_stopped, name="client", daemon=True)
        self.acknowledged: dict[int, str] = {}

    def __enter__(self) -> _WritingClient:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        self._thread.join(CLIENT_DEADLINE_S)

    def await_writes(self, when: str) -> None:
        """Wait until every slot was written once more. Raises: Violation, if the client makes no progress."""
        with self._changed:
            target_count = self._writes + SLOTS
            self._changed.wait_for(lambda: self._failure or self._writes >= target_count, CLIENT_DEADLINE_S)
            if self._failure is not None or self._writes < target_count:
                progress = "it waits" if self._failure is None else f"it was told {self._failure}"
                raise Violation(f"{when} a client that writes must get on: {progress}")

    def _write_until_stopped(self) -> None:
        rounds: Counter[int] = Counter()
        while not self._is_over:
            slot = self._writes % SLOTS
            letter = chr(ord("A") + (slot + rounds[slot]) % 25)
            rounds[slot] += 1
            try:
                self._scenario.harness.write(self._volume, slot * PIECE_BYTES, piece_filled_with(letter))
            except Exception as error:  # noqa: BLE001 - reported to the thread that waits for the client
                self._failure = error
            with self._changed:
                if self._failure is None:
                    self.acknowledged[slot] = letter
                    self._writes += 1
                self._changed.notify_all()
            if self._failure is not None:
                return


def _expect_size_after_extend(scenario: Scenario, volume: VolumeSpec, gib: int) -> None:
    found = must_succeed("connection", lambda: scenario.driver.connection(volume)).data.get("size_bytes")
    done = "grew" if gib == 2 else "was refused as busy"
    expect(
        found == gib * GIB,
        f"connection: of a volume that {done} size_bytes must be {gib * GIB}, not {found}",
    )


class OpaqueContentRules:
    """Rules for content that looks like an image: a driver that probed it would read a file of the host."""

    def test_connection_names_the_format(self, scenario: Scenario) -> None:
        volume = scenario.new_volume()
        _expect_raw_format(must_succeed("connection", lambda: scenario.driver.connection(volume)))
        snapshot = scenario.take_snapshot(volume)
        scenario.export(snapshot)
        _expect_raw_format(
            must_succeed("export_snapshot", lambda: scenario.group_snapshot_driver.export_snapshot(snapshot))
        )

    def test_content_that_looks_like_an_image_is_copied(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        scenario.harness.write(volume, 0, IMAGE_WITH_BACKING_FILE)
        (snapshot,) = scenario.take_cgsnapshot([volume])
        clone = scenario.clone(snapshot, volume.group_id)
        _expect_content_uninterpreted(scenario, clone, "a clone holds what the snapshot holds")
        scenario.restart("after an image was written into a volume")
        _expect_content_uninterpreted(scenario, volume, "a volume holds what was written")
        _expect_content_uninterpreted(scenario, clone, "a clone holds what the snapshot holds")

    def test_content_that_looks_like_an_image_is_restored(self, scenario: Scenario) -> None:
        scenario.restoring_driver  # noqa: B018 - skips here if the driver cannot restore
        (volume,) = scenario.new_members(1)
        scenario.harness.write(volume, 0, IMAGE_WITH_BACKING_FILE)
        (snapshot,) = scenario.take_cgsnapshot([volume])
        scenario.write(volume, "B")
        scenario.restore("r", [snapshot])
        scenario.finish_restore("r", [snapshot])
        _expect_content_uninterpreted(scenario, volume, "a restored volume holds what the snapshot holds")

    def test_content_that_looks_like_an_image_is_moved_and_extended(self, scenario: Scenario) -> None:
        scenario.regrouping_driver  # noqa: B018 - skips here if the driver cannot move volumes
        (volume,) = scenario.new_members(1)
        scenario.harness.write(volume, 0, IMAGE_WITH_BACKING_FILE)
        volume = scenario.move(volume, None)
        scenario.extend(volume, 3)
        _expect_content_uninterpreted(scenario, volume, "a volume holds what was written", 3)


def _expect_content_uninterpreted(
    scenario: Scenario, volume: VolumeSpec, rule: str, size_gib: int = 1
) -> None:
    expect(
        scenario.harness.read(volume, 0, PIECE_BYTES) == IMAGE_WITH_BACKING_FILE,
        f"{rule}: the header of an image must be read as it was written, and be believed by nobody",
    )
    found = must_succeed("connection", lambda: scenario.driver.connection(volume)).data.get("size_bytes")
    expect(found == size_gib * GIB, f"{rule}: a volume has the size it was given, not {found} bytes")


def _expect_raw_format(connection: Connection) -> None:
    found = connection.data.get("format")
    expect(found == "raw", f"a connection must say that the format is raw, not {found!r}")
