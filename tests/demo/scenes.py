"""The scenes of the demo, in the order in which they are played."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from tests.demo.stage import WORKERS, Stage
from tests.support.ordering import Finding, OrderedWriter, check

MEMBERS = 4
CUTS = 20
KEPT = 3
CONTROLS = 3


def build(stage: Stage) -> tuple[str, list[str]]:
    """Make a type, a group and its members by typing; return the group and its volumes."""
    stage.title("A consistency group with four real volumes")
    stage.type("type create database --property consistencygroup_support='<is> True'")
    stage.type("quota set snapshots=200 volumes=20 gigabytes=2000")
    stage.type("group create orders --type database --wait")
    group_id: str = stage.client.consistencygroups.find("orders")["id"]
    for name in ("data", "log", "index", "blobs"):
        stage.type(f"volume create {name} --size 1 --type database --group orders --wait")
    volumes = stage.client.volumes.select(consistencygroup_id=group_id)
    by_name = {volume["name"]: volume["id"] for volume in volumes}
    return group_id, [by_name[name] for name in ("data", "log", "index", "blobs")]


def cut_under_load(stage: Stage, writer: OrderedWriter, group_id: str, volume_ids: list[str]) -> str:
    """Take cgsnapshots while the writers write, and prove each to be one instant; return the last kept."""
    stage.title(f"{CUTS} cgsnapshots under {WORKERS} writers, each read back and checked")
    kept: list[str] = []
    first = writer.mark().acked
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
            # The oldest, the newest and one between them are deleted in turn, under load.
            doomed = kept.pop((0, len(kept) // 2, -1)[number % 3])
            stage.finish(stage.client.cgsnapshots.delete(doomed))
    writes = writer.mark().acked - first
    stage.say(f"{writes} acknowledged writes meanwhile; 0 violations in {CUTS} cgsnapshots")
    stage.say(f"a cut took {sorted(took)[len(took) // 2]:.1f} ms (median), {max(took):.1f} ms at most")
    stage.figures.update(cgsnapshots=CUTS, writes=writes, violations=0)
    return kept[-1]


def control(stage: Stage) -> None:
    """Snapshot volumes one after another, as without consistency groups: the checker has to object."""
    stage.title("The control: the same volumes, each in a group of its own, cut one after another")
    groups, volume_ids = [], []
    for number in range(MEMBERS):
        accepted = stage.client.consistencygroups.create(f"alone-{number}", ["database"], None, None)
        groups.append(stage.make(accepted))
        volume_ids.append(stage.make(stage.volume(groups[-1], "database", f"alone-{number}")))
    violated = 0
    with OrderedWriter(stage.connections(volume_ids)) as writer:
        _let_write(writer, 500)
        for number in range(CONTROLS):
            before = writer.mark()
            cuts = [
                stage.make(stage.client.cgsnapshots.create(f"alone-{number}", group_id, None))
                for group_id in groups
            ]
            after = writer.mark()
            copies = [stage.copies(cut, [volume_id]) for cut, volume_id in zip(cuts, volume_ids, strict=True)]
            opened = [copy.__enter__()[0] for copy in copies]
            finding = check(opened, before, after)
            for copy in copies:
                copy.__exit__(None, None, None)
            violated += finding.out_of_order > 0
            stage.say(f"control {number + 1}: {finding}")
            for cut in cuts:
                stage.finish(stage.client.cgsnapshots.delete(cut))
    if violated == 0:
        raise AssertionError("the control shows no violation: the checker would not see one")
    for group_id in groups:
        stage.finish(stage.client.consistencygroups.delete(group_id, force=True))
    stage.figures.update(control=f"{violated} of {CONTROLS} violated")


def roll_back(stage: Stage, writer: OrderedWriter, group_id: str, volume_ids: list[str]) -> None:
    """Fail one member, before the cut and after it, and compare the world."""
    for call, when in (("prepare", "before the cut"), ("snapshot", "after the cut")):
        stage.title(f"One member fails {when}: everything is undone")
        # Quiet clients, so that even files can be compared one by one.
        writer.pause()
        before = stage.world()
        stage.served.drill({"id": f"fail {call}", "call": call, "kind": "final", "target": volume_ids[2]})
        accepted = stage.client.cgsnapshots.create(f"failing-{call}", group_id, None)
        flow = stage.finish(accepted, "reverted")
        stage.served.drill()
        after = stage.world()
        if before != after:
            raise AssertionError(f"the undone cgsnapshot left traces: {before} became {after}")
        record = stage.client.cgsnapshots.get(accepted.record["id"])
        if record["status"] != "error" or not record["cgflow:reason"]:
            raise AssertionError(f"the record does not say what happened: {record}")
        stage.say(f"the record is in {record['status']}: {record['cgflow:reason']}")
        files, quota = len(stage.files()), stage.usage()
        stage.say(f"as before: {files} files, {quota['snapshots']} snapshots and "
                  f"{quota['gigabytes']} GiB of quota, every row")  # fmt: skip
        if call == "snapshot":
            stage.type(f"flow show {flow['id']}")
        stage.finish(stage.client.cgsnapshots.delete(accepted.record["id"]))
        writer.resume()
    stage.figures.update(rolled_back=2)


def kill(stage: Stage, writer: OrderedWriter, group_id: str, volume_ids: list[str]) -> None:
    """Kill the service between steps and within the cut; the flow ends by itself after a restart."""
    drills = {
        "between two steps (prepared, not cut)": {"call": "cut", "when": "before"},
        "within the cut (cut, answer lost)": {"call": "cut", "when": "after"},
        "between two members": {"call": "snapshot", "when": "after", "nth": 2},
    }
    for number, (words, drill) in enumerate(drills.items()):
        stage.title(f"kill -9 {words}")
        stage.served.drill({"id": f"kill {number}", "kind": "kill", **drill})
        _survive(stage, writer, group_id, volume_ids, stage.served.wait_killed, f"killed-{number}")
    stage.title("kill -9 from outside, as soon as the flow is under way")
    stage.served.drill()

    def strike() -> None:
        os.kill(stage.served.process.pid, signal.SIGKILL)
        stage.served.process.wait(30)

    _survive(stage, writer, group_id, volume_ids, strike, "struck")
    stage.figures.update(killed=len(drills) + 1)


def clear(stage: Stage, group_id: str) -> None:
    """Delete everything, and find nothing left."""
    stage.title("Everything is deleted, and nothing is left")
    for cgsnapshot in stage.client.cgsnapshots.select():
        stage.finish(stage.client.cgsnapshots.delete(cgsnapshot["id"]))
    stage.type(f"group delete {group_id} --force --wait")
    left = {resource: count for resource, count in stage.usage().items() if count}
    if stage.files() or left:
        raise AssertionError(f"left behind: {stage.files()} {left}")
    code = stage.served.stop()
    if code != 0:
        raise AssertionError(f"the service ended with {code} on SIGTERM")
    stage.say("no file, no quota in use, and the service stopped cleanly")


def _cut(
    stage: Stage, writer: OrderedWriter, group_id: str, volume_ids: list[str], name: str
) -> tuple[Finding, str, float]:
    before = writer.mark()
    accepted = stage.client.cgsnapshots.create(name, group_id, None)
    flow = stage.finish(accepted)
    after = writer.mark()
    evidence = next(task["result"] for task in flow["tasks"] if task["name"] == "driver.cut")
    cgsnapshot_id: str = accepted.record["id"]
    with stage.copies(cgsnapshot_id, volume_ids) as copies:
        return check(copies, before, after), cgsnapshot_id, evidence["duration_ms"]


def _survive(
    stage: Stage,
    writer: OrderedWriter,
    group_id: str,
    volume_ids: list[str],
    strike: Callable[[], object],
    name: str,
) -> None:
    files = stage.files()
    before = writer.mark()
    accepted = stage.client.cgsnapshots.create(name, group_id, None)
    strike()
    gone = writer.mark()
    _let_write(writer, 200)
    stage.say(f"the service is gone; {writer.mark().acked - gone.acked} writes were acknowledged since then")
    stage.say(stage.served.start())
    assert accepted.flow_id is not None
    state = _state_of_end(stage, accepted.flow_id)
    after = writer.mark()
    if state == "success":
        with stage.copies(accepted.record["id"], volume_ids) as copies:
            finding = check(copies, before, after)
        if not finding.is_consistent:
            raise AssertionError(f"the resumed cgsnapshot is not one instant: {finding}")
        stage.say(f"the flow went on and ended in success: {finding}")
    elif len(stage.files()) != len(files):
        raise AssertionError(f"the undone cgsnapshot left files: {files} became {stage.files()}")
    else:
        stage.say("the flow was undone; nothing is left of it")
    stage.type(f"flow show {accepted.flow_id}")
    stage.finish(stage.client.cgsnapshots.delete(accepted.record["id"]))


def _state_of_end(stage: Stage, flow_id: str) -> str:
    follower = stage.client.flows.follow(flow_id, timeout=60)
    while True:
        try:
            next(follower)
        except StopIteration as end:
            return str(end.value["state"])


def _let_write(writer: OrderedWriter, more: int) -> None:
    goal = writer.mark().acked + more
    deadline = time.monotonic() + 60
    while writer.mark().acked < goal:
        if time.monotonic() > deadline:
            raise AssertionError("the writers have come to a stop")
        time.sleep(0.01)
