"""OpenStack's integration suite, run against a served cgflow and a keystone."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests

from tests.support.keystone_server import ADMIN_PASSWORD, REGION, Keystone
from tests.support.virtual_environments import install_environment

PACKAGE = "tempest==47.0.0"
WORKERS = 2

# Volumes in memory are ready at once, so polling needs no pauses.
_CONF = """\
[DEFAULT]
log_file = {folder}/tempest.log
use_stderr = false
[oslo_concurrency]
lock_path = {folder}/locks
[auth]
use_dynamic_credentials = true
create_isolated_networks = false
tempest_roles = member
admin_username = admin
admin_password = {password}
admin_project_name = admin
admin_domain_name = Default
[identity]
uri_v3 = {keystone_url}
auth_version = v3
region = {region}
v3_endpoint_type = public
[identity-feature-enabled]
api_v3 = true
[service_available]
cinder = true
nova = false
# Neither is there. Whole classes of plain volume tests are skipped unless both are claimed.
glance = true
neutron = true
swift = false
[volume]
catalog_type = block-storage
endpoint_type = public
region = {region}
build_interval = 0
build_timeout = 120
volume_size = 1
max_microversion = {max_microversion}
storage_protocol = {storage_protocol}
vendor_name = {vendor_name}
[volume-feature-enabled]
backup = false
snapshot = true
clone = true
multi_backend = false
manage_volume = false
manage_snapshot = false
extend_volume_with_snapshot = true
consistency_group = true
volume_revert = true
[compute-feature-enabled]
# Claimed for the tests of a retype to a type with multiattach.
volume_multiattach = true
[enforce_scope]
cinder = false
"""

_STESTR_CONF = """\
[DEFAULT]
test_path={packages}/tempest/test_discover
top_dir={packages}
group_regex=([^\\.]*\\.)*
"""

# One line for each test, or for a class whose setup failed, with the error below it.
_RESULT = re.compile(
    r"^\{\d+\} (.+?) \[[\d.]+s\] \.\.\. (\w+)(.*?)(?=^\{\d+\} |^=+$|\Z)", re.MULTILINE | re.DOTALL
)
PASSED = "ok"
NOT_RUN = "not run"


class Tempest:
    """The suite, configured for one volume service in keystone's catalog."""

    def __init__(self, folder: Path, identity: Keystone, volume_url: str) -> None:
        self._folder = folder
        self._programs = install_environment("tempest", PACKAGE)
        token = identity.token("admin", "admin", ADMIN_PASSWORD)
        pool = _get_json(f"{volume_url}/v3/scheduler-stats/get_pools?detail=true", token)["pools"][0][
            "capabilities"
        ]
        versions = _get_json(f"{volume_url}/", token)["versions"][0]
        (folder / "locks").mkdir()
        (folder / "tempest.conf").write_text(
            _CONF.format(
                folder=folder,
                password=ADMIN_PASSWORD,
                keystone_url=identity.url,
                region=REGION,
                max_microversion=versions["version"],
                storage_protocol=pool["storage_protocol"],
                vendor_name=pool["vendor_name"],
            )
        )
        packages = next(self._programs.parent.glob("lib/python*/site-packages"))
        (folder / ".stestr.conf").write_text(_STESTR_CONF.format(packages=packages))
        self._run("stestr", "init")

    def run(self, tests: Sequence[str]) -> dict[str, str]:
        """Run tests by their full names; return those that did not pass, each with the reason."""
        # The suite's names end with attributes in brackets.
        (self._folder / "tests.txt").write_text("".join(f"^{re.escape(name)}\\[\n" for name in tests))
        words = ("--config-file", "tempest.conf", "--include-list", "tests.txt")
        said = self._run("tempest", "run", *words, "--concurrency", str(WORKERS))
        results = {name: (outcome, reason) for name, outcome, reason in _RESULT.findall(said)}
        if not results:
            return {"tempest": said[-4000:]}
        missing = {name: NOT_RUN for name in tests if name not in results}
        failed = {name: reason for name, (outcome, reason) in results.items() if outcome != PASSED}
        return {**missing, **failed}

    def discover(self) -> list[str]:
        """Return the full names of all block-storage tests of the suite."""
        words = (
            "run",
            "--config-file",
            "tempest.conf",
            "--list-tests",
            "--regex",
            r"^tempest\.api\.volume\.",
        )
        return re.findall(r"^(tempest\.api\.volume\.[\w.]+)", self._run("tempest", *words), re.MULTILINE)

    def _run(self, program: str, *words: str) -> str:
        done = subprocess.run(
            [str(self._programs / program), *words],
            cwd=self._folder,
            env={"PATH": f"{self._programs}:/usr/bin:/bin", "HOME": str(self._folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout


@contextmanager
def absent_service() -> Iterator[str]:
    """Serve 404 for every request, and yield the URL. Tempest calls a network service when it cleans up."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _NotFound)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _NotFound(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b'{"NeutronError": {"type": "HTTPNotFound", "message": "Not here.", "detail": ""}}'
        self.send_response(404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Suppress the log."""


def _get_json(url: str, token: str) -> dict[str, list[dict[str, dict[str, str]]]]:
    answer: dict[str, list[dict[str, dict[str, str]]]]
    answer = requests.get(url, headers={"X-Auth-Token": token}, timeout=60).json()
    return answer
