"""A small scenario on the qsd driver: two volumes to be cloned, compacted, moved and restored."""

from __future__ import annotations

from dataclasses import replace

from cgflow.drivers.contract import VolumeSpec
from cgflow.drivers.qsd.driver import QsdDriver
from tests.support.qsd import BLOCK, Bench, take, write

END = 1024**3 - BLOCK
CLONE, LONE = VolumeSpec("clone", 2, "h"), VolumeSpec("lone", 1)


class Scene:
    """Two volumes in g with the content C, cgsnapshots with the contents A and B, and an empty group h."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        driver = bench.driver
        self.volumes = bench.make_group(2)
        driver.create_group("h")
        self.copies = []
        for letter in "AB":
            self.fill(driver, letter)
            self.copies.append(take(driver, self.volumes, letter.lower()))
        self.fill(driver, "C")

    def fill(self, driver: QsdDriver, letter: str) -> None:
        for volume in self.volumes:
            for place in (0, END):
                write(driver, volume, ord(letter), place)


def clone(driver: QsdDriver, scene: Scene) -> None:
    driver.clone_volume(CLONE, scene.copies[0][0])


def clone_alone(driver: QsdDriver, scene: Scene) -> None:
    driver.clone_volume(LONE, scene.copies[1][1])


def move(driver: QsdDriver, scene: Scene) -> None:
    driver.move_volume(scene.volumes[0], "h")


def move_back(driver: QsdDriver, scene: Scene) -> None:
    driver.move_volume(replace(scene.volumes[0], group_id="h"), "g")


def move_out(driver: QsdDriver, scene: Scene) -> None:
    driver.move_volume(scene.volumes[0], None)


def move_in(driver: QsdDriver, scene: Scene) -> None:
    driver.move_volume(replace(scene.volumes[0], group_id=None), "g")


def restore(driver: QsdDriver, scene: Scene) -> None:
    driver.restore("r", scene.copies[0])


def undo(driver: QsdDriver, scene: Scene) -> None:
    driver.undo_restore("r", scene.copies[0])


def finish(driver: QsdDriver, scene: Scene) -> None:
    driver.finish_restore("r", scene.copies[0])


def compact(driver: QsdDriver, scene: Scene) -> None:
    assert driver.compact_volume(scene.volumes[0], 30)
    assert len(scene.bench.manifest("g").volumes["v0"].chain) == 2


def nothing(driver: QsdDriver, scene: Scene) -> None:
    """Do nothing: for an operation without a setup or an undo."""
