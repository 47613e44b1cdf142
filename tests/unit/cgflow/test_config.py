"""Options that operators of Cinder know (S144), and the message where an option does not exist."""

from __future__ import annotations

from pathlib import Path

import pytest
from oslo_config import cfg

from cgflow import config


def test_known_options_have_their_names_and_defaults_s144() -> None:
    conf = config.load_config([])
    assert conf.storage_availability_zone == "nova"
    assert conf.osapi_max_limit == 1000
    assert conf.no_snapshot_gb_quota is False
    assert conf.default_availability_zone is conf.default_volume_type is None


def test_known_options_are_obeyed_s144(tmp_path: Path) -> None:
    """S8."""
    file = tmp_path / "cgflow.conf"
    file.write_text(
        "[DEFAULT]\nstorage_availability_zone = az1\ndefault_volume_type = gold\n"
        "no_snapshot_gb_quota = true\nosapi_max_limit = 7\n"
    )
    settings = config.settings_from_config(config.load_config([file]))
    assert settings.availability_zone == "az1"
    assert (settings.default_volume_type, settings.osapi_max_limit) == ("gold", 7)
    assert settings.no_snapshot_gb_quota
    file.write_text(file.read_text() + "default_availability_zone = az2\n")
    assert config.settings_from_config(config.load_config([file])).availability_zone == "az2"


@pytest.mark.parametrize("line", ["osapi_max_limit = 0", "no_snapshot_gb_quota = perhaps"])
def test_a_value_that_is_none_is_refused_by_the_name_of_its_option(tmp_path: Path, line: str) -> None:
    file = tmp_path / "cgflow.conf"
    file.write_text(f"[DEFAULT]\n{line}\n")
    with pytest.raises(cfg.Error, match=line.partition(" ")[0]):
        config.load_config([file])


@pytest.mark.parametrize("name", ["quota_consistencygroups", "consistencygroup_api_class"])
def test_limits_and_code_are_not_chosen_by_options_s90_s144(name: str) -> None:
    with pytest.raises(cfg.NoSuchOptError):
        getattr(config.load_config([]), name)
