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

    def test_report_is_plausible(self, scene: Scenario) -> None:
        report = _get_report(scene)
        expect(report.total_gib > 0, f"report: total_gib must be above zero, not {report.total_gib}")
        expect(0 <= report.free_gib <= report.total_gib, "report: free_gib must lie between 0 and total_gib")
        expect(report.provisioned_gib == 0, "report: provisioned_gib of an empty backend must be 0")
        must_succeed("report: capabilities as JSON", lambda: json.dumps(report.capabilities))

    def test_provisioned_capacity_follows_volumes(self, scene: Scenario) -> None:
        volume = scene.new_volume(scene.new_group())
        _expect_provisioned(scene, 1, "create_volume of 1 GiB")
        scene.new_volume()
        _expect_provisioned(scene, 2, "create_volume of 1 GiB more")
        scene.extend(volume, 3)
        _expect_provisioned(scene, 4, "extend_volume from 1 to 3 GiB")
        scene.extend(volume, 1)
        _expect_provisioned(scene, 2, "extend_volume back to 1 GiB")
        scene.delete_volume(volume)
        _expect_provisioned(scene, 1, "delete_volume")

    def test_create_and_delete_group(self, scene: Scenario) -> None:
        scene.delete_group(scene.new_group())

    def test_create_and_delete_volume_in_group(self, scene: Scenario) -> None:
        group = scene.new_group()
        volume = scene.new_volume(group)
        scene.delete_volume(volume)
        scene.delete_group(group)

    def test_create_and_delete_volume_without_group(self, scene: Scenario) -> None:
        volume = scene.new_volume()
        scene.write(volume, "A")
        scene.expect_volume(volume, "A", "a volume outside any group keeps what is written")
        scene.delete_volume(volume)

    def test_groups_are_independent(self, scene: Scenario) -> None:
        members, others = scene.new_members(2), scene.new_members(2)
        scene.new_volume()
        scene.delete_volume(members[0])
        scene.write(members[1], "A")
        scene.expect_volume(others[1], ZERO, "a volume of one group does not show writes to one of another")

    def test_new_volume_reads_as_zeros(self, scene: Scenario) -> None:
        scene.expect_volume(scene.new_volume(scene.new_group()), ZERO, "a new volume is empty")

    def test_volume_keeps_what_is_written(self, scene: Scenario) -> None:
        one, other = scene.new_members(2)
        scene.write(one, "A")
        scene.write(other, "B")
        scene.expect_volume(one, "A", "a volume keeps what is written")
        scene.write(one, "C", 0)
        scene.expect_volume(one, "C", "a volume reads what was written last", 0)
        scene.expect_volume(other, "B", "a volume keeps what is written")

    def test_recreated_volume_is_empty(self, scene: Scenario) -> None:
        volume = scene.new_volume(scene.new_group())
        scene.write(volume, "A")
        scene.harness.disconnect(volume)
        scene.delete_volume(volume)
        scene.create_volume(volume, "create_volume with the id of a deleted one")
        scene.expect_volume(volume, ZERO, "a volume made again under the id of a deleted one is empty")

    def test_connected_volume_can_be_deleted(self, scene: Scenario) -> None:
        volume = scene.new_volume(scene.new_group())
        scene.write(volume, "A")
        scene.delete_volume(volume, "delete_volume with a client connected")

    def test_extend_and_shrink_back_keep_content(self, scene: Scenario) -> None:
        volume = scene.new_volume(scene.new_group())
        scene.write(volume, "A")
        scene.extend(volume, 2)
        scene.expect_volume(volume, "A", "extend_volume keeps content")
        scene.expect_volume(volume, ZERO, "extend_volume adds room that reads as zeros", GIB)
        scene.write(volume, "B", GIB)
        scene.expect_volume(volume, "B", "extend_volume adds room that keeps what is written", GIB)
        scene.extend(volume, 1, "extend_volume back to the old size")
        scene.expect_volume(volume, "A", "extend_volume back to the old size keeps content")

    def test_connection_is_json_and_names_a_protocol(self, scene: Scenario) -> None:
        volume = scene.new_volume(scene.new_group())
        connection = must_succeed("connection", lambda: scene.driver.connection(volume))
        expect(bool(connection.protocol), "connection: protocol must not be empty")
        must_succeed("connection: data as JSON", lambda: json.dumps(connection.data))

    def test_connection_has_the_volume_size(self, scene: Scenario) -> None:
        volume = scene.new_volume(scene.new_group())
        _expect_connection_size(scene, volume, 1, "create_volume")
        scene.extend(volume, 2)
        _expect_connection_size(scene, volume, 2, "extend_volume")


def _get_report(scene: Scenario) -> Report:
    return must_succeed("report", scene.driver.report)


def _expect_connection_size(scene: Scenario, volume: VolumeSpec, gib: int, after: str) -> None:
    found = must_succeed("connection", lambda: scene.driver.connection(volume)).data.get("size_bytes")
    expect(found == gib * GIB, f"connection: after {after} size_bytes must be {gib * GIB}, not {found}")


def _expect_provisioned(scene: Scenario, gib: int, after: str) -> None:
    found = _get_report(scene).provisioned_gib
    expect(found == gib, f"report: after {after}, provisioned_gib must be {gib}, not {found}")


class ExtendRules:
    """Rules for a client that keeps writing while its volume is extended."""

    def test_extend_while_a_client_writes(self, scene: Scenario) -> None:
        (volume,) = scene.new_members(1)
        claim = must_succeed("report", scene.driver.report).capabilities.get(ONLINE_EXTEND)
        expect(claim in (True, False, None), f"{ONLINE_EXTEND} must be true or false, not {claim!r}")
        is_refused = False
        with _WritingClient(scene, volume) as client:
            client.await_writes("before extend_volume")
            try:
                must_succeed(
                    "extend_volume while a client writes",
                    lambda: scene.driver.extend_volume(volume, 2),
                    but=None if claim else BusyDriverError,
                )
            except BusyDriverError:
                is_refused = True
            _expect_size_after_extend(scene, volume, 1 if is_refused else 2)
            scene.check_inventory("extend_volume while a client writes")
            client.await_writes("after extend_volume")
        expect(
            is_refused or claim is not False, f"a volume grew under its client: {ONLINE_EXTEND} is not false"
        )
        scene.harness.disconnect(volume)
        if is_refused:
            scene.extend(volume, 2, "extend_volume when the client is gone")
            _expect_size_after_extend(scene, volume, 2)
        for slot, letter in client.acknowledged.items():
            scene.expect_volume(
                volume, letter, "what was acknowledged while the volume grew", slot * PIECE_BYTES
            )
        scene.write(volume, "Z", 2 * GIB - PIECE_BYTES)
        scene.expect_volume(
            volume, "Z", "a client that connects anew has the new size", 2 * GIB - PIECE_BYTES
        )


class _WritingClient:
    """A thread that writes to one slot after the other, until the end of a ``with`` block."""

    def __init__(self, scene: Scenario, volume: VolumeSpec) -> None:
        self._scene, self._volume = scene, volume
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
            wanted = self._writes + SLOTS
            self._changed.wait_for(lambda: self._failure or self._writes >= wanted, CLIENT_DEADLINE_S)
            if self._failure is not None or self._writes < wanted:
                progress = "it waits" if self._failure is None else f"it was told {self._failure}"
                raise Violation(f"{when} a client that writes must get on: {progress}")

    def _write_until_stopped(self) -> None:
        rounds: Counter[int] = Counter()
        while not self._is_over:
            slot = self._writes % SLOTS
            letter = chr(ord("A") + (slot + rounds[slot]) % 25)
            rounds[slot] += 1
            try:
                self._scene.harness.write(self._volume, slot * PIECE_BYTES, piece_filled_with(letter))
            except Exception as error:  # noqa: BLE001 - reported to the thread that waits for the client
                self._failure = error
            with self._changed:
                if self._failure is None:
                    self.acknowledged[slot] = letter
                    self._writes += 1
                self._changed.notify_all()
            if self._failure is not None:
                return


def _expect_size_after_extend(scene: Scenario, volume: VolumeSpec, gib: int) -> None:
    found = must_succeed("connection", lambda: scene.driver.connection(volume)).data.get("size_bytes")
    done = "grew" if gib == 2 else "was refused as busy"
    expect(
        found == gib * GIB,
        f"connection: of a volume that {done} size_bytes must be {gib * GIB}, not {found}",
    )


class OpaqueContentRules:
    """Rules for content that looks like an image: a driver that probed it would read a file of the host."""

    def test_connection_names_the_format(self, scene: Scenario) -> None:
        volume = scene.new_volume()
        _expect_raw_format(must_succeed("connection", lambda: scene.driver.connection(volume)))
        snapshot = scene.take_snapshot(volume)
        scene.export(snapshot)
        _expect_raw_format(
            must_succeed("export_snapshot", lambda: scene.group_snapshot_driver.export_snapshot(snapshot))
        )

    def test_content_that_looks_like_an_image_is_copied(self, scene: Scenario) -> None:
        (volume,) = scene.new_members(1)
        scene.harness.write(volume, 0, IMAGE_WITH_BACKING_FILE)
        (snapshot,) = scene.take_cgsnapshot([volume])
        clone = scene.clone(snapshot, volume.group_id)
        _expect_content_uninterpreted(scene, clone, "a clone holds what the snapshot holds")
        scene.restart("after an image was written into a volume")
        _expect_content_uninterpreted(scene, volume, "a volume holds what was written")
        _expect_content_uninterpreted(scene, clone, "a clone holds what the snapshot holds")

    def test_content_that_looks_like_an_image_is_restored(self, scene: Scenario) -> None:
        scene.restoring_driver  # noqa: B018 - skips here if the driver cannot restore
        (volume,) = scene.new_members(1)
        scene.harness.write(volume, 0, IMAGE_WITH_BACKING_FILE)
        (snapshot,) = scene.take_cgsnapshot([volume])
        scene.write(volume, "B")
        scene.restore("r", [snapshot])
        scene.finish_restore("r", [snapshot])
        _expect_content_uninterpreted(scene, volume, "a restored volume holds what the snapshot holds")

    def test_content_that_looks_like_an_image_is_moved_and_extended(self, scene: Scenario) -> None:
        scene.regrouping_driver  # noqa: B018 - skips here if the driver cannot move volumes
        (volume,) = scene.new_members(1)
        scene.harness.write(volume, 0, IMAGE_WITH_BACKING_FILE)
        volume = scene.move(volume, None)
        scene.extend(volume, 3)
        _expect_content_uninterpreted(scene, volume, "a volume holds what was written", 3)


def _expect_content_uninterpreted(scene: Scenario, volume: VolumeSpec, rule: str, size_gib: int = 1) -> None:
    expect(
        scene.harness.read(volume, 0, PIECE_BYTES) == IMAGE_WITH_BACKING_FILE,
        f"{rule}: the header of an image must be read as it was written, and be believed by nobody",
    )
    found = must_succeed("connection", lambda: scene.driver.connection(volume)).data.get("size_bytes")
    expect(found == size_gib * GIB, f"{rule}: a volume has the size it was given, not {found} bytes")


def _expect_raw_format(connection: Connection) -> None:
    found = connection.data.get("format")
    expect(found == "raw", f"a connection must say that the format is raw, not {found!r}")
