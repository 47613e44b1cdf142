"""A real keystone on a free port of this host: SQLite, fernet keys, and an administrator to set it up."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keystoneauth1.adapter import Adapter
from keystoneauth1.identity.v3 import Password
from keystoneauth1.session import Session

from tests.support.virtual_environments import folder_lock, install_environment

PACKAGES = ("keystone==30.0.0", "waitress")
ADMIN_PASSWORD = "opened"
REGION = "here"
READY_S = 120
SERVE = Path(__file__).with_name("keystone_serve.py")
EXPIRED = Path(__file__).with_name("keystone_expired_token.py")

_CONF = """\
[DEFAULT]
log_file = {folder}/keystone.log
[cache]
enabled = true
backend = dogpile.cache.memory
[database]
connection = sqlite:///{folder}/keystone.db
[fernet_tokens]
key_repository = {folder}/fernet
[credential]
key_repository = {folder}/credentials
[identity]
password_hash_rounds = 4
[oslo_policy]
enforce_scope = false
"""


class Keystone:
    """A running identity service. Everything is created in the domain ``Default``."""

    def __init__(self, url: str, folder: Path, programs: Path) -> None:
        self.url = url
        self.folder = folder
        self._programs = programs
        admin = Session(self.auth("admin", "admin", ADMIN_PASSWORD))
        self._api = Adapter(admin, endpoint_override=url)
        self._roles = {role["name"]: role["id"] for role in self._get("/roles")["roles"]}
        self._made("region", {"id": REGION})
        self.serve_at("identity", "keystone", url)
        self.user("cgflow", self.project("service"), "admin", "service")

    def auth(self, user: str, project: str, password: str) -> Password:
        """Return the authentication of a user in a project, both by name."""
        return Password(
            self.url,
            username=user,
            password=password,
            project_name=project,
            user_domain_name="Default",
            project_domain_name="Default",
        )

    def token(self, user: str, project: str, password: str = "secret") -> str:
        """Return a new token."""
        token = self.auth(user, project, password).get_token(Session())
        assert token is not None
        return token

    def environ(self, user: str, project: str, password: str = "secret") -> dict[str, str]:
        """Return the environment variables that the clients read."""
        return {
            "OS_AUTH_URL": self.url,
            "OS_USERNAME": user,
            "OS_PASSWORD": password,
            "OS_PROJECT_NAME": project,
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_PROJECT_DOMAIN_NAME": "Default",
            "OS_IDENTITY_API_VERSION": "3",
            "OS_REGION_NAME": REGION,
        }

    def project(self, name: str) -> str:
        """Create a project and return its id."""
        return self._made("project", {"name": name, "domain_id": "default"})

    def role(self, name: str) -> str:
        """Create a role and return its id; the roles of keystone's bootstrap exist already."""
        self._roles[name] = self._made("role", {"name": name})
        return self._roles[name]

    def user(self, name: str, project_id: str, *roles: str, password: str = "secret") -> str:
        """Create a user with roles in a project and return the user's id."""
        user_id = self._made("user", {"name": name, "password": password, "domain_id": "default"})
        for role in roles:
            self._api.put(f"/projects/{project_id}/users/{user_id}/roles/{self._roles[role]}")
        return user_id

    def serve_volumes_at(self, url: str) -> None:
        """Register the volume service in the catalog, under each of its service types."""
        for kind in ("volumev3", "block-storage"):
            self.serve_at(kind, f"cgflow-{kind}", url)

    def authtoken(self) -> str:
        """Return the configuration with which a service validates tokens here."""
        return f"""\
[DEFAULT]
auth_strategy = keystone
[keystone_authtoken]
www_authenticate_uri = {self.url}
auth_url = {self.url}
auth_type = password
username = cgflow
password = secret
project_name = service
user_domain_name = Default
project_domain_name = Default
service_token_roles = service
service_token_roles_required = true
"""

    def revoke(self, token: str) -> None:
        """Revoke a token."""
        self._api.delete("/auth/tokens", headers={"X-Subject-Token": token})

    def expired_token(self, user_id: str, project_id: str) -> str:
        """Return a token that expired a minute ago."""
        words = [self._programs / "python", "-P", EXPIRED, user_id, project_id]
        return run(words, self.folder).stdout.strip()

    def serve_at(self, kind: str, name: str, url: str) -> None:
        """Register a service of a type in the catalog."""
        service_id = self._made("service", {"name": name, "type": kind})
        for interface in ("public", "internal", "admin"):
            endpoint = {"service_id": service_id, "interface": interface, "url": url, "region_id": REGION}
            self._made("endpoint", endpoint)

    def _made(self, noun: str, fields: dict[str, object]) -> str:
        return str(self._api.post(f"/{noun}s", json={noun: fields}).json()[noun]["id"])

    def _get(self, path: str) -> Any:
        return self._api.get(path).json()


@contextmanager
def keystone(folder: Path) -> Iterator[Keystone]:
    """Run a keystone with its state in an empty folder."""
    programs = install_environment("keystone", *PACKAGES)
    shutil.copytree(_bootstrapped(programs), folder, dirs_exist_ok=True)
    (folder / "keystone.conf").write_text(_CONF.format(folder=folder))
    with (folder / "stderr.log").open("w") as complaints:
        process = subprocess.Popen(
            [programs / "python", "-P", SERVE],
            env=_environ(folder),
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
        )
    with process:
        try:
            url = _ready(process)
            assert url, f"keystone did not start: {(folder / 'stderr.log').read_text()[-2000:]}"
            yield Keystone(url, folder, programs)
        finally:
            process.kill()


def _bootstrapped(programs: Path) -> Path:
    """Return a template folder: the state of a keystone with an administrator and no address yet."""
    made = programs.parent / "bootstrapped"
    with folder_lock(programs.parent):
        if not made.exists():
            folder = programs.parent / "bootstrapping"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            conf = folder / "keystone.conf"
            conf.write_text(_CONF.format(folder=folder))
            manage = (programs / "keystone-manage", "--config-file", conf)
            run([*manage, "db_sync"], folder)
            owner = ("--keystone-user", str(os.geteuid()), "--keystone-group", str(os.getegid()))
            for kind in ("fernet", "credential"):
                run([*manage, f"{kind}_setup", *owner], folder)
            run([*manage, "bootstrap", f"--bootstrap-password={ADMIN_PASSWORD}"], folder)
            folder.rename(made)
    return made


def _ready(process: subprocess.Popen[str]) -> str:
    """Return the address that a process reports to serve at; empty if it ends before."""
    # Without the timer, a process that hangs before it is ready would block for ever.
    timer = threading.Timer(READY_S, process.kill)
    timer.start()
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    timer.cancel()
    return url


def run(words: Sequence[object], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of keystone that must succeed."""
    done = subprocess.run(
        list(map(str, words)), env=_environ(folder), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{words}: {done.stderr[-2000:]}"
    return done


def _environ(folder: Path) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    return {**others, "OS_KEYSTONE_CONFIG_FILES": str(folder / "keystone.conf")}
