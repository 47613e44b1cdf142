"""Runs commands of the clients without starting an interpreter for each: loads them once, forks for each run.

The interpreter of the clients' own environment starts it. A line of JSON on its input is a run,
``{"words": [...], "environ": {...}}``; a line on its output is the result. The command is the
installed one: the function of its entry point, called as its script would.
"""

import json
import os
import sys
import tempfile
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

COMMANDS = ("cinder", "openstack")
# The modules that the commands import when they run, loaded only once.
LOADED = (
    "cinderclient.v3.shell",
    "cinderclient.v3.client",
    "keystoneauth1.loading",
    "openstackclient.volume.client",
)


def main() -> None:
    """Serve runs until the end of the input."""
    mains = {
        found.name: found.load() for found in entry_points(group="console_scripts") if found.name in COMMANDS
    }
    for name in LOADED:
        import_module(name)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(ran(mains[Path(asked["words"][0]).name], asked)), flush=True)


def ran(main, asked):
    """Run a command in a child process, with the requested environment only."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        child = os.fork()
        if child == 0:
            os._exit(run(main, asked, said, complained))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        told = []
        for stream in (said, complained):
            stream.seek(0)
            told.append(stream.read().decode())
    return {"code": code, "said": told[0], "complained": told[1]}


def run(main, asked, said, complained):
    """Run the command in this process; return its exit code."""
    for number, stream in ((1, said), (2, complained)):
        os.dup2(stream.fileno(), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(asked["environ"])
    sys.argv = asked["words"]
    try:
        code = main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - printed as an interpreter prints it
        sys.excepthook(*sys.exc_info())
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return int(code or 0)


main()
