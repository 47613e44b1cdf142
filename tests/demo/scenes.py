"""The scenes of the demo, in the order in which they run."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from cgflow.drivers.conformance.write_order_checker import Finding, OrderedWriters, check_snapshots
from tests.demo.stage import WORKERS, Stage

NAMES = ("data", "log", "index", "blobs")
CUTS = 20
KEPT = 3
CONTROLS = 3


def build(stage: Stage) -> tuple[str, list[str]]:
    """Create a type, a group and its members; return the group and its volumes."""
    stage.title("A consistency group with four real volumes")
    stage.type("type create database --property consistencygroup_support='<is> True'")
    stage.type("quota set snapshots=200 volumes=20 gigabytes=2000")
    stage.type("group create orders --type database --wait")
    group_id: str = stage.client.consistencygroups.find("orders")["id"]
    stage.type("volume create data --size 1 --type database --group orders --wait")
    for accepted in [stage.volume(group_id, "database", name) for name in NAMES[1:]]:
        stage.make(accepted)
    stage.type("volume list --group orders")
    stage.type("volume connect data")
    volumes = stage.client.volumes.select(consistencygroup_id=group_id)
    by_name = {volume["name"]: volume["id"] for volume in volumes}
    return group_id, [by_name[name] for name in NAMES]


def cut_under_load(stage: Stage, writer: OrderedWriters, group_id: str, volume_ids: list[str]) -> str:
    """Take cgsnapshots under load, and check that each is of one instant; return the last one kept."""
    stage.title(f"{CUTS} cgsnapshots under {WORKERS} writers, each read back and checked")
    kept: list[str] = []
    first = writer.progress().acknowledged
    took = []
    for number in range(CUTS):
        finding, cgsnapshot_id, milliseconds = _cut(stage, writer, group_id, volume_ids, f"cut-{number}")
        took.append(milliseconds)
        if not finding.is_consistent:
            raise AssertionError(f"cgsnapshot {number} is not one instant: {finding}")
        kept.append(cgsnapshot_id)
        if number in (0, CUTS - 1):
            stage.say(f"cgsnapshot {number + 1}: {finding}")
        if len(kept) > KEPT:
            # Delete the oldest, a middle and the newest cgsnapshot in turn, under load.
            doomed = kept.pop((0, len(kept) // 2, -1)[number % 3])
            stage.finish(stage.client.cgsnapshots.delete(doomed))
    writes = writer.progress().acknowledged - first
    stage.say(f"{writes} acknowledged writes meanwhile; 0 violations in {CUTS} cgsnapshots")
    stage.say(f"a cut took {sorted(took)[len(took) // 2]:.1f} ms (median), {max(took):.1f} ms at most")
    stage.figures.update(cgsnapshots=CUTS, writes=writes, violations=0)
    return kept[-1]


def control(stage: Stage) -> None:
    """Snapshot volumes one after another, as without consistency groups: the checker must find violations."""
    stage.title("The control: the same volumes, each in a group of its own, cut one after another")
    groups, volume_ids = [], []
    for number in range(len(NAMES)):
        accepted = stage.client.consistencygroups.create(f"alone-{number}", ["database"], None, None)
        groups.append(stage.make(accepted))
        volume_ids.append(stage.make(stage.volume(groups[-1], "database", f"alone-{number}")))
    violated = 0
    with stage.writing(volume_ids) as writer:
        _let_write(writer, 500)
        for number in range(CONTROLS):
            before = writer.progress()
            cuts = [
                stage.make(stage.client.cgsnapshots.create(f"alone-{number}", group_id, None))
                for group_id in groups
            ]
            after = writer.progress()
            copies = [stage.copies(cut, [volume_id]) for cut, volume_id in zip(cuts, volume_ids, strict=True)]
            opened = [copy.__enter__()[0].read for copy in copies]
            finding = check_snapshots(opened, before, after)
            for copy in copies:
                copy.__exit__(None, None, None)
            violated += finding.order > 0
            stage.say(f"control {number + 1}: {finding}")
            for cut in cuts:
                stage.finish(stage.client.cgsnapshots.delete(cut))
    if violated == 0:
        raise AssertionError("the control shows no violation: the checker would not see one")
    for group_id in groups:
        stage.finish(stage.client.consistencygroups.delete(group_id, force=True))
    stage.figures.update(control=f"{violated} of {CONTROLS} violated")


def fail_before_the_cut(stage: Stage, writer: OrderedWriters, group_id: str, volume_ids: list[str]) -> None:
    """Fail one member during its preparation under load: nothing of the cgsnapshot must be left."""
    stage.title("One member fails before the cut, under load: everything is undone")
    acked = writer.progress().acknowledged
    _undone(stage, group_id, {"call": "prepare", "kind": "final", "target": volume_ids[2]})
    stage.say(f"{writer.progress().acknowledged - acked} writes were acknowledged meanwhile")


def fail_after_the_cut(stage: Stage, group_id: str, volume_ids: list[str]) -> None:
    """Fail one member after the cut, with no client connected, so that files can be compared one by one."""
    stage.title("One member fails after the cut: everything is undone")
    # The first deletion without a connected client merges the layers that could not be merged before.
    accepted = stage.client.cgsnapshots.create("quiet", group_id, None)
    stage.finish(stage.client.cgsnapshots.delete(stage.make(accepted)))
    flow_id = _undone(stage, group_id, {"call": "snapshot", "kind": "final", "target": volume_ids[2]})
    stage.type(f"flow show {flow_id}")
    stage.figures.update(rolled_back=2)


def _undone(stage: Stage, group_id: str, fault: dict[str, object]) -> str:
    """Take a cgsnapshot that this fault makes fail, compare the state, and return the id of the flow."""
    before = stage.world()
    stage.served.drill({"id": f"fail {fault['call']}", **fault})
    accepted = stage.client.cgsnapshots.create("failing", group_id, None)
    flow = stage.finish(accepted, "reverted")
    stage.served.drill()
    after = stage.world()
    if before != after:
        raise AssertionError(f"the undone cgsnapshot left traces: {before} became {after}")
    record = stage.client.cgsnapshots.get(accepted.record["id"])
    if record["status"] != "error" or not record["cgflow:reason"]:
        raise AssertionError(f"the record does not say what happened: {record}")
    stage.say(f"the record is in {record['status']}: {record['cgflow:reason']}")
    quota = stage.usage()
    held = f"{quota['snapshots']} snapshots and {quota['gigabytes']} GiB of quota"
    stage.say(f"as before: {len(stage.files())} files, {held}, every row")
    stage.finish(stage.client.cgsnapshots.delete(accepted.record["id"]))
    return str(flow["id"])


def kill(stage: Stage, writer: OrderedWriters, group_id: str, volume_ids: list[str]) -> None:
    """Kill the service between steps and within the cut; after a restart the flow ends by itself."""
    drills = {
        "between two steps (prepared, not cut)": {"call": "cut", "when": "before"},
        "within the cut (cut, answer lost)": {"call": "cut", "when": "after"},
        "between two members": {"call": "snapshot", "when": "after", "nth": 2},
    }
    for number, (words, drill) in enumerate(drills.items()):
        stage.title(f"kill -9 {words}")
        stage.served.drill({"id": f"kill {number}", "kind": "kill", **drill})
        _survive(stage, writer, group_id, volume_ids, stage.served.wait_killed, f"killed-{number}")
    stage.title("kill -9 from outside, as soon as the request is accepted")
    stage.served.drill()

    def strike() -> None:
        os.kill(stage.served.process.pid, signal.SIGKILL)
        stage.served.process.wait(30)

    _survive(stage, writer, group_id, volume_ids, strike, "struck")
    stage.figures.update(killed=len(drills) + 1)


def clear(stage: Stage, group_id: str) -> None:
    """Delete everything, and check that nothing is left."""
    stage.title("Everything is deleted, and nothing is left")
    for cgsnapshot in stage.client.cgsnapshots.select():
        stage.finish(stage.client.cgsnapshots.delete(cgsnapshot["id"]))
    stage.type(f"group delete {group_id} --force --yes --wait")
    left = {resource: count for resource, count in stage.usage().items() if count}
    if stage.files() or left:
        raise AssertionError(f"left behind: {stage.files()} {left}")
    code = stage.served.stop()
    if code != 0:
        raise AssertionError(f"the service ended with {code} on SIGTERM")
    stage.say("no file, no quota in use, and the service stopped cleanly")


def _cut(
    stage: Stage, writer: OrderedWriters, group_id: str, volume_ids: list[str], name: str
) -> tuple[Finding, str, float]:
    before = writer.progress()
    accepted = stage.client.cgsnapshots.create(name, group_id, None)
    flow = stage.finish(accepted)
    after = writer.progress()
    evidence = next(task["result"] for task in flow["tasks"] if task["name"] == "driver.cut")
    cgsnapshot_id: str = accepted.record["id"]
    with stage.copies(cgsnapshot_id, volume_ids) as copies:
        return (
            check_snapshots([copy.read for copy in copies], before, after),
            cgsnapshot_id,
            evidence["duration_ms"],
        )


def _survive(
    stage: Stage,
    writer: OrderedWriters,
    group_id: str,
    volume_ids: list[str],
    strike: Callable[[], object],
    name: str,
) -> None:
    files = stage.files()
    before = writer.progress()
    accepted = stage.client.cgsnapshots.create(name, group_id, None)
    strike()
    gone = writer.progress()
    _let_write(writer, 200)
    since = writer.progress().acknowledged - gone.acknowledged
    stage.say(f"the service is gone; {since} writes were acknowledged since then")
    stage.say(stage.served.start())
    assert accepted.flow_id is not None
    state = stage.follow(accepted.flow_id)["state"]
    after = writer.progress()
    if state == "success":
        with stage.copies(accepted.record["id"], volume_ids) as copies:
            finding = check_snapshots([copy.read for copy in copies], before, after)
        if not finding.is_consistent:
            raise AssertionError(f"the resumed cgsnapshot is not one instant: {finding}")
        stage.say(f"the flow went on and ended in success: {finding}")
    elif len(stage.files()) != len(files):
        raise AssertionError(f"the undone cgsnapshot left files: {files} became {stage.files()}")
    else:
        stage.say("the flow was undone; nothing is left of it")
    stage.type(f"flow show {accepted.flow_id}")
    stage.finish(stage.client.cgsnapshots.delete(accepted.record["id"]))


def _let_write(writer: OrderedWriters, more: int) -> None:
    if not writer.await_progress(more):
        raise AssertionError("the writers have come to a stop")
