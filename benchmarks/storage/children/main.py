"""The main loop of a child: it reads a call per line and prints a result per line.

Run as ``python -I main.py MODULE``. The interpreter is the one that has the module's dependencies,
not necessarily cgflow's. A child therefore imports only the standard library, the files in this
folder, and the two dependency-free modules that ``reach`` and ``load`` import.
"""

import importlib
import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))


def main() -> None:
    """Execute calls until the input ends."""
    calls = importlib.import_module(sys.argv[1]).Calls()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            said = {"value": getattr(calls, request["call"])(**request["args"])}
        except Exception as error:  # noqa: BLE001 - returned to the caller
            said = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(said), flush=True)


main()
