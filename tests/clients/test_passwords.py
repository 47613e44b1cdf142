"""The clients against a service that authenticates callers by its own passwords."""

from __future__ import annotations

from pathlib import Path

import bcrypt
import pytest

from tests.integration.conftest import Start
from tests.support.cinder_command import CinderCommand
from tests.support.openstack_clients import Access
from tests.support.openstack_command import OpenstackCommand
from tests.support.sdk_process import SdkError, connect_sdk

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(scope="module")
def url(start: Start, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A service that knows audrey, an administrator of one project, ``orders``."""
    folder = tmp_path_factory.mktemp("conf")
    hash_ = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    (folder / "htpasswd").write_text(f"audrey:{hash_}\n")
    (folder / "projects.yaml").write_text("audrey: {orders: [admin]}\n")
    (folder / "cgflow.conf").write_text(
        "[DEFAULT]\n"
        "auth_strategy = http_basic\n"
        f"http_basic_auth_user_file = {folder / 'htpasswd'}\n"
        f"http_basic_auth_project_file = {folder / 'projects.yaml'}\n"
    )
    return start("--config-file", str(folder / "cgflow.conf"), backend="memory").served.url


def access(url: str, password: str = "secret") -> Access:
    endpoint = f"{url}/v3/orders"
    who = {"OS_USERNAME": "audrey", "OS_PASSWORD": password}
    return Access(
        "orders",
        {**who, "OS_AUTH_TYPE": "http_basic", "OS_ENDPOINT": endpoint},
        # This client accepts the authentication type only as an option, and requires a project.
        who,
        ("--os-auth-type", "http_basic", "--os-endpoint", endpoint, "--os-project-id", "orders"),
    )


def test_the_sdk(url: str, programs: Path, tmp_path: Path) -> None:
    with connect_sdk(programs, access(url), tmp_path / "log") as sdk:
        made = sdk.create_type(name="t")
        assert sdk.find_type("t")["id"] == made["id"]
        assert sdk.get_limits()["absolute"]["total_volumes_used"] == 0
        sdk.delete_type(made["id"])
    with (
        connect_sdk(programs, access(url, "guess"), tmp_path / "log") as sdk,
        pytest.raises(SdkError) as refusal,
    ):
        sdk.types()
    assert "The user or the password is wrong." in refusal.value.message


def test_the_openstack_command(url: str, programs: Path) -> None:
    openstack = OpenstackCommand(programs, access(url))
    assert openstack.json("volume", "list") == []
    assert openstack.json("consistency", "group", "list") == []
    assert "password is wrong" in OpenstackCommand(programs, access(url, "guess")).refused("volume", "list")


def test_the_cinder_command(url: str, programs: Path) -> None:
    cinder = CinderCommand(programs, access(url))
    made = cinder("type-create", "t").rows[0][0]
    assert [row[0] for row in cinder("type-list").rows] == [made]
    assert "password is wrong" in CinderCommand(programs, access(url, "guess")).refused("list")
