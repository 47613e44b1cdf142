"""A served cgflow in a process of its own: started, killed, started again, and its daemons ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from cgflow.client.client import Client
from cgflow.drivers.qsd.home.state_dir import StateDir

READY_S = 180


class Served:
    """``cgflow serve`` with a state directory; ``log`` collects the output of all its processes."""

    def __init__(self, state_dir: Path, *, backend: str = "qsd", options: tuple[str, ...] = ()) -> None:
        self.state_dir = state_dir
        self.log = state_dir.with_name(f"{state_dir.name}.log")
        self._command = [
            *(str(Path(sys.executable).with_name("cgflow")), "serve", "--state-dir", str(state_dir)),
            *("--backend", backend, *options),
        ]
        self._bind = "127.0.0.1:0"
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    @property
    def process(self) -> subprocess.Popen[str]:
        """The running process."""
        assert self._process is not None, "not started"
        return self._process

    def start(self) -> str:
        """Start it, on a free port the first time and on the same port later; return its ready line."""
        log = self.log.open("a")
        self._process = subprocess.Popen(
            [*self._command, "--bind", self._bind], stdout=subprocess.PIPE, stderr=log, text=True
        )
        log.close()
        assert self._process.stdout is not None
        # Without the timer, a process that hangs before it is ready would block for ever.
        timer = threading.Timer(READY_S, self._process.kill)
        timer.start()
        ready = self._process.stdout.readline().strip()
        timer.cancel()
        if " serves on http://" not in ready:
            raise AssertionError(f"the service did not start: {ready}\n{self.log.read_text()[-4000:]}")
        self.url = ready.split(" serves on ")[1].split()[0]
        self._bind = self.url.removeprefix("http://")
        return ready

    def kill(self) -> None:
        """End it with SIGKILL, as in a crash."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def wait_killed(self) -> None:
        """Wait until a drill has killed it."""
        assert self.process.wait(60) == -signal.SIGKILL, "the service should have been killed by the drill"

    def stop(self) -> int:
        """End it with SIGTERM and return its exit code."""
        self.process.terminate()
        return self.process.wait(60)

    def client(self, project: str = "demo") -> Client:
        """Return a client for a project."""
        return Client(self.url, project, "admin")

    def drill(self, *faults: dict[str, object]) -> None:
        """Schedule faults; without arguments, none."""
        path = self.state_dir / "faults.json"
        aside = path.with_suffix(".new")
        aside.write_text(json.dumps(list(faults)))
        aside.rename(path)

    def end(self) -> None:
        """End the service if it runs, and every file and storage daemon that it left serving."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        for folder in self.state_dir.glob("*/files"):
            files = StateDir(folder.parent).mounts
            for name in files.wanted_exports():
                files.remove(name)
        for manifest in self.state_dir.glob("qsd/homes/*/manifest.json"):
            end_daemon(manifest.parent)


def end_daemon(home: Path) -> None:
    """End the storage daemon of one home by the pid in the daemon's own pid file."""
    for pidfile in home.glob("*.pid"):
        pid = int(pidfile.read_text().strip() or 0)
        command = Path(f"/proc/{pid}/cmdline")
        if pid and command.exists() and str(home).encode() in command.read_bytes():
            os.kill(pid, signal.SIGKILL)
