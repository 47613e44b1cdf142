"""The scenes of the proof."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.demo.stage import Stage
from tests.proof.checks import check_recovered
from tests.proof.database import Database, DatabaseBroken
from tests.proof.load import Load, Mark
from tests.proof.mounted_volumes import MEMBERS, TYPE, database_on

_ROWS = 100
"""The minimum number of rows committed between two cgsnapshots."""
_NOTHING = Mark(0, 0)


def prove(stage: Stage, root: Path, cgsnapshots: int, controls: int) -> None:
    """Run everything; the totals are in ``stage.figures``. Raises: AssertionError, if a check fails."""
    stage.title("A consistency group of two volumes, PostgreSQL's data on one and pg_wal on the other")
    group_id, volumes = _build(stage)
    with database_on(stage, volumes, root / "original", is_new=True) as database:
        database.make()
        database.start()
        Load.prepare(database)
        with Load(database) as load:
            lost = recovered = 0
            stage.title(f"{cgsnapshots} cgsnapshots under load, each cloned, started and checked")
            for number in range(cgsnapshots):
                outcome = _recover(stage, root / f"copy-{number}", load, group_id, number)
                recovered += outcome == "recovered"
                lost += outcome == "lost"
            stage.figures.update(cgsnapshots=cgsnapshots, recovered=recovered, lost=lost)
            stage.title(f"The control: {controls} times the log first, then the data")
            folders = [root / f"control-{number + 1}" for number in range(controls)]
            broken = sum(_control(stage, folder, database, volumes) for folder in folders)
            stage.figures.update(control_broken=f"{broken} of {controls}", rows=load.mark().committed)
    stage.title("Everything is deleted, and nothing is left")
    stage.finish(stage.client.consistencygroups.delete(group_id, force=True))
    left = {resource: count for resource, count in stage.usage().items() if count}
    if stage.files() or left:
        raise AssertionError(f"left behind: {stage.files()} {left}")
    if recovered != cgsnapshots or lost:
        raise AssertionError(f"{cgsnapshots - recovered} of {cgsnapshots} cgsnapshots did not recover")
    if broken != controls:
        raise AssertionError(
            f"{controls - broken} of {controls} controls recovered: a tear would not be seen"
        )


def _build(stage: Stage) -> tuple[str, dict[str, str]]:
    stage.type(f"type create {TYPE} --property consistencygroup_support='<is> True'")
    group_id = stage.make(stage.client.consistencygroups.create("database", [TYPE], None, None))
    return group_id, {name: stage.make(stage.volume(group_id, TYPE, name)) for name in MEMBERS}


def _recover(stage: Stage, folder: Path, load: Load, group_id: str, number: int) -> str:
    """Take a cgsnapshot, clone it, and check the clone."""
    before = load.await_rows(_ROWS)
    accepted = stage.client.cgsnapshots.create(f"proof-{number}", group_id, None)
    stage.finish(accepted)
    after = load.mark()
    cgsnapshot_id = accepted.record["id"]
    clone = stage.client.consistencygroups.create_from(
        f"clone-{number}", None, cgsnapshot_id=cgsnapshot_id, source_cgid=None
    )
    clone_id = stage.make(clone)
    copies = _clones(stage, cgsnapshot_id, clone_id)
    try:
        with database_on(stage, copies, folder) as database:
            rows = check_recovered(database, before, after)
        stage.say(
            f"cgsnapshot {number + 1}: {rows} rows, {rows - before.committed} of them committed during "
            f"the call; redo {database.redo_s()} s; balances equal, pg_amcheck clean"
        )
        outcome = "recovered"
    except DatabaseBroken as error:
        stage.say(f"cgsnapshot {number + 1}: BROKEN: {error}")
        outcome = "lost" if "lost" in str(error) else "broken"
    stage.finish(stage.client.consistencygroups.delete(clone_id, force=True))
    stage.finish(stage.client.cgsnapshots.delete(cgsnapshot_id))
    return outcome


def _clones(stage: Stage, cgsnapshot_id: str, clone_id: str) -> dict[str, str]:
    """Return the volumes of a cloned group by the name of the member that each is a clone of."""
    snapshots = stage.client.snapshots.select(cgsnapshot_id=cgsnapshot_id)
    names = {each["id"]: stage.client.volumes.get(each["volume_id"])["name"] for each in snapshots}
    made = stage.client.volumes.select(consistencygroup_id=clone_id)
    return {names[volume["snapshot_id"]]: volume["id"] for volume in made}


def _control(stage: Stage, folder: Path, database: Database, volumes: Mapping[str, str]) -> bool:
    """Copy the log, wait for a checkpoint, copy the data; return whether that breaks, as it must."""
    snapshots: dict[str, str] = {}
    for name in reversed(MEMBERS):
        asked = stage.client.snapshots.create(
            f"{folder.name}-{name}", volumes[name], description=None, force=True
        )
        snapshots[name] = stage.make(asked)
        if name == "wal":
            database.execute("SELECT pg_switch_wal()", "CHECKPOINT", "SELECT pg_switch_wal()", "CHECKPOINT")
    copies = {
        name: stage.make(
            stage.client.volumes.create(
                f"{folder.name}-{name}",
                None,
                volume_type=TYPE,
                consistencygroup_id=None,
                description=None,
                availability_zone=None,
                snapshot_id=snapshots[name],
            )
        )
        for name in MEMBERS
    }
    try:
        with database_on(stage, copies, folder) as torn:
            check_recovered(torn, _NOTHING, Mark(2**62, 0))
        stage.say(f"{folder.name}: recovered, which proves nothing")
        is_broken = False
    except DatabaseBroken as error:
        stage.say(f"{folder.name}: broken, as it has to be: {error}")
        is_broken = True
    for volume_id in copies.values():
        stage.finish(stage.client.volumes.delete(volume_id))
    for snapshot_id in snapshots.values():
        stage.finish(stage.client.snapshots.delete(snapshot_id))
    return is_broken
