"""Files that are read again when they change, and that may turn into something other than a settings file."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cgflow import reloading_file
from cgflow.errors import ConfigError
from cgflow.reloading_file import ReloadingFile


def read(path: Path) -> object:
    return reloading_file.read_yaml(path, "list of names")


def _large(path: Path) -> None:
    path.write_bytes(b"# " + b"x" * reloading_file.MAX_BYTES)


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


NO_FILES: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a large file": _large,
    "an endless file": _endless,
    "a dangling link": lambda path: path.symlink_to("nowhere"),
    "bytes": lambda path: path.write_bytes(b"\xff\xfe"),
}


@pytest.mark.parametrize("name", NO_FILES)
def test_what_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "names"
    NO_FILES[name](path)
    with pytest.raises(ConfigError, match="The list of names"):
        ReloadingFile(path, read)


@pytest.mark.parametrize("name", NO_FILES)
def test_what_cannot_be_read_later_leaves_what_held(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    path = tmp_path / "names"
    path.write_text("- ada\n")
    names = ReloadingFile(path, read)
    path.unlink()
    NO_FILES[name](path)
    with caplog.at_level(logging.ERROR):
        assert names.value == ["ada"]
        assert names.value == ["ada"]
    assert len(caplog.records) == 1
    path.rmdir() if path.is_dir() else path.unlink()
    path.write_text("- bob\n")
    assert names.value == ["bob"]
