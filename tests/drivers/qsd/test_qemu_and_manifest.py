"""The parts of the qsd driver in isolation: images, manifests, chains, QMP."""

import errno
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cgflow.drivers.qsd.home import manifest_file
from cgflow.drivers.qsd.home.manifest_file import ManifestUnreadable
from cgflow.drivers.qsd.home.problem_log import ProblemKind, ProblemLog
from cgflow.drivers.qsd.model import layer_tree
from cgflow.drivers.qsd.model.records import (
    Cut,
    Manifest,
    Merge,
    OutgoingMove,
    PreparedOverlay,
    UnfinishedRestore,
    VolumeRecord,
)
from cgflow.drivers.qsd.qemu import qcow2
from cgflow.drivers.qsd.qemu.qmp_client import CommandRefused, DaemonLost, QmpClient
from tests.support.qsd_fixture import require_qsd

MIB = 1024**2


@pytest.mark.real
@pytest.mark.parametrize("size_bytes", [512, MIB, 1024 * MIB, 5 * 1024**4])
@pytest.mark.parametrize("backing", [None, "base.qcow2"])
def test_images_are_accepted_by_qemu(tmp_path: Path, size_bytes: int, backing: str | None) -> None:
    require_qsd()
    qcow2.create(tmp_path / "base.qcow2", size_bytes)
    image = tmp_path / "image.qcow2"
    qcow2.create(image, size_bytes, backing)
    subprocess.run(["qemu-img", "check", "-f", "qcow2", str(image)], check=True, capture_output=True)
    told = subprocess.run(
        ["qemu-img", "info", "-f", "qcow2", "--output=json", str(image)], check=True, capture_output=True
    )
    facts = json.loads(told.stdout)
    assert facts["virtual-size"] == size_bytes
    assert facts["format-specific"]["data"]["compat"] == "1.1"
    assert facts.get("backing-filename") == backing
    assert facts.get("backing-filename-format") == ("qcow2" if backing else None)
    header = qcow2.check_references(image)
    assert (header.size_bytes, header.backing_file) == (size_bytes, backing)
    assert header.backing_format == ("qcow2" if backing else None)


def test_a_problem_is_kept_until_its_own_kind_and_subject_are_cleared() -> None:
    log = ProblemLog()
    log.set(ProblemKind.MERGE_FAILED, "the first failure", "v")
    log.set(ProblemKind.MERGE_FAILED, "the second failure", "v")
    log.set(ProblemKind.MERGE_FAILED, "another volume", "w")
    log.set(ProblemKind.NOT_SERVED, "no daemon")
    log.clear(ProblemKind.VOLUME_NOT_SERVED, "v")
    assert sorted(log.messages()) == ["another volume", "no daemon", "the second failure"]
    log.clear(ProblemKind.MERGE_FAILED, "v")
    assert not log.has(ProblemKind.MERGE_FAILED, "v")
    assert log.get(ProblemKind.MERGE_FAILED, "w") == "another volume"


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        (ProblemKind.MERGE_FAILED, None),
        (ProblemKind.MERGE_FAILED, 7),
        (ProblemKind.IMAGE_DAMAGED, "7"),
        (ProblemKind.NOT_SERVED, "v"),
    ],
)
def test_a_problem_with_a_subject_of_another_kind_is_refused(
    kind: ProblemKind, subject: str | int | None
) -> None:
    with pytest.raises(TypeError, match="subject"):
        ProblemLog().clear(kind, subject)


def test_what_is_no_image_is_not_read_as_one(tmp_path: Path) -> None:
    image = tmp_path / "image.qcow2"
    for content in (b"", b"QFI", bytes(4096)):
        image.write_bytes(content)
        with pytest.raises(ValueError, match="qcow2"):
            qcow2.read_header(image)


def full_manifest(home_id: str) -> Manifest:
    volume = VolumeRecord(
        id="v",
        size_bytes=MIB,
        chain=(1, 2, 5),
        bound={"s1": 1},
        pending={"s2": PreparedOverlay(layer=6, over=5, size_bytes=MIB, cgsnapshot_id="c2")},
        exported=("s1",),
        merging=Merge(top=5, base=2, active=True),
        resizing=True,
        # Numbers and texts sort these differently.
        aside={3: 2, 11: 3},
        kept=UnfinishedRestore(restore_id="r", snapshot_id="s1", leaf=11),
    )
    away = OutgoingMove(
        to="h", files={12: 1, 9: 3}, volume=VolumeRecord("w", MIB, chain=(1, 3)), cuts={"c1": Cut(("s4",))}
    )
    return Manifest(
        home_id=home_id,
        is_group=True,
        created_at="2026-01-01T00:00:00.000000",
        next_layer=7,
        nbd_port=10809,
        daemon=manifest_file.DaemonRecord(pid=10, start_time=20),
        volumes={"v": volume},
        cuts={"c1": Cut(members=("s1",), evidence={"duration_ms": 1.5}, is_lost=True)},
        cutting={"c2": {"v": "s2"}},
        leaving={"w": away},
        arriving={"x": (13, 14)},
    )


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = full_manifest(tmp_path.name)
    manifest_file.write(tmp_path, written)
    assert manifest_file.read(tmp_path) == written


def test_a_manifest_from_before_there_were_ports_is_read(tmp_path: Path) -> None:
    written = replace(full_manifest(tmp_path.name), nbd_port=None)
    manifest_file.write(tmp_path, written)
    path = tmp_path / manifest_file.FILE
    whole = json.loads(path.read_text())
    del whole["body"]["nbd_port"]
    whole["checksum"] = manifest_file._checksum(json.dumps(whole["body"], sort_keys=True))
    path.write_text(json.dumps(whole))
    assert manifest_file.read(tmp_path) == written


def test_any_changed_byte_of_a_manifest_is_noticed(tmp_path: Path) -> None:
    manifest_file.write(tmp_path, full_manifest(tmp_path.name))
    path = tmp_path / manifest_file.FILE
    sound = path.read_bytes()
    for position in range(0, len(sound), 7):
        path.write_bytes(sound[:position] + bytes([sound[position] ^ 1]) + sound[position + 1 :])
        with pytest.raises(ManifestUnreadable):
            manifest_file.read(tmp_path)


def test_a_write_that_fails_leaves_the_old_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = full_manifest(tmp_path.name)
    manifest_file.write(tmp_path, old)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    for releasing in (False, True):
        with pytest.raises(OSError):
            manifest_file.write(tmp_path, replace(old, next_layer=99), releasing=releasing)
    assert manifest_file.read(tmp_path) == old
    assert not (tmp_path / "manifest.json.new").exists()


def volume(*layers: int, bound: dict[str, int] | None = None, exported: tuple[str, ...] = ()) -> VolumeRecord:
    return VolumeRecord(id="v", size_bytes=MIB, chain=layers, bound=bound or {}, exported=exported)


@pytest.mark.parametrize(
    ("held", "merges"),
    [
        (volume(1), []),
        (volume(1, 2), [Merge(2, 1, active=True)]),
        (volume(1, 2, bound={"a": 1}), []),
        (volume(1, 2, 3, bound={"a": 1, "b": 2}), []),
        (volume(1, 2, 3, bound={"b": 2}), [Merge(2, 1, active=False)]),
        (volume(1, 2, 3, bound={"a": 1}), [Merge(3, 2, active=True)]),
        (volume(1, 2, 3), [Merge(2, 1, active=False), Merge(3, 2, active=True)]),
        (volume(1, 2, 3, bound={"b": 2}, exported=("b",)), []),
    ],
)
def test_which_layers_may_be_merged(held: VolumeRecord, merges: list[Merge]) -> None:
    assert list(layer_tree.allowed_merges(held)) == merges


def test_a_merge_moves_what_was_bound_to_the_top() -> None:
    after = layer_tree.volume_after_merge(volume(1, 2, 3, bound={"b": 2}), Merge(2, 1, active=False))
    assert after.chain == (1, 3)
    assert after.bound == {"b": 1}


def test_death_rolls_forward_only_the_cut_that_was_begun() -> None:
    held = full_manifest("h")
    idle = PreparedOverlay(layer=7, over=5, size_bytes=MIB, cgsnapshot_id="c3")
    both = replace(held.volumes["v"], pending={**held.volumes["v"].pending, "s3": idle})
    after = layer_tree.manifest_after_daemon_death(held.with_volume(both))
    assert after.volumes["v"].chain == (1, 2, 5, 6)
    assert after.volumes["v"].bound == {"s1": 1, "s2": 5}
    assert after.volumes["v"].pending == {"s3": idle}
    assert after.volumes["v"].merging is None
    assert after.cuts["c2"] == Cut(members=("s2",), is_lost=True)
    assert after.cutting == {}


class FakeDaemon:
    """A QMP server with a scripted response to each command."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "q"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rwb") as stream:
            stream.write(b'{"QMP": {"version": {"qemu": {"major": 7}}}}\n')
            stream.flush()
            held = []
            for line in stream:
                request = json.loads(line)
                answer = {"id": request["id"], "return": request["arguments"]}
                match request["execute"]:
                    case "refuse":
                        answer = {"id": request["id"], "error": {"class": "GenericError", "desc": "no"}}
                    case "silence":
                        continue
                    case "later":
                        held.append(answer)
                        continue
                    case "die":
                        return
                    case "event":
                        stream.write(b'{"event": "HAPPENED", "data": {}}\n')
                stream.write(b"".join(json.dumps(each).encode() + b"\n" for each in (answer, *held)))
                held.clear()
                stream.flush()

    def close(self) -> None:
        self._thread.join()
        self._listener.close()


@pytest.fixture
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeDaemon]:
    fake = FakeDaemon(tmp_path_factory.mktemp("f"))
    yield fake
    fake.close()


def test_answers_are_matched_to_commands_in_any_order(fake: FakeDaemon) -> None:
    client = QmpClient(fake.path)
    assert client.pid == os.getpid()
    first, refused, last = client.pipeline([("later", {"n": 1}), ("refuse", {}), ("echo", {"n": 3})])
    assert (first, last) == ({"n": 1}, {"n": 3})
    assert isinstance(refused, CommandRefused)
    assert refused.reason == "no"
    with pytest.raises(CommandRefused, match="refuse: no"):
        client.execute("refuse")
    client.close()
    with pytest.raises(DaemonLost):
        client.execute("echo")


def test_silence_is_ambiguous_and_the_connection_goes_on(fake: FakeDaemon) -> None:
    client = QmpClient(fake.path)
    with pytest.raises(DaemonLost, match="in time"):
        client.execute("silence", deadline=0.05)
    assert client.execute("echo", {"n": 1}) == {"n": 1}
    client.close()


def test_events_reach_those_who_listen(fake: FakeDaemon) -> None:
    client = QmpClient(fake.path)
    with client.listen() as events:
        client.execute("event")
        happened = events.wait(lambda event: event["event"] == "HAPPENED", time.monotonic() + 10)
        assert happened is not None
        assert events.wait(lambda event: True, time.monotonic()) is None
    client.close()


def test_a_daemon_that_dies_fails_what_is_waited_for_and_is_reported_once(fake: FakeDaemon) -> None:
    lost = threading.Semaphore(0)
    client = QmpClient(fake.path, lost.release)
    with client.listen() as events:
        with pytest.raises(DaemonLost):
            client.execute("die")
        with pytest.raises(DaemonLost):
            events.wait(lambda event: True, time.monotonic() + 10)
    assert lost.acquire(timeout=10)
    assert not client.is_alive
    client.close()
    assert not lost.acquire(blocking=False)
