"""The loop of a child: a line asks for a call, a line answers it. Run as ``python -I main.py MODULE``.

The interpreter is the one that has what the module needs, and need not be ours:
a child imports nothing but the standard library, what lies beside it, and those
two modules of cgflow that stand alone (``reach``, ``load``).
"""

import importlib
import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))


def main() -> None:
    """Answer until nobody asks any more."""
    calls = importlib.import_module(sys.argv[1]).Calls()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            said = {"value": getattr(calls, request["call"])(**request["args"])}
        except Exception as error:  # noqa: BLE001 - told to who asked
            said = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(said), flush=True)


main()
