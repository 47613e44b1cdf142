"""A service for other hosts: authenticated callers are served, and the command can authenticate."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import bcrypt
import pytest
import requests

from tests.integration.conftest import Start
from tests.integration.test_start_refusals import refused
from tests.support.keystone_server import keystone

pytestmark = pytest.mark.real

CGFLOW = str(Path(sys.executable).with_name("cgflow"))


def cgflow(url: str, environ: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "CGFLOW_"))}
    return subprocess.run(
        [CGFLOW, "--url", url, *words],
        env={**others, **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def basic(place: Path) -> Path:
    """A configuration with one user, ada, who is a member of one project, orders."""
    hash_ = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    (place / "htpasswd").write_text(f"ada:{hash_}\n")
    (place / "projects.yaml").write_text("ada: {orders: [member]}\n")
    conf = place / "cgflow.conf"
    conf.write_text(
        "[DEFAULT]\n"
        "auth_strategy = http_basic\n"
        f"http_basic_auth_user_file = {place / 'htpasswd'}\n"
        f"http_basic_auth_project_file = {place / 'projects.yaml'}\n"
    )
    return conf


def test_passwords_on_every_address(start: Start, place: Path, basic: Path) -> None:
    project = start("--config-file", str(basic), backend="memory", ready=False)
    project.served._bind = "0.0.0.0:0"
    project.served.start()
    url = project.served.url.replace("0.0.0.0", "127.0.0.1")
    ada = {"CGFLOW_USER": "ada", "CGFLOW_PASSWORD": "secret", "CGFLOW_PROJECT": "orders"}
    made = cgflow(url, ada, "volume", "create", "v", "--size", "1", "--wait")
    assert made.returncode == 0, made.stderr
    old_names = {"OS_USERNAME": "ada", "OS_PASSWORD": "secret", "CGFLOW_PROJECT": "orders"}
    assert "available" in cgflow(url, old_names, "volume", "list").stdout
    for wrong in ({"CGFLOW_PASSWORD": "guess"}, {"CGFLOW_USER": "eve"}):
        said = cgflow(url, {**ada, **wrong}, "volume", "list")
        assert said.returncode != 0
        assert "The user or the password is wrong." in said.stderr
    answer = requests.get(f"{url}/v3/volumes", headers={"X-Auth-Token": "ada:orders"}, timeout=30)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_tokens_of_keystone(start: Start, place: Path, tmp_path: Path) -> None:
    with keystone(tmp_path) as identity:
        project_id = identity.project("orders")
        identity.user("ada", project_id, "member")
        conf = place / "cgflow.conf"
        conf.write_text(identity.authtoken())
        url = start("--config-file", str(conf), backend="memory").served.url
        ada = identity.environ("ada", "orders")
        made = cgflow(url, ada, "volume", "create", "v", "--size", "1", "--wait")
        assert made.returncode == 0, made.stderr
        shown = cgflow(url, ada, "quota", "show")
        assert shown.returncode == 0, shown.stderr
        token = {"OS_TOKEN": identity.token("ada", "orders")}
        assert "available" in cgflow(url, token, "volume", "list").stdout
        said = cgflow(url, {**ada, "OS_PASSWORD": "guess"}, "volume", "list")
        assert said.returncode != 0
        assert "Keystone refused" in said.stderr
        assert cgflow(url, {}, "volume", "list").returncode != 0


def test_what_the_service_does_not_start_with(place: Path, basic: Path) -> None:
    def said(text: str) -> str:
        conf = place / "bad.conf"
        conf.write_text(text)
        told = refused(place / "s", "--config-file", str(conf))
        assert not (place / "s").exists()
        return told

    assert "magic" in said("[DEFAULT]\nauth_strategy = magic\n")
    assert "cannot be read: No such file" in said("[DEFAULT]\nauth_strategy = http_basic\n")
    assert "must set auth_type" in said("[DEFAULT]\nauth_strategy = keystone\n")
    policy = place / "policy.yaml"
    policy.write_text("volume:fly: '@'\n")
    assert "volume:fly" in said(f"[oslo_policy]\npolicy_file = {policy}\n")
    (place / "htpasswd").write_text("ada:secret\n")
    assert "bcrypt" in said(basic.read_text())
