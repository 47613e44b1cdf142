"""How to play each operation in a world: what has to be there, and how it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flows.acceptance import Accepted
from tests.support.world import World


@dataclass(frozen=True)
class Script:
    """``arrange`` makes what the operation needs and returns its id; ``act`` asks for the operation.

    ``forward`` operations have no way back once begun: they end finished.
    """

    arrange: Callable[[World], str]
    act: Callable[[World, str], Accepted]
    forward: bool = False


def _group(world: World) -> str:
    return next((g.id for g in world.all("consistencygroup") if g.status == "available"), None) or (
        world.group_of(2)
    )


def _new_group(world: World) -> str:
    _group(world)
    made = world.make(world.accept_group())
    world.make(world.accept_volume(made))
    return made


def _cgsnapshot(world: World) -> str:
    return world.make(world.accept_cgsnapshot(_group(world)))


def _volume(world: World) -> str:
    _group(world)
    return world.make(world.accept_volume())


SCRIPTS: dict[str, Script] = {
    "cgsnapshot.create": Script(_group, lambda world, group: world.accept_cgsnapshot(group)),
    "cgsnapshot.delete": Script(
        _cgsnapshot, lambda world, cgsnapshot: world.delete_cgsnapshot(cgsnapshot), forward=True
    ),
    "consistencygroup.create": Script(_group, lambda world, _: world.accept_group()),
    "consistencygroup.delete": Script(
        _new_group, lambda world, group: world.delete_group(group), forward=True
    ),
    "volume.create": Script(_group, lambda world, group: world.accept_volume(group)),
    "volume.delete": Script(_volume, lambda world, volume: world.delete_volume(volume), forward=True),
    "volume.extend": Script(_volume, lambda world, volume: world.extend(volume, 2)),
}
