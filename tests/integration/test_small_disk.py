"""The complete state on a small file system: when full, it refuses new resources, deletes, and reports it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import requests

from cgflow.client.http import Accepted, ServiceError
from tests.integration.conftest import Start
from tests.integration.test_storage import cramped
from tests.support.disks import fill_file_system
from tests.support.requirements import mount_tmpfs, poll_until
from tests.support.served_project import Project

pytestmark = pytest.mark.real


def health(project: Project) -> dict[str, str]:
    answer: dict[str, str] = requests.get(f"{project.served.url}/healthcheck", timeout=60).json()
    return answer


def test_a_full_disk_never_prevents_deleting(start: Start) -> None:
    project = start(ready=False)
    with cramped(project, project.served.state_dir):
        group_id, members = project.group(2)
        cgsnapshot_id = project.made(project.ask_cgsnapshot(group_id))
        project.write(members[0], 9)
        filler = fill_file_system(project.served.state_dir)
        with pytest.raises(ServiceError, match="full"):
            project.ask_volume(group_id)

        project.end(project.client.cgsnapshots.delete(cgsnapshot_id).flow_id)
        with pytest.raises(ServiceError, match="full"):
            project.ask_volume(group_id)
        assert health(project)["database"] == "is full: only deletions are accepted"
        # Deletion also works after a restart on a full disk.
        project.served.kill()
        project.served.start()
        project.end(project.client.consistencygroups.delete(group_id, force=True).flow_id)
        assert project.usage() == {}
        assert project.homes() == {}

        filler.unlink()
        project.group(1, "after")
        poll_until(lambda: health(project)["database"] == "ok", "a database that takes what is written")
        project.check()


def test_a_database_that_was_read_only_at_the_start_is_written_to_later(place: Path, start: Start) -> None:
    project = start(backend="memory", ready=False)
    with mount_tmpfs(project.served.state_dir, "size=160m") as folder:
        project.served.start()
        project.made(project.ask_volume())
        assert project.served.stop() == 0
        # The lock file must stay writable, so only the database is made read-only.
        database = folder / "cgflow.db"
        subprocess.run(["mount", "--bind", database, database], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", database], check=True)
        try:
            project.served.start()
            assert health(project)["database"] == "does not accept writes"
            with pytest.raises(ServiceError) as refusal:
                project.ask_volume()
            assert refusal.value.status == 503
        finally:
            subprocess.run(["mount", "-o", "remount,bind,rw", database], check=True)
        project.made(poll_until(lambda: accepted(project), "a database that is written to again"))
        poll_until(lambda: health(project)["database"] == "ok", "health that says so")
        project.served.end()
        subprocess.run(["umount", "--lazy", database], check=True)


def accepted(project: Project) -> Accepted | None:
    try:
        return project.ask_volume()
    except ServiceError:
        return None
