"""Backends are configured by sections of the configuration, and each mistake is reported by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from oslo_config import cfg

from cgflow import backends, config
from cgflow.drivers.contract import StorageDriver
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.drivers.qsd.driver import QsdDriver
from cgflow.errors import ConfigError


def made(folder: Path, text: str, *names: str) -> dict[str, StorageDriver]:
    file = folder / "cgflow.conf"
    file.write_text(text)
    conf = config.load_config([file])
    return backends.make_drivers(conf, list(names) or conf.enabled_backends, folder)


def test_without_a_word_it_is_qsd_in_the_state_directory_of_the_service(tmp_path: Path) -> None:
    found = made(tmp_path, "")
    assert list(found) == ["qsd"]
    assert isinstance(found["qsd"], QsdDriver)


def test_several_of_one_kind_have_options_and_files_of_their_own(tmp_path: Path) -> None:
    found = made(
        tmp_path,
        "[DEFAULT]\nenabled_backends = small, large\n"
        f"[small]\ndriver = memory\ncapacity_gib = 3\nstate_dir = {tmp_path}\n"
        "[large]\ndriver = memory\ncapacity_gib = 70.5\n",
    )
    assert {name: driver.report().total_gib for name, driver in found.items()} == {"small": 3, "large": 70.5}
    small = found["small"]
    small.start()
    small.stop()
    assert (tmp_path / "small.journal").exists()
    assert small.report().capabilities["volume_backend_name"] == "small"


def test_a_backend_named_on_the_command_line_has_its_section(tmp_path: Path) -> None:
    found = made(tmp_path, "[DEFAULT]\nenabled_backends = qsd\n[memory]\ncapacity_gib = 5\n", "memory")
    assert isinstance(found["memory"], MemoryDriver)
    assert found["memory"].report().total_gib == 5


@pytest.mark.parametrize(
    ("text", "names", "said"),
    [
        ("[DEFAULT]\nenabled_backends =\n", (), "No backend is configured"),
        ("[DEFAULT]\nenabled_backends = memory,memory\n", (), "memory is named more than once"),
        (
            "[a]\ndriver = memory\ncapacity = 7\n",
            ("a",),
            "no option capacity. Valid options: capacity_gib",
        ),
        ("[a]\ndriver = tape\n", ("a",), "There is no driver 'tape'. Installed drivers: .*memory"),
        ("", ("tape",), "There is no driver 'tape'"),
        ("", ("a/b",), "letters, digits"),
        ("[a]\ndriver = qsd\nnbd_ports = 9-1\nnbd_address = 127.0.0.1\n", ("a",), "nbd_ports"),
        ("[a]\ndriver = btrfs\n", ("a",), "Backend a needs the option path: Directory on a mounted btrfs"),
        ("[a]\ndriver = btrfs\npath =\n", ("a",), "Backend a needs the option path"),
    ],
)
def test_what_there_is_not_is_refused(tmp_path: Path, text: str, names: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        made(tmp_path, text, *names)


@pytest.mark.parametrize(
    ("driver", "option", "value", "reason"),
    [
        ("memory", "capacity_gib", "much", "could not convert string to float: 'much'"),
        ("memory", "capacity_gib", "0", "Should be greater than or equal to 1"),
        ("memory", "cut_level", "perfect", r"Valid values are \[crash, per-volume\], but found 'perfect'"),
        ("btrfs", "max_over_subscription_ratio", "0.5", "Should be greater than or equal to 1"),
        ("qsd", "max_over_subscription_ratio", "0.5", "Should be greater than or equal to 1"),
        ("qsd", "max_chain_depth", "2", "Should be greater than or equal to 3"),
        ("qsd", "linked_clones", "perhaps", "Unexpected boolean value 'perhaps'"),
        ("rbd", "timeout_s", "0", "Should be greater than or equal to 1"),
        ("rbd", "long_timeout_s", "soon", "could not convert string to float: 'soon'"),
        ("rbd", "max_over_subscription_ratio", "0", "Should be greater than or equal to 1"),
    ],
)
def test_invalid_values_are_refused_with_backend_option_and_reason(
    tmp_path: Path, driver: str, option: str, value: str, reason: str
) -> None:
    with pytest.raises(cfg.Error, match=f"backend a: .* {option} .*{reason}"):
        made(tmp_path, f"[a]\ndriver = {driver}\n{option} = {value}\n", "a")


def test_options_reach_the_driver(tmp_path: Path) -> None:
    section = "[a]\ndriver = memory\ncapacity_gib = 7\ncut_level = per-volume\n"
    report = made(tmp_path, section, "a")["a"].report()
    assert (report.total_gib, report.capabilities["cut_level"]) == (7, "per-volume")
