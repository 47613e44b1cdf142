"""Serve keystone until killed; run by the Python of its own environment. The first output line is its URL."""

from __future__ import annotations

import waitress
from keystone.server.wsgi import initialize_public_application

# One thread: SQLite refuses a transaction that has read before another one wrote ("database is locked").
server = waitress.create_server(initialize_public_application(), host="127.0.0.1", port=0, threads=1)
print(f"http://127.0.0.1:{server.effective_port}/v3", flush=True)
server.run()
