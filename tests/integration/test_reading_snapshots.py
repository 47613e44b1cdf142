"""Third-party NBD clients read the snapshots of a cgsnapshot while the volumes keep changing."""

from __future__ import annotations

import random
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.nbd_client import NbdClient
from tests.support.requirements import require
from tests.support.served_project import BLOCK, Project

pytestmark = pytest.mark.real

GIB = 2**30
BLOCKS = 200


def run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"


def scribble(client: NbdClient, file: Path, seed: int) -> None:
    """Write the same blocks to a volume and to a file of its size, at random places and at both ends."""
    chance = random.Random(seed)
    offsets = [0, GIB - BLOCK, *(chance.randrange(GIB // BLOCK) * BLOCK for _ in range(BLOCKS))]
    with file.open("wb") as stream:
        stream.truncate(GIB)
        for offset in offsets:
            content = chance.randbytes(BLOCK)
            client.write(offset, content)
            stream.seek(offset)
            stream.write(content)
    client.flush()


@contextmanager
def changing(addresses: list[str], seed: int) -> Iterator[None]:
    """Overwrite the written blocks until the ``with`` block ends."""
    enough, begun = threading.Event(), threading.Barrier(len(addresses) + 1)
    failed: list[Exception] = []

    def write(address: str, number: int) -> None:
        chance = random.Random(seed + number)
        try:
            with NbdClient.from_uri(address) as client:
                client.write(0, b"\xaa" * BLOCK, fua=True)
                begun.wait(30)
                while not enough.is_set():
                    client.write(chance.randrange(GIB // BLOCK) * BLOCK, b"\xaa" * BLOCK)
        except Exception as error:  # noqa: BLE001 - told by whoever started this thread
            failed.append(error)
            begun.abort()

    writers = [threading.Thread(target=write, args=(uri, n)) for n, uri in enumerate(addresses)]
    for writer in writers:
        writer.start()
    try:
        begun.wait(30)
        yield
    finally:
        enough.set()
        for writer in writers:
            writer.join(30)
    assert failed == []


def test_the_copies_hold_what_was_written_before_the_cut(shared: Project, place: Path) -> None:
    require("nbdcopy", "qemu-img")
    group_id, members = shared.group(2)
    addresses = [shared.address(volume_id) for volume_id in members]
    written = [place / f"{number}.raw" for number in range(len(members))]
    for number, address in enumerate(addresses):
        with NbdClient.from_uri(address) as client:
            scribble(client, written[number], seed=number)

    cgsnapshot_id = shared.made(shared.ask_cgsnapshot(group_id))
    copies = shared.copies(cgsnapshot_id)
    with changing(addresses, seed=99):
        for volume_id, expected in zip(members, written, strict=True):
            with shared.copy(copies[volume_id]) as uri:
                copied, converted = place / "copied.raw", place / "converted.qcow2"
                run("nbdcopy", uri, str(copied))
                run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", uri, str(converted))
                run("qemu-img", "compare", "-f", "raw", "-F", "raw", uri, str(expected))
                with NbdClient.from_uri(uri) as client:
                    assert client.read_only
                    assert client.read(0, BLOCK) != b"\xaa" * BLOCK
            run("qemu-img", "compare", "-f", "raw", "-F", "raw", str(copied), str(expected))
            run("qemu-img", "compare", "-f", "qcow2", "-F", "raw", str(converted), str(expected))
    with shared.open(members[0]) as client:
        assert client.read(0, BLOCK) == b"\xaa" * BLOCK, "the volume itself has gone on"
    shared.clear(group_id)
