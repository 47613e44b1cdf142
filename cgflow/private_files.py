"""Folders and files that only this user can access.

A folder is private if nobody else can change what its path leads to: it belongs to this user,
others have no permissions on it, and every folder and symbolic link on the path belongs to this
user or to root and is not writable by others. A sticky folder such as /tmp is accepted on the path:
there, users cannot rename the files of others.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from cgflow.errors import ConfigError

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_MAX_LINKS = 40


def make_folder(path: Path) -> None:
    """Make a private folder and its parents, or make an existing folder private.

    Raises: ConfigError, if it belongs to another user, or others can change it or a folder above
    it; OSError.
    """
    for step in _path_components(path):
        _check_component(step)
    try:
        path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from error
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid():
            raise ConfigError(
                f"{path} belongs to another user (uid {found.st_uid}), and cgflow runs as uid "
                f"{os.geteuid()}. Name a directory of its own, or start cgflow as that user."
            )
        if found.st_mode & 0o022:
            raise ConfigError(
                f"{path} can be written to by other users (mode {stat.S_IMODE(found.st_mode):04o}). See that "
                f"nobody has put anything there, then close it: chmod 700 {path}"
            )
        if found.st_mode & 0o077:
            os.fchmod(descriptor, FOLDER_MODE)
    finally:
        os.close(descriptor)


def open_file(path: str | Path, flags: int) -> int:
    """Open or create a private file; also usable as the ``opener`` of ``open``.

    Raises: OSError, also if the path is a symbolic link.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    except OSError:
        if os.path.islink(path):
            raise OSError(errno.ELOOP, f"{path} is a symbolic link, which is not followed") from None
        raise
    if os.fstat(descriptor).st_mode & 0o077:
        os.fchmod(descriptor, FILE_MODE)
    return descriptor


def make_file_private(path: Path) -> None:
    """Make a file private that other code opens by its path. The file may be missing.

    Raises: ConfigError, if it is no regular file or belongs to another user; OSError.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"{path} is not a regular file: move it away, or name another directory.")
    if found.st_uid != os.geteuid():
        raise ConfigError(f"{path} belongs to another user (uid {found.st_uid}): move it away.")
    if found.st_mode & 0o077:
        path.chmod(FILE_MODE)


def _path_components(path: Path) -> Iterator[Path]:
    """Yield the existing folders and symbolic links on a path."""
    here, left, links = Path("/"), list(reversed(path.absolute().parts[1:])), 0
    yield here
    while left:
        name = left.pop()
        here = here.parent if name == ".." else here / name
        if not os.path.lexists(here):
            return
        if here.is_symlink():
            links += 1
            if links > _MAX_LINKS:
                raise ConfigError(f"{path} leads through too many symbolic links.")
            yield here
            target = here.readlink()
            left += reversed(target.parts[1:] if target.is_absolute() else target.parts)
            here = Path("/") if target.is_absolute() else here.parent
        elif left:
            yield here


def _check_component(step: Path) -> None:
    found = step.lstat()
    if found.st_uid not in (0, os.geteuid()):
        raise ConfigError(
            f"{step} belongs to another user (uid {found.st_uid}), who could replace what is below it. "
            "Name a directory elsewhere."
        )
    is_open = stat.S_ISDIR(found.st_mode) and found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX
    # Write permission for root's own group is as good as for root.
    if is_open and (found.st_mode & 0o002 or found.st_gid != 0):
        raise ConfigError(
            f"Other users can write to {step} (mode {stat.S_IMODE(found.st_mode):04o}), and could replace "
            "what is below it. Name a directory elsewhere, or take that right away."
        )
