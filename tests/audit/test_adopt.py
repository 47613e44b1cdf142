"""After an older database is restored, adopting gives every object of a backend a record again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from api.app import create_app
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.errors import ConfigError, InvalidInput
from cgflow.status import Status
from flows.acceptance import new_id
from flows.audit import repair
from flows.audit.adopt import AdoptionTarget
from flows.audit.run import audit
from tests.functional.caller import Caller, check_bad_request
from tests.support.world import CALLER, World, world

INTO = replace(CALLER, project_id="lost and found")


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A backend with a group of two, cut once; one member has since been extended and has a snapshot."""
    with served(tmp_path, "true") as w:
        group_id = w.group_of(2)
        w.make(w.accept_cgsnapshot(group_id))
        member = w.all("volume")[0]
        w.make(w.extend(member.id, 2))
        w.make(w.accept_snapshot(member.id))
        w.make(w.accept_snapshot(w.make(w.accept_volume(kind=None))))
        assert w.faults() == []
    return tmp_path


@contextmanager
def served(place: Path, database: str) -> Iterator[World]:
    (place / database).mkdir(exist_ok=True)
    with world(place / database, MemoryDriver(state_file=place / "backend" / "journal")) as w:
        yield w


def adopted(w: World, *wanted: str, volume_type: str | None = "fast") -> list[repair.Repair]:
    target = AdoptionTarget(INTO.project_id, volume_type)
    return repair.repair(w.runtime, INTO, wanted or ["adopt"], dry_run=False, target=target)[1]


def test_everything_becomes_a_record_again(disk: Path) -> None:
    with served(disk, "true") as w:
        usage, inventory = w.usage(), w.driver.inventory()
        held = {noun: {thing.id: thing for thing in w.all(noun)} for noun in NOUNS}
    with served(disk, "empty") as w:
        w.type()
        _, planned = repair.repair(w.runtime, INTO, ["adopt"], dry_run=True)
        assert {one.state for one in planned} == {repair.PLANNED}
        assert w.all("volume") == []

        done = adopted(w)
        assert {(one.state, one.reason) for one in done} == {(repair.DONE, None)}
        assert w.faults() == []
        assert w.driver.inventory() == inventory
        for noun in NOUNS:
            now = {thing.id: thing for thing in w.all(noun)}
            assert now.keys() == held[noun].keys()
            for id_, thing in now.items():
                former = held[noun][id_]
                for name in ("size", "consistencygroup_id", "cgsnapshot_id", "volume_id", "host"):
                    assert getattr(thing, name, None) == getattr(former, name, None), (noun, name)
                assert (thing.status, thing.project_id) == (Status.AVAILABLE, INTO.project_id)
        for key in ("volumes", "snapshots", "consistencygroups", "gigabytes"):
            assert w.usage()[key] == usage[key]

        assert adopted(w) == []


NOUNS = ("consistencygroup", "volume", "cgsnapshot", "snapshot")


def test_what_was_adopted_can_be_used_and_deleted(disk: Path) -> None:
    with served(disk, "empty") as w:
        w.type()
        repair.repair(
            w.runtime, CALLER, ["adopt"], dry_run=False, target=AdoptionTarget(CALLER.project_id, "fast")
        )
        [group] = w.all("consistencygroup")
        w.make(w.accept_cgsnapshot(group.id))
        for cgsnapshot in w.all("cgsnapshot"):
            w.make(w.delete_cgsnapshot(cgsnapshot.id))
        for copy in w.all("snapshot"):
            w.make(w.delete_snapshot(copy.id))
        w.make(w.delete_group(group.id))
        for lone in w.all("volume"):
            w.make(w.delete_volume(lone.id, cascade=True))
        assert w.faults() == []
        assert w.usage() == {}
        assert not w.driver.inventory().volumes


def test_an_older_database_gets_back_what_came_later(disk: Path) -> None:
    shutil.copytree(disk / "true", disk / "older")
    with served(disk, "true") as w:
        [group] = w.all("consistencygroup")
        newer = w.make(w.accept_volume(group.id))
        cgsnapshot_id = w.make(w.accept_cgsnapshot(group.id))
        usage = w.usage()
    with served(disk, "older") as w:
        adopted(w, volume_type=None)
        assert w.faults() == []
        assert w.get("volume", newer).consistencygroup_id == group.id
        assert w.get("volume", newer).project_id == group.project_id
        assert w.get("volume", newer).volume_type_name == "fast"
        assert w.get("cgsnapshot", cgsnapshot_id).status is Status.AVAILABLE
        assert w.usage() == usage


def test_a_deleted_record_comes_back_with_all_that_it_said(disk: Path) -> None:
    with served(disk, "true") as w:
        lone = next(volume for volume in w.all("volume") if volume.consistencygroup_id is None)
        [copy] = [copy for copy in w.all("snapshot") if copy.volume_id == lone.id]
        usage = w.usage()
        journal = disk / "backend" / "journal"
        kept = journal.read_bytes()
        w.make(w.delete_snapshot(copy.id))
        w.make(w.delete_volume(lone.id))
    journal.write_bytes(kept)
    with served(disk, "true") as w:
        adopted(w)
        back = w.get("volume", lone.id)
        assert (back.name, back.project_id) == (lone.name, lone.project_id)
        assert w.get("snapshot", copy.id).name == copy.name
        assert w.usage() == usage
        assert w.faults() == []


def test_a_cut_that_has_lost_copies_is_not_whole(disk: Path) -> None:
    with served(disk, "true") as w:
        [cgsnapshot] = w.all("cgsnapshot")
        copy = next(copy for copy in w.all("snapshot") if copy.cgsnapshot_id == cgsnapshot.id)
        w.driver.delete_snapshot(copy.spec())
    with served(disk, "empty") as w:
        w.type()
        adopted(w)
        back = w.get("cgsnapshot", cgsnapshot.id)
        assert back.status is Status.ERROR
        assert "1 of the 2 snapshots" in back.reason
        assert w.faults() == []


def test_a_group_needs_a_type_and_what_is_in_it_waits_for_it(disk: Path) -> None:
    with served(disk, "empty") as w:
        w.type()
        done = adopted(w, volume_type=None)
        refused = {one.finding.code: str(one.reason) for one in done if one.state == repair.REFUSED}
        assert "needs a volume type" in refused["group.orphan"]
        assert "has no record" in refused["volume.orphan"]
        [lone] = w.all("volume")
        assert lone.consistencygroup_id is None
        adopted(w)
        assert w.faults() == []


def test_single_findings_and_kinds_are_adopted(disk: Path) -> None:
    with served(disk, "empty") as w:
        w.type()
        adopted(w, "adopt:group.orphan")
        assert w.all("volume") == []
        [finding, *_] = [one for one in audit(w.runtime).findings if one.code == "volume.orphan"]
        adopted(w, f"adopt:{finding.id}")
        assert [volume.id for volume in w.all("volume")] == [finding.subject]


def test_a_type_that_there_is_not_and_kinds_that_cannot_be_adopted(disk: Path) -> None:
    with served(disk, "empty") as w:
        with pytest.raises(InvalidInput, match="none"):
            adopted(w, volume_type="none")
        with pytest.raises(InvalidInput, match="cannot be adopted"):
            adopted(w, "adopt:volume.missing")
        assert w.all("volume") == []


def test_over_rest(disk: Path) -> None:
    with served(disk, "empty") as w:
        w.type()
        caller = Caller(create_app(w.runtime).test_client(), CALLER.project_id)
        check_bad_request(
            caller.post("/audit", {"repair": ["adopt"], "volume_type": 1, "dry_run": False}), "volume_type"
        )
        body = {"repair": ["adopt"], "dry_run": False, "project_id": "other", "volume_type": "fast"}
        answer = caller.post("/audit", body)
        assert {one["state"] for one in answer.json["audit"]["repairs"]} == {"done"}
        assert {volume.project_id for volume in w.all("volume")} == {"other"}
        assert caller.get("/audit").json["audit"]["findings"] == []


def test_a_database_that_never_knew_the_volumes_is_refused(disk: Path) -> None:
    with served(disk, "empty") as w:
        with pytest.raises(ConfigError, match="3 of the 3 volumes on backend .* have never") as refusal:
            w.service._refuse_unknown_volumes()
        assert "--adopt" in refusal.value.message
        assert "Restore the right database" in refusal.value.message
        w.type()
        adopted(w)
        w.service._refuse_unknown_volumes()
        # A leftover that the database knew and gave up is no reason to refuse.
        left = new_id()
        w.driver.create_group(left)
    with served(disk, "true") as w:
        w.service._refuse_unknown_volumes()
