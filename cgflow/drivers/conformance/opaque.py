"""Rules about content: it belongs to the client, and no driver may interpret it."""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

import struct

from cgflow.drivers.conformance.assertions import expect, must_succeed
from cgflow.drivers.conformance.scenario import GIB, PIECE_BYTES, Scenario
from cgflow.drivers.contract import Connection, VolumeSpec

_NAME = b"/etc/passwd"
_HEADER = struct.pack(
    ">IIQIIQIIQQIIQQQQII",
    0x514649FB, 3, 112, len(_NAME), 16, 2 << 30, 0, 4, 3 << 16, 1 << 16, 1, 0, 0, 0, 0, 0, 4, 104,
)  # fmt: skip
IMAGE = (_HEADER + bytes(8) + _NAME).ljust(PIECE_BYTES, b"\0")
"""The header of a qcow2 image of another size, with a file of the host as its backing file."""


class OpaqueContentRules:
    """Rules for content that looks like an image: a driver that probed it would read a file of the host."""

    def test_connection_names_the_format(self, scene: Scenario) -> None:
        volume = scene.new_volume()
        _expect_raw(must_succeed("connection", lambda: scene.driver.connection(volume)))
        copy = scene.take_plain(volume)
        scene.export(copy)
        _expect_raw(must_succeed("export_snapshot", lambda: scene.cutter.export_snapshot(copy)))

    def test_content_that_looks_like_an_image_is_copied(self, scene: Scenario) -> None:
        (volume,) = scene.new_members(1)
        scene.harness.write(volume, 0, IMAGE)
        (copy,) = scene.take([volume])
        clone = scene.clone(copy, volume.group_id)
        _expect(scene, clone, "a clone holds what the copy holds")
        scene.restart("after an image was written into a volume")
        _expect(scene, volume, "a volume holds what was written")
        _expect(scene, clone, "a clone holds what the copy holds")

    def test_content_that_looks_like_an_image_is_restored(self, scene: Scenario) -> None:
        scene.restorer  # noqa: B018 - skips here if the driver cannot restore
        (volume,) = scene.new_members(1)
        scene.harness.write(volume, 0, IMAGE)
        (copy,) = scene.take([volume])
        scene.write(volume, "B")
        scene.restore("r", [copy])
        scene.finish_restore("r", [copy])
        _expect(scene, volume, "a restored volume holds what the copy holds")

    def test_content_that_looks_like_an_image_is_moved_and_extended(self, scene: Scenario) -> None:
        scene.mover  # noqa: B018 - skips here if the driver cannot move volumes
        (volume,) = scene.new_members(1)
        scene.harness.write(volume, 0, IMAGE)
        volume = scene.move(volume, None)
        scene.extend(volume, 3)
        _expect(scene, volume, "a volume holds what was written", 3)


def _expect(scene: Scenario, volume: VolumeSpec, rule: str, size_gib: int = 1) -> None:
    expect(
        scene.harness.read(volume, 0, PIECE_BYTES) == IMAGE,
        f"{rule}: the header of an image must be read as it was written, and be believed by nobody",
    )
    found = must_succeed("connection", lambda: scene.driver.connection(volume)).data.get("size_bytes")
    expect(found == size_gib * GIB, f"{rule}: a volume has the size it was given, not {found} bytes")


def _expect_raw(told: Connection) -> None:
    found = told.data.get("format")
    expect(found == "raw", f"a connection must say that the format is raw, not {found!r}")
