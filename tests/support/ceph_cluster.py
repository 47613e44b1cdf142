"""A minimal Ceph cluster on loopback: a monitor, an OSD in memory and a manager without modules."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from cgflow.drivers.rbd.driver import PLUGIN, RbdDriver
from tests.support.requirements import poll_until, skip_or_fail

POOL = "volumes"
USER = "cgflow"
PYTHON = "/usr/bin/python3"
_PROGRAMS = ("ceph-mon", "ceph-osd", "ceph-mgr", "monmaptool", "ceph", "rbd")
_CAPS = {
    "mon.": {"mon": "allow *"},
    "client.admin": {"mon": "allow *", "osd": "allow *", "mgr": "allow *"},
    "osd.0": {"mon": "allow profile osd", "mgr": "allow profile osd", "osd": "allow *"},
    "mgr.x": {"mon": "allow profile mgr", "osd": "allow *"},
    # The capabilities that docs/rbd.md recommends.
    f"client.{USER}": {
        "mon": "profile rbd",
        "osd": f"profile rbd pool={POOL}",
        "mgr": f"profile rbd pool={POOL}",
    },
}
_CONF = """
[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{port}/0]
public_addr = 127.0.0.1
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
keyring = {root}/keyring
run_dir = {root}
admin_socket =
pid_file =
log_file = {root}/$name.log
crash_dir = {root}/crash
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_autoscale_mode = off
mon_allow_pool_size_one = true
osd_crush_chooseleaf_type = 0
[mon]
mon_data = {root}/mon
mon_cluster_log_file = {root}/cluster.log
mon_data_avail_crit = 1
# A change of the map waits this long for others to join it, which here are none: each snapshot is a change.
paxos_propose_interval = 0.01
paxos_min_wait = 0.001
# An OSD that a test stops must not be declared down meanwhile.
mon_osd_min_down_reporters = 10
mon_osd_report_timeout = 900
[mgr]
mgr_data = {root}/mgr
mgr_module_path = {root}/modules
mgr_initial_modules =
[osd]
osd_data = {root}/osd
osd_objectstore = memstore
memstore_device_bytes = 4294967296
osd_snap_trim_sleep = 0.001
# The right of an OSD to answer reads lapses while a test stops it. One without replicas may not regain it,
# and its placement group stays "laggy" for good. The lease is this many times the grace of heartbeats, 20 s.
osd_pool_default_read_lease_ratio = 45
"""


class Cluster:
    """Runs from construction until ``close``. Without Ceph the test is skipped, or fails in CI."""

    def __init__(self) -> None:
        require_ceph()
        self.root = Path(tempfile.mkdtemp(prefix="ceph-", dir="/tmp"))
        self.conf = self.root / "ceph.conf"
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def pause(self, daemon: str) -> None:
        """Stop the process of ``mon`` or ``osd``, whatever it is doing, until ``resume``."""
        self._daemons[daemon].send_signal(signal.SIGSTOP)

    def resume(self, daemon: str) -> None:
        """Let a paused daemon continue."""
        self._daemons[daemon].send_signal(signal.SIGCONT)

    def run(self, *command: str) -> str:
        """Run a Ceph command as the cluster's administrator; return its output."""
        asked = [command[0], "--conf", str(self.conf), *command[1:]]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{' '.join(asked)}: {done.stderr}"
        return done.stdout

    def make_driver(self, state_dir: Path, **options: object) -> RbdDriver:
        """Return a driver of the pool that is not started. ``options`` replace those of the cluster."""
        defaults = {option.dest: option.default for option in PLUGIN.options}
        own = {"conf": str(self.conf), "pool": POOL, "user": USER, "python": PYTHON}
        driver = PLUGIN.make(name="rbd", state_dir=state_dir, **{**defaults, **own, **options})
        assert isinstance(driver, RbdDriver)
        return driver

    def check(self) -> None:
        """Check that all daemons are running, so that a test reports which one died, and of what."""
        for name, daemon in self._daemons.items():
            if daemon.poll() is not None:
                words = (self.root / f"{name}.out").read_text().splitlines()[-20:]
                raise AssertionError("\n".join([f"ceph-{name} ended with {daemon.returncode}:", *words]))

    def close(self) -> None:
        """End all daemons, and remove their data."""
        for daemon in self._daemons.values():
            daemon.kill()
            daemon.wait()
        shutil.rmtree(self.root)

    def _begin(self) -> None:
        for name in ("mon", "osd", "mgr", "modules", "crash"):
            (self.root / name).mkdir()
        fsid, osd, port = str(uuid4()), str(uuid4()), _free_port()
        self.conf.write_text(_CONF.format(fsid=fsid, port=port, root=self.root))
        keyring, monmap = self.root / "keyring", self.root / "monmap"
        keyring.write_text("".join(_entry(name, caps) for name, caps in _CAPS.items()))
        self.run(
            "monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v2:127.0.0.1:{port}/0]", str(monmap)
        )
        self.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", str(monmap), "--keyring", str(keyring))
        self._start("mon", "ceph-mon", "-i", "a")
        self.run("ceph", "osd", "new", osd, "0")
        self.run("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", osd)
        self._start("osd", "ceph-osd", "-i", "0")
        self._start("mgr", "ceph-mgr", "-i", "x")
        self.run("ceph", "osd", "pool", "create", POOL, "8", "8")
        self.run("rbd", "pool", "init", POOL)
        # The manager reports the free space a moment after everything else works.
        poll_until(self._is_counted, "the pool counted by the manager")

    def _is_counted(self) -> bool:
        pools = json.loads(self.run("ceph", "df", "--format", "json"))["pools"]
        return any(pool["name"] == POOL and pool["stats"]["max_avail"] for pool in pools)

    def _start(self, name: str, *command: str) -> None:
        # Start in the root directory, as init does. On Debian 13 Ceph looks for its classes in the relative
        # path "lib/...", and an OSD that does not find the class rbd refuses nearly all requests for images.
        with (self.root / f"{name}.out").open("wb") as out:
            self._daemons[name] = subprocess.Popen(
                [*command, "--conf", str(self.conf), "-f"], stdout=out, stderr=out, cwd="/"
            )


def require_ceph() -> None:
    """Check that Ceph's daemons, commands and Python bindings are installed."""
    lacking = [program for program in _PROGRAMS if shutil.which(program) is None]
    if lacking:
        skip_or_fail(f"{lacking[0]} is missing (apt-get install ceph-mon ceph-osd ceph-mgr ceph-common)")
    found = subprocess.run([PYTHON, "-c", "import rados, rbd"], capture_output=True, check=False)
    if found.returncode != 0:
        skip_or_fail(f"{PYTHON} lacks Ceph's bindings (apt-get install python3-rbd python3-rados)")


def _entry(name: str, caps: dict[str, str]) -> str:
    key = base64.b64encode(struct.pack("<HIIH", 1, int(time.time()), 0, 16) + os.urandom(16)).decode()
    return f"[{name}]\n key = {key}\n" + "".join(f' caps {of} = "{what}"\n' for of, what in caps.items())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
