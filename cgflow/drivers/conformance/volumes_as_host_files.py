"""Rules for files on the host: each is another client of its export, and is removed with it."""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from uuid import uuid4

from cgflow.drivers.conformance.assertions import Violation, expect, must_raise_final_error, must_succeed
from cgflow.drivers.conformance.scenario import (
    GIB,
    PIECE_BYTES,
    WRITE_OFFSETS,
    Scenario,
    new_snapshot_specs,
    piece_filled_with,
)
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.errors import BusyDriverError

Shown = VolumeSpec | SnapshotSpec


class HostFileRules:
    """Rules for volumes and snapshots that are files on this host.

    The tests of a driver must skip these rules on a host that cannot serve files.
    """

    def test_file_shows_the_volume(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        scenario.write(volume, "A")
        path = _serve_file(scenario, volume)
        size = must_succeed("a look at the file", path.stat).st_size
        expect(size == GIB, f"the file of a volume of {GIB} bytes must have that size, not {size}")
        _expect_file_content(path, "A", "the file of a volume")
        scenario.write(volume, "B")
        _expect_file_content(path, "B", "the file of a volume that another client has written")

    def test_write_to_file_reaches_the_volume(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        _write_durably(_serve_file(scenario, volume), "A")
        scenario.expect_volume(volume, "A", "what was written through the file")

    def test_fsync_of_file_makes_volume_durable(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        _write_durably(_serve_file(scenario, volume), "A")
        scenario.restart("after fsync of a file")
        scenario.expect_volume(volume, "A", "what fsync of the file made durable, after a restart")

    def test_file_outlives_a_restart(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        path = _serve_file(scenario, volume)
        scenario.write(volume, "A")
        scenario.restart("with a volume that is a file")
        _expect_file_content(path, "A", "a file must outlive a restart of the driver")
        again = _serve_file(scenario, volume, "serve_file after a restart")
        expect(again == path, f"serve_file after a restart must tell of the same file: {path}, then {again}")

    def test_serve_file_twice(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        path = _serve_file(scenario, volume)
        _write_durably(path, "A")
        again = _serve_file(scenario, volume, "a second serve_file")
        expect(again == path, f"a second serve_file must tell of the same file: {path}, then {again}")
        _expect_file_content(path, "A", "a file that was served twice")
        scenario.expect_volume(volume, "A", "a second serve_file leaves the volume as it is")

    def test_file_is_gone_after_withdraw(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        path = _serve_file(scenario, volume)
        _write_durably(path, "A")
        _withdraw_file(scenario, volume, path)
        _withdraw_file(scenario, volume, path, "a second withdraw_file")
        scenario.expect_volume(volume, "A", "withdraw_file leaves the volume as it is")
        _expect_file_content(
            _serve_file(scenario, volume, "serve_file anew"), "A", "a file that is served anew"
        )

    def test_withdraw_of_unserved_file(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        (snapshot,) = scenario.take_cgsnapshot([volume])
        nowhere = VolumeSpec(str(uuid4()), 1, str(uuid4()))
        for export in (
            volume,
            snapshot,
            nowhere,
            VolumeSpec(str(uuid4()), 1),
            new_snapshot_specs([nowhere])[0],
        ):
            what = f"withdraw_file of what was never served ({type(export).__name__})"
            must_succeed(what, partial(scenario.host_file_driver.withdraw_file, export))
            scenario.check_inventory(what)

    def test_file_that_is_open_is_not_withdrawn(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        path = _serve_file(scenario, volume)
        with path.open("rb"):
            try:
                must_succeed(
                    "withdraw_file",
                    lambda: scenario.host_file_driver.withdraw_file(volume),
                    but=BusyDriverError,
                )
            except BusyDriverError:
                scenario.check_inventory("withdraw_file, which was refused as busy")
            else:
                raise Violation("withdraw_file must raise BusyDriverError while the file is open")
            scenario.write(volume, "A")
            _expect_file_content(path, "A", "a file that was not withdrawn because it is open")
        _withdraw_file(scenario, volume, path, "withdraw_file of a file that was closed")

    def test_file_keeps_serving_the_volume_after_a_cut(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        path = _serve_file(scenario, volume)
        _write_durably(path, "A")
        (snapshot,) = scenario.take_cgsnapshot([volume])
        _expect_file_content(path, "A", "the file of a volume after a cut")
        _write_durably(path, "B")
        scenario.expect_volume(volume, "B", "what was written through the file after a cut")
        scenario.expect_snapshot(
            snapshot, "A", "a snapshot holds what was written through the file before the cut"
        )

    def test_file_of_a_snapshot(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        scenario.write(volume, "A")
        (snapshot,) = scenario.take_cgsnapshot([volume])
        scenario.write(volume, "B")
        scenario.export(snapshot)
        path = _serve_file(scenario, snapshot, "serve_file of an exported snapshot")
        _expect_file_content(path, "A", "the file of a snapshot")
        with suppress(OSError):
            _write_pieces(path, "X")
        scenario.expect_snapshot(snapshot, "A", "nobody writes to a snapshot through its file")
        scenario.expect_volume(volume, "B", "nobody writes to a volume through the file of a snapshot")
        _withdraw_file(scenario, snapshot, path, "withdraw_file of a snapshot")

    def test_file_is_removed_with_its_export(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        (snapshot,) = scenario.take_cgsnapshot([volume])
        for end in (scenario.unexport, scenario.delete_snapshot):
            scenario.export(snapshot)
            path = _serve_file(scenario, snapshot)
            end(snapshot)
            _expect_gone(path, end.__name__)
        path = _serve_file(scenario, volume)
        scenario.delete_volume(volume)
        _expect_gone(path, "delete_volume")

    def test_serve_file_without_export_is_refused(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        (snapshot,) = scenario.take_cgsnapshot([volume])
        for export in (snapshot, VolumeSpec(str(uuid4()), 1, volume.group_id)):
            what = f"serve_file of what is not exported ({type(export).__name__})"
            must_raise_final_error(what, partial(scenario.host_file_driver.serve_file, export))
            scenario.check_inventory(what)


def _serve_file(scenario: Scenario, export: Shown, what: str = "serve_file") -> Path:
    data = must_succeed(what, lambda: scenario.host_file_driver.serve_file(export)).data
    scenario.check_inventory(what)
    expect(isinstance(data.get("path"), str), f"{what} must tell the path of the file, not {data}")
    return Path(str(data["path"]))


def _withdraw_file(scenario: Scenario, export: Shown, path: Path, what: str = "withdraw_file") -> None:
    must_succeed(what, lambda: scenario.host_file_driver.withdraw_file(export))
    scenario.check_inventory(what)
    _expect_gone(path, what)


def _expect_gone(path: Path, after: str) -> None:
    expect(not os.path.lexists(path), f"after {after} the file must be gone: {path} is there")


def _write_durably(path: Path, letter: str) -> None:
    """Write as a program does that needs the data to be durable."""
    must_succeed("a write through the file, and fsync", lambda: _write_pieces(path, letter))


def _write_pieces(path: Path, letter: str) -> None:
    with path.open("r+b", buffering=0) as file:
        for place in WRITE_OFFSETS:
            os.pwrite(file.fileno(), piece_filled_with(letter), place)
        os.fsync(file.fileno())


def _expect_file_content(path: Path, letter: str, why: str) -> None:
    """Check that a file, opened again, reads as one letter at all ``WRITE_OFFSETS``."""
    pieces = must_succeed(f"{why}: a read of it", lambda: _read_pieces(path))
    for place, piece in zip(WRITE_OFFSETS, pieces, strict=True):
        odd = sorted({chr(byte) for byte in piece if byte != ord(letter)})
        actual = f"it reads {len(piece)} bytes with {odd} in them"
        expect(
            piece == piece_filled_with(letter), f"{why}: at byte {place} it must read as {letter!r}; {actual}"
        )


def _read_pieces(path: Path) -> list[bytes]:
    with path.open("rb", buffering=0) as file:
        return [os.pread(file.fileno(), PIECE_BYTES, place) for place in WRITE_OFFSETS]
