"""One service with several backends: the requirements of a type decide where volumes and groups go."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.conftest import Start

pytestmark = pytest.mark.real

CONFIGURATION = """
[first]
driver = memory
capacity_gib = 10
[second]
driver = memory
"""


def test_a_type_that_names_a_backend_finds_it(place: Path, start: Start) -> None:
    file = place / "cgflow.conf"
    file.write_text(CONFIGURATION)
    project = start("--backend", "second", "--config-file", str(file), backend="first")
    client = project.client
    hosts: dict[str, str] = {}
    for name in ("first", "second"):
        specs = {"volume_backend_name": name, "consistencygroup_support": "<is> True"}
        client.types.create(name, None, is_public=True, extra_specs=specs)
        group_id = project.made(client.consistencygroups.create(name, [name], None, None))
        asked = client.volumes.create(
            name,
            1,
            volume_type=name,
            consistencygroup_id=group_id,
            description=None,
            availability_zone=None,
        )
        hosts[name] = str(client.volumes.get(project.made(asked))["os-vol-host-attr:host"])
        project.made(project.ask_cgsnapshot(group_id))
    assert {name: host.partition("@")[2] for name, host in hosts.items()} == {
        "first": "first#first",
        "second": "second#second",
    }
