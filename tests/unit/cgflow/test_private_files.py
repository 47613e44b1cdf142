"""Private folders and files: which are refused, and which are made private."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from cgflow.drivers.common.event_log import EventLog
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.drivers.qsd.home.state_dir import StateDir as QsdStateDir
from cgflow.errors import ConfigError
from cgflow.private_files import make_folder
from cgflow.state_dir import StateDir
from tests.support.requirements import skip_or_fail

STRANGER = 12345


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def give(path: Path, uid: int = STRANGER) -> Path:
    if os.geteuid() != 0:
        skip_or_fail("only root can give a file to another user")
    os.chown(path, uid, uid, follow_symlinks=False)
    return path


def test_a_new_folder_is_private_whatever_the_umask(tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        make_folder(tmp_path / "new")
    finally:
        os.umask(former)
    assert mode(tmp_path / "new") == 0o700


@pytest.mark.parametrize("before", [0o755, 0o750, 0o711, 0o1755])
def test_a_folder_that_others_can_read_is_closed(tmp_path: Path, before: int) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(before)
    make_folder(folder)
    assert mode(folder) == 0o700


@pytest.mark.parametrize("before", [0o777, 0o770, 0o702, 0o1777])
def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path, before: int) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(before)
    with pytest.raises(ConfigError, match="can be written to by other users"):
        make_folder(folder)
    assert mode(folder) == before


def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    give(folder)
    with pytest.raises(ConfigError, match=f"belongs to another user .uid {STRANGER}"):
        make_folder(folder)


def test_a_folder_below_that_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home" / "own").mkdir(parents=True, mode=0o700)
    give(tmp_path / "home")
    for path in (tmp_path / "home" / "own", tmp_path / "home" / "own" / "deeper" / "new"):
        with pytest.raises(ConfigError, match="could replace what is below it"):
            make_folder(path)
    assert list((tmp_path / "home" / "own").iterdir()) == []


def test_a_folder_below_one_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(ConfigError, match="Other users can write to"):
        make_folder(shared / "state")
    assert list(shared.iterdir()) == []


def test_a_folder_below_a_sticky_one_is_accepted(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    make_folder(shared / "state")
    assert mode(shared / "state") == 0o700


def test_links_on_the_way_are_followed_if_nobody_else_can_change_them(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    make_folder(tmp_path / "link" / "state")
    assert mode(tmp_path / "real" / "state") == 0o700

    give(tmp_path / "link")
    with pytest.raises(ConfigError, match="could replace what is below it"):
        make_folder(tmp_path / "link" / "state")


def test_what_a_link_leads_through_is_checked(tmp_path: Path) -> None:
    target = tmp_path / "home" / "state"
    target.mkdir(parents=True)
    give(tmp_path / "home")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(ConfigError, match="could replace what is below it"):
        make_folder(tmp_path / "link")


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(ConfigError, match="too many symbolic links"):
        make_folder(tmp_path / "a" / "state")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(NotADirectoryError):
        make_folder(tmp_path / "state")


@pytest.mark.parametrize("name", ["cgflow.lock", "cgflow.db", "cgflow.db-wal", "cgflow.db-shm"])
def test_a_link_in_a_state_directory_is_not_followed(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    state = tmp_path / "state"
    state.mkdir()
    (state / "cgflow.lock").write_text("")
    (state / name).unlink(missing_ok=True)
    (state / name).symlink_to(victim)
    held = StateDir(state)
    with pytest.raises(ConfigError, match=r"symbolic link|not a regular file"):
        held.acquire()
    held.release()
    assert victim.read_text() == "precious"


def test_a_database_that_others_could_read_is_closed(tmp_path: Path) -> None:
    held = StateDir(tmp_path / "state")
    held.acquire()
    held.release()
    for name in ("cgflow.lock", "cgflow.db", "cgflow.db-wal"):
        (held.path / name).touch()
        (held.path / name).chmod(0o644)
    held.acquire()
    held.release()
    assert {mode(path) for path in held.path.iterdir()} == {0o600}


def test_the_umask_is_restricted_while_the_directory_is_held(tmp_path: Path) -> None:
    former = os.umask(0o022)
    try:
        held = StateDir(tmp_path / "state")
        held.acquire()
        (held.path / "made").touch()
        held.release()
        assert mode(held.path / "made") == 0o600
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(former)


@pytest.mark.parametrize("name", ["journal", "journal.lock", "journal.new"])
def test_a_link_in_place_of_a_journal_is_not_followed(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder = tmp_path / "backend"
    folder.mkdir()
    (folder / name).symlink_to(victim)
    with pytest.raises(ConfigError, match="symbolic link"):
        EventLog(folder / "journal", "test backend").open(lambda _: None, list)
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("kind", ["memory", "qsd"])
def test_drivers_refuse_folders_that_others_can_write_to(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "backend"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(ConfigError, match="can be written to by other users"):
        if kind == "memory":
            MemoryDriver(state_file=folder / "journal").start()
        else:
            QsdStateDir(folder).open()
