"""A small scenario on the qsd driver: two volumes to be cloned, compacted, moved and restored."""

from __future__ import annotations

from dataclasses import replace

from cgflow.drivers.contract import VolumeSpec
from cgflow.drivers.qsd.driver import QsdDriver
from tests.support.qsd_fixture import BLOCK, QsdDriverFixture, take_cgsnapshot, write_block

END = 1024**3 - BLOCK
CLONE, LONE = VolumeSpec("clone", 2, "h"), VolumeSpec("lone", 1)


class QsdScenario:
    """Two volumes in g with the content C, cgsnapshots with the contents A and B, and an empty group h."""

    def __init__(self, bench: QsdDriverFixture) -> None:
        self.bench = bench
        driver = bench.driver
        self.volumes = bench.make_group(2)
        driver.create_group("h")
        self.copies = []
        for letter in "AB":
            self.fill(driver, letter)
            self.copies.append(take_cgsnapshot(driver, self.volumes, letter.lower()))
        self.fill(driver, "C")

    def fill(self, driver: QsdDriver, letter: str) -> None:
        for volume in self.volumes:
            for place in (0, END):
                write_block(driver, volume, ord(letter), place)


def clone_into_other_group(driver: QsdDriver, scene: QsdScenario) -> None:
    driver.clone_volume(CLONE, scene.copies[0][0])


def clone_outside_groups(driver: QsdDriver, scene: QsdScenario) -> None:
    driver.clone_volume(LONE, scene.copies[1][1])


def move_to_other_group(driver: QsdDriver, scene: QsdScenario) -> None:
    driver.move_volume(scene.volumes[0], "h")


def move_back_to_group(driver: QsdDriver, scene: QsdScenario) -> None:
    driver.move_volume(replace(scene.volumes[0], group_id="h"), "g")


def move_out_of_group(driver: QsdDriver, scene: QsdScenario) -> None:
    driver.move_volume(scene.volumes[0], None)


def move_into_group(driver: QsdDriver, scene: QsdScenario) -> None:
    driver.move_volume(replace(scene.volumes[0], group_id=None), "g")


def restore_snapshots(driver: QsdDriver, scene: QsdScenario) -> None:
    driver.restore("r", scene.copies[0])


def undo_restore(driver: QsdDriver, scene: QsdScenario) -> None:
    driver.undo_restore("r", scene.copies[0])


def finish_restore(driver: QsdDriver, scene: QsdScenario) -> None:
    driver.finish_restore("r", scene.copies[0])


def compact_member(driver: QsdDriver, scene: QsdScenario) -> None:
    assert driver.compact_volume(scene.volumes[0], 30)
    assert len(scene.bench.manifest("g").volumes["v0"].chain) == 2


def do_nothing(driver: QsdDriver, scene: QsdScenario) -> None:
    """Do nothing: for an operation without a setup or an undo."""
