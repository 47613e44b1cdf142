"""Every misspelt option is reported by name, and refused if security depends on it; so is a stray ``$``."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from cgflow import backends, config
from cgflow.config_spelling import DEFAULT
from cgflow.errors import ConfigError

OPTIONS = [(group or DEFAULT, option.dest) for group, options in config.list_opts() for option in options]
SECURE = (
    "auth_strategy",
    "http_basic_auth_user_file",
    "http_basic_auth_project_file",
    "trusted_proxies",
    "policy_file",
)
KEYSTONE = [
    ("keystone_authtoken", name) for name in ("auth_url", "password", "www_authenticate_uri", "cafile")
]


def said(tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str) -> tuple[str, bool]:
    """Return the messages about a configuration, and whether it is refused."""
    file = tmp_path / "cgflow.conf"
    file.write_text(text)
    with caplog.at_level(logging.WARNING, "cgflow"):
        try:
            conf = config.load_config([file])
            backends.make_drivers(conf, [name for name in conf.enabled_backends if name != "rbd"], tmp_path)
        except ConfigError as error:
            return error.message, True
    return "\n".join(caplog.messages), False


@pytest.mark.parametrize(("section", "option"), [*OPTIONS, *KEYSTONE])
def test_every_option_that_is_misspelt_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, section: str, option: str
) -> None:
    wrong = option[:-2] + option[-1]
    told, is_refused = said(tmp_path, caplog, f"[{section}]\n{wrong} = 1\n")
    assert f" {wrong} " in told or f" {wrong}." in told
    if section not in ("btrfs", "memory", "qsd", "rbd"):
        assert is_refused is (option in SECURE or section == "keystone_authtoken"), told
        assert f"Is {option} in [{section}] meant?" in told


@pytest.mark.parametrize(("section", "option"), [*OPTIONS, *KEYSTONE])
def test_an_option_is_not_read_under_another_spelling(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, section: str, option: str
) -> None:
    """oslo.config reads neither dashes nor capitals, so an option written with them would have no effect."""
    for wrong in {option.replace("_", "-"), option.upper()} - {option}:
        told, is_refused = said(tmp_path, caplog, f"[{section}]\n{wrong} = 1\n")
        assert f" {wrong} " in told or f" {wrong}." in told
        if section not in ("btrfs", "memory", "qsd", "rbd"):
            assert is_refused is (option in SECURE or section == "keystone_authtoken"), told


@pytest.mark.parametrize("section", [*(group or DEFAULT for group, _ in config.GROUPS), "keystone_authtoken"])
def test_every_section_that_is_misspelt_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, section: str
) -> None:
    wrong = section[:-2] + section[-1]
    told, is_refused = said(tmp_path, caplog, f"[{wrong}]\nx = 1\n")
    assert f"a section [{wrong}] that nothing reads. Is [{section}] meant?" in told
    assert is_refused is (section in (DEFAULT, "http", "oslo_policy", "keystone_authtoken"))


def test_an_option_in_another_section_is_told_where_it_belongs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told, is_refused = said(tmp_path, caplog, "[DEFAULT]\npolicy_file = /p\n")
    assert "Is policy_file in [oslo_policy] meant?" in told
    assert is_refused


@pytest.mark.parametrize("value", ["/srv/ht$passwd", "${nobody}", "a$b.c", "x$engine.nothing"])
@pytest.mark.parametrize(("section", "option"), [*OPTIONS, *KEYSTONE])
def test_a_dollar_sign_that_refers_to_nothing_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, section: str, option: str, value: str
) -> None:
    told, is_refused = said(tmp_path, caplog, f"[{section}]\n{option} = {value}\n")
    assert is_refused
    assert f"The value of {option} in [{section}] has $" in told
    assert "Write $$ for a dollar sign." in told


@pytest.mark.parametrize(
    ("value", "read"),
    [("/srv/ht$$passwd", "/srv/ht$passwd"), ("/$default_volume_type/x", "/gold/x"), ("cost$1", "cost$1"),
     ("$engine.max_flows", "8")],
)  # fmt: skip
def test_references_and_escaped_dollar_signs_are_read(tmp_path: Path, value: str, read: str) -> None:
    file = tmp_path / "cgflow.conf"
    file.write_text(f"[DEFAULT]\ndefault_volume_type = gold\nhttp_basic_auth_user_file = {value}\n")
    assert config.load_config([file]).http_basic_auth_user_file == read
