"""HTTP basic authentication: users from a password file, and their roles from a project file.

The password file has the format of Apache's htpasswd, with bcrypt only: ``ada:$2b$12$...``. The project file
is YAML. A request that names no project gets the user's first one:

    ada:
      orders: [member]
      billing: [reader]

The project in the URL selects among a user's projects.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Mapping
from pathlib import Path

import bcrypt
from flask import Request

from api.auth.identity import Identity, validated_id
from cgflow.errors import ConfigError, Forbidden, InvalidInput, ServiceUnavailable, Unauthenticated
from cgflow.reloading_file import ReloadingFile, read_text, read_yaml

CHALLENGE = 'Basic realm="cgflow", charset="UTF-8"'

# The last character of the salt has two significant bits only, and bcrypt refuses to hash with any other.
_HASH = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_COST = 12
_COSTS = range(4, 17)
"""The costs with which a password can be checked within seconds."""

_LONGEST_PASSWORD = 72
"""The number of bytes of a password that bcrypt uses. htpasswd and similar tools cut off the rest."""
_USER_FILE = "password file"
_PROJECT_FILE = "project file"

Projects = Mapping[str, frozenset[str]]


class HttpBasic:
    """Authenticates the users of a password file. Thread-safe."""

    name = "http_basic"
    is_unverified = False
    scheme: Mapping[str, str] = {"type": "http", "scheme": "basic"}

    def __init__(self, user_file: Path, project_file: Path, *, most_checks: int = 8) -> None:
        """Read both files. At most ``most_checks`` passwords are hashed at a time. Raises: ConfigError."""
        self._checks = threading.BoundedSemaphore(most_checks)
        self._hashes = ReloadingFile(user_file, read_hashes)
        self._projects = ReloadingFile(project_file, read_projects)
        # Hashing a password takes a good part of a second, on purpose. A checked password is cached as an
        # HMAC whose key exists in this process only, and only while the user's hash in the file stays the
        # same.
        self._key = secrets.token_bytes(32)
        self._proven: dict[str, tuple[bytes, bytes]] = {}

    def identify(self, request: Request, project_in_url: str | None) -> Identity:
        """Return the identity of a user whose password is right.

        Raises: Unauthenticated, Forbidden, InvalidInput; ServiceUnavailable, if too many passwords are being
        hashed.
        """
        given = request.authorization
        if given is None or given.type != "basic" or given.username is None or given.password is None:
            raise Unauthenticated("The request you have made requires authentication.", CHALLENGE)
        user_id = given.username
        # A surrogate stands for a byte that is not UTF-8; no password in a hash file has one.
        password = given.password.encode(errors="surrogatepass")[:_LONGEST_PASSWORD]
        if not self._is_password_right(user_id, password):
            raise Unauthenticated("The user or the password is wrong.", CHALLENGE)
        projects = self._projects.value.get(user_id)
        if not projects:
            raise Forbidden(f"User {user_id} is in no project of the {_PROJECT_FILE}.")
        project_id = project_in_url or next(iter(projects))
        if project_id not in projects:
            raise InvalidInput("Malformed request url")
        return Identity(user_id, project_id, projects[project_id])

    def _is_password_right(self, user_id: str, password: bytes) -> bool:
        hashes = self._hashes.value
        known = hashes.get(user_id)
        digest = hmac.digest(self._key, password, hashlib.sha256)
        if known is not None and user_id in self._proven:
            proven_hash, proven_digest = self._proven[user_id]
            if proven_hash == known and hmac.compare_digest(proven_digest, digest):
                return True
        # Do not wait here: that would occupy a thread of the server.
        if not self._checks.acquire(blocking=False):
            raise ServiceUnavailable("Too many passwords are being checked. Try again.")
        try:
            # An unknown user takes as much time as a wrong password.
            is_right = _password_matches(password, known or _decoy_hash(hashes))
        finally:
            self._checks.release()
        if known is None or not is_right:
            return False
        self._proven[user_id] = (known, digest)
        return True


def read_hashes(path: Path) -> dict[str, bytes]:
    """Return the password hash of each user. Raises: ConfigError, naming the line."""
    found: dict[str, bytes] = {}
    for number, line in enumerate(read_text(path, _USER_FILE).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        user_id, _, hash_ = line.strip().partition(":")
        where = f"Line {number} of the {_USER_FILE} {path}"
        if not _HASH.fullmatch(hash_):
            raise ConfigError(
                f"{where} is not a user with a bcrypt hash. Write it with 'htpasswd -B {path} USER'."
            )
        if int(hash_[4:6]) not in _COSTS:
            raise ConfigError(
                f"{where} has a hash of cost {hash_[4:6]}. Costs from {_COSTS[0]} to {_COSTS[-1]} can be "
                "used: write it anew with 'htpasswd -B -C 12'."
            )
        if user_id in found:
            raise ConfigError(f"{where} names {user_id} a second time.")
        found[_validated_id(user_id, "user_id", where)] = hash_.encode()
    return found


def read_projects(path: Path) -> dict[str, Projects]:
    """Return the roles of each user in each project. Raises: ConfigError, naming the user."""
    content = read_yaml(path, _PROJECT_FILE)
    if not isinstance(content, dict | None):
        raise ConfigError(f"The {_PROJECT_FILE} {path} must map users to their projects.")
    return {
        user_id: _read_user_projects(projects, user_id, path) for user_id, projects in (content or {}).items()
    }


def _read_user_projects(stated: object, user_id: str, path: Path) -> Projects:
    where = f"User {user_id} in the {_PROJECT_FILE} {path}"
    if not isinstance(stated, dict) or not all(_is_list_of_role_names(roles) for roles in stated.values()):
        raise ConfigError(f"{where} must have projects with lists of roles, such as 'orders: [member]'.")
    return {
        _validated_id(project_id, "project_id", where): frozenset(role.lower() for role in roles)
        for project_id, roles in stated.items()
    }


def _is_list_of_role_names(stated: object) -> bool:
    return isinstance(stated, list) and all(isinstance(role, str) for role in stated)


def _validated_id(value: object, field: str, where: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{where} has a {field} that is not a string: {value!r}. Put it in quotes.")
    try:
        return validated_id(value, field)
    except InvalidInput as error:
        raise ConfigError(f"{where}: {error}") from error


def _password_matches(password: bytes, hash_: bytes) -> bool:
    try:
        return bcrypt.checkpw(password, hash_)
    except ValueError:
        # The password contains a NUL, which no valid password has.
        return False


def _decoy_hash(hashes: Mapping[str, bytes]) -> bytes:
    """Return a hash that no password matches, with the highest cost in the file."""
    costs = [int(hash_[4:6]) for hash_ in hashes.values()]
    return f"$2b${max(costs, default=_COST):02d}$".encode() + b"." * 53
